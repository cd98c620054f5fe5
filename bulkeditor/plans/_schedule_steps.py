"""The steps that wait: for the beginning of a scheduled plan, and for the end of a temporary one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bulkeditor.engine import Done, Put, Step
from bulkeditor.http import Exchange
from bulkeditor.plans._check import beginning, entrance
from bulkeditor.plans._decide import Numbered, RowResult
from bulkeditor.plans._layers_steps import window_passed
from bulkeditor.plans._reading import FEW
from bulkeditor.plans._stored import Given
from bulkeditor.plans._work import BEGUN, CANCELLED, END, END_KEY, END_READS, PHASE, SURVEY, Work, results


def first_steps(given: Given) -> Sequence[Step]:
    """The steps that a run begins with, at once or when its time has come."""
    if given.begins is None:
        return beginning(given)
    steps = [Step(key="begin", kind="begin", stage=SURVEY, not_before=given.begins)]
    if given.ends is not None:
        steps.append(Step(key=END_KEY, kind="end", stage=END, not_before=given.ends))
    return steps


def begin(work: Work) -> Exchange[Done]:
    """The time has come: go on as if the plan were applied now."""
    yield from ()
    phase = work.ctx.state(work.ctx.own(PHASE), PHASE)
    if phase == CANCELLED:
        return Done(result=results(_cancelled(_rows(work)), of="start"))
    begun = Put(space=work.ctx.own(PHASE), key=PHASE, value=BEGUN, expect=phase)
    if work.over:
        return Done(result=results(window_passed(_rows(work)), of="start"), state=(begun,))
    return Done(result=results((), of="start"), then=beginning(work.given), state=(begun,))


def end(work: Work) -> Exchange[Done]:
    """The time is over: take off the layers that were put there."""
    yield from ()
    ids = list(work.products("end"))
    if not ids:
        return Done(result=results((), of="end"))
    few = ids if len(ids) <= FEW else None
    return Done(result=results((), of="end"), then=(entrance("end", few, len(ids), END_READS),))


def _rows(work: Work) -> Iterator[Numbered]:
    return (item for product in work.products("start") for item in work.rows(product))


def _cancelled(rows: Iterator[Numbered]) -> Iterator[RowResult]:
    message = "The run was cancelled before it began."
    for item in rows:
        yield RowResult(number=item.number, status="skipped", code="cancelled", message=message)


__all__ = ["begin", "end", "first_steps"]
