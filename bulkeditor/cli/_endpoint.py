"""A webhook endpoint on loopback: receives deliveries over real HTTP and verifies each one."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from email.message import Message
from http import HTTPStatus
from typing import Any

import attrs

from bulkeditor import webhooks
from bulkeditor._secret import Secret
from bulkeditor.cli._loopback import Answer, LoopbackServer, read_event
from bulkeditor.errors import WebhookVerificationError


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


class WebhookEndpoint(LoopbackServer):
    """An HTTP server on a free port of 127.0.0.1, as a context manager.

    A genuine delivery is answered with 204, any other with 401; both are kept, so that a caller can tell a
    missing webhook from a forged one.

    Args:
        secret: What deliveries must be signed with.
    """

    def __init__(self, secret: Secret) -> None:
        super().__init__("/webhooks/bulk-editor", self._judge)
        self._secret = secret
        self._arrived = threading.Condition()
        self._received: list[Received] = []

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
        event, data = read_event(body)
        received = Received(event, data, problem)
        with self._arrived:
            self._received.append(received)
            self._arrived.notify_all()
        return received

    def _judge(self, body: bytes, headers: Message) -> Answer:
        received = self.take(body, headers.get("X-Webhook-Signature"))
        return Answer(HTTPStatus.UNAUTHORIZED if received.problem else HTTPStatus.NO_CONTENT)
