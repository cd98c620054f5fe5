"""Schedule a plan: when it begins and ends, and the way out before either.

A scheduled plan is a run like any other whose first step waits for its time; a temporary one has a last step
that waits for the end. So nothing of it lives in a process: whoever carries on what is due fires it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Final, Literal, get_args

import attrs

from bulkeditor.api._request import refused
from bulkeditor.engine import Ledger, Put, RunRow, Workflow, own_space
from bulkeditor.errors import NotUndoableError, PlanError, StateChangedError
from bulkeditor.plans._decide import OnError, OnStale
from bulkeditor.plans._document import PlanDocument
from bulkeditor.plans._schedule_overlap import Window, refuse_overlaps
from bulkeditor.plans._start import given_for, ids_of
from bulkeditor.plans._stored import Given, state_of
from bulkeditor.plans._work import BEGUN, CANCELLED, END_KEY, ENDING, PHASE
from bulkeditor.plans._zones import moment

OnOverlap = Literal["layer", "refuse"]
"""What happens where temporary changes are about the same field of the same product at the same time."""

_SPACE: Final = "plans/scheduled"
_GRACE: Final = timedelta(minutes=1)
_MINUTES: Final = "%Y-%m-%d %H:%M"


@attrs.frozen(kw_only=True)
class Times:
    """When a plan begins and ends, in UTC.

    Args:
        at: Its beginning.
        revert_at: Its end; None for one that stays.
    """

    at: datetime
    revert_at: datetime | None

    @classmethod
    def of(cls, at: datetime | None, revert_at: datetime | None, *, tz: str | None, now: datetime) -> Times:
        """The times that were given.

        Args:
            at: Aware, or naive together with ``tz``; None = now.
            revert_at: Likewise; None = it stays.
            tz: IANA name of the zone that naive times are meant in.
            now: The time: aware.

        Raises:
            InvalidInputError: A time has no zone, or it ends before it begins.
            MissingExtraError: There is no time zone data on this machine.
        """
        begins = now if at is None else moment(at, tz=tz, name="at")
        ends = None if revert_at is None else moment(revert_at, tz=tz, name="revert_at")
        if ends is not None and ends <= begins:
            raise refused(
                "revert_at",
                f"must be after the beginning, {begins:{_MINUTES}} UTC; it is {ends:{_MINUTES}} UTC",
                code="too_early",
            )
        return cls(at=begins, revert_at=ends)

    def check_future(self, now: datetime) -> None:
        """Refuse a beginning that is over; one of the last minute is now, or ``datetime.now()`` never were.

        Raises:
            InvalidInputError: It is.
        """
        if self.at < now - _GRACE:
            raise refused(
                "at",
                f"is over: {self.at:{_MINUTES}:%S} UTC, and it is {now:{_MINUTES}:%S} UTC",
                "Leave it out to begin at once.",
                code="past",
            )


def check_overlap_option(on_overlap: object) -> None:
    """Refuse an option that there is not.

    Raises:
        InvalidInputError: The text names the choices.
    """
    choices = get_args(OnOverlap)
    if on_overlap not in choices:
        raise refused("on_overlap", f"must be one of {', '.join(choices)}, got {on_overlap!r:.60}")


def start_schedule(
    ledger: Ledger,
    workflow: Workflow,
    plan: PlanDocument,
    times: Times,
    *,
    on_overlap: OnOverlap,
    on_stale: OnStale,
    on_error: OnError,
    undoable_for: timedelta,
) -> str:
    """Schedule a plan, or find the run that it was scheduled as.

    Args:
        ledger: Where it will stand.
        workflow: What carries it out.
        plan: The plan, checked.
        times: When.
        on_overlap: As given.
        on_stale: As given.
        on_error: As given.
        undoable_for: How long a permanent change can be taken back.

    Returns:
        The run's id.

    Raises:
        OverlapError: It overlaps others, and was not to.
        PlanError: It was scheduled for the same times with other options.
        InvalidInputError: It would begin in the past.
    """
    given = attrs.evolve(
        given_for(plan.rows, plan=plan.id, title=plan.title, shop=plan.shop, undoable_for=undoable_for),
        on_stale=on_stale,
        on_error=on_error,
        ids=ids_of(plan.rows, on_error),
        at=times.at.isoformat(),
        revert_at=None if times.revert_at is None else times.revert_at.isoformat(),
    )
    while True:
        key, known = _key(ledger, given)
        if known is not None:
            _check_same(given, known)
            return known.id
        times.check_future(ledger.now())
        # Read before the others are looked at: who schedules at the same time changes it, and is seen then.
        number = ledger.state(_SPACE, plan.shop)
        if on_overlap == "refuse":
            refuse_overlaps(ledger, workflow.name, plan, Window(times.at, times.revert_at))
        following = (number if isinstance(number, int) else 0) + 1
        mine = attrs.evolve(given, number=following)
        puts = (Put(space=_SPACE, key=plan.shop, value=following, expect=number), *state_of(plan.rows))
        try:
            return ledger.start_run(key, workflow, mine.to_json(), state=puts)
        except StateChangedError:
            continue


def _key(ledger: Ledger, given: Given) -> tuple[str, RunRow | None]:
    """The first key under which no cancelled run stands; and its run, if there is one."""
    for number in count():
        key = f"schedule/{given.plan}/{given.at}/{given.revert_at}/{number}"
        known = ledger.find(key)
        if known is None or known.status != "cancelled":
            return key, known
    raise AssertionError


def _check_same(given: Given, known: RunRow) -> None:
    before = Given.of(known.input)
    if (before.on_stale, before.on_error) != (given.on_stale, given.on_error):
        raise PlanError(
            f"The plan {given.plan} is scheduled for the same times, with on_stale={before.on_stale!r} and "
            f"on_error={before.on_error!r} (run {known.id}).",
            hint="Cancel that run first.",
        )


# The way out


def cancel_schedule(ledger: Ledger, run: RunRow) -> None:
    """Make sure that a scheduled run never begins.

    Args:
        ledger: Where it stands.
        run: The run.

    Raises:
        NotUndoableError: A temporary change has begun: cancelling it now would leave it for ever.
    """
    given = Given.of(run.input)
    if given.at is None or phase_of(ledger, run.id) == CANCELLED:
        return
    try:
        # The first step expects the entry not to be there when it begins: one of the two is first.
        ledger.put([Put(space=own_space(run.id, PHASE), key=PHASE, value=CANCELLED, expect=None)])
    except StateChangedError:
        if given.revert_at is not None and run.status not in {"done", "cancelled"}:
            raise NotUndoableError(
                f"The run {run.id} has begun, and only its end takes it back.",
                run=run.id,
                hint="Call revert() to end it now.",
            ) from None


def end_now(ledger: Ledger, run: RunRow) -> None:
    """Let a temporary change end at once; does nothing when it is ending already.

    Args:
        ledger: Where it stands.
        run: The run.

    Raises:
        NotUndoableError: It has not begun, was cancelled, or is permanent.
    """
    given = Given.of(run.input)
    if given.revert_at is None:
        raise NotUndoableError(
            f"The run {run.id} has no end that could come early.", run=run.id, hint="Call undo()."
        )
    space = own_space(run.id, PHASE)
    try:
        ledger.put([Put(space=space, key=PHASE, value=ENDING, expect=BEGUN)])
    except StateChangedError:
        phase = phase_of(ledger, run.id)
        if phase != ENDING:
            what = "was cancelled" if phase == CANCELLED else "has not begun"
            hint = None if phase == CANCELLED else "Call cancel()."
            raise NotUndoableError(f"The run {run.id} {what}.", run=run.id, hint=hint) from None
    ledger.wake_at(run.id, END_KEY, ledger.now())


def check_not_cancelled(ledger: Ledger, run: str) -> None:
    """Refuse to carry on a scheduled run that was cancelled before it began.

    Raises:
        PlanError: It was.
    """
    if phase_of(ledger, run) == CANCELLED:
        raise PlanError(
            f"The run {run} was cancelled before it began.", hint="Schedule the plan again: plan.schedule(…)."
        )


# What is due


def due_runs(ledger: Ledger, workflow: str, shop: str, tried: Mapping[str, int]) -> Sequence[RunRow]:
    """The runs of a shop in which something is due, by the time for which it was due.

    Args:
        ledger: Where they stand.
        workflow: The workflow's name.
        shop: The shop's address.
        tried: Runs that were carried on already, with the steps that were done before; those that have come
            no further since are left out.
    """
    due = [ledger.get(run) for run in ledger.due()]
    due += [run for run in ledger.runs(workflow=workflow, status="failed") if Given.of(run.input).at]
    mine = (run for run in due if run.workflow == workflow and Given.of(run.input).shop == shop)
    return sorted(
        (run for run in mine if tried.get(run.id) != run.done), key=lambda run: _due_since(ledger, run)
    )


def _due_since(ledger: Ledger, run: RunRow) -> tuple[datetime, int]:
    given = Given.of(run.input)
    if given.begins is None:
        return run.created_at, 0
    begun = phase_of(ledger, run.id) is not None
    return (given.ends if begun and given.ends is not None else given.begins), given.number


def next_time(given: Given, now: datetime) -> datetime | None:
    """The next time that a run was scheduled for; None when there is none to come."""
    return next((time for time in (given.begins, given.ends) if time is not None and time > now), None)


def phase_of(ledger: Ledger, run: str) -> object:
    """How far a scheduled run is; None before its beginning."""
    return ledger.state(own_space(run, PHASE), PHASE)


__all__ = [
    "OnOverlap",
    "Times",
    "cancel_schedule",
    "check_not_cancelled",
    "check_overlap_option",
    "due_runs",
    "end_now",
    "next_time",
    "phase_of",
    "start_schedule",
]
