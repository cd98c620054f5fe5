"""An endpoint on loopback that hands every delivery on, byte for byte, and tells what came of it."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from email.message import Message
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import attrs

from bulkeditor import webhooks
from bulkeditor._secret import Secret
from bulkeditor.cli._loopback import Answer, LoopbackServer, read_event
from bulkeditor.cli._screen import one_line
from bulkeditor.errors import InvalidInputError, WebhookVerificationError

PATH: Final = "/bulkeditor-listen"
# Less than the sender waits, so that it hears from us what it would otherwise only guess.
_TIMEOUT: Final = 9.0
_MAX_ANSWER: Final = 64 * 1024
# RFC 9110, section 7.6.1: these are between two neighbours, and are not passed on.
_HOP_BY_HOP: Final = frozenset(
    {
        "connection", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip


@attrs.frozen
class Reply:
    """What the application said.

    Args:
        status: Its answer; None without one, or without an application.
        problem: Why there is no answer.
        location: Where a redirect points.
        retry_after: When it wants to be asked again, as it says it.
    """

    status: int | None
    problem: str | None = None
    location: str | None = None
    retry_after: str | None = None


@attrs.frozen(kw_only=True)
class Passed:
    """One delivery that was handed on.

    Args:
        event: The event's name.
        subject: What it is about: the id of a product or a job.
        delivery: Its ``webhook-id``.
        attempt: How often it came, this time included.
        genuine: Whether it is signed with the listener's secret.
        reply: What the application said.
        seconds: How long that took.
    """

    event: str
    subject: str
    delivery: str
    attempt: int
    genuine: bool
    reply: Reply
    seconds: float


class Target:
    """The application that deliveries are handed on to.

    Args:
        url: Its address; ``http://`` is implied.

    Raises:
        InvalidInputError: It is no http or https address.
    """

    def __init__(self, url: str) -> None:
        self.url = url if "://" in url else f"http://{url}"
        try:
            self._parts = urlsplit(self.url)
            valid = bool(self._parts.hostname) and (self._parts.port is None or self._parts.port > 0)
        except ValueError:
            valid = False
        if not valid or self._parts.scheme not in {"http", "https"}:
            raise InvalidInputError(
                f"{url!r} is no http address.", hint="Give one such as http://localhost:8000/hooks."
            )

    def post(self, body: bytes, headers: Iterable[tuple[str, str]]) -> Reply:
        """Send a delivery with exactly this body and these headers."""
        parts = self._parts
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.putrequest("POST", target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", parts.netloc.rpartition("@")[2])
            for name, value in headers:
                if name.lower() not in _HOP_BY_HOP:
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            answer.read(_MAX_ANSWER)
            return Reply(
                answer.status,
                location=answer.getheader("Location"),
                retry_after=one_line(answer.getheader("Retry-After") or "") or None,
            )
        except TimeoutError:
            return Reply(None, f"no answer within {_TIMEOUT:g} s")
        except OSError as error:
            return Reply(None, str(error.strerror or error))
        except (http.client.HTTPException, ValueError) as error:
            return Reply(None, f"the answer is no HTTP: {type(error).__name__}")
        finally:
            connection.close()


class Forwarder(LoopbackServer):
    """An HTTP server on a free port of 127.0.0.1, as a context manager.

    The sender gets the application's own status and ``Retry-After``, so that what the application refuses is
    tried again; 502 where it does not answer, and 204 where there is none.

    Args:
        secret: What deliveries should be signed with; whatever they are signed with, they are handed on.
        target: Where to; None only tells of them.
        tell: Called after each delivery, one at a time.
    """

    def __init__(self, secret: Secret, target: Target | None, tell: Callable[[Passed], None]) -> None:
        super().__init__(PATH, self._pass_on)
        self._secret = secret
        self._target = target
        self._tell = tell
        self._telling = threading.Lock()
        self._seen: Counter[str] = Counter()

    def _pass_on(self, body: bytes, headers: Message) -> Answer:
        began = time.monotonic()
        reply = Reply(None) if self._target is None else self._target.post(body, headers.items())
        seconds = time.monotonic() - began
        event, data = read_event(body)
        delivery = headers.get("webhook-id", "")
        with self._telling:
            self._seen[delivery] += 1
            self._tell(
                Passed(
                    event=event,
                    subject=str(data.get("product_id") or data.get("job_id") or ""),
                    delivery=delivery,
                    attempt=self._seen[delivery] if delivery else 1,
                    genuine=self._genuine(body, headers.get("X-Webhook-Signature")),
                    reply=reply,
                    seconds=seconds,
                )
            )
        if reply.status is not None:
            return Answer(reply.status, reply.retry_after)
        return Answer(HTTPStatus.NO_CONTENT if reply.problem is None else HTTPStatus.BAD_GATEWAY)

    def _genuine(self, body: bytes, signed: str | None) -> bool:
        try:
            webhooks.verify_signature(body, signed, self._secret)
        except WebhookVerificationError:
            return False
        return True
