"""The blocking driver of a run: lanes are threads, and one more thread renews leases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime
from typing import Final

from bulkeditor.engine._advance import Attempt, Idle, Lane, Outcome, Progress
from bulkeditor.engine._failure import StepPolicy
from bulkeditor.engine._lease import BEATS, Lease
from bulkeditor.engine._ledger import Ledger
from bulkeditor.http import Session, SystemClock
from bulkeditor.http._guard import Stop, current_stop

POLL: Final = 1.0
"""Seconds after which an idle lane looks whether other processes have left it something."""


class Bell:
    """Wakes the idle lanes of a run when one of them has done something."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rung = 0

    @property
    def rung(self) -> int:
        """How often it was rung."""
        return self._rung

    def ring(self) -> None:
        """Something was done."""
        with self._changed:
            self._rung += 1
            self._changed.notify_all()

    def wait(self, heard: int, seconds: float) -> None:
        """Wait until it was rung more often than that, or for some seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._rung != heard, seconds)


class Heartbeat:
    """Renews the leases of steps that take long, in a thread of its own.

    Args:
        pause: Seconds from one renewal to the next.
    """

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._lock = threading.Lock()
        self._held: dict[Lease, Stop] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, lease: Lease) -> Generator[None]:
        """Keep a lease while the block lasts; its requests are broken off when it is lost all the same."""
        stop = Stop()
        with self._lock:
            self._held[lease] = stop
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="bulkeditor-leases", daemon=True)
                self._thread.start()
        reset = current_stop.set(stop)
        try:
            yield
        finally:
            current_stop.reset(reset)
            with self._lock:
                del self._held[lease]

    def let_go(self) -> None:
        """Break off what is under way."""
        with self._lock:
            for stop in self._held.values():
                stop.set()

    def close(self) -> None:
        """End the thread."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(self._pause):
            with self._lock:
                held = list(self._held.items())
            for lease, stop in held:
                if not lease.renew():
                    stop.set()


class _LeavingError(BaseException):
    """Ends a lane whose caller is leaving; its step is given back, not counted as failed."""


class Lanes:
    """Drives several lanes of one run at once.

    Args:
        session: What sends requests.
        ledger: Where the run stands.
        policy: Leases and deadlines.
    """

    def __init__(self, session: Session, ledger: Ledger, policy: StepPolicy) -> None:
        self._session = session
        self._ledger = ledger
        self._policy = policy
        self._heartbeat = Heartbeat(policy.lease / BEATS)
        self._bell = Bell()
        self._counting = threading.Lock()
        self._at_work = 0
        self._broken = False
        self._leaving = False

    @property
    def broken(self) -> bool:
        """Whether a lane ended with an exception: the others should begin no further step."""
        return self._broken

    def run(self, lanes: int, start: Callable[[], Lane]) -> Progress:
        """Drive lanes until each of them ends.

        Args:
            lanes: How many.
            start: Makes one.

        Returns:
            What the last one to end found.
        """
        found: list[Progress] = []
        problems: list[BaseException] = []
        self._at_work = lanes

        def work() -> None:
            try:
                found.append(self._drive(start()))
            except _LeavingError:
                pass
            except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
                problems.append(error)
                self._break(error)
            finally:
                self._count(-1)
                self._bell.ring()

        threads = [
            threading.Thread(
                target=copy_context().run, args=(work,), name=f"bulkeditor-lane-{number}", daemon=True
            )
            for number in range(1, lanes)
        ]
        try:
            for thread in threads:
                thread.start()
            work()
            for thread in threads:
                thread.join()
        except BaseException as error:
            self._break(error)
            raise
        finally:
            for thread in threads:
                thread.join()
            self._heartbeat.close()
        if problems:
            raise problems[0]
        return found[-1]

    def _break(self, error: BaseException) -> None:
        """Let the other lanes finish their steps; or leave at once, when somebody pressed Ctrl-C."""
        self._broken = True
        if not isinstance(error, Exception):
            self._leaving = True
            self._heartbeat.let_go()

    def _drive(self, lane: Lane) -> Progress:
        now = self._session.config.clock.now
        outcome: Outcome = None
        try:
            while True:
                since, heard = now(), self._bell.rung
                event = lane.send(outcome)
                if outcome is not None:
                    # A step was settled. Rung for less, idle lanes would keep waking each other.
                    self._bell.ring()
                if isinstance(event, Idle):
                    self._idle(event.seconds, heard)
                    outcome = None
                else:
                    outcome = self._do(event, since)
        except StopIteration as end:
            progress: Progress = end.value
            return progress
        finally:
            lane.close()

    def _do(self, event: Attempt, since: datetime) -> Outcome:
        lease = Lease(
            self._ledger, event.claim, self._policy.lease, since=since, clock=self._session.config.clock
        )
        with self._heartbeat.holding(lease):
            try:
                return self._session.run(lease.watch(event.flow), deadline=self._policy.deadline)
            except Exception as error:  # noqa: BLE001 - whatever a step raises, its run knows
                if self._leaving:
                    raise _LeavingError from None
                return error

    def _idle(self, seconds: float, heard: int) -> None:
        clock = self._session.config.clock
        others = self._count(-1)
        if isinstance(clock, SystemClock) or others:
            self._bell.wait(heard, min(seconds, POLL))
        else:
            # A clock that skips time: it skips the lease of a worker that died, never that of another lane.
            clock.sleep(seconds)
            self._bell.ring()
        self._count(1)

    def _count(self, change: int) -> int:
        """Lanes that may hold a step, after one more or less of them does."""
        with self._counting:
            self._at_work += change
            return self._at_work


__all__ = ["POLL", "Bell", "Heartbeat", "Lanes"]
