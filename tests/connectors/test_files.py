"""CSV and Excel files: dialects, bad rows, exactness, whole-or-nothing writes, several writers."""

import csv
import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bulkeditor as be
from bulkeditor.connectors import Change, CSVFile, ExcelFile, SQLTable, from_config

GERMAN = {"sku": "Artikel", "price": "Preis", "inventory_quantity": "Bestand", "title": "Name"}


def read(file, **wish):
    with file.open() as session:
        return list(session.read(**wish)), session.ledger, session.dead_letters


def write(file, *changes):
    with file.open() as session:
        outcomes = session.write(changes)
        assert session.written.balanced
    return [(outcome.status, outcome.code) for outcome in outcomes]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "erp.csv"


# --- reading CSV


@pytest.mark.parametrize(
    "load", [CSVFile, lambda path, **more: from_config({"integration": "csv", "path": str(path), **more})]
)
def test_a_mark_between_thousands_is_declared(path, load):
    path.write_text("sku;price\na;1.234,50\nb;1234,5\nc;12.34,5\n")
    (a, b, c), ledger, _ = read(load(path, decimal=",", group="."))
    assert (a["price"], b["price"]) == (Decimal("1234.50"), Decimal("1234.5"))
    assert [problem.field for problem in c.problems] == ["price"]
    assert ledger.balanced
    (a, *_), _, _ = read(load(path, decimal=","))
    assert "declare group='.'" in str(a.problems[0])


def test_a_mark_between_thousands_in_excel(tmp_path):
    book = openpyxl.Workbook()
    for row in (["sku", "price"], ["a", "1'234.50"], ["b", 1234.5]):
        book.active.append(row)
    book.save(tmp_path / "erp.xlsx")
    records, _, _ = read(ExcelFile(tmp_path / "erp.xlsx", group="'"))
    assert [record["price"] for record in records] == [Decimal("1234.50"), Decimal("1234.5")]


def test_a_grouped_amount_is_compared_by_value_and_written_without_the_mark(path):
    path.write_text("sku;price\na;1.234,50\nb;2.000,00\n")
    changes = [Change(key="a", values={"price": Decimal("1234.5")}), Change(key="b", values={"price": 3000})]
    assert write(CSVFile(path, decimal=",", group="."), *changes) == [("unchanged", None), ("updated", None)]
    assert path.read_text() == "sku;price\na;1.234,50\nb;3000\n"


def test_marks_that_cannot_be_told_apart_are_refused(path):
    path.write_text("sku,price\n")
    for group in (".", "0"):
        with pytest.raises(be.ConfigurationError, match="cannot be told from the rest"):
            read(CSVFile(path, group=group))
    with pytest.raises(
        be.ConfigurationError, match=r"columns: 'price' must be the name of a column"
    ) as caught:
        CSVFile(path, columns={"sku": "sku", "price": be.field("price", be.Money(decimal=","))})
    assert "decimal, group and zone" in caught.value.hint


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_dialects(path, mark, end, delimiter):
    rows = ["sku,price,title", '00042,12.50,"a, b"', 'abc,,"two\nlines"']
    text = end.join(rows).replace(",", delimiter).replace(f"a{delimiter} b", f"a{delimiter} b")
    path.write_text(mark + text, encoding="utf-8", newline="")
    records, ledger, _ = read(CSVFile(path))
    assert [record.values for record in records] == [
        {"sku": "00042", "price": Decimal("12.50"), "title": f"a{delimiter} b"},
        {"sku": "abc", "price": None, "title": "two\nlines"},
    ]
    assert ledger.balanced


def test_columns_are_renamed_and_a_decimal_comma_is_declared(path):
    path.write_text("Artikel;Preis;Bestand;Name\n7;1234,50;12,000;Grün\n8;1.5;x;\n", encoding="cp1252")
    file = CSVFile(path, columns=GERMAN, decimal=",", encoding="cp1252")
    (first, second), _, _ = read(file)
    assert first.values == {
        "sku": "7",
        "price": Decimal("1234.50"),
        "inventory_quantity": 12,
        "title": "Grün",
    }
    # A point where a comma is declared may be a thousand times as much: reported, never guessed.
    assert [problem.field for problem in second.problems] == ["price", "inventory_quantity"]


def test_an_undeclared_comma_is_reported(path):
    path.write_text('sku,price\n1,"12,50"\n')
    (record,), _, _ = read(CSVFile(path))
    assert "price" not in record.values
    assert "not declared to be a comma" in record.problems[0].message


