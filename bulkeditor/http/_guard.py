"""What a blocking call tells the network streams below it: its deadline, and when to let go."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Generator
from contextvars import ContextVar


class Stop:
    """Tells blocking calls of other threads to let go: sleeps end, sockets are shut, nothing new starts."""

    __slots__ = ("_event", "_lock", "_sockets")

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()

    @property
    def is_set(self) -> bool:
        """Whether it was told."""
        return self._event.is_set()

    def set(self) -> None:
        """Tell everybody, for good."""
        with self._lock:
            self._event.set()
            for sock in self._sockets:
                _shut(sock)

    def wait(self, seconds: float) -> None:
        """Sleep, or until told."""
        self._event.wait(seconds)

    @contextlib.contextmanager
    def watching(self, sock: socket.socket | None) -> Generator[None]:
        """Shut the socket down when told while the block waits for it."""
        with self._lock:
            if sock is not None:
                self._sockets.add(sock)
                if self._event.is_set():
                    _shut(sock)
        try:
            yield
        finally:
            with self._lock:
                if sock is not None:
                    self._sockets.discard(sock)


def _shut(sock: socket.socket) -> None:
    # The plain method, not SSLSocket's: that one takes the TLS object away under the reading thread.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Guard:
    """The limits of one blocking call.

    Args:
        left: Seconds left until the deadline; None when there is none.
        stop: Tells the call to let go.
    """

    __slots__ = ("left", "stop")

    def __init__(self, left: Callable[[], float | None], stop: Stop | None) -> None:
        self.left = left
        self.stop = stop


guard: ContextVar[Guard | None] = ContextVar("bulkeditor_guard", default=None)


# The group (run_many, read_ahead) that the current thread works for, so that it can be told to let go.
current_stop: ContextVar[Stop | None] = ContextVar("bulkeditor_stop", default=None)

__all__ = ["Guard", "Stop", "current_stop", "guard"]
