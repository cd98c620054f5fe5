"""Rate limits: one bucket for each credential, that fills evenly with the server's clock."""

from __future__ import annotations

import math
import threading
from typing import TypeAlias

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox._http import Refusal
from bulkeditor.sandbox._store import MICROSECONDS

RateLimit: TypeAlias = "int | tuple[int, float]"


class Limits:
    """How many requests each credential has left.

    Args:
        limit: Requests a minute, or (requests, seconds).
    """

    def __init__(self, limit: RateLimit) -> None:
        size, seconds = (limit, 60.0) if isinstance(limit, int) else limit
        if size < 1 or seconds <= 0:
            raise InvalidInputError(
                f"rate_limit={limit!r} would refuse everything.",
                hint="Use requests a minute, or (requests, seconds).",
            )
        self._size = size
        self._per_us = size / (seconds * MICROSECONDS)
        self._lock = threading.Lock()
        self._levels: dict[str, tuple[float, int]] = {}

    def take(self, credential: str, now: int) -> tuple[tuple[str, str], ...]:
        """Count a request; answers the X-RateLimit headers.

        Raises:
            Refusal: 429 with Retry-After.
        """
        with self._lock:
            level, at = self._levels.get(credential, (float(self._size), now))
            level = min(float(self._size), level + max(0, now - at) * self._per_us)
            granted = level >= 1
            level -= granted
            self._levels[credential] = (level, now)
        headers = (
            ("X-RateLimit-Limit", str(self._size)),
            ("X-RateLimit-Remaining", str(int(level))),
            ("X-RateLimit-Reset", str(self._seconds(self._size - level))),
        )
        if granted:
            return headers
        wait = ("Retry-After", str(max(1, self._seconds(1 - level))))
        raise Refusal(429, "rate_limited", "Too many requests; come back later.", headers=(*headers, wait))

    def _seconds(self, tokens: float) -> int:
        return math.ceil(tokens / self._per_us / MICROSECONDS)
