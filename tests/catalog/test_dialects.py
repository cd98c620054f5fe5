"""What people's product files look like: one trait at a time."""

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox.catalog import CatalogImport, CatalogRow, ImportReport, read_catalog

HEADER = (
    "Handle,Title,Vendor,Tags,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty\n"
)


class Opened:
    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "products.csv"

    def __call__(self, content: str | bytes) -> CatalogImport:
        self.path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_catalog(self.path)


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return Opened(tmp_path)


def read(imported: CatalogImport) -> tuple[list[CatalogRow], ImportReport]:
    rows = list(imported)
    report = imported.report
    assert report.balanced
    assert report.products == len(rows)
    return rows, report


def codes(report: ImportReport) -> set[str]:
    return set(report.counts)


def test_the_current_template(opened: Opened) -> None:
    header = (
        "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,"
        "SKU,Barcode,Option1 name,Option1 value,Option1 Linked To,Price,Compare-at price,Cost per item,"
        "Charge tax,"
        "Inventory tracker,Inventory quantity,Continue selling when out of stock,Weight value (grams),"
        "Product image URL,SEO title,Color (product.metafields.shopify.color-pattern),"
        "Google Shopping / Manufacturer part number (MPN)\n"
    )
    cells = (
        'Mug,mug,<p>Blue</p>,Acme,"Home > Mugs",Mugs,"a, b",TRUE,Draft,m-1,012345678905,Size,L,x,9.5,12,3.25,'
        "TRUE,shopify,7,deny,350,https://x/1.jpg,Seo,blue,MPN-1\n"
    )
    (row,), report = read(opened(header + cells))
    assert row.to_record() == {
        "sku": "m-1",
        "title": "Mug",
        "handle": "mug",
        "vendor": "Acme",
        "product_type": "Mugs",
        "category": "Home > Mugs",
        "status": "draft",
        "tags": ["a", "b"],
        "price": Decimal("9.5"),
        "compare_at_price": Decimal(12),
        "cost": Decimal("3.25"),
        "inventory_quantity": 7,
        "options": {"Size": "L"},
        "barcode": "012345678905",
        "custom_fields": {},
        "extra": {
            "description": "<p>Blue</p>",
            "Option1 Linked To": "x",
            "taxable": "TRUE",
            "inventory_tracker": "shopify",
            "inventory_policy": "deny",
            "weight_grams": "350",
            "image_src": "https://x/1.jpg",
            "seo_title": "Seo",
            "Color (product.metafields.shopify.color-pattern)": "blue",
            "google_mpn": "MPN-1",
            # Published, and yet a draft: both are kept.
            "published": "TRUE",
        },
    }
    assert report.problems == report.skipped == report.notes == []


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_line_ends_and_delimiters(opened: Opened, newline: str, delimiter: str) -> None:
    lines = [
        "Handle,Title,Body (HTML),Variant SKU,Variant Price".replace(",", delimiter),
        f'a,A,"one{newline}two {delimiter} ""three""",s-1,1.50'.replace(",", delimiter),
        "",
        "b,B,,s-2,2".replace(",", delimiter),
    ]
    rows, report = read(opened(newline.join(lines)))
    assert [(row.sku, row.price) for row in rows] == [("s-1", Decimal("1.50")), ("s-2", Decimal(2))]
    assert rows[0].extra["description"] == f'one{newline}two {delimiter} "three"'
    assert report.delimiter == delimiter


def test_excels_separator_line(opened: Opened) -> None:
    rows, report = read(opened("sep=;\r\nHandle;Title;Variant Price\r\na;A;1,50\r\nb;B;x\r\n"))
    assert rows[0].price == Decimal("1.50")
    assert report.problems[0].line == 4


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(opened: Opened, encoding: str) -> None:
    rows, report = read(opened((HEADER + "m,Müsli 日本 😀,Ø,,,,s,1.00,1\n").encode(encoding)))
    assert (rows[0].title, rows[0].vendor) == ("Müsli 日本 😀", "Ø")
    assert report.encoding == encoding
    assert report.notes == []


