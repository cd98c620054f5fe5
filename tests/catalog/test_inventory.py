"""Stock by location: Shopify's inventory CSV in its three forms."""

from decimal import Decimal
from pathlib import Path

import pytest

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox.catalog import (
    CatalogRow,
    InventoryImport,
    InventoryRow,
    generate,
    read_catalog,
    read_inventory,
    stock_by_sku,
    write_inventory_csv,
)

CURRENT = (
    "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,SKU,"
    "HS Code,COO,Location,Bin name,"
    "Incoming (not editable),Unavailable (not editable),Committed (not editable),"
    "Available (not editable),On hand (current),On hand (new)\n"
)


def opened(tmp_path: Path, content: str) -> InventoryImport:
    path = tmp_path / "inventory.csv"
    path.write_text(content, "utf-8")
    return read_inventory(path)


def test_the_current_form(tmp_path: Path) -> None:
    imported = opened(
        tmp_path,
        CURRENT
        + "shirt,Shirt,Size,M,,,,,TS-1,6109,PT,Berlin,A1,5,1,2,7,10,\n"
        + "shirt,Shirt,Size,M,,,,,TS-1,6109,PT,Paris,,,0,0,3,3,8\n"
        + "shirt,Shirt,Size,M,,,,,TS-1,6109,PT,Rome,,not stocked,not stocked,not stocked,,Not Stocked,\n"
        + "shirt,Shirt,Size,M,,,,,TS-1,,,Oslo,,,,,,,\n"
        + "shirt,Shirt,Size,M,,,,,TS-1,,,Bern,,0,0,0,x,-4,y\n",
    )
    rows = list(imported)
    assert rows[0] == InventoryRow(
        sku="TS-1", location="Berlin", on_hand=10, available=7, committed=2, unavailable=1, incoming=5,
        handle="shirt", title="Shirt", options={"Size": "M"}, hs_code="6109", coo="PT", bin_name="A1",
    )  # fmt: skip
    assert [(row.location, row.on_hand, row.stocked) for row in rows] == [
        ("Berlin", 10, True),
        ("Paris", 8, True),
        ("Rome", None, False),
    ]
    report = imported.report
    assert (report.rows, report.products, report.skipped_rows, report.problem_rows) == (5, 3, 1, 1)
    assert [(s.code, s.line) for s in report.skipped] == [("no_quantity", 5)]
    assert [(p.line, p.column, p.value) for p in report.problems] == [
        (6, "Available (not editable)", "x"),
        (6, "On hand (new)", "y"),
    ]
    assert report.balanced
    assert stock_by_sku(rows) == {"TS-1": {"Berlin": 10, "Paris": 8}}


def test_the_classic_form_and_one_without_on_hand(tmp_path: Path) -> None:
    classic = opened(
        tmp_path, "Handle,SKU,Location,Incoming,Unavailable,Committed,Available,On hand\nh,s,L,1,2,3,4,9\n"
    )
    assert [(row.on_hand, row.available, row.incoming) for row in classic] == [(9, 4, 1)]
    available = opened(tmp_path, "Handle,SKU,Location,Unavailable,Committed,Available\nh,s,L,2,3,4\n")
    assert [row.on_hand for row in available] == [9]


def test_the_oldest_form_has_a_column_for_each_location(tmp_path: Path) -> None:
    imported = opened(
        tmp_path,
        "Handle,Title,Option1 Name,Option1 Value,SKU,Main St,Île\n"
        "h,T,Title,Default Title,s,5,not stocked\nh,T,,,t,,x\n",
    )
    assert [(row.sku, row.location, row.on_hand, row.options) for row in imported] == [
        ("s", "Main St", 5, {}),
        ("s", "Île", None, {}),
    ]
    assert [(p.line, p.column) for p in imported.report.problems] == [(3, "Île")]


