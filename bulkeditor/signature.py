"""Sign and verify webhook bodies; used by whoever receives webhooks and by the sandbox that sends them.

Two forms travel with one delivery:

* ``X-Webhook-Signature``, as the product documents it: the hex HMAC-SHA256 of the raw body.
* ``webhook-id``, ``webhook-timestamp``, ``webhook-signature`` of Standard Webhooks
  (https://www.standardwebhooks.com): ``v1,`` and the base64 HMAC-SHA256 of ``id.timestamp.body``. It also
  binds the delivery's identity and time, so a recorded delivery cannot be played back later.

Whatever a sender puts into a header ends in :class:`~bulkeditor.errors.WebhookVerificationError`, never in
another exception: receivers run on the open internet.
"""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NoReturn, TypeAlias

from bulkeditor._secret import Secret
from bulkeditor._signing_secret import SecretText, SigningSecret, standard_keys, utf8_key
from bulkeditor.errors import InvalidInputError, WebhookVerificationError

TOLERANCE_SECONDS: Final = 300
"""How far a Standard Webhooks timestamp may lie from the receiver's clock, in either direction."""

# A header far longer than any genuine one is refused before time is spent on it.
_MAX_SIGNATURE: Final = 4096
_HEX_DIGITS: Final = 64
_MAX_ID: Final = 255
_MAX_TIMESTAMP_DIGITS: Final = 12


_ONE_SECRET: Final = (str, bytes, Secret, SigningSecret)
_TEXT: Final = (str, bytes)

Secrets: TypeAlias = SecretText | SigningSecret | Sequence[SecretText | SigningSecret]
"""One secret, or several while they are being rotated."""


def sign(body: bytes, secret: SecretText) -> str:
    """Compute the value of ``X-Webhook-Signature``.

    Args:
        body: The raw body, byte for byte as it is sent.
        secret: The webhook's secret.

    Returns:
        64 lower-case hex digits.

    Raises:
        TypeError: ``body`` is not bytes.
        InvalidInputError: The secret is empty.
    """
    return hmac.digest(_require_key(utf8_key(secret)), _require_bytes(body), "sha256").hex()


def verify(
    body: bytes, signature: str | bytes | None, secrets: Secrets | None, *, now: datetime | None = None
) -> str:
    """Check ``X-Webhook-Signature``.

    Args:
        body: The raw body, byte for byte as it was received.
        signature: The header's value: hex in either case, with or without ``sha256=``; ``None`` when absent.
        secrets: The secret, or several during a rotation (current and previous). Empty ones and those past
            their ``not_after`` never match.
        now: The receiver's time, aware, which ``not_after`` is compared with; ``None`` = this machine's.

    Returns:
        Which secret matched: its ``id``, or its place in ``secrets`` (``"0"`` is the first).

    Raises:
        TypeError: ``body`` is not bytes.
        WebhookVerificationError: The signature is missing, malformed, or made with none of the secrets.
    """
    content = _require_bytes(body)
    given = _hex_signature(signature)
    usable = _in_force(secrets, now)
    # Every secret is tried and compared in constant time: neither duration nor text tells which was near.
    matches = [name for name, secret in usable if hmac.compare_digest(_digest(secret, content), given)]
    return matches[0] if matches else _refuse(usable)


def sign_standard(msg_id: str, timestamp: int, body: bytes, secret: SecretText) -> str:
    """Compute the value of ``webhook-signature`` (Standard Webhooks).

    Args:
        msg_id: The delivery's id, as sent in ``webhook-id``.
        timestamp: Unix time in seconds, as sent in ``webhook-timestamp``.
        body: The raw body, byte for byte as it is sent.
        secret: The webhook's secret; after ``whsec_`` the base64 of the key, else its UTF-8 bytes are it.

    Returns:
        ``v1,`` and the base64 of the HMAC.

    Raises:
        TypeError: ``body`` is not bytes.
        InvalidInputError: The secret is empty, or not base64 after ``whsec_``.
    """
    keys = standard_keys(secret)
    if not keys:
        raise InvalidInputError(
            "The webhook secret is empty or is not base64 after 'whsec_'.",
            hint="Use a secret of at least 24 random bytes.",
        )
    signed = f"{msg_id}.{timestamp}.".encode() + _require_bytes(body)
    return f"v1,{_base64(hmac.digest(keys[0], signed, 'sha256')).decode()}"