def test_utf_16_with_the_other_byte_order_and_its_mark(opened: Opened) -> None:
    rows, report = read(opened(b"\xfe\xff" + (HEADER + "m,Müsli,,,,,s,1,1\n").encode("utf-16-be")))
    assert rows[0].title == "Müsli"
    assert report.encoding == "utf-16"


def test_windows_1252_is_read_and_reported(opened: Opened) -> None:
    content = HEADER.encode() + "a,Café €5,,,,,s-1,1,1\n".encode("cp1252") + "b,Müsli,,,,,s-2,1,1\n".encode()
    rows, report = read(opened(content))
    # Each line on its own: the good one stays good.
    assert [row.title for row in rows] == ["Café €5", "Müsli"]
    assert report.encoding == "cp1252"
    assert [(note.code, note.line) for note in report.notes] == [("cp1252", 2)]


def test_text_that_was_damaged_before_is_reported(opened: Opened) -> None:
    rows, report = read(opened(HEADER + "a,Caf\ufffd,,,,,s-1,1,1\n"))
    assert rows[0].title == "Caf\ufffd"
    assert [(note.code, note.line) for note in report.notes] == [("replaced", 2)]
    assert report.encoding == "utf-8"


def test_product_metafields_are_inherited_and_variant_metafields_are_not(opened: Opened) -> None:
    header = (
        "Handle,Title,SKU,Price,Fit (product.metafields.custom.fit),Cut (variant.metafields.custom.cut)\n"
    )
    _, second = read(opened(header + "a,A,s-1,1,slim,x\na,,s-2,1,,\n"))[0]
    assert second.extra == {"Fit (product.metafields.custom.fit)": "slim"}


def test_nul_bytes_are_left_out_and_reported(opened: Opened) -> None:
    rows, report = read(opened((HEADER + "a,A\x00B,,,,,s\x00-1,1,1\n").encode() + b"\x00" * 500))
    assert [(row.title, row.sku) for row in rows] == [("AB", "s-1")]
    assert [(note.code, note.line) for note in report.notes] == [("nul", 2)]


def test_barcodes_keep_their_zeros_and_lose_the_apostrophe(opened: Opened) -> None:
    rows, report = read(
        opened(
            "Handle,Title,SKU,Barcode,Price\n"
            "a,'90s Jeans,'00042,'00123,1\nb,B,ab,00123,1\nc,C,AB,8.85E+12,1\n"
        )
    )
    assert [row.barcode for row in rows] == ["00123", "00123", "8.85E+12"]
    assert [row.sku for row in rows] == ["00042", "ab", "AB"]
    # An apostrophe that belongs to a text stays.
    assert rows[0].title == "'90s Jeans"
    assert [(note.code, note.line, note.column) for note in report.notes] == [
        ("ruined_barcode", 4, "Barcode")
    ]


def test_rows_of_one_handle_need_not_be_neighbours(opened: Opened) -> None:
    rows, _ = read(
        opened(
            HEADER
            + "b,,,,,Blue,b-2,2,0\n"  # before its head
            + "a,Apple,Acme,x,Size,S,a-1,1,1\n"
            + 'b,Berry,Beta,"y, z",Color,Red,b-1,2,0\n'
            + "a,,,,,M,a-2,1,1\n"
        )
    )
    assert [(r.sku, r.title, r.vendor, r.tags, r.options) for r in rows] == [
        ("b-2", "Berry", "Beta", ["y", "z"], {"Color": "Blue"}),
        ("a-1", "Apple", "Acme", ["x"], {"Size": "S"}),
        ("b-1", "Berry", "Beta", ["y", "z"], {"Color": "Red"}),
        ("a-2", "Apple", "Acme", ["x"], {"Size": "M"}),
    ]


def test_a_handle_without_any_title(opened: Opened) -> None:
    rows, report = read(opened(HEADER + "lonely,,,,,,s,1,0\n"))
    assert rows[0].title == "lonely"
    assert codes(report) == {"generated_title"}