def test_a_product_without_an_sku_has_the_one_its_product_file_gets(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("Handle,Title,Option1 Name,Option1 Value,Variant Price\nh,T,Size,M,1\n")
    (product,) = read_catalog(tmp_path / "p.csv")
    (row,) = opened(tmp_path, CURRENT + "h,T,Size,M,,,,,,,,L,,,,,,4,\n")
    assert row.sku == product.sku


@pytest.mark.parametrize("dialect", ["current", "classic"])
def test_rows_come_back(tmp_path: Path, dialect: str) -> None:
    rows = [
        InventoryRow(
            sku=sku, location=location, on_hand=count, available=count, committed=count, unavailable=count,
            incoming=count, handle=text, title=text, options={"Size": text} if text else {}, hs_code=text,
            bin_name=None, coo=text,
        )
        for sku in ("00042", "=1+1", "'007", "ü")
        for location, count in (('Main, "Warehouse"', 5), ("@Rome", -3), ("L", None))
        for text in ("plain", "=cmd", "a\r\nb", None)
    ]  # fmt: skip
    path = tmp_path / "out.csv"
    assert write_inventory_csv(rows, path, dialect=dialect) == len(rows)  # type: ignore[arg-type]
    imported = read_inventory(path)
    assert list(imported) == rows
    assert imported.report.balanced


@pytest.mark.parametrize("dialect", ["current", "classic", "columns"])
def test_a_catalogs_stock_comes_back(tmp_path: Path, dialect: str) -> None:
    path = tmp_path / "out.csv.gz"
    names = {"warehouse_1": "Main Warehouse", "store_front": "Retail Store"}
    written = write_inventory_csv(generate(60), path, dialect=dialect, locations=names)  # type: ignore[arg-type]
    assert written == (60 if dialect == "columns" else 120)
    stock = stock_by_sku(read_inventory(path))
    for record in generate(60):
        levels = record["levels"]
        assert isinstance(levels, dict)
        assert stock[str(record["sku"])] == {names[key]: count for key, count in levels.items()}


def test_a_product_without_levels_is_at_the_first_location(tmp_path: Path) -> None:
    row = CatalogRow(sku="s", title="T", price=Decimal(1), inventory_quantity=4)
    write_inventory_csv([row], tmp_path / "a.csv")
    write_inventory_csv([row.to_record()], tmp_path / "b.csv", locations={"w": "Depot"})
    assert stock_by_sku(read_inventory(tmp_path / "a.csv")) == {"s": {"Main Warehouse": 4}}
    assert stock_by_sku(read_inventory(tmp_path / "b.csv")) == {"s": {"Depot": 4}}


@pytest.mark.parametrize(
    "content",
    ["", "Handle,Title\na,b\n", "Location,On hand\nL,4\n", "SKU,Location\ns,L\n"],
)
def test_files_that_are_no_inventory(tmp_path: Path, content: str) -> None:
    with pytest.raises(InvalidInputError):
        opened(tmp_path, content)


def test_records_that_name_nothing(tmp_path: Path) -> None:
    imported = opened(tmp_path, "SKU,Handle,Location,On hand\n,,L,4\ns,,,4\ns,,L,4,5\nt,,L,4\n")
    assert [row.sku for row in imported] == ["t"]
    assert [(p.code, p.line) for p in imported.report.problems] == [
        ("no_identity", 2),
        ("no_location", 3),
        ("ragged", 4),
    ]


@pytest.mark.shared
def test_real_stock_of_five_stores_through_a_mapping(shared: Path) -> None:
    imported = read_inventory(
        shared / "data" / "catalogs" / "sunrise" / "inventory-stores-eu.csv",
        mapping={"location": "supplyChannel", "on_hand": "quantityOnStock"},
    )
    stock = stock_by_sku(imported)
    assert (imported.report.rows, imported.report.products, len(stock)) == (510, 510, 102)
    assert all(len(levels) == 5 for levels in stock.values())
    assert stock["M0E20000000F1YP"]["sunrise-store-berlin"] == 556
