"""NetSuite: the acceptance suite against its stand-in, and what is special about it."""

from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import httpx
import pytest

import bulkeditor as be
from bulkeditor.connectors import (
    Change,
    MissingSettingsError,
    PurchaseLine,
    PurchaseOrder,
    StockLevel,
    from_config,
)
from bulkeditor.connectors._netsuite.records import followed
from bulkeditor.connectors._netsuite.rows import completed, first_prices
from bulkeditor.connectors.netsuite import NetSuite
from bulkeditor.http import RetryPolicy
from bulkeditor.testing import ConnectorSuite, InstantClock
from bulkeditor.testing.vendors.netsuite import NetSuite as StandIn

DOCUMENTED = {
    "integration": "netsuite",
    "account_id": "your_account_id",
    "consumer_key": "your_consumer_key",
    "sync_fields": ["item_id", "cost", "list_price", "inventory_available", "location"],
    "batch_size": 100,
}
BOOKING = {"adjustment_account": "54", "subsidiary": "1"}


def at(fake, **more):
    return NetSuite(
        base_url=fake.base_url,
        account_id=fake.account,
        **{
            "consumer_key": fake.client_id,
            "certificate_id": fake.certificate_id,
            "private_key": fake.private_key,
            **BOOKING,
            **more,
        },
    )


def signing(fake):
    return NetSuite(
        base_url=fake.base_url,
        account_id=fake.account,
        consumer_key=fake.consumer_key,
        consumer_secret=fake.consumer_secret,
        token_id=fake.token_id,
        token_secret=fake.token_secret,
    )


class TestNetSuite(ConnectorSuite):
    config = DOCUMENTED
    absent = {"retry_after": "its 429 names no time: the pauses grow, with jitter"}

    @classmethod
    def stand_in(cls, clock):
        return StandIn(clock=clock)

    def connector(self, fake):
        return at(fake)


class TestTokenBased(ConnectorSuite):
    config = DOCUMENTED
    absent = {
        "expiry": "there is nothing to renew: each request is signed, and tokens do not end",
        "retry_after": "its 429 names no time: the pauses grow, with jitter",
    }

    @classmethod
    def stand_in(cls, clock):
        return StandIn(clock=clock)

    def connector(self, fake):
        return signing(fake)


@pytest.fixture
def fake():
    with StandIn(clock=InstantClock()) as server:
        server.seed(
            {"sku": f"SKU-{number}", "price": 10 + number, "cost": 5, "inventory_quantity": 20}
            for number in range(6)
        )
        yield server


def opened(fake, **more):
    return at(fake, **more).open(clock=fake.clock)


def questions(entries):
    return [entry.json()["q"] for entry in entries if entry.path.endswith("suiteql")]


# Settings


def test_the_address_is_made_of_the_account():
    sandbox = NetSuite(account_id="1234567_SB1")
    assert sandbox.address() == "https://1234567-sb1.suitetalk.api.netsuite.com"
    assert (
        NetSuite(account_id="1234567", base_url="https://proxy.example").address() == "https://proxy.example"
    )
    with pytest.raises(be.ConfigurationError, match="account_id"):
        NetSuite(account_id="evil.example/").address()


def test_the_documented_configuration_names_what_it_lacks():
    with pytest.raises(MissingSettingsError) as caught:
        from_config(DOCUMENTED).open()
    assert caught.value.missing == (
        "certificate_id (NETSUITE_CERTIFICATE_ID)",
        "private_key (NETSUITE_PRIVATE_KEY)",
    )
    with pytest.raises(MissingSettingsError) as caught:
        from_config({**DOCUMENTED, "token_id": "t"}).open()
    assert caught.value.missing == (
        "consumer_secret (NETSUITE_CONSUMER_SECRET)",
        "token_secret (NETSUITE_TOKEN_SECRET)",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_level": "1 OR 1 = 1"},
        {"location": "1)"},
        {"custom_fields": ["custitem_a, password"]},
        {"custom_fields": ["password"]},
        {"algorithm": "RS256"},
        {"time_zone": "Nowhere/Atall"},
    ],
    ids=str,
)
def test_what_becomes_part_of_a_question_is_checked(wrong):
    with pytest.raises(be.InvalidInputError, match="netsuite"):
        from_config({**DOCUMENTED, **wrong})


