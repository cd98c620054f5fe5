"""A worker in this process, blocking; and what both kinds of workers share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Final, Generic, TypeVar

from bulkeditor.engine._advance import Lane, More, Progress, Slice, WaitUntil, Workflows, advance
from bulkeditor.engine._drive import Lanes
from bulkeditor.engine._failure import StepPolicy
from bulkeditor.engine._ledger import Ledger
from bulkeditor.engine._roster import Roster
from bulkeditor.engine._tick import Schedule, tick
from bulkeditor.engine._types import Workflow
from bulkeditor.errors import InvalidInputError, StoreError
from bulkeditor.http import AsyncSession, Session, SystemClock

_log: Final = logging.getLogger("bulkeditor.engine")
S = TypeVar("S", Session, AsyncSession)

NAP: Final = 0.2
"""Seconds after which a waiting worker looks again: for work, and whether it was stopped."""


class Workshop(Generic[S]):
    """What both kinds of workers are made of.

    Args:
        ledger: Where runs stand.
        session: What sends requests.
        workflows: What it knows to do.
        schedules: What it starts by itself.
        lanes: Steps of one run that are done at once.
        policy: Leases and repeats.
        budget: Seconds of a slice.

    Raises:
        InvalidInputError: ``lanes`` is below 1.
    """

    def __init__(
        self,
        ledger: Ledger,
        session: S,
        workflows: Iterable[Workflow] = (),
        *,
        schedules: Iterable[Schedule] = (),
        lanes: int = 1,
        policy: StepPolicy | None = None,
        budget: float = 45.0,
    ) -> None:
        if lanes < 1:
            raise InvalidInputError(f"lanes must be at least 1, not {lanes}.")
        self._ledger = ledger
        self._session: S = session
        self._workflows = Workflows(workflows)
        self._schedules = list(schedules)
        self._lanes = lanes
        self._policy = policy or StepPolicy()
        self._budget = budget
        # No threading.Event: to set one in a signal handler can mean to wait for the thread it interrupted.
        self._stopped = False

    def add(self, workflow: Workflow) -> None:
        """Make a workflow known.

        Args:
            workflow: What runs of its name and version are.
        """
        self._workflows.add(workflow)

    def stop(self) -> None:
        """Begin no further step; steps under way are finished. May be called from a signal handler."""
        self._stopped = True

    def _due(self) -> Sequence[str]:
        due = tick(self._ledger, self._schedules)
        return [run for run in due if self._workflows.knows(self._ledger.get(run))]

    def _lane(self, run: str, broken: Callable[[], bool]) -> Callable[[], Lane]:
        options = Slice(
            budget=self._budget,
            policy=self._policy,
            stopping=lambda: self._stopped or broken(),
            mask=self._session.mask,
        )
        return lambda: advance(self._ledger, self._workflows, run, options)

    def _rest(self, progress: Progress, *, sleep: bool, until: datetime | None) -> float | None:
        """Seconds after which a run goes on; None when that is not for this worker to wait for."""
        if self._stopped:
            return None
        if isinstance(progress, More):
            return 0.0
        if isinstance(progress, WaitUntil) and sleep and (until is None or progress.at < until):
            return max(0.0, (progress.at - self._ledger.now()).total_seconds())
        return None


class Worker(Workshop[Session]):
    """Carries runs on, in this process, with blocking requests; lanes are threads.

    Any number of workers, in any number of processes, may work on one store.

    Args:
        ledger: Where runs stand.
        session: What sends requests.
        workflows: What it knows to do.
        schedules: What it starts by itself.
        lanes: Steps of one run that are done at once.
        policy: Leases and repeats.
        budget: Seconds of a slice.

    Raises:
        InvalidInputError: ``lanes`` is below 1.
    """

    def tick(self) -> Sequence[str]:
        """Start what schedules want started.

        Returns:
            The runs that this worker knows in which something can be done now.
        """
        return self._due()

    def advance(self, run: str) -> Progress:
        """Carry a run on for one slice: what an engine calls for each of its messages.

        Args:
            run: Its id.

        Returns:
            Where it stands then.

        Raises:
            RunNotFoundError: There is no such run.
            ConfigurationError: Its workflow is not known here, or the session cannot work.
            StoreError: The store cannot be used.
        """
        lanes = Lanes(self._session, self._ledger, self._policy)
        return lanes.run(self._lanes, self._lane(run, lambda: lanes.broken))

    def run(self, run: str, *, sleep: bool = True, until: datetime | None = None) -> Progress:
        """Carry a run on until it ends, waits for a signal, or the worker is stopped.

        Args:
            run: Its id.
            sleep: Whether to sleep until times that the run waits for; otherwise such a time ends it, too.
            until: So does a time from here on: it is not slept for. None = no such limit.

        Returns:
            Where it stands then.

        Raises:
            RunNotFoundError: There is no such run.
            ConfigurationError: Its workflow is not known here, or the session cannot work.
            StoreError: The store cannot be used.
        """
        while True:
            progress = self.advance(run)
            rest = self._rest(progress, sleep=sleep, until=until)
            if rest is None:
                return progress
            self._nap(rest)

    def serve(self, *, runs: int = 4) -> None:
        """Carry on every run of the store until :meth:`stop` is called.

        Args:
            runs: How many at once.
        """
        roster = Roster(runs)
        under_way: dict[Future[Progress], str] = {}
        with ThreadPoolExecutor(runs, thread_name_prefix="bulkeditor-run") as pool:
            try:
                while not self._stopped:
                    for run in self._choose(roster):
                        under_way[pool.submit(self.advance, run)] = run
                    if not under_way:
                        self._nap(NAP)
                    ended = wait(under_way, timeout=NAP, return_when=FIRST_COMPLETED).done
                    for future in ended:
                        roster.ended(under_way.pop(future), future.exception(), self._ledger.now())
            finally:
                self._stopped = True

    def _choose(self, roster: Roster) -> list[str]:
        try:
            return roster.choose(self._due(), self._ledger.now())
        except StoreError as error:
            _log.error("%s", error)
            return []

    def _nap(self, seconds: float) -> None:
        clock = self._session.config.clock
        if seconds <= 0:
            return
        if not isinstance(clock, SystemClock):
            clock.sleep(seconds)
        else:
            # Short naps: the ledger's clock decides, and it may be set.
            clock.sleep(min(seconds, NAP))


__all__ = ["NAP", "Worker", "Workshop"]