def test_bad_rows_are_dead_letters_and_stop_nothing(path):
    path.write_text("sku,price\na,1\n,2\na,3\nb,4,5,6\nc\n\n,\nA,7\n")
    records, ledger, dead = read(CSVFile(path))
    assert [record.key for record in records] == ["a", "c", "A"]
    assert [letter.code for letter in dead] == ["no_key", "duplicate_key", "not_an_object"]
    assert [problem.code for problem in records[-1].problems] == ["case_differs"]
    assert (ledger.read, ledger.emitted, ledger.dead_lettered) == (6, 3, 3)


def test_a_cell_beyond_all_measure_is_one_dead_letter(path):
    path.write_text(f'sku,title\na,"{"x" * 200_000}"\nb,fine\n')
    records, ledger, dead = read(CSVFile(path))
    assert [record.key for record in records][-1] == "b"
    assert len(dead) == 1
    assert ledger.balanced


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no heading"),
        ("\n\n", "has no heading"),
        ("sku,price,sku\n", "names 'sku' more than once"),
    ],
)
def test_headings_that_cannot_work(path, text, problem):
    path.write_text(text)
    with pytest.raises(be.ConfigurationError, match=problem):
        read(CSVFile(path))


def test_files_that_cannot_be_read(path):
    with pytest.raises(be.ConfigurationError, match="No such file"):
        read(CSVFile(path))
    path.write_bytes(b"sku,title\n1,Gr\xfcn\n")
    with pytest.raises(be.ConfigurationError, match=r"byte 0xfc.*\n?.*cp1252"):
        read(CSVFile(path, columns={"sku": "sku"}))
    path.write_text("sku\n1\n")
    with pytest.raises(be.ConfigurationError, match="no column 'Artikel', 'Preis'"):
        read(CSVFile(path, columns=GERMAN))


def test_a_file_that_changed_is_not_read_on(path):
    path.write_text("sku,price\n" + "".join(f"{number},1\n" for number in range(10)))
    with CSVFile(path).open() as session:
        pages = session.pages(page_size=4)
        first = next(pages)
        pages.close()
    path.write_text("sku,price\n" + "".join(f"{number},1\n" for number in range(11)))
    with CSVFile(path).open() as session, pytest.raises(be.PaginationError, match="has changed"):
        list(session.pages(resume=first.resume))


def test_times_without_a_zone_need_one(path):
    path.write_text("sku,changed\na,2026-07-01 12:00\n")
    (record,), _, _ = read(CSVFile(path, cursor="changed"))
    assert record.cursor is None
    assert "no zone" in record.problems[0].message
    (record,), _, _ = read(CSVFile(path, cursor="changed", zone=ZoneInfo("Europe/Berlin")))
    assert record.cursor == datetime(2026, 7, 1, 10, tzinfo=UTC)


def test_a_configuration_names_a_file(path):
    path.write_text("Artikel,Preis\n1,2\n")
    config = {"integration": "csv", "path": str(path), "key": "sku", "columns": {"sku": "Artikel"}}
    file = from_config(config)
    assert [record.key for record in read(file)[0]] == ["1"]
    assert from_config(file.config()).config() == file.config()


def test_a_check_looks_at_the_heading(path):
    path.write_text("sku,price\n")
    with CSVFile(path).open() as session:
        rows = {row.capability: row for row in session.check()}
        assert (rows["read"].ok, rows["read"].detail) == (True, "2 columns: sku, price")
        path.unlink()
        assert {row.capability: row for row in session.check()}["read"].ok is False


# --- writing CSV


def test_rows_that_do_not_change_keep_every_byte(path):
    before = (
        b'\xef\xbb\xbfsku;price;"title"\r\n"00042";"1,5";"a ""b"""\r\n\r\nx;2;"y;z"\r\n;;\r\nlast;3;no end'
    )
    path.write_bytes(before)
    assert write(CSVFile(path, decimal=","), Change(key="x", values={"price": Decimal("2.75")})) == [
        ("updated", None)
    ]
    assert path.read_bytes() == before.replace(b'x;2;"y;z"', b'x;2,75;"y;z"') + b"\r\n"


def test_a_row_of_quotes_stays_one(path):
    path.write_text('"sku","price"\n"1","2"\n')
    write(CSVFile(path), Change(key="1", values={"price": 3}))
    assert path.read_text() == '"sku","price"\n"1","3"\n'


