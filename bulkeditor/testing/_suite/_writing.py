"""Items on writing: one outcome for each change, whatever the system refuses and whatever gets lost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bulkeditor.connectors import Change
from bulkeditor.testing._modes import ModeName
from bulkeditor.testing._standin import StandIn
from bulkeditor.testing._suite._bench import Bench, effects
from bulkeditor.testing._suite._items import item


class Writing(Bench):
    """Items on writing."""

    @item("partial_batch")
    def test_a_refused_row_fails_alone(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            keys = self.all_keys(fake)[:5]
            fake.refuse(keys[2], "it is locked by accounting")
            with fake.watching() as entries:
                outcomes = self.write(session, [self.change(key, Decimal(40)) for key in keys])
            refused = outcomes[2]
            assert refused.status in ("failed", "dead_lettered"), refused
            assert "locked by accounting" in (refused.message or ""), "the system's own words are lost"
            others = [outcome for outcome in outcomes if outcome is not refused]
            assert [outcome.status for outcome in others] == ["updated"] * 4
            assert sorted(effects(entries)) == sorted((key, self.writes) for key in keys if key != keys[2])

    @item("partial_batch")
    def test_outcomes_belong_to_their_changes(self, mode: ModeName) -> None:
        """Whatever the order in which the system answers."""
        with self.seeded() as fake, self.open(fake, mode) as session:
            keys = self.all_keys(fake)[:4]
            fake.refuse(keys[0], "no")
            changes = [self.change(key, Decimal(40) + number) for number, key in enumerate(keys)]
            for outcome in self.write(session, changes):
                wanted = outcome.change.values[self.writes]
                assert outcome.written == (self.held(fake, outcome.change.key) == wanted), outcome

    @item("partial_batch")
    def test_a_record_that_is_not_there_is_no_success(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            if session.session.connector.capabilities.create:
                pytest.skip("it makes what is not there")
            keys = self.all_keys(fake)
            outcomes = self.write(
                session, [self.change("SUITE-nowhere", Decimal(1)), self.change(keys[1], Decimal(2))]
            )
            assert outcomes[0].status in ("skipped", "failed", "dead_lettered"), outcomes[0]
            assert outcomes[1].status == "updated"

    @item("timeout")
    def test_a_lost_answer_is_never_told_wrongly_and_never_applied_twice(self, mode: ModeName) -> None:
        for position in range(self._requests_of_a_write(mode)):
            with self.seeded() as fake, self.open(fake, mode) as session:
                key = self.all_keys(fake)[1]
                fake.fault("lost", skip=position)
                (outcome,) = self.write(session, [self.change(key, Decimal(41))])
                applied = len(fake.effects)
                assert applied <= 1, f"applied {applied} times (the answer to request {position} was lost)"
                self._honest(fake, outcome.status, key, Decimal(41), position)
                if applied:
                    assert outcome.status in ("updated", "unknown"), f"applied, and told as {outcome.status}"

    @item("timeout")
    def test_a_lost_request_is_never_told_as_done(self, mode: ModeName) -> None:
        for position in range(self._requests_of_a_write(mode)):
            with self.seeded() as fake, self.open(fake, mode) as session:
                key = self.all_keys(fake)[1]
                fake.fault("never_sent", skip=position)
                (outcome,) = self.write(session, [self.change(key, Decimal(42))])
                assert len(fake.effects) <= 1
                self._honest(fake, outcome.status, key, Decimal(42), position)

    @item("timeout")
    def test_one_lost_answer_spoils_no_other_batch(self, mode: ModeName) -> None:
        with self.seeded() as fake:
            connector = self.connector(fake)
            changes = [self.change(key, Decimal(43)) for key in self.all_keys(fake)]
            with self.open(fake, mode) as session:
                fake.fault("lost", skip=self._requests_of_a_write(mode) - 1)
                outcomes = self.write(session, changes)
            assert connector.batch_limit() >= 1
            for outcome in outcomes:
                self._honest(fake, outcome.status, outcome.change.key, Decimal(43), -1)
            assert len(fake.effects) <= len(changes)

    @item("unchanged")
    def test_what_it_holds_already_is_not_written(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            keys = self.all_keys(fake)[:3]
            by_key = session.session.connector.capabilities.by_key
            changes: list[Change] = []
            for number, key in enumerate(keys):
                held = self.held(fake, key)
                value = Decimal(44) if number == 1 else held
                changes.append(self.change(key, value, expected=None if by_key else {self.writes: held}))
            with fake.watching() as entries:
                outcomes = self.write(session, changes)
            assert [outcome.status for outcome in outcomes] == ["unchanged", "updated", "unchanged"]
            assert effects(entries) == [(keys[1], self.writes)]

    @item("unchanged")
    def test_the_same_change_a_second_time_does_nothing(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            if not session.session.connector.capabilities.by_key:
                pytest.skip("without reading by key only an expectation tells")
            change = self.change(self.all_keys(fake)[1], Decimal("45.50"))
            assert self.write(session, [change])[0].status == "updated"
            with fake.watching() as entries:
                assert self.write(session, [change])[0].status == "unchanged"
            assert effects(entries) == []

    @item("unchanged")
    def test_somebody_elses_edit_is_not_overwritten(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            able = session.session.connector.capabilities
            if not able.by_key and self.writes not in able.compare_and_swap:
                pytest.skip("it can neither compare nor read by key")
            key = self.all_keys(fake)[1]
            held = self.held(fake, key)
            fake.edit(key, {self.writes: Decimal(46)})
            with fake.watching() as entries:
                (outcome,) = self.write(
                    session, [self.change(key, Decimal(47), expected={self.writes: held})]
                )
            assert outcome.status == "conflicted", outcome
            assert effects(entries) == []

    @item("unchanged")
    def test_a_write_arrives_exactly(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            for key, value in zip(self.all_keys(fake), ("0.10", "19.99", "1234567.89"), strict=False):
                (outcome,) = self.write(session, [self.change(key, Decimal(value))])
                assert outcome.status == "updated", outcome
                assert self.held(fake, key) == Decimal(value)

    def _honest(self, fake: StandIn, status: str, key: str, wanted: Decimal, position: int) -> None:
        there = self.held(fake, key) == wanted
        where = f"(request {position})"
        if status in ("updated", "created", "unchanged"):
            assert there, f"told as {status}, and it is not there {where}"
        elif status != "unknown":
            assert not there, f"told as {status}, and it is there {where}"

    def _requests_of_a_write(self, mode: ModeName) -> int:
        """How many requests one write takes in a new session, login included."""
        with self.seeded() as fake, self.open(fake, mode) as session:
            key = self.all_keys(fake)[1]
            assert self.write(session, [self.change(key, Decimal(39))])[0].status == "updated"
            assert self.held(fake, key) == 39
            return len(fake.journal)


__all__ = ["Writing"]