def test_only_what_is_selected_is_asked_for(fake):
    for chosen, tables in ((["item_id", "cost"], {"item i"}), (["list_price"], {"item i", "pricing"})):
        with opened(fake, sync_fields=chosen) as session, fake.watching() as entries:
            list(session.read())
        asked = {question.partition(" FROM ")[2].partition(" WHERE ")[0] for question in questions(entries)}
        assert asked == tables


def test_the_documented_configuration_is_obeyed(fake):
    told = {
        "certificate_id": fake.certificate_id,
        "private_key": fake.private_key,
        "sync_frequency": "hourly",
    }
    config = {**DOCUMENTED, "account_id": fake.account, "consumer_key": fake.client_id, **told}
    netsuite = from_config({**config, "batch_size": 2}).at(fake.base_url)
    with netsuite.open(clock=fake.clock) as session, fake.watching() as entries:
        with closing(session.follow()) as pages:
            times = []
            for page in pages:
                assert {name for record in page.records for name in record.values} <= {
                    *("sku", "cost", "price", "inventory_quantity", "inventory_levels")
                }
                times.append(fake.clock.now())
                if len(times) == 3:
                    break
                fake.edit("SKU-1", {"price": 100 + len(times)})
        session.write([Change(key=f"SKU-{number}", values={"price": 50}) for number in range(6)])
        (outcome,) = session.write([Change(key="SKU-1", values={"title": "Shirt"})])
    between = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert between == pytest.approx([3600, 3600], abs=60), "what a read takes is real time"
    batches = [len(entry.json()["items"]) for entry in entries if entry.method == "PATCH"]
    assert batches == [2, 2, 2]
    assert (outcome.status, outcome.code) == ("skipped", "not_selected")


# Reading


def test_a_price_per_quantity_is_that_of_the_smallest():
    lines = [
        {"item": "1", "quantity": "10", "unitprice": "8.5"},
        {"item": "1", "quantity": "0", "unitprice": "9.5"},
        {"item": "1", "quantity": "many", "unitprice": "7.5"},
        {"item": "2", "unitprice": "4"},
        {"item": "3", "quantity": "0", "unitprice": "4"},
        {"item": "3", "quantity": "0", "unitprice": "5"},
    ]
    rows = completed(
        [{"id": str(number), "itemid": f"N-{number}"} for number in (1, 2, 3, 4)],
        [],
        first_prices(lines),
        None,
    )
    records = [NetSuite(account_id="1").layout().record(row) for row in rows]
    assert [record.get("price", "absent") for record in records] == [Decimal("9.5"), 4, "absent", None]
    assert [problem.field for problem in records[2].problems] == ["price"]


def test_pages_go_on_from_the_last_id(fake):
    with opened(fake) as session, fake.watching() as entries:
        assert len(list(session.read(fields=["sku"], page_size=2))) == 6
    asked = questions(entries)
    assert len(asked) == 3
    assert len(set(asked)) == 3, "a window of its own for each page, so that no question is for 100 000 rows"
    assert {entry.params.get("offset") for entry in entries if entry.path.endswith("suiteql")} == {"0"}


def test_what_is_hidden_from_the_role_is_not_taken_for_null(fake):
    fake.edit("SKU-1", {"cost": None})
    with opened(fake) as session:
        costs = {record.key: record.get("cost", "absent") for record in session.read()}
        assert (costs["SKU-0"], costs["SKU-1"]) == (Decimal(5), None)
        fake.hidden.add(("item", "cost"))
        fake.edit("SKU-0", {"title": "anything"})
        assert {record.get("cost", "absent") for record in session.read()} == {"absent"}


def test_prices_of_which_none_can_be_seen_are_not_taken_for_null(fake):
    with opened(fake, price_level="5") as session:
        assert {record.get("price", "absent") for record in session.read()} == {"absent"}


