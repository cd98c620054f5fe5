"""The contract between the engine and what runs on it: steps, what a step leaves behind, and the ledger.

A long run is rows. A *step* is one row: what it does stands in ``kind`` and ``params``, and finishing it
commits its result, its state and the steps that follow in one transaction. Nothing is replayed to find the
place of a run: the next step is a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, Protocol, TypeAlias

import attrs

from bulkeditor.http import Exchange
from bulkeditor.models import JSON

RunStatus = Literal["waiting", "running", "done", "failed", "cancelled"]
"""``waiting``: nothing can be done before a time or a signal. ``running``: there is something to do now."""

NOTHING: Final[Mapping[str, JSON]] = {}


@attrs.frozen(kw_only=True)
class Step:
    """One thing to do.

    A step reads and decides, *or* writes exactly what its params hold, so that the idempotency key of its
    write, a hash of (run, step, params), can be computed again after a crash.

    Args:
        key: Unique within its run; adding a step whose key is there already adds nothing.
        kind: Names the handler.
        params: All that the handler needs, plain data.
        stage: Steps of a stage begin only when every step of the stages below it is done.
        not_before: Earliest time to begin: aware.
        signal: Begins when a signal of this name was handed to it (and ``not_before`` has come); what it
            carried is ``Context.signal``.
    """

    key: str
    kind: str
    params: Mapping[str, JSON] = NOTHING
    stage: int = 0
    not_before: datetime | None = None
    signal: str | None = None


ANY: Final = object()
"""No expectation of what a state entry holds; see :class:`Put`."""


@attrs.frozen(kw_only=True)
class Put:
    """One change of the store's state, committed with the step that asks for it.

    Args:
        space: A namespace; what several runs share has a space of its own, what belongs to one run alone
            stands in :meth:`Context.own`.
        key: Unique within its space.
        value: Plain data; ``None`` removes the entry.
        expect: What the entry must hold at the moment of the commit (``None`` = must not be there); when it
            holds something else, nothing is committed and the step is done again on what is there now.
    """

    space: str
    key: str
    value: JSON
    expect: object = ANY


@attrs.frozen(kw_only=True)
class Done:
    """What a finished step leaves behind: committed together, or not at all.

    Args:
        result: Kept under the step's key.
        then: Steps that follow.
        state: Changes of state.
    """

    result: JSON = None
    then: Sequence[Step] = ()
    state: Sequence[Put] = ()


class Context(Protocol):
    """What a handler may know beside its step: no wall clock, no I/O, only what the ledger holds."""

    @property
    def run(self) -> str:
        """The run's id."""
        ...

    @property
    def now(self) -> datetime:
        """The ledger's time when this attempt was claimed, aware, in UTC."""
        ...

    @property
    def attempt(self) -> int:
        """1 for the first; more means that an earlier attempt may have sent what this step sends."""
        ...

    @property
    def signal(self) -> JSON:
        """What the signal carried that the step waited for; None without one."""
        ...

    @property
    def input(self) -> JSON:
        """What the run was started with."""
        ...

    def result(self, key: str) -> JSON:
        """The result of a finished step of this run; None when there is none."""
        ...

    def results(self, kind: str) -> Iterator[tuple[str, JSON]]:
        """Keys and results of the finished steps of a kind, in the order in which they were added."""
        ...

    def state(self, space: str, key: str) -> JSON:
        """An entry of the store's state; None when there is none."""
        ...

    def entries(self, space: str, prefix: str = "") -> Iterator[tuple[str, JSON]]:
        """Entries of a space whose keys start so, in the order of their keys."""
        ...

    def own(self, name: str) -> str:
        """A space that belongs to this run alone."""
        ...

    def idempotency_key(self, part: str = "") -> str:
        """The key for a write of this step: the same at each attempt, another for each ``part``."""
        ...


Handler: TypeAlias = Callable[[Context, Step], Exchange[Done]]
"""Carries out a step: a flow, driven like every other exchange. One that asks nobody for anything says
``yield from ()``, which makes it a generator. What it raises, its run knows: see ``StepPolicy``."""


