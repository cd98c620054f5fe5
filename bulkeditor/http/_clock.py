"""Time, as the drivers see it; a test replaces it and nothing sleeps."""

from __future__ import annotations

import time
from datetime import UTC, datetime
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


__all__ = ["Clock", "SystemClock"]
