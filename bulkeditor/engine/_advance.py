"""One lane of a run, for a while: what to do next, and what becomes of what was done.

A generator without I/O beyond the ledger. It yields attempts at steps and is handed what they gave; drivers
do the requests and the waiting.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Generator, Iterable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import attrs

from bulkeditor.engine._context import StepContext
from bulkeditor.engine._failure import NOT_THE_RUNS, StepPolicy, describe
from bulkeditor.engine._ledger import Ledger
from bulkeditor.engine._types import Claim, Done, RunRow, Workflow
from bulkeditor.errors import (
    ConfigurationError,
    InvalidInputError,
    LeaseLostError,
    StateChangedError,
    StoreError,
)
from bulkeditor.http import Exchange
from bulkeditor.models import JSON

_log: Final = logging.getLogger("bulkeditor.engine")
_COLLISIONS: Final = 1000
"""A step whose state was never once as it expected it is a mistake, not a race."""


@attrs.frozen
class Attempt:
    """Something to do: drive the flow, and hand back what it gave, or the exception that it ended with."""

    claim: Claim
    flow: Exchange[Done]


@attrs.frozen
class Idle:
    """Others hold what there is to do: look again when one of them is done, or after some seconds."""

    seconds: float


@attrs.frozen
class Complete:
    """The run is done."""


@attrs.frozen
class Cancelled:
    """The run was cancelled."""


@attrs.frozen
class Failed:
    """The run has failed.

    Args:
        error: Why.
    """

    error: str


@attrs.frozen
class More:
    """Time is up; there is more to do."""


@attrs.frozen
class WaitUntil:
    """Nothing can be done before a time.

    Args:
        at: When; aware.
    """

    at: datetime


@attrs.frozen
class WaitSignal:
    """Nothing can be done before a signal."""


Progress: TypeAlias = Complete | Cancelled | Failed | More | WaitUntil | WaitSignal
Outcome: TypeAlias = object
"""A :class:`Done` or an exception; anything else is a handler's mistake."""

Lane: TypeAlias = Generator[Attempt | Idle, Outcome, Progress]


class Workflows:
    """The workflows that a worker knows.

    Args:
        known: Workflows; several versions of one may stand side by side.
    """

    def __init__(self, known: Iterable[Workflow] = ()) -> None:
        self._known: dict[tuple[str, int], Workflow] = {}
        for workflow in known:
            self.add(workflow)

    def add(self, workflow: Workflow) -> None:
        """Make one known."""
        self._known[workflow.name, workflow.version] = workflow

    def knows(self, row: RunRow) -> bool:
        """Whether a run can be carried on here."""
        return (row.workflow, row.version) in self._known

    def of(self, row: RunRow) -> Workflow:
        """The workflow of a run.

        Raises:
            ConfigurationError: It is not known here.
        """
        try:
            return self._known[row.workflow, row.version]
        except KeyError:
            known = (
                ", ".join(sorted(f"{name!r} version {version}" for name, version in self._known)) or "none"
            )
            raise ConfigurationError(
                f"Run {row.id} belongs to the workflow {row.workflow!r}, version {row.version};"
                f" known here: {known}.",
                hint="Add that workflow to the worker; an old version, too, until its runs have ended.",
            ) from None


@attrs.frozen(kw_only=True)
class Slice:
    """How one lane works.

    Args:
        budget: Seconds after which it begins no further step; one it takes in any case.
        policy: Leases and repeats.
        stopping: Whether it should begin no further step.
        mask: Masks credentials in what is kept of errors.
        jitter: Random numbers, 0 ≤ n ≤ 1.
    """

    budget: float = 45.0
    policy: StepPolicy = attrs.field(factory=StepPolicy)
    stopping: Callable[[], bool] = lambda: False
    mask: Callable[[str], str] = str
    jitter: Callable[[], float] = random.random


def advance(ledger: Ledger, workflows: Workflows, run: str, options: Slice | None = None) -> Lane:
    """Carry a run on, step by step, until it ends, waits, or the budget is used up.

    Args:
        ledger: Where it stands.
        workflows: Who knows what its steps do.
        run: Its id.
        options: How; lanes of 45 seconds when left out.

    Yields:
        What to do.

    Returns:
        Where the run stands then.

    Raises:
        RunNotFoundError: There is no such run.
        ConfigurationError: Its workflow is not known here, or the session cannot work.
        StoreError: The store cannot be used.
    """
    row = ledger.get(run)
    if (ended := _ended(row)) is not None:
        return ended
    return (yield from _Advance(ledger, workflows.of(row), row, options or Slice()).steps())