def test_stock_that_takes_several_pages_is_read_whole(fake):
    fake.seed({"sku": f"MANY-{number:03}", "inventory_levels": {"1": 1, "2": 2}} for number in range(600))
    with opened(fake) as session, fake.watching() as entries:
        stock = {record.key: record["inventory_quantity"] for record in session.read()}
    assert [stock[f"MANY-{number:03}"] for number in range(600)] == [3] * 600
    assert [entry.params["offset"] for entry in entries if "location" in str(entry.body)] == ["0", "1000"]


def test_names_within_a_hierarchy_are_their_last_part(fake):
    fake.edit("SKU-2", {"parent": "SKU-1"})
    with opened(fake) as session:
        assert sorted(record.key for record in session.read()) == [f"SKU-{number}" for number in range(6)]
        (child,) = session.read(keys=["SKU-2"])
        assert child.raw["itemid"] == "SKU-1 : SKU-2"
        (outcome,) = session.write([Change(key="SKU-2", values={"price": 99})])
    assert (outcome.status, fake.holds("SKU-2")["price"]) == ("updated", 99)


@pytest.mark.parametrize(("key", "other"), [("A_C", "ABC"), ("A%", "AB"), ("O'Neill", "ONeill")])
def test_a_name_means_itself(fake, key, other):
    fake.seed({"sku": sku, "price": 1} for sku in (key, other))
    fake.edit(other, {"parent": "SKU-1"})
    with opened(fake) as session:
        assert [record.key for record in session.read(keys=[key])] == [key]
        (outcome,) = session.write([Change(key=key, values={"price": 7})])
    assert outcome.status == "updated"
    assert (fake.holds(key)["price"], fake.holds(other)["price"]) == (7, 1)
    fake.edit(key, {"parent": "SKU-1"})
    with opened(fake) as session:
        assert [record.key for record in session.read(keys=[key])] == [key]


def test_a_name_that_two_have_is_not_written(fake):
    with StandIn(clock=fake.clock) as twin, at(twin).open(clock=fake.clock) as session:
        twin.seed([{"sku": "P", "price": 1}, {"sku": "X", "price": 1}, {"sku": "Y", "price": 1}])
        twin.edit("Y", {"parent": "P"})
        item = next(item for item in twin.books.items.values() if item.itemid == "Y")
        item.itemid = "X"
        (outcome,) = session.write([Change(key="X", values={"price": 2})])
    assert (outcome.status, outcome.code) == ("dead_lettered", "ambiguous_key")
    assert not twin.effects


def test_stock_of_one_location_or_of_all(fake):
    fake.edit("SKU-1", {"inventory_levels": {"1": 7, "2": 5}})
    for location, total, places in ((None, 12, ["1", "2"]), ("2", 5, ["2"])):
        with opened(fake, location=location) as session:
            (record,) = session.read(keys=["SKU-1"])
        assert record["inventory_quantity"] == total
        levels = record["inventory_levels"]
        assert [level.location for level in levels] == places
        assert all(isinstance(level, StockLevel) for level in levels)


def test_times_are_those_of_the_account(fake):
    """What SuiteQL shows has no zone; the setting says which one it is."""
    moment = fake.clock.now().replace(microsecond=0) - timedelta(hours=30)
    fake.edit("SKU-1", {}, changed_at=moment)
    connector = from_config(
        {"integration": "netsuite", "account_id": fake.account, "time_zone": "America/Los_Angeles"}
    )
    shown = connector.layout().record({"id": "1", "itemid": "X", "updated_at": "2026-01-15 08:30:07"})
    assert shown.cursor.isoformat() == "2026-01-15T16:30:07+00:00"
    with opened(fake) as session:
        (record,) = session.read(keys=["SKU-1"])
        assert record.cursor == moment


# Writing


def test_a_batch_whose_answer_is_lost_is_one_job(fake):
    changes = [Change(key=f"SKU-{number}", values={"price": 50}) for number in range(3)]
    fake.fault("lost", method="PATCH")
    with opened(fake) as session, fake.watching() as entries:
        assert [outcome.status for outcome in session.write(changes)] == ["updated"] * 3
    sent = [entry for entry in entries if entry.method == "PATCH"]
    assert [entry.status for entry in sent] == [None, 400], "the key shows that it was sent before"
    assert len({entry.headers["x-netsuite-idempotency-key"] for entry in sent}) == 1
    assert len(fake.effects) == 3


