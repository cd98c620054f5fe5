"""What is remembered of connectors: every configuration that was in use, and the last shape of their rows."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import attrs

from bulkeditor.connectors._shape import Drift, Shape
from bulkeditor.errors import ConfigurationError

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS configurations (
    name TEXT NOT NULL, hash TEXT NOT NULL, text TEXT NOT NULL,
    first_used TEXT NOT NULL, last_used TEXT NOT NULL,
    PRIMARY KEY (name, hash)
) STRICT;
CREATE TABLE IF NOT EXISTS shapes (
    name TEXT NOT NULL, part TEXT NOT NULL, shape TEXT NOT NULL, seen TEXT NOT NULL, PRIMARY KEY (name, part)
) STRICT;
"""
_BUSY_SECONDS: Final = 30.0


@attrs.frozen(kw_only=True)
class ConfigVersion:
    """One configuration that was in use.

    Args:
        name: The integration.
        hash: What it is known by.
        text: The configuration, canonical JSON without credentials.
        first_used: When it was first opened.
        last_used: When it was last opened.
    """

    name: str
    hash: str
    text: str
    first_used: datetime
    last_used: datetime


class History:
    """A SQLite file that remembers connectors; give it to ``open(history=…)``.

    Args:
        path: The file; made when it is not there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def opened(self, name: str, text: str, digest: str, at: datetime) -> None:
        """Note that a configuration is in use."""
        with self._connection() as connection:
            connection.execute(
                "INSERT INTO configurations VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (name, hash) DO UPDATE SET last_used = excluded.last_used",
                (name, digest, text, at.isoformat(), at.isoformat()),
            )

    def versions(self, name: str) -> list[ConfigVersion]:
        """Configurations of an integration, in the order in which they were first used."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT hash, text, first_used, last_used FROM configurations"
                " WHERE name = ? ORDER BY first_used, rowid",
                (name,),
            ).fetchall()
        return [
            ConfigVersion(
                name=name,
                hash=digest,
                text=text,
                first_used=datetime.fromisoformat(first),
                last_used=datetime.fromisoformat(last),
            )
            for digest, text, first, last in rows
        ]

    def read(self, name: str, part: str, shape: Shape, at: datetime) -> list[Drift]:
        """Compare the shape of a read with the last one, and keep it.

        Args:
            name: The integration.
            part: Which rows: reads of other fields have other shapes.
            shape: What was seen; one without rows is not kept.
            at: When.
        """
        if not shape.rows:
            return []
        with self._connection() as connection:
            row = connection.execute(
                "SELECT shape FROM shapes WHERE name = ? AND part = ?", (name, part)
            ).fetchone()
            connection.execute(
                "INSERT INTO shapes VALUES (?, ?, ?, ?) "
                "ON CONFLICT (name, part) DO UPDATE SET shape = excluded.shape, seen = excluded.seen",
                (name, part, json.dumps(shape.to_json()), at.isoformat()),
            )
        return [] if row is None else shape.against(Shape.from_json(json.loads(row[0])))

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        except sqlite3.Error as error:
            raise ConfigurationError(f"The history {self.path} cannot be opened: {error}.") from error
        try:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            yield connection
            connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise ConfigurationError(f"The history {self.path} cannot be used: {error}.") from error
        finally:
            connection.close()

    def __repr__(self) -> str:
        return f"History({str(self.path)!r})"


__all__ = ["ConfigVersion", "History"]