class _Advance:
    def __init__(self, ledger: Ledger, workflow: Workflow, row: RunRow, options: Slice) -> None:
        self._ledger = ledger
        self._workflow = workflow
        self._run = row.id
        self._given: JSON = row.input
        self._options = options
        self._policy = options.policy
        self._ends = ledger.now() + timedelta(seconds=options.budget)
        self._collisions = 0

    def steps(self) -> Lane:
        # The first one whatever the budget: every slice brings the run on.
        claim = None if self._options.stopping() else self._claim()
        while True:
            if claim is not None:
                outcome = yield from self._attempt(claim)
                claim = self._settle(claim, outcome)
                continue
            row = self._ledger.get(self._run)
            if (standing := _ended(row) or _waiting(row)) is not None:
                return standing
            if self._over():
                return More()
            wait = 0.0 if row.wakes_at is None else (row.wakes_at - self._ledger.now()).total_seconds()
            if wait > 0:
                yield Idle(wait)
            claim = self._next()

    def _over(self) -> bool:
        return self._options.stopping() or self._ledger.now() >= self._ends

    def _next(self) -> Claim | None:
        return None if self._over() else self._claim()

    def _claim(self) -> Claim | None:
        return self._ledger.claim(self._run, self._policy.lease)

    def _attempt(self, claim: Claim) -> Generator[Attempt, Outcome, Outcome]:
        context = StepContext(self._ledger, claim, self._given)
        try:
            flow = self._workflow.handler(claim.step.kind)(context, claim.step)
        except Exception as error:  # noqa: BLE001 - whatever a handler does, its run knows
            return error
        try:
            return (yield Attempt(claim, flow))
        except BaseException:
            # The driver is leaving (Ctrl-C, a cancelled task): nobody should have to wait for the lease.
            flow.close()
            self._release(claim)
            raise

    def _settle(self, claim: Claim, outcome: Outcome) -> Claim | None:
        """Commit what became of a step; the next one when it was claimed on the way."""
        try:
            if isinstance(outcome, Done):
                return self._finish(claim, outcome)
            if isinstance(outcome, NOT_THE_RUNS):
                self._release(claim)
                raise outcome
            if not isinstance(outcome, Exception):
                outcome = TypeError(f"the handler of {claim.step.kind!r} returned no Done")
            if not isinstance(outcome, LeaseLostError):
                self._fail(claim, outcome)
        except LeaseLostError as error:
            outcome = error
        if isinstance(outcome, LeaseLostError):
            _log.warning("%s", outcome.message)
        return self._next()

    def _finish(self, claim: Claim, done: Done) -> Claim | None:
        lease = None if self._over() else self._policy.lease
        try:
            following = self._ledger.finish(claim, done, claim_next=lease)
        except StateChangedError as error:
            self._collisions += 1
            if self._collisions >= _COLLISIONS:
                self._fail(claim, error)
            else:
                self._ledger.release(claim)
            return self._next()
        except InvalidInputError as error:
            self._fail(claim, error)
            return None
        self._collisions = 0
        return following

    def _release(self, claim: Claim) -> None:
        try:
            self._ledger.release(claim)
        except StoreError as error:
            _log.warning("A step could not be given back, and waits for the end of its lease: %s", error)

    def _fail(self, claim: Claim, error: Exception) -> None:
        text = self._options.mask(describe(error))
        retry_at = self._policy.retry_at(error, claim.failures, self._ledger.now(), self._options.jitter())
        what = "the run has failed" if retry_at is None else f"again at {retry_at:%Y-%m-%d %H:%M:%S} UTC"
        _log.warning("Step %r of run %s failed; %s. %s", claim.step.key, claim.run, what, text)
        self._ledger.fail(claim, text, retry_at)


def _ended(row: RunRow) -> Progress | None:
    if row.status == "done":
        return Complete()
    if row.status == "cancelled":
        return Cancelled()
    return Failed(row.error or "") if row.status == "failed" else None


def _waiting(row: RunRow) -> Progress | None:
    if row.status != "waiting":
        return None
    return WaitSignal() if row.wakes_at is None else WaitUntil(row.wakes_at)


__all__ = [
    "Attempt",
    "Cancelled",
    "Complete",
    "Failed",
    "Idle",
    "Lane",
    "More",
    "Outcome",
    "Progress",
    "Slice",
    "WaitSignal",
    "WaitUntil",
    "Workflows",
    "advance",
]
