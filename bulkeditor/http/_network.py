"""The blocking transport over httpcore: it knows the call's deadline and can be told to let go.

httpx's timeouts start anew at each read, so a server that drips a byte a second holds a call for as long as
it likes. These network streams take min(timeout, time left) at each wait instead.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, cast

import httpcore
import httpx

from bulkeditor.http._guard import Guard, guard
from bulkeditor.http._redact import discreet_logs
from bulkeditor.http._wire import shared_ssl_context

if TYPE_CHECKING:
    import ssl

    from bulkeditor.http._config import SessionConfig

_WRITE: Final = 65_536
KEEPALIVE_SECONDS: Final = 30.0


def bounded(timeout: float | None, left: float | None, error: type[Exception]) -> float | None:
    """The timeout of one wait: no longer than the call has left."""
    if left is None:
        return timeout
    if left <= 0:
        raise error("the call's deadline has passed")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    __slots__ = ("_inner",)

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        limits = guard.get()
        if limits is None:
            return self._inner.read(max_bytes, timeout)
        timeout = bounded(timeout, limits.left(), httpcore.ReadTimeout)
        if limits.stop is None:
            return self._inner.read(max_bytes, timeout)
        with limits.stop.watching(self._inner.get_extra_info("socket")):
            return self._inner.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        limits = guard.get()
        if limits is None:
            self._inner.write(buffer, timeout)
            return
        with _watching(limits, self._inner):
            # In pieces: the stream below grants the whole timeout to each send() of a slow reader.
            for start in range(0, len(buffer), _WRITE):
                left = bounded(timeout, limits.left(), httpcore.WriteTimeout)
                self._inner.write(buffer[start : start + _WRITE], left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limits = guard.get()
        if limits is None:
            return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))
        left = bounded(timeout, limits.left(), httpcore.ConnectTimeout)
        with _watching(limits, self._inner):
            return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _watching(limits: Guard, stream: httpcore.NetworkStream) -> contextlib.AbstractContextManager[None]:
    if limits.stop is None:
        return contextlib.nullcontext()
    return limits.stop.watching(stream.get_extra_info("socket"))


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        limits = guard.get()
        if limits is None or limits.left() is None:
            return _Stream(super().connect_tcp(host, port, timeout, local_address, socket_options))
        failure: Exception = httpcore.ConnectError("the host has no address")
        # One address at a time: the socket module grants the whole timeout to each of them.
        for address in _addresses(host, port):
            try:
                left = bounded(timeout, limits.left(), httpcore.ConnectTimeout)
                return _Stream(super().connect_tcp(address, port, left, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()


class BlockingTransport(httpx.BaseTransport):
    """httpx's HTTP/1.1 transport over streams that keep deadlines.

    Args:
        config: For the connection limit and the TLS context.
        proxy: Address of a proxy to go through.
    """

    def __init__(self, config: SessionConfig, proxy: httpx.Proxy | None = None) -> None:
        discreet_logs()
        self._config = config
        self._proxy = proxy
        self._lock = threading.Lock()
        self._pool: httpcore.ConnectionPool | None = None

    def _opened(self, *, tls: bool) -> httpcore.ConnectionPool:
        with self._lock:
            if self._pool is None:
                self._pool = httpcore.ConnectionPool(
                    ssl_context=tls_context(self._config, needed=tls),
                    proxy=core_proxy(self._proxy),
                    max_connections=self._config.max_connections,
                    max_keepalive_connections=self._config.max_connections,
                    keepalive_expiry=KEEPALIVE_SECONDS,
                    network_backend=_Backend(),
                )
            return self._pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request over the pool."""
        pool = self._pool or self._opened(tls=request.url.scheme == "https")
        answer = pool.handle_request(core_request(request))
        assert isinstance(answer.stream, Iterable)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=cast("dict[str, Any]", answer.extensions),
        )

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


def tls_context(config: SessionConfig, *, needed: bool) -> ssl.SSLContext | None:
    """The TLS context for a pool; None while no https is in sight."""
    # Made at the first https request, so that a client for a loopback server costs nothing.
    if config.ssl_context is not None:
        return config.ssl_context
    return shared_ssl_context() if needed or config.base_url.startswith("https:") else None


def core_request(request: httpx.Request) -> httpcore.Request:
    """Httpcore's form of a request."""
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


def core_proxy(proxy: httpx.Proxy | None) -> httpcore.Proxy | None:
    """Httpcore's form of a proxy."""
    if proxy is None:
        return None
    url = proxy.url
    return httpcore.Proxy(
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        auth=proxy.raw_auth,
        headers=proxy.headers.raw,
        ssl_context=proxy.ssl_context,
    )


__all__ = [
    "KEEPALIVE_SECONDS",
    "BlockingTransport",
    "bounded",
    "core_proxy",
    "core_request",
    "tls_context",
]
