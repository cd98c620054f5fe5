"""Compare what a row should be with what the server holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, cast

import attrs

from bulkeditor.errors import FieldError
from bulkeditor.models import UNSET, Product, ProductCreate, ProductUpdate

_SHOWN: Final = 60


def plain(row: ProductUpdate | ProductCreate) -> dict[str, object]:
    """The fields that a row gives, by name."""
    pairs = ((field.name, getattr(row, field.name)) for field in attrs.fields(type(row)) if field.init)
    return {name: value for name, value in pairs if value is not UNSET}


def differences(wanted: Mapping[str, object], actual: Product) -> list[FieldError]:
    """The fields in which a product is not as wanted; an empty list when it is.

    Args:
        wanted: Values by field; the entries of ``custom_fields`` are compared one by one.
        actual: The product as read; a field that did not come counts as empty.
    """
    found: list[FieldError] = []
    for name, value in wanted.items():
        held: object = getattr(actual, name, None)
        if name == "custom_fields":
            found += _entries(cast("Mapping[str, object]", value), held)
        elif not same(name, value, held):
            found.append(_differs(name, value, held))
    return found


def same(name: str, wanted: object, held: object) -> bool:
    """Whether a field holds the wanted value; the order of tags and the form of numbers do not count."""
    if name == "tags":
        return _labels(wanted) == _labels(held)
    if name == "options":
        return _json(wanted or {}) == _json(held or {})
    return _json(wanted) == _json(held)


def _labels(value: object) -> set[str]:
    return set(cast("Sequence[str]", value or ()))


def _entries(wanted: Mapping[str, object], held: object) -> list[FieldError]:
    have: Mapping[str, object] = cast("Mapping[str, object]", held) if isinstance(held, Mapping) else {}
    return [
        _differs(f"custom_fields.{name}", value, have.get(name))
        for name, value in wanted.items()
        if _json(value) != _json(have.get(name))
    ]


def _json(value: object) -> object:
    """JSON data in a form in which equal means equal: 1, 1.0 and 1.00 are one number, true is none."""
    if isinstance(value, bool):
        return ("flag", value)
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return {key: _json(item) for key, item in members.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in cast("Sequence[object]", value)]
    return value


def _differs(name: str, wanted: object, held: object) -> FieldError:
    return FieldError(
        field=name, message=f"should be {_show(wanted)}, the server holds {_show(held)}", code="not_applied"
    )


def _show(value: object) -> str:
    text = "nothing" if value is None else str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


__all__ = ["differences", "plain", "same"]
