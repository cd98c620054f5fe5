"""Read from the ledger what became of each row of a run, and whether every row is accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, cast

from bulkeditor.engine import Ledger, RunRow, Step, own_space
from bulkeditor.models import JSON
from bulkeditor.plans._decide import Numbered, RowResult
from bulkeditor.plans._report import Balance, RunHead, RunReport
from bulkeditor.plans._rows import OUTCOMES, ChangeOutcome
from bulkeditor.plans._stored import ROWS, Given, result_of, rows_of


def read_report(ledger: Ledger, run: RunRow) -> RunReport:
    """What became of each row of a run, as far as it has come.

    Args:
        ledger: Where the run stands.
        run: The run.
    """
    rows = {
        item.number: item for _, entry in ledger.entries(own_space(run.id, ROWS)) for item in rows_of(entry)
    }
    found: dict[int, RowResult] = {}
    doubled = 0
    stopped = False
    for _, result in ledger.results(run.id):
        stopped = stopped or _stopped(result)
        for item in _results(result):
            doubled += item.number in found
            found[item.number] = item
    left = [number for number in rows if number not in found]
    lost = 0 if run.status != "done" or stopped else len(left)
    under_way = _under_way(ledger, run) if left else frozenset[int]()
    for number in left:
        found[number] = _left(number, run, stopped=stopped, sent=number in under_way)
    outcomes = [_outcome(rows[number], found[number]) for number in sorted(rows)]
    counts = Counter(outcome.status for outcome in outcomes)
    balance = Balance(
        planned=Given.of(run.input).rows,
        counts=MappingProxyType({status: counts[status] for status in OUTCOMES}),
        lost=lost,
        doubled=doubled,
    )
    return RunReport(_head(run, stopped=stopped), outcomes, balance)


def _head(run: RunRow, *, stopped: bool) -> RunHead:
    given = Given.of(run.input)
    return RunHead(
        id=run.id,
        plan=given.plan,
        title=given.title,
        shop=given.shop,
        undoes=given.undoes,
        status=run.status,
        created_at=run.created_at,
        finished_at=run.finished_at,
        stopped=stopped,
    )


def _results(result: JSON) -> Iterable[RowResult]:
    rows = result.get("rows", ()) if isinstance(result, dict) else ()
    return (result_of(values) for values in cast("list[JSON]", rows))


def _stopped(result: JSON) -> bool:
    return isinstance(result, dict) and result.get("stopped") is True


def _under_way(ledger: Ledger, run: RunRow) -> frozenset[int]:
    """Numbers of rows whose write was begun and not finished."""
    begun = [step for step, attempts in ledger.unfinished(run.id) if attempts]
    return frozenset(number for step in begun for number in _numbers(step))


def _numbers(step: Step) -> Iterable[int]:
    if step.kind not in {"write", "clear", "restore", "mend"}:
        return ()
    params = cast("dict[str, Any]", step.params)
    products = params.get("cleared", params)["products"]
    return (number for values in products for number in values[-1])


def _left(number: int, run: RunRow, *, stopped: bool, sent: bool) -> RowResult:
    if sent:
        message = "It was sent, and the run has not seen the answer yet; resume() settles it."
        return RowResult(number=number, status="unknown", code="under_way", message=message)
    if stopped:
        message = "Nothing was written, because other rows of the plan could not be."
        return RowResult(number=number, status="skipped", code="stopped", message=message)
    if run.status == "done":
        message = "No step of the run accounts for it."
        return RowResult(number=number, status="unknown", code="lost", message=message)
    message = "The run has not come to it."
    return RowResult(number=number, status="skipped", code="not_reached", message=message)


def _outcome(item: Numbered, result: RowResult) -> ChangeOutcome:
    return ChangeOutcome(
        row=item.row,
        status=result.status,
        code=result.code,
        message=result.message,
        found=result.found,
        verified=result.verified,
    )


__all__ = ["read_report"]
