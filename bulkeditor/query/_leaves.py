"""The leaves of a condition's tree: operands and what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Final, cast

import attrs

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models import JSON
from bulkeditor.query._code import Code, Verdict
from bulkeditor.query._compare import Where, among, compare, text_of
from bulkeditor.query._condition import Condition
from bulkeditor.query._fit import constant_misfit, pair_misfit
from bulkeditor.query._leaf import Leaf
from bulkeditor.query._operands import FieldRef, Literal, Operand
from bulkeditor.query._pattern import Pattern
from bulkeditor.query._read import TAGS
from bulkeditor.query._schema import PRODUCT_SCHEMA, Schema
from bulkeditor.query._values import (
    ORDERED,
    TEXTUAL,
    Scalar,
    Value,
    invalid,
    kind_of,
    parse_time,
    quoted,
    to_json,
    to_text,
)

OPERATORS: Final[Mapping[str, str]] = MappingProxyType(
    {"eq": "=", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
)
_TAGS: Final = FieldRef(TAGS)
_MIRRORED: Final[Mapping[str, str]] = MappingProxyType(
    {"eq": "eq", "ne": "ne", "lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte"}
)


@attrs.frozen(repr=False, str=False)
class Compare(Leaf):
    """A comparison; :func:`comparison` makes it.

    Args:
        left: A field, or arithmetic.
        op: ``eq``, ``ne``, ``lt``, ``lte``, ``gt``, ``gte``, ``contains``, ``starts_with`` or ``ends_with``.
        right: A constant, a field, or arithmetic.
    """

    left: Operand
    op: str
    right: Operand

    def __attrs_post_init__(self) -> None:
        problem = _misuse(self.left, self.op, self.right)
        if problem is not None:
            raise invalid(self.left.label, problem, code="invalid_value")

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        name = _filterable(self.left)
        if not isinstance(self.right, Literal):
            what = "another field" if isinstance(self.right, FieldRef) else "arithmetic"
            raise _not_filterable(name, f"compare it with {what} ({self.right})")
        value = _to_json(name, self.right.value)
        return {name: value if self.op == "eq" else {self.op: value}}

    def _pushed(self) -> Iterator[tuple[str, JSON]]:
        # A plain column and a constant of its kind: every server reads this as the same equality.
        if self.op == "eq" and isinstance(self.left, FieldRef) and isinstance(self.right, Literal):
            kind = self.left.kind(PRODUCT_SCHEMA)
            if kind in {"text", "number"} and kind == kind_of(self.right.value):
                yield self.left.name, to_json(self.right.value)

    @property
    def _operands(self) -> tuple[Operand, ...]:
        return (self.left,) if isinstance(self.right, Literal) else (self.left, self.right)

    def _verdict(self) -> Verdict:
        where = Where(self.left.label, loose=self.left.loose or self.right.loose)
        if isinstance(self.right, Literal):
            return partial(compare, where, self.op, other=self.right.value)
        return partial(compare, where, self.op)

    def _emit(self, code: Code, *, negated: bool) -> str:
        verdict, source = self._verdict(), self.left.emit(code)
        if not isinstance(self.right, Literal):
            return code.pair(verdict, source, self.op, self.right.emit(code), negated=negated)
        constant = self.right.value
        if self.left == _TAGS and isinstance(constant, str) and self.op in {"eq", "ne", "contains"}:
            return code.among_tags(verdict, TAGS, constant, negated=negated, inside=self.op != "ne")
        return code.comparison(verdict, source, self.op, constant, negated=negated)

    def _mismatches(self, schema: Schema) -> Iterator[FieldError]:
        yield from self.left.problems(schema)
        yield from self.right.problems(schema)
        if isinstance(self.right, Literal):
            yield from constant_misfit(schema, self.left, self.op, self.right.value)
        else:
            yield from pair_misfit(schema, self.left, self.op, self.right)

    def _bound(self, schema: Schema) -> Condition:
        return comparison(self.left, self.op, self.right, schema=schema)

    def _text(self) -> str:
        right = (
            _constant_text(self.left, self.right.value)
            if isinstance(self.right, Literal)
            else str(self.right)
        )
        if self.op in TEXTUAL:
            return f"{self.left}.{self.op}({right})"
        return f"{self.left} {OPERATORS[self.op]} {right}"


def _misuse(left: Operand, op: str, right: Operand) -> str | None:
    """What is wrong with a comparison, whatever the rows hold."""
    constant = right.value if isinstance(right, Literal) else None
    if op in TEXTUAL:
        if not isinstance(left, FieldRef):
            return f"{op} looks into a field, not into a number"
        if not (isinstance(right, FieldRef) or isinstance(constant, str)):
            return f"{op} needs a text, not {right}"
    elif isinstance(right, Literal):
        if op in ORDERED and kind_of(constant) in {"flag", "list"}:
            return f"{right} has no order to compare by"
        if not isinstance(left, FieldRef) and kind_of(constant) != "number":
            return f"a number cannot be compared with {right}"
    return None


def comparison(left: Operand, op: str, right: Operand, *, schema: Schema = PRODUCT_SCHEMA) -> Compare:
    """Compare two operands.

    Args:
        left: An operand; a constant changes sides.
        op: How to compare.
        right: An operand.
        schema: Says which fields hold times; text beside one of them is a time.

    Raises:
        InvalidInputError: The two cannot be compared that way, or neither reads a field.
    """
    if isinstance(left, Literal) and op in _MIRRORED:
        left, op, right = right, _MIRRORED[op], left
    field_needed(left)
    if isinstance(right, Literal):
        right = Literal(timed(left, right.value, schema))
    return Compare(left, op, right)


def field_needed(left: Operand) -> None:
    """Refuse a comparison of constants: nearly always a field's name in quotes.

    Raises:
        InvalidInputError: The operand is a constant.
    """
    if isinstance(left, Literal):
        raise invalid(
            str(left),
            "it is a constant, and a comparison needs a field",
            code="invalid_value",
            hint="Names of fields stand without quotes.",
        )


def timed(left: Operand, value: Value, schema: Schema = PRODUCT_SCHEMA) -> Value:
    """A constant as it is compared: text beside a field of times is a time, as JSON has none of its own."""
    if isinstance(value, str) and left.kind(schema) == "time":
        return parse_time(value) or value
    return value


def _scalars(choices: tuple[Scalar, ...]) -> tuple[Literal, ...]:
    return tuple(map(Literal, choices))


@attrs.frozen(repr=False, str=False)
class OneOf(Leaf):
    """Whether an operand is one of several constants; on tags, whether one of them is among the tags.

    Args:
        left: A field, or arithmetic.
        choices: The constants.
    """

    left: Operand
    choices: tuple[Scalar, ...] = attrs.field(eq=_scalars)

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        return self._filter("in")

    def _negated_filter(self) -> dict[str, JSON]:
        return self._filter("not_in")

    def _filter(self, op: str) -> dict[str, JSON]:
        name = _filterable(self.left)
        return {name: {op: [_to_json(name, choice) for choice in self.choices]}}

    def _verdict(self) -> Verdict:
        return partial(among, Where(self.left.label, loose=self.left.loose), choices=self.choices)

    def _emit(self, code: Code, *, negated: bool) -> str:
        if not self.choices:
            return str(negated)
        kinds = {kind_of(choice) for choice in self.choices}
        if len(kinds) > 1 or not kinds <= {"text", "number"}:
            return super()._emit(code, negated=negated)
        test = f"v {'not in' if negated else 'in'} {code.bind(frozenset(self.choices))}"
        return code.guarded(self._verdict(), self.left.emit(code), kinds.pop(), test, negated=negated)

    def _mismatches(self, schema: Schema) -> Iterator[FieldError]:
        yield from self.left.problems(schema)
        for choice in self.choices:
            yield from constant_misfit(schema, self.left, "eq", choice)

    def _bound(self, schema: Schema) -> Condition:
        return one_of(self.left, self.choices, schema=schema)

    def _text(self) -> str:
        return f"{self.left} IN ({', '.join(_constant_text(self.left, choice) for choice in self.choices)})"


def one_of(left: Operand, choices: tuple[Scalar, ...], *, schema: Schema = PRODUCT_SCHEMA) -> OneOf:
    """Whether an operand is one of several constants.

    Args:
        left: A field, or arithmetic.
        choices: The constants.
        schema: As for :func:`comparison`.

    Raises:
        InvalidInputError: ``left`` is a constant.
    """
    field_needed(left)
    return OneOf(left, tuple(cast("Scalar", timed(left, choice, schema)) for choice in choices))


@attrs.frozen(repr=False, str=False)
class IsNull(Leaf):
    """Whether an operand has no value.

    Args:
        left: A field, or arithmetic.
    """

    left: Operand

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        return {_filterable(self.left): None}

    def _negated_filter(self) -> dict[str, JSON]:
        return {_filterable(self.left): {"is_null": False}}

    def _verdict(self) -> Verdict:
        return _is_none

    def _emit(self, code: Code, *, negated: bool) -> str:
        return f"({self.left.emit(code)} is {'not ' if negated else ''}None)"

    def _mismatches(self, schema: Schema) -> Iterator[FieldError]:
        yield from self.left.problems(schema)

    def _text(self) -> str:
        return f"{self.left} IS NULL"

    def _negated_text(self) -> str:
        return f"{self.left} IS NOT NULL"


def _is_none(value: object) -> bool:
    return value is None


@attrs.frozen(repr=False, str=False)
class Matches(Leaf):
    """Whether a pattern is found somewhere in a text.

    Args:
        left: The field.
        pattern: The pattern.
    """

    left: FieldRef  # pyright: ignore[reportIncompatibleVariableOverride] -- frozen: a narrower one may stand in
    pattern: Pattern

    def to_filter(self) -> dict[str, JSON]:
        """This node as the API's JSON filter."""
        return {self.left.name: {"matches": self.pattern.text}}

    def _verdict(self) -> Verdict:
        where, pattern = self.left.where, self.pattern

        def verdict(value: object) -> bool | None:
            text = text_of(where, value, pattern.text)
            return None if text is None else pattern.found_in(text)

        return verdict

    def _emit(self, code: Code, *, negated: bool) -> str:
        test = f"{'not ' if negated else ''}{code.bind(self.pattern.found_in)}(v)"
        return code.guarded(self._verdict(), self.left.emit(code), "text", test, negated=negated)

    def _mismatches(self, schema: Schema) -> Iterator[FieldError]:
        yield from constant_misfit(schema, self.left, "matches", self.pattern.text)

    def _text(self) -> str:
        return f"{self.left}.matches({quoted(self.pattern.text)})"


