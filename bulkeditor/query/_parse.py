"""The text of a condition, read to the same tree that F builds; the grammar is in condition.lark."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache, wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from bulkeditor.errors import InvalidInputError
from bulkeditor.query._condition import Condition
from bulkeditor.query._grammar import Grammar, MisplacedError, UnexpectedError
from bulkeditor.query._joined import Not, all_of, any_of
from bulkeditor.query._leaves import IsNull, comparison, matching, one_of
from bulkeditor.query._operands import FieldRef, Literal, Operand, arithmetic
from bulkeditor.query._syntax import misplaced, unexpected
from bulkeditor.query._values import parse_time, scalar

if TYPE_CHECKING:
    from lark import Token

MAX_LENGTH: Final = 100_000
"""Characters in the text of a condition."""

_OPERATORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "=": "eq",
        "==": "eq",
        "!=": "ne",
        "<>": "ne",
        "<": "lt",
        "<=": "lte",
        ">": "gt",
        ">=": "gte",
    }
)
_ESCAPE: Final = re.compile(r"((?:\\u[0-9a-fA-F]{4})+)|\\(.)", re.DOTALL)
_ESCAPED: Final[Mapping[str, str]] = MappingProxyType(
    {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\", "/": "/"}
)


def parse_condition(text: str) -> Condition:
    """Read a condition as the product's documentation writes them.

    Args:
        text: Such as ``inventory_quantity < 10 AND NOT tags.contains("discontinued")``; at most 100,000
            characters. The guide has the whole language.

    Returns:
        The condition, as :data:`~bulkeditor.query.F` would have built it. Names are not checked here but by
        :meth:`~bulkeditor.query.Condition.bind` and :meth:`~bulkeditor.query.Condition.check`.

    Raises:
        InvalidInputError: It cannot be read; the text shows where and says what was expected.
    """
    return _parsed(text, "condition")


def parse_conditions(texts: Iterable[str | Condition]) -> Condition:
    """Read a list of conditions, all of which must hold.

    Args:
        texts: Texts, or conditions; none at all hold for every row.

    Returns:
        The conditions joined with AND.

    Raises:
        InvalidInputError: One cannot be read; ``errors`` says which.
    """
    items: Sequence[object] = [texts] if isinstance(texts, str) else list(texts)
    return all_of(
        item if isinstance(item, Condition) else _parsed(item, f"conditions[{number}]")
        for number, item in enumerate(items)
    )


def _parsed(text: object, label: str) -> Condition:
    if not isinstance(text, str):
        raise InvalidInputError(f"{label}: a condition is a text, not {type(text).__name__}.")
    if len(text) > MAX_LENGTH:
        raise InvalidInputError(f"{label}: {len(text):,} characters are more than {MAX_LENGTH:,}.")
    if not text.strip():
        raise InvalidInputError(
            f"{label}: the text is empty.", hint="Leave the condition out to take every row."
        )
    try:
        return cast("Condition", _grammar().read(text))
    except UnexpectedError as error:
        raise unexpected(text, label, error) from None
    except MisplacedError as error:
        raise misplaced(text, label, error) from None


@cache
def _grammar() -> Grammar:
    return Grammar(_Builder())


Made = TypeVar("Made")


def _placed(build: Callable[[_Builder, list[Any]], Made]) -> Callable[[_Builder, list[Any]], Made]:
    """Add to an error where in the text its operator or value stands."""

    @wraps(build)
    def placed(self: _Builder, parts: list[Any]) -> Made:
        try:
            return build(self, parts)
        except InvalidInputError as error:
            token = next(part for part in parts if isinstance(part, str))
            raise MisplacedError(cast("Token", token).start_pos or 0, error) from None

    return placed


class _Builder:
    """Makes the nodes; one method for each name in the grammar, called with the parts of what was read."""

    def any_of(self, parts: list[Condition]) -> Condition:
        return any_of(parts)

    def all_of(self, parts: list[Condition]) -> Condition:
        return all_of(parts)

    def negation(self, parts: list[Condition]) -> Condition:
        return ~parts[0]

    @_placed
    def compare(self, parts: list[Any]) -> Condition:
        left, word, right = parts
        op = _OPERATORS.get(word) or word.lower().removeprefix(".")
        if right is None:
            return _compared_with_null(left, op)
        if op != "matches":
            return comparison(left, op, right)
        if not isinstance(right, Literal) or not isinstance(right.value, str):
            raise InvalidInputError(f"matches needs a pattern in quotes, not {right}.")
        return matching(left, right.value)

    def compare_not(self, parts: list[Any]) -> Condition:
        return ~self.compare(parts)

    @_placed
    def one_of(self, parts: list[Any]) -> Condition:
        left, _, *choices = parts
        if not all(isinstance(choice, Literal) for choice in choices):
            raise InvalidInputError(
                "IN takes constants.", hint="For null write IS NULL; join other tests with OR."
            )
        return one_of(left, tuple(scalar(choice.value, str(left)) for choice in choices))

    def none_of(self, parts: list[Any]) -> Condition:
        return ~self.one_of(parts)

    @_placed
    def between(self, parts: list[Any]) -> Condition:
        middle, _, low, high = parts
        return all_of((comparison(middle, "gte", low), comparison(middle, "lte", high)))

    def not_between(self, parts: list[Any]) -> Condition:
        return ~self.between(parts)

    def is_null(self, parts: list[Operand]) -> Condition:
        return IsNull(parts[0])

    def is_not_null(self, parts: list[Operand]) -> Condition:
        return Not(IsNull(parts[0]))

    def always(self, parts: list[object]) -> Condition:
        del parts
        return all_of(())

    def never(self, parts: list[object]) -> Condition:
        del parts
        return any_of(())

    @_placed
    def calculate(self, parts: list[Any]) -> Operand:
        left, sign, right = parts
        return arithmetic(left, str(sign), right)

    @_placed
    def negative(self, parts: list[Any]) -> Operand:
        _, operand = parts
        return arithmetic(Literal(0), "-", operand)

    @_placed
    def name(self, parts: list[Any]) -> Operand:
        (token,) = parts
        return FieldRef(token[1:-1].replace("``", "`") if token.type == "QUOTED" else str(token))

    @_placed
    def number(self, parts: list[Any]) -> Operand:
        (token,) = parts
        if token[0] == "0" and token[1:2].isdigit():
            raise InvalidInputError(
                f"a number has no leading zeros; if {token} is a SKU or a barcode, write it in quotes."
            )
        try:
            number = Decimal(token)
        except ArithmeticError:
            raise InvalidInputError("the number is too large or too small to compare with.") from None
        checked = scalar(number, token[:20])
        return Literal(int(number) if token.isdigit() else checked)

    def text(self, parts: list[Token]) -> Operand:
        return Literal(_unquoted(parts[0]))

    def texts(self, parts: list[Token]) -> Operand:
        return Literal(tuple(map(_unquoted, parts)))

    @_placed
    def time(self, parts: list[Any]) -> Operand:
        (token,) = parts
        time: datetime | None = parse_time(_unquoted(token))
        if time is None:
            raise InvalidInputError(f"{token} is no time.", hint='Write "2024-06-01T00:00:00Z".')
        return Literal(time)

    def yes(self, parts: list[object]) -> Operand:
        del parts
        return Literal(value=True)

    def no(self, parts: list[object]) -> Operand:
        del parts
        return Literal(value=False)

    def null(self, parts: list[object]) -> None:
        del parts


def _compared_with_null(left: Operand, op: str) -> Condition:
    if op == "eq":
        return IsNull(left)
    if op == "ne":
        return Not(IsNull(left))
    raise InvalidInputError("a comparison with null is never true.", hint="Write IS NULL or IS NOT NULL.")


def _unquoted(token: Token) -> str:
    return _ESCAPE.sub(_unescape, token[1:-1])


def _unescape(found: re.Match[str]) -> str:
    if found[1]:
        # Together, because two of them may be the halves of one character.
        return bytes.fromhex(found[1].replace("\\u", "")).decode("utf-16-be", "surrogatepass")
    # A pattern reads as it would in a raw string: \d needs no second backslash.
    return _ESCAPED.get(found[2], found[0])


__all__ = ["MAX_LENGTH", "parse_condition", "parse_conditions"]
