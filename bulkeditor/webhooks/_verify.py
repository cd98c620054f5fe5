"""Is a request genuine, and which delivery is it? Every signature that it carries is checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Protocol, TypeAlias, cast

import attrs

from bulkeditor.errors import WebhookVerificationError
from bulkeditor.signature import Secrets, verify, verify_standard

SIGNATURE: Final = "x-webhook-signature"
STANDARD: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
# As HTTP and ASGI spell them, and as CGI and WSGI do.
_WANTED: Final = {
    spelling: name for name in (SIGNATURE, *STANDARD) for spelling in (name, "http_" + name.replace("-", "_"))
}


class HasItems(Protocol):
    """Headers as frameworks hold them: anything that gives its pairs."""

    def items(self) -> Iterable[tuple[object, object]]:
        """Names and values."""
        ...


Headers: TypeAlias = Mapping[str, str] | HasItems | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
"""A request's headers: a mapping, a framework's own object, pairs (of text, or of bytes as in ASGI), or a
WSGI environ. The case of names does not matter."""


@attrs.frozen(kw_only=True)
class Genuine:
    """A request whose signatures were checked.

    Args:
        id: ``webhook-id``, or ``sha256:`` and the hash of the body.
        signed_by: Which secret matched.
    """

    id: str
    signed_by: str


def verify_request(body: bytes, headers: Headers, secrets: Secrets | None, now: datetime) -> Genuine:
    """Check the documented signature, and that of Standard Webhooks where any of its headers is there.

    Args:
        body: The raw bytes.
        headers: The request's headers.
        secrets: One secret, or several.
        now: The receiver's time, aware.

    Raises:
        TypeError: ``body`` is not bytes, or ``headers`` are no headers.
        WebhookVerificationError: It is not genuine.
    """
    found = _found(headers)
    signed_by = verify(body, _text(found, SIGNATURE), secrets, now=now)
    if not any(name in found for name in STANDARD):
        return Genuine(id=body_id(body), signed_by=signed_by)
    msg_id, timestamp, signature = (_text(found, name) for name in STANDARD)
    verify_standard(body, msg_id=msg_id, timestamp=timestamp, signature=signature, secrets=secrets, now=now)
    return Genuine(id=cast("str", msg_id), signed_by=signed_by)


def body_id(body: bytes) -> str:
    """The identity of a delivery that carries none.

    Args:
        body: The raw bytes.
    """
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _found(headers: Headers) -> dict[str, object]:
    """The values of the headers that matter, by name."""
    found: dict[str, object] = {}
    for name, value in _pairs(headers):
        text = name.decode("latin-1") if isinstance(name, bytes) else name
        wanted = _WANTED.get(text.lower()) if isinstance(text, str) else None
        if wanted is None:
            continue
        if wanted in found:
            # Whoever reads the other one would see another request.
            raise WebhookVerificationError(f"The header {wanted} was sent twice.")
        found[wanted] = value
    return found


def _pairs(headers: Headers) -> list[tuple[object, object]]:
    items = getattr(headers, "items", None)
    try:
        pairs = cast("Iterable[tuple[object, object]]", items() if callable(items) else headers)
        return [(name, value) for name, value in pairs]
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"headers must be a mapping or pairs of names and values, not {type(headers).__name__}: take "
            "request.headers, the pairs of an ASGI scope, or a WSGI environ."
        ) from error


def _text(found: Mapping[str, object], name: str) -> str | None:
    value = found.get(name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise WebhookVerificationError(f"The header {name} is not text but {type(value).__name__}.")


__all__ = ["Genuine", "Headers", "body_id", "verify_request"]
