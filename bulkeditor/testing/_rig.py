"""One process of a crash test: its ledger, its transports and its clock, all of which die with it."""

from __future__ import annotations

import ssl
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from bulkeditor.engine import SQLiteLedger, StepPolicy
from bulkeditor.http import Clock, SessionConfig, auth
from bulkeditor.testing._knife import Knife


class Rig:
    """What a scenario works with in place of the real things; one for each process.

    Args:
        base_url: The server.
        api_key: A key for it.
        store: The ledger's file.
        clock: The time, of ledger and session.
        knife: Says when the process dies.
        policy: Leases and repeats.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        store: Path,
        *,
        clock: Clock,
        knife: Knife,
        policy: StepPolicy | None = None,
    ) -> None:
        self.base_url = base_url
        self.api_key = api_key
        self.store = store
        self.clock = clock
        self.knife = knife
        self.policy = policy or StepPolicy()
        self._inner: list[httpx.HTTPTransport] = []
        self._async_inner: list[httpx.AsyncHTTPTransport] = []

    @cached_property
    def ledger(self) -> SQLiteLedger:
        """The ledger; its transactions are cut."""
        return SQLiteLedger(self.store, clock=self.clock.now, connection=self.knife.connection())

    @cached_property
    def transport(self) -> httpx.BaseTransport:
        """For a blocking client: ``transport=``; its requests are cut."""
        self._inner.append(httpx.HTTPTransport(verify=_no_tls()))
        return self.knife.transport(self._inner[-1])

    @cached_property
    def async_transport(self) -> httpx.AsyncBaseTransport:
        """For an asyncio client: ``transport=``; its requests are cut."""
        self._async_inner.append(httpx.AsyncHTTPTransport(verify=_no_tls()))
        return self.knife.async_transport(self._async_inner[-1])

    @cached_property
    def config(self) -> SessionConfig:
        """Settings for a session over :attr:`transport`."""
        return SessionConfig(
            base_url=self.base_url,
            auth=auth.APIKey(self.api_key),
            clock=self.clock,
            transport=self.transport,
        )

    @cached_property
    def async_config(self) -> SessionConfig:
        """Settings for a session over :attr:`async_transport`."""
        return self.config.evolve(transport=self.async_transport)

    async def aclose(self) -> None:
        """Close what belongs to the event loop, on it."""
        while self._async_inner:
            await self._async_inner.pop().aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "ledger" in self.__dict__:
            # Closing a connection rolls back what it had not committed, as the end of a process does.
            self.ledger.close()
        for inner in self._inner:
            inner.close()


def _no_tls() -> ssl.SSLContext:
    # All is on loopback without TLS, and loading the machine's certificates takes longer than a whole run.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


__all__ = ["Rig"]
