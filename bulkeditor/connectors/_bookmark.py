"""How far a series of incremental reads has come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import cast

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
        seen = data.get("seen")
        cursor = cursor_value(data.get("cursor"))
        if cursor is None or not isinstance(seen, list) or not all(isinstance(mark, str) for mark in seen):
            raise InvalidInputError("This is no bookmark.", hint="Give what Bookmark.to_json() returned.")
        return cls(cursor=cursor, seen=frozenset(cast("list[str]", seen)))


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
            return datetime.fromisoformat(text)
        case {"number": int() as number}:
            return number
        case {"number": str() as text}:
            return Decimal(text)
        case {"text": str() as text}:
            return text
        case _:
            return None


__all__ = ["Bookmark", "cursor_json", "cursor_value"]
