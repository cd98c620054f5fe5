"""Rules that set fields and custom fields to the same value for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

import attrs

from bulkeditor.errors import InvalidInputError
from bulkeditor.models import JSON, UNSET
from bulkeditor.models.validation import validate_update
from bulkeditor.plans._amounts import refused
from bulkeditor.plans._draft import Draft
from bulkeditor.plans._exact import CUSTOM, column_of, entry_of
from bulkeditor.plans._rows import Value
from bulkeditor.plans._rule import Changes, Skip
from bulkeditor.plans._values import check_fields, normal_value


@attrs.frozen
class SetRule:
    """The same values for all; made by :func:`set_field` and :data:`custom_fields`.

    Args:
        changes: Values by field; UNSET takes an entry away.
    """

    changes: Mapping[str, Value] = attrs.field(hash=False)

    @classmethod
    def of(cls, changes: Mapping[str, Value]) -> SetRule:
        """A rule that sets these values.

        Args:
            changes: Values by field; UNSET takes an entry away.

        Raises:
            InvalidInputError: There is no such field to change, or the server would refuse a value.
        """
        check_fields(changes, "set_field")
        return cls({name: _checked(name, value) for name, value in changes.items()})

    @property
    def reads(self) -> frozenset[str]:
        """Names of the fields that it reads or changes."""
        return frozenset(map(column_of, self.changes))

    def apply(self, row: Draft, /) -> Changes | Skip:
        """The values."""
        del row
        return self.changes

    def __str__(self) -> str:
        said = {name: _shown(value) for name, value in self.changes.items()}
        if len(said) == 1:
            return "".join(f"{name}: {text}" for name, text in said.items())
        return f"{CUSTOM}: " + ", ".join(f"{entry_of(name)} {text}" for name, text in said.items())


def set_field(field: str, value: JSON) -> SetRule:
    """Set a field to the same value for all.

    Args:
        field: ``status``, ``vendor``, ``inventory_quantity`` … or an entry: ``custom_fields.season``.
        value: The value; None clears it.

    Raises:
        InvalidInputError: There is no such field to change, or the server would refuse the value.
    """
    return SetRule.of({field: value})


class CustomFields:
    """Rules that change custom fields. Absent, null and empty text differ."""

    __slots__ = ()

    def set(self, entries: Mapping[str, JSON] | None = None, /, **named: JSON) -> SetRule:
        """Set entries; the others stay as they are.

        Args:
            entries: Values by name, for names that are no Python names.
            **named: Values by name. None is a value: null.

        Raises:
            InvalidInputError: None are given, or the server would refuse one.
        """
        given = {**(entries or {}), **named}
        if not given:
            raise refused(CUSTOM, "are missing", "Name at least one: set(season='winter').")
        return SetRule.of({_entry(name): value for name, value in given.items()})

    def remove(self, *names: str) -> SetRule:
        """Take entries away, where they are there.

        Args:
            names: Their names.

        Raises:
            InvalidInputError: None are given.
        """
        if not names:
            raise refused(CUSTOM, "are missing", "Name at least one: remove('season').")
        return SetRule.of(dict.fromkeys(map(_entry, names), UNSET))


custom_fields: Final = CustomFields()
"""Rules that change custom fields."""


def _entry(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise refused(CUSTOM, f"have texts as names, got {name!r:.60}")
    return f"{CUSTOM}.{name}"


def _checked(field: str, value: Value) -> Value:
    if value is UNSET:
        if entry_of(field) is None:
            raise refused(field, "cannot be taken away", "Give None to clear it.")
        return value
    normal = normal_value(field, value)
    sent: JSON = cast("JSON", normal)
    if column_of(field) != field:
        sent = {field.removeprefix(f"{CUSTOM}."): sent}
    problems = validate_update({column_of(field): sent})
    if problems:
        raise InvalidInputError("; ".join(map(str, problems)), errors=problems)
    return normal


def _shown(value: Value) -> str:
    if value is UNSET:
        return "taken away"
    return "cleared" if value is None else f"= {value}"


__all__ = ["CustomFields", "SetRule", "custom_fields", "set_field"]