def verify_standard(
    body: bytes,
    *,
    msg_id: str | None,
    timestamp: str | None,
    signature: str | bytes | None,
    secrets: Secrets | None,
    now: datetime,
    tolerance: float = TOLERANCE_SECONDS,
) -> str:
    """Check the three Standard Webhooks headers.

    Args:
        body: The raw body, byte for byte as it was received.
        msg_id: ``webhook-id``: printable ASCII.
        timestamp: ``webhook-timestamp``, Unix seconds as text.
        signature: ``webhook-signature``; several may stand in it, separated by spaces; one must match.
        secrets: The secret, or several during a rotation. Without ``whsec_`` both readings of a secret
            (its text, and what it decodes to as base64) are tried, because senders differ.
        now: The receiver's time, aware.
        tolerance: Seconds that ``timestamp`` may lie in the past or in the future.

    Returns:
        Which secret matched: its ``id``, or its place in ``secrets`` (``"0"`` is the first).

    Raises:
        TypeError: ``body`` is not bytes.
        InvalidInputError: ``now`` is naive.
        WebhookVerificationError: A header is missing, malformed, stale, or signed with none of the secrets.
    """
    content = _require_bytes(body)
    if msg_id is None or not is_message_id(msg_id):
        raise WebhookVerificationError("The header webhook-id is missing or malformed.")
    stamp = _fresh(timestamp, now, tolerance)
    parts = (part.partition(b",") for part in _signature_text(signature).split(b" "))
    # As text: several texts decode to one digest, and a signature that was changed is not genuine.
    given = [digest for version, _, digest in parts if version == b"v1"]
    signed = b"%b.%b.%b" % (msg_id.encode(), stamp.encode(), content)
    expected = [
        (name, _base64(digest))
        for name, secret in _in_force(secrets, now)
        for digest in _standard_digests(secret, signed)
    ]
    matches = [name for one in given for name, other in expected if hmac.compare_digest(other, one)]
    return matches[0] if matches else _refuse(expected)


def prepared(secrets: Secrets) -> list[SigningSecret]:
    """The same secrets, prepared for use; they keep their places.

    Args:
        secrets: One secret, or several.
    """
    if isinstance(secrets, _ONE_SECRET):
        secrets = (secrets,)
    return [
        secret if isinstance(secret, SigningSecret) else SigningSecret(secret or b"") for secret in secrets
    ]


def is_message_id(text: object) -> bool:
    """Whether a text can be a ``webhook-id``: printable ASCII, of reasonable length.

    Args:
        text: What a header held.
    """
    return isinstance(text, str) and 0 < len(text) <= _MAX_ID and text.isascii() and text.isprintable()


