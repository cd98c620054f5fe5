"""Read from the ledger what became of each row of a run, and whether every row is accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, cast

import attrs

from bulkeditor.engine import Ledger, RunRow, own_space
from bulkeditor.models import JSON
from bulkeditor.plans._decide import Numbered, RowResult
from bulkeditor.plans._report import Balance, RunHead, RunReport
from bulkeditor.plans._rows import OUTCOMES, ChangeOutcome
from bulkeditor.plans._stored import ROWS, Given, result_of, rows_of
from bulkeditor.plans._work import END_KEY, ENDED, STARTED

_WRITING: Final = frozenset({"write", "clear", "restore", "mend"})


def read_report(ledger: Ledger, run: RunRow) -> RunReport:
    """What became of each row of a run, as far as it has come.

    Args:
        ledger: Where the run stands.
        run: The run.
    """
    rows = _plan_rows(ledger, run)
    return _balanced(ledger, run, rows, planned=Given.of(run.input).rows, ended=False)


def read_ended(ledger: Ledger, run: RunRow) -> RunReport | None:
    """What became of each row of a temporary change at its end; None before.

    Args:
        ledger: Where the run stands.
        run: The run.
    """
    if ledger.result(run.id, END_KEY) is None:
        return None
    rows = _plan_rows(ledger, run)
    started: Iterable[tuple[str, Any]] = ledger.entries(own_space(run.id, STARTED))
    ended = {number: rows[number] for _, entry in started for number in cast("list[int]", entry)}
    return _balanced(ledger, run, ended, planned=len(ended), ended=True)


def _plan_rows(ledger: Ledger, run: RunRow) -> dict[int, Numbered]:
    entries = ledger.entries(own_space(run.id, ROWS))
    return {item.number: item for _, entry in entries for item in rows_of(entry)}


def _balanced(
    ledger: Ledger, run: RunRow, rows: Mapping[int, Numbered], *, planned: int, ended: bool
) -> RunReport:
    found: dict[int, RowResult] = {}
    doubled = 0
    stopped = False
    for _, result in ledger.results(run.id):
        stopped = stopped or (_stopped(result) and not ended)
        for item in _results(result, ENDED if ended else "rows"):
            doubled += item.number in found
            found[item.number] = item
    left = [number for number in rows if number not in found]
    lost = 0 if run.status != "done" or stopped else len(left)
    under_way = _under_way(ledger, run, ended=ended) if left else frozenset[int]()
    for number in left:
        found[number] = _left(number, run, stopped=stopped, sent=number in under_way)
    outcome = _restored if ended else _outcome
    outcomes = [outcome(rows[number], found[number]) for number in sorted(rows)]
    counts = Counter(outcome.status for outcome in outcomes)
    balance = Balance(
        planned=planned,
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


def _results(result: JSON, name: str) -> Iterable[RowResult]:
    rows = result.get(name, ()) if isinstance(result, dict) else ()
    return (result_of(values) for values in cast("list[JSON]", rows))


def _stopped(result: JSON) -> bool:
    return isinstance(result, dict) and result.get("stopped") is True


def _under_way(ledger: Ledger, run: RunRow, *, ended: bool) -> frozenset[int]:
    """Numbers of rows whose write was begun and not finished."""
    begun = [step for step, attempts in ledger.unfinished(run.id) if attempts and step.kind in _WRITING]
    of = ("end",) if ended else ("apply", "start")
    params = [cast("dict[str, Any]", step.params) for step in begun]
    products = (part["products"] for all_ in params if (part := all_.get("cleared", all_))["of"] in of)
    entries = (entry for values in products for product in values for entry in product[-1])
    # A row stands there as its number, or as a list that begins with it.
    return frozenset(entry if isinstance(entry, int) else entry[0] for entry in entries)


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
    if run.status in ("waiting", "running"):
        message = "The run has not come to it yet."
        return RowResult(number=number, status="pending", code="not_reached", message=message)
    message = "The run ended before it came to it."
    return RowResult(number=number, status="skipped", code="not_reached", message=message)


def _restored(item: Numbered, result: RowResult) -> ChangeOutcome:
    """The outcome of a row's end: what was shown, and what is shown again."""
    row = attrs.evolve(
        item.row,
        before=item.row.after,
        after=result.found,
        reason="the temporary change is over",
        problem=None,
    )
    return attrs.evolve(_outcome(item, result), row=row)


def _outcome(item: Numbered, result: RowResult) -> ChangeOutcome:
    return ChangeOutcome(
        row=item.row,
        status=result.status,
        code=result.code,
        message=result.message,
        found=result.found,
        verified=result.verified,
    )


__all__ = ["read_ended", "read_report"]