class Workflow(Protocol):
    """What a sync, an applied plan or a YAML workflow is to the engine."""

    @property
    def name(self) -> str:
        """Which workflow a stored run belongs to."""
        ...

    @property
    def version(self) -> int:
        """Rises when stored steps would be understood otherwise."""
        ...

    def first(self, input: JSON) -> Sequence[Step]:  # noqa: A002 - the engine's own word
        """The steps that a run begins with."""
        ...

    def handler(self, kind: str) -> Handler:
        """Who carries out steps of a kind.

        Raises:
            KeyError: This version knows no such kind.
        """
        ...


@attrs.frozen(kw_only=True)
class Claim:
    """A step that one worker holds for a while.

    Args:
        run: The run's id.
        step: What to do.
        seq: The step's number in the ledger; steps are done in this order.
        attempt: How often it was claimed, this time included. It is the claim's fence as well: whatever the
            holder of a lower one brings is refused.
        failures: How often it was given back with an error.
        expires: When the lease ends, by the ledger's clock, unless it is renewed.
        now: The ledger's time at the claim.
        signal: What its signal carried.
    """

    run: str
    step: Step
    seq: int
    attempt: int
    failures: int
    expires: datetime
    now: datetime
    signal: JSON = None


@attrs.frozen(kw_only=True)
class RunRow:
    """What the ledger knows about a run.

    Args:
        id: Made by the ledger.
        key: Unique: starting a second run under it gives the first.
        workflow: The workflow's name.
        version: The workflow's version that began it.
        status: Where it stands.
        input: What it was started with.
        created_at: When it was started.
        finished_at: When it ended; None while it goes on.
        error: Why it failed.
        steps: How many steps it has.
        done: How many of them are done.
        wakes_at: When something can be done next: the time that it waits for, or that a lease ends; None when
            only a signal helps, and once it has ended.
        traceparent: The W3C trace context in which it was started.
    """

    id: str
    key: str
    workflow: str
    version: int
    status: RunStatus
    input: JSON = attrs.field(repr=False)
    created_at: datetime
    finished_at: datetime | None = None
    error: str | None = None
    steps: int = 0
    done: int = 0
    wakes_at: datetime | None = None
    traceparent: str | None = None


