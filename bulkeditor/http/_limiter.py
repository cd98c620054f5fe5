"""One rate limiter for each credential: learns from the answers, and keeps callers from running into 429s."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import attrs

from bulkeditor.errors import InvalidInputError
from bulkeditor.http._retry_after import parse_reset


@attrs.frozen
class RateLimit:
    """A rate of your own, below or beside the server's.

    Args:
        requests: Requests allowed within ``per``; also the largest burst.
        per: Seconds.

    Raises:
        InvalidInputError: A value is not positive.
    """

    requests: int
    per: float = 60.0

    def __attrs_post_init__(self) -> None:
        if self.requests < 1 or self.per <= 0:
            raise InvalidInputError(
                "RateLimit needs requests ≥ 1 and per > 0 seconds, such as RateLimit(100, per=60)."
            )


class Limiter:
    """Says how long to wait before the next request may go. Thread-safe; reads no clock and never sleeps.

    Three sources, the strictest wins: a configured :class:`RateLimit` (a token bucket), the server's
    ``X-RateLimit-*`` headers, and 429s. The header's reset is read as documented: seconds until the window is
    full again, so once nothing remains everybody waits for it; that costs no throughput under a bucket, and
    is exact under a window.

    Args:
        rate: The configured rate, if any.
    """

    __slots__ = ("_blocked_until", "_interval", "_left", "_lock", "_rate", "_reset_at", "_theoretical")

    def __init__(self, rate: RateLimit | None = None) -> None:
        self._lock = threading.Lock()
        self._rate = rate
        self._interval = rate.per / rate.requests if rate else 0.0
        self._theoretical = 0.0
        self._blocked_until = 0.0
        self._left: int | None = None
        self._reset_at = 0.0

    def reserve(self, now: float) -> float:
        """Take a place for one request.

        Args:
            now: Monotonic seconds.

        Returns:
            0.0 when the request may go now (its place is taken), else seconds after which to ask again.
        """
        with self._lock:
            wait = self._blocked_until - now
            if self._left is not None:
                if now >= self._reset_at:
                    self._left = None
                elif self._left <= 0:
                    wait = max(wait, self._reset_at - now)
            if self._rate is not None:
                # Generic cell rate algorithm: one number instead of a bucket and a refill.
                tolerance = self._rate.per - self._interval
                wait = max(wait, self._theoretical - tolerance - now)
            # Below the clock's own grain a wait would only spin.
            if wait > 1e-9:  # noqa: PLR2004 - a nanosecond
                return wait
            if self._rate is not None:
                self._theoretical = max(self._theoretical, now) + self._interval
            if self._left is not None:
                self._left -= 1
            return 0.0

    def observe(self, headers: Mapping[str, str], now: float) -> None:
        """Take in the ``X-RateLimit-*`` headers of an answer.

        Args:
            headers: Names in lower case.
            now: Monotonic seconds.
        """
        remaining = headers.get("x-ratelimit-remaining", "")
        reset = parse_reset(headers.get("x-ratelimit-reset"))
        if reset is None or not (remaining.isascii() and remaining.isdigit()):
            return
        left = int(remaining[:18])
        with self._lock:
            reset_at = now + reset
            if self._left is None or now >= self._reset_at:
                self._left, self._reset_at = left, reset_at
            else:
                # Answers overtake each other: within one window the count only falls.
                self._left = min(self._left, left)
                self._reset_at = max(self._reset_at, reset_at) if self._left <= 0 else reset_at

    def pause(self, seconds: float, now: float) -> None:
        """Hold everybody back after a 429.

        Args:
            seconds: For how long.
            now: Monotonic seconds.
        """
        with self._lock:
            self._blocked_until = max(self._blocked_until, now + seconds)


__all__ = ["Limiter", "RateLimit"]
