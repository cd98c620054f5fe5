"""The secrets of webhooks, and the keys that they mean."""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import datetime
from typing import Any, Final, TypeAlias

import attrs

from bulkeditor._secret import Secret
from bulkeditor.errors import InvalidInputError

SecretText: TypeAlias = str | bytes | Secret
"""A webhook secret: text (its UTF-8 bytes are the key), a Secret, or the key's bytes themselves."""

_BLOCK: Final = 64
_STANDARD_PREFIX: Final = "whsec_"


def utf8_key(secret: SecretText) -> bytes:
    """The key of the documented signature.

    Args:
        secret: The secret.
    """
    if isinstance(secret, str):
        return secret.encode()
    return secret if isinstance(secret, bytes) else secret.reveal().encode()


def _text_of(secret: str | Secret) -> str:
    return secret.reveal() if isinstance(secret, Secret) else secret


def standard_keys(secret: SecretText) -> list[bytes]:
    """The keys that a secret can mean for Standard Webhooks, the one to sign with first.

    Args:
        secret: The secret. After ``whsec_`` stands the base64 of the key.

    Returns:
        No key for an unusable secret.
    """
    if isinstance(secret, bytes):
        return [secret] if secret else []
    text = _text_of(secret)
    if text.startswith(_STANDARD_PREFIX):
        decoded = _decode_base64(text.removeprefix(_STANDARD_PREFIX))
        return [decoded] if decoded else []
    keys = (text.encode(), _decode_base64(text))
    return [key for key in keys if key]


def _decode_base64(text: str) -> bytes:
    try:
        # Published secrets come without their padding, too.
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _wrapped(value: SecretText) -> Secret | bytes:
    return Secret(value) if isinstance(value, str) else value


def _aware(_instance: object, attribute: attrs.Attribute[Any], value: datetime | None) -> None:
    if value is not None and value.tzinfo is None:
        raise InvalidInputError(
            f"{attribute.name} has no time zone, so nobody can say when it ends.",
            hint="Give an aware datetime, such as datetime(2025, 1, 1, tzinfo=UTC).",
        )


class _Key:
    """HMAC-SHA256 as RFC 2104 defines it, with the key's two blocks hashed beforehand.

    Of a webhook of 1 KB this takes half the time of hmac.digest, which begins anew with each call.

    Args:
        key: The key.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def digest(self, content: bytes) -> bytes:
        """The digest of some bytes."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(content)
        outer.update(inner.digest())
        return outer.digest()


def _key_of(secret: SigningSecret) -> _Key:
    return _Key(utf8_key(secret.secret))


def _standard_of(secret: SigningSecret) -> tuple[_Key, ...]:
    return tuple(map(_Key, standard_keys(secret.secret)))


@attrs.frozen
class SigningSecret:
    """A webhook secret that is prepared for use, with an end for rotations.

    Args:
        secret: The secret.
        not_after: Until when it is accepted, an aware datetime; ``None`` = for good.
        id: What it is called where the secret that matched is reported; its place in the list when empty.

    Raises:
        InvalidInputError: ``not_after`` is naive.
    """

    secret: Secret | bytes = attrs.field(converter=_wrapped, repr=lambda _: "***")
    not_after: datetime | None = attrs.field(default=None, validator=_aware, kw_only=True)
    id: str = attrs.field(default="", kw_only=True)
    _key: _Key = attrs.field(
        init=False, repr=False, eq=False, default=attrs.Factory(_key_of, takes_self=True)
    )
    _standard: tuple[_Key, ...] = attrs.field(
        init=False, repr=False, eq=False, default=attrs.Factory(_standard_of, takes_self=True)
    )

    def __bool__(self) -> bool:
        return bool(self.secret)

    def digest(self, body: bytes) -> bytes:
        """The HMAC-SHA256 of a body under the secret's UTF-8 bytes, as the documented signature states it.

        Args:
            body: What is signed.
        """
        return self._key.digest(body)

    def standard_digests(self, content: bytes) -> list[bytes]:
        """The HMAC-SHA256 of some bytes under each key that the secret can mean for Standard Webhooks.

        Args:
            content: What is signed: ``id.timestamp.body``.

        Returns:
            Nothing for an empty secret, or one that is not base64 after ``whsec_``.
        """
        return [key.digest(content) for key in self._standard]


__all__ = ["SecretText", "SigningSecret", "standard_keys", "utf8_key"]