def test_duplicate_skus_are_kept_and_reported(opened: Opened) -> None:
    rows, report = read(opened(HEADER + "a,A,,,,,s,1,0\nb,B,,,,,S,1,0\nc,C,,,,,s,2,0\nd,D,,,,,s,3,0\n"))
    assert [row.sku for row in rows] == ["s", "S", "s", "s"]
    assert report.duplicate_skus == {"s": [4, 5]}
    assert report.counts["duplicate_sku"] == 2


def test_generated_skus_are_stable_and_collide_with_none(opened: Opened) -> None:
    body = "a-b,T,,,X,c,,1,0\na,T,,,X,b-c,,1,0\na,T,,,X,b-c,,1,0\n"
    rows, report = read(opened(HEADER + body))
    first = [row.sku for row in rows]
    assert len(set(first)) == 3
    assert report.generated_skus == dict(zip(first, (2, 3, 4), strict=True))
    # In another order among other products: the same ones again.
    rows, _ = read(opened(HEADER + "z,Z,,,,,,1,0\n" + "\n".join(reversed(body.splitlines()))))
    assert {row.sku for row in rows} > set(first)
    # A product that has such an SKU of its own, even further down, keeps it.
    rows, report = read(opened(HEADER + f"a-b,T,,,X,c,,1,0\nq,Q,,,,,{first[0]},1,0\n"))
    assert rows[1].sku == first[0]
    assert rows[0].sku == first[0] + "-2"
    assert report.duplicate_skus == {}


def test_a_row_without_a_price_is_skipped_with_the_reason(opened: Opened) -> None:
    rows, report = read(opened(HEADER + "a,A,,,,,s-1,,5\n,,,,,,,,\na,,,,,M,s-2,3,5\n"))
    assert [(row.sku, row.title) for row in rows] == [("s-2", "A")]
    assert [(s.code, s.line, s.column) for s in report.skipped] == [
        ("no_price", 2, "Variant Price"),
        ("blank", 3, None),
    ]


def test_image_rows_and_images_of_nothing(opened: Opened) -> None:
    rows, report = read(
        opened(
            "Handle,Title,Variant SKU,Variant Price,Image Src,Image Position,Image Alt Text\n"
            "a,,,,https://x/0.jpg,9,\n"
            "a,A,s-1,1,https://x/1.jpg,1,\n"
            'a,,,,https://x/2.jpg,2,"=alt"\n'
            "b,,,,https://x/3.jpg,1,\n"
        )
    )
    assert rows[0].extra["images"] == [
        {"image_src": "https://x/0.jpg", "image_position": "9"},
        {"image_src": "https://x/2.jpg", "image_position": "2", "image_alt_text": "=alt"},
    ]
    assert report.image_rows == 2
    assert [(s.code, s.line) for s in report.skipped] == [("image_without_product", 5)]


def test_images_of_a_row_that_cannot_be_read_go_to_the_next_one(opened: Opened) -> None:
    rows, report = read(
        opened(
            "Handle,Title,Variant SKU,Variant Price,Image Src\n"
            "a,A,s-1,cheap,https://x/1.jpg\n"
            "a,,,,https://x/2.jpg\n"
            "a,,s-2,1,\n"
        )
    )
    assert [(row.sku, row.title, row.extra) for row in rows] == [
        ("s-2", "A", {"images": [{"image_src": "https://x/2.jpg"}]})
    ]
    assert (report.problem_rows, report.image_rows) == (1, 1)


