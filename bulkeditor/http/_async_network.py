# ruff: noqa: ASYNC109 - the signatures are httpcore's
"""The asyncio transport over httpcore: it knows the call's deadline and can be told to let go.

A wait can be *abandoned* from outside, as a network error: httpcore 1.0.9 handles those well, whereas
cancelling it at the wrong moment loses a slot of its pool for good (encode/httpcore#1093).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpcore
import httpx

from bulkeditor.http._network import KEEPALIVE_SECONDS, bounded, core_proxy, core_request, tls_context
from bulkeditor.http._redact import discreet_logs

if TYPE_CHECKING:
    import ssl

    from bulkeditor.http._config import SessionConfig

T = TypeVar("T")


class Sending:
    """One attempt of the asyncio driver, sent by a task of its own.

    Args:
        left: Seconds left until the deadline; None when there is none.
    """

    __slots__ = ("abandoned", "left", "task", "waiting", "written")

    def __init__(self, left: Callable[[], float | None]) -> None:
        self.left = left
        self.task: asyncio.Task[Any] | None = None
        self.abandoned = False
        self.waiting = False
        self.written = False

    def given_up(self) -> bool:
        """Whether nobody waits any more."""
        return self.abandoned

    def check(self) -> None:
        """Stop here when nobody waits any more.

        Raises:
            ReadError: As if the network had failed, so that everything below cleans up as usual.
        """
        if self.abandoned:
            raise httpcore.ReadError("the call was given up")

    def abandon(self) -> None:
        """Let go: a wait on the network ends as a network error, anything else comes to its own end."""
        self.abandoned = True
        if self.waiting and self.task is not None:
            # Only while the task hangs in _io() below, which turns this into an httpcore error at once.
            self.waiting = False
            self.task.cancel()


sending: ContextVar[Sending | None] = ContextVar("bulkeditor_sending", default=None)


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
    timeout = bounded(timeout, current.left(), late)
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
        discreet_logs()
        self._config = config
        self._proxy = proxy
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request over the pool."""
        pool = self._pool
        if pool is None:
            pool = self._pool = httpcore.AsyncConnectionPool(
                ssl_context=tls_context(self._config, needed=request.url.scheme == "https"),
                proxy=core_proxy(self._proxy),
                max_connections=self._config.max_connections,
                max_keepalive_connections=self._config.max_connections,
                keepalive_expiry=KEEPALIVE_SECONDS,
                network_backend=_AsyncBackend(),
            )
        answer = await pool.handle_async_request(core_request(request))
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


__all__ = ["LoopTransport", "Sending", "sending"]
