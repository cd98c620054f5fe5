"""How plans are printed, shown in notebooks, and handed to frames and files."""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bulkeditor as be
from bulkeditor._spreadsheet import unguard
from bulkeditor.plans import Counts, PlanDocument, PlanRow, SkippedRow, Violation
from bulkeditor.plans._cells import cut, padded, safe, width_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def row(field: str = "price", before: Any = None, after: Any = None, **more: Any) -> PlanRow:
    named = {"product": "1", "sku": "TS-1", "title": "Shirt", **more}
    return PlanRow(**named, field=field, before=before, after=after)


def document(*rows: PlanRow, **more: Any) -> PlanDocument:
    return PlanDocument(id="plan_1", shop="http://shop", created_at=NOW, rows=rows, **more)


PLAN = document(
    row(before=Decimal("29.99"), after=Decimal("23.99"), reason="-20 %, ending .99 (down)"),
    row("tags", ["summer"], ["summer", "sale"], reason="+sale"),
    row("compare_at_price", None, Decimal("29.990"), reason="= old price, where blank"),
    row("custom_fields.x", be.UNSET, "", reason="= "),
    row(
        before=Decimal(5), after=Decimal(-1), product="2", sku=None, title="Mug",
        problem=be.FieldError(field="price", message="Price must be positive", code="negative"),
    ),
    title="Winter sale",
    filter='vendor = "X"',
    updates=("price: -20 %, ending .99 (down)",),
    skipped=(SkippedRow(product="3", sku="TS-3", code="blank_cost", reason="The product has no cost"),),
    violations=(Violation(guard="price > cost", message="price -1 is not above the cost of 2", product="2"),),
    counts=Counts(planned=2, unchanged=4, skipped=1, moved=2, missing=1),
)  # fmt: skip


PRINTED = """
Winter sale: 5 rows (2 price, 1 tags, 1 compare_at_price, 1 custom_fields.x)
products: 7 read = 2 planned + 4 unchanged + 1 skipped
filter: vendor = "X"
update: price: -20 %, ending .99 (down)

product  sku   title  field             before           after  reason                  problem
1        TS-1  Shirt  price                29.99         23.99  -20 %, ending .99 (do…
1        TS-1  Shirt  tags              summer    summer, sale  +sale
1        TS-1  Shirt  compare_at_price  (blank)         29.990  = old price, where bl…
1        TS-1  Shirt  custom_fields.x   (absent)  ""            =
2              Mug    price                    5            -1                          Price must be positive

1 expected to be refused:
  2.price: Price must be positive
1 skipped:
  TS-3: The product has no cost
1 against the guards:
  price > cost: 2: price -1 is not above the cost of 2
came twice, because the listing changed while it was read: 2
counted by the server and on no page: 1
"""


def test_a_plan_prints_as_a_table() -> None:
    assert PLAN.to_text(width=110) == PRINTED.strip()


@pytest.mark.parametrize("width", [1, 20, 30, 47, 80, 119, 500])
def test_no_line_of_the_table_is_wider_than_the_terminal(width: int) -> None:
    lines = PLAN.to_text(width=width).splitlines()
    assert max(map(width_of, lines)) <= max(width, 20)
    assert any(line.lstrip().startswith(("sku", "field", "product")) for line in lines)


def test_the_terminal_decides_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    assert str(PLAN) == PLAN.to_text(width=50)
    monkeypatch.setenv("COLUMNS", "200")
    assert str(PLAN) == PLAN.to_text(width=200)


def test_only_the_first_rows_are_shown() -> None:
    many = document(*(row(after=Decimal(number)) for number in range(1234)))
    text = many.to_text(width=80)
    assert text.count("TS-1") == 10
    assert "… and 1,224 more rows" in text
    assert many._repr_html_().count("<tr>") == 21


def test_an_empty_plan_prints_too() -> None:
    assert (
        document().to_text(width=80) == "Plan: 0 rows\nproducts: 0 read = 0 planned + 0 unchanged + 0 skipped"
    )
    assert "<table>" not in document()._repr_html_()


HOSTILE = '<script>alert(1)</script>\x1b[2J\x1b]0;x\x07\r\n\u202egnp.exe\ud83d"&'


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_text_takes_over_neither_terminal_nor_notebook() -> None:
    plan = document(
        row("title", HOSTILE, HOSTILE, title=HOSTILE, sku=HOSTILE, reason=HOSTILE),
        title=HOSTILE,
        filter=HOSTILE,
        updates=(HOSTILE,),
        skipped=(SkippedRow(product=HOSTILE, code="x", reason=HOSTILE),),
        violations=(Violation(guard=HOSTILE, message=HOSTILE),),
    )
    for text in (plan.to_text(width=500), plan.to_html()):
        text.encode()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    parsed = Tags()
    parsed.feed(plan.to_html())
    assert parsed.seen == {"p", "br", "table", "thead", "tbody", "tr", "th", "td"}
    assert "<script>alert(1)</script>" in parsed.text


@given(text=st.text(), width=st.integers(1, 40))
def test_cut_and_padded_text_has_its_width(text: str, width: int) -> None:
    shown = cut(safe(text), width)
    assert width_of(shown) <= width
    assert width_of(padded(shown, width)) == width
    assert shown.rstrip("…") in safe(text)


def test_signs_of_double_width_count_twice() -> None:
    assert width_of("漢字") == 4
    assert width_of("e\u0301") == 1
    assert cut("漢字漢字", 5) == "漢字…"


