"""What is written is what is read: any text, every dialect."""

import csv
import json
import string
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox.catalog import CatalogRow, generate, read_catalog, write_jsonl, write_products_csv

# CSV leaves NUL out, and no file holds half a character.
NASTY = st.one_of(
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12),
    st.text("'\"=+-@,;\t\r\n |\\0aé\uff1d", max_size=6),
    st.sampled_from(
        [
            "Default Title",
            "Title",
            "'title",
            "TRUE",
            "'",
            "''",
            "'=1",
            "-",
            "1e5",
            "null",
            " x ",
            "a, b",
            "#REF!",
        ]
    ),
)
FILLED = NASTY.filter(lambda text: text.strip() != "")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | NASTY,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(NASTY, children, max_size=3),
    max_leaves=5,
)
MONEY = (
    st.decimals(0, 10**9, places=4, allow_nan=False).map(Decimal.normalize).map(lambda d: Decimal(f"{d:f}"))
)
IMAGE = st.dictionaries(st.sampled_from(["image_position", "image_alt_text"]), FILLED).flatmap(
    lambda rest: FILLED.map(lambda src: {"image_src": src, **rest})
)
KNOWN = ["description", "seo_title", "weight_grams", "image_src", "google_mpn", "variant_image", "published"]
FIELDS = {*CatalogRow(sku="a", title="A").to_record(), "id", "created_at", "levels", "extra", "updated_at"}
# "images" is a list of images, or nothing that a reader of images understands.
EXTRA = st.dictionaries(
    st.one_of(st.sampled_from(KNOWN), NASTY), FILLED | JSON.filter(lambda v: v != ""), max_size=4
).flatmap(
    lambda extra: st.lists(IMAGE, max_size=2).map(
        lambda images: {**extra, "images": images} if images else extra
    )
)
ROW = st.builds(
    CatalogRow,
    sku=FILLED,
    # Few handles, titles and vendors, so that variants agree and disagree with their first row.
    title=st.sampled_from(["Tee", "Cup"]) | FILLED,
    handle=st.sampled_from(["shirt", "mug", "=handle"]) | st.none() | NASTY,
    vendor=st.sampled_from(["Acme", "Beta"]) | st.none() | NASTY,
    product_type=st.none() | NASTY,
    category=st.none() | NASTY,
    status=st.sampled_from(["active", "draft", "archived"]),
    tags=st.lists(NASTY, max_size=3),
    price=st.none() | MONEY,
    compare_at_price=st.none() | MONEY,
    cost=st.none() | MONEY,
    inventory_quantity=st.integers(-(10**9), 10**9),
    options=st.dictionaries(NASTY, NASTY, max_size=4),
    barcode=st.none() | NASTY | st.text(string.digits, max_size=14),
    custom_fields=st.dictionaries(NASTY, JSON, max_size=2),
    extra=EXTRA,
    id=st.none() | FILLED,
    created_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    levels=st.none() | st.dictionaries(NASTY, st.integers(-1000, 1000), max_size=2),
)


def csv_round_trip(rows: list[CatalogRow], folder: Path, **options: object) -> list[CatalogRow]:
    path = folder / "out.csv"
    assert write_products_csv(rows, path, **options) == len(rows)  # type: ignore[arg-type]
    imported = read_catalog(path)
    again = list(imported)
    assert imported.report.balanced
    assert (imported.report.problems, imported.report.skipped) == ([], [])
    return again


