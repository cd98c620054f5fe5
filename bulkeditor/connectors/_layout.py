"""From a system's row to a record: which fields, under which names, as which types."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import cast

import attrs

from bulkeditor.connectors._convert import Converter, DateTime, Text
from bulkeditor.connectors._fields import BROKEN, MISSING, Field
from bulkeditor.connectors._types import CursorValue, DeadLetter, Record, Row
from bulkeditor.errors import ConfigurationError, FieldError


@attrs.frozen(kw_only=True)
class Layout:
    """How a connector's rows are read.

    Args:
        key: Where the key stands.
        cursor: Where the cursor stands; None = the system has none.
        reads: Our field names.
    """

    key: Field
    cursor: Field | None
    reads: Mapping[str, Field]

    @classmethod
    def declared(
        cls,
        key: str,
        cursor: str | None,
        reads: Mapping[str, Field],
        *,
        cursor_type: Converter | None = None,
    ) -> Layout:
        """The layout of declarations; key and cursor name one of our fields, or else a path in the row.

        Args:
            key: Identifies a record.
            cursor: Says when or where it last changed.
            reads: Our fields.
            cursor_type: What a cursor is that is none of our fields; None = a time where it reads as one.
        """
        return cls(
            key=reads.get(key) or Field(key, Text()),
            cursor=None if cursor is None else (reads.get(cursor) or Field(cursor, cursor_type or _Cursor())),
            reads=reads,
        )

    @property
    def timed(self) -> bool:
        """Whether the cursor is a time."""
        return self.cursor is not None and isinstance(self.cursor.converter, DateTime | _Cursor)

    def select(self, names: Collection[str], connector: str) -> Layout:
        """The same for some of the fields only.

        Raises:
            ConfigurationError: The connector reads no such field.
        """
        unknown = [name for name in names if name not in self.reads]
        if unknown:
            raise ConfigurationError(
                f"{connector} reads no field {', '.join(map(repr, unknown))};"
                f" there are {', '.join(self.reads)}."
            )
        return attrs.evolve(self, reads={name: self.reads[name] for name in names}) if names else self

    def record(self, row: object) -> Record | DeadLetter:
        """The record that a row is; a dead letter for one that has no key."""
        if not isinstance(row, Mapping):
            return DeadLetter(raw=row, code="not_an_object", message="the row is no object")
        given = cast("Row", row)
        try:
            key = self.key.read(given)
        except BROKEN as error:
            return DeadLetter(raw=given, code="bad_key", message=f"its key cannot be read: {error}")
        if not isinstance(key, str) or not key.strip():
            return DeadLetter(raw=given, code="no_key", message="it has no key, or a blank one")
        values: dict[str, object] = {}
        problems: list[FieldError] = []
        for name, field in self.reads.items():
            found = _read(name, field, given, problems)
            if found is not MISSING:
                values[name] = found
        cursor = MISSING if self.cursor is None else _read("cursor", self.cursor, given, problems)
        return Record(
            key=key,
            values=values,
            raw=given,
            cursor=None if cursor is MISSING else cast("CursorValue | None", cursor),
            problems=tuple(problems),
        )


def _read(name: str, field: Field, row: Row, problems: list[FieldError]) -> object:
    try:
        return field.read(row)
    except BROKEN as error:
        # A broken row must not stop the others.
        problems.append(FieldError(field=name, message=str(error), code="unreadable"))
        return MISSING


class _Cursor(Converter):
    """A cursor whose type nobody declared: a time where it reads as one, else as it is."""

    def read(self, value: object) -> object:
        if isinstance(value, datetime):
            return DateTime().read(value)
        if isinstance(value, str):
            try:
                return DateTime().read(value)
            except ValueError:
                return value
        return value


__all__ = ["Layout"]
