"""What flows through an HTTP conversation: requests out, responses in, and pauses.

An *exchange* is a generator that yields :class:`Request` (or :class:`Sleep`) and is handed a
:class:`Response`; what it returns is the result of the operation. It holds no I/O, no clock and no loop, so
one text serves the blocking and the asyncio driver (httpx's own ``Auth.auth_flow`` is the precedent).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from decimal import Decimal
from typing import IO, Any, Final, TypeAlias, TypeVar

import attrs

from bulkeditor.errors import UnexpectedResponseError
from bulkeditor.http._redact import excerpt, headers_repr

T = TypeVar("T")

_HTML: Final = re.compile(rb"\s*(?:<!doctype html|<html|<head|<body|<!--)", re.IGNORECASE)


def _no_headers() -> Mapping[str, str]:
    return {}


@attrs.frozen(kw_only=True, eq=False)
class Request:
    """One HTTP request, before credentials, base URL and transport headers are added.

    Args:
        method: ``GET``, ``POST``, ``PUT``, ``PATCH`` or ``DELETE``.
        path: Path below the base URL (``/api/v1/products``), or an absolute URL.
        operation: The operation's name in openapi.yaml; names it in errors, logs and metrics.
        params: Query parameters, in order.
        headers: Further headers.
        content: The frozen body: each repeat sends these very bytes.
        scope: The permission that the operation needs, for clear 403 errors.
        write: Whether it changes state on the server; a read-only session refuses it before anything is sent.
        idempotent: Whether a repeat has the same effect as one call (GET, DELETE of an id).
        idempotency_key: Minted once for a write, the same on each repeat.
        authenticated: False for the token endpoint itself.
        spool: Write the body to a temporary file instead of memory.
        once: Never sent again by itself: what it rests on would grow old, so its flow decides.
    """

    method: str
    path: str
    operation: str
    params: tuple[tuple[str, str], ...] = ()
    # Signing puts credentials here, and a traceback with locals prints requests.
    headers: Mapping[str, str] = attrs.field(factory=_no_headers, repr=headers_repr)
    content: bytes | None = attrs.field(default=None, repr=False)
    scope: str | None = None
    write: bool = False
    idempotent: bool = True
    idempotency_key: str | None = None
    authenticated: bool = True
    spool: bool = False
    once: bool = False

    def with_header(self, name: str, value: str) -> Request:
        """The same request with one more header; a header of that name is replaced.

        Args:
            name: Header name.
            value: Header value.
        """
        kept = {key: old for key, old in self.headers.items() if key.lower() != name.lower()}
        kept[name] = value
        # Spelled out: attrs.evolve() costs several times as much, and this runs for every request.
        return Request(
            method=self.method,
            path=self.path,
            operation=self.operation,
            params=self.params,
            headers=kept,
            content=self.content,
            scope=self.scope,
            write=self.write,
            idempotent=self.idempotent,
            idempotency_key=self.idempotency_key,
            authenticated=self.authenticated,
            spool=self.spool,
            once=self.once,
        )


@attrs.frozen(kw_only=True, eq=False)
class Response:
    """One complete HTTP answer.

    Args:
        status: HTTP status.
        headers: Header fields, names in lower case.
        content: The body.
        request: What was asked.
        elapsed: Seconds from sending to the last byte of the body, for the last attempt.
        attempts: How many times it was sent (1 = no repeat).
        file: The body of a ``spool=True`` request, a temporary file at its start; ``content`` is empty then.
            Whoever receives it closes it.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=headers_repr)
    content: bytes = attrs.field(repr=False)
    request: Request
    elapsed: float = 0.0
    attempts: int = 1
    file: IO[bytes] | None = attrs.field(default=None, repr=False)

    @property
    def request_id(self) -> str | None:
        """``X-Request-Id``, to quote to the server's operators."""
        return self.headers.get("x-request-id")

    @property
    def web_page(self) -> bool:
        """Whether the body is HTML, by its type or its beginning: a page for people instead of data."""
        return "html" in self.headers.get("content-type", "") or _HTML.match(self.content) is not None

    def json(self) -> Any:
        """The body as plain data; numbers with a fraction are Decimals, so every digit is kept.

        Raises:
            UnexpectedResponseError: The body is not JSON.
        """
        import msgspec  # noqa: PLC0415 - with the first answer, not with the first import

        try:
            return msgspec.json.Decoder(float_hook=Decimal).decode(self.content)
        except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError, RecursionError) as error:
            raise self.unexpected(f"the body is not JSON ({error})") from error

    def unexpected(self, problem: str) -> UnexpectedResponseError:
        """An error that shows the start of a body which breaks the contract."""
        kind = self.headers.get("content-type", "no content type")
        start = excerpt(self.content[:2000].decode("utf-8", "replace"))
        return UnexpectedResponseError(
            f"{problem}; got {kind}: {start!r}",
            status=self.status,
            request_id=self.request_id,
            operation=self.request.operation,
        )


@attrs.frozen
class Sleep:
    """A pause that the driver takes; nothing is handed back for it.

    Args:
        seconds: How long.
    """

    seconds: float


Exchange: TypeAlias = Generator[Request | Sleep, Response, T]
"""One operation: yields requests and pauses, is handed responses, returns the result."""

__all__ = ["Exchange", "Request", "Response", "Sleep"]