@pytest.mark.parametrize(
    ("text", "price", "code"),
    [
        ("19.99", "19.99", None),
        ("0.0121", "0.0121", None),
        ("200.00", "200.00", None),
        ("50", "50", None),
        (".5", ".5", None),
        ("1.21E-2", "0.0121", None),
        ("19,99", "19.99", "decimal_comma"),
        ("0,0121", "0.0121", "decimal_comma"),
        ("1,234.50", "1234.50", "thousands_separator"),
        ("1.234,50", "1234.50", "thousands_separator"),
        ("1,234,567", "1234567", "thousands_separator"),
        ("12,34,567.5", "1234567.5", "thousands_separator"),
        ("1 234,50", "1234.50", "decimal_comma"),
        ("1\u00a0234.50", "1234.50", "thousands_separator"),
        ("1'234.50", "1234.50", "thousands_separator"),
        ("$19.99", "19.99", "currency_sign"),
        ("19.99 EUR", "19.99", "currency_sign"),
        ("'19.99", "19.99", "currency_sign"),
    ],
)
def test_prices(opened: Opened, text: str, price: str, code: str | None) -> None:
    rows, report = read(opened(f"Handle\tTitle\tSKU\tPrice\na\tA\ts\t{text}\n"))
    assert str(rows[0].price) == str(Decimal(price))
    assert codes(report) == ({code} if code else set())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("free", "bad_number"),
        ("-1.00", "negative"),
        ("NaN", "bad_number"),
        ("Infinity", "bad_number"),
        ("1e999", "bad_number"),
        ("1,23,4.5", "bad_number"),
        ("12.34.56", "bad_number"),
        ("1,234", "ambiguous_number"),
        ("\uff11\uff12", "bad_number"),
        ("0x10", "bad_number"),
        ("9" * 400, "bad_number"),
    ],
)
def test_prices_that_are_none(opened: Opened, text: str, code: str) -> None:
    rows, report = read(opened(f"Handle\tTitle\tSKU\tPrice\na\tA\ts\t{text}\nb\tB\tt\t1\n"))
    assert [row.sku for row in rows] == ["t"]
    (problem,) = report.problems
    assert (problem.code, problem.line, problem.column) == (code, 2, "Price")
    assert problem.value == (text if len(text) < 200 else text[:200] + "…")
    assert str(problem).startswith(f"{opened.path}:2, column 'Price': ")


def test_the_rest_of_the_file_tells_what_a_comma_is(opened: Opened) -> None:
    comma, _ = read(opened("Handle;Title;SKU;Price\na;A;s;1,234\nb;B;t;1.234\nc;C;u;9,5\n"))
    assert [row.price for row in comma] == [Decimal("1.234"), Decimal(1234), Decimal("9.5")]
    dot, _ = read(opened("Handle;Title;SKU;Price\na;A;s;1,234\nb;B;t;1.234\nc;C;u;9.5\n"))
    assert [row.price for row in dot] == [Decimal(1234), Decimal("1.234"), Decimal("9.5")]
    both, report = read(opened("Handle;Title;SKU;Price\na;A;s;1,234\nb;B;t;9,5\nc;C;u;9.5\n"))
    assert [row.sku for row in both] == ["t", "u"]
    assert report.problems[0].code == "ambiguous_number"


@pytest.mark.parametrize(
    ("text", "quantity"), [("7", 7), ("-3", -3), ("", 0), ("5.0", 5), ("1,234", 1234), ("\u22122", -2)]
)
def test_quantities(opened: Opened, text: str, quantity: int) -> None:
    (row,), _ = read(opened(f"Handle\tTitle\tSKU\tPrice\tInventory quantity\na\tA\ts\t1\t{text}\n"))
    assert row.inventory_quantity == quantity


@pytest.mark.parametrize("text", ["5.5", "many", "1e3", "9" * 30, "1,2"])
def test_quantities_that_are_none(opened: Opened, text: str) -> None:
    _, report = read(opened(f"Handle\tTitle\tSKU\tPrice\tInventory quantity\na\tA\ts\t1\t{text}\n"))
    assert [problem.column for problem in report.problems] == ["Inventory quantity"]


def test_all_faults_of_a_row_are_named_and_it_counts_once(opened: Opened) -> None:
    rows, report = read(opened("Handle,Title,SKU,Price,Cost per item,Status\na,A,s,x,y,asleep\n"))
    assert rows == []
    assert [(p.column, p.value) for p in report.problems] == [
        ("Price", "x"),
        ("Cost per item", "y"),
        ("Status", "asleep"),
    ]
    assert report.problem_rows == 1


