"""Items on what goes wrong: throttling, dead credentials, rows that are none, and what must not be shown."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from bulkeditor.errors import AuthenticationError, BulkEditorError, ConfigurationError
from bulkeditor.testing._modes import ModeName
from bulkeditor.testing._standin import FaultKind
from bulkeditor.testing._suite._bench import Bench, effects
from bulkeditor.testing._suite._items import item


class Faults(Bench):
    """Items on what goes wrong on the way."""

    @item("throttle")
    def test_throttling_at_any_request_only_delays_a_read(self, mode: ModeName) -> None:
        self._every_request_of_a_read(mode, "throttle")

    @item("throttle")
    def test_throttling_at_any_request_only_delays_a_write(self, mode: ModeName) -> None:
        self._every_request_of_a_write(mode, "throttle")

    @item("throttle")
    def test_the_time_that_the_system_asks_for_is_waited(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            fake.fault("throttle", skip=2, times=2, retry_after=7)
            self.read(session, fake)
            clock: Any = fake.clock
            longest = max(clock.slept, default=0)
            # A system that says nothing about it (``absent``) still gets a pause.
            assert longest >= (7 if "retry_after" not in self.absent else 0.001), f"slept {clock.slept}"

    @item("expiry")
    def test_a_credential_may_die_at_any_request_of_a_read(self, mode: ModeName) -> None:
        self._every_request_of_a_read(mode, "expire")

    @item("expiry")
    def test_a_credential_may_die_at_any_request_of_a_write(self, mode: ModeName) -> None:
        self._every_request_of_a_write(mode, "expire")

    @item("expiry")
    def test_a_refused_login_is_an_error_and_no_end(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            session.pages(most=1, page_size=self.page_size)
            fake.expire()
            fake.fault("refuse_login", times=None)
            with pytest.raises((AuthenticationError, ConfigurationError)):
                session.read(page_size=self.page_size)

    @item("expiry")
    def test_a_login_page_with_status_200_is_an_error(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            session.pages(most=1, page_size=self.page_size)
            fake.fault("login_page", times=None)
            with pytest.raises(BulkEditorError):
                session.read(page_size=self.page_size)
            outcomes = self.write(session, [self.change(self.all_keys(fake)[0], Decimal(3))])
            assert outcomes[0].status not in ("updated", "unchanged", "skipped")

    @item("ledger")
    def test_a_row_that_is_none_becomes_a_dead_letter(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            fake.fault("bad_row", skip=1)
            assert sorted(self.keys(self.read(session, fake))) == sorted(self.all_keys(fake))
            assert len(session.dead_letters) == 1, "the row is lost"
            assert session.dead_letters[0].raw, "the row itself is not kept"

    @item("ledger")
    def test_nothing_is_left_out_silently(self, mode: ModeName) -> None:
        """Rows with nulls, zeros and odd values come through, or are reported."""
        with self.seeded() as fake:
            keys = self.all_keys(fake)
            odd: list[dict[str, object]] = [{self.writes: Decimal(0)}, {"inventory_quantity": 0}]
            if "null" not in self.absent:
                odd.append({self.writes: None})
            for key, values in zip(keys, odd, strict=False):
                fake.edit(key, values)
            with self.open(fake, mode) as session:
                assert sorted(self.keys(self.read(session, fake))) == sorted(keys)

    @item("ledger")
    def test_every_change_has_one_outcome_whatever_breaks(self, mode: ModeName) -> None:
        kinds: tuple[FaultKind, ...] = ("server_error", "throttle", "never_sent", "lost", "login_page")
        for kind in kinds:
            with self.seeded() as fake, self.open(fake, mode, retry=self.once) as session:
                session.pages(most=1, page_size=self.page_size)
                fake.fault(kind, times=None)
                self.write(session, [self.change(key, Decimal(48)) for key in self.all_keys(fake)])

    @item("secrets")
    def test_no_secret_is_shown_anywhere(
        self, mode: ModeName, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        caplog.set_level(logging.DEBUG)
        with self.seeded() as fake:
            shown = [self._shown(what) for what in self._outputs(fake, mode)]
            shown += [caplog.text, *(str(vars(entry)) for entry in caplog.records), *capfd.readouterr()]
            secrets = [secret for secret in fake.secrets() if secret]
            assert secrets, "the stand-in names no secret to look for"
        for secret in secrets:
            for text in shown:
                assert secret not in text, f"a credential shows: …{_around(text, secret)}…"

    @item("secrets")
    def test_no_secret_is_part_of_the_configuration(self, mode: ModeName) -> None:
        del mode
        with self.seeded() as fake:
            connector = self.connector(fake)
            text = repr(connector) + str(connector.config()) + repr(vars(connector))
            assert not [secret for secret in fake.secrets() if secret and secret in text]

    @item("secrets")
    def test_no_secret_travels_in_an_address(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            self.read(session, fake)
            self.write(session, [self.change(self.all_keys(fake)[0], Decimal(3))])
            for entry in fake.journal:
                address = entry.path + str(dict(entry.params))
                assert not [secret for secret in fake.secrets() if secret and secret in address], entry.path

    def _outputs(self, fake: Any, mode: ModeName) -> Iterator[object]:
        """Everything that a caller gets to see, in good times and bad."""
        key = self.all_keys(fake)[0]
        with self.open(fake, mode, retry=self.once) as session:
            yield session.session
            yield session.session.connector
            yield from session.pages(page_size=self.page_size)
            yield from session.write([self.change(key, Decimal(3)), self.change("SUITE-nowhere", Decimal(3))])
            yield from session.check()
            kinds: tuple[FaultKind, ...] = (
                "server_error",
                "login_page",
                "never_sent",
                "throttle",
                "refuse_login",
            )
            for kind in kinds:
                fake.calm()
                if kind == "refuse_login":
                    fake.expire()
                fake.fault(kind, times=None)
                yield from session.check()
                yield from session.write([self.change(key, Decimal(4))])
                try:
                    session.read(page_size=self.page_size)
                except BulkEditorError as error:
                    yield error
            yield session.ledger
            yield session.written

    @staticmethod
    def _shown(what: object) -> str:
        if not isinstance(what, BaseException):
            return f"{what!r} {what}"
        told = traceback.TracebackException.from_exception(what, capture_locals=True)
        again: object = pickle.loads(pickle.dumps(what))  # noqa: S301 - our own bytes
        return "".join(told.format()) + repr(what) + str(vars(again)) + repr(pickle.dumps(what))

    def _every_request_of_a_read(self, mode: ModeName, kind: FaultKind) -> None:
        for position in range(self._requests(mode)):
            with self.seeded() as fake, self.open(fake, mode) as session:
                fake.fault(kind, skip=position)
                keys = self.keys(self.read(session, fake))
                assert sorted(keys) == sorted(self.all_keys(fake)), f"{kind} at request {position}"

    def _every_request_of_a_write(self, mode: ModeName, kind: FaultKind) -> None:
        for position in range(self._requests(mode, write=True)):
            with self.seeded() as fake, self.open(fake, mode) as session:
                fake.fault(kind, skip=position)
                keys = self.all_keys(fake)[:2]
                with fake.watching() as entries:
                    outcomes = self.write(session, [self.change(key, Decimal(49)) for key in keys])
                told = [outcome.status for outcome in outcomes]
                assert told == ["updated"] * 2, f"{kind} at request {position}: {told}"
                assert sorted(effects(entries)) == sorted((key, self.writes) for key in keys)

    def _requests(self, mode: ModeName, *, write: bool = False) -> int:
        """How many requests a read or a write takes in a new session, login included."""
        with self.seeded() as fake, self.open(fake, mode) as session:
            if write:
                self.write(session, [self.change(key, Decimal(49)) for key in self.all_keys(fake)[:2]])
            else:
                self.read(session, fake)
            return len(fake.journal)


def _around(text: str, secret: str) -> str:
    place = text.index(secret)
    return text[max(0, place - 80) : place] + "***" + text[place + len(secret) :][:40]


__all__ = ["Faults"]
