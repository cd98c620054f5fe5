"""A small HTTP server on loopback that can also hang up; nothing of it is left when it is closed."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import attrs


@attrs.frozen
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen(kw_only=True)
class Reply:
    """One answer as it goes out."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Loopback:
    """Answers each request with what a function says; None hangs up without a word.

    Args:
        answer: Called in the connection's thread.
    """

    def __init__(self, answer: Callable[[Asked], Reply | None]) -> None:
        self._server = _Server(answer)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._closing = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        # Not serve_forever(): that looks for its end now and then, and many short-lived servers would wait.
        while True:
            connection, address = self._server.get_request()
            if self._closing:
                connection.close()
                return
            self._server.process_request(connection, address)

    def close(self) -> None:
        """Stop, and wait for every thread."""
        self._closing = True
        host, port = self._server.server_address[:2]
        with socket.create_connection((str(host), int(port))):
            self._thread.join()
        self._server.hang_up()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    # server_close() waits for the threads.
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, answer: Callable[[Asked], Reply | None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        with self._guard:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news; what a handler raises is a defect of the stand-in: shown."""
        import sys  # noqa: PLC0415 - as the base class does

        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Or small answers wait for the client's delayed acknowledgement, 40 ms each.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        asked = Asked(
            method=self.command,
            target=self.path,
            headers=_headers(self.headers.items()),
            body=self.rfile.read(length),
        )
        reply = cast("_Server", self.server).answer(asked)
        if reply is None:
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            # A value with line breaks is several fields of that name, such as cookies.
            for line in value.split("\n"):
                self.send_header(name, line)
        if reply.status != 204:  # noqa: PLR2004 - No Content
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if reply.status != 204 and self.command != "HEAD":  # noqa: PLR2004 - as above
            self.wfile.write(reply.body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
        """Say nothing."""


def _headers(items: list[tuple[str, str]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in items:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


__all__ = ["Asked", "Loopback", "Reply"]
