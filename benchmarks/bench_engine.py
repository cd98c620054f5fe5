"""Goal 12: a durable step costs little more than the bare SQLite commit it needs, whatever its place."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks._harness import Bench
from bulkeditor.engine import Done, SQLiteLedger, Step

BATCH = 250
STEPS = 40_000
LEASE = 30.0
ROUNDS = 81
LEFT = 4_000
"""Steps that are measured at most; a fast disk takes some thirty in a sample."""

ROWS = [
    {"product": f"product_id_{n}", "field": "price", "before": "19.99", "after": "15.99"}
    for n in range(BATCH)
]
OUTCOMES = [[f"product_id_{n}", "price", "updated"] for n in range(BATCH)]
RESULT = msgspec.json.encode(OUTCOMES).decode()


class Writes:
    """A run of many steps, all known from the start."""

    name = "writes"
    version = 1

    def __init__(self, steps: int, params: dict[str, Any]) -> None:
        self.steps = steps
        self.params = params

    def first(self, input: object) -> list[Step]:  # noqa: A002
        return [Step(key=f"write-{n}", kind="write", params=self.params) for n in range(self.steps)]

    def handler(self, kind: str) -> Any:
        raise KeyError(kind)


def ours(path: Path, steps: int, params: dict[str, Any], *, done: int = 0) -> Callable[[], object]:
    """Finishes one step and claims the next, of a run in which so many are done already."""
    ledger = SQLiteLedger(path)
    run = ledger.start_run("bench", Writes(steps, params))
    claim = ledger.claim(run, LEASE)
    # What is prepared need not be on the disk.
    writer = ledger._database._writer  # noqa: SLF001
    writer.execute("PRAGMA synchronous = OFF")
    for _ in range(done):
        assert claim is not None
        claim = ledger.finish(claim, Done(result=1), claim_next=LEASE)
    writer.execute("PRAGMA synchronous = FULL")
    left = Done(result=OUTCOMES)

    def step() -> None:
        nonlocal claim
        assert claim is not None
        claim = ledger.finish(claim, left, claim_next=LEASE)

    return step


def by_hand(path: Path, steps: int, params: dict[str, Any], *, reads: bool = True) -> Callable[[], object]:
    """Marks one step as done, keeps its result, and reads what the next one has to do: the least there is.

    Without ``reads`` it is the commit alone, which is shown beside it.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE steps (seq INTEGER PRIMARY KEY, done INTEGER NOT NULL, params TEXT)")
    connection.execute("CREATE TABLE results (seq INTEGER PRIMARY KEY, at TEXT, result TEXT)")
    text = msgspec.json.encode(params).decode()
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO steps (done, params) VALUES (0, ?)", ((text,) for _ in range(steps)))
    connection.execute("COMMIT")
    seq = 0

    def step() -> None:
        nonlocal seq
        seq += 1
        assert seq < steps
        result = msgspec.json.encode(OUTCOMES).decode()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE steps SET done = 1 WHERE seq = ?", (seq,))
        connection.execute(
            "INSERT INTO results VALUES (?, ?, ?)", (seq, datetime.now(UTC).isoformat(), result)
        )
        if reads:
            row = connection.execute("SELECT params FROM steps WHERE seq = ?", (seq + 1,)).fetchone()
            msgspec.json.decode(row[0])
        connection.execute("COMMIT")

    return step


OURS = "ours: finish and claim the next"
HAND = "by hand: commit and read the next"


def batches(folder: Path) -> Bench:
    """Steps whose params are 250 rows, and whose results are 250 outcomes."""
    bench = Bench("12. durable step, batches of 250 rows", clock="wall", rounds=ROUNDS)
    params = {"rows": ROWS}
    bench.case(OURS, ours(folder / "ours.db", LEFT, params))
    bench.case(HAND, by_hand(folder / "hand.db", LEFT, params))
    bench.case("the commit alone", by_hand(folder / "bare.db", LEFT, params, reads=False))
    bench.at_most(OURS, HAND, 1.6)
    return bench


def small(folder: Path) -> Bench:
    """Steps that hold little, each with 250 outcomes, with 40,000 of them open."""
    bench = Bench("12. durable step, 40,000 open", clock="wall", rounds=ROUNDS)
    params = {"batch": 1}
    bench.case(OURS, ours(folder / "ours.db", STEPS, params))
    bench.case("the commit alone", by_hand(folder / "bare.db", STEPS, params, reads=False))
    bench.at_most(OURS, "the commit alone", 1.6)
    return bench


def flat(folder: Path) -> Bench:
    """The first and the last of 40,000 steps; in CPU time, since both wait for the disk alike."""
    bench = Bench("12. durable step, first and last of 40,000", rounds=ROUNDS)
    params = {"batch": 1}
    bench.case("first", ours(folder / "first.db", STEPS, params))
    bench.case("last", ours(folder / "last.db", STEPS, params, done=STEPS - LEFT))
    bench.at_most("last", "first", 1.1)
    return bench


def benches() -> Iterator[Bench]:
    for make in (batches, small, flat):
        with tempfile.TemporaryDirectory(prefix="bulkeditor-bench-") as folder:
            yield make(Path(folder))
