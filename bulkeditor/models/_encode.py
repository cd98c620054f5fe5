"""Models, updates and plain data to JSON, every digit kept."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NoReturn, cast

import attrs
import msgspec
from msgspec import UNSET

from bulkeditor._secret import Secret
from bulkeditor.errors import InvalidInputError
from bulkeditor.models._base import Model
from bulkeditor.models._inputs import refuse


def _unknown(value: object) -> NoReturn:
    if isinstance(value, Secret):
        raise TypeError("a Secret is not written; reveal() it where it must be sent")
    raise TypeError(f"{type(value).__name__} has no place in JSON")


_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=_unknown)


def encode(value: object) -> bytes:
    """JSON text of models, updates, or plain data that holds them.

    Decimals become numbers with all their digits; fields that are UNSET or not loaded are left out; times
    keep their offset.

    Args:
        value: What to write.

    Raises:
        InvalidInputError: It holds NaN, infinity, a secret, or a type that JSON does not have.
    """
    try:
        text = _ENCODER.encode(_plain(value))
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidInputError(f"This cannot be written as JSON: {error}.") from error
    # A float NaN comes out as null, a Decimal one as NaN; where neither is in the text, there is none.
    if b"null" in text or b"NaN" in text or b"Infinity" in text:
        _refuse_non_finite(value, "value")
    return text


def _plain(value: object) -> object:
    # Unknown fields stand outside of the slots that the encoder sees.
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, list | tuple):
        items = cast("list[object]", value)
        return [_plain(item) for item in items]
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)
        return {name: _plain(item) for name, item in members.items() if item is not UNSET}
    return value


def _refuse_non_finite(value: object, path: str) -> None:
    if isinstance(value, float | Decimal):
        if not math.isfinite(value):
            refuse(path, f"{value} has no place in JSON", "Give None or a finite number.")
    elif isinstance(value, Model):
        _refuse_non_finite(value.to_dict(), path)
    elif attrs.has(type(value)):
        for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(value))):
            _refuse_non_finite(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, Mapping):
        for name, item in cast("Mapping[object, Any]", value).items():
            _refuse_non_finite(item, f"{path}.{name}")
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(cast("list[object]", value)):
            _refuse_non_finite(item, f"{path}[{index}]")


__all__ = ["encode"]
