"""The leaves of a condition's tree: a field and what it is compared with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models import JSON
from bulkeditor.query import _evaluate
from bulkeditor.query._condition import RESERVED, Condition
from bulkeditor.query._evaluate import MakeReader, Predicate
from bulkeditor.query._schema import PRODUCT_SCHEMA, Schema
from bulkeditor.query._values import (
    ORDERED,
    TEXTUAL,
    Scalar,
    Value,
    invalid,
    kind_of,
    parse_time,
    to_json,
    to_text,
)

OPERATORS: Final[Mapping[str, str]] = MappingProxyType(
    {"eq": "=", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
)

_PLAIN_NAME: Final = re.compile(r"\w+(\.\w+)*", re.ASCII)


def _field_name(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or name.startswith("."):
        raise InvalidInputError(f"{name!r} is no field name.", hint="Write F.price or F['custom_fields.x'].")
    if name in RESERVED:
        raise InvalidInputError(f"{name!r} joins conditions in a filter and cannot be a field name.")
    return name


@attrs.frozen
class FieldRef:
    """A field of the row, by name; ``custom_fields.x`` and ``options.Color`` are dotted.

    Args:
        name: The name.
    """

    name: str = attrs.field(converter=_field_name)

    def __str__(self) -> str:
        return self.name if _PLAIN_NAME.fullmatch(self.name) else f"`{self.name}`"


def _typed(value: Value) -> tuple[bool, Value]:
    # True == 1 in Python, but a condition on one is not a condition on the other.
    return isinstance(value, bool), value


def _all_typed(values: tuple[Scalar, ...]) -> tuple[tuple[bool, Value], ...]:
    return tuple(map(_typed, values))


@attrs.frozen
class Literal:
    """A constant.

    Args:
        value: Text, a number, a bool, an aware time, or a tuple of tags.
    """

    value: Value = attrs.field(eq=_typed)

    def __str__(self) -> str:
        return to_text(self.value)


Operand: TypeAlias = FieldRef | Literal


@attrs.frozen(repr=False, str=False)
class Compare(Condition):
    """A comparison.

    Args:
        left: The field.
        op: ``eq``, ``ne``, ``lt``, ``lte``, ``gt``, ``gte``, ``contains``, ``starts_with`` or ``ends_with``.
        right: A constant, or another field of the row.
    """

    left: FieldRef
    op: str
    right: Operand

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.right, Literal):
            return
        name, value = self.left.name, self.right.value
        if self.op in TEXTUAL and not isinstance(value, str):
            raise invalid(name, f"{self.op} needs a text, not {to_text(value)}", code="invalid_value")
        if self.op in ORDERED and kind_of(value) in {"flag", "list"}:
            raise invalid(name, f"{to_text(value)} has no order to compare by", code="invalid_value")

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        if not isinstance(self.right, Literal):
            raise invalid(
                self.left.name,
                f"a filter cannot compare it with another field ({self.right})",
                code="not_filterable",
                hint="Evaluate the condition with .matches(row) instead.",
            )
        value = to_json(self.right.value)
        return {self.left.name: value if self.op == "eq" else {self.op: value}}

    def _pushed(self) -> Iterator[tuple[str, JSON]]:
        # A plain column and a constant of its kind: every server reads this as the same equality.
        if self.op == "eq" and isinstance(self.right, Literal):
            held = PRODUCT_SCHEMA.fields.get(self.left.name)
            kind = {"text": "text", "number": "number", "integer": "number"}.get(held or "")
            if kind == kind_of(self.right.value):
                yield self.left.name, to_json(self.right.value)

    def _predicate(self, reader: MakeReader, *, negated: bool) -> Predicate:
        name, read = self.left.name, reader(self.left.name)
        if isinstance(self.right, Literal):
            return _evaluate.compare_values(read, name, self.op, self.right.value, negated=negated)
        return _evaluate.compare_fields(read, reader(self.right.name), name, self.op, negated=negated)

    def _names(self) -> Iterator[str]:
        yield self.left.name
        if isinstance(self.right, FieldRef):
            yield self.right.name

    def _mismatches(self, schema: Schema) -> Iterator[FieldError]:
        if isinstance(self.right, Literal):
            yield from _mismatch(schema, self.left.name, self.op, self.right.value)

    def _text(self) -> str:
        if self.op in TEXTUAL:
            return f"{self.left}.{self.op}({self.right})"
        return f"{self.left} {OPERATORS[self.op]} {self.right}"


@attrs.frozen(repr=False, str=False)
class OneOf(Condition):
    """Whether a field is one of several constants; on tags, whether one of them is among the tags.

    Args:
        left: The field.
        choices: The constants.
    """

    left: FieldRef
    choices: tuple[Scalar, ...] = attrs.field(eq=_all_typed)

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        return {self.left.name: {"in": [to_json(choice) for choice in self.choices]}}

    def _negated_filter(self) -> dict[str, JSON]:
        return {self.left.name: {"not_in": [to_json(choice) for choice in self.choices]}}

    def _predicate(self, reader: MakeReader, *, negated: bool) -> Predicate:
        return _evaluate.one_of(reader(self.left.name), self.left.name, self.choices, negated=negated)

    def _names(self) -> Iterator[str]:
        yield self.left.name

    def _mismatches(self, schema: Schema) -> Iterator[FieldError]:
        for choice in self.choices:
            yield from _mismatch(schema, self.left.name, "eq", choice)

    def _text(self) -> str:
        return f"{self.left} IN ({', '.join(map(to_text, self.choices))})"


@attrs.frozen(repr=False, str=False)
class IsNull(Condition):
    """Whether a field has no value.

    Args:
        left: The field.
    """

    left: FieldRef

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        return {self.left.name: None}

    def _negated_filter(self) -> dict[str, JSON]:
        return {self.left.name: {"is_null": False}}

    def _predicate(self, reader: MakeReader, *, negated: bool) -> Predicate:
        return _evaluate.is_null(reader(self.left.name), negated=negated)

    def _names(self) -> Iterator[str]:
        yield self.left.name

    def _text(self) -> str:
        return f"{self.left} IS NULL"

    def _negated_text(self) -> str:
        return f"{self.left} IS NOT NULL"


def _mismatch(schema: Schema, name: str, op: str, value: Value) -> Iterator[FieldError]:
    """What the field can never be compared with, as the evaluator would say it of a row."""
    held = schema.fields.get(name)
    if held is None or held == "object":
        return
    wanted = kind_of(value)
    fits = {
        "text": wanted == "text",
        "number": wanted == "number",
        "integer": wanted == "number",
        "time": wanted == "time" or (isinstance(value, str) and parse_time(value) is not None),
        "list": wanted in {"text", "list"} and op not in ORDERED | {"starts_with", "ends_with"},
    }[held]
    if not fits or (op in TEXTUAL and held not in {"text", "list"}):
        what = {"integer": "a whole number", "list": "a list of texts"}.get(held, f"a {held}")
        message = f"it holds {what} and cannot be compared with {to_text(value)}"
        yield FieldError(field=name, message=message, code="incompatible_types")


__all__ = ["OPERATORS", "Compare", "FieldRef", "IsNull", "Literal", "OneOf", "Operand"]
