"""The blocking driver of a run: lanes are threads, and one more thread renews leases."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Final

from bulkeditor.engine._advance import Attempt, Idle, Lane, Outcome, Progress
from bulkeditor.engine._failure import StepPolicy
from bulkeditor.engine._types import Claim, Ledger
from bulkeditor.errors import LeaseLostError, StoreError
from bulkeditor.http import Session, SystemClock
from bulkeditor.http._guard import Stop, current_stop

_log: Final = logging.getLogger("bulkeditor.engine")

POLL: Final = 1.0
"""Seconds after which an idle lane looks whether other processes have left it something."""

BEATS: Final = 3
"""How often a lease is renewed before it would run out."""


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
        ledger: Where they stand.
        lease: Seconds.
    """

    def __init__(self, ledger: Ledger, lease: float) -> None:
        self._ledger = ledger
        self._lease = lease
        self._lock = threading.Lock()
        self._held: dict[int, tuple[Claim, Stop]] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, claim: Claim) -> Generator[Stop]:
        """Keep a claim while the block lasts.

        Yields:
            What is set once the claim is lost all the same.
        """
        stop = Stop()
        with self._lock:
            self._held[claim.seq] = (claim, stop)
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="bulkeditor-leases", daemon=True)
                self._thread.start()
        try:
            yield stop
        finally:
            with self._lock:
                del self._held[claim.seq]

    def let_go(self) -> None:
        """Break off what is under way."""
        with self._lock:
            for _, stop in self._held.values():
                stop.set()

    def close(self) -> None:
        """End the thread."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(self._lease / BEATS):
            with self._lock:
                held = list(self._held.values())
            for claim, stop in held:
                if still_held(self._ledger, claim, self._lease) is False:
                    stop.set()


def still_held(ledger: Ledger, claim: Claim, lease: float) -> bool | None:
    """Renew a claim; False when it is lost, None when nobody can tell."""
    try:
        ledger.renew(claim, lease)
    except LeaseLostError:
        return False
    except StoreError as error:
        # The step goes on: whoever commits it is told when the lease ran out meanwhile.
        _log.warning("A lease could not be renewed: %s", error)
        return None
    return True


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
        self._policy = policy
        self._heartbeat = Heartbeat(ledger, policy.lease)
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
        try:
            heard = self._bell.rung
            event = next(lane)
            while True:
                outcome = self._do(event, heard)
                heard = self._bell.rung
                event = lane.send(outcome)
                self._bell.ring()
        except StopIteration as end:
            progress: Progress = end.value
            return progress
        finally:
            lane.close()

    def _do(self, event: Attempt | Idle, heard: int) -> Outcome:
        if isinstance(event, Idle):
            self._idle(event.seconds, heard)
            return None
        with self._heartbeat.holding(event.claim) as lost:
            reset = current_stop.set(lost)
            try:
                return self._session.run(event.flow, deadline=self._policy.deadline)
            except Exception as error:  # noqa: BLE001 - whatever a step raises, its run knows
                if self._leaving:
                    raise _LeavingError from None
                return error
            finally:
                current_stop.reset(reset)

    def _idle(self, seconds: float, heard: int) -> None:
        clock = self._session.config.clock
        others = self._count(-1)
        if isinstance(clock, SystemClock) or others:
            self._bell.wait(heard, min(seconds, POLL))
        else:
            # A clock that skips time: it skips the lease of a worker that died, never that of another lane.
            clock.sleep(seconds)
        self._count(1)

    def _count(self, change: int) -> int:
        """Lanes that may hold a step, after one more or less of them does."""
        with self._counting:
            self._at_work += change
            return self._at_work


__all__ = ["BEATS", "POLL", "Bell", "Heartbeat", "Lanes", "still_held"]
