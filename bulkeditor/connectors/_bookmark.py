"""How far a series of incremental reads has come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import attrs

from bulkeditor.connectors._types import CursorValue
from bulkeditor.errors import InvalidInputError
from bulkeditor.models import JSON


@attrs.frozen(kw_only=True)
class Bookmark:
    """Where the next incremental read begins: ``session.read(since=bookmark)``.

    The next read asks for everything from ``cursor`` on, inclusive, less the connector's look-back, and
    leaves out what is in ``seen``: so a row that was committed late, or with the very same cursor, is not
    lost, and none comes twice.

    Args:
        cursor: The highest cursor that was read.
        seen: Fingerprints of the rows at the edge.
    """

    cursor: CursorValue
    seen: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, JSON]:
        """Plain data, to keep it."""
        return {"cursor": cursor_json(self.cursor), "seen": list[JSON](sorted(self.seen))}

    @classmethod
    def from_json(cls, data: Mapping[str, JSON]) -> Bookmark:
        """From what :meth:`to_json` gave.

        Raises:
            InvalidInputError: It is something else.
        """
        given: object = data
        held: Mapping[str, object] = cast("Any", given) if isinstance(given, dict) else {}
        seen, cursor = cast("Any", held.get("seen")), cursor_value(held.get("cursor"))
        marks = cast("list[object]", seen if isinstance(seen, list) else [None])
        if cursor is None or not all(isinstance(mark, str) for mark in marks):
            raise InvalidInputError("This is no bookmark.", hint="Give what Bookmark.to_json() returned.")
        return cls(cursor=cursor, seen=frozenset(cast("list[str]", marks)))


def cursor_json(cursor: CursorValue | None) -> JSON:
    """A cursor as plain data that keeps its type."""
    match cursor:
        case None:
            return None
        case datetime():
            return {"time": cursor.isoformat()}
        case Decimal():
            return {"number": str(cursor)}
        case int():
            return {"number": cursor}
        case _:
            return {"text": cursor}


def cursor_value(data: object) -> CursorValue | None:
    """A cursor from what :func:`cursor_json` gave; None for anything else."""
    if not isinstance(data, Mapping):
        return None
    match cast("Mapping[str, object]", data):
        case {"time": str() as text}:
            return cursor_of(_time(text))
        case {"number": int() as number}:
            return cursor_of(number)
        case {"number": str() as text}:
            return cursor_of(_number(text))
        case {"text": str() as text}:
            return text
        case _:
            return None


def cursor_of(value: object) -> CursorValue | None:
    """A value that can be a cursor; None for one that cannot: without a zone, not finite, not ordered."""
    match value:
        case bool():
            return None
        case datetime():
            return None if value.tzinfo is None else value
        case float():
            return cursor_of(Decimal(repr(value)))
        case Decimal():
            return value if value.is_finite() else None
        case int() | str():
            return value
        case _:
            return None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


__all__ = ["Bookmark", "cursor_json", "cursor_of", "cursor_value"]
