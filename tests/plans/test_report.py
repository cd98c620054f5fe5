"""The report of a run: printed, shown in a notebook, handed to others, kept, compared; and its balance."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import bulkeditor as be
from bulkeditor import UNSET
from bulkeditor.engine import Put, SQLiteLedger, own_space
from bulkeditor.plans import RunReport
from bulkeditor.plans._report_file import REPORT
from bulkeditor.plans._stored import ROWS
from tests.plans.making import Making

ONE, TWO, THREE = "product_id_1", "product_id_2", "product_id_3"


@pytest.fixture
def run(shop: Any, making: Making) -> Any:
    plan = making(
        shop,
        making.row(ONE, "price", "11.00", sku="A-1"),
        (TWO, "title", "x"),
        (THREE, "cost", "12.50"),
        (THREE, "custom_fields.a", {"deep": [Decimal("1.50"), None]}),
        title="Summer <sale>",
    )
    shop.products.update([{"id": THREE, "cost": "77.00"}])
    return plan.apply()


def test_it_tells_what_is_not_as_wanted(run: Any) -> None:
    lines = run.report.to_text(width=120).splitlines()
    assert lines[:2] == ["Summer <sale>: done", "4 rows: 2 updated, 1 stale, 1 failed"]
    heading, title, cost = lines[3:]
    assert heading.split() == ["product", "field", "before", "after", "outcome", "message"]
    assert title.split()[0] == TWO
    assert title.endswith("Title must be at least 3 characters")
    assert cost.split()[0] == THREE
    assert cost.endswith("cost is 77.00 now; the plan saw 12.40.")
    assert str(run) == str(run.report)
    html = run._repr_html_()
    assert "Summer &lt;sale&gt;" in html
    assert "77.00" in html
    assert repr(run.report) == "<RunReport 4 rows: 2 updated, 1 stale, 1 failed>"


def test_a_run_in_which_all_went_well_shows_its_rows(shop: Any, making: Making) -> None:
    run = making(shop, making.row(ONE, "price", "11.00", sku="A-1")).apply()
    assert "A-1" in str(run.report)
    assert run.report.ok
    run.report.raise_for_failures()


def test_failures_are_raised_on_demand(run: Any) -> None:
    assert not run.report.ok
    with pytest.raises(be.UpdateFailedError, match="Title must be at least 3 characters") as caught:
        run.report.raise_for_failures()
    assert (caught.value.failed, caught.value.skipped, caught.value.unknown) == (1, 1, 0)
    assert [error.field for error in caught.value.errors] == ["product_id_2.title", "product_id_3.cost"]
    assert [outcome.row.field for outcome in run.report.failed] == ["title"]


def test_it_goes_to_files_and_frames(run: Any, tmp_path: Path) -> None:
    frame = run.report.to_pandas()
    assert list(frame["outcome"]) == ["updated", "failed", "stale", "updated"]
    assert frame["after"][0] == Decimal("11.00")
    assert run.report.to_polars().height == 4
    run.report.to_csv(tmp_path / "run.csv")
    with (tmp_path / "run.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["outcome"] for row in rows] == ["updated", "failed", "stale", "updated"]
    run.report.to_xlsx(tmp_path / "run.xlsx")
    assert (tmp_path / "run.xlsx").stat().st_size > 1000


def test_it_is_kept_without_losing_anything(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "sale.run.json"
    run.report.save(path)
    kept = RunReport.load(path)
    assert kept == run.report
    assert kept.balance.balanced
    assert kept[3].row.after == {"deep": [Decimal("1.50"), None]}
    assert kept[2].found == Decimal("77.00")
    assert kept[0].found is UNSET
    data = json.loads(path.read_text("utf-8"))
    data["outcomes"][1]["outcome"]["status"] = "updated"
    path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(be.PlanFileError, match="was edited"):
        RunReport.load(path)


@pytest.mark.parametrize(
    "edit",
    [
        {"run": {"counts": {"updated": 1}}},
        {"run": {"created_at": "2026-01-01T00:00:00"}},
        {"run": {"status": "splendid"}},
        {"outcomes": [1]},
    ],
)
def test_a_forged_report_is_refused(run: Any, tmp_path: Path, edit: dict[str, Any]) -> None:
    path = tmp_path / "sale.run.json"
    run.report.save(path)
    data = json.loads(path.read_text("utf-8"))
    for name, value in edit.items():
        data[name] = {**data[name], **value} if isinstance(value, dict) else value
    data["checksum"] = REPORT._checksum(data)
    path.write_text(json.dumps(data), "utf-8")
    with pytest.raises(be.PlanFileError, match="damaged"):
        RunReport.load(path)


def test_two_runs_are_compared(run: Any, shop: Any, making: Making) -> None:
    undo = run.undo()
    diff = run.report.diff(undo.report)
    ended = [(one and one.status, other and other.status) for one, other in diff.changed]
    assert ended == [("failed", None), ("stale", None)]
    assert "2 rows ended otherwise" in str(diff)
    assert not run.report.diff(run.report)


def test_a_run_that_does_not_balance_says_so(
    connect: Any, sandbox: be.Sandbox, making: Making, tmp_path: Path
) -> None:
    """What a defect would do: a row that no step has accounted for, and one that two have."""
    with SQLiteLedger(tmp_path / "shop.db") as ledger:
        shop = connect(sandbox, store=ledger)
        run = making(shop, (ONE, "price", "11.00"), (TWO, "price", "12.00")).apply()
        assert str(run.ledger) == "2 planned = 2 updated"
        assert repr(run.ledger) == "<Balance 2 planned = 2 updated>"
        space = own_space(run.id, ROWS)
        rows = ledger.state(space, ONE)
        assert isinstance(rows, list)
        ledger.put([Put(space=space, key=ONE, value=[*rows, [7, rows[0][1]]])])  # type: ignore[index]
        broken = shop.runs.get(run.id)
        with pytest.raises(be.UnbalancedRunError, match="1 lost"):
            _ = broken.ledger
        assert [outcome.status for outcome in broken.report] == ["updated", "updated", "unknown"]
