"""Conditions as closures: one for each leaf, built once, run for each row.

NULL is handled by construction. NOT is pushed to the leaves while compiling, and what is built answers only
"definitely true": a leaf whose value is missing is neither definitely true nor, negated, definitely false.
AND and OR of "definitely true" are then plain ``and`` and ``or``, which is SQL's three-valued logic.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast

from bulkeditor.errors import NotLoadedError
from bulkeditor.query._schema import PRODUCT_SCHEMA
from bulkeditor.query._values import (
    TEXTUAL,
    Scalar,
    Test,
    Value,
    incompatible,
    invalid,
    kind_of,
    parse_time,
    scalar,
    value_of,
)

Reader: TypeAlias = Callable[[Any], object]
Predicate: TypeAlias = Callable[[Any], bool]
MakeReader: TypeAlias = Callable[[str], Reader]

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


def mapping_reader(name: str) -> Reader:
    """Read a field of plain data; an absent key is an error, an absent entry below a dot is NULL."""
    column, dot, entry = name.partition(".")
    if column == "tags":
        # A row without tags has none; so NOT tags.contains(…) holds for it.
        return lambda row: _tags(row.get("tags"))

    def read(row: Mapping[str, object]) -> object:
        try:
            return row[column]
        except KeyError:
            raise NotLoadedError(column, model="row") from None

    return _entry_reader(read, entry, name) if dot else read


def model_reader(name: str) -> Reader:
    """Read a field of a model, which itself raises NotLoadedError for what is not there."""
    column, dot, entry = name.partition(".")
    if column not in PRODUCT_SCHEMA.fields:
        # A field that the models do not know; getattr would find methods as well.
        def read_extra(row: Any) -> object:
            extra: Mapping[str, object] = row.extra
            if column not in extra:
                raise NotLoadedError(column, model=type(row).__name__)
            return extra[column]

        return _entry_reader(read_extra, entry, name) if dot else read_extra
    get = operator.attrgetter(column)
    if column == "tags":
        return lambda row: _tags(get(row))
    return _entry_reader(get, entry, name) if dot else get


def _tags(value: object) -> object:
    return [] if value is None else value


def _entry_reader(read: Reader, entry: str, name: str) -> Reader:
    def read_entry(row: Any) -> object:
        entries = read(row)
        if entries is None:
            return None
        if not isinstance(entries, Mapping):
            raise invalid(
                name, f"the field holds {kind_of(entries)}, which has no entries", code="incompatible_types"
            )
        return cast("Mapping[str, object]", entries).get(entry)

    return read_entry


def is_null(read: Reader, *, negated: bool) -> Predicate:
    """Whether a value is missing; never unknown."""
    if negated:
        return lambda row: read(row) is not None
    return lambda row: read(row) is None


def compare_values(read: Reader, name: str, op: str, value: Value, *, negated: bool) -> Predicate:
    """A field against a constant."""
    return _leaf(read, _test(name, op, value), negated=negated)


def _test(name: str, op: str, value: Value) -> Test:
    return _text_test(name, op, cast("str", value)) if op in TEXTUAL else _comparison(name, op, value)


def compare_fields(left: Reader, right: Reader, name: str, op: str, *, negated: bool) -> Predicate:
    """A field against another field of the same row."""

    def holds(row: Any) -> bool:
        value, other = left(row), right(row)
        if value is None or other is None:
            return False
        constant = value_of(other, name)
        if op in TEXTUAL and not isinstance(constant, str):
            raise incompatible(name, value, constant)
        return _test(name, op, constant)(value) is (not negated)

    return holds


def one_of(read: Reader, name: str, choices: Sequence[Scalar], *, negated: bool) -> Predicate:
    """A field against a set of constants; the empty set holds nothing, not even the unknown."""
    if not choices:
        return lambda _: negated
    tests = [(_comparison(name, "eq", choice), choice) for choice in choices]

    def among(value: object) -> bool:
        fitting = [equal for equal, choice in tests if _comparable(name, value, choice)]
        if not fitting and not _holds_any_json(name):
            raise incompatible(name, value, choices[0])
        return any(equal(value) for equal in fitting)

    if not all(isinstance(choice, str) for choice in choices):
        return _leaf(read, among, negated=negated)
    texts = frozenset(choices)
    return _leaf(read, lambda value: value in texts if type(value) is str else among(value), negated=negated)


def _leaf(read: Reader, test: Test, *, negated: bool) -> Predicate:
    if negated:

        def definitely_false(row: Any) -> bool:
            value = read(row)
            return value is not None and test(value) is False

        return definitely_false

    def definitely_true(row: Any) -> bool:
        value = read(row)
        return value is not None and test(value) is True

    return definitely_true


def _holds_any_json(name: str) -> bool:
    # In one row a text may stand where others have a number. That is no mistake of the condition: the two
    # differ, and which of them is smaller is unknown. A plain column has one type, so there it is a mistake.
    return "." in name


def _is_list_of_texts(name: str, value: object) -> bool:
    return isinstance(value, list | tuple) and not _holds_any_json(name)


def _text_test(name: str, op: str, wanted: str) -> Test:
    apply = _TEXT[op]

    def test(value: object) -> bool | None:
        if isinstance(value, str):
            return apply(value, wanted)
        if op == "contains" and _is_list_of_texts(name, value):
            return wanted in cast("Sequence[object]", value)
        if _holds_any_json(name):
            return None
        raise incompatible(name, value, wanted)

    return test


def _comparison(name: str, op: str, wanted: Value) -> Test:
    compare = _COMPARE[op]
    if isinstance(wanted, str):

        def text(value: object) -> bool | None:
            return compare(value, wanted) if type(value) is str else _compare_slowly(name, op, value, wanted)

        return text
    if isinstance(wanted, int | Decimal) and not isinstance(wanted, bool):

        def number(value: object) -> bool | None:
            if type(value) is int or (type(value) is Decimal and value.is_finite()):
                return compare(value, wanted)
            return _compare_slowly(name, op, value, wanted)

        return number
    return lambda value: _compare_slowly(name, op, value, wanted)


def _comparable(name: str, value: object, wanted: Value) -> bool:
    if _is_list_of_texts(name, value):
        return isinstance(wanted, str | tuple)
    kinds = {kind_of(value), kind_of(wanted)}
    return len(kinds) == 1 or kinds == {"text", "time"}


def _compare_slowly(name: str, op: str, value: object, wanted: Value) -> bool | None:
    """Every pairing of types, checked; the quick paths have taken the frequent ones."""
    equality = op in {"eq", "ne"}
    if equality and isinstance(wanted, str | tuple) and _is_list_of_texts(name, value):
        items = tuple(cast("Sequence[object]", value))
        # One text against a list of tags asks whether it is among them.
        return (wanted in items if isinstance(wanted, str) else items == wanted) is (op == "eq")
    left, right = _aligned(name, value, wanted)
    kind = kind_of(left)
    if kind == kind_of(right) and (equality or kind in {"number", "text", "time"}):
        return _COMPARE[op](left, right)
    if not _holds_any_json(name):
        raise incompatible(name, value, wanted)
    return op == "ne" if equality else None


def _aligned(name: str, value: object, wanted: Value) -> tuple[object, object]:
    if isinstance(value, float | Decimal | datetime):
        value = scalar(value, name)  # refuses NaN and times without a zone, which Python cannot order
    if isinstance(value, datetime) and isinstance(wanted, str):
        return value, parse_time(wanted) or wanted
    if isinstance(value, str) and isinstance(wanted, datetime):
        return parse_time(value) or value, wanted
    return value, wanted


__all__ = [
    "MakeReader",
    "Predicate",
    "Reader",
    "compare_fields",
    "compare_values",
    "is_null",
    "mapping_reader",
    "model_reader",
    "one_of",
]
