"""What every item of the suite stands on: a fresh stand-in, a session over it, samples, checked ledgers."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final

import pytest

from bulkeditor.connectors import Change, Connector, Outcome, Page, Record
from bulkeditor.http import RetryPolicy
from bulkeditor.testing._clock import InstantClock
from bulkeditor.testing._modes import Mode, ModeName, opened
from bulkeditor.testing._standin import Entry, StandIn

_NOTHING: Final[Mapping[str, str]] = {}


class Bench:
    """Says which connector is tried, against what.

    A subclass overrides :meth:`stand_in` and :meth:`connector`, and the class attributes where the defaults
    do not fit.
    """

    config: ClassVar[Mapping[str, object] | None] = None
    """The JSON of ``from_config`` as it is documented, without credentials and address."""

    absent: ClassVar[Mapping[str, str]] = _NOTHING
    """Items that the system cannot show, each with the reason: ``{"empty_page": "it never sends one"}``."""

    writes: ClassVar[str] = "price"
    """The field that is written, in our words; a number."""

    count: ClassVar[int] = 8
    """Records to seed; the stand-in's pages must be small enough to give three pages."""

    page_size: ClassVar[int | None] = 3
    """What is asked for; None where the system or the stand-in decides."""

    @classmethod
    def stand_in(cls, clock: InstantClock) -> StandIn:
        """A new stand-in, not started.

        Args:
            clock: Its time; the session has the same.
        """
        raise NotImplementedError

    def connector(self, fake: StandIn) -> Connector:
        """The connector, with all its credentials, at the stand-in's address."""
        raise NotImplementedError

    def samples(self, start: datetime) -> list[dict[str, object]]:
        """Records to seed, in our words: every two of them share a moment.

        Args:
            start: Their first ``changed_at``.
        """
        return [
            {
                "sku": f"SUITE-{number:03}",
                "price": Decimal("10.50") + number,
                "inventory_quantity": number,
                "changed_at": start + timedelta(minutes=number // 2),
            }
            for number in range(self.count)
        ]

    # What the items use

    @contextmanager
    def seeded(self, records: Iterable[Mapping[str, object]] | None = None) -> Generator[StandIn]:
        """A fresh stand-in with the samples, or with other records."""
        clock = InstantClock()
        with self.stand_in(clock) as fake:
            fake.seed(self.samples(clock.now() - timedelta(days=1)) if records is None else records)
            yield fake

    @contextmanager
    def open(self, fake: StandIn, mode: ModeName, **options: Any) -> Generator[Mode]:
        """A session over a new connector."""
        with opened(mode, self.connector(fake), clock=fake.clock, **options) as session:
            yield session

    def read(self, session: Mode, fake: StandIn, **wish: Any) -> list[Record]:
        """A read whose ledger is compared with what the stand-in served."""
        return [record for page in self.pages(session, fake, **wish) for record in page.records]

    def pages(self, session: Mode, fake: StandIn, **wish: Any) -> list[Page]:
        """The pages of a read whose ledger is compared with what the stand-in served."""
        with fake.watching() as entries:
            pages = session.pages(page_size=self.page_size, **wish)
        ledger = session.ledger
        assert ledger.balanced, f"read is not emitted + filtered + dead-lettered: {ledger}"
        served = sum(entry.rows for entry in entries if entry.status is not None)
        if fake.counts_rows:
            assert ledger.read == served, f"the system sent {served} rows, the ledger knows {ledger.read}"
        emitted = sum(not record.inferred for page in pages for record in page.records)
        assert ledger.emitted == emitted, f"the ledger says {ledger.emitted}, {emitted} records came"
        assert ledger.dead_lettered == len(session.dead_letters)
        return pages

    def write(self, session: Mode, changes: Sequence[Change], **options: Any) -> list[Outcome]:
        """A write whose outcomes are compared with the changes."""
        outcomes = session.write(changes, **options)
        assert [outcome.change for outcome in outcomes] == list(changes), (
            "outcomes are not those of the changes"
        )
        assert session.written.balanced, f"{session.written}; {session.written.defects}"
        return outcomes

    def keys(self, records: Iterable[Record]) -> list[str]:
        """Keys of records that are there."""
        return [record.key for record in records if not record.deleted]

    def change(self, key: str, value: object, **more: Any) -> Change:
        """A change of the field that is written."""
        return Change(key=key, values={self.writes: value}, **more)

    def held(self, fake: StandIn, key: str) -> object:
        """What a record holds in the field that is written."""
        record = fake.holds(key)
        assert record is not None, f"{key} is gone"
        return record[self.writes]

    def all_keys(self, fake: StandIn) -> list[str]:
        """Keys of the samples."""
        return [str(record["sku"]) for record in self.samples(fake.clock.now())]

    def need(self, name: str) -> None:
        """Skip where the system cannot show something, with the reason."""
        if name in self.absent:
            pytest.skip(f"{name}: {self.absent[name]}")

    @property
    def once(self) -> RetryPolicy:
        """No repeats."""
        return RetryPolicy(max_retries=0)


def plain(value: Any) -> Any:
    """Through JSON and back, as something that was stored."""
    return json.loads(json.dumps(value))


def effects(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    """What was committed, by key and field."""
    return [(effect.key, effect.field) for entry in entries for effect in entry.effects]


__all__ = ["Bench", "effects", "plain"]
