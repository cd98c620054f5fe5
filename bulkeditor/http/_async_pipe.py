"""An asyncio httpx client and what belongs to it: its loop, its gate, and what it is sending."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any, Final, TypeAlias

import httpx

from bulkeditor.errors import BulkEditorError, ConfigurationError
from bulkeditor.http._async_network import LoopTransport, Sending
from bulkeditor.http._config import SessionConfig
from bulkeditor.http._proxies import proxies
from bulkeditor.http._state import Sharing
from bulkeditor.http._types import Response
from bulkeditor.http.auth import Token

Outcome: TypeAlias = Response | BulkEditorError
# How long aclose() lets abandoned attempts end by themselves; over our own transport they take a few turns of
# the loop.
_GRACE: Final = 1.0


class LoopPipe:
    """An httpx client, who uses it, and what it is sending; bound to the event loop of its first call."""

    def __init__(self, config: SessionConfig) -> None:
        self.sharing = Sharing()
        self.client, self.owned, self.own_transport = _given_client(config)
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
        """Keep an eye on an attempt that is under way."""
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
        """Close what this pipe opened."""
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


def _given_client(config: SessionConfig) -> tuple[httpx.AsyncClient, bool, bool]:
    if config.http_client is not None:
        if not isinstance(config.http_client, httpx.AsyncClient):
            raise ConfigurationError("http_client must be an httpx.AsyncClient for the async client.")
        return config.http_client, False, False
    if config.transport is not None:
        if not isinstance(config.transport, httpx.AsyncBaseTransport):
            raise ConfigurationError("transport must be an httpx.AsyncBaseTransport for the async client.")
        # Never closed by us: httpx would close the caller's transport with it.
        return httpx.AsyncClient(transport=config.transport), False, False
    return _client(config), True, True


def discard(attempt: asyncio.Task[Outcome]) -> None:
    """Look at the result of an attempt that nobody waits for, or asyncio would complain; drop its file."""
    if attempt.cancelled() or attempt.exception() is not None:
        return
    outcome = attempt.result()
    if isinstance(outcome, Response) and outcome.file is not None:
        outcome.file.close()


def _client(config: SessionConfig) -> httpx.AsyncClient:
    """A client over our own transports, through the environment's proxies."""
    mounts = {
        pattern: None if address is None else LoopTransport(config, httpx.Proxy(address))
        for pattern, address in proxies().items()
    }
    return httpx.AsyncClient(transport=LoopTransport(config), mounts=mounts)


__all__ = ["LoopPipe", "Outcome", "discard"]