def test_other_changes_under_the_same_key_are_another_job(fake):
    key = "cac827ea-3543-4cda-add2-bae634326c27"
    with opened(fake) as session:
        for price in (50, 60):
            changes = [Change(key=f"SKU-{number}", values={"price": price}) for number in range(3)]
            outcomes = session.write(changes, idempotency_key=key, look=False)
            assert [outcome.status for outcome in outcomes] == ["updated"] * 3
            assert [fake.holds(f"SKU-{number}")["price"] for number in range(3)] == [price] * 3


def test_a_job_that_does_not_end_is_read_back(fake):
    fake.pending_polls = 10_000
    changes = [Change(key=f"SKU-{number}", values={"price": 50}) for number in range(2)]
    with opened(fake) as session:
        outcomes = session.write(changes)
    # The stand-in has booked it; what was read back is told, and nothing is sent again.
    assert [outcome.message for outcome in outcomes] == ["no answer came; read back, it is there"] * 2
    assert 300 < sum(fake.clock.slept) < 1200
    assert len(fake.effects) == 2


TASKS = [
    {"id": "1", "progress": "failed", "links": [{"rel": "related", "href": "/task/1/result"}]},
    {"id": "2", "progress": "succeeded", "links": [{"rel": "related", "href": "/task/2/result"}]},
]


@pytest.mark.parametrize(
    ("located", "tasks", "told"),
    [
        ("/services/rest/record/v1/inventoryItem/12", TASKS, [400, None]),
        (None, TASKS, [400, None]),
        ("/services/rest/record/v1/inventoryItem/11", TASKS, "another order"),
        (None, TASKS[:1], "1 tasks for 2 records"),
    ],
    ids=["as sent", "nothing told", "turned round", "one is missing"],
)
def test_tasks_that_cannot_be_told_apart_say_nothing_about_records(fake, located, tasks, told):
    answers = {
        "/job/7": httpx.Response(200, json={"completed": True, "progress": "failed"}),
        "/job/7/task": httpx.Response(200, json={"items": tasks}),
        "/task/1/result": httpx.Response(400, json={"o:errorDetails": [{"o:errorCode": "USER_ERROR"}]}),
        "/task/2/result": httpx.Response(204, headers={"Location": located} if located else {}),
    }
    token = httpx.Response(200, json={"access_token": "an-access-token", "expires_in": "3600"})
    transport = httpx.MockTransport(lambda request: answers.get(request.url.path, token))
    connector = at(fake)
    with connector.open(transport=transport, clock=fake.clock) as session:
        found = session.run(followed(connector, "/job/7", ["11", "12"]))
    if isinstance(told, str):
        assert told in found
    else:
        assert [error and error.status for error in found] == told


