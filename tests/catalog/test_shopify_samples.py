"""The five real product files: counted by hand, then read."""

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from bulkeditor.sandbox.catalog import CatalogRow, read_catalog, write_jsonl, write_products_csv

pytestmark = pytest.mark.shared

# name: records, products, image-only rows, generated SKUs
COUNTED = {
    "gatsby-starter-products": (300, 300, 0, 100),
    "packt-product-data": (21, 21, 0, 21),
    "shopifypartners-apparel": (22, 22, 0, 22),
    "shopifypartners-home-and-garden": (21, 21, 0, 21),
    "shopifypartners-jewelery": (41, 23, 18, 23),
}


@pytest.fixture(params=COUNTED)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sample(shared: Path, name: str) -> Path:
    return shared / "data" / "shopify-csv" / f"{name}.csv"


def test_every_record_is_accounted_for(sample: Path, name: str) -> None:
    imported = read_catalog(sample)
    rows = list(imported.rows)
    report = imported.report
    records, products, images, generated = COUNTED[name]
    assert (report.rows, report.products, report.image_rows) == (records, products, images)
    assert len(rows) == products
    assert len(report.generated_skus) == generated
    assert (report.skipped, report.problems, report.duplicate_skus) == ([], [], {})
    assert report.balanced
    assert (report.delimiter, report.encoding) == (",", "utf-8")
    assert len({row.sku for row in rows}) == products


def test_the_five_files_hold_405_records(shared: Path) -> None:
    reports = [read_catalog(path).report for path in sorted((shared / "data" / "shopify-csv").glob("*.csv"))]
    assert sum(report.rows for report in reports) == 405
    assert sum(report.products + report.image_rows for report in reports) == 405


def test_prices_stock_and_text_are_those_of_the_csv_module(sample: Path) -> None:
    with sample.open(newline="", encoding="utf-8-sig") as file:
        table = [{key.lower(): cell for key, cell in record.items()} for record in csv.DictReader(file)]
    sold = [record for record in table if record["variant price"]]
    stock = "variant inventory qty" if "variant inventory qty" in table[0] else "variant inventory quantity"
    rows = list(read_catalog(sample))
    assert [str(row.price) for row in rows] == [record["variant price"] for record in sold]
    assert [row.inventory_quantity for row in rows] == [int(record[stock]) for record in sold]
    assert [row.handle for row in rows] == [record["handle"] for record in sold]
    bodies = {record["handle"]: record.get("body (html)") or record.get("body") for record in reversed(table)}
    first = {row.handle: row.extra.get("description") for row in reversed(rows)}
    assert first == {handle: body or None for handle, body in bodies.items()}


def test_what_is_read_is_written_and_read_again(sample: Path, tmp_path: Path) -> None:
    rows = list(read_catalog(sample))
    for dialect in ("current", "classic"):
        for formula_guard in (True, False):
            path = tmp_path / "out.csv"
            assert write_products_csv(rows, path, dialect=dialect, formula_guard=formula_guard) == len(rows)  # type: ignore[arg-type]
            again = read_catalog(path)
            assert list(again) == rows
            assert again.report.balanced
            assert again.report.generated_skus == {}
    write_jsonl(rows, tmp_path / "out.jsonl")
    assert list(read_catalog(tmp_path / "out.jsonl")) == rows


def test_generated_skus_are_the_same_next_time(sample: Path) -> None:
    assert [row.sku for row in read_catalog(sample)] == [row.sku for row in read_catalog(sample)]


def _rows(shared: Path, name: str) -> list[CatalogRow]:
    return list(read_catalog(shared / "data" / "shopify-csv" / f"{name}.csv"))


def test_variants_inherit_from_their_handles_first_row(shared: Path) -> None:
    small, medium, large = [
        r for r in _rows(shared, "shopifypartners-apparel") if r.handle == "classic-varsity-top"
    ]
    assert [r.options for r in (small, medium, large)] == [{"Size": s} for s in ("Small", "Medium", "Large")]
    for row in (medium, large):
        assert (row.title, row.vendor, row.tags) == ("Classic Varsity Top", "partners-demo", ["women"])
        assert row.status == "active"
        assert row.extra["description"] == small.extra["description"]
        # The image belongs to the first row; the others have none of their own.
        assert "image_src" not in row.extra


def test_default_title_is_no_option(shared: Path) -> None:
    counted = Counter(len(row.options) for row in _rows(shared, "packt-product-data"))
    assert counted == {0: 19, 1: 2}


def test_image_rows_are_kept_with_the_row_before_them(shared: Path) -> None:
    rows = _rows(shared, "shopifypartners-jewelery")
    crane = [row for row in rows if row.handle == "origami-crane-necklace"]
    assert len(crane) == 1
    images = crane[0].extra["images"]
    assert isinstance(images, list)
    assert [image["image_position"] for image in images if isinstance(image, dict)] == ["2", "3", "4"]
    kept = sum(len(images) for row in rows if isinstance(images := row.extra.get("images"), list))
    assert kept == 18


def test_the_generated_files_spelling_is_understood(shared: Path) -> None:
    first, plum = _rows(shared, "gatsby-starter-products")[:2]
    assert first.sku == "fantastic-bronze-lamp-jade-" + first.sku[-10:]
    assert plum.sku == "fantastic-bronze-lamp-plum"
    assert (plum.price, plum.inventory_quantity, plum.product_type) == (Decimal("20.03"), 45, "Garden")
    assert plum.tags == ["Outdoors", "Beauty", "Computers"]
    assert first.extra["fulfillment_service"] == "manual"
    assert first.extra["google_mpn"] == "53-7506784"


def test_a_handle_that_two_products_share(shared: Path) -> None:
    """The faker used one handle twice: the second row with a title is the head of the rows after it."""
    pants = [r for r in _rows(shared, "gatsby-starter-products") if r.handle == "mediocre-concrete-pants"]
    assert [r.vendor for r in pants] == ["Schmitt, Russel and Brown"] * 3 + ["Stracke-Flatley"] * 3
    cerise = [r.sku for r in pants if r.options == {"Color": "cerise"}]
    assert cerise[1] == cerise[0] + "-2"
