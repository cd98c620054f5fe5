"""The API's JSON filter, read to a condition."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NoReturn, cast

from bulkeditor.errors import InvalidInputError
from bulkeditor.query._condition import Condition
from bulkeditor.query._joined import Not, all_of, any_of
from bulkeditor.query._leaves import OPERATORS, IsNull, comparison, matching, one_of
from bulkeditor.query._operands import MAX_DEPTH, FieldRef, Literal
from bulkeditor.query._values import TEXTUAL, Scalar, invalid, scalar, value_of

_ALL_OPERATORS: Final = (*OPERATORS, "in", "not_in", *sorted(TEXTUAL), "matches", "is_null")


def parse_filter(given: Mapping[str, object], *, depth: int = 0) -> Condition:
    """Read one filter object.

    Args:
        given: The object.
        depth: How many others it stands in.

    Returns:
        The condition.

    Raises:
        InvalidInputError: It is malformed.
    """
    if not isinstance(given, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers without types
        _refuse("filter", f"a filter is an object of field names and values, not {type(given).__name__}")
    if depth > MAX_DEPTH:
        raise InvalidInputError(f"The filter is nested more than {MAX_DEPTH} levels deep.")
    return all_of(part for name, value in given.items() for part in _entry(name, value, depth))


def _entry(name: str, value: object, depth: int) -> Iterator[Condition]:
    if name in {"and", "or"}:
        parts = [parse_filter(part, depth=depth + 1) for part in _filters(name, value)]
        yield all_of(parts) if name == "and" else any_of(parts)
    elif name == "not":
        yield ~parse_filter(cast("Mapping[str, object]", value), depth=depth + 1)
    else:
        field = FieldRef(name)
        if isinstance(value, Mapping):
            yield from _operators(field, cast("Mapping[str, object]", value))
        else:
            yield _equal(field, value)


def _filters(name: str, value: object) -> Sequence[Mapping[str, object]]:
    if not isinstance(value, list | tuple):
        _refuse(name, "needs a list of filters")
    return cast("Sequence[Mapping[str, object]]", value)


def _operators(field: FieldRef, given: Mapping[str, object]) -> Iterator[Condition]:
    if not given:
        _refuse(field.name, f"an empty object says nothing; use one of {', '.join(_ALL_OPERATORS)}")
    for op, value in given.items():
        yield _operator(field, op, value)


def _operator(field: FieldRef, op: str, value: object) -> Condition:
    if op == "eq":
        return _equal(field, value)
    if op in {"ne", "not_in"}:
        return _different(field, op, value)
    if op in OPERATORS or op in TEXTUAL or op == "matches":
        if value is None:
            _refuse(field.name, f"{op} null is never true; use is_null")
        return _tested(field, op, value)
    if op == "in":
        return one_of(field, _choices(field, op, value))
    if op == "is_null":
        if not isinstance(value, bool):
            _refuse(field.name, "is_null needs true or false")
        return IsNull(field) if value else Not(IsNull(field))
    guess = difflib.get_close_matches(str(op), _ALL_OPERATORS, n=1)
    advice = f"did you mean {guess[0]!r}?" if guess else f"use one of {', '.join(_ALL_OPERATORS)}"
    return _refuse(field.name, f"unknown operator {op!r}; {advice}")


def _different(field: FieldRef, op: str, value: object) -> Condition:
    if op == "not_in":
        return Not(one_of(field, _choices(field, op, value)))
    return Not(IsNull(field)) if value is None else _tested(field, op, value)


def _tested(field: FieldRef, op: str, value: object) -> Condition:
    if op != "matches":
        return comparison(field, op, Literal(value_of(value, field.name)))
    if not isinstance(value, str):
        _refuse(field.name, "matches needs a text")
    return matching(field, value)


def _equal(field: FieldRef, value: object) -> Condition:
    return IsNull(field) if value is None else comparison(field, "eq", Literal(value_of(value, field.name)))


def _choices(field: FieldRef, op: str, value: object) -> tuple[Scalar, ...]:
    if not isinstance(value, list | tuple):
        _refuse(field.name, f"{op} needs a list")
    return choices_of(field.name, cast("Sequence[object]", value))


def choices_of(field: str, values: Sequence[object]) -> tuple[Scalar, ...]:
    """Check the constants of a set.

    Args:
        field: What they are compared with, for messages.
        values: The constants.

    Raises:
        InvalidInputError: One is null or of no accepted type.
    """
    if any(value is None for value in values):
        _refuse(field, "a set of values cannot hold null; join with is_null instead")
    return tuple(scalar(value, field) for value in values)


def _refuse(field: str, message: str) -> NoReturn:
    raise invalid(field, message, code="invalid_filter")


__all__ = ["choices_of", "parse_filter"]