def test_pandas_keeps_amounts_and_lists() -> None:
    frame = PLAN.to_pandas()
    assert list(frame.columns) == [
        "product", "sku", "title", "field", "before", "after", "reason", "problem",
    ]  # fmt: skip
    assert frame["after"].tolist() == [
        Decimal("23.99"), ["summer", "sale"], Decimal("29.990"), "", Decimal(-1),
    ]  # fmt: skip
    assert repr(frame["after"][2]) == "Decimal('29.990')"
    assert frame["before"].tolist()[2:4] == [None, "(absent)"]
    assert frame["problem"].tolist() == [None] * 4 + ["Price must be positive"]


def test_polars_has_decimals_where_all_are_amounts_and_text_otherwise() -> None:
    assert PLAN.to_polars()["after"].to_list() == ["23.99", '["summer","sale"]', "29.990", "", "-1"]
    prices = document(row(before=Decimal(1), after=Decimal("2.50")), row(before=None, after=Decimal("3.125")))
    assert prices.to_polars()["after"].to_list() == [Decimal("2.50"), Decimal("3.125")]
    assert prices.to_polars()["before"].to_list() == [Decimal(1), None]
    assert document().to_polars().height == document().to_pandas().shape[0] == 0


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", " =1", "00042", "5901234123457", "", "plain", "'x"]  # noqa: RUF001


def test_csv_is_safe_to_open_and_loses_nothing(tmp_path: Path) -> None:
    plan = document(
        *(row("title", value, value, sku=value) for value in FORMULAS),
        row("inventory_quantity", -3, None),
        row(before=Decimal("-1.50"), after=Decimal("1E+3")),
    )
    plan.to_csv(tmp_path / "plan.csv.gz")
    content = gzip.decompress((tmp_path / "plan.csv.gz").read_bytes()).decode()
    cells = list(csv.DictReader(io.StringIO(content)))
    for value, cell in zip(FORMULAS, cells[: len(FORMULAS)], strict=True):
        for name in ("sku", "before", "after"):
            assert unguard(cell[name], code=True) == value
            assert not re.match(r"\s*[=+\-@＝]", cell[name])  # noqa: RUF001
    assert cells[FORMULAS.index("00042")]["after"] == "'00042"
    assert [(cell["before"], cell["after"]) for cell in cells[-2:]] == [("-3", ""), ("-1.50", "1000")]


def test_csv_with_half_a_character_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(be.InvalidInputError, match="half a character"):
        document(row("title", "a", "\ud800")).to_csv(tmp_path / "plan.csv")
    assert list(tmp_path.iterdir()) == []


def test_excel_keeps_text_text_and_amounts_numbers(tmp_path: Path) -> None:
    hostile = [*FORMULAS[:-3], "\x00\x1bx\ud800", "x" * 40_000]
    plan = document(
        *(row("barcode", value, value) for value in hostile),
        row(before=Decimal("29.90"), after=Decimal("12345678901234567.89")),
        row("inventory_quantity", 5, None),
        row("custom_fields.ok", True, ["a", 1]),
    )
    plan.to_xlsx(tmp_path / "plan.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "plan.xlsx").active
    rows = list(sheet.iter_rows(min_row=2))
    for value, cells in zip(hostile[:-2], rows, strict=False):
        assert (cells[4].value, cells[4].data_type, cells[4].number_format) == (value, "s", "@")
    assert rows[len(hostile) - 2][4].value == "\ufffd\ufffdx\ufffd"
    long = rows[len(hostile) - 1][4].value
    assert len(long) == 32_767
    assert long.endswith("… (cut, 40,000 characters)")
    price, stock, custom = rows[len(hostile) :]
    assert (price[4].value, price[4].number_format) == (29.9, "0.00")
    assert (price[5].value, price[5].data_type) == ("12345678901234567.89", "s")
    assert (stock[4].value, stock[5].value) == (5, None)
    assert (custom[4].value, custom[5].value) == (True, '["a",1]')
    assert [cell.value for cell in sheet[1]][:3] == ["product", "sku", "title"]


def test_a_sheet_holds_only_so_many_rows(tmp_path: Path) -> None:
    one = row(after=Decimal(1))
    with pytest.raises(be.InvalidInputError, match="1,048,575 rows"):
        document(*[one] * 1_048_576).to_xlsx(tmp_path / "plan.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_missing_libraries_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for library, call in {
        "openpyxl": lambda: PLAN.to_xlsx(tmp_path / "x.xlsx"),
        "pandas": PLAN.to_pandas,
        "polars": PLAN.to_polars,
    }.items():
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(be.MissingExtraError, match=r"bulkeditor\[dataframe\]"):
            call()


def test_plans_can_be_compared() -> None:
    changed = row(before=Decimal(1), after=Decimal(2))
    other = document(
        row(before=Decimal("29.99"), after=Decimal("19.99")),
        row("tags", ["summer"], ["summer", "sale"], reason="another reason"),
        row("vendor", None, "X"),
    )
    found = PLAN.diff(other)
    assert repr(found) == "<PlanDiff 1 rows added, 3 removed, 1 changed>"
    assert [new.after for _, new in found.changed] == [Decimal("19.99")]
    assert [item.field for item in found.added] == ["vendor"]
    assert str(found.to_text(width=80)).splitlines()[3].split() == [
        "changed", "1", "TS-1", "price", "29.99", "23.99", "29.99", "19.99",
    ]  # fmt: skip
    assert not PLAN.diff(PLAN)
    assert not document(changed).diff(document(row(before=Decimal("1.0"), after=Decimal("2.00"))))
