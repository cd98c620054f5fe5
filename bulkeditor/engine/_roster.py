"""What a serving worker has under way, and what it begins next."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

_log: Final = logging.getLogger("bulkeditor.engine")
_ASIDE: Final = timedelta(seconds=60)


class Roster:
    """Decides which runs get the next slices: in turn, and none twice at once.

    Args:
        limit: Runs under way at once, at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._under_way: set[str] = set()
        self._turn = 0
        self._served: dict[str, int] = {}
        self._aside: dict[str, datetime] = {}

    def choose(self, due: Iterable[str], now: datetime) -> list[str]:
        """Runs to begin a slice of; they are under way from now on.

        Args:
            due: Runs in which something can be done.
            now: The ledger's time.
        """
        due = list(due)
        # Whoever was served longest ago comes first, or the oldest runs would keep all others waiting.
        self._served = {run: self._served.get(run, 0) for run in due}
        self._aside = {run: until for run, until in self._aside.items() if until > now}
        free = [run for run in due if run not in self._under_way and run not in self._aside]
        chosen = sorted(free, key=self._served.__getitem__)[: self._limit - len(self._under_way)]
        for run in chosen:
            self._turn += 1
            self._served[run] = self._turn
        self._under_way.update(chosen)
        return chosen

    def ended(self, run: str, error: BaseException | None, now: datetime) -> None:
        """A slice has ended; one that could not even be tried is left alone for a minute.

        Args:
            run: Whose it was.
            error: What ended it, other than the run's own failure.
            now: The ledger's time.
        """
        self._under_way.discard(run)
        if error is not None:
            self._aside[run] = now + _ASIDE
            _log.error("Run %s cannot be carried on here: %s", run, error, exc_info=error)


__all__ = ["Roster"]
