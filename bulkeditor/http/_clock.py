"""Time, as the drivers see it; a test replaces it and nothing sleeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where a session gets the time from, and how it sleeps."""

    def now(self) -> datetime:
        """The time of day, aware, in UTC; token expiry and HTTP dates are compared with it."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards; deadlines are measured with it."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block the thread for ``seconds``."""
        ...

    async def asleep(self, seconds: float) -> None:
        """Suspend the task for ``seconds``."""
        ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """``time.monotonic()``."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """``time.sleep(seconds)``."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """``asyncio.sleep(seconds)``."""
        import asyncio  # noqa: PLC0415 - a blocking program never loads it

        await asyncio.sleep(seconds)

    def __repr__(self) -> str:
        return "SystemClock()"


class FollowingClock(SystemClock):
    """The machine's clock, but for the time of day: a server on this machine tells that.

    Where the server's time stands still, what is slept here passes all the same: whoever waits for a moment
    comes there.

    Args:
        now: Tells the server's time: aware.
    """

    __slots__ = ("_lock", "_now", "_slept", "_told")

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._told = now()
        self._slept = timedelta(0)

    def now(self) -> datetime:
        """What time it is there, in UTC."""
        with self._lock:
            told = self._now()
            if told != self._told:
                # Never back: what was slept counts until the server's time has caught up.
                self._slept = max(timedelta(0), self._told + self._slept - told)
                self._told = told
            return (told + self._slept).astimezone(UTC)

    def sleep(self, seconds: float) -> None:
        """``time.sleep(seconds)``."""
        super().sleep(seconds)
        self._pass(seconds)

    async def asleep(self, seconds: float) -> None:
        """``asyncio.sleep(seconds)``."""
        await super().asleep(seconds)
        self._pass(seconds)

    def _pass(self, seconds: float) -> None:
        with self._lock:
            self._slept += timedelta(seconds=seconds)

    def __repr__(self) -> str:
        return f"FollowingClock({self._now!r})"


__all__ = ["Clock", "FollowingClock", "SystemClock"]
