"""What a condition compares: fields, constants, and arithmetic on them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from functools import partial
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.query._code import Code
from bulkeditor.query._compare import Where, number_of
from bulkeditor.query._read import Read
from bulkeditor.query._schema import Schema
from bulkeditor.query._values import Value, invalid, kind_of, scalar, to_text

Number: TypeAlias = Decimal | int
Operation: TypeAlias = Callable[[Number, Number], Decimal]

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
DIGITS: Final = 34
"""Significant digits of a computed number, as in IEEE's decimal128."""

_LEVELS: Final[Mapping[str, int]] = MappingProxyType({"+": 1, "-": 1, "*": 2, "/": 2})
_PLAIN_NAME: Final = re.compile(r"[^\W\d]\w*(\.\w+)*")


class Operand:
    """One side of a comparison."""

    __slots__ = ()

    depth: int = 0
    """How many operations stand in one another."""

    @property
    def where(self) -> Where:
        """How messages call it, and whether any kind of value may stand in it."""
        return Where(str(self), loose=False)

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
    def where(self) -> Where:
        """Its name; entries of ``custom_fields`` may hold anything."""
        return Where(self.name, loose="." in self.name)

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


class Calculator:
    """Arithmetic on decimals in a context of its own: nobody's ``decimal.setcontext`` changes what holds.

    What has no value (a division by zero, a result beyond 10^999) is None: unknown.
    """

    def __init__(self) -> None:
        # Signals that are not trapped would hand on NaN and infinities.
        context = Context(
            prec=DIGITS,
            rounding=ROUND_HALF_EVEN,
            Emin=-999,
            Emax=999,
            clamp=0,
            traps=[DivisionByZero, InvalidOperation, Overflow],
        )
        self._operations: dict[str, Operation] = {
            "+": context.add,
            "-": context.subtract,
            "*": context.multiply,
            "/": context.divide,
        }

    def operation(self, op: str) -> Callable[[Number | None, Number | None], Decimal | None]:
        """One operation as a function of two values."""
        apply = self._operations[op]

        def compute(left: Number | None, right: Number | None) -> Decimal | None:
            if left is None or right is None:
                return None
            try:
                return apply(left, right)
            except ArithmeticError:
                return None

        return compute


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
    def where(self) -> Where:
        """Its text; loose where one of its parts is."""
        return Where(str(self), loose=self.left.where.loose or self.right.where.loose)

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
        left, right = (number_of(part.where, part.evaluate(read)) for part in (self.left, self.right))
        return Calculator().operation(self.op)(left, right)

    def emit(self, code: Code) -> str:
        """A call of the operation."""
        left, right = (_emit_number(part, code) for part in (self.left, self.right))
        return f"{code.bind(Calculator().operation(self.op))}({left}, {right})"

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


def _emit_number(part: Operand, code: Code) -> str:
    text = part.emit(code)
    return f"{code.bind(partial(number_of, part.where))}({text})" if isinstance(part, FieldRef) else text


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
    "DIGITS",
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