@pytest.mark.parametrize(
    ("header", "cells", "status"),
    [
        ("Published", "true", "active"),
        ("Published", "FALSE", "draft"),
        ("Published", "", "active"),
        ("Status", "ARCHIVED", "archived"),
        ("Status", "unlisted", "active"),
        ("Published,Status", "FALSE,active", "active"),
        ("Vendor", "x", "active"),
    ],
)
def test_status(opened: Opened, header: str, cells: str, status: str) -> None:
    (row,), _ = read(opened(f"Handle,Title,SKU,Price,{header}\na,A,s,1,{cells}\n"))
    assert row.status == status


def test_ragged_rows(opened: Opened) -> None:
    rows, report = read(
        opened(HEADER + "a,A,,,,,s-1,1\nb,B,,,,,s-2,1,1,extra\nc,C,,,,,s-3,1,1,\nd,D,,,,,s-4,1,1\n")
    )
    assert [row.sku for row in rows] == ["s-1", "s-4"]
    assert [(note.code, note.line) for note in report.notes] == [("short_row", 2)]
    assert [(p.code, p.line, p.value) for p in report.problems] == [("ragged", 3, "extra"), ("ragged", 4, "")]


def test_a_lost_quote_costs_one_row(opened: Opened) -> None:
    rows, report = read(
        opened(
            HEADER
            + 'a,"5" pipe",,,,,s-1,1,1\n'
            + "b,B,,,,,s-2,1,1\n"
            + 'c,"never closed,,,,,s-3,1,1\n'
            + 'd,"D ""quoted""\nover lines",,,,,s-4,1,1\n'
            + 'e,5" pipe,,,,,s-5,1,1\n'
            + 'f,"F" ,,,,,s-6,1,1\n'
        )
    )
    assert [(row.sku, row.title) for row in rows] == [
        ("s-2", "B"),
        ("s-4", 'D "quoted"\nover lines'),
        ("s-5", '5" pipe'),
        ("s-6", "F"),
    ]
    assert [(p.code, p.line, p.column) for p in report.problems] == [
        ("malformed", 2, "Title"),
        ("malformed", 4, "Title"),
    ]


def test_lines_are_physical_lines(opened: Opened) -> None:
    _, report = read(opened(HEADER + 'a,"A\r\nB\rC\nD",,,,,s,1,1\n\n\nb,B,,,,,t,x,1\n'))
    assert report.problems[0].line == 8


def test_cells_over_the_csv_modules_limit(opened: Opened) -> None:
    body = "<p>" + "x" * 300_000 + "\n" * 5
    (row,), _ = read(opened(f'Handle,Title,Body (HTML),SKU,Price\na,A,"{body}",s,1\n'))
    assert row.extra["description"] == body


def test_a_repeated_header_is_no_product(opened: Opened) -> None:
    rows, report = read(opened(HEADER + "a,A,,,,,s-1,1,1\n" + HEADER + "b,B,,,,,s-2,1,1\n"))
    assert [row.sku for row in rows] == ["s-1", "s-2"]
    assert [(s.code, s.line) for s in report.skipped] == [("header", 3)]


def test_columns_nobody_knows_are_kept(opened: Opened) -> None:
    (row,), report = read(
        opened("Handle,Title,SKU,Price,Variant Price,id,My Column,My Column,,=cmd\na,A,s,1,2,77,x,y,z,w\n")
    )
    assert row.price == Decimal(1)
    assert row.extra == {
        "Variant Price": "2",
        "source_id": "77",
        "My Column": "x",
        "My Column #2": "y",
        "Column 9": "z",
        "=cmd": "w",
    }
    assert [(note.code, note.column) for note in report.notes] == [("duplicate_column", "Variant Price")]


