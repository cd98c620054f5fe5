"""A blocking httpx client and what belongs to it: its gate, its proxies, and who uses it."""

from __future__ import annotations

import threading
import warnings

import httpx

from bulkeditor.errors import ConfigurationError
from bulkeditor.http._config import SessionConfig
from bulkeditor.http._network import BlockingTransport
from bulkeditor.http._proxies import proxies
from bulkeditor.http._state import Sharing


class BlockingPipe:
    """An httpx client, and who uses it; closed by the last session over it."""

    def __init__(self, config: SessionConfig) -> None:
        self.sharing = Sharing()
        self.client, self.owned = _given_client(config)
        # Our own gate: httpcore's pool can lose a slot when waiting for one times out.
        self.gate = threading.BoundedSemaphore(config.max_connections) if config.http_client is None else None

    def close(self) -> None:
        """Close what this pipe opened."""
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
    return _client(config), True


def _client(config: SessionConfig) -> httpx.Client:
    """A client over our own transports, through the environment's proxies."""
    mounts = {
        pattern: None if address is None else BlockingTransport(config, httpx.Proxy(address))
        for pattern, address in proxies().items()
    }
    return httpx.Client(transport=BlockingTransport(config), mounts=mounts)


__all__ = ["BlockingPipe"]
