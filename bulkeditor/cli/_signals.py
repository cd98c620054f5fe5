"""Serving until somebody says stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final, Protocol

_GLANCE: Final = 1.0


class Wait(Protocol):
    """Waits for a signal."""

    def __call__(self, going_on: Callable[[], bool] = ..., /) -> bool:
        """True at a signal; False as soon as ``going_on``, asked every second, says so."""
        ...


@contextmanager
def until_stopped() -> Generator[Wait]:
    """Give a function that waits for Ctrl-C or SIGTERM, however early that comes.

    The block then ends as it would anyway. A second signal ends the process at once, should that hang.
    """
    stop = threading.Event()

    def halt(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        restore()

    def restore() -> None:
        for number, handler in previous.items():
            # None stands for a handler that was not set from Python, and cannot be set back from it.
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def wait(going_on: Callable[[], bool] = lambda: True) -> bool:
        # A wait without end cannot be interrupted on every system.
        while not stop.wait(_GLANCE):
            if not going_on():
                return False
        return True

    previous = {number: signal.signal(number, halt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wait
    finally:
        restore()