def test_outcomes_of_each_row(path):
    path.write_text("sku,price,title\na,1,x\nb,2,\nb,3,\nc,4,y\n")
    outcomes = write(
        CSVFile(path),
        Change(key="a", values={"price": "1.50", "title": None}),
        Change(key="b", values={"price": 9}),
        Change(key="c", values={"price": 9}, expected={"price": 5}),
        Change(key="d", values={"price": 9}),
        Change(key="c", values={"price": Decimal("4.0")}),
        Change(key="a", values={"price": "not a price"}),
        Change(key="a", values={"colour": "red"}),
        Change(key="c", delete=True),
    )
    assert outcomes == [
        ("updated", None),
        ("dead_lettered", "duplicate_key"),
        ("conflicted", "changed"),
        ("skipped", "not_found"),
        ("unchanged", None),
        ("dead_lettered", "unwritable_value"),
        ("dead_lettered", "unsupported"),
        ("dead_lettered", "unsupported"),
    ]
    assert path.read_text() == "sku,price,title\na,1.50,\nb,2,\nb,3,\nc,4,y\n"


def test_unknown_keys_are_appended_where_that_is_wanted(path):
    path.write_text("sku,price,title\na,1,x")
    assert write(CSVFile(path, append=True), Change(key="00b", values={"title": "=1+1"})) == [
        ("created", None)
    ]
    assert path.read_text() == "sku,price,title\na,1,x\n00b,,'=1+1\n"


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", "\tx", "'=x", "", " ", "a\r\nb", '"', "=cmd|' /C calc'!A0"]
)
def test_texts_that_spreadsheets_run_are_guarded_and_come_back(path, text):
    path.write_text("sku,title\na,x\n")
    write(CSVFile(path), Change(key="a", values={"title": text}))
    with path.open(newline="") as file:
        cell = list(csv.reader(file))[1][1]
    assert not cell.startswith(("=", "+", "-", "@", "\t"))
    assert read(CSVFile(path))[0][0]["title"] == text


@settings(max_examples=50)
@given(
    rows=st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8).filter(
            str.strip
        ),
        st.tuples(
            st.none()
            | st.decimals(
                allow_nan=False, allow_infinity=False, places=2, min_value=-(10**6), max_value=10**6
            ),
            st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
        ),
        max_size=6,
    )
)
def test_whatever_is_written_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "erp.csv"
    path.write_text("sku,price,title\n")
    changes = [
        Change(key=key, values={"price": price, "title": title}) for key, (price, title) in rows.items()
    ]
    assert [status for status, _ in write(CSVFile(path, append=True), *changes)] == ["created"] * len(rows)
    records, ledger, _ = read(CSVFile(path))
    assert {record.key: (record["price"], record["title"]) for record in records} == rows
    assert ledger.balanced


def test_who_may_read_the_file_stays_as_it_was(path):
    path.write_text("sku,price\na,1\n")
    path.chmod(0o640)
    write(CSVFile(path), Change(key="a", values={"price": 2}))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_one(path, tmp_path):
    real = tmp_path / "real.csv"
    real.write_text("sku,price\na,1\n")
    path.symlink_to(real)
    write(CSVFile(path), Change(key="a", values={"price": 2}))
    assert path.is_symlink()
    assert real.read_text() == "sku,price\na,2\n"


WRITER = """
import sys
from decimal import Decimal
from bulkeditor.connectors import CSVFile, Change
path, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with CSVFile(path).open() as session:
    for number in range(first, first + count):
        change = Change(key=f"k{number}", values={"price": Decimal(number) + 1000})
        (outcome,) = session.write([change], look=False)
        assert outcome.status == "updated", outcome
        print(number, flush=True)
"""


