"""What was asked of the server, and what took effect."""

# ruff: noqa: S608 -- SQL is put together from constants of this package; values always travel as parameters
from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, overload

import attrs

from bulkeditor.sandbox._http import Call, Effect
from bulkeditor.sandbox._json import decode_doc, encode_text
from bulkeditor.sandbox._rows import from_us
from bulkeditor.sandbox._store import Store

_COLUMNS: Final = (
    "num, at, origin, request_id, method, path, route, status, idempotency_key, replayed, fault, effects, "
    "credential"
)
_CHUNK: Final = 500


@attrs.frozen(kw_only=True)
class JournalEntry:
    """One request, or one chunk of a job, with its committed effects.

    Args:
        number: Position in the journal, from 1.
        at: When, by the server's clock.
        origin: ``request`` or ``job``.
        request_id: The answer's ``X-Request-Id``.
        method: HTTP method; ``JOB`` for a chunk.
        path: Path as it was asked; the job's id for a chunk.
        route: The operation's name; None when no route matched.
        status: Status of the answer; None when the connection was closed without one.
        idempotency_key: The key it carried, honoured or not.
        replayed: Whether the answer was a stored one.
        fault: The injected fault that struck, in words.
        credential: Id of the key or token.
        effects: What was committed.
    """

    number: int
    at: datetime
    origin: str
    request_id: str | None
    method: str
    path: str
    route: str | None
    status: int | None
    idempotency_key: str | None
    replayed: bool
    fault: str | None
    credential: str | None
    effects: tuple[Effect, ...]

    def __str__(self) -> str:
        key = f" key {self.idempotency_key}" if self.idempotency_key else ""
        fault = f" [{self.fault}]" if self.fault else ""
        effects = ", ".join(f"{effect.kind} {effect.id}" for effect in self.effects[:3])
        more = f" and {len(self.effects) - 3} more" if len(self.effects) > 3 else ""  # noqa: PLR2004
        what = f"{effects or 'no effect'}{more}"
        return f"#{self.number} {self.method} {self.path} -> {self.status}{key}{fault}: {what}"


class Journal(Sequence[JournalEntry]):
    """Every entry, oldest first; read from the file as it is looked at."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __len__(self) -> int:
        return int(self._store.value("SELECT count(*) FROM journal"))

    @overload
    def __getitem__(self, index: int) -> JournalEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[JournalEntry]: ...
    def __getitem__(self, index: int | slice) -> JournalEntry | list[JournalEntry]:
        size = len(self)
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(size))]
        position = index + size if index < 0 else index
        row = self._store.row(
            f"SELECT {_COLUMNS} FROM journal ORDER BY num LIMIT 1 OFFSET ?", (max(position, 0),)
        )
        if row is None or position < 0:
            raise IndexError(f"journal: no entry {index}; it has {size}")
        return _entry(row)

    def __iter__(self) -> Iterator[JournalEntry]:
        last = 0
        while rows := self._store.rows(
            f"SELECT {_COLUMNS} FROM journal WHERE num > ? ORDER BY num LIMIT ?", (last, _CHUNK)
        ):
            for row in rows:
                yield _entry(row)
            last = rows[-1][0]

    def __repr__(self) -> str:
        return f"<Journal: {len(self)} entries>"

    def clear(self) -> None:
        """Forget every entry."""
        with self._store.transaction():
            self._store.execute("DELETE FROM journal")

    def record(self, call: Call, status: int | None, effects: Sequence[Effect], *, fault: str | None) -> None:
        """Inside a transaction: write a request down."""
        self._store.execute(
            "INSERT INTO journal (at, origin, request_id, method, path, route, status, credential, "
            "idempotency_key, "
            "replayed, relative, fingerprint, fault, effect_count, effects) "
            "VALUES (?, 'request', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                call.now_us,
                call.request_id,
                call.method,
                call.path,
                call.route.name,
                status,
                None if call.credential is None else call.credential.id,
                call.headers.get("idempotency-key"),
                call.replayed,
                call.route.relative,
                fingerprint(call) if effects else None,
                fault,
                len(effects),
                _effects_text(effects),
            ),
        )

    def record_unrouted(
        self, *, at: int, request_id: str, method: str, path: str, status: int | None, fault: str | None
    ) -> None:
        """Inside a transaction: a request that no route took."""
        self._store.execute(
            "INSERT INTO journal (at, origin, request_id, method, path, status, replayed, relative, fault, "
            "effect_count, effects) VALUES (?, 'request', ?, ?, ?, ?, 0, 0, ?, 0, '[]')",
            (at, request_id, method, path, status, fault),
        )

    def record_job(self, at: int, job_id: str, effects: Sequence[Effect]) -> None:
        """Inside a transaction: write a job's chunk down."""
        self._store.execute(
            "INSERT INTO journal (at, origin, method, path, route, replayed, relative, effect_count, "
            "effects) "
            "VALUES (?, 'job', 'JOB', ?, 'bulk_jobs.run', 0, 0, ?, ?)",
            (at, job_id, len(effects), _effects_text(effects)),
        )

    def duplicates(self) -> list[list[JournalEntry]]:
        """Groups of entries in which one logical write took effect more than once."""
        groups = self._store.rows(
            # A key names the write. Without one, only an operation whose repeat adds to the first can double.
            "SELECT group_concat(num) FROM journal WHERE effect_count > 0 AND replayed = 0 AND origin = "
            "'request' "
            "AND (idempotency_key IS NOT NULL OR relative = 1) "
            "GROUP BY credential, idempotency_key, CASE WHEN idempotency_key IS NULL THEN fingerprint END "
            "HAVING count(*) > 1 ORDER BY min(num)"
        )
        return [
            [
                _entry(self._store.row(f"SELECT {_COLUMNS} FROM journal WHERE num = ?", (int(number),)))
                for number in sorted(row[0].split(","), key=int)
            ]
            for row in groups
        ]


def fingerprint(call: Call) -> str:
    """Same method, path and body: the same write."""
    digest = hashlib.sha256(f"{call.method} {call.path}\n".encode())
    digest.update(call.body)
    return digest.hexdigest()


def _effects_text(effects: Sequence[Effect]) -> str:
    return encode_text([[e.kind, e.id, e.before, e.after, e.count] for e in effects])


def _entry(row: Any) -> JournalEntry:
    effects: Any = decode_doc(row[11])
    return JournalEntry(
        number=row[0],
        at=from_us(row[1]),
        origin=row[2],
        request_id=row[3],
        method=row[4],
        path=row[5],
        route=row[6],
        status=row[7],
        idempotency_key=row[8],
        replayed=bool(row[9]),
        fault=row[10],
        credential=row[12],
        effects=tuple(Effect(kind=e[0], id=e[1], before=e[2], after=e[3], count=e[4]) for e in effects),
    )
