"""A small HTTP server on loopback for webhooks: it hands on the raw body, before anything parses it."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, cast

import attrs


@attrs.frozen
class Answer:
    """What the sender gets to hear.

    Args:
        status: The status.
        retry_after: When it shall come again, as the header says it; None leaves that to the sender.
    """

    status: int
    retry_after: str | None = None


Judge: TypeAlias = Callable[[bytes, Message], Answer]
"""Takes a body and its headers, and gives the answer."""

MAX_BODY: Final = 4 * 1024 * 1024
_MAX_DIGITS: Final = 12


class LoopbackServer:
    """Listens on a free port of 127.0.0.1 for POST requests, as a context manager.

    Args:
        path: The path in its URL; it answers at any.
        judge: Called for each request, from several threads.
    """

    def __init__(self, path: str, judge: Judge) -> None:
        self._path = path
        self._server = _Server(("127.0.0.1", 0), _handler(judge))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A sender that goes away is its own affair; a traceback would fill the user's terminal.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _handler(judge: Judge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.close_connection = True
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or len(length) > _MAX_DIGITS or int(length) > MAX_BODY:
                self._answer(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
                return
            body = self.rfile.read(int(length))
            # A delivery that breaks off half way is none.
            if len(body) == int(length):
                self._answer(judge(body, self.headers))

        def _answer(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Length", "0")
            if answer.retry_after is not None:
                self.send_header("Retry-After", answer.retry_after)
            self.send_header("Connection", "close")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
            """Stay silent: the terminal belongs to the command."""

    return Handler


def read_event(body: bytes) -> tuple[str, dict[str, Any]]:
    """The name and the data of an event; both empty where the body holds none."""
    try:
        content: object = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    parts = _members(content)
    return str(parts.get("event", "")), _members(parts.get("data"))


def _members(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
