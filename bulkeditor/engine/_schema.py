"""The tables of a store, as the migrations that made them.

A migration is never changed once it was released: another one is added at the end.
"""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x62756C6B
"""``bulk``: marks a file as a store of this library."""

_FIRST: Final = (
    """
    CREATE TABLE runs (
        num INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        key TEXT NOT NULL UNIQUE,
        workflow TEXT NOT NULL,
        version INTEGER NOT NULL,
        input TEXT NOT NULL,
        status TEXT NOT NULL,       -- open, done, failed, cancelled
        error TEXT,
        created_at INTEGER NOT NULL,
        finished_at INTEGER,
        traceparent TEXT
    ) STRICT
    """,
    "CREATE INDEX open_runs ON runs (num) WHERE status = 'open'",
    # What there is to do; never changed. A finished step has a row in results, any other one in queue.
    """
    CREATE TABLE steps (
        seq INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs (num),
        key TEXT NOT NULL,
        kind TEXT NOT NULL,
        stage INTEGER NOT NULL,
        not_before INTEGER,
        signal TEXT,
        params TEXT NOT NULL
    ) STRICT
    """,
    "CREATE UNIQUE INDEX steps_by_key ON steps (run, key)",
    "CREATE INDEX steps_in_order ON steps (run, seq)",
    # Small rows apart from params and results: a claim rewrites one of these, and nothing that is large.
    """
    CREATE TABLE queue (
        seq INTEGER PRIMARY KEY REFERENCES steps (seq),
        run INTEGER NOT NULL,
        stage INTEGER NOT NULL,
        ready_at INTEGER NOT NULL,              -- when it can be claimed; 0 = at any time
        lease_until INTEGER NOT NULL DEFAULT 0, -- while a claim is out; 0 = none is
        attempts INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        not_before INTEGER NOT NULL,
        signal TEXT,                            -- what it still waits for
        error TEXT
    ) STRICT
    """,
    # A claim reads the head of this one, past what other lanes hold, and changes no column of it: so it costs
    # the same at the first step and at the last, and no page more than it must.
    "CREATE INDEX queue_in_order ON queue (run, stage, ready_at, seq)",
    "CREATE INDEX queue_by_signal ON queue (run, signal, seq) WHERE signal IS NOT NULL",
    """
    CREATE TABLE results (
        seq INTEGER PRIMARY KEY REFERENCES steps (seq),
        attempts INTEGER NOT NULL,
        finished_at INTEGER NOT NULL,
        result TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE signals (
        num INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs (num),
        name TEXT NOT NULL,
        delivery TEXT NOT NULL,
        payload TEXT NOT NULL,
        step INTEGER,               -- whom it was handed to
        UNIQUE (run, delivery)
    ) STRICT
    """,
    "CREATE INDEX signals_by_step ON signals (step) WHERE step IS NOT NULL",
    """
    CREATE TABLE state (
        space TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (space, key)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE fires (
        schedule TEXT NOT NULL,
        scheduled_at INTEGER NOT NULL,
        PRIMARY KEY (schedule, scheduled_at)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE limits (
        name TEXT PRIMARY KEY,
        tokens REAL NOT NULL,
        at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE slots (
        fence INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        expires INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX slots_by_name ON slots (name, expires)",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_FIRST,)
"""Statements that lead from each version of the schema to the next one."""

__all__ = ["APPLICATION_ID", "MIGRATIONS"]
