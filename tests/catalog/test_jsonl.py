"""JSON Lines: our records, and others' through a mapping."""

import gzip
import json
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest

from bulkeditor.sandbox.catalog import read_catalog, write_products_csv


def write(path: Path, *lines: object) -> Path:
    path.write_text(
        "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), "utf-8"
    )
    return path


def test_the_least_a_record_needs(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"sku": "00042", "title": "T"}, {"title": "Only a title"}, {"sku": 42})
    imported = read_catalog(path)
    rows = list(imported)
    assert [(r.sku, r.title, r.price, r.inventory_quantity) for r in rows] == [
        ("00042", "T", None, 0),
        (rows[1].sku, "Only a title", None, 0),
        ("42", "42", None, 0),
    ]
    assert rows[1].sku.startswith("only-a-title-")
    assert imported.report.generated_skus == {rows[1].sku: 2}
    assert imported.report.balanced


def test_money_keeps_every_decimal(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", '{"sku":"a","title":"A","price":0.0121,"cost":"12.40","compare_at_price":10.00}'
    )
    (row,) = read_catalog(path)
    assert [str(v) for v in (row.price, row.cost, row.compare_at_price)] == ["0.0121", "12.40", "10.00"]


def test_stock_by_location_and_fields_nobody_knows(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        {
            "sku": "a",
            "title": "A",
            "levels": {"x": 3, "y": -1},
            "updated_at": "2024",
            "image_src": "u",
            "rank": 0.5,
        },
    )
    (row,) = read_catalog(path)
    assert (row.levels, row.inventory_quantity) == ({"x": 3, "y": -1}, 2)
    assert row.extra == {"image_src": "u", "rank": Decimal("0.5")}


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '"text"',
        "null",
        "nonsense",
        '{"sku":"x","title":"T"} trailing',
        '{"sku":"\\ud800","title":"T"}',
        "[" * 100_000,
        '{"sku":{},"title":"T"}',
        '{"sku":"x","title":"T","price":"cheap"}',
        '{"sku":"x","title":"T","price":-1}',
        '{"sku":"x","title":"T","price":1e999}',
        '{"sku":"x","title":"T","price":NaN}',
        '{"sku":"x","title":"T","price":[]' + ',"inventory_quantity":1.5}',
        '{"sku":"x","title":"T","status":"asleep"}',
        '{"sku":"x","title":"T","tags":7}',
        '{"sku":"x","title":"T","created_at":"2024-01-01T00:00:00"}',
        "{}",
    ],
)
def test_a_line_that_cannot_be_read_costs_one_row(tmp_path: Path, line: str) -> None:
    imported = read_catalog(
        write(tmp_path / "a.jsonl", {"sku": "a", "title": "A"}, "", line, {"sku": "b", "title": "B"})
    )
    assert [row.sku for row in imported] == ["a", "b"]
    report = imported.report
    assert (report.rows, report.products, report.problem_rows) == (3, 2, 1)
    assert {problem.line for problem in report.problems} == {3}


@pytest.mark.shared
def test_published_json_vectors_crash_nothing(shared: Path, tmp_path: Path) -> None:
    vectors = sorted((shared / "data" / "vectors" / "json-parsing").glob("*.json"))
    assert len(vectors) > 100
    for vector in vectors:
        path = tmp_path / "v.jsonl"
        path.write_bytes(
            b'{"sku":"first","title":"A"}\n' + vector.read_bytes() + b'\n{"sku":"last","title":"Z"}\n'
        )
        imported = read_catalog(path)
        skus = [row.sku for row in imported]
        assert skus[0] == "first"
        assert skus[-1] == "last"
        assert imported.report.balanced


def test_a_mapping(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl.x",
        {
            "code": "x-1",
            "names": {"en": "Lamp"},
            "offers": [{"price": "1.5"}],
            "on_shelf": 3,
            "colour": "red",
        },
        {"code": "x-2", "names": {"en": ""}, "mpn": "M2", "offers": [], "on_shelf": "4"},
    )
    imported = read_catalog(
        path,
        format="jsonl",
        mapping={
            "sku": "code",
            "title": ("names.en", "mpn"),
            "price": "offers.0.price",
            "inventory_quantity": "on_shelf",
        },
    )
    first, second = imported
    assert (first.sku, first.title, first.price, first.inventory_quantity) == (
        "x-1",
        "Lamp",
        Decimal("1.5"),
        3,
    )
    assert first.extra == {"colour": "red", "names": {"en": "Lamp"}, "offers": [{"price": "1.5"}]}
    assert (second.title, second.price, second.inventory_quantity) == ("M2", None, 4)
    assert [(n.code, n.line, n.value) for n in imported.report.notes] == [
        ("generated_title", 2, "M2"),
        ("no_price", 2, "x-2"),
    ]


def test_gzip_that_breaks_off(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(b'{"sku":"%d","title":"T%d"}\n' % (n, n * 7919) for n in range(20_000)))
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(packed[:-4000])
    imported = read_catalog(path)
    assert 0 < len(list(imported)) < 20_000
    assert [problem.code for problem in imported.report.problems] == ["broken_file"]
    assert imported.report.balanced


@pytest.mark.shared
def test_the_head_of_a_real_parts_list(shared: Path, tmp_path: Path) -> None:
    head = tmp_path / "parts.jsonl"
    with gzip.open(shared / "data" / "catalogs" / "jlcparts" / "parts.jsonl.gz") as parts:
        head.write_bytes(b"".join(next(parts) for _ in range(2000)))
    imported = read_catalog(head)
    rows = list(imported)
    assert (rows[0].sku, rows[0].price, rows[0].inventory_quantity) == ("C70884", Decimal("1.3274"), 4723)
    assert rows[0].category == "Amplifiers/Comparators"
    assert rows[0].extra["mpn"] == "OPA1602AIDR"
    # All the breaks are kept too.
    assert rows[0].extra["source_price"][0] == [1, 9, Decimal("1.3274")]  # type: ignore[index]
    write_products_csv(rows, tmp_path / "parts.csv")
    assert list(read_catalog(tmp_path / "parts.csv")) == rows


@pytest.mark.shared
@pytest.mark.slow
def test_the_whole_parts_list_in_little_memory(shared: Path) -> None:
    imported = read_catalog(shared / "data" / "catalogs" / "jlcparts" / "parts.jsonl.gz")
    tracemalloc.start()
    try:
        unpriced = [row.sku for row in imported.rows if row.price is None]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    report = imported.report
    assert (report.rows, report.products, report.problem_rows, report.skipped_rows) == (
        291_140,
        291_140,
        0,
        0,
    )
    assert unpriced == ["C7503163"]
    assert report.counts == {"generated_title": 40_220, "no_price": 1}
    assert report.duplicate_skus == {}
    # The SKUs, by which duplicates are found, and ten thousand remarks; the list itself would be over 600 MB.
    assert peak < 60_000_000
