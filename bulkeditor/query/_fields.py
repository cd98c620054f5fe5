"""F: field names as Python attributes, comparisons as conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from bulkeditor.query._condition import Condition, Not
from bulkeditor.query._filter import choices_of
from bulkeditor.query._leaves import Compare, FieldRef, IsNull, Literal, OneOf
from bulkeditor.query._values import value_of

Comparable: TypeAlias = "str | bool | int | float | Decimal | datetime | Field"
"""What a field is compared with; a float counts as the decimal that it is written as."""


class Field:
    """A field of the rows; comparing it makes a :class:`~bulkeditor.query.Condition`.

    Args:
        name: The field's name; dotted for an entry of ``custom_fields`` or ``options``.
    """

    __slots__ = ("_ref",)

    # Making == return a condition leaves nothing to hash by.
    __hash__ = None  # type: ignore[assignment]  # as Python itself does for a class with __eq__ alone

    def __init__(self, name: str) -> None:
        self._ref = FieldRef(name)

    def __getitem__(self, entry: str) -> Field:
        """An entry of a field that holds several: ``F.custom_fields["season"]``."""
        return Field(f"{self._ref.name}.{entry}")

    # With __getitem__ alone Python would iterate a field without end.
    __iter__ = None

    def __eq__(self, other: Comparable | Sequence[str] | None) -> Condition:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride]  # == builds a condition, as in every query library
        return self._compare("eq", other) if other is not None else IsNull(self._ref)

    def __ne__(self, other: Comparable | Sequence[str] | None) -> Condition:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride]  # as __eq__
        return self._compare("ne", other) if other is not None else Not(IsNull(self._ref))

    def __lt__(self, other: Comparable) -> Condition:
        return self._compare("lt", other)

    def __le__(self, other: Comparable) -> Condition:
        return self._compare("lte", other)

    def __gt__(self, other: Comparable) -> Condition:
        return self._compare("gt", other)

    def __ge__(self, other: Comparable) -> Condition:
        return self._compare("gte", other)

    def isin(self, values: Iterable[str | bool | float | Decimal | datetime]) -> Condition:
        """Whether it is one of several values; for ``tags``, whether one of them is among the tags.

        Args:
            values: The values; none at all hold for no row.

        Raises:
            InvalidInputError: None is among them (join with :meth:`is_null`), or a value of another type.
        """
        if isinstance(values, str):
            values = (values,)  # a lone text is one value, not its letters
        return OneOf(self._ref, choices_of(self._ref, tuple(values)))

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

    def is_null(self) -> Condition:
        """Whether it has no value."""
        return IsNull(self._ref)

    def __repr__(self) -> str:
        return f"F[{self._ref.name!r}]"

    def _compare(self, op: str, other: object) -> Condition:
        if isinstance(other, Field):
            return Compare(self._ref, op, other._ref)  # noqa: SLF001 -- the same class
        return Compare(self._ref, op, Literal(value_of(other, self._ref.name)))


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

__all__ = ["Comparable", "F", "Field", "Fields"]
