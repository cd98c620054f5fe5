"""A ledger of each kind with a clock that tests move, and a small workflow that writes products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bulkeditor.engine import Ledger, SQLiteLedger

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Hands:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def move(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture(params=["file", "memory"])
def open_ledger(
    request: pytest.FixtureRequest, tmp_path: Path, hands: Hands
) -> Iterator[Callable[[], Ledger]]:
    """Opens the ledger under test; a second one over the same store, where it can be shared."""
    opened: list[SQLiteLedger] = []

    def open_one() -> Ledger:
        path = tmp_path / "store.db" if request.param == "file" else ":memory:"
        ledger = SQLiteLedger(path, clock=hands)
        opened.append(ledger)
        return ledger

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    return open_ledger()
