"""The receiver as an ASGI application: it sees the raw body before anything else does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, Protocol, TypeAlias

from bulkeditor.webhooks._receipt import Receipt, is_at
from bulkeditor.webhooks._verify import Headers

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_JSON: Final = (b"content-type", b"application/json")
_BODY_WITHIN: Final = 30.0
"""Seconds for a body to come: whoever lets it trickle must not keep connections and memory for ever."""


class Inbound(Protocol):
    """What the application needs of the receiver."""

    @property
    def max_body(self) -> int:
        """Largest body in bytes."""
        ...

    @property
    def path(self) -> str | None:
        """The only path that is answered."""
        ...

    async def receive_async(self, body: bytes, headers: Headers) -> Receipt:
        """Check and store."""
        ...

    async def start_async(self) -> None:
        """Start the workers in this loop, once."""
        ...

    async def stop_async(self) -> bool:
        """Stop them."""
        ...


class ASGIApp:
    """Answers POST requests; everything else is refused. Runs the workers in the server's event loop.

    Args:
        receiver: Whose application it is.
    """

    def __init__(self, receiver: Inbound) -> None:
        self._receiver = receiver

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """ASGI's entry.

        Args:
            scope: The connection.
            receive: Gives its messages.
            send: Takes the answer's.
        """
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._receiver.start_async()
                except Exception as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    raise
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._receiver.stop_async()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        if not is_at(self._receiver.path, _path(scope)):
            await _answer(send, 404, b"", [])
            return
        if scope["method"] != "POST":
            await _answer(send, 405, b"", [(b"allow", b"POST")])
            return
        # A mounted application is not told when the server starts.
        await self._receiver.start_async()
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        try:
            async with asyncio.timeout(_BODY_WITHIN):
                body = await _body(receive, headers, self._receiver.max_body)
        except TimeoutError:
            await _answer(send, 408, b"", [(b"connection", b"close")])
            return
        if body is None:
            return
        if len(body) > self._receiver.max_body:
            receipt = Receipt(outcome="too_large")
        else:
            receipt = await self._receiver.receive_async(body, headers)
        await _answer(send, receipt.status, receipt.text.encode(), [_JSON])


def _path(scope: Message) -> str:
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path if path.startswith(root) else root + path


async def _body(receive: Receive, headers: Iterable[tuple[bytes, bytes]], limit: int) -> bytes | None:
    """The body, or a part of it that is longer than allowed; None when the sender went away."""
    for name, value in headers:
        if name.lower() == b"content-length" and value.isdigit() and int(value[:20]) > limit:
            return bytes(limit + 1)
    parts: list[bytes] = []
    size = 0
    while size <= limit:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part: bytes = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if not message.get("more_body", False):
            break
    return b"".join(parts)


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


__all__ = ["ASGIApp"]
