"""A webhook endpoint on loopback: receives deliveries over real HTTP and verifies each one."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast

import attrs

from bulkeditor import webhooks
from bulkeditor._secret import Secret
from bulkeditor.errors import WebhookVerificationError

_MAX_BODY = 1024 * 1024


def _members(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


@attrs.frozen
class Received:
    """One delivery that reached the endpoint.

    Args:
        event: The name that its body gives, or an empty text.
        data: What its body holds under ``data``.
        problem: Why it is not genuine; ``None`` when its signature is right.
    """

    event: str
    data: Mapping[str, Any]
    problem: str | None


class WebhookEndpoint:
    """An HTTP server on a free port of 127.0.0.1, as a context manager.

    A genuine delivery is answered with 204, any other with 401; both are kept, so that a caller can tell a
    missing webhook from a forged one.

    Args:
        secret: What deliveries must be signed with.
    """

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._arrived = threading.Condition()
        self._received: list[Received] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where deliveries go."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/webhooks/bulk-editor"

    @property
    def received(self) -> tuple[Received, ...]:
        """Everything that arrived so far, genuine or not."""
        with self._arrived:
            return tuple(self._received)

    def wait_for(self, events: frozenset[str], job_id: str, timeout: float) -> Received | None:
        """The first delivery of one of these events for this job; ``None`` after ``timeout`` seconds."""

        def found() -> Received | None:
            wanted = (one for one in self._received if one.event in events)
            return next((one for one in wanted if one.data.get("job_id") == job_id), None)

        with self._arrived:
            self._arrived.wait_for(lambda: found() is not None, timeout)
            return found()

    def take(self, body: bytes, signed: str | None) -> Received:
        """Judge one delivery and keep it."""
        problem = None
        try:
            webhooks.verify_signature(body, signed, self._secret)
        except WebhookVerificationError as error:
            problem = error.message
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        parts = _members(content)
        event = Received(str(parts.get("event", "")), _members(parts.get("data")), problem)
        with self._arrived:
            self._received.append(event)
            self._arrived.notify_all()
        return event

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                if not length.isdecimal() or int(length) > _MAX_BODY:
                    self.close_connection = True
                    self._answer(413)
                    return
                # The raw bytes, before anything parses them: the signature covers exactly these.
                received = endpoint.take(
                    self.rfile.read(int(length)), self.headers.get("X-Webhook-Signature")
                )
                self._answer(401 if received.problem else 204)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
                """Stay silent: the terminal belongs to the demo."""

        return Handler

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
