"""Where tokens are kept that several processes share: one lock, one truth, saved whole or not at all."""

from __future__ import annotations

import json
import os
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypedDict

from bulkeditor._secret import Secret
from bulkeditor.errors import ConfigurationError
from bulkeditor.http.auth._types import Token


class TokenLease(Protocol):
    """One entry of a store, held by nobody else."""

    @property
    def token(self) -> Token | None:
        """What is stored; None when nothing is."""
        ...

    def save(self, token: Token) -> None:
        """Store a token: for good when this returns."""
        ...

    def release(self) -> None:
        """Let others have it; a token that was not saved is not stored."""
        ...


class TokenStore(Protocol):
    """Where tokens are kept. Yours may be a vault; :class:`TokenFile` is a file."""

    def acquire(self, name: str) -> TokenLease | None:
        """Hold an entry at once; None when somebody else holds it. A dead process holds nothing."""
        ...


class TokenFile:
    """Tokens in a SQLite file, for its owner's eyes only.

    The file's own write lock is the lock, and the transaction under it is what saves: so a process that is
    killed holds nothing and leaves nothing half written. All entries of one file share the lock.

    Args:
        path: The file; made when it is not there.

    Raises:
        ConfigurationError: It is no such file, or cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def acquire(self, name: str) -> TokenLease | None:
        """Hold an entry.

        Args:
            name: The entry.

        Raises:
            ConfigurationError: The file is no token file, or cannot be opened.
        """
        try:
            # Made by us first, so that nobody else can read it from its first moment on.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"The token file {self.path} cannot be opened: {error}.") from error
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS tokens (name TEXT PRIMARY KEY, token TEXT NOT NULL) STRICT"
            )
            return _Lease(connection, name)
        except sqlite3.OperationalError as error:
            connection.close()
            if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return None
            raise ConfigurationError(f"The token file {self.path} cannot be used: {error}.") from error
        except sqlite3.DatabaseError as error:
            connection.close()
            raise ConfigurationError(f"{self.path} is no token file: {error}.") from error

    def __repr__(self) -> str:
        return f"TokenFile({str(self.path)!r})"


class _Stored(TypedDict):
    value: str
    refresh_token: str | None
    expires_in: float | None
    obtained_at: str | None
    scopes: list[str]


class _Lease:
    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    @property
    def token(self) -> Token | None:
        row = self._connection.execute("SELECT token FROM tokens WHERE name = ?", (self._name,)).fetchone()
        return None if row is None else _read(row[0])

    def save(self, token: Token) -> None:
        self._connection.execute(
            "INSERT INTO tokens VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET token = excluded.token",
            (self._name, _text(token)),
        )
        self._connection.execute("COMMIT")

    def release(self) -> None:
        # What was not committed is rolled back.
        self._connection.close()


def _text(token: Token) -> str:
    stored = _Stored(
        value=token.value.reveal(),
        refresh_token=None if token.refresh_token is None else token.refresh_token.reveal(),
        expires_in=token.expires_in,
        obtained_at=None if token.obtained_at is None else token.obtained_at.isoformat(),
        scopes=list(token.scopes),
    )
    return json.dumps(stored)


def _read(text: str) -> Token:
    stored: _Stored = json.loads(text)
    refresh, obtained = stored["refresh_token"], stored["obtained_at"]
    return Token(
        value=Secret(stored["value"]),
        refresh_token=None if refresh is None else Secret(refresh),
        expires_in=stored["expires_in"],
        obtained_at=None if obtained is None else datetime.fromisoformat(obtained),
        scopes=tuple(stored["scopes"]),
    )


__all__ = ["TokenFile", "TokenLease", "TokenStore"]
