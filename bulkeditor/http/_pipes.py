"""An httpx client and what belongs to it: its gate, what it is sending, and the proxies it goes through."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import warnings
from typing import Any, Final, TypeAlias
from urllib.request import getproxies

import httpx

from bulkeditor.errors import BulkEditorError, ConfigurationError
from bulkeditor.http._config import SessionConfig
from bulkeditor.http._guard import Sending
from bulkeditor.http._network import BlockingTransport, LoopTransport
from bulkeditor.http._state import Sharing
from bulkeditor.http._types import Response
from bulkeditor.http.auth import Token

Outcome: TypeAlias = Response | BulkEditorError
# How long aclose() lets abandoned attempts end by themselves; over our own transport they take a few turns of
# the loop.
_GRACE: Final = 1.0


def proxies() -> dict[str, str | None]:
    """Mounts for httpx, for the environment's proxies (``HTTPS_PROXY``, ``NO_PROXY`` …); None = go straight.

    httpx reads the environment only for transports of its own making.
    """
    found = getproxies()
    mounts: dict[str, str | None] = {}
    for scheme in ("http", "https", "all"):
        address = found.get(scheme)
        if address:
            mounts[f"{scheme}://"] = address if "://" in address else f"http://{address}"
    if not mounts:
        return {}
    for entry in found.get("no", "").split(","):
        host = entry.strip()
        if host == "*":
            return {}
        if host:
            mounts[_pattern(host)] = None
    return mounts


def _pattern(host: str) -> str:
    if "://" in host:
        return host
    bare = host.partition("/")[0]
    with contextlib.suppress(OSError):
        socket.inet_pton(socket.AF_INET6, bare)
        return f"all://[{host}]"
    with contextlib.suppress(OSError):
        socket.inet_pton(socket.AF_INET, bare)
        return f"all://{host}"
    return f"all://{host}" if host.lower() == "localhost" else f"all://*{host}"


def blocking_client(config: SessionConfig) -> httpx.Client:
    """A client over our own transports, through the environment's proxies."""
    mounts = {
        pattern: None if address is None else BlockingTransport(config, httpx.Proxy(address))
        for pattern, address in proxies().items()
    }
    return httpx.Client(transport=BlockingTransport(config), mounts=mounts)


def loop_client(config: SessionConfig) -> httpx.AsyncClient:
    """The asyncio twin of :func:`blocking_client`."""
    mounts = {
        pattern: None if address is None else LoopTransport(config, httpx.Proxy(address))
        for pattern, address in proxies().items()
    }
    return httpx.AsyncClient(transport=LoopTransport(config), mounts=mounts)


class BlockingPipe:
    """An httpx client, and who uses it; closed by the last session over it."""

    def __init__(self, config: SessionConfig) -> None:
        self.sharing = Sharing()
        self.client, self.owned = _given_client(config)
        # Our own gate: httpcore's pool can lose a slot when waiting for one times out.
        self.gate = threading.BoundedSemaphore(config.max_connections) if config.http_client is None else None

    def close(self) -> None:
        if self.owned:
            self.client.close()

    def __del__(self) -> None:
        sharing: Sharing | None = getattr(self, "sharing", None)
        if sharing is not None and sharing.used and not sharing.closed:
            warnings.warn("a client was dropped without close()", ResourceWarning, stacklevel=2, source=self)
            self.close()


def _given_client(config: SessionConfig) -> tuple[httpx.Client, bool]:
    if config.http_client is not None:
        if not isinstance(config.http_client, httpx.Client):
            raise ConfigurationError("http_client must be an httpx.Client for the blocking client.")
        return config.http_client, False
    if config.transport is not None:
        if not isinstance(config.transport, httpx.BaseTransport):
            raise ConfigurationError("transport must be an httpx.BaseTransport for the blocking client.")
        # Never closed by us: httpx would close the caller's transport with it.
        return httpx.Client(transport=config.transport), False
    return blocking_client(config), True


class LoopPipe:
    """An httpx client, who uses it, and what it is sending; bound to the event loop of its first call."""

    def __init__(self, config: SessionConfig) -> None:
        self.sharing = Sharing()
        self.client, self.owned, self.own_transport = _given_loop_client(config)
        self.loop: asyncio.AbstractEventLoop | None = None
        # Our own gate: httpcore's pool can lose a slot when waiting for one times out or is cancelled.
        self.gate = asyncio.Semaphore(config.max_connections) if config.http_client is None else None
        self.attempts: dict[asyncio.Task[Outcome], Sending] = {}
        self.renewals: set[asyncio.Task[Token]] = set()

    def bind(self) -> None:
        """Check that this is the loop the connections live in.

        Raises:
            ConfigurationError: It is another one.
        """
        loop = asyncio.get_running_loop()
        if self.loop is None:
            self.loop = loop
        elif self.loop is not loop:
            state = "an event loop that is closed" if self.loop.is_closed() else "another event loop"
            raise ConfigurationError(
                f"This client's connections belong to {state}.",
                hint="Make one client for each event loop, inside it (asyncio.run() starts a new one).",
            )

    def start(self, attempt: asyncio.Task[Outcome], state: Sending) -> None:
        state.task = attempt
        self.attempts[attempt] = state
        attempt.add_done_callback(self._ended)

    def _ended(self, attempt: asyncio.Task[Outcome]) -> None:
        state = self.attempts.pop(attempt)
        if self.gate is not None:
            self.gate.release()
        if state.abandoned:
            discard(attempt)

    async def aclose(self) -> None:
        tasks: set[asyncio.Task[Any]] = {*self.attempts, *self.renewals}
        for state in list(self.attempts.values()):
            state.abandon()
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=_GRACE)
            # A transport of the caller's that hangs: the pool below it is not ours, and not used any more.
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending)
        if self.owned:
            await self.client.aclose()

    def __del__(self) -> None:
        # Nothing is closed here: that takes a loop, and there may be none.
        sharing: Sharing | None = getattr(self, "sharing", None)
        if sharing is not None and sharing.used and not sharing.closed:
            warnings.warn(
                "an async client was dropped without aclose()", ResourceWarning, stacklevel=2, source=self
            )


def _given_loop_client(config: SessionConfig) -> tuple[httpx.AsyncClient, bool, bool]:
    if config.http_client is not None:
        if not isinstance(config.http_client, httpx.AsyncClient):
            raise ConfigurationError("http_client must be an httpx.AsyncClient for the async client.")
        return config.http_client, False, False
    if config.transport is not None:
        if not isinstance(config.transport, httpx.AsyncBaseTransport):
            raise ConfigurationError("transport must be an httpx.AsyncBaseTransport for the async client.")
        # Never closed by us: httpx would close the caller's transport with it.
        return httpx.AsyncClient(transport=config.transport), False, False
    return loop_client(config), True, True


def discard(attempt: asyncio.Task[Outcome]) -> None:
    """Look at the result of an attempt that nobody waits for, or asyncio would complain; drop its file."""
    if attempt.cancelled() or attempt.exception() is not None:
        return
    outcome = attempt.result()
    if isinstance(outcome, Response) and outcome.file is not None:
        outcome.file.close()


__all__ = ["BlockingPipe", "LoopPipe", "Outcome", "discard", "proxies"]
