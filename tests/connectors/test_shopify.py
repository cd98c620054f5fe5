"""The connector for Shopify against its stand-in: the acceptance suite, and what is special about Shopify."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

import bulkeditor as be
from bulkeditor.connectors import Change, MissingSettingsError, Shopify, StockLevel, from_config
from bulkeditor.http import RetryPolicy
from bulkeditor.testing import Answer, ConnectorSuite, InstantClock
from bulkeditor.testing.vendors._shopify.cost import Bucket
from bulkeditor.testing.vendors.shopify import Shopify as Shop

START = datetime(2026, 1, 1, tzinfo=UTC)


class TestShopify(ConnectorSuite):
    config = {"integration": "shopify", "sync_fields": ["sku", "price"], "sync_frequency": "hourly"}
    absent = {"null": "a variant always has a price"}

    @classmethod
    def stand_in(cls, clock):
        return Shop(clock=clock)

    def connector(self, fake):
        return Shopify(base_url=fake.base_url, client_id=fake.client_id, client_secret=fake.client_secret)

    def samples(self, start):
        """Further apart than the connector looks back."""
        return [
            {
                "sku": f"SUITE-{number:03}",
                "price": Decimal("10.50") + number,
                "inventory_quantity": number,
                "changed_at": start + timedelta(hours=number // 2),
            }
            for number in range(self.count)
        ]


class TestShopifyInBulk(TestShopify):
    """By bulk operations; what they cannot show is declared."""

    absent = {
        **TestShopify.absent,
        "repeated_page": "a bulk operation has one file and no pages",
        "empty_page": "as above",
        "resume": "as above; see test_a_bulk_read_goes_on_where_it_was",
        "bad_row": "no row of a file is spoilt by the stand-in",
    }

    def connector(self, fake):
        return Shopify(
            base_url=fake.base_url, client_id=fake.client_id, client_secret=fake.client_secret, bulk=True
        )

    @pytest.mark.parametrize("mode", ["blocking", "asyncio"])
    def test_a_row_that_is_none_becomes_a_dead_letter(self, mode):
        with self.seeded() as fake, self.open(fake, mode) as session:
            fake.seed([{"sku": None, "title": "Gift wrap"}])
            with_sku = [record.key for record in session.read()]
            assert sorted(with_sku) == sorted(self.all_keys(fake))
            assert [letter.code for letter in session.dead_letters] == ["no_key"]
            assert session.ledger.balanced


@pytest.fixture
def fake():
    with Shop(clock=InstantClock()) as server:
        server.seed(
            {"sku": f"S-{at}", "price": Decimal(10 + at), "inventory_quantity": 5 + at, "changed_at": START}
            for at in range(4)
        )
        yield server


@contextmanager
def opened(fake, *, retry=None, transport=None, **settings):
    options = {"retry": retry} if retry else {}
    if transport is not None:
        options["transport"] = transport
    settings = {"access_token": fake.access_token, "location": fake.shop.locations[0].id, **settings}
    with Shopify(base_url=fake.base_url, **settings).open(clock=fake.clock, **options) as session:
        yield session


@contextmanager
def altered(fake, change):
    """Answers that something is done to on their way."""
    original = fake.handle

    def handle(entry):
        answer = original(entry)
        if "graphql" not in entry.path:
            return answer
        return change(json.loads(entry.body), answer) or answer

    fake.handle = handle
    yield
    fake.handle = original


def queries(fake, word):
    """What was asked with a word in it."""
    bodies = [json.loads(entry.body) for entry in fake.journal if "graphql" in entry.path]
    return [body for body in bodies if word in body["query"]]


# Settings


def test_the_address_is_made_of_the_shop_and_what_is_missing_is_named(monkeypatch):
    for shop in ("my-shop", "my-shop.myshopify.com"):
        assert Shopify(shop=shop).address() == "https://my-shop.myshopify.com"
    assert Shopify(shop="my-shop", base_url="http://127.0.0.1:1").address() == "http://127.0.0.1:1"
    monkeypatch.delenv("SHOPIFY_ACCESS_TOKEN", raising=False)
    with pytest.raises(MissingSettingsError, match="access_token"):
        from_config({"integration": "shopify", "shop": "my-shop"}).open()


def test_metafields_are_named_or_refused():
    assert "season" in Shopify(metafields={"season": "custom.season"}).read_fields()
    with pytest.raises(be.ConfigurationError, match=r"write namespace\.key"):
        Shopify(metafields={"season": "season"}).read_fields()


# Reading


def test_stock_by_location_over_more_pages_than_one(fake):
    """A list inside of a list has pages of its own."""
    fake.edit("S-1", {"inventory_levels": {f"place {at}": at for at in range(30)}})
    with opened(fake) as session:
        levels = {
            record.key: record["inventory_levels"] for record in session.read(fields=["inventory_levels"])
        }
    assert len(levels["S-1"]) == 31
    assert sum(level.available for level in levels["S-1"]) == fake.holds("S-1")["inventory_quantity"]
    assert levels["S-0"] == [
        StockLevel(
            location=fake.shop.locations[0].id,
            on_hand=Decimal(5),
            reserved=Decimal(0),
            available=Decimal(5),
            incoming=Decimal(0),
        )
    ]


def test_a_change_of_cost_is_found_although_the_variant_did_not_change(fake):
    variant = fake.shop.variant("S-2")
    variant.inventory_item.cost = Decimal("2.50")
    variant.inventory_item.updated_at = START + timedelta(days=3)
    with opened(fake) as session:
        (record,) = session.read(since=START + timedelta(days=2))
    assert (record.key, record["cost"], record.cursor) == ("S-2", Decimal("2.50"), START + timedelta(days=3))


def test_a_page_that_costs_too_much_is_made_smaller(fake):
    fake.seed({"sku": f"MORE-{at}", "price": 1} for at in range(60))
    with opened(fake) as session:
        records = list(session.read())
    assert len(records) == 64
    sizes = [body["variables"]["first"] for body in queries(fake, "productVariants")]
    assert sizes[0] == 100
    assert sizes[-1] < 100


def test_what_a_throttled_query_lacks_is_waited_for_to_the_point(fake):
    with opened(fake) as session:
        list(session.read(fields=["price"]))
        fake.fault("throttle", retry_after=3.21)
        list(session.read(fields=["price"]))
    assert fake.clock.slept == pytest.approx([3.21], abs=0.01)


def test_points_are_waited_for_before_the_next_page_is_asked(fake):
    """A query whose cost is not there any more is not sent to be refused."""
    fake.seed({"sku": f"MORE-{at}", "price": 1} for at in range(300))
    fake._bucket = Bucket(fake.clock.now, 1000, 10)
    refused = []
    with (
        altered(fake, lambda _body, answer: refused.extend(answer.body.get("errors", ()))),
        opened(fake) as session,
    ):
        assert len(list(session.read(fields=["price", "cost", "title"], page_size=150))) == 304
    assert refused == []
    assert fake.clock.slept


def test_another_version_of_the_api_is_no_success(fake):
    fake.version = "2026-04"
    with opened(fake) as session:
        with pytest.raises(be.ConfigurationError, match="2026-04 has answered"):
            list(session.read())
        assert not any(row.ok for row in session.check() if row.capability == "read")
        (outcome,) = session.write([Change(key="S-0", values={"price": 1})])
    assert outcome.status == "failed"
    assert not fake.effects


# The four layers of errors


@pytest.mark.parametrize(
    ("status", "outcome", "retryable"),
    [(402, "failed", False), (403, "failed", False), (404, "failed", False), (423, "failed", False)],
)
def test_statuses_that_end_everything(fake, status, outcome, retryable):
    with (
        altered(fake, lambda _body, _answer: Answer(status=status, body={"errors": "no"})),
        opened(fake) as session,
    ):
        with pytest.raises(be.APIError):
            list(session.read())
        told = session.write([Change(key="S-0", values={"price": 1})])
    assert [(one.status, one.retryable) for one in told] == [(outcome, retryable)]


def test_a_shop_that_is_busy_is_asked_again(fake):
    answers = [Answer(status=430, body={"errors": "busy"})]
    with altered(fake, lambda _body, _answer: answers.pop() if answers else None), opened(fake) as session:
        assert len(list(session.read())) == 4


def test_a_missing_scope_is_fatal_and_named_by_the_check(fake):
    fake.scopes = fake.scopes - {"write_inventory"}
    with opened(fake) as session:
        changes = [Change(key=f"S-{at}", values={"inventory_quantity": 1}) for at in range(3)]
        outcomes = session.write(changes)
        rows = {row.capability: row for row in session.check()}
    assert [one.status for one in outcomes] == ["failed"] * 3
    assert "write_inventory" in outcomes[0].message
    assert rows["scopes"].ok is False
    assert "write_inventory" in rows["scopes"].detail
    assert rows["shop"].detail == "Stand-in, in EUR"


def test_errors_beside_data_mean_that_a_part_took_effect(fake):
    def spoil(body, answer):
        if "productVariantsBulkUpdate" not in body["query"]:
            return None
        error = {"message": "lost on the way", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}
        return attrs.evolve(answer, body={**answer.body, "errors": [error]})

    with altered(fake, spoil), opened(fake) as session:
        (outcome,) = session.write([Change(key="S-0", values={"price": 99})])
    # Not sent again: read back.
    assert (outcome.status, len(fake.effects)) == ("updated", 1)


def test_a_refused_row_of_a_product_spoils_no_other(fake):
    fake.seed({"sku": f"T-{at}", "product": "T-Shirt", "price": 5} for at in range(3))
    fake.refuse("T-1", "it is locked")
    with opened(fake) as session:
        outcomes = session.write([Change(key=f"T-{at}", values={"price": 6}) for at in range(3)])
    assert [one.status for one in outcomes] == ["updated", "dead_lettered", "updated"]
    assert "locked" in outcomes[1].message
    assert len(queries(fake, "productVariantsBulkUpdate")) == 1


def test_many_products_share_a_request(fake):
    with opened(fake) as session:
        session.write([Change(key=f"S-{at}", values={"price": 1}) for at in range(4)])
    (body,) = queries(fake, "productVariantsBulkUpdate")
    assert body["query"].count("productVariantsBulkUpdate") == 4


@pytest.mark.parametrize(
    ("product_variants", "status"), [([], "unknown"), (None, "unknown"), ([{"id": "gid://x/1"}], "unknown")]
)
def test_a_variant_that_the_answer_does_not_name_is_not_told_as_written(fake, product_variants, status):
    def silent(body, answer):
        if "productVariantsBulkUpdate" not in body["query"]:
            return None
        return attrs.evolve(
            answer, body={"data": {"u0": {"productVariants": product_variants, "userErrors": []}}}
        )

    # It was written in truth, and a read would show that; so none is made.
    with altered(fake, silent), opened(fake) as session:
        original = Shopify.capabilities
        Shopify.capabilities = attrs.evolve(original, by_key=False)
        try:
            (outcome,) = session.write([Change(key="S-0", values={"price": 99})])
        finally:
            Shopify.capabilities = original
    assert outcome.status == status


# Keys


def test_a_sku_that_two_variants_have_is_not_guessed_at(fake):
    fake.seed([{"sku": "S-1", "price": 7}])
    with opened(fake) as session:
        outcomes = session.write([Change(key=key, values={"price": 8}) for key in ("S-1", "S-2")], look=False)
    assert [(one.status, one.code) for one in outcomes] == [
        ("dead_lettered", "ambiguous_key"),
        ("updated", None),
    ]


def test_a_search_is_compared_exactly(fake):
    fake.seed([{"sku": "s-1", "price": 7}, {"sku": 'odd "\\ sku', "price": 8}])
    with opened(fake) as session:
        assert [record["price"] for record in session.read(keys=["s-1"])] == [7]
        assert [record["price"] for record in session.read(keys=['odd "\\ sku'])] == [8]


# Stock


def test_stock_is_compared_as_it_is_written(fake):
    """Somebody sells one between our reading and our writing."""
    with opened(fake) as session:
        changes = [
            Change(key="S-0", values={"inventory_quantity": 9}, expected={"inventory_quantity": 4}),
            Change(key="S-1", values={"inventory_quantity": 9}, expected={"inventory_quantity": 6}),
        ]
        outcomes = session.write(changes, look=False)
    assert [(one.status, one.code) for one in outcomes] == [
        ("conflicted", "CHANGE_FROM_QUANTITY_STALE"),
        ("updated", None),
    ]
    assert [fake.holds(key)["inventory_quantity"] for key in ("S-0", "S-1")] == [5, 9]


def test_of_two_who_expect_the_same_one_wins(fake):
    barrier = threading.Barrier(4)

    def sell(_):
        with opened(fake) as session:
            change = Change(key="S-0", values={"inventory_quantity": 4}, expected={"inventory_quantity": 5})
            barrier.wait()
            return session.write([change], look=False)[0].status

    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(sell, range(4)))
    assert told == ["conflicted"] * 3 + ["updated"]
    assert len(fake.effects) == 1


@pytest.mark.parametrize("kind", ["lost", "never_sent"])
def test_a_difference_whose_answer_is_lost_is_sent_again_under_its_key(fake, kind):
    with opened(fake) as session:
        fake.fault(kind, skip=1)
        (outcome,) = session.write([Change(key="S-0", delta={"inventory_quantity": -2}, reason="damaged")])
    sent = queries(fake, "inventoryAdjustQuantities")
    assert outcome.status == "updated"
    assert fake.holds("S-0")["inventory_quantity"] == 3
    assert len(sent) == 2
    assert len({body["variables"]["key"] for body in sent}) == 1
    assert sent[0]["variables"]["input"]["reason"] == "damaged"


def test_the_same_write_again_under_its_key_moves_nothing(fake):
    key = "0d4ac4b2-3b36-4a4c-8b8b-2f6c6a1e7a11"
    changes = [Change(key="S-0", delta={"inventory_quantity": -2}, reason="because")]
    with opened(fake) as session:
        for _ in range(2):
            assert [one.status for one in session.write(changes, idempotency_key=key)] == ["updated"]
    assert fake.holds("S-0")["inventory_quantity"] == 3
    # A reason of our own is none of Shopify's.
    assert queries(fake, "inventoryAdjust")[0]["variables"]["input"]["reason"] == "other"


def test_a_place_that_is_new_to_an_item_is_made_its_place(fake):
    there = fake.shop.locations[1].id
    with opened(fake) as session:
        number = there.rpartition("/")[2]
        outcomes = session.write(
            [
                Change(key="S-0", values={"inventory_quantity": 4}, location=number),
                Change(key="S-1", delta={"inventory_quantity": 4}, location=there),
            ]
        )
    assert [(one.status, one.code) for one in outcomes] == [("updated", None), ("skipped", "not_stocked")]
    assert fake.holds("S-0")["inventory_quantity"] == 9


def test_stock_of_several_locations_needs_one(fake):
    with opened(fake, location=None) as session:
        (outcome,) = session.write([Change(key="S-0", values={"inventory_quantity": 4})])
        assert (outcome.status, outcome.code) == ("dead_lettered", "location_required")
        del fake.shop.locations[1:]
        (outcome,) = session.write([Change(key="S-0", values={"inventory_quantity": 4})])
    assert outcome.status == "updated"


def test_what_is_not_tracked_has_no_stock(fake):
    fake.edit("S-0", {"tracked": False})
    with opened(fake) as session:
        (outcome,) = session.write([Change(key="S-0", values={"inventory_quantity": 4})])
    assert (outcome.status, outcome.code) == ("dead_lettered", "not_tracked")


def test_a_change_that_is_written_in_part_says_so(fake):
    """Price and stock are two mutations."""
    change = Change(
        key="S-0", values={"price": 3, "inventory_quantity": 4}, expected={"inventory_quantity": 1}
    )
    with opened(fake) as session:
        (outcome,) = session.write([change], look=False)
        assert (outcome.status, fake.holds("S-0")["price"]) == ("conflicted", 3)
        assert "written in part" in outcome.message
    with opened(fake, retry=RetryPolicy(max_retries=0)) as session:
        fake.fault("never_sent", skip=2)
        (outcome,) = session.write([attrs.evolve(change, expected=None, location=fake.shop.locations[0].id)])
    assert (outcome.status, outcome.code) == ("unknown", "in_part")


def test_what_was_written_before_a_request_is_lost_is_told_for_each(fake, monkeypatch):
    """The third of four products is lost on its way; each change has a price, two have stock as well."""
    monkeypatch.setattr("bulkeditor.connectors._shopify.writing._PRODUCTS_AT_ONCE", 1)
    both = {"price": 3, "inventory_quantity": 1}
    changes = [
        Change(key="S-0", values=both),
        Change(key="S-1", values={"price": 3}),
        Change(key="S-2", values={"price": 3}),
        Change(key="S-3", values=both),
    ]
    with opened(fake, retry=RetryPolicy(max_retries=0)) as session:
        fake.fault("never_sent", skip=3)
        outcomes = session.write(changes, look=False)
        assert session.written.balanced
        assert not session.written.defects
    assert [(one.status, fake.holds(one.change.key)["price"]) for one in outcomes] == [
        # Read back, and its stock is not there.
        ("unknown", 3),
        ("updated", 3),
        ("unknown", 12),
        ("unknown", 13),
    ]
    assert outcomes[0].code == "in_part"


def test_what_belongs_to_a_product_is_written_once_for_its_variants(fake):
    fake.seed({"sku": f"T-{at}", "product": "T-Shirt", "price": 5} for at in range(3))
    values = {"title": "Tee", "status": "draft", "tags": ["a", "b"], "vendor": "Acme"}
    changes = [
        Change(key="T-0", values={**values, "price": 6}),
        Change(key="T-1", values=values),
        Change(key="T-2", values={"title": "Another"}),
        Change(key="S-0", values={"product_type": "Mug"}),
    ]
    with opened(fake) as session:
        outcomes = session.write(changes)
        records = {record.key: record for record in session.read()}
    assert [(one.status, one.code) for one in outcomes] == [
        ("updated", None),
        ("updated", None),
        ("dead_lettered", "contradiction"),
        ("updated", None),
    ]
    assert {name: records["T-2"][name] for name in values} == values
    assert (records["T-0"]["price"], records["S-0"]["product_type"]) == (6, "Mug")
    (body,) = queries(fake, "productUpdate")
    assert len(body["variables"]) == 2


def test_metafields_are_set_and_cleared(fake):
    with opened(fake, metafields={"season": "custom.season:single_line_text_field"}) as session:
        for value in ("summer", None):
            assert [one.status for one in session.write([Change(key="S-0", values={"season": value})])] == [
                "updated"
            ]
            (record,) = session.read(keys=["S-0"], fields=["season"])
            assert record["season"] == value


# Bulk operations


def test_a_bulk_read_is_the_read_itself(fake):
    fake.edit("S-1", {"inventory_levels": {"elsewhere": 4}, "custom_fields": {"season": "summer"}})
    found = []
    for bulk in (False, True):
        with opened(fake, bulk=bulk, metafields={"season": "custom.season"}) as session:
            found.append({record.key: dict(record.values) for record in session.read()})
            assert session.ledger.complete
    assert found[0] == found[1]
    assert len(queries(fake, "bulkOperationRunQuery")) == 1


def test_a_bulk_read_goes_on_where_it_was(fake, monkeypatch):
    monkeypatch.setattr("bulkeditor.connectors._shopify.bulk._ROWS", 3)
    with opened(fake, bulk=True) as session:
        for page in session.pages():
            kept = json.loads(json.dumps(page.resume))
            first = [record.key for record in page.records]
            break
    with opened(fake, bulk=True) as session:
        rest = [record.key for page in session.pages(resume=kept) for record in page.records]
    assert first + rest == ["S-0", "S-1", "S-2", "S-3"]
    # The operation, not a second one.
    assert len(queries(fake, "bulkOperationRunQuery")) == 1


def test_thousands_are_written_in_one_operation(fake):
    fake.seed({"sku": f"B-{at}", "product": f"P-{at % 7}", "price": 1} for at in range(600))
    fake.refuse("B-13", "it is locked")
    changes = [Change(key=f"B-{at}", values={"price": 2}) for at in range(600)]
    with opened(fake, bulk=True) as session:
        outcomes = session.write(changes)
    told = {one.change.key: one.status for one in outcomes}
    assert {key for key, status in told.items() if status != "updated"} == {"B-13"}
    assert [fake.holds(key)["price"] for key in ("B-12", "B-13", "B-599")] == [2, 1, 2]
    assert len([entry for entry in fake.journal if entry.effects]) == 1
    # Neither are they looked up one by one.
    assert not queries(fake, "productVariants(first")


def test_a_bulk_write_that_fails_is_settled_by_reading(fake):
    fake.fail_next_bulk()
    with opened(fake, bulk=True) as session:
        outcomes = session.write([Change(key=f"S-{at}", values={"price": 50}) for at in range(4)])
    for outcome in outcomes:
        there = fake.holds(outcome.change.key)["price"] == 50
        assert outcome.status == ("updated" if there else "unknown")
