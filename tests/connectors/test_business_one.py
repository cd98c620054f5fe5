"""SAP Business One: the acceptance suite, and what is special there."""

from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

import bulkeditor as be
from bulkeditor.connectors import BusinessOne, Change, PurchaseLine, PurchaseOrder, from_config
from bulkeditor.testing import ConnectorSuite, InstantClock
from bulkeditor.testing.vendors.sap_b1 import BusinessOne as Server


def connector(fake: Server, **changes):
    return BusinessOne(
        base_url=fake.base_url, company=fake.company, username=fake.user, password=fake.password, **changes
    )


class TestAcceptance(ConnectorSuite):
    absent = {"filters_by_cursor": "its filter knows days, and no time of day"}
    config = {"integration": "sap-business-one", "sync_fields": ["sku", "price"], "sync_frequency": "daily"}

    @classmethod
    def stand_in(cls, clock):
        return Server(clock=clock)

    def connector(self, fake):
        return connector(fake)


@pytest.fixture
def clock():
    return InstantClock()


@pytest.fixture
def fake(clock):
    with Server(clock=clock) as server:
        server.seed(
            {"sku": f"A{number}", "price": Decimal(10) + number, "cost": 4, "inventory_quantity": 20}
            for number in range(4)
        )
        yield server


@pytest.fixture
def session(fake, clock):
    with connector(fake).open(clock=clock) as opened:
        yield opened


def only(session, key, **wish):
    (record,) = session.read(keys=[key], **wish)
    return record


def test_a_configuration_without_credentials_loads_and_open_names_them(monkeypatch):
    for name in ("COMPANY", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"SAP_BUSINESS_ONE_{name}", raising=False)
    erp = from_config({"integration": "sap-business-one", "endpoint": "https://b1.example.com:50000"})
    with pytest.raises(be.ConfigurationError, match=r"company .*username .*password"):
        erp.open()


def test_the_time_of_a_change_is_day_and_time_in_the_servers_zone(fake, clock):
    moment = clock.now() - timedelta(days=3)
    fake.edit("A1", {}, changed_at=moment)
    with connector(fake).open(clock=clock) as session:
        assert only(session, "A1")["updated_at"] == moment.replace(microsecond=0)
    zone = ZoneInfo("Asia/Tokyo")
    with connector(fake, zone=zone).open(clock=clock) as session:
        assert only(session, "A1")["updated_at"] == moment.replace(microsecond=0, tzinfo=zone)


def test_what_changed_earlier_on_the_same_day_is_left_out_here(fake, session, clock):
    noon = clock.now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
    for hours, key in enumerate(["A0", "A1", "A2", "A3"]):
        fake.edit(key, {}, changed_at=noon + timedelta(hours=hours))
    found = [record.key for record in session.read(since=noon + timedelta(hours=2))]
    assert found == ["A2", "A3"]
    assert session.ledger.filtered == 2


def test_pages_are_as_large_as_is_asked_for(fake, session):
    fake.seed({"sku": f"B{number:02}", "price": 1} for number in range(30))
    pages = list(session.pages(page_size=10))
    assert [len(page.records) for page in pages] == [10, 10, 10, 4]
    assert all(
        "odata.maxpagesize=10" in entry.headers["prefer"] for entry in fake.journal if entry.method == "GET"
    )


def test_one_price_list_is_read_and_written_and_the_others_follow_as_they_do(fake, session):
    (outcome,) = session.write([Change(key="A1", values={"price": "12.50"})])
    assert outcome.status == "updated"
    assert fake.prices("A1") == {1: Decimal("12.50"), 2: Decimal("10.000")}
    with connector(fake, price_list=2).open(clock=fake.clock) as wholesale:
        assert only(wholesale, "A1")["price"] == Decimal(10)


def test_stock_is_counted_or_moved_at_a_warehouse(fake, session):
    changes = [
        Change(key="A0", values={"inventory_quantity": 7}, location="02", reason="counted"),
        Change(key="A1", delta={"inventory_quantity": -3}, location="01", reason="broken"),
        Change(key="A2", delta={"inventory_quantity": 4}, location="01"),
        Change(key="A3", values={"inventory_quantity": 1}),
    ]
    outcomes = session.write(changes)
    assert [(outcome.status, outcome.code) for outcome in outcomes] == [
        ("updated", None),
        ("updated", None),
        ("updated", None),
        ("dead_lettered", "no_location"),
    ]
    assert fake.stock("A0") == {"01": 20, "02": 7}
    assert [fake.stock(f"A{number}")["01"] for number in (1, 2, 3)] == [17, 24, 20]
    levels = {level.location: level.on_hand for level in only(session, "A0")["inventory_levels"]}
    assert levels == {"01": 20, "02": 7}


