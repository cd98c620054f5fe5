"""A clock for tests: every pause is over at once, and is written down."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta


class InstantClock:
    """Never sleeps; a pause moves its time forward instead, so deadlines and expiries still come due.

    Real time goes on passing as well, so a deadline also bounds a server that really is slow.
    It satisfies :class:`bulkeditor.http.Clock`; safe to share between threads.

    Args:
        start: Time of day to begin with; now, when it is left out.
    """

    def __init__(self, start: datetime | None = None) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError(
                "InstantClock(start=…) needs an aware datetime, such as datetime(2025, 1, 1, tzinfo=UTC)."
            )
        self._lock = threading.Lock()
        self._slept: list[float] = []
        self._skipped = 0.0
        self._born = time.monotonic()
        self._start = start if start is not None else datetime.now(UTC)

    @property
    def slept(self) -> list[float]:
        """Every pause asked for, in seconds, in order."""
        with self._lock:
            return list(self._slept)

    def now(self) -> datetime:
        """The starting time, plus what has passed and what was skipped."""
        return self._start.astimezone(UTC) + timedelta(seconds=self.monotonic() - self._born)

    def monotonic(self) -> float:
        """Real monotonic seconds plus all that was skipped."""
        with self._lock:
            return time.monotonic() + self._skipped

    def advance(self, seconds: float) -> None:
        """Move the time forward without recording a pause.

        Args:
            seconds: How far; not negative.
        """
        if seconds < 0:
            raise ValueError("Time only moves forward.")
        with self._lock:
            self._skipped += seconds

    def sleep(self, seconds: float) -> None:
        """Skip ``seconds`` and record them."""
        with self._lock:
            self._slept.append(seconds)
            self._skipped += max(0.0, seconds)

    async def asleep(self, seconds: float) -> None:
        """Skip ``seconds``, record them, and let other tasks run once."""
        self.sleep(seconds)
        await asyncio.sleep(0)


__all__ = ["InstantClock"]