def test_gzip_whatever_the_name(opened: Opened) -> None:
    rows, _ = read(opened(gzip.compress((HEADER + "a,A,,,,,s,1,1\n").encode())))
    assert [row.sku for row in rows] == ["s"]


def test_a_gzip_file_that_breaks_off(opened: Opened) -> None:
    body = "".join(f"h{n},T{n},,,,,s{n},{n}.{n % 97:02d},1\n" for n in range(30_000))
    packed = gzip.compress((HEADER + body).encode())
    rows, report = read(opened(packed[: len(packed) // 2]))
    assert 1000 < len(rows) < 30_000
    assert [problem.code for problem in report.problems] == ["broken_file"]
    assert report.problems[0].line >= len(rows)


def test_tags_with_commas_of_their_own(opened: Opened) -> None:
    (row,), _ = read(opened('Handle,Title,SKU,Price,Tags\na,A,s,1," red,, ""a, b"" ,""x"" y"\n'))
    assert row.tags == ["red", "a, b", '"x" y']


def test_another_shops_csv_through_a_mapping(opened: Opened) -> None:
    opened.path.write_text("product_no;name;list;on_shelf;Colour\nx-1;Lamp;12,50;4;red\nx-2;;3,00;0;blue\n")
    imported = read_catalog(
        opened.path,
        mapping={
            "sku": ["article", "product_no"],
            "title": "name",
            "price": "list",
            "inventory_quantity": "on_shelf",
        },
    )
    rows, _ = read(imported)
    assert [(r.sku, r.title, r.price, r.inventory_quantity, r.extra) for r in rows] == [
        ("x-1", "Lamp", Decimal("12.50"), 4, {"Colour": "red"}),
        ("x-2", "x-2", Decimal("3.00"), 0, {"Colour": "blue"}),
    ]


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"prize": "list"}, "prize, which no catalog row has"),
        ({"price": "list", "sku": "SKU no."}, "no column 'SKU no.'"),
    ],
)
def test_a_mapping_with_a_mistake(opened: Opened, mapping: dict[str, str], says: str) -> None:
    opened.path.write_text("product_no;list\nx;1\n")
    with pytest.raises(InvalidInputError, match=says):
        read_catalog(opened.path, mapping=mapping)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "holds no records"),
        ("\n\n", "holds no records"),
        ("Handle,Title,Tags\na,A,x\n", "no column with a price"),
        ("Price,Tags\n1,x\n", "no column with an SKU, handle or title"),
        ("<html><body>404</body></html>", "no column with a price"),
    ],
)
def test_files_that_are_no_catalog(opened: Opened, content: str, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        opened(content)


def test_a_name_that_says_nothing(tmp_path: Path) -> None:
    csv, jsonl, other = tmp_path / "a", tmp_path / "b", tmp_path / "c.xml"
    csv.write_text(HEADER + "a,A,,,,,s,1,1\n")
    jsonl.write_text('{"sku": "s", "title": "T", "price": 1}\n')
    other.write_text("<products/>")
    assert read_catalog(csv).format == "shopify-csv"
    assert read_catalog(jsonl).format == "jsonl"
    with pytest.raises(InvalidInputError, match="neither CSV nor JSON Lines"):
        read_catalog(other)
    with pytest.raises(FileNotFoundError):
        read_catalog(tmp_path / "nothing.csv")


def test_the_report_needs_no_loop_and_reading_can_be_repeated(opened: Opened) -> None:
    imported = opened(HEADER + "a,A,,,,,s,1,1\nb,B,,,,,t,x,1\n")
    assert str(imported.report) == f"{opened.path}: 2 records, 1 products, 1 unreadable"
    assert [row.sku for row in imported.rows] == [row.sku for row in imported.rows] == ["s"]


def test_complaints_do_not_fill_the_memory(opened: Opened) -> None:
    _, report = read(opened("Handle,Title,SKU,Price\n" + "a,A,s,x\n" * 10_050))
    assert (len(report.problems), report.problem_rows, report.counts["bad_number"]) == (
        10_000,
        10_050,
        10_050,
    )
    assert report.truncated
