"""What a session remembers: its credential, the call under way, and who else uses its connections."""

from __future__ import annotations

import threading
import weakref
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from bulkeditor.errors import (
    BulkEditorError,
    ConfigurationError,
    DeadlineExceededError,
    RequestTimeoutError,
    TransportError,
)
from bulkeditor.http._hooks import Complaints
from bulkeditor.http._limiter import Limiter
from bulkeditor.http._retry import GiveUp, Wait
from bulkeditor.http._types import Request, Response
from bulkeditor.http.auth import Token

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    from bulkeditor.http._config import SessionConfig


class Credential:
    """One credential's token, limiter and renewal in flight; shared by all sessions that use it."""

    __slots__ = ("flight", "limiter", "lock", "renewal", "token")

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self.token: Token | None = None
        self.lock = threading.Lock()
        self.flight: Future[Token] | None = None
        self.renewal: asyncio.Task[Token] | None = None


class Call:
    """One request on its way, through all its attempts."""

    __slots__ = ("attempts", "dead", "expires", "judged", "lost", "request", "started", "token", "verdict")

    def __init__(self, request: Request, started: float, expires: float | None) -> None:
        self.request = request
        self.started = started
        self.expires = expires
        self.attempts = 0
        self.token: Token | None = None
        # The token that was refused; a call gets one new token, not two.
        self.dead: Token | None = None
        # Whether an attempt may have reached the server without an answer that settles it.
        self.lost = False
        self.judged: Response | BulkEditorError | None = None
        self.verdict: GiveUp | Wait = GiveUp(reason="")


class Sharing:
    """Counts the open sessions over one pool, so that the last one to close closes it."""

    __slots__ = ("__weakref__", "_lock", "_open", "closed", "complained", "used")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Weak: a session that was merely dropped must not keep the pool open for ever.
        self._open: weakref.WeakSet[object] = weakref.WeakSet()
        self.closed = False
        self.used = False
        self.complained: Complaints = set()

    def join(self, session: object) -> None:
        """Count one more session."""
        with self._lock:
            self._open.add(session)

    def leave(self, session: object) -> bool:
        """Count one session less; True for the one that has to close the pool."""
        with self._lock:
            self._open.discard(session)
            if self._open or self.closed:
                return False
            self.closed = True
            return True


def same_pipe(one: SessionConfig, other: SessionConfig) -> bool:
    """Whether two sessions can send over the same connections."""
    return (
        one.http_client is other.http_client
        and one.transport is other.transport
        and one.ssl_context is other.ssl_context
        and one.max_connections == other.max_connections
    )


def closed_error() -> ConfigurationError:
    """The error of a call on a closed session."""
    return ConfigurationError(
        "This client is closed.", hint="Make the call before close(), or inside its with block."
    )


def dated(now: datetime, token: Token) -> Token:
    """A token that knows since when it lives."""
    return token if token.obtained_at is not None else attrs.evolve(token, obtained_at=now)


def shareable(error: BaseException) -> bool:
    """Whether a failed renewal is everybody's failure, not just that of the call which led it."""
    return isinstance(error, BulkEditorError) and not isinstance(error, DeadlineExceededError)


def given_up(request: Request, *, sent: bool = False) -> TransportError:
    """The outcome of an attempt that nobody waits for any more."""
    return TransportError(
        f"{request.operation}: given up, its iteration or its client has ended.",
        sent=sent,
        operation=request.operation,
    )


def no_connection(request: Request, timeout: float) -> RequestTimeoutError:
    """The outcome of an attempt that found all connections busy."""
    return RequestTimeoutError(
        f"{request.operation}: no connection became free within {timeout:.3g} s.",
        sent=False,
        operation=request.operation,
        hint="Raise max_connections, or make fewer calls at once.",
    )


__all__ = [
    "Call",
    "Credential",
    "Sharing",
    "closed_error",
    "dated",
    "given_up",
    "no_connection",
    "same_pipe",
    "shareable",
]