def _require_bytes(body: bytes) -> bytes:
    # Checked at run time as well: frameworks hand out parsed JSON or decoded text just as readily.
    if not isinstance(body, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers without types
        raise TypeError(
            f"body must be the raw bytes of the request, not {type(body).__name__}: the signature covers the "
            "exact bytes, and text decoded or JSON parsed and written again differs in whitespace, key order "
            "and escapes. Take request.body (Django), await request.body() (Starlette, FastAPI) or "
            "request.get_data() (Flask)."
        )
    return body


def _in_force(secrets: Secrets | None, now: datetime | None) -> list[tuple[str, SecretText | SigningSecret]]:
    """The secrets that may be used now, each with what it is called."""
    # A lone string is one secret; iterating over it would accept each of its letters as a key.
    if isinstance(secrets, _ONE_SECRET):
        secrets = (secrets,)
    usable: list[tuple[str, SecretText | SigningSecret]] = []
    for place, secret in enumerate(secrets or ()):
        # None, or an empty text, is what a missing environment variable gives; anybody could sign with it.
        if not secret:
            continue
        if not isinstance(secret, SigningSecret):
            usable.append((str(place), secret))
        elif secret.not_after is None or (now or datetime.now(UTC)) <= secret.not_after:
            usable.append((secret.id or str(place), secret))
    return usable


def _digest(secret: SecretText | SigningSecret, content: bytes) -> bytes:
    if isinstance(secret, SigningSecret):
        return secret.digest(content)
    return hmac.digest(utf8_key(secret), content, "sha256")


def _require_key(key: bytes) -> bytes:
    if not key:
        raise InvalidInputError(
            "The webhook secret is empty: anybody could forge a signature.",
            hint="Use a secret of at least 24 random bytes.",
        )
    return key


def _standard_digests(secret: SecretText | SigningSecret, content: bytes) -> list[bytes]:
    if isinstance(secret, SigningSecret):
        return secret.standard_digests(content)
    return [hmac.digest(key, content, "sha256") for key in standard_keys(secret)]


def _signature_text(signature: str | bytes | None) -> bytes:
    """The header's value, as bytes: compare_digest refuses text outside ASCII with a TypeError."""
    if not signature:
        raise WebhookVerificationError("The signature header is missing or empty.")
    if not isinstance(signature, _TEXT):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers without types
        raise WebhookVerificationError(f"The signature header is not text but {type(signature).__name__}.")
    if len(signature) > _MAX_SIGNATURE:
        raise WebhookVerificationError(f"The signature header is longer than {_MAX_SIGNATURE} characters.")
    try:
        return (signature if isinstance(signature, bytes) else signature.encode("ascii")).strip()
    except UnicodeEncodeError as error:
        raise WebhookVerificationError("The signature header holds characters outside ASCII.") from error


def _hex_signature(signature: str | bytes | None) -> bytes:
    """The digest that the documented header states."""
    try:
        if signature is not None and len(signature) == _HEX_DIGITS:
            return binascii.unhexlify(signature)
    except (TypeError, ValueError):
        pass  # no hex digits; below it is told what they are
    text = _signature_text(signature)
    digits = text[7:] if text[:7].lower() == b"sha256=" else text
    try:
        return binascii.unhexlify(digits)
    except binascii.Error as error:
        raise WebhookVerificationError("The signature header is not made of hex digits.") from error


def _fresh(timestamp: str | None, now: datetime, tolerance: float) -> str:
    if now.tzinfo is None:
        raise InvalidInputError(
            "now has no time zone, so a timestamp cannot be compared with it.", hint="Pass datetime.now(UTC)."
        )
    if (
        not isinstance(timestamp, str)
        or not 0 < len(timestamp) <= _MAX_TIMESTAMP_DIGITS
        or not (timestamp.isascii() and timestamp.isdigit())
    ):
        raise WebhookVerificationError(
            "The header webhook-timestamp is missing or is not a Unix time in seconds."
        )
    if abs(now.timestamp() - int(timestamp)) > tolerance:
        raise WebhookVerificationError(
            f"The webhook's timestamp lies more than {tolerance:g} seconds from the present.",
            hint="Check this machine's clock; if it is right, the delivery is a replay and must be ignored.",
        )
    return timestamp


def _base64(digest: bytes) -> bytes:
    return binascii.b2a_base64(digest, newline=False)


def _refuse(keys: Sequence[object]) -> NoReturn:
    if keys:
        raise WebhookVerificationError("The signature was made with none of the configured secrets.")
    raise WebhookVerificationError(
        "No webhook secret is configured, or none is in force any more, so nothing can be verified.",
        hint="Pass the secret that the webhook was created with.",
    )


__all__ = [
    "TOLERANCE_SECONDS",
    "SecretText",
    "Secrets",
    "SigningSecret",
    "is_message_id",
    "prepared",
    "sign",
    "sign_standard",
    "verify",
    "verify_standard",
]