class Ledger(Protocol):
    """Where runs, steps and state live. One suite of tests holds each implementation to it.

    The ledger's own clock counts, never a worker's. Whatever writes does so in one transaction. Every method
    raises :class:`~bulkeditor.errors.StoreError` when the store cannot be used.
    """

    def start_run(
        self,
        key: str,
        workflow: Workflow,
        input: JSON = None,  # noqa: A002 - the engine's own word
        *,
        state: Sequence[Put] = (),
        traceparent: str | None = None,
    ) -> str:
        """Begin a run with its first steps and some state; an existing key begins nothing.

        Args:
            key: Unique.
            workflow: What the run is.
            input: What it is started with: plain data.
            state: Entries that are made with it; those of its own stand in ``own_space(NEW, name)``.
            traceparent: The W3C trace context.

        Returns:
            The run's id, new or old.

        Raises:
            StateChangedError: State is not as expected; nothing was begun.
        """
        ...

    def claim(self, run: str | None, lease: float) -> Claim | None:
        """Take the next step that can be done: lowest unfinished stage only, of one run or of any.

        What came due (a retry, a lease that ran out, a time) goes first, in the order in which it did; then
        the others, in the order in which they were added.

        Args:
            run: The run; None = any.
            lease: Seconds for which nobody else can take it.
        """
        ...

    def finish(self, claim: Claim, done: Done, *, claim_next: float | None = None) -> Claim | None:
        """Commit what a step leaves behind, and claim the run's next step in the same transaction.

        Args:
            claim: Under which the step was done.
            done: What it leaves.
            claim_next: Seconds of lease for the next step of the same run; None claims none.

        Raises:
            LeaseLostError: Somebody else has taken the step since; nothing was committed.
            StateChangedError: State is not as expected; nothing was committed, the claim is still held.
        """
        ...

    def renew(self, claim: Claim, lease: float) -> Claim:
        """Hold a step for longer.

        Raises:
            LeaseLostError: Somebody else has taken it since.
        """
        ...

    def release(self, claim: Claim) -> None:
        """Give a step back as it is: it can be taken at once. Does nothing when the claim is lost."""
        ...

    def fail(self, claim: Claim, error: str, retry_at: datetime | None) -> None:
        """Give a step back that did not work: to be tried again at a time, or, with None, the run has failed.

        Raises:
            LeaseLostError: Somebody else has taken it since; nothing was changed.
        """
        ...

    def signal(self, run: str, name: str, delivery_id: str, payload: JSON = None) -> bool:
        """Hand a signal to the oldest step of a run that waits for this name.

        While none waits it is kept for the first one that will.

        Returns:
            False when this delivery came before, or the run has ended; nothing was changed then.

        Raises:
            RunNotFoundError: There is no such run.
        """
        ...

    def wake_at(self, run: str, key: str, time: datetime) -> bool:
        """Move the earliest time of a step; False when it has begun, or there is none."""
        ...

    def cancel(self, run: str) -> bool:
        """End a run before its next step; False when it has ended already.

        A step under way may finish, and what it leaves behind is kept.

        Raises:
            RunNotFoundError: There is no such run.
        """
        ...

    def resume(self, run: str) -> bool:
        """Let a run that failed or was cancelled go on where it stopped; False when it did neither.

        Raises:
            RunNotFoundError: There is no such run.
        """
        ...

    def fire(
        self,
        schedule: str,
        scheduled_at: datetime,
        workflow: Workflow,
        input: JSON = None,  # noqa: A002 - as above
    ) -> str | None:
        """Start the run of a schedule for a moment: once, ever, however many workers try.

        Returns:
            The run's id; None when the schedule fired for this moment already.
        """
        ...

    def take(self, limit: str, n: int, *, rate: float, burst: int) -> float:
        """Take tokens from a shared rate limit.

        Args:
            limit: The limit's name.
            n: How many.
            rate: Tokens that come back in a second.
            burst: How many can be saved up.

        Returns:
            Seconds to wait before using them; 0 = now. They are taken in any case.
        """
        ...

    def slot(self, name: str, limit: int, lease: float) -> int | None:
        """Take one of a number of shared places for some seconds.

        Returns:
            Its fence, to give it back with; None when all are taken.
        """
        ...

    def renew_slot(self, name: str, fence: int, lease: float) -> bool:
        """Keep a place for longer; False when its lease ran out before."""
        ...

    def free_slot(self, name: str, fence: int) -> None:
        """Give a place back; does nothing when its lease ran out."""
        ...

    def get(self, run: str) -> RunRow:
        """What is known about a run.

        Raises:
            RunNotFoundError: There is none.
        """
        ...

    def find(self, key: str) -> RunRow | None:
        """The run that was started under a key."""
        ...

    def runs(self, *, workflow: str | None = None, status: RunStatus | None = None) -> Iterator[RunRow]:
        """All runs, newest first."""
        ...

    def due(self) -> Sequence[str]:
        """Runs in which something can be done now, oldest first."""
        ...

    def results(self, run: str, kind: str | None = None) -> Iterator[tuple[Step, JSON]]:
        """Finished steps with their results, in the order in which they were added."""
        ...

    def result(self, run: str, key: str) -> JSON:
        """The result of a finished step; None when there is none."""
        ...

    def unfinished(self, run: str) -> Iterator[tuple[Step, int]]:
        """Steps that are not done, with the number of their attempts, in the order they were added."""
        ...

    def state(self, space: str, key: str) -> JSON:
        """An entry of the state; None when there is none."""
        ...

    def entries(self, space: str, prefix: str = "") -> Iterator[tuple[str, JSON]]:
        """Entries of a space whose keys start so, in the order of their keys."""
        ...

    def put(self, puts: Sequence[Put]) -> None:
        """Change state outside any run.

        Raises:
            StateChangedError: An entry is not as expected; nothing was changed.
        """
        ...

    def prune(self, before: datetime) -> int:
        """Forget runs that ended before a time, with their steps, results and own state.

        Returns:
            How many.
        """
        ...

    def now(self) -> datetime:
        """The ledger's time, aware, in UTC."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


__all__ = [
    "ANY",
    "Claim",
    "Context",
    "Done",
    "Handler",
    "Ledger",
    "Put",
    "RunRow",
    "RunStatus",
    "Step",
    "Workflow",
]
