"""A worker in this process, blocking."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Final

from bulkeditor._secret import Secret
from bulkeditor.engine._advance import More, Progress, Slice, WaitUntil, Workflows, advance
from bulkeditor.engine._drive import Lanes
from bulkeditor.engine._failure import StepPolicy
from bulkeditor.engine._tick import Schedule, tick
from bulkeditor.engine._types import Ledger, Workflow
from bulkeditor.http import Session, SystemClock
from bulkeditor.http.auth import Discreet

_NAP: Final = 1.0
"""Seconds between two ticks."""


class Worker:
    """Carries runs on, in this process, with blocking requests.

    Any number of workers, in any number of processes, may work on one store.

    Args:
        ledger: Where runs stand.
        session: What sends requests.
        workflows: What it knows to do.
        schedules: What it starts by itself.
        lanes: Threads that work on one run at once.
        policy: Leases and repeats.
        budget: Seconds of a slice.
    """

    def __init__(
        self,
        ledger: Ledger,
        session: Session,
        workflows: Iterable[Workflow] = (),
        *,
        schedules: Iterable[Schedule] = (),
        lanes: int = 1,
        policy: StepPolicy | None = None,
        budget: float = 45.0,
    ) -> None:
        self._ledger = ledger
        self._session = session
        self._workflows = Workflows(workflows)
        self._schedules = list(schedules)
        self._lanes = lanes
        self._policy = policy or StepPolicy()
        self._budget = budget
        self._stopped = threading.Event()

    def add(self, workflow: Workflow) -> None:
        """Make a workflow known."""
        self._workflows.add(workflow)

    def tick(self) -> Sequence[str]:
        """Start what schedules want started; see :func:`tick`."""
        return [
            run for run in tick(self._ledger, self._schedules) if self._workflows.knows(self._ledger.get(run))
        ]

    def advance(self, run: str, *, lanes: int | None = None) -> Progress:
        """Carry a run on for one slice.

        Args:
            run: Its id.
            lanes: Threads at once; the worker's own number when left out.

        Returns:
            Where it stands then.

        Raises:
            RunNotFoundError: There is no such run.
            ConfigurationError: Its workflow is not known here.
            StoreError: The store cannot be used.
        """
        driver = Lanes(self._session, self._ledger, self._policy)
        options = Slice(
            budget=self._budget,
            policy=self._policy,
            stopping=lambda: driver.broken or self._stopped.is_set(),
            secrets=secrets_of(self._session.config.auth),
        )
        return driver.run(
            self._lanes if lanes is None else lanes,
            lambda: advance(self._ledger, self._workflows, run, options),
        )

    def run(self, run: str, *, lanes: int | None = None, wait: bool = True) -> Progress:
        """Carry a run on until it ends, waits for a signal, or the worker is stopped.

        Args:
            run: Its id.
            lanes: As for :meth:`advance`.
            wait: Whether to sleep until times that the run waits for; otherwise such a time ends it, too.

        Returns:
            Where it stands then.

        Raises:
            RunNotFoundError: There is no such run.
            ConfigurationError: Its workflow is not known here.
            StoreError: The store cannot be used.
        """
        while True:
            progress = self.advance(run, lanes=lanes)
            if self._stopped.is_set():
                return progress
            if isinstance(progress, WaitUntil) and wait:
                self._sleep((progress.at - self._ledger.now()).total_seconds())
            elif not isinstance(progress, More):
                return progress

    def serve(self) -> None:
        """Carry on every run of the store until :meth:`stop` is called."""
        while not self._stopped.is_set():
            for run in self.tick():
                if self._stopped.is_set():
                    return
                self.advance(run)
            self._sleep(_NAP)

    def stop(self) -> None:
        """Begin no further step; a step under way is finished. Safe to call from a signal handler."""
        self._stopped.set()

    def _sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        if isinstance(self._session.config.clock, SystemClock):
            self._stopped.wait(min(seconds, _NAP))
        else:
            self._session.config.clock.sleep(seconds)


def secrets_of(auth: object) -> tuple[Secret, ...]:
    """What may never be kept of errors."""
    return auth.secrets() if isinstance(auth, Discreet) else ()


__all__ = ["Worker", "secrets_of"]
