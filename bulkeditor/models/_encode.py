"""Models, changes and plain data to JSON, every digit kept."""

import contextlib
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import Any, Final, NoReturn, cast

import attrs
import msgspec
from msgspec import UNSET

from bulkeditor._secret import Secret
from bulkeditor.errors import InvalidInputError
from bulkeditor.models._base import Model
from bulkeditor.models._changes import Change, body_of
from bulkeditor.models._inputs import finite, refuse


class _NotFiniteError(Exception):
    """NaN or infinity, which the encoder would write as null, or as text that is no JSON."""


def _unknown(value: object) -> NoReturn:
    if isinstance(value, Secret):
        raise TypeError("a Secret is not written; reveal() it where it must be sent")
    raise TypeError(f"{type(value).__name__} has no place in JSON")


_SAFE: Final = frozenset((str, int, bool, NoneType, datetime))
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=_unknown)


def encode(value: object) -> bytes:
    """JSON text of models, changes, or plain data that holds them.

    Decimals become numbers with all their digits; fields that are UNSET or not loaded are left out; times
    keep their offset.

    Args:
        value: What to write.

    Raises:
        InvalidInputError: It holds NaN, infinity, a secret, or a type that JSON does not have.
    """
    try:
        return _ENCODER.encode(_plain(value))
    except _NotFiniteError:
        _name_non_finite(value, "value")
        raise
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidInputError(f"This cannot be written as JSON: {error}.") from error


def _plain(value: object) -> object:
    """What the encoder can be trusted with.

    It would drop a model's unknown fields, because they stand outside of the slots, and write NaN.
    """
    if isinstance(value, Change):
        return body_of(value)
    if isinstance(value, Model):
        return _plain(value.to_dict())
    if isinstance(value, Mapping):
        return _plain_object(cast("Mapping[object, object]", value))
    if isinstance(value, list | tuple | set | frozenset):
        return _plain_list(cast("Collection[object]", value))
    if isinstance(value, float | Decimal):
        if not finite(value):
            raise _NotFiniteError
    elif attrs.has(type(value)):
        return _plain(_by_name(value))
    return value


def _plain_object(members: Mapping[object, object]) -> object:
    if isinstance(members, dict) and _SAFE.issuperset(map(type, members.values())):
        return members
    return {name: _plain(item) for name, item in members.items() if item is not UNSET}


def _plain_list(items: Collection[object]) -> object:
    if isinstance(next(iter(items), None), Change):
        with contextlib.suppress(AttributeError):  # something else among them
            return list(map(body_of, cast("Collection[Change]", items)))
    if _SAFE.issuperset(map(type, items)):
        return items
    return [_plain(item) for item in items]


def _name_non_finite(value: object, path: str) -> None:
    plain: Any = value.to_dict() if isinstance(value, Model) else value
    if isinstance(plain, float | Decimal):
        if not finite(plain):
            refuse(path, f"{plain} has no place in JSON", "Give None or a finite number.")
    elif isinstance(plain, Mapping):
        for name, item in cast("Mapping[object, object]", plain).items():
            _name_non_finite(item, f"{path}.{name}")
    elif isinstance(plain, list | tuple | set | frozenset):
        for index, item in enumerate(cast("Iterable[object]", plain)):
            _name_non_finite(item, f"{path}[{index}]")
    elif attrs.has(type(value)) and not isinstance(value, Change):
        _name_non_finite(_by_name(value), path)


def _by_name(value: object) -> dict[str, object]:
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", type(value)))
    return {field.name: getattr(value, field.name) for field in fields}


__all__ = ["encode"]