@given(
    rows=st.lists(ROW, max_size=5),
    dialect=st.sampled_from(["current", "classic"]),
    formula_guard=st.booleans(),
    bom=st.booleans(),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
def test_csv(rows: list[CatalogRow], **options: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert csv_round_trip(rows, Path(folder), **options) == rows


@given(rows=st.lists(ROW, max_size=5), suffix=st.sampled_from(["", ".gz"]))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
def test_jsonl(rows: list[CatalogRow], suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"out.jsonl{suffix}"
        assert write_jsonl(rows, path) == len(rows)
        imported = read_catalog(path)
        assert list(imported) == rows
        assert imported.report.balanced


@given(row=ROW)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
def test_records(row: CatalogRow) -> None:
    assert CatalogRow.from_record(row.to_record()) == row
    # A record may also carry its further fields flat, as the API does.
    flat = {k: v for k, v in row.to_record().items() if k != "extra"}
    flat |= {k: v for k, v in row.extra.items() if k not in FIELDS and v not in (None, "")}
    kept = {k: v for k, v in row.extra.items() if k not in FIELDS and v not in (None, "")}
    assert CatalogRow.from_record(flat).extra == kept


@pytest.mark.shared
@pytest.mark.parametrize("formula_guard", [True, False])
def test_naughty_strings_everywhere(shared: Path, tmp_path: Path, formula_guard: bool) -> None:
    strings = json.loads((shared / "data" / "vectors" / "naughty-strings" / "blns.json").read_text("utf-8"))
    assert len(strings) > 200
    rows = [
        CatalogRow(
            sku=f"{text}·{number}",
            title=text if text.strip() else "blank",
            handle=text,
            vendor=text,
            product_type=text,
            tags=[text, "x"] if number % 2 else [text],
            price=Decimal(number) / 100,
            options={text: text},
            barcode=text,
            custom_fields={text: text},
            extra={"description": text, "Shelf": text} if text else {},
            inventory_quantity=number,
        )
        for number, text in enumerate(strings)
    ]
    assert csv_round_trip(rows, tmp_path, formula_guard=formula_guard) == rows
    # Each once more, so that every variant of a handle leaves something out.
    assert csv_round_trip(rows + rows, tmp_path, formula_guard=formula_guard) == rows + rows
    write_jsonl(rows, tmp_path / "out.jsonl")
    assert list(read_catalog(tmp_path / "out.jsonl")) == rows


def test_no_cell_begins_as_a_formula_does(tmp_path: Path) -> None:
    evil = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\uff1d1",
        "'=1",
        "=cmd|' /C calc'!A0",
    ]
    rows = [
        CatalogRow(
            sku=text, title=text, handle=text, vendor=text, tags=[text], options={text: text}, barcode=text,
            price=Decimal(1), extra={"description": text, text: text}, custom_fields={text: text},
        )
        for text in evil
    ]  # fmt: skip
    path = tmp_path / "out.csv"
    write_products_csv(rows, path)
    with path.open(newline="", encoding="utf-8") as file:
        cells = [cell for record in csv.reader(file) for cell in record]
    assert not [cell for cell in cells if cell.lstrip(" ")[:1] in set("=+-@\uff1d\t\r\n") - {""} and cell]
    assert list(read_catalog(path)) == rows
    write_products_csv(rows, path, formula_guard=False)
    assert b"\r\n=1+1," in path.read_bytes()


def test_numbers_are_no_formulas(tmp_path: Path) -> None:
    row = CatalogRow(
        sku="a", title="A", price=Decimal("0.0121"), inventory_quantity=-5, barcode="0012345678905"
    )
    path = tmp_path / "out.csv"
    write_products_csv([row], path)
    with path.open(newline="", encoding="utf-8") as file:
        (cells,) = csv.DictReader(file)
    assert (cells["Price"], cells["Inventory quantity"]) == ("0.0121", "-5")
    # As Shopify writes it, so that a spreadsheet keeps the zeros.
    assert cells["Barcode"] == "'0012345678905"
    assert (cells["Option1 name"], cells["Option1 value"]) == ("Title", "Default Title")


def test_the_headers_are_shopifys(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_products_csv([], path)
    assert path.read_text().startswith(
        "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on"
    )
    assert (
        "Option1 name,Option1 value,Option2 name,Option2 value,Option3 name,Option3 value,Price,Compare-at"
        in path.read_text()
    )
    write_products_csv([], path, dialect="classic")
    assert path.read_text().startswith(
        "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Status"
    )
    assert (
        "Option3 Name,Option3 Value,Variant SKU,Variant Barcode,Variant Price,Variant Compare At"
        in path.read_text()
    )


def test_variants_leave_out_what_they_share(tmp_path: Path) -> None:
    shared = {"handle": "h", "title": "T", "vendor": "V", "price": Decimal(1), "extra": {"description": "D"}}
    rows = [
        CatalogRow(sku="1", options={"Size": "S"}, tags=["x"], **shared),  # type: ignore[arg-type]
        CatalogRow(sku="2", options={"Size": "M"}, tags=[], **shared),  # type: ignore[arg-type]
    ]
    path = tmp_path / "out.csv"
    write_products_csv(rows, path)
    with path.open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert [first[c] for c in ("Title", "Vendor", "Description", "Tags", "Option1 name")] == [
        "T",
        "V",
        "D",
        "x",
        "Size",
    ]
    assert [second[c] for c in ("Title", "Vendor", "Description", "Tags", "Option1 name")] == [
        "",
        "",
        "",
        "'",
        "",
    ]
    assert list(read_catalog(path)) == rows


def test_a_row_with_a_title_of_its_own_is_what_the_next_ones_inherit_from(tmp_path: Path) -> None:
    rows = [
        CatalogRow(sku=str(number), handle="h", title=title, vendor=vendor, tags=tags, price=Decimal(1))
        for number, (title, vendor, tags) in enumerate(
            [
                ("A", "V", ["x"]),
                ("B", "W", []),
                ("B", "V", ["x"]),
                ("B", None, []),
                ("A", "V", []),
                ("A", "W", ["x"]),
            ]
        )
    ]
    assert csv_round_trip(rows, tmp_path) == rows


def test_the_generated_catalog_survives_both_formats(tmp_path: Path) -> None:
    rows = [CatalogRow.from_record(record) for record in generate(400)]
    assert csv_round_trip(rows, tmp_path) == rows
    assert csv_round_trip(rows, tmp_path, dialect="classic") == rows
    write_jsonl(generate(400), tmp_path / "out.jsonl.gz")
    assert list(read_catalog(tmp_path / "out.jsonl.gz")) == rows


def test_a_failed_export_leaves_the_old_file(tmp_path: Path) -> None:
    good, bad = CatalogRow(sku="a", title="A", price=Decimal(1)), CatalogRow(sku="b", title="half \ud800")
    for name, write in (("out.csv", write_products_csv), ("out.jsonl", write_jsonl)):
        path = tmp_path / name
        write([good], path)
        before = path.read_bytes()
        with pytest.raises(InvalidInputError, match="SKU 'b' holds half a character"):
            write([good, bad], path)
        assert path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.jsonl"]


def test_a_record_that_is_no_row_names_its_fields() -> None:
    with pytest.raises(InvalidInputError) as caught:
        CatalogRow.from_record(
            {
                "sku": ["x"], "title": "T", "price": "x", "cost": True, "tags": 5, "levels": {"a": "1"},
                "created_at": "2024-01-01", "status": "asleep", "inventory_quantity": 1.5, "options": "x",
            }
        )  # fmt: skip
    assert {error.field for error in caught.value.errors} == {
        "sku", "price", "cost", "tags", "levels", "created_at", "status", "inventory_quantity", "options",
    }  # fmt: skip


def test_times_keep_their_instant() -> None:
    row = CatalogRow.from_record({"sku": "a", "title": "A", "created_at": "2024-05-01T12:00:00+02:00"})
    assert row.created_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
