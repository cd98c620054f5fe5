"""F: field names as Python attributes, comparisons as conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from bulkeditor.query._condition import Condition
from bulkeditor.query._filter import choices_of
from bulkeditor.query._joined import Not, all_of
from bulkeditor.query._leaves import IsNull, comparison, matching, one_of
from bulkeditor.query._operands import FieldRef, Literal, Operand, arithmetic
from bulkeditor.query._values import value_of

Number: TypeAlias = "int | float | Decimal | Expression"
"""What is calculated with; a float counts as the decimal that it is written as."""

Comparable: TypeAlias = "str | bool | int | float | Decimal | datetime | Expression"
"""What is compared with; a float counts as the decimal that it is written as."""


class Expression:
    """A field, or arithmetic on fields; comparing it makes a :class:`~bulkeditor.query.Condition`.

    Arithmetic is on decimals, to 34 significant digits. It is unknown where a value is missing, and where it
    divides by zero.

    Args:
        operand: What it stands for.
    """

    __slots__ = ("_operand",)

    def __init__(self, operand: Operand) -> None:
        self._operand = operand

    # Making == return a condition leaves nothing to hash by.
    __hash__ = None  # type: ignore[assignment]  # as Python itself does for a class with __eq__ alone

    def __eq__(self, other: Comparable | Sequence[str] | None) -> Condition:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride]  # == builds a condition, as in every query library
        return self._compare("eq", other) if other is not None else IsNull(self._operand)

    def __ne__(self, other: Comparable | Sequence[str] | None) -> Condition:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride]  # as __eq__
        return self._compare("ne", other) if other is not None else Not(IsNull(self._operand))

    def __lt__(self, other: Comparable) -> Condition:
        return self._compare("lt", other)

    def __le__(self, other: Comparable) -> Condition:
        return self._compare("lte", other)

    def __gt__(self, other: Comparable) -> Condition:
        return self._compare("gt", other)

    def __ge__(self, other: Comparable) -> Condition:
        return self._compare("gte", other)

    def __add__(self, other: Number) -> Expression:
        return _Computed(arithmetic(self._operand, "+", self._side(other)))

    def __radd__(self, other: Number) -> Expression:
        return _Computed(arithmetic(self._side(other), "+", self._operand))

    def __sub__(self, other: Number) -> Expression:
        return _Computed(arithmetic(self._operand, "-", self._side(other)))

    def __rsub__(self, other: Number) -> Expression:
        return _Computed(arithmetic(self._side(other), "-", self._operand))

    def __mul__(self, other: Number) -> Expression:
        return _Computed(arithmetic(self._operand, "*", self._side(other)))

    def __rmul__(self, other: Number) -> Expression:
        return _Computed(arithmetic(self._side(other), "*", self._operand))

    def __truediv__(self, other: Number) -> Expression:
        return _Computed(arithmetic(self._operand, "/", self._side(other)))

    def __rtruediv__(self, other: Number) -> Expression:
        return _Computed(arithmetic(self._side(other), "/", self._operand))

    def __neg__(self) -> Expression:
        return _Computed(arithmetic(Literal(0), "-", self._operand))

    def between(self, low: Comparable, high: Comparable) -> Condition:
        """Whether it is at least one value and at most another: short for two comparisons.

        Args:
            low: The least.
            high: The greatest.
        """
        return all_of((self._compare("gte", low), self._compare("lte", high)))

    def isin(self, values: Iterable[str | bool | float | Decimal | datetime]) -> Condition:
        """Whether it is one of several values; for ``tags``, whether one of them is among the tags.

        Args:
            values: The values; none at all hold for no row.

        Raises:
            InvalidInputError: None is among them (join with :meth:`is_null`), or a value of another type.
        """
        if isinstance(values, str):
            values = (values,)  # a lone text is one value, not its letters
        return one_of(self._operand, choices_of(self._operand.label, tuple(values)))

    def is_null(self) -> Condition:
        """Whether it has no value."""
        return IsNull(self._operand)

    def __repr__(self) -> str:
        return f"<Expression {self._operand}>"

    def _compare(self, op: str, other: object) -> Condition:
        return comparison(self._operand, op, self._side(other))

    def _side(self, other: object) -> Operand:
        if isinstance(other, Expression):
            return other._operand  # noqa: SLF001 -- the same class
        return Literal(value_of(other, self._operand.label))


class _Computed(Expression):
    """Arithmetic."""

    # Beside Field, not above it: Python asks the right side of a comparison first where that is of a
    # subclass, and F.cost * 2 < F.price would come out the other way round.

    __slots__ = ()


class Field(Expression):
    """A field of the rows.

    Args:
        name: The field's name; dotted for an entry of ``custom_fields`` or ``options``.
    """

    __slots__ = ("_ref",)

    def __init__(self, name: str) -> None:
        self._ref = FieldRef(name)
        super().__init__(self._ref)

    def __getitem__(self, entry: str) -> Field:
        """An entry of a field that holds several: ``F.custom_fields["season"]``."""
        return Field(f"{self._ref.name}.{entry}")

    # With __getitem__ alone Python would iterate a field without end.
    __iter__ = None

    def contains(self, text: str) -> Condition:
        """Whether a text holds this text; for ``tags``, whether it is one of them.

        Args:
            text: What to look for; case-sensitive.
        """
        return self._compare("contains", text)

    def starts_with(self, text: str) -> Condition:
        """Whether a text starts with this text.

        Args:
            text: The start; case-sensitive.
        """
        return self._compare("starts_with", text)

    def ends_with(self, text: str) -> Condition:
        """Whether a text ends with this text.

        Args:
            text: The end; case-sensitive.
        """
        return self._compare("ends_with", text)

    def matches(self, pattern: str) -> Condition:
        """Whether a pattern is found in a text.

        Args:
            pattern: A regular expression of the kind that the guide describes; ``^`` and ``$`` tie it to the
                start and the end of the text. Case-sensitive.

        Raises:
            InvalidInputError: It is no such pattern.
        """
        return matching(self._ref, pattern)

    def __repr__(self) -> str:
        return f"F[{self._ref.name!r}]"


class Fields:
    """Makes fields: ``F.price``, ``F["custom_fields.x"]``. Names are checked by ``.check()``."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Field:
        if name.startswith("__"):
            # Python's own protocols (copy, pickle, inspection) ask for these and must not be handed a field.
            raise AttributeError(name)
        return Field(name)

    def __getitem__(self, name: str) -> Field:
        return Field(name)

    __iter__ = None

    def __repr__(self) -> str:
        return "F"


F = Fields()
"""The fields of a row: ``F.vendor == "Premium Brand"``."""

__all__ = ["Comparable", "Expression", "F", "Field", "Fields", "Number"]
