"""The demo catalog: the same everywhere, of any size, with what the documentation looks for."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice

import pytest

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox.catalog import CatalogRow, generate, product_analytics


def test_one_seed_one_catalog() -> None:
    assert list(generate(300, 1)) == list(generate(300, 1))
    assert list(generate(300, 1)) != list(generate(300, 2))


def test_a_small_catalog_is_the_beginning_of_a_large_one() -> None:
    large = list(generate(500))
    for count in (0, 1, 2, 10, 100):
        assert list(generate(count)) == large[:count]


def test_another_process_makes_the_same_catalog() -> None:
    """Nothing hangs on the hash seed."""
    code = (
        "import json; from bulkeditor.sandbox.catalog import generate;"
        "print(json.dumps(list(generate(60, analytics=True)), default=str))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert json.loads(outputs.pop()) == json.loads(
        json.dumps(list(generate(60, analytics=True)), default=str)
    )


def test_it_streams() -> None:
    assert len(list(islice(generate(10**12), 5))) == 5


def test_the_first_rows_are_what_the_documentation_names() -> None:
    first, second, third = generate(3)
    assert (first["id"], second["id"]) == ("product_id_1", "product_id_2")
    # A third product: the documented update names both ids and this SKU in one call.
    assert third["sku"] == "TS-1"
    for row in (first, second, third):
        assert (row["vendor"], row["product_type"]) == ("Premium Brand", "T-Shirt")


def test_even_twenty_rows_hold_every_trait() -> None:
    rows = [CatalogRow.from_record(record) for record in generate(20)]
    assert any("discontinued" in row.tags for row in rows)
    assert any(row.inventory_quantity < 10 for row in rows)
    assert any(row.cost is None for row in rows)
    assert any(row.compare_at_price is not None for row in rows)
    assert any(row.price == Decimal("0.0121") for row in rows)
    assert any(row.sku.startswith("0") for row in rows)
    assert any((row.barcode or "").startswith("0") for row in rows)
    assert {row.status for row in rows} == {"active", "draft", "archived"}
    assert len({row.handle for row in rows}) < 20


@pytest.mark.parametrize("seed", [7, 8])
def test_a_believable_catalog(seed: int) -> None:
    rows = [CatalogRow.from_record(record) for record in generate(8000, seed)]

    def share(count: int) -> float:
        return count / len(rows)

    assert len({row.sku for row in rows}) == len({row.id for row in rows}) == len(rows)
    assert 0.03 < share(sum((r.vendor, r.product_type) == ("Premium Brand", "T-Shirt") for r in rows)) < 0.07
    assert 0.03 < share(sum("discontinued" in row.tags for row in rows)) < 0.09
    assert 0.04 < share(sum(row.inventory_quantity < 10 for row in rows)) < 0.15
    assert 0.05 < share(sum(row.cost is None for row in rows)) < 0.2
    assert 0.1 < share(sum(row.compare_at_price is not None for row in rows)) < 0.3
    places = [row.price.as_tuple().exponent for row in rows if row.price is not None]
    assert set(places) == {-2, -4}
    assert 0.02 < share(places.count(-4)) < 0.15
    for row in rows:
        assert row.price is not None
        assert row.price > 0
        assert row.cost is None or 0 <= row.cost < row.price
        assert row.compare_at_price is None or row.compare_at_price > row.price
        assert row.levels is not None
        assert row.inventory_quantity == sum(row.levels.values())
        assert row.levels.keys() == {"warehouse_1", "store_front"}
        assert len(row.title) >= 3
        assert row.created_at is not None
        assert row.created_at > datetime(2024, 1, 1, tzinfo=UTC)
    variants: dict[tuple[str | None, tuple[str, ...]], str] = {}
    for row in rows:
        assert variants.setdefault((row.handle, tuple(row.options.values())), row.sku) == row.sku


def test_barcodes_have_a_valid_check_digit() -> None:
    codes = [str(record["barcode"]) for record in generate(500) if record["barcode"]]
    for code in codes:
        digits = [int(digit) for digit in code.zfill(13)]
        assert (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0, code
    assert len(codes) > 300


def test_analytics_hang_on_the_sku_alone() -> None:
    figures = {record["sku"]: record["analytics"] for record in generate(200, analytics=True)}
    for row in figures.values():
        assert isinstance(row, Mapping)
        assert 0 <= row["conversions"] <= row["sessions"] <= row["pageviews"]
    assert len({json.dumps(row) for row in figures.values()}) > 50
    day = date(2024, 5, 1)
    assert product_analytics("TS-1", day) == product_analytics("TS-1", day)
    assert product_analytics("TS-1", day, seed=1) != product_analytics("TS-1", day, seed=2)
    assert all("analytics" not in record for record in generate(3))


def test_a_negative_count() -> None:
    with pytest.raises(InvalidInputError, match="count is -1"):
        generate(-1)


@pytest.mark.slow
def test_a_large_catalog_has_no_sku_twice() -> None:
    assert len({str(record["sku"]) for record in generate(291_140)}) == 291_140