def test_a_change_that_is_half_done_is_told_as_neither_done_nor_failed(fake, session):
    change = Change(key="A1", values={"price": 9}, delta={"inventory_quantity": -500}, location="01")
    (outcome,) = session.write([change])
    assert outcome.status == "unknown"
    assert outcome.message.startswith("written in part, then: ")
    assert (fake.prices("A1")[1], fake.stock("A1")["01"]) == (9, 20)


def test_stock_that_is_null_is_a_dead_letter(fake, session):
    (outcome,) = session.write([Change(key="A1", values={"inventory_quantity": None}, location="01")])
    assert (outcome.status, outcome.code) == ("dead_lettered", "unsupported")
    assert session.written.balanced


def test_a_warehouse_of_its_own(fake, clock):
    with connector(fake, warehouse="02").open(clock=clock) as session:
        assert only(session, "A0")["inventory_quantity"] == 0
        (outcome,) = session.write([Change(key="A0", values={"inventory_quantity": 5})])
        assert outcome.status == "updated"
        assert only(session, "A0")["inventory_quantity"] == 5
        assert session.write([Change(key="A0", values={"inventory_quantity": 5})])[0].status == "unchanged"
    assert fake.stock("A0") == {"01": 20, "02": 5}


def test_a_movement_whose_answer_was_lost_is_unknown_and_not_sent_again(fake, session):
    list(session.read())
    fake.fault("lost", method="POST")
    change = Change(key="A1", delta={"inventory_quantity": -2}, location="01")
    assert session.write([change])[0].status == "unknown"
    assert fake.stock("A1")["01"] == 18


def test_user_fields_are_read_and_written(fake, clock):
    fake.declare("U_Season")
    with connector(fake, custom_fields=["U_Season"]).open(clock=clock) as session:
        values = {"U_Season": "SS26", "price": 9, "title": "Shirt"}
        assert session.write([Change(key="A1", values=values)])[0].status == "updated"
        record = only(session, "A1")
        assert {name: record[name] for name in values} == values


# Purchase orders


def order(**changes):
    lines = (PurchaseLine(key="A1", quantity=12, price=Decimal("4.25")), PurchaseLine(key="A2", quantity=3))
    given = {"supplier": "V10000", "lines": lines, "reference": "PO-77", "due": date(2026, 12, 24)}
    return PurchaseOrder(**{**given, **changes})


def test_a_purchase_order_is_placed_once_for_its_reference(fake, session):
    placed = session.create_purchase_order(order(location="02"))
    assert session.create_purchase_order(order(location="02")) == placed
    (document,) = fake.orders
    assert document["NumAtCard"] == "PO-77"
    assert placed.number == str(document["DocNum"])


def test_a_purchase_order_whose_answer_was_lost_is_found_by_its_reference(fake, session):
    list(session.read())
    fake.fault("lost", method="POST")
    placed = session.create_purchase_order(order())
    assert [str(document["DocEntry"]) for document in fake.orders] == [placed.id]


def test_a_purchase_order_without_a_reference_stays_unknown(fake, session):
    list(session.read())
    fake.fault("lost", method="POST")
    with pytest.raises(be.OutcomeUnknownError):
        session.create_purchase_order(order(reference=None))


def test_a_purchase_order_that_is_refused_says_why(fake, session):
    with pytest.raises(be.APIError, match="V99"):
        session.create_purchase_order(order(supplier="V99"))
    assert not fake.orders


# Sessions


def test_both_cookies_go_back_and_the_licence_is_given_back(fake, clock):
    with connector(fake).open(clock=clock) as session:
        list(session.read())
        assert fake.logged_in == 1
    assert fake.logged_in == 0
    assert all("ROUTEID" in entry.headers["cookie"] for entry in fake.journal if entry.method == "GET")


def test_wrong_credentials_are_an_error_that_says_so(fake, clock):
    with connector(fake).open(clock=clock) as session:
        fake.fault("refuse_login", times=None)
        with pytest.raises(be.AuthenticationError, match="login was refused"):
            list(session.read())
