"""The receiver as a WSGI application: it sees the raw body before anything else does."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from bulkeditor.webhooks._receipt import Receipt, is_at
from bulkeditor.webhooks._verify import Headers

if TYPE_CHECKING:
    from wsgiref.types import InputStream, StartResponse, WSGIEnvironment

_MAX_DIGITS: Final = 18


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

    def receive(self, body: bytes, headers: Headers) -> Receipt:
        """Check and store."""
        ...

    def start(self) -> None:
        """Start the workers, once."""
        ...


class WSGIApp:
    """Answers POST requests; everything else is refused. Runs the workers in threads.

    Args:
        receiver: Whose application it is.
    """

    def __init__(self, receiver: Inbound) -> None:
        self._receiver = receiver

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI's entry.

        Args:
            environ: The request.
            start_response: Takes the answer's head.
        """
        if not is_at(self._receiver.path, environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")):
            return _answer(start_response, 404, b"", [])
        if environ["REQUEST_METHOD"] != "POST":
            return _answer(start_response, 405, b"", [("Allow", "POST")])
        self._receiver.start()
        receipt = self._received(environ)
        return _answer(
            start_response, receipt.status, receipt.text.encode(), [("Content-Type", "application/json")]
        )

    def _received(self, environ: WSGIEnvironment) -> Receipt:
        limit = self._receiver.max_body
        length = str(environ.get("CONTENT_LENGTH") or "")
        if not length:
            # Chunked: the server must tell the end; where it cannot, there is no body for us.
            body = _read(environ["wsgi.input"], limit + 1) if environ.get("wsgi.input_terminated") else b""
        elif not (length.isascii() and length.isdigit()):
            return Receipt(outcome="malformed")
        elif len(length) > _MAX_DIGITS or int(length) > limit:
            return Receipt(outcome="too_large")
        else:
            body = _read(environ["wsgi.input"], int(length))
            if len(body) < int(length):
                return Receipt(outcome="malformed")  # the sender went away
        if len(body) > limit:
            return Receipt(outcome="too_large")
        return self._receiver.receive(body, environ)


def _read(stream: InputStream, length: int) -> bytes:
    parts: list[bytes] = []
    while length > 0:
        part = stream.read(length)
        if not part:
            break
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _answer(
    start_response: StartResponse, status: int, body: bytes, headers: list[tuple[str, str]]
) -> list[bytes]:
    phrase = f"{status} {HTTPStatus(status).phrase}"
    start_response(phrase, [*headers, ("Content-Length", str(len(body)))])
    return [body]


__all__ = ["WSGIApp"]