@pytest.mark.parametrize(
    ("change", "settings", "code"),
    [
        (
            Change(key="SKU-1", values={"price": 1}, delta={"inventory_quantity": 1}, location="1"),
            {},
            "mixed",
        ),
        (Change(key="SKU-1", values={"price": None}), {}, "no_price"),
        (Change(key="SKU-1", delta={"inventory_quantity": 1}), {}, "no_location"),
        (
            Change(key="SKU-1", delta={"inventory_quantity": 1}, location="1"),
            {"adjustment_account": None},
            "no_account",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_cannot_be_booked_is_not_sent(fake, change, settings, code):
    with opened(fake, **settings) as session:
        (outcome,) = session.write([change])
    assert (outcome.status, outcome.code) == ("dead_lettered", code)
    assert not fake.effects


def moves(*numbers, by=-2, location="1"):
    return [
        Change(key=f"SKU-{number}", delta={"inventory_quantity": by}, location=location, reason="sold")
        for number in numbers
    ]


def stock(fake):
    return [fake.stock(f"SKU-{number}")["1"] for number in range(6)]


def test_movements_are_one_adjustment(fake):
    today = fake.clock.now().date()
    with opened(fake) as session, fake.watching() as entries:
        outcomes = session.write(moves(*range(6)))
    assert [outcome.status for outcome in outcomes] == ["updated"] * 6
    (sent,) = (entry for entry in entries if entry.path.endswith("inventoryAdjustment"))
    assert len(sent.json()["inventory"]["items"]) == 6
    assert sent.json()["inventory"]["items"][0]["memo"] == "sold"
    assert date.fromisoformat(sent.json()["tranDate"]) in {today, fake.clock.now().date()}
    assert stock(fake) == [18] * 6


def test_a_movement_that_is_refused_spoils_no_other(fake):
    fake.refuse("SKU-4", "it is being counted")
    with opened(fake) as session:
        outcomes = session.write(moves(*range(6)))
    assert [outcome.status for outcome in outcomes] == ["updated"] * 4 + ["dead_lettered", "updated"]
    assert "being counted" in outcomes[4].message
    assert stock(fake) == [18, 18, 18, 18, 20, 18]


@pytest.mark.parametrize("fault", ["lost", "never_sent"])
def test_a_movement_without_an_answer_is_made_once(fake, fault):
    fake.fault(fault, method="POST", path="/services/rest/record")
    with opened(fake) as session:
        outcomes = session.write(moves(1, 2))
    assert [outcome.status for outcome in outcomes] == ["updated"] * 2
    assert stock(fake) == [20, 18, 18, 20, 20, 20]


def test_a_movement_that_nobody_can_tell_about_is_unknown(fake):
    fake.fault("lost", method="POST", path="/services/rest/record")
    fake.fault("server_error", method="GET", path="/services/rest/record", times=None)
    with at(fake).open(clock=fake.clock, retry=RetryPolicy(max_retries=0)) as session:
        (outcome,) = session.write(moves(1))
    assert outcome.status == "unknown"
    assert stock(fake)[1] == 18


def test_the_same_write_under_the_same_key_moves_stock_once(fake):
    key = "cac827ea-3543-4cda-add2-bae634326c27"
    with opened(fake) as session:
        for _ in range(2):
            (outcome,) = session.write(moves(1), idempotency_key=key)
            assert outcome.status == "updated"
    assert stock(fake)[1] == 18


# Purchase orders


def order(**more):
    lines = (
        PurchaseLine(key="SKU-1", quantity=12, price=Decimal("4.25")),
        PurchaseLine(key="SKU-2", quantity=1),
    )
    return PurchaseOrder(supplier="21", lines=lines, location="1", **{"reference": "PO-7", **more})


def test_an_order_is_made_once_for_its_reference(fake):
    fake.fault("lost", method="POST", path="/services/rest/record")
    with opened(fake) as session, fake.watching() as entries:
        first = session.create_purchase_order(order(due=date(2026, 12, 24)))
        second = session.create_purchase_order(order(due=date(2026, 12, 24)))
    assert first.id == second.id
    assert first.number
    assert len(fake.orders) == 1
    sent = next(entry.json() for entry in entries if entry.path.endswith("purchaseOrder"))
    assert (sent["entity"], sent["dueDate"], sent["externalId"]) == ({"id": "21"}, "2026-12-24", "PO-7")
    assert [(line["quantity"], line.get("rate")) for line in sent["item"]["items"]] == [
        (12, Decimal("4.25")),
        (1, None),
    ]


def test_an_order_without_reference_and_answer_is_unknown(fake):
    fake.fault("lost", method="POST", path="/services/rest/record")
    with opened(fake) as session, pytest.raises(be.OutcomeUnknownError):
        session.create_purchase_order(order(reference=None))
    assert len(fake.orders) == 1


def test_an_order_that_cannot_be_made_says_why(fake):
    lines = (PurchaseLine(key="NONE", quantity=1),)
    with opened(fake) as session:
        with pytest.raises(be.InvalidInputError, match="NONE"):
            session.create_purchase_order(PurchaseOrder(supplier="21", lines=lines))
        with pytest.raises(be.APIError, match="entity") as caught:
            session.create_purchase_order(
                PurchaseOrder(supplier="999", lines=order().lines, reference="PO-8")
            )
    assert caught.value.code == "INVALID_KEY_OR_REF"
    assert not fake.orders
