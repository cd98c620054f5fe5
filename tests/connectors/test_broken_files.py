"""Files and tables that are not what they say, and values that they cannot hold."""

import re
import sqlite3
import zipfile
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import bulkeditor as be
from bulkeditor.connectors import Bookmark, Change, CSVFile, ExcelFile, SQLTable, from_config

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("sqlalchemy")


def outcomes(connector, *changes):
    with connector.open() as session:
        return [(outcome.change.key, outcome.status) for outcome in session.write(changes)]


def title(key, value):
    return Change(key=key, values={"title": value})


# CSV -------------------------------------------------------------------------------------------------------


def csv_file(tmp_path, text, **settings):
    path = tmp_path / "erp.csv"
    path.write_bytes(text.encode(settings.get("encoding", "utf-8")))
    return CSVFile(path, **settings)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-7"])
def test_a_byte_order_mark_stands_once_in_a_file_that_was_written(tmp_path, encoding):
    file = csv_file(tmp_path, "sku,title\r\na,x\r\nb,y\r\n", encoding=encoding, append=True)
    assert outcomes(file, title("b", "é"), title("n", "new")) == [("b", "updated"), ("n", "created")]
    text = (tmp_path / "erp.csv").read_bytes().decode(encoding)
    assert text == "sku,title\r\na,x\r\nb,é\r\nn,new\r\n"


@pytest.mark.parametrize("rest", ['b,"2\nc,3\nd,4\n', 'b,"2\nc,3\nd,"4"\n'])
def test_a_quote_that_is_not_closed_swallows_no_rows_without_a_word(tmp_path, rest):
    with csv_file(tmp_path, "sku,title\na,1\n" + rest).open() as session:
        found = list(session.read(known=["a", "b", "c", "d"]))
        assert [(record.key, record.deleted) for record in found] == [("a", False)]
        assert [letter.raw for letter in session.dead_letters] == [["a quote is not closed"]]


def test_a_cell_of_several_lines_is_a_cell(tmp_path):
    with csv_file(tmp_path, 'sku,title\na,"one\n""two"""\nb,5" disk\n').open() as session:
        assert [record["title"] for record in session.read()] == ['one\n"two"', '5" disk']


def test_a_row_that_is_cut_off_does_not_empty_the_fields_that_it_lacks(tmp_path):
    with csv_file(tmp_path, "sku,title,price\na\nb,y,\n").open() as session:
        first, second = session.read()
        assert (first.values, second.values) == ({"sku": "a"}, {"sku": "b", "title": "y", "price": None})


def test_pages_of_equal_rows_are_no_circle(tmp_path):
    with csv_file(tmp_path, "sku,title\n" + "a,x\n" * 6).open() as session:
        assert [record.key for record in session.read(page_size=2)] == ["a"]
        assert session.ledger.balanced


def test_what_an_encoding_cannot_hold_keeps_no_other_row(tmp_path):
    file = csv_file(tmp_path, "sku,title\na,x\nb,y\n", encoding="cp1252")
    changes = [title("a", "\u6f22"), title("b", "ok")]
    assert outcomes(file, *changes) == [
        ("a", "dead_lettered"),
        ("b", "updated"),
    ]
    assert (tmp_path / "erp.csv").read_text() == "sku,title\na,x\nb,ok\n"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"key": "id"}, "no column 'id'"),
        ({"cursor": "changed"}, "no column 'changed'"),
        ({"delimiter": ",,"}, "is one character"),
    ],
)
def test_a_column_that_is_not_there_is_named(tmp_path, settings, problem):
    file = csv_file(tmp_path, "sku,title\na,x\n", **settings)
    with pytest.raises(be.ConfigurationError, match=problem), file.open() as session:
        list(session.read())


# Excel -----------------------------------------------------------------------------------------------------


def workbook(tmp_path, *rows, merge=None):
    path = tmp_path / "erp.xlsx"
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if merge:
        book.active.merge_cells(merge)
    book.save(path)
    return path


@pytest.mark.parametrize("size", ["A1", "A1:A2", "A1:B2"])
def test_a_sheet_that_says_that_it_is_smaller_is_read_whole(tmp_path, size):
    path = workbook(tmp_path, ["sku", "title"], ["a", "x"], ["b", "y"], ["c", "z"])
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = re.sub(rb'<dimension ref="[^"]*"', f'<dimension ref="{size}"'.encode(), parts[sheet])
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    with ExcelFile(path).open() as session:
        found = {record.key: record.get("title") for record in session.read(known=["a", "b", "c"])}
    assert found == {"a": "x", "b": "y", "c": "z"}


def test_an_error_in_a_cell_is_neither_a_key_nor_a_text(tmp_path):
    path = workbook(tmp_path, ["sku", "title"], ["#N/A", "x"], ["b", "#REF!"])
    with ExcelFile(path).open() as session:
        (record,) = session.read()
        assert (record.values, [p.field for p in record.problems]) == ({"sku": "b"}, ["title"])
        assert [letter.code for letter in session.dead_letters] == ["bad_key"]
    assert outcomes(ExcelFile(path), title("b", "mended")) == [("b", "updated")]


@pytest.mark.parametrize("value", ["a\x01b", "a" * 40_000])
def test_what_a_workbook_cannot_hold_keeps_no_other_row(tmp_path, value):
    path = workbook(tmp_path, ["sku", "title"], ["a", "x"], ["b", "y"])
    changes = [title("a", value), title("b", "ok")]
    assert outcomes(ExcelFile(path), *changes) == [("a", "dead_lettered"), ("b", "updated")]