def matching(left: Operand, pattern: str) -> Matches:
    """Whether a pattern is found in a field.

    Args:
        left: The field.
        pattern: The pattern.

    Raises:
        InvalidInputError: The operand is no field, or the pattern is not one of ours.
    """
    if not isinstance(left, FieldRef):
        raise invalid(str(left), "matches looks into a field", code="invalid_value")
    try:
        return Matches(left, Pattern(pattern))
    except InvalidInputError as error:
        raise invalid(left.name, error.message.rstrip("."), code="invalid_pattern", hint=error.hint) from None


def _filterable(operand: Operand) -> str:
    if isinstance(operand, FieldRef):
        return operand.name
    raise _not_filterable(str(operand), "calculate")


def _not_filterable(label: str, what: str) -> InvalidInputError:
    return invalid(
        label,
        f"a filter cannot {what}",
        code="not_filterable",
        hint="Evaluate the condition with .matches(row) instead.",
    )


def _to_json(name: str, value: Value) -> JSON:
    if isinstance(value, datetime) and not _is_time(name):
        raise _not_filterable(name, "tell a time from a text there")
    return to_json(value)


def _is_time(name: str) -> bool:
    return PRODUCT_SCHEMA.fields.get(name) == "time"


def _constant_text(left: Operand, value: Value) -> str:
    implied = isinstance(left, FieldRef) and _is_time(left.name)
    return f"TIMESTAMP {to_text(value)}" if isinstance(value, datetime) and not implied else to_text(value)


__all__ = [
    "OPERATORS",
    "Compare",
    "IsNull",
    "Matches",
    "OneOf",
    "comparison",
    "field_needed",
    "matching",
    "one_of",
    "timed",
]
