"""Take a run back: the inverse of its rows, applied like any plan."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

import attrs

from bulkeditor.engine import Ledger, Put, RunRow, Workflow
from bulkeditor.errors import FieldError, InvalidInputError, NotUndoableError
from bulkeditor.plans._exact import column_of
from bulkeditor.plans._report import RunReport
from bulkeditor.plans._rows import PlanRow
from bulkeditor.plans._start import UNDONE, given_for, taken_back
from bulkeditor.plans._stored import Given, state_of

_SHOWN = 10


def undoable_until(run: RunRow) -> datetime | None:
    """Until when a run can be taken back; None while it has not ended."""
    given = Given.of(run.input)
    if run.finished_at is None or given.ends is not None:
        return None
    return run.finished_at + timedelta(seconds=given.undoable_for)


def check_undoable(run: RunRow, now: datetime) -> None:
    """Refuse to take back a run that goes on, or that ended too long ago.

    Raises:
        NotUndoableError: The text says why, and until when it could.
    """
    if Given.of(run.input).ends is not None:
        raise NotUndoableError(
            f"The run {run.id} is a temporary change, which is taken back by its own end.",
            run=run.id,
            hint="While it is on, revert() ends it now; before it begins, cancel() does.",
        )
    until = undoable_until(run)
    if until is None:
        raise NotUndoableError(
            f"The run {run.id} has not ended.", run=run.id, hint="Call resume() or cancel() first."
        )
    if now > until:
        raise NotUndoableError(
            f"The run {run.id} could be taken back until {until:%Y-%m-%d %H:%M} UTC.",
            run=run.id,
            hint="Make a plan that sets the old values; run.report has them.",
        )


def start_undo(
    ledger: Ledger,
    workflow: Workflow,
    run: RunRow,
    report: RunReport,
    *,
    fields: Collection[str] | None,
    products: Collection[str] | None,
    undoable_for: timedelta,
) -> str:
    """Begin to take a run back, or find the run that did.

    Args:
        ledger: Where it will stand.
        workflow: What carries it out.
        run: The run.
        report: What became of its rows.
        fields: Only these fields; None = all.
        products: Only these products; None = all.
        undoable_for: How long this can be taken back in turn.

    Returns:
        The id of the run that takes back.

    Raises:
        NotUndoableError: The run goes on, ended too long ago, or was taken back and put forth again.
        InvalidInputError: No row is about a field or product that was named.
    """
    check_undoable(run, ledger.now())
    chosen = _chosen("fields", fields, {name for row in report for name in _names(row.row.field)})
    only = _chosen("products", products, {row.row.product for row in report})
    rows = [
        row
        for row in inverse(report, run.id)
        if (chosen is None or chosen.intersection(_names(row.field)))
        and (only is None or row.product in only)
    ]
    before = Given.of(run.input)
    given = given_for(rows, plan=before.plan, title=before.title, shop=before.shop, undoable_for=undoable_for)
    given = attrs.evolve(given, undoes=run.id)
    part = "all" if chosen is None and only is None else f"{sorted(chosen or ())}/{sorted(only or ())}"
    key = f"undo/{run.id}/{part}"
    known = ledger.find(key)
    if known is not None:
        _check_known(ledger, run, known)
        return known.id
    note = Put(space=UNDONE, key=f"{run.id}/{part}", value=key)
    return ledger.start_run(key, workflow, given.to_json(), state=(*state_of(rows), note))


def _check_known(ledger: Ledger, run: RunRow, undo: RunRow) -> None:
    redo = taken_back(ledger, undo.id)
    if redo is not None:
        raise NotUndoableError(
            f"The run {run.id} was taken back (run {undo.id}), and that was taken back (run {redo.id}).",
            run=run.id,
            hint=f"Take back the last one: shop.runs.get({redo.id!r}).undo().",
        )


def _names(field: str) -> tuple[str, ...]:
    """What a row's field may be called: ``custom_fields`` means each of them."""
    column = column_of(field)
    return (field,) if column == field else (field, column)


def _chosen(what: str, given: Collection[str] | None, known: Collection[str]) -> frozenset[str] | None:
    if given is None:
        return None
    if isinstance(given, str):
        raise InvalidInputError(
            f"{what} must be a list of names, got the text {given!r:.60}.", hint=f"Write [{given!r}]."
        )
    unknown = sorted(frozenset(given) - frozenset(known))
    if unknown:
        problem = f"the run has no row of {unknown[0]!r:.60}"
        shown = ", ".join(sorted(known)[:_SHOWN])
        raise InvalidInputError(
            f"{what}: {problem}.",
            errors=[FieldError(field=what, message=problem, code="unknown")],
            hint=f"There are {shown}{' …' if len(known) > _SHOWN else ''}.",
        )
    return frozenset(given)


def inverse(report: RunReport, run: str) -> Iterator[PlanRow]:
    """The rows that take back what a run did, or may have done.

    Args:
        report: What became of its rows.
        run: Its id.
    """
    for outcome in report:
        if outcome.status not in {"updated", "unknown"}:
            continue
        row = outcome.row
        # What was written over something else goes back to that, not to what the plan had seen.
        forced = outcome.code == "forced"
        yield attrs.evolve(
            row,
            before=row.after,
            after=outcome.found if forced else row.before,
            reason=f"takes back run {run}",
            problem=None,
        )


__all__ = ["check_undoable", "inverse", "start_undo", "undoable_until"]