def test_a_part_of_a_merged_cell_keeps_no_other_row(tmp_path):
    path = workbook(tmp_path, ["sku", "title"], ["a", "x"], ["b", None], merge="B2:B3")
    changes = [title("a", "both"), title("b", "mine")]
    assert outcomes(ExcelFile(path), *changes) == [("a", "updated"), ("b", "dead_lettered")]


# SQL -------------------------------------------------------------------------------------------------------


def table(tmp_path, script, **settings):
    path = tmp_path / "erp.db"
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return SQLTable(f"sqlite:///{path}", table="items", **settings)


def rows(tmp_path):
    connection = sqlite3.connect(tmp_path / "erp.db")
    found = connection.execute("SELECT * FROM items").fetchall()
    connection.close()
    return found


def test_a_difference_to_nothing_is_not_told_as_written(tmp_path):
    items = table(
        tmp_path,
        "CREATE TABLE items (sku TEXT PRIMARY KEY, inventory_quantity INT);"
        "INSERT INTO items VALUES ('a', NULL), ('b', 5)",
    )
    moves = [Change(key=key, delta={"inventory_quantity": -2}) for key in "ab"]
    assert outcomes(items, *moves) == [("a", "conflicted"), ("b", "updated")]
    assert rows(tmp_path) == [("a", None), ("b", 3)]


def test_a_key_with_leading_zeros_is_no_number(tmp_path):
    items = table(
        tmp_path,
        "CREATE TABLE items (sku INTEGER PRIMARY KEY, title TEXT); INSERT INTO items VALUES (7, 'x')",
    )
    changes = [title("007", "1"), title("7.0", "2"), title("7", "3")]
    assert outcomes(items, *changes) == [("007", "skipped"), ("7.0", "skipped"), ("7", "updated")]
    assert rows(tmp_path) == [(7, "3")]


def test_a_number_that_no_column_holds_keeps_no_other_row(tmp_path):
    items = table(
        tmp_path,
        "CREATE TABLE items (sku TEXT PRIMARY KEY, inventory_quantity INT);"
        "INSERT INTO items VALUES ('a', 1), ('b', 2)",
    )
    changes = [
        Change(key=key, values={"inventory_quantity": value}) for key, value in (("a", 10**30), ("b", 3))
    ]
    assert outcomes(items, *changes) == [("a", "dead_lettered"), ("b", "updated")]


def test_times_are_written(tmp_path):
    items = table(
        tmp_path,
        "CREATE TABLE items (sku TEXT PRIMARY KEY, changed TIMESTAMP); INSERT INTO items VALUES ('a', NULL)",
    )
    at = datetime(2026, 2, 2, 12, tzinfo=UTC)
    assert outcomes(items, Change(key="a", values={"changed": at})) == [("a", "updated")]
    with items.open() as session:
        assert [record["changed"] for record in session.read()] == [at]


@pytest.mark.parametrize(
    ("kind", "values"), [("DATE", ("2026-01-01", "2026-01-02")), ("REAL", (1.5, 2.25)), ("INT", (1, 2))]
)
def test_a_bookmark_of_any_cursor_can_be_kept(tmp_path, kind, values):
    first, second = map(repr, values)
    items = table(
        tmp_path,
        f"CREATE TABLE items (sku TEXT PRIMARY KEY, at {kind});"
        f"INSERT INTO items VALUES ('a', {first}), ('b', {second})",
        cursor="at",
    )
    with items.open() as session:
        assert [record.key for record in session.read()] == ["a", "b"]
        mark = Bookmark.from_json(session.bookmark.to_json())
        assert [record.key for record in session.read(since=mark, page_size=1)] == []


def test_a_text_is_not_compared_with_a_time(tmp_path):
    items = table(
        tmp_path,
        "CREATE TABLE items (sku TEXT PRIMARY KEY, at TEXT); INSERT INTO items VALUES ('a', '2026-01-02')",
        cursor="at",
    )
    with items.open() as session:
        with pytest.raises(be.InvalidInputError, match="is a text"):
            list(session.read(since=datetime(2026, 1, 2, tzinfo=UTC)))
        assert [record.key for record in session.read(since="2026-01")] == ["a"]


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@h:port/x", "nonsense"])
def test_an_url_that_is_none_is_refused_without_its_password(url):
    with (
        pytest.raises(be.ConfigurationError, match="cannot be used") as caught,
        SQLTable(url, table="items").open() as session,
    ):
        list(session.read())
    assert "hunter2" not in str(caught.value)


# Configurations --------------------------------------------------------------------------------------------

NONSENSE = (None, 5, True, [], {}, [None], {"a": None}, Decimal("NaN"), "\ud800", 10**30)


@pytest.mark.parametrize("setting", ["columns", "decimal", "zone", "path", "sync_fields", "batch_size"])
@pytest.mark.parametrize("value", NONSENSE, ids=ascii)
def test_a_setting_of_the_wrong_kind_is_an_error_of_ours_or_works(setting, value):
    problem = None
    try:
        assert from_config({"integration": "csv", "path": "x.csv", setting: value}).config_hash()
    except be.InvalidInputError as error:
        problem = str(error)
    assert problem is None or setting in problem


@pytest.mark.parametrize("config", [None, 5, [], "csv"])
def test_what_is_no_configuration_is_named(config):
    with pytest.raises(be.InvalidInputError, match="A configuration is an object"):
        from_config(config)


def test_keys_that_are_no_texts_are_unknown_keys():
    with pytest.raises(be.InvalidInputError, match="5: there is no such key"):
        from_config({"integration": "csv", "path": "x.csv", 5: 1})
