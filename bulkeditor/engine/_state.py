"""State in SQLite: entries of spaces. Each function is part of a caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from bulkeditor.engine._types import ANY, Put
from bulkeditor.engine._values import decode, encode
from bulkeditor.errors import StateChangedError


def put(tx: sqlite3.Connection, puts: Iterable[Put]) -> None:
    """Change entries, in order.

    Raises:
        StateChangedError: An entry is not as expected.
    """
    for change in puts:
        name = f"{change.space}: {change.key}"
        if change.expect is not ANY:
            _check(get(tx, change.space, change.key) or "null", encode(change.expect, name), change)
        if change.value is None:
            tx.execute("DELETE FROM state WHERE space = ? AND key = ?", (change.space, change.key))
        else:
            tx.execute(
                "INSERT INTO state (space, key, value) VALUES (?, ?, ?)"
                " ON CONFLICT (space, key) DO UPDATE SET value = excluded.value",
                (change.space, change.key, encode(change.value, name)),
            )


def _check(held: str, expected: str, change: Put) -> None:
    # Equal values have equal texts. A number with a fraction is read as a Decimal, whose text is another one.
    if held != expected and encode(decode(held), change.key) != expected:
        raise StateChangedError(
            f"{change.space}: {change.key!r} is no longer as it was when the step was decided.",
            space=change.space,
            key=change.key,
        )


def get(tx: sqlite3.Connection, space: str, key: str) -> str | None:
    """The JSON text of an entry."""
    row = tx.execute("SELECT value FROM state WHERE space = ? AND key = ?", (space, key)).fetchone()
    return None if row is None else row[0]


def page(tx: sqlite3.Connection, space: str, start: str, limit: int, *, after: bool) -> list[tuple[str, str]]:
    """Entries from a key on (or after it), in order."""
    return tx.execute(
        f"SELECT key, value FROM state WHERE space = ? AND key {'>' if after else '>='} ?"  # noqa: S608
        " ORDER BY key LIMIT ?",
        (space, start, limit),
    ).fetchall()


__all__ = ["get", "page", "put"]
