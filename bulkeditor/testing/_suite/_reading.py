"""Items on reading: incremental, ties, pages, resuming, deletions, exact values."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bulkeditor.connectors import Bookmark
from bulkeditor.errors import BulkEditorError, ConfigurationError, PaginationError
from bulkeditor.testing._modes import ModeName
from bulkeditor.testing._suite._bench import Bench, plain
from bulkeditor.testing._suite._items import item


class Reading(Bench):
    """Items on reading."""

    @item("incremental")
    def test_a_second_read_brings_what_changed_and_nothing_else(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            keys = self.keys(self.read(session, fake))
            assert sorted(keys) == sorted(self.all_keys(fake)), "the first read brings every record once"
            bookmark = self._bookmark(session)
            assert self.read(session, fake, since=bookmark) == [], "nothing changed, and rows came"
            fake.edit(keys[1], {self.writes: Decimal(77)})
            fake.edit(keys[6], {self.writes: Decimal(78)})
            with fake.watching() as entries:
                second = self.read(session, fake, since=self._bookmark(session))
            assert {record.key: record.get(self.writes) for record in second} == {keys[1]: 77, keys[6]: 78}
            if "filters_by_cursor" not in self.absent:
                served = sum(entry.rows for entry in entries)
                assert served < self.count, "an incremental read asked the system for everything"
            assert self.read(session, fake, since=self._bookmark(session)) == []

    @item("incremental")
    def test_what_changes_while_it_is_read_is_not_lost(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            last: dict[str, Any] = {}
            clock: Any = fake.clock
            original, moved = fake.handle, False

            def handle(entry: Any) -> Any:
                nonlocal moved
                answer = original(entry)
                if entry.rows and not moved:
                    # After the first page was put together: one record of it changes, and one that is still
                    # to come.
                    moved = True
                    clock.advance(1)
                    keys = self.all_keys(fake)
                    fake.edit(keys[0], {self.writes: Decimal(501)})
                    fake.edit(keys[-1], {self.writes: Decimal(502)})
                return answer

            fake.handle = handle  # type: ignore[method-assign]  # a stand-in of this test alone
            for record in self.read(session, fake):
                last[record.key] = record.get(self.writes)
            clock.advance(1)
            for record in self.read(session, fake, since=self._bookmark(session)):
                last[record.key] = record.get(self.writes)
            assert last == {key: self.held(fake, key) for key in self.all_keys(fake)}

    @item("incremental")
    def test_a_row_that_was_committed_late_is_found(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            keys = self.keys(self.read(session, fake))
            bookmark = self._bookmark(session)
            look_back = session.session.connector.look_back
            if not look_back:
                pytest.skip("it declares no look_back")
            assert not isinstance(bookmark.cursor, str | int | Decimal), "a look_back needs a cursor of times"
            fake.edit(keys[0], {self.writes: Decimal(9)}, changed_at=bookmark.cursor - look_back / 2)
            assert self.keys(self.read(session, fake, since=bookmark)) == [keys[0]]

    @item("ties")
    def test_rows_with_one_and_the_same_cursor_all_come_once(self, mode: ModeName) -> None:
        with self.seeded() as fake:
            moment = fake.clock.now() - timedelta(hours=1)
            for key in self.all_keys(fake):
                fake.edit(key, {}, changed_at=moment)
            with self.open(fake, mode) as session:
                assert sorted(self.keys(self.read(session, fake))) == sorted(self.all_keys(fake))

    @item("ties")
    def test_a_change_with_the_cursor_of_the_last_read_is_found(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            keys = self.keys(self.read(session, fake))
            bookmark = self._bookmark(session)
            assert not isinstance(bookmark.cursor, str | int | Decimal), "the samples' cursor is a time"
            fake.edit(keys[0], {self.writes: Decimal(55)}, changed_at=bookmark.cursor)
            second = self.read(session, fake, since=bookmark)
            assert [(record.key, record.get(self.writes)) for record in second] == [(keys[0], 55)]

    @item("repeated_page")
    def test_a_page_that_repeats_stops_the_read(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            fake.fault("repeat_page", times=None)
            with pytest.raises(PaginationError):
                session.read(page_size=self.page_size)
            assert len(fake.journal) < 5 * self.count, "it took very long to notice"

    @item("empty_page")
    @pytest.mark.parametrize("skip", [0, 1])
    def test_an_empty_page_ends_nothing(self, mode: ModeName, skip: int) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            fake.fault("empty_page", skip=skip)
            assert sorted(self.keys(self.read(session, fake))) == sorted(self.all_keys(fake))

    @item("resume")
    def test_a_read_goes_on_after_every_page_in_another_session(self, mode: ModeName) -> None:
        with self.seeded() as fake:
            with self.open(fake, mode) as session:
                whole = self.pages(session, fake)
            assert len(whole) >= 3, "the stand-in must give at least three pages"
            for count in range(1, len(whole)):
                with self.open(fake, mode) as session:
                    before = self.pages(session, fake, most=count)
                place = before[-1].resume
                assert place is not None, f"page {count} does not say where the read goes on"
                with self.open(fake, mode) as session:
                    after = self.pages(session, fake, resume=plain(place))
                keys = [record.key for page in (*before, *after) for record in page.records]
                assert keys == [record.key for page in whole for record in page.records], (
                    f"after page {count}"
                )

    @item("resume")
    def test_a_read_goes_on_where_it_broke_off(self, mode: ModeName) -> None:
        self.need("server_error")
        with self.seeded() as fake:
            got: list[str] = []
            place = None
            for attempt in range(3):
                with self.open(fake, mode, retry=self.once) as session:
                    if not attempt:
                        place = plain(self._take(session, got, None, 1))
                        fake.fault("server_error", times=None)
                        with pytest.raises(BulkEditorError):
                            session.read(resume=place, page_size=self.page_size)
                        fake.calm()
                    else:
                        place = self._take(session, got, place, 1 if attempt == 1 else None)
            assert sorted(got) == sorted(self.all_keys(fake))

    def _take(self, session: Any, got: list[str], place: Any, most: int | None) -> Any:
        pages = session.pages(resume=place, most=most, page_size=self.page_size)
        got.extend(record.key for page in pages for record in page.records)
        return pages[-1].resume

    @item("tombstones")
    def test_deletions_become_known_as_declared(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            keys = self.keys(self.read(session, fake))
            bookmark = session.bookmark
            fake.remove(keys[2])
            way = session.session.connector.capabilities.deletions
            if way == "full_scan":
                gone = [record for record in self.read(session, fake, known=keys) if record.deleted]
                assert [(record.key, record.inferred) for record in gone] == [(keys[2], True)]
            elif way == "tombstones":
                gone = [record for record in self.read(session, fake, since=bookmark) if record.deleted]
                assert [(record.key, record.inferred) for record in gone] == [(keys[2], False)]
            else:
                assert not [record for record in self.read(session, fake) if record.deleted]
                with pytest.raises(ConfigurationError):
                    session.read(known=keys)

    @item("tombstones")
    def test_nothing_is_deleted_that_is_there(self, mode: ModeName) -> None:
        with self.seeded() as fake:
            for field in (self.writes, "inventory_quantity"):
                fake.edit(self.all_keys(fake)[3], {field: None} if "null" not in self.absent else {})
            with self.open(fake, mode) as session:
                way = session.session.connector.capabilities.deletions
                wish: dict[str, Any] = {"known": self.all_keys(fake)} if way == "full_scan" else {}
                assert not [record.key for record in self.read(session, fake, **wish) if record.deleted]

    @item("tombstones")
    def test_an_incomplete_scan_infers_nothing(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            if session.session.connector.capabilities.deletions != "full_scan":
                pytest.skip("it infers nothing")
            self.need("server_error")
            if "bad_row" not in self.absent:
                fake.fault("bad_row")
                records = self.read(session, fake, known=self.all_keys(fake))
                assert not [record.key for record in records if record.deleted]
            fake.calm()
            fake.fault("server_error", skip=2, times=None)
            found: list[Any] = []
            with self.open(fake, mode, retry=self.once) as broken, pytest.raises(BulkEditorError):
                found += broken.read(known=self.all_keys(fake), page_size=self.page_size)
            assert not [record for record in found if record.deleted]

    @item("exact_values")
    def test_values_and_keys_are_exact(self, mode: ModeName) -> None:
        with self.seeded([]) as fake:
            start = fake.clock.now() - timedelta(hours=1)
            prices = ["0", "12.00", "1234567.89", "0.1", "19.99"]
            odd = ["00042", "abc", "ABC", "9007199254740993", "Ä ö/ü'?&=#%"]
            if "odd_keys" in self.absent:
                odd = [f"ODD-{number}" for number in range(5)]
            expected = dict(zip(odd, map(Decimal, prices), strict=True))
            fake.seed({"sku": key, "price": price, "changed_at": start} for key, price in expected.items())
            with self.open(fake, mode) as session:
                records = self.read(session, fake)
            if "price" in session.session.connector.read_fields():
                assert {record.key: record["price"] for record in records} == expected
                assert all(type(record["price"]) is Decimal for record in records)
            assert sorted(self.keys(records)) == sorted(odd)

    @item("exact_values")
    def test_null_stays_null(self, mode: ModeName) -> None:
        self.need("null")
        with self.seeded() as fake:
            key = self.all_keys(fake)[0]
            fake.edit(key, {"price": None})
            with self.open(fake, mode) as session:
                records = {record.key: record for record in self.read(session, fake)}
            assert records[key].get("price", "absent") is None, "a null price became something else"

    @item("by_key")
    def test_a_read_by_keys_brings_these(self, mode: ModeName) -> None:
        with self.seeded() as fake, self.open(fake, mode) as session:
            keys = self.all_keys(fake)
            if not session.session.connector.capabilities.by_key:
                pytest.skip("it cannot read by key")
            for wanted in ([keys[4]], [keys[6], keys[1]]):
                found = self.keys(self.read(session, fake, keys=wanted))
                assert sorted(found) == sorted(wanted)
                assert session.ledger.read < len(keys), "everything was read to find a few keys"
            assert self.read(session, fake, keys=["SUITE-nowhere"]) == []

    def _bookmark(self, session: Any) -> Bookmark:
        bookmark = session.bookmark
        assert bookmark is not None, (
            "a read that came to its end gives no bookmark: does it declare a cursor?"
        )
        return Bookmark.from_json(plain(bookmark.to_json()))


__all__ = ["Reading"]
