"""What a comparison says of two values: true, false, or unknown (None), as SQL has it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

from bulkeditor.query._values import TEXTUAL, Scalar, aware, finite, incompatible, kind_of, parse_time

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = MappingProxyType(
    {
        "eq": operator.eq,
        "ne": operator.ne,
        "lt": operator.lt,
        "lte": operator.le,
        "gt": operator.gt,
        "gte": operator.ge,
    }
)
_TEXT: Final[Mapping[str, Callable[[str, str], bool]]] = MappingProxyType(
    {"contains": operator.contains, "starts_with": str.startswith, "ends_with": str.endswith}
)
_EQUALITY: Final = frozenset({"eq", "ne"})
_HAVE_ORDER: Final = frozenset({"number", "text", "time"})


class Where(NamedTuple):
    """Where a value comes from.

    Args:
        label: The field's name, for messages.
        loose: Whether rows may hold any kind of value there. In ``custom_fields`` a text may stand in one row
            where others have a number. That is no mistake of the condition: the two differ, and which of them
            is smaller is unknown. A plain column has one type, so there it is a mistake.
    """

    label: str
    loose: bool


def compare(where: Where, op: str, value: object, other: object) -> bool | None:
    """Compare two values.

    Args:
        where: Where they come from.
        op: ``eq``, ``ne``, ``lt``, ``lte``, ``gt``, ``gte``, ``contains``, ``starts_with`` or ``ends_with``.
        value: The left one.
        other: The right one.

    Returns:
        None where one of them is missing, or where they have no answer in common.

    Raises:
        InvalidInputError: They are of kinds that cannot be compared.
    """
    if value is None or other is None:
        return None
    if op in TEXTUAL:
        return _compare_texts(where, op, value, other)
    equality = op in _EQUALITY
    if equality and isinstance(other, str) and _are_tags(where, value):
        # One text against a list of tags asks whether it is among them.
        return (other in cast("Sequence[object]", value)) is (op == "eq")
    left, right = _aligned(where, value, other)
    kind = kind_of(left)
    if kind == kind_of(right) and (equality or kind in _HAVE_ORDER):
        return _COMPARE[op](left, right)
    if not where.loose:
        raise incompatible(where.label, value, other)
    return op == "ne" if equality else None


def among(where: Where, value: object, choices: Sequence[Scalar]) -> bool | None:
    """Whether a value is one of several; the empty set holds nothing, not even the unknown."""
    if not choices:
        return False
    if value is None:
        return None
    fitting = [choice for choice in choices if _comparable(where, value, choice)]
    if not fitting and not where.loose:
        raise incompatible(where.label, value, choices[0])
    return any(compare(where, "eq", value, choice) for choice in fitting)


def number_of(where: Where, value: object) -> Decimal | int | None:
    """A value to calculate with; None where there is none.

    Raises:
        InvalidInputError: It is no number.
    """
    if value is None or (type(value) is int):
        return value
    if isinstance(value, float | Decimal):
        return finite(value, where.label)
    if kind_of(value) == "number":
        return int(cast("int", value))
    if where.loose:
        return None
    raise incompatible(where.label, value, 0)


def text_of(where: Where, value: object, wanted: str) -> str | None:
    """A value to look into; None where there is none.

    Raises:
        InvalidInputError: It is no text.
    """
    if value is None or isinstance(value, str):
        return value
    if where.loose:
        return None
    raise incompatible(where.label, value, wanted)


def _are_tags(where: Where, value: object) -> bool:
    return isinstance(value, list | tuple) and not where.loose


def _compare_texts(where: Where, op: str, value: object, other: object) -> bool | None:
    if isinstance(other, str):
        if isinstance(value, str):
            return _TEXT[op](value, other)
        if op == "contains" and _are_tags(where, value):
            return other in cast("Sequence[object]", value)
    if where.loose:
        return None
    raise incompatible(where.label, value, other)


def _comparable(where: Where, value: object, choice: Scalar) -> bool:
    if _are_tags(where, value):
        return isinstance(choice, str)
    kinds = {kind_of(value), kind_of(choice)}
    return len(kinds) == 1 or kinds == {"text", "time"}


def _aligned(where: Where, value: object, other: object) -> tuple[object, object]:
    """The same two in a form that Python can compare; text beside a time is read as one."""
    left, right = _plain(where, value), _plain(where, other)
    if isinstance(left, datetime) and isinstance(right, str):
        return left, parse_time(right) or right
    if isinstance(left, str) and isinstance(right, datetime):
        return parse_time(left) or left, right
    return left, right


def _plain(where: Where, value: object) -> object:
    if isinstance(value, float | Decimal):
        return finite(value, where.label)
    if isinstance(value, datetime):
        return aware(value, where.label)
    return tuple(cast("Sequence[object]", value)) if isinstance(value, list) else value


__all__ = ["Where", "among", "compare", "number_of", "text_of"]
