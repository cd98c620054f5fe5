"""Who must let go of files before this process forks.

SQLite keeps what it knows about a file's locks in the process's memory. A child inherits that memory and not
the locks, so that even a connection that it opens itself would trust locks that nobody holds. Hence all
connections of this library are closed while a process forks; each side opens its own afterwards.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakSet


class Forking(Protocol):
    """Something that holds a file open."""

    def before_fork(self) -> None:
        """Let go, and let nobody begin anything."""
        ...

    def after_fork(self) -> None:
        """Go on, in the parent and in the child."""
        ...


class _Watch:
    """The one thing here that belongs to the process as a whole, because forking does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: WeakSet[Any] = WeakSet()
        self._held: list[Any] = []
        self._registered = False

    def add(self, watched: Forking) -> None:
        with self._lock:
            self._watched.add(watched)
            if not self._registered and hasattr(os, "register_at_fork"):
                self._registered = True
                os.register_at_fork(
                    before=self._before, after_in_parent=self._after, after_in_child=self._after
                )

    def _before(self) -> None:
        self._lock.acquire()
        for watched in self._watched:
            watched.before_fork()
            self._held.append(watched)

    def _after(self) -> None:
        while self._held:
            self._held.pop().after_fork()
        self._lock.release()


_watch = _Watch()
watch: Callable[[Forking], None] = _watch.add

__all__ = ["Forking", "watch"]
