"""The server's time: real, shifted or frozen, and what is due when it moves."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox._rows import from_us, to_us
from bulkeditor.sandbox._store import MICROSECONDS, Store

_log: Final = logging.getLogger("bulkeditor.sandbox")
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")


def span(by: str | timedelta) -> timedelta:
    """A duration: a timedelta, or text such as ``"3d"`` or ``"1h 30m"``.

    Raises:
        InvalidInputError: The text is no duration, or it is negative.
    """
    if isinstance(by, timedelta):
        result = by
    else:
        compact = by.strip()
        parts = _PART.findall(compact)
        if not parts or _PART.sub("", compact).strip():
            raise InvalidInputError(
                f"advance: {by!r} is no duration.",
                hint="Use a timedelta, or text such as '3d', '90m', '1h 30m'.",
            )
        result = timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    if result < timedelta(0):
        raise InvalidInputError(
            "advance: time does not run backwards.", hint="Give a duration of zero or more."
        )
    return result


class Clock:
    """What time it is on the server.

    Args:
        frozen_at: Stand still at this time; None runs with the machine's clock.
    """

    def __init__(self, frozen_at: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._still: int | None = None if frozen_at is None else to_us(frozen_at)
        self._offset = 0
        self._moved: Callable[[], None] = lambda: None
        self._drive: Callable[[int], None] = self._set

    def attach(self, *, moved: Callable[[], None], drive: Callable[[int], None]) -> None:
        """Whom to tell that the clock was set, and who walks through what is due up to a time."""
        self._moved, self._drive = moved, drive

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return self._still is not None

    def now(self) -> datetime:
        """The server's time, aware, in UTC."""
        return from_us(self.now_us())

    def now_us(self) -> int:
        """Microseconds since 1970, cut to whole milliseconds: what the API can show."""
        with self._lock:
            now = self._still if self._still is not None else time.time_ns() // 1000 + self._offset
        return now - now % 1000

    def freeze(self, at: datetime | None = None) -> None:
        """Stand still, now or at a given aware time.

        Args:
            at: The time to stand at; the current one when left out.

        Raises:
            InvalidInputError: ``at`` has no time zone.
        """
        if at is not None and at.tzinfo is None:
            raise InvalidInputError(
                "freeze: the time has no zone.", hint="Give an aware datetime, for example in UTC."
            )
        still = self.now_us() if at is None else to_us(at)
        with self._lock:
            self._still = still
        self._moved()

    def unfreeze(self) -> None:
        """Run on from the current time."""
        with self._lock:
            if self._still is not None:
                self._offset = self._still - time.time_ns() // 1000
                self._still = None
        self._moved()

    def advance(self, by: str | timedelta) -> datetime:
        """Move forward; everything that falls due on the way has happened, in order, before this returns.

        Args:
            by: ``"3d"``, ``"90m"``, ``"1h 30m"`` or a timedelta.

        Returns:
            The new time.

        Raises:
            InvalidInputError: No duration, or a negative one.
        """
        self._drive(self.now_us() + span(by) // timedelta(microseconds=1))
        return self.now()

    def _set(self, now: int) -> None:
        with self._lock:
            if self._still is not None:
                self._still = now
            else:
                self._offset = now - time.time_ns() // 1000

    def hold(self) -> bool:
        """Stand still while due things happen one after the other; answers whether it stood already."""
        stood = self.frozen
        if not stood:
            still = self.now_us()
            with self._lock:
                self._still = still
        return stood

    def reach(self, now: int) -> None:
        """Set the time while it is held."""
        with self._lock:
            self._still = max(now, self._still or 0)

    def release(self, stood: bool) -> None:  # noqa: FBT001 -- the answer of hold(), handed back
        """End a :meth:`hold`."""
        if not stood:
            with self._lock:
                if self._still is not None:
                    self._offset = self._still - time.time_ns() // 1000
                    self._still = None

    def state(self) -> tuple[int | None, int]:
        """For a snapshot."""
        with self._lock:
            return self._still, self._offset

    def set_state(self, state: tuple[int | None, int]) -> None:
        """From a snapshot."""
        with self._lock:
            self._still, self._offset = state
        self._moved()


class Timers:
    """What is due when, and the workers that do it: a thread for each lane, started when first needed.

    Nothing polls: a worker sleeps until its next time is due, or until something is added or the clock is
    set.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._handlers: dict[str, Callable[[str], None]] = {}
        self._changed = threading.Condition()
        self._lanes: dict[str, threading.Thread] = {}
        self._wanted: set[str] = set()
        self._running = 0
        self._paused = 0
        self._open = False
        self._driving = threading.Lock()
        self._on_stop: list[Callable[[], None]] = []
        clock.attach(moved=self.wake, drive=self._drive_to)

    def handle(self, kind: str, handler: Callable[[str], None]) -> None:
        """Who does what is due of this kind."""
        self._handlers[kind] = handler

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Called when stopping: break off what may wait long."""
        self._on_stop.append(callback)

    def add(self, due: int, lane: str, kind: str, ref: str) -> None:
        """Inside a transaction: something to do at a time."""
        self._store.execute(
            "INSERT INTO timers (due, lane, kind, ref) VALUES (?, ?, ?, ?)", (due, lane, kind, ref)
        )
        # Not under self._changed: a worker holds that while it asks the store, whose lock is held here.
        self._wanted.add(lane)
        self._store.after_commit(self.wake)

    def remove(self, kind: str, ref: str) -> None:
        """Inside a transaction: no longer to do."""
        self._store.execute("DELETE FROM timers WHERE kind = ? AND ref = ?", (kind, ref))

    def has(self, kind: str, ref: str) -> bool:
        """Whether it is still to do."""
        found = self._store.row("SELECT 1 FROM timers WHERE kind = ? AND ref = ?", (kind, ref))
        return found is not None

    def start(self) -> None:
        """Let the workers work."""
        lanes = {row[0] for row in self._store.rows("SELECT DISTINCT lane FROM timers")}
        with self._changed:
            self._open = True
            self._wanted |= lanes
        self.wake()

    def stop(self) -> None:
        """End every worker; what is not done stays due."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
            threads = list(self._lanes.values())
        for callback in self._on_stop:
            callback()
        for thread in threads:
            thread.join()
        with self._changed:
            self._wanted |= set(self._lanes)
            self._lanes.clear()

    def wake(self) -> None:
        """Look again: something was added, or the clock was set."""
        with self._changed:
            if self._open:
                for lane in sorted(self._wanted - self._lanes.keys()):
                    thread = threading.Thread(
                        target=self._work, args=(lane,), name=f"sandbox-{lane}", daemon=True
                    )
                    self._lanes[lane] = thread
                    thread.start()
            self._changed.notify_all()

    def pause(self) -> None:
        """Hold the workers back and wait until none is at work."""
        with self._changed:
            self._paused += 1
            self._changed.wait_for(lambda: self._running == 0)

    def resume(self) -> None:
        """End a :meth:`pause`."""
        with self._changed:
            self._paused -= 1
        self.wake()

    def settle(self, timeout: float = 10.0) -> bool:
        """Wait until nothing that is due is left undone; False when ``timeout`` seconds do not suffice."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == 0 and not self._due(), timeout)

    def _due(self) -> bool:
        return (
            self._store.value("SELECT 1 FROM timers WHERE due <= ? LIMIT 1", (self._clock.now_us(),))
            is not None
        )

    def _work(self, lane: str) -> None:
        while True:
            with self._changed:
                timer = self._await(lane)
                if timer is None:
                    return
                self._running += 1
            try:
                self._handlers[timer[0]](timer[1])
            except Exception:  # noqa: BLE001 -- logged; see below
                # One broken task must not end the lane: what is due after it would never happen.
                _log.exception("sandbox: %s %s failed", *timer)
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

    def _await(self, lane: str) -> tuple[str, str] | None:
        while self._open:
            wait: float | None = None
            if not self._paused:
                row = self._store.row(
                    "SELECT num, due, kind, ref FROM timers WHERE lane = ? ORDER BY due, num LIMIT 1", (lane,)
                )
                if row is not None:
                    remaining = row[1] - self._clock.now_us()
                    if remaining <= 0:
                        return self._claim(row)
                    # A frozen clock moves only by being set, which wakes this up.
                    wait = None if self._clock.frozen else remaining / MICROSECONDS
            self._changed.wait(None if wait is None else min(wait, threading.TIMEOUT_MAX))
        return None

    def _claim(self, row: Any) -> tuple[str, str]:
        with self._store.lock:
            self._store.execute("DELETE FROM timers WHERE num = ?", (row[0],))
        return row[2], row[3]

    def _drive_to(self, target: int) -> None:
        with self._driving:
            self.pause()
            stood = self._clock.hold()
            try:
                while (timer := self._earliest(target)) is not None:
                    self._clock.reach(timer[1])
                    self._handlers[timer[2]](timer[3])
                self._clock.reach(target)
            finally:
                self._clock.release(stood)
                self.resume()

    def _earliest(self, target: int) -> Any:
        with self._store.lock:
            row = self._store.execute(
                "SELECT num, due, kind, ref FROM timers WHERE due <= ? ORDER BY due, num LIMIT 1", (target,)
            ).fetchone()
            if row is not None:
                self._store.execute("DELETE FROM timers WHERE num = ?", (row[0],))
            return row
