"""The contract of a ledger: where runs, steps and state live, whatever it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from bulkeditor.engine._types import Claim, Done, Put, RunRow, RunStatus, Step, Workflow
from bulkeditor.models import JSON


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
            lease: Seconds for which nobody else can take it; ten minutes at most. One that ends later was
                given while the clock was ahead, and holds nobody off.
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

        A step that failed and would be tried again in more than ten minutes can be taken at once.

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


__all__ = ["Ledger"]
