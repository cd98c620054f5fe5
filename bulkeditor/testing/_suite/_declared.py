"""Items on what a connector declares: its configuration, its check, and that both modes do the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bulkeditor.connectors import Connector, MissingSettingsError, from_config
from bulkeditor.connectors._checking import declared
from bulkeditor.connectors._settings import env_name, settings_of
from bulkeditor.errors import InvalidInputError
from bulkeditor.testing._modes import MODES, ModeName
from bulkeditor.testing._standin import StandIn
from bulkeditor.testing._suite._bench import Bench, effects, plain
from bulkeditor.testing._suite._items import item


class Declared(Bench):
    """Items on what a connector declares."""

    @item("config")
    def test_the_documented_configuration_loads(self) -> None:
        with self.seeded() as fake:
            wanted: Any = type(self.connector(fake))
        loaded = self._load()
        assert type(loaded) is wanted
        # Loading what it says of itself gives the same again.
        assert from_config(plain(loaded.config()), connectors=[wanted]).config_hash() == loaded.config_hash()

    @item("config")
    def test_unknown_keys_are_named(self) -> None:
        with pytest.raises(InvalidInputError, match="sync_feilds"):
            self._load(sync_feilds=["sku"])

    @item("config")
    def test_opening_without_credentials_names_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bare: Connector = self._load()
        for field in settings_of(type(bare)).values():
            monkeypatch.delenv(env_name(bare.name, field), raising=False)
        with self.seeded() as fake, pytest.raises(MissingSettingsError) as caught:
            bare.at(fake.base_url).open()
        assert caught.value.missing
        assert not fake.journal, "something was sent without credentials"

    @item("config")
    def test_sync_fields_select(self) -> None:
        with self.seeded() as fake:
            full = self.connector(fake)
            chosen = [full.key, self.writes]
            with self._again(fake, sync_fields=chosen) as session:
                records = self.read(session, fake)
            assert {name for record in records for name in record.values} == set(chosen)

    @item("config")
    def test_batch_size_is_obeyed(self) -> None:
        with self.seeded() as fake, self._again(fake, batch_size=2) as session:
            keys = self.all_keys(fake)[:5]
            self.write(session, [self.change(key, Decimal(50)) for key in keys])
            batches = [{key for key, _ in effects([entry])} for entry in fake.journal]
            assert max(map(len, batches)) <= 2, "a request carried more than batch_size allows"
            assert sum(map(len, batches)) == 5

    @item("check")
    def test_a_check_says_how_each_capability_is(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            rows = {row.capability: row for row in session.check()}
            assert not fake.effects, "a check changed something"
            assert fake.journal, "a check asked nothing"
            wrong = [row for row in rows.values() if row.ok is False]
            assert not wrong, wrong
            assert rows["read"].ok is True
            assert (rows["read"].response_time or 0) > 0
            assert not set(declared(session.session.connector)) - rows.keys(), (
                "a capability is not in the check"
            )

    @item("check")
    @pytest.mark.parametrize("kind", ["server_error", "login_page", "never_sent"])
    def test_a_check_of_a_system_in_trouble_says_so(self, mode: ModeName, kind: Any) -> None:
        with self.seeded() as fake, self.open(fake, mode, retry=self.once) as session:
            fake.fault(kind, times=None)
            rows = {row.capability: row for row in session.check()}
            assert rows["read"].ok is False
            assert rows["read"].detail

    @item("both_modes")
    def test_both_modes_do_the_same(self) -> None:
        one, other = (self._script(mode) for mode in MODES)
        for mine, theirs in zip(one, other, strict=True):
            assert mine == theirs

    @item("both_modes")
    def test_sessions_share_nothing(self) -> None:
        """What one session did, another one of the same class does just so."""
        one, other = (self._script("blocking") for _ in range(2))
        assert one == other
        with self.seeded() as fake, self.open(fake, "blocking") as first:
            first.pages(most=1, page_size=self.page_size)
            with self.open(fake, "blocking") as second:
                keys = self.keys(second.read(page_size=self.page_size))
            assert sorted(keys) == sorted(self.all_keys(fake))

    @item("both_modes")
    def test_a_read_is_the_same_each_time(self) -> None:
        with self.seeded() as fake, self.open(fake, "blocking") as session:
            one = self.read(session, fake)
            fake.edit(self.all_keys(fake)[0], {self.writes: Decimal(51)})
            other = {record.key: record.get(self.writes) for record in self.read(session, fake)}
            assert len(one) == len(other)
            assert other[self.all_keys(fake)[0]] == 51, "an old answer was given again"

    def _script(self, mode: ModeName) -> list[Any]:
        """What a little of everything gives, and what it makes the system do."""
        with self.seeded() as fake, self.open(fake, mode) as session:
            keys = self.all_keys(fake)
            fake.refuse(keys[2], "no")
            found: list[Any] = [
                (record.key, record.get(self.writes), sorted(record.values))
                for record in self.read(session, fake)
            ]
            wanted = [self.change(key, Decimal(52)) for key in keys[:4]]
            found.append([(outcome.status, outcome.code) for outcome in self.write(session, wanted)])
            found.append([(row.capability, row.ok) for row in session.check()])
            found.append(
                [(entry.method, entry.path, entry.status, effects([entry])) for entry in fake.journal]
            )
            found.append([len(entry.body) for entry in fake.journal])
            return found

    def _load(self, **more: object) -> Any:
        assert self.config is not None, "config is not given: the JSON of from_config, without credentials"
        with self.seeded() as fake:
            cls: Any = type(self.connector(fake))
        return from_config({**self.config, **more}, connectors=[cls])

    def _again(self, fake: StandIn, **changes: Any) -> Any:
        """A session over the connector with some settings changed."""
        from bulkeditor.connectors._settings import evolved  # noqa: PLC0415 - beside its only use
        from bulkeditor.testing._modes import opened  # noqa: PLC0415 - as above

        return opened("blocking", evolved(self.connector(fake), **changes), clock=fake.clock)


__all__ = ["Declared"]
