"""A connector's session, through its public face, over real HTTP, in both modes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

import bulkeditor as be
from bulkeditor.connectors import Bookmark, Change, Connector
from bulkeditor.testing.vendors.reference import ReferenceERP

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def seeded(fake: ReferenceERP, count: int = 8) -> list[str]:
    """Items of which every two share a moment."""
    keys = [f"A{number}" for number in range(count)]
    fake.seed(
        {
            "sku": key,
            "price": Decimal("10.10") + number,
            "cost": Decimal(5),
            "inventory_quantity": number,
            "changed_at": T0 + timedelta(minutes=number // 2),
        }
        for number, key in enumerate(keys)
    )
    return keys


def test_records_are_typed_and_the_raw_row_is_kept(mode, fake, erp):
    seeded(fake)
    record = mode(erp).read()[1]
    assert record.key == "A1"
    assert record.values == {
        "sku": "A1",
        "price": Decimal("11.10"),
        "cost": Decimal(5),
        "inventory_quantity": 1,
    }
    assert record.raw["item_no"] == "A1"
    assert record.cursor == T0


def test_fields_are_selected(mode, fake, erp):
    seeded(fake)
    assert mode(erp).read(fields=["price"])[0].values == {"price": Decimal("10.10")}
    with pytest.raises(be.ConfigurationError, match="'colour'; there are sku, price"):
        mode(erp).read(fields=["colour"])


def test_pages_come_one_by_one_and_the_ledger_balances(mode, fake, erp):
    keys = seeded(fake)
    opened = mode(erp)
    first = opened.first_pages(1)
    assert [record.key for record in first[0].records] == keys[:3]
    assert sum(entry.path == "/items" for entry in fake.journal) == 1
    opened.read()
    ledger = opened.session.ledger
    assert (ledger.read, ledger.emitted) == (8, 8)
    assert ledger.balanced


def test_a_read_goes_on_after_any_page_in_another_session(mode, fake, erp):
    keys = seeded(fake)
    for count in (1, 2):
        before = mode(erp).first_pages(count)
        after = mode(erp).pages(resume=before[-1].resume)
        assert [record.key for page in (*before, *after) for record in page.records] == keys


def test_the_last_page_leads_nowhere(mode, fake, erp):
    seeded(fake)
    assert mode(erp).pages()[-1].resume is None


def test_a_second_read_brings_only_what_changed_since(mode, fake, erp):
    seeded(fake)
    opened = mode(erp)
    opened.read()
    bookmark = Bookmark.from_json(opened.session.bookmark.to_json())
    latest = T0 + timedelta(minutes=3)
    fake.edit("A0", {"price": Decimal(1)}, changed_at=latest)  # a tie with the last one
    fake.seed([{"sku": "late", "price": Decimal(2), "changed_at": latest - timedelta(seconds=90)}])
    assert {record.key for record in opened.read(since=bookmark)} == {"A0", "late"}
    assert opened.session.ledger.balanced
    assert opened.read(since=opened.session.bookmark) == []


def test_deletions_are_inferred_after_a_complete_scan_only(mode, fake, erp):
    keys = seeded(fake)
    fake.remove("A3")
    opened = mode(erp)
    gone = [record for record in opened.read(known=keys) if record.deleted]
    assert [(record.key, record.inferred) for record in gone] == [("A3", True)]
    fake.fault("bad_row")
    assert not [record for record in opened.read(known=keys) if record.deleted]


def test_writes_have_one_outcome_each_in_the_order_given(mode, fake, erp):
    seeded(fake)
    fake.refuse("A2")
    opened = mode(erp)
    outcomes = opened.write(
        [
            Change(key="A1", values={"price": Decimal("1.50")}),
            Change(key="A2", values={"price": Decimal("2.50")}),
            Change(key="A3", values={"price": Decimal("13.10")}),
            Change(key="gone", values={"price": Decimal("4.50")}),
            Change(key="A4", values={"colour": "red"}),
            Change(key=" ", values={"price": 1}),
        ]
    )
    assert [outcome.status for outcome in outcomes] == [
        "updated",
        "dead_lettered",
        "unchanged",
        "skipped",
        "dead_lettered",
        "dead_lettered",
    ]
    assert [(effect.key, effect.after) for effect in fake.effects] == [("A1", Decimal("1.50"))]
    assert opened.session.written.balanced


def test_a_lost_answer_is_settled_by_reading_and_not_repeated(mode, fake, erp):
    seeded(fake)
    fake.fault("lost", method="PATCH")
    (outcome,) = mode(erp).write([Change(key="A1", values={"price": Decimal(3)})])
    assert outcome.status == "updated"
    assert len(fake.effects) == 1


def test_a_lost_request_stays_unknown(mode, fake, erp):
    seeded(fake)
    fake.fault("never_sent", method="PATCH")
    (outcome,) = mode(erp).write([Change(key="A1", values={"price": Decimal(3)})])
    assert outcome.status == "unknown"
    assert sum(entry.method == "PATCH" for entry in fake.journal) == 1


def test_somebody_elses_edit_is_not_overwritten(mode, fake, erp):
    seeded(fake)
    (outcome,) = mode(erp).write(
        [Change(key="A1", values={"price": Decimal(3)}, expected={"price": Decimal(1)})]
    )
    assert outcome.status == "conflicted"
    assert not fake.effects


def test_a_dead_token_is_replaced_in_the_middle(mode, fake, erp):
    keys = seeded(fake)
    fake.fault("expire", path="/items", skip=1)
    assert [record.key for record in mode(erp).read()] == keys


def test_a_page_that_repeats_stops_the_read(mode, fake, erp):
    seeded(fake)
    fake.fault("repeat_page", path="/items", skip=1, times=None)
    with pytest.raises(be.PaginationError):
        mode(erp).read()


def test_a_login_page_with_status_200_is_named(mode, fake, erp):
    seeded(fake)
    fake.fault("login_page", path="/items", times=None)
    with pytest.raises(be.AuthenticationError, match="log in"):
        mode(erp).read()


def test_a_check_has_a_row_for_each_capability(mode, fake, erp):
    seeded(fake)
    rows = {row.capability: row for row in mode(erp).check()}
    assert rows["read"].ok is True
    assert rows["write"].ok is None
    fake.fault("refuse_login", path="/token", times=None)
    rows = {row.capability: row for row in mode(erp).check()}
    assert rows["read"].ok is False


def test_opening_names_everything_that_is_missing(mode):
    class Lacking(Connector):
        name = "lacking"
        auth = be.auth.APIKey(env="LACKING_TOKEN")

    with pytest.raises(
        be.ConfigurationError, match=r"endpoint \(LACKING_BASE_URL\), API key \(LACKING_TOKEN\)"
    ):
        Lacking().open()


def test_a_link_to_another_host_is_not_followed(mode, fake, erp):
    class Strange(type(erp)):
        name = "strange"

        def read(self, query):
            yield self.get("https://elsewhere.example/items")

    strange = Strange(base_url=fake.base_url, client_id=fake.client_id, client_secret=fake.client_secret)
    with pytest.raises(be.ConfigurationError, match=r"elsewhere\.example"):
        mode(strange).read()
