# ruff: noqa: ASYNC109 - the signatures are httpcore's
"""Transports over httpcore that know the call's deadline and can be told to let go.

httpx's timeouts start anew at each read, so a server that drips a byte a second holds a call for as long as
it likes. These network streams take min(timeout, time left) at each wait instead. And a wait can be
*abandoned* from outside, as a network error: httpcore 1.0.9 handles those well, whereas cancelling it at the
wrong moment loses a slot of its pool for good (encode/httpcore#1093).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import httpcore
import httpx

from bulkeditor.http._guard import Guard, guard, sending
from bulkeditor.http._wire import shared_ssl_context

if TYPE_CHECKING:
    import ssl

    from bulkeditor.http._config import SessionConfig

T = TypeVar("T")
_WRITE: Final = 65_536
_KEEPALIVE_SECONDS: Final = 30.0


def _bounded(timeout: float | None, left: float | None, error: type[Exception]) -> float | None:
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
        timeout = _bounded(timeout, limits.left(), httpcore.ReadTimeout)
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
                left = _bounded(timeout, limits.left(), httpcore.WriteTimeout)
                self._inner.write(buffer[start : start + _WRITE], left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limits = guard.get()
        if limits is None:
            return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))
        left = _bounded(timeout, limits.left(), httpcore.ConnectTimeout)
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
                left = _bounded(timeout, limits.left(), httpcore.ConnectTimeout)
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
        self._config = config
        self._proxy = proxy
        self._lock = threading.Lock()
        self._pool: httpcore.ConnectionPool | None = None

    def _opened(self, *, tls: bool) -> httpcore.ConnectionPool:
        with self._lock:
            if self._pool is None:
                self._pool = httpcore.ConnectionPool(
                    ssl_context=_tls(self._config, needed=tls),
                    proxy=_core_proxy(self._proxy),
                    max_connections=self._config.max_connections,
                    max_keepalive_connections=self._config.max_connections,
                    keepalive_expiry=_KEEPALIVE_SECONDS,
                    network_backend=_Backend(),
                )
            return self._pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request over the pool."""
        pool = self._pool or self._opened(tls=request.url.scheme == "https")
        answer = pool.handle_request(_core_request(request))
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


async def _io(
    operation: Callable[[float | None], Awaitable[T]],
    timeout: float | None,
    late: type[Exception],
    broken: type[Exception],
) -> T:
    """One wait on the network, which an abandoned sending leaves as a network error."""
    current = sending.get()
    if current is None:
        return await operation(timeout)
    timeout = _bounded(timeout, current.left(), late)
    if current.given_up():
        raise broken("the call was given up")
    current.waiting = True
    try:
        return await operation(timeout)
    except asyncio.CancelledError:
        if not current.given_up() or current.task is None:
            raise
        # Our own cancellation, see Sending.abandon(): taken back here, so nothing above ever sees it.
        current.task.uncancel()
    finally:
        current.waiting = False
    raise broken("the call was given up")


class _AsyncStream(httpcore.AsyncNetworkStream):
    __slots__ = ("_inner",)

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await _io(
            lambda limit: self._inner.read(max_bytes, limit),
            timeout,
            httpcore.ReadTimeout,
            httpcore.ReadError,
        )

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        current = sending.get()
        if current is not None and buffer and not current.abandoned:
            current.written = True
        await _io(
            lambda limit: self._inner.write(buffer, limit),
            timeout,
            httpcore.WriteTimeout,
            httpcore.WriteError,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            inner = await _io(
                lambda limit: self._inner.start_tls(ssl_context, server_hostname, limit),
                timeout,
                httpcore.ConnectTimeout,
                httpcore.ConnectError,
            )
        except BaseException:
            # Neither httpcore nor anyio closes the plain socket when a handshake is broken off.
            await self._inner.aclose()
            raise
        return _AsyncStream(inner)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        # The name is bound to a placeholder where anyio is missing, which type checkers trip over.
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        connect = self._inner.connect_tcp
        inner = await _io(
            lambda limit: connect(host, port, limit, local_address, socket_options),
            timeout,
            httpcore.ConnectTimeout,
            httpcore.ConnectError,
        )
        return _AsyncStream(inner)


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._stream = stream

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        close = getattr(self._stream, "aclose", None)
        if close is not None:
            await close()


class LoopTransport(httpx.AsyncBaseTransport):
    """The asyncio twin of :class:`BlockingTransport`.

    Args:
        config: For the connection limit and the TLS context.
        proxy: Address of a proxy to go through.
    """

    def __init__(self, config: SessionConfig, proxy: httpx.Proxy | None = None) -> None:
        self._config = config
        self._proxy = proxy
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request over the pool."""
        pool = self._pool
        if pool is None:
            pool = self._pool = httpcore.AsyncConnectionPool(
                ssl_context=_tls(self._config, needed=request.url.scheme == "https"),
                proxy=_core_proxy(self._proxy),
                max_connections=self._config.max_connections,
                max_keepalive_connections=self._config.max_connections,
                keepalive_expiry=_KEEPALIVE_SECONDS,
                network_backend=_AsyncBackend(),
            )
        answer = await pool.handle_async_request(_core_request(request))
        assert isinstance(answer.stream, AsyncIterable)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_AsyncBody(answer.stream),
            extensions=cast("dict[str, Any]", answer.extensions),
        )

    async def aclose(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()


def _tls(config: SessionConfig, *, needed: bool) -> ssl.SSLContext | None:
    # Made at the first https request, so that a client for a loopback server costs nothing.
    if config.ssl_context is not None:
        return config.ssl_context
    return shared_ssl_context() if needed or config.base_url.startswith("https:") else None


def _core_request(request: httpx.Request) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


def _core_proxy(proxy: httpx.Proxy | None) -> httpcore.Proxy | None:
    if proxy is None:
        return None
    url = proxy.url
    return httpcore.Proxy(
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        auth=proxy.raw_auth,
        headers=proxy.headers.raw,
        ssl_context=proxy.ssl_context,
    )


__all__ = ["BlockingTransport", "LoopTransport"]