def writer(path, first, count):
    command = [sys.executable, "-c", WRITER, str(path), str(first), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_lose_no_update(path):
    path.write_text("sku,price\n" + "".join(f"k{number},{number}\n" for number in range(60)))
    writers = [writer(path, 0, 30), writer(path, 30, 30)]
    for process in writers:
        process.communicate(timeout=60)
    assert [process.returncode for process in writers] == [0, 0]
    assert {record.key: record["price"] for record in read(CSVFile(path))[0]} == {
        f"k{number}": number + 1000 for number in range(60)
    }


def test_a_killed_writer_leaves_a_whole_file(path):
    """Killed again and again while it writes one row after the other as fast as it can."""
    rows = 2000
    path.write_text("sku,price\n" + "".join(f"k{number},{number}\n" for number in range(rows)))
    for attempt in range(4):
        process = writer(path, attempt * 500, 500)
        for _ in range(1 + 3 * attempt):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        records, ledger, _ = read(CSVFile(path))
        assert (len(records), ledger.dead_lettered) == (rows, 0)
        assert all(record["price"] in (n, n + 1000) for n, record in enumerate(records))
    assert write(CSVFile(path), Change(key="k7", values={"price": 7})) in (
        [("updated", None)],
        [("unchanged", None)],
    )


# --- Excel


@pytest.fixture
def book(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Prices"
    sheet.append(["sku", "price", "cost", "inventory_quantity", "note"])
    sheet.append(["A1", 12.5, "=B2*2", 3, "=1+1"])
    sheet.append([42, 19.99, None, 4.0, None])
    sheet["A3"].number_format = "00000"
    sheet.append([None] * 5)
    sheet.append([None, 1, 1, 1, None])
    sheet.append(["B", 1, 1, 1, None, None, "beyond"])
    sheet.append(["C", "oops", 1, 2, "'quoted"])
    book.create_sheet("Other").append(["keep me"])
    path = tmp_path / "erp.xlsx"
    book.save(path)
    return path


def test_a_sheet_is_read(book):
    records, ledger, dead = read(ExcelFile(book, sheet="Prices"))
    assert [(record.key, record.get("price")) for record in records] == [
        ("A1", Decimal("12.5")),
        ("00042", Decimal("19.99")),
        ("C", None),
    ]
    assert [letter.code for letter in dead] == ["no_key", "not_an_object"]
    # Never computed, so it has no value; and that is no null.
    assert [problem.field for problem in records[0].problems] == ["cost", "note"]
    assert ledger.balanced


def test_cells_are_written_as_values_and_formulas_are_left_alone(book):
    outcomes = write(
        ExcelFile(book),
        Change(key="A1", values={"cost": Decimal(5)}),
        Change(key="00042", values={"price": Decimal("20.10"), "note": "=HYPERLINK(1)"}),
        Change(key="C", values={"inventory_quantity": 7}),
    )
    assert outcomes == [("dead_lettered", "formula"), ("updated", None), ("updated", None)]
    sheet = openpyxl.load_workbook(book)["Prices"]
    assert sheet["C2"].value == "=B2*2"
    assert (sheet["B3"].value, sheet["E3"].value, sheet["E3"].data_type) == (20.1, "=HYPERLINK(1)", "s")
    assert sheet["D7"].value == 7
    assert openpyxl.load_workbook(book)["Other"]["A1"].value == "keep me"
    assert read(ExcelFile(book))[0][1]["note"] == "=HYPERLINK(1)"


def test_numbers_that_excel_would_round_are_written_as_text(book):
    write(ExcelFile(book), Change(key="C", values={"price": Decimal("12345678901234567.89")}))
    assert read(ExcelFile(book))[0][2]["price"] == Decimal("12345678901234567.89")


def test_rows_are_appended_below_the_last(book):
    assert write(ExcelFile(book, append=True), Change(key="000D", values={"price": 3})) == [("created", None)]
    assert openpyxl.load_workbook(book)["Prices"]["A8"].value == "000D"
    assert read(ExcelFile(book))[0][-1].key == "000D"


def test_workbooks_that_cannot_be_read(book, tmp_path):
    with pytest.raises(be.ConfigurationError, match="no sheet 'Nowhere'"):
        read(ExcelFile(book, sheet="Nowhere"))
    other = tmp_path / "text.xlsx"
    other.write_text("no workbook")
    with pytest.raises(be.ConfigurationError, match="is no Excel workbook"):
        read(ExcelFile(other))
    with pytest.raises(be.ConfigurationError, match="cannot be read"):
        read(ExcelFile(tmp_path / "nowhere.xlsx"))


# --- without the extras


@pytest.mark.parametrize(
    ("module", "extra", "make"),
    [
        ("openpyxl", "dataframe", lambda: read(ExcelFile(__file__))),
        ("sqlalchemy", "sql", lambda: read(SQLTable("sqlite://", table="items"))),
        ("oauthlib.oauth1", "vendors", lambda: be.auth.OAuth1("a", "b", "c", "d")),
        ("jwt", "vendors", lambda: be.auth.JWTBearer(issuer="a", key="b", token_url="https://x.test/t")),
    ],
)
def test_a_missing_extra_is_named(monkeypatch, module, extra, make):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(be.MissingExtraError, match=rf"bulkeditor\[{extra}\]"):
        make()
