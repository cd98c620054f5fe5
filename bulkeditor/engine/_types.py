"""The contract between the engine and what runs on it: steps, and what a step leaves behind.

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


def _nothing() -> Mapping[str, JSON]:
    return {}


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
    params: Mapping[str, JSON] = attrs.field(factory=_nothing)
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


__all__ = [
    "ANY",
    "Claim",
    "Context",
    "Done",
    "Handler",
    "Put",
    "RunRow",
    "RunStatus",
    "Step",
    "Workflow",
]
