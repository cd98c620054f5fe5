"""Is a request genuine, and which delivery is it? Every signature that it carries is checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Protocol, TypeAlias, cast

from bulkeditor.errors import WebhookVerificationError
from bulkeditor.signature import Secrets, verify, verify_standard

SIGNATURE: Final = "x-webhook-signature"
STANDARD: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
# As HTTP and ASGI spell them, and as CGI and WSGI do.
_WANTED: Final = {
    spelling: name for name in (SIGNATURE, *STANDARD) for spelling in (name, "http_" + name.replace("-", "_"))
}
_LENGTHS: Final = frozenset(map(len, _WANTED))


class HasItems(Protocol):
    """Headers as frameworks hold them: anything that gives its pairs."""

    def items(self) -> Iterable[tuple[object, object]]:
        """Names and values."""
        ...


Headers: TypeAlias = Mapping[str, str] | HasItems | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
"""A request's headers: a mapping, a framework's own object, pairs (of text, or of bytes as in ASGI), or a
WSGI environ. The case of names does not matter."""


def verify_request(
    body: bytes, headers: Headers, secrets: Secrets | None, now: datetime
) -> tuple[str | None, str]:
    """Check the documented signature, and that of Standard Webhooks where any of its headers is there.

    Args:
        body: The raw bytes.
        headers: The request's headers.
        secrets: One secret, or several.
        now: The receiver's time, aware.

    Returns:
        ``webhook-id``, or None where there is none; and which secret matched.

    Raises:
        TypeError: ``body`` is not bytes, or ``headers`` are no headers.
        WebhookVerificationError: It is not genuine.
    """
    found = _found(headers)
    # Whatever it is: what is no text is refused like any other signature that is not genuine.
    signature = cast("str | bytes | None", found.get(SIGNATURE))
    signed_by = verify(body, signature, secrets, now=now)
    if len(found) == 1:
        return None, signed_by
    msg_id, timestamp, signature = (_text(found, name) for name in STANDARD)
    verify_standard(body, msg_id=msg_id, timestamp=timestamp, signature=signature, secrets=secrets, now=now)
    return msg_id, signed_by


def _found(headers: Headers) -> dict[str, object]:
    """The values of the headers that matter, by name."""
    items = getattr(headers, "items", None)
    found: dict[str, object] = {}
    try:
        pairs = cast("Iterable[tuple[str | bytes, object]]", items() if callable(items) else headers)
        for name, value in pairs:
            if len(name) not in _LENGTHS:
                continue
            wanted = _WANTED.get((name if isinstance(name, str) else name.decode("latin-1")).lower())
            if wanted is None:
                continue
            if wanted in found:
                # Whoever reads the other one would see another request.
                raise WebhookVerificationError(f"The header {wanted} was sent twice.")
            found[wanted] = value
    except (AttributeError, TypeError, ValueError) as error:
        raise TypeError(
            f"headers must be a mapping or pairs of names and values, not {type(headers).__name__}: take "
            "request.headers, the pairs of an ASGI scope, or a WSGI environ."
        ) from error
    return found


def _text(found: Mapping[str, object], name: str) -> str | None:
    value = found.get(name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise WebhookVerificationError(f"The header {name} is not text but {type(value).__name__}.")


__all__ = ["Headers", "verify_request"]
