"""Files that nobody should write: no crash, nothing silently lost, no unbounded time or memory."""

import csv
import io
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox.catalog import read_catalog, read_inventory

HEADER = "Handle,Title,Variant SKU,Variant Price,Image Src\n"


@given(
    st.one_of(
        st.binary(max_size=300),
        st.text("a,;\"'\n\r\t=1.5|\x00é", max_size=200).map(lambda text: (HEADER + text).encode()),
        st.binary(max_size=200).map(lambda noise: HEADER.encode() + noise),
        st.binary(max_size=200).map(lambda noise: HEADER.encode("utf-16") + noise),
        st.binary(max_size=200).map(lambda noise: b"\x1f\x8b\x08\x00" + noise),
    ),
    st.sampled_from(["a.csv", "a.jsonl"]),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=400)
def test_noise(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        for opener in (read_catalog, read_inventory):
            try:
                imported = opener(path)
            except InvalidInputError:
                continue
            rows = list(imported.rows)
            assert imported.report.balanced
            assert opener is read_inventory or len(rows) == imported.report.products


@given(
    st.lists(
        st.lists(st.text("ab ,;\"\n\r\x85\u2028'é", max_size=6), min_size=1, max_size=4),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@settings(deadline=None, max_examples=300)
def test_well_formed_files_give_the_cells_of_the_csv_module(
    table: list[list[str]], newline: str, quoting: int
) -> None:
    """Cells go in as a column nobody knows, so they come out as they were read."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["Variant SKU", "Variant Price", *(f"c{n}" for n in range(4))])
    for number, cells in enumerate(table):
        writer.writerow([f"s{number}", "1", *cells])
    content = text.getvalue()
    if "\n" not in "".join(cell for cells in table for cell in cells):
        content = content.replace("\r\n", newline) if "\r" not in str(table).replace("\\r", "\r") else content
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(content.encode())
        found = [[record.extra.get(f"c{n}", "") for n in range(4)] for record in read_catalog(path)]
    expected = [[*cells, *[""] * (4 - len(cells))] for cells in csv.reader(io.StringIO(content, newline=""))]
    wanted = [[_read(cell) for cell in cells[2:6]] for cells in expected[1:]]
    assert [[str(cell) for cell in cells] for cells in found] == [
        [*cells, *[""] * (4 - len(cells))] for cells in wanted
    ]


def _read(cell: str) -> str:
    """An empty cell is none; a spreadsheet's apostrophe goes."""
    if not cell.strip():
        return ""
    rest = cell.lstrip("'")
    guarded = cell[0] == "'" and (not rest.strip() or rest[0] in "\t\r\n")
    return cell[1:] if guarded else cell


@pytest.mark.parametrize("padding", range(-3, 4))
@pytest.mark.parametrize("newline", ["\r\n", "\r", "\n"])
def test_a_line_end_where_one_chunk_meets_the_next(tmp_path: Path, padding: int, newline: str) -> None:
    path = tmp_path / "a.csv"
    head = f"Handle,Title,SKU,Price{newline}h,"
    title = "é" * ((262_144 - len(head) + padding) // 2)
    path.write_bytes(f"{head}{title},s,1{newline}h2,T,t,x{newline}h3,T,u,2".encode())
    imported = read_catalog(path)
    assert [(row.sku, len(row.title)) for row in imported] == [("s", len(title)), ("u", 1)]
    assert [problem.line for problem in imported.report.problems] == [3]


@pytest.mark.parametrize(
    "line",
    [
        'a","b\n',  # closes one quote and opens the next, for ever
        '"a\n',
        '"","\n',
        'x,"y\n',
        '"""\n',
    ],
)
def test_lost_quotes_on_every_line_take_linear_time(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.csv"
    count = 20_000
    path.write_text(HEADER + line * count + "h,T,last,1,\n")
    begin = time.process_time()
    imported = read_catalog(path)
    rows = list(imported)
    assert time.process_time() - begin < 10
    assert imported.report.balanced
    assert [row.sku for row in rows][-1:] == ["last"]
    assert imported.report.problem_rows + imported.report.skipped_rows > count / 3


def test_an_overlong_line_costs_itself_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bulkeditor.sandbox.catalog._text.MAX_LINE", 100_000)
    path = tmp_path / "a.csv"
    path.write_text(HEADER + "h,T,a,1,\nh," + "x" * 900_000 + ",b,1,\nh,T,c,1,\n")
    imported = read_catalog(path)
    assert [row.sku for row in imported] == ["a", "c"]
    assert [(problem.code, problem.line) for problem in imported.report.problems] == [("malformed", 3)]
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"sku":"a"}\n{"sku":"' + "x" * 900_000 + '"}\n{"sku":"c"}\n')
    imported = read_catalog(lines)
    assert [row.sku for row in imported] == ["a", "c"]
    assert [(problem.code, problem.line) for problem in imported.report.problems] == [("malformed", 2)]


def test_a_thousand_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    names = ",".join(f"c{n}" for n in range(3000))
    path.write_text(f"SKU,Price,{names}\ns,1," + ",".join("x" for _ in range(3000)) + "\n")
    (row,) = read_catalog(path)
    assert len(row.extra) == 3000


def test_a_price_that_would_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("SKU,Price\na,1e999\nb,1E+999999999\nc," + "1" * 100_000 + "\nd,1\n")
    assert [row.sku for row in read_catalog(path)] == ["d"]
