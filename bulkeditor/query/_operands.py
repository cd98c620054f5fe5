"""What a condition compares: fields, constants, and arithmetic on them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, cast

import attrs

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.query._calculator import Calculator, Number
from bulkeditor.query._code import Code
from bulkeditor.query._compare import Where, number_of
from bulkeditor.query._read import Read
from bulkeditor.query._schema import Schema
from bulkeditor.query._values import Value, invalid, kind_of, scalar, to_text

RESERVED: Final = frozenset({"and", "or", "not"})
KEYWORDS: Final = RESERVED | {
    "between",
    "contains",
    "ends_with",
    "false",
    "in",
    "is",
    "matches",
    "null",
    "starts_with",
    "timestamp",
    "true",
}
"""Words of the language; a field of such a name stands in backticks."""

MAX_DEPTH: Final = 64
_LEVELS: Final[Mapping[str, int]] = MappingProxyType({"+": 1, "-": 1, "*": 2, "/": 2})
_PLAIN_NAME: Final = re.compile(r"[^\W\d]\w*(\.\w+)*")


class Operand:
    """One side of a comparison."""

    __slots__ = ()

    depth: int = 0
    """How many operations stand in one another."""

    @property
    def label(self) -> str:
        """What messages call it."""
        return str(self)

    @property
    def loose(self) -> bool:
        """Whether rows may hold any kind of value in it."""
        return False

    def names(self) -> Iterator[str]:
        """Names of the fields that it reads."""
        yield from ()

    def kind(self, schema: Schema) -> str | None:
        """The kind of value it has under a schema; None where it may be any."""
        raise NotImplementedError

    def problems(self, schema: Schema) -> Iterator[FieldError]:
        """Fields in arithmetic that a schema knows to hold no numbers."""
        del schema
        yield from ()

    def evaluate(self, read: Read) -> object:
        """What it comes to in one row; None where that is unknown.

        Raises:
            InvalidInputError: There is arithmetic on what is no number.
        """
        raise NotImplementedError

    def emit(self, code: Code) -> str:
        """The same as Python text."""
        raise NotImplementedError


def _field_name(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or name.startswith("."):
        raise InvalidInputError(f"{name!r} is no field name.", hint="Write F.price or F['custom_fields.x'].")
    if name in RESERVED:
        raise InvalidInputError(f"{name!r} joins conditions in a filter and cannot be a field name.")
    return name


@attrs.frozen(str=False)
class FieldRef(Operand):
    """A field of the row, by name; ``custom_fields.x`` and ``options.Color`` are dotted.

    Args:
        name: The name.
    """

    name: str = attrs.field(converter=_field_name)

    @property
    def label(self) -> str:
        """Its name."""
        return self.name

    @property
    def loose(self) -> bool:
        """Entries of ``custom_fields`` may hold anything."""
        return "." in self.name

    @property
    def where(self) -> Where:
        """Both of these."""
        return Where(self.name, loose=self.loose)

    def names(self) -> Iterator[str]:
        """Its own name."""
        yield self.name

    def kind(self, schema: Schema) -> str | None:
        """What the schema says of it; a whole number is a number."""
        held = schema.fields.get(self.name)
        return None if held == "object" else "number" if held == "integer" else held

    def evaluate(self, read: Read) -> object:
        """What the row holds."""
        return read(self.name)

    def emit(self, code: Code) -> str:
        """Read the field."""
        return code.read(self.name)

    def __str__(self) -> str:
        plain = _PLAIN_NAME.fullmatch(self.name) and self.name.lower() not in KEYWORDS
        return self.name if plain else "`" + self.name.replace("`", "``") + "`"


def _typed(value: Value) -> tuple[bool, Value]:
    # True == 1 in Python, but a condition on one is not a condition on the other.
    return isinstance(value, bool), value


@attrs.frozen(str=False)
class Literal(Operand):
    """A constant.

    Args:
        value: Text, a number, a bool, an aware time, or a tuple of tags.
    """

    value: Value = attrs.field(eq=_typed)

    def kind(self, schema: Schema) -> str | None:
        """The kind of the constant."""
        del schema
        return kind_of(self.value)

    def evaluate(self, read: Read) -> object:
        """The constant."""
        del read
        return self.value

    def emit(self, code: Code) -> str:
        """The constant, bound."""
        return code.bind(self.value)

    def __str__(self) -> str:
        return to_text(self.value)


def _depth(node: Arithmetic) -> int:
    depth = 1 + max(node.left.depth, node.right.depth)
    if depth > MAX_DEPTH:
        raise InvalidInputError(f"The arithmetic is nested more than {MAX_DEPTH} operations deep.")
    return depth


@attrs.frozen(str=False)
class Arithmetic(Operand):
    """``+``, ``-``, ``*`` or ``/`` of two operands.

    Args:
        left: An operand.
        op: The sign.
        right: An operand.
    """

    left: Operand
    op: str
    right: Operand
    depth: int = attrs.field(init=False, eq=False, repr=False, default=attrs.Factory(_depth, takes_self=True))

    @property
    def loose(self) -> bool:
        """Whether one of its parts is."""
        return self.left.loose or self.right.loose

    def names(self) -> Iterator[str]:
        """Names of the fields in it."""
        yield from self.left.names()
        yield from self.right.names()

    def kind(self, schema: Schema) -> str:
        """A number."""
        del schema
        return "number"

    def problems(self, schema: Schema) -> Iterator[FieldError]:
        """Fields in it that hold no numbers."""
        for part in (self.left, self.right):
            yield from part.problems(schema)
            if isinstance(part, FieldRef) and part.kind(schema) not in {"number", None}:
                message = f"it holds {holds(part.kind(schema))}, which cannot be calculated with"
                yield FieldError(field=part.name, message=message, code="incompatible_types")

    def evaluate(self, read: Read) -> Decimal | None:
        """The result."""
        left, right = (_number(part, read) for part in (self.left, self.right))
        return Calculator().operation(self.op)(left, right)

    def emit(self, code: Code) -> str:
        """A call of the operation."""
        left, right = (_emit_number(part, code) for part in (self.left, self.right))
        return code.calculation(left, self.op, right)

    def __str__(self) -> str:
        level = _LEVELS[self.op]
        left, right = str(self.left), str(self.right)
        if _level(self.left) < level:
            left = f"({left})"
        if _level(self.right) <= level:
            right = f"({right})"
        return f"{left} {self.op} {right}"


def _level(operand: Operand) -> int:
    return _LEVELS[operand.op] if isinstance(operand, Arithmetic) else max(_LEVELS.values()) + 1


def _number(part: Operand, read: Read) -> Number | None:
    # Only what rows hold may be no number.
    value = part.evaluate(read)
    return number_of(part.where, value) if isinstance(part, FieldRef) else cast("Number | None", value)


def _emit_number(part: Operand, code: Code) -> str:
    source = part.emit(code)
    return code.number(part.where, source) if isinstance(part, FieldRef) else source


def arithmetic(left: Operand, op: str, right: Operand) -> Operand:
    """An operation; of two constants, its result.

    Args:
        left: An operand.
        op: The sign.
        right: An operand.

    Raises:
        InvalidInputError: A constant is no number, or the result of two has no value.
    """
    for part in (left, right):
        if isinstance(part, Literal) and kind_of(part.value) != "number":
            raise invalid(str(part), "arithmetic needs numbers", code="invalid_value")
    node = Arithmetic(left, op, right)
    if not (isinstance(left, Literal) and isinstance(right, Literal)):
        return node
    result = node.evaluate(lambda _: None)
    if result is None:
        raise invalid(str(node), "has no value", code="invalid_value")
    return Literal(scalar(result, str(node)))


def holds(kind: str | None) -> str:
    """What a field of some kind holds, for messages."""
    return {"integer": "a whole number", "list": "a list of texts"}.get(kind or "", f"a {kind}")


__all__ = [
    "KEYWORDS",
    "MAX_DEPTH",
    "RESERVED",
    "Arithmetic",
    "FieldRef",
    "Literal",
    "Operand",
    "arithmetic",
    "holds",
]
