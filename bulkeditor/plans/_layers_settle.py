"""Settle the layers of a product by what became of the rows that were written: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import attrs

from bulkeditor.plans._decide import OnStale, RowResult, forced, show
from bulkeditor.plans._exact import identical
from bulkeditor.plans._layers import Stack
from bulkeditor.plans._layers_decide import COVERED, edited_below
from bulkeditor.plans._rows import PlanRow, Value
from bulkeditor.plans._work import Pass

_OK = frozenset({"updated", "unchanged"})


@attrs.define
class Settled:
    """Where a product stands after a write.

    Args:
        stacks: Its stacks by field.
        results: Outcomes of rows.
        again: Rows to be looked at again: what they were about is not there any more.
        failed: Rows of a temporary change that could not be written, so that their layers are off again.
        untidy: Rows of which nobody can say whether their write came before or after somebody else's.
    """

    stacks: dict[str, Stack]
    results: list[RowResult] = attrs.field(factory=list[RowResult])
    again: list[int] = attrs.field(factory=list[int])
    failed: list[int] = attrs.field(factory=list[int])
    untidy: list[int] = attrs.field(factory=list[int])


def settle(
    stacks: Mapping[str, Stack],
    results: Iterable[RowResult],
    *,
    rows: Mapping[int, PlanRow],
    below: Collection[int],
    run: str,
    of: Pass,
    on_stale: OnStale,
) -> Settled:
    """Take in what became of a product's rows.

    Args:
        stacks: The stacks by field, as they stand now.
        results: The outcomes.
        rows: The plan's rows by number.
        below: Numbers of the rows of a permanent change that lie below layers and were written as they show.
        run: The run.
        of: The pass.
        on_stale: What happens to what the plan did not see.
    """
    settled = Settled(stacks=dict(stacks))
    for result in results:
        row = rows[result.number]
        stack = settled.stacks.get(row.field)
        if stack is None:
            if result.number in below and result.status in _OK:
                settled.again.append(result.number)
            else:
                settled.results.append(result)
            continue
        known = run in stack.sending
        if of == "apply":
            lies = result.number in below and not known
            after, outcome = _edited(stack, row, result, run, below=lies, on_stale=on_stale)
            if run in after.sending and not known:
                settled.untidy.append(result.number)
        elif of == "start":
            after, outcome = _started(stack, row, result, run)
            if not after.holds(run):
                settled.failed.append(result.number)
        else:
            after, outcome = _ended(stack, result, run)
        settled.stacks[row.field] = after
        settled.results.append(outcome)
    return settled


def _over(stack: Stack, result: RowResult, run: str) -> Stack:
    """After a request is over; what is not known to be over stays under way."""
    if run not in stack.sending or result.status == "unknown":
        return stack
    return stack.wrote(run) if result.status in _OK else stack.withdrew(run)


def _edited(
    stack: Stack, row: PlanRow, result: RowResult, run: str, *, below: bool, on_stale: OnStale
) -> tuple[Stack, RowResult]:
    if result.code == "overtaken" and stack.ours(result.found):
        # Nobody else wrote: a temporary change shows, and this one lies below it.
        stack, below = stack.withdrew(run), True
    elif result.status not in _OK:
        return _over(stack, result, run), result
    base = stack.base
    if below and identical(row.field, row.after, base):
        return stack, edited_below(result.number, row, row.before)
    fresh = on_stale == "force" or identical(row.field, row.before, base)
    if below and not fresh:
        message = f"{row.field} is {show(base)} below a temporary change; the plan saw {show(row.before)}."
        return stack, attrs.evolve(
            result, status="stale", code="stale", message=message, found=base, verified=False
        )
    if below:
        return stack.edited(row.after), edited_below(result.number, row, base)
    # Where a temporary change has begun since, its write came before this one or after it: either may show.
    after = _over(stack, result, run) if run in stack.sending else stack.sends(run, row.after)
    return (after.edited(row.after) if fresh else after), result


def _started(stack: Stack, row: PlanRow, result: RowResult, run: str) -> tuple[Stack, RowResult]:
    if result.code == "overtaken" and stack.ours(result.found):
        # Nobody else wrote: another temporary change that began later did.
        message = f"{row.field} shows a temporary change that began later."
        outcome = RowResult(number=result.number, status="updated", code=COVERED, message=message)
        return stack.withdrew(run), outcome
    after = _over(stack, result, run)
    if result.status not in {*_OK, "unknown"}:
        return after.reverted(run), result
    if result.status == "updated" and result.code is None and not _as_seen(row, stack.base):
        return after, forced(result.number, row, stack.base, verified=True)
    return after, result


def _as_seen(row: PlanRow, base: Value) -> bool:
    return identical(row.field, row.before, base)


def _ended(stack: Stack, result: RowResult, run: str) -> tuple[Stack, RowResult]:
    # What the field was to show again, whatever became of it.
    intended = stack.sending.get(run, stack.visible)
    if result.code == "overtaken" and stack.ours(result.found):
        outcome = RowResult(number=result.number, status="updated", found=intended)
        return stack.withdrew(run), outcome
    return _over(stack, result, run), attrs.evolve(result, found=intended)


__all__ = ["Settled", "settle"]
