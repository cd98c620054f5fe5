"""SAP S/4HANA: the acceptance suite, and what is special there."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

import bulkeditor as be
from bulkeditor.connectors import SAP, Change, StockLevel, from_config
from bulkeditor.http import RetryPolicy
from bulkeditor.testing import ConnectorSuite, InstantClock
from bulkeditor.testing.vendors.sap_s4 import S4HANA

DOCUMENTED = {
    "integration": "sap",
    "endpoint": "https://your-sap-instance.com/api",
    "sync_fields": ["sku", "cost", "inventory_quantity", "vendor", "category"],
    "sync_frequency": "hourly",
    "direction": "bidirectional",
}
PLACE = "1010/101A"


def connector(fake: S4HANA, **changes):
    return SAP(base_url=fake.base_url, username=fake.user, password=fake.password, **changes)


class TestAcceptance(ConnectorSuite):
    config = {key: value for key, value in DOCUMENTED.items() if key != "endpoint"}
    absent = {"odd_keys": "product numbers are upper case and hold no blanks"}

    @classmethod
    def stand_in(cls, clock):
        return S4HANA(clock=clock)

    def connector(self, fake):
        return connector(fake)


class TestAcceptanceWithOAuth(TestAcceptance):
    def connector(self, fake):
        return SAP(
            base_url=fake.base_url,
            client_id=fake.client_id,
            client_secret=fake.client_secret,
            token_url="/sap/bc/sec/oauth2/token",
        )


@pytest.fixture
def clock():
    return InstantClock()


@pytest.fixture
def fake(clock):
    with S4HANA(clock=clock) as server:
        server.seed(
            {"sku": f"M-{number}", "price": Decimal(10) + number, "cost": 4, "inventory_quantity": 20}
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


# The documented JSON


def test_the_documented_json_loads_as_it_stands_and_open_names_what_is_missing(monkeypatch):
    for name in ("SAP_USERNAME", "SAP_PASSWORD", "SAP_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    erp = from_config(DOCUMENTED)
    assert isinstance(erp, SAP)
    assert erp.interval() == timedelta(hours=1)
    with pytest.raises(be.ConfigurationError, match=r"username \(SAP_USERNAME\), password \(SAP_PASSWORD\)"):
        erp.open()


def test_sync_fields_are_all_that_is_asked_for(fake, clock, monkeypatch):
    monkeypatch.setenv("THE_PASSWORD", fake.password)
    config = {**DOCUMENTED, "endpoint": fake.base_url, "username": fake.user, "password": "${THE_PASSWORD}"}
    fake.edit("M-1", {"vendor": "100042", "category": "L001"})
    with from_config(config).open(clock=clock) as session:
        record = only(session, "M-1")
    assert record.values == {
        "sku": "M-1",
        "cost": Decimal(4),
        "inventory_quantity": 20,
        "vendor": "100042",
        "category": "L001",
    }
    asked = [entry.path.split("/")[-2] for entry in fake.journal]
    assert "API_SLSPRICINGCONDITIONRECORD_SRV" not in asked, "prices were asked for, and nobody wants them"
    (products,) = [entry for entry in fake.journal if entry.path.endswith("A_Product")]
    assert "ProductStandardID" not in products.params["$select"]


# Reading


def test_a_price_is_for_one_piece_whatever_it_is_quoted_for(fake, session):
    record = fake.price_record("M-1")
    record["ConditionQuantity"], record["ConditionRateValue"] = Decimal(100), Decimal("1250.000")
    assert only(session, "M-1")["price"] == Decimal("12.5")
    record["ConditionQuantity"] = Decimal(3)
    record["ConditionRateValue"] = Decimal("10.000")
    found = only(session, "M-1")
    assert "price" not in found.values
    assert "cannot be said exactly" in found.problems[0].message


def test_a_percentage_is_no_price(fake, session):
    fake.price_record("M-1")["ConditionRateValueUnit"] = "%"
    found = only(session, "M-1")
    assert [problem.field for problem in found.problems] == ["price"]


def test_a_price_of_yesterday_or_of_one_customer_is_not_the_price(fake, session, clock):
    validities = [row for row in fake.rows("A_SlsPrcgCndnRecdValidity") if row["Material"] == "M-1"]
    validities[0]["Customer"] = "0000017100"
    assert only(session, "M-1")["price"] is None
    (other,) = [row for row in fake.rows("A_SlsPrcgCndnRecdValidity") if row["Material"] == "M-2"]
    other["ConditionValidityEndDate"] = clock.now() - timedelta(days=2)
    assert only(session, "M-2")["price"] is None


def test_a_price_that_begins_to_hold_is_found_by_the_next_read(fake, session, clock):
    """Nobody touches it on that day."""
    long_ago = clock.now() - timedelta(days=30)
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for row in fake.rows("A_SlsPrcgConditionRecord"):
        row["LastChangeDateTime"] = long_ago
    for row in fake.rows("A_Product"):
        row["LastChangeDateTime"] = long_ago
    (validity,) = [row for row in fake.rows("A_SlsPrcgCndnRecdValidity") if row["Material"] == "M-2"]
    record = fake.price_record("M-2")
    validity["ConditionValidityStartDate"] = record["ConditionValidityStartDate"] = midnight
    found = list(session.read(since=midnight - timedelta(hours=3)))
    assert [(record.key, record["updated_at"]) for record in found] == [("M-2", midnight)]


def test_several_prices_are_reported_not_chosen_from(fake, session, clock):
    fake._new_record(
        {"ConditionType": "PPR0", "ConditionRateValue": Decimal(99), "ConditionRateValueUnit": "EUR"},
        [
            {
                "Material": "M-1",
                "SalesOrganization": "2020",
                "ConditionValidityStartDate": datetime(2000, 1, 1, tzinfo=UTC),
            }
        ],
    )
    found = only(session, "M-1")
    assert "set sales_organization" in found.problems[0].message
    with connector(fake, sales_organization="1010", distribution_channel="10").open(clock=clock) as narrowed:
        assert only(narrowed, "M-1")["price"] == Decimal(11)


def test_the_cost_is_the_standard_or_the_moving_average_price(fake, session):
    (valuation,) = [row for row in fake.rows("A_ProductValuation") if row["Product"] == "M-1"]
    valuation.update(
        InventoryValuationProcedure="V", MovingAveragePrice=Decimal("45.500"), PriceUnitQty=Decimal(10)
    )
    assert only(session, "M-1")["cost"] == Decimal("4.55")


def test_only_stock_that_is_free_counts_and_each_place_is_a_level(fake, session):
    fake.set_stock("M-1", Decimal(5), storage="101B")
    fake.set_stock("M-1", Decimal(7), kind="02")
    fake.set_stock("M-1", Decimal(9), special="K")
    found = only(session, "M-1")
    assert found["inventory_quantity"] == 25
    assert found["inventory_levels"] == [
        StockLevel(location="1010/101A", on_hand=Decimal(20), available=Decimal(20)),
        StockLevel(location="1010/101B", on_hand=Decimal(5), available=Decimal(5)),
    ]


def test_leading_zeros_and_quotes_in_product_numbers(fake, session):
    keys = ["000000000000000042", "42", "O'NEILL", "50%&MORE"]
    fake.seed({"sku": key, "price": 1} for key in keys)
    assert [record.key for record in session.read(keys=keys)] == sorted(keys)
    outcomes = session.write([Change(key=key, values={"price": 2}) for key in keys])
    assert [outcome.status for outcome in outcomes] == ["updated"] * 4
    assert [fake.holds(key)["price"] for key in keys] == [2] * 4


def test_a_product_that_is_marked_for_deletion_comes_as_a_tombstone(fake, session):
    list(session.read())
    bookmark = session.bookmark
    fake.remove("M-2")
    assert [(record.key, record.deleted) for record in session.read(since=bookmark)] == [("M-2", True)]


def test_a_server_that_ends_pages_by_itself(clock):
    with S4HANA(clock=clock, page=2) as fake:
        fake.seed({"sku": f"M-{number}", "price": number + 1} for number in range(11))
        with connector(fake).open(clock=clock) as session:
            pages = list(session.pages(page_size=5))
            assert [record.key for page in pages for record in page.records] == sorted(
                f"M-{number}" for number in range(11)
            )
            (third,) = [
                page for page in pages if page.records and page.records[0].key == pages[2].records[0].key
            ]
            rest = [record.key for page in session.pages(resume=third.resume) for record in page.records]
            assert rest == sorted(f"M-{number}" for number in range(11))[-len(rest) :]
            assert session.ledger.balanced


def test_products_that_come_and_go_while_it_reads_move_nothing(fake, session):
    seen = []
    for page in session.pages(page_size=2):
        seen += [record.key for record in page.records]
        if len(seen) == 2:
            fake.archive("M-0")
    assert seen == ["M-0", "M-1", "M-2", "M-3"]


# Writing


def test_prices_go_in_one_batch_each_with_its_etag(fake, session):
    outcomes = session.write([Change(key=f"M-{n}", values={"price": Decimal("7.125")}) for n in range(3)])
    assert [outcome.status for outcome in outcomes] == ["updated"] * 3
    (batch,) = [entry for entry in fake.journal if entry.path.endswith("$batch")]
    assert batch.body.count(b"If-Match: W/") == 3
    assert [effect.after for effect in batch.effects] == [Decimal("7.125")] * 3


def test_a_price_that_somebody_changes_in_between_is_a_conflict(fake, session):
    original = fake.handle

    def handle(entry):
        if entry.path.endswith("$batch"):
            fake.edit("M-1", {"price": 99})
        return original(entry)

    fake.handle = handle
    (outcome,) = session.write([Change(key="M-1", values={"price": 5})])
    assert (outcome.status, fake.holds("M-1")["price"]) == ("conflicted", 99)


@pytest.mark.parametrize("price", ["0.0001", "1000000000", None])
def test_a_price_that_sap_cannot_keep_is_a_dead_letter(fake, session, price):
    (outcome,) = session.write([Change(key="M-1", values={"price": price})])
    assert outcome.status == "dead_lettered"
    assert not fake.effects


def test_a_price_per_hundred_stays_one(fake, session):
    record = fake.price_record("M-1")
    record["ConditionQuantity"] = Decimal(100)
    (outcome,) = session.write([Change(key="M-1", values={"price": "0.125"})])
    assert (outcome.status, record["ConditionRateValue"]) == ("updated", Decimal("12.500"))


def test_a_first_price_is_made_where_it_is_said_whose(fake, session, clock):
    fake.edit("M-1", {"price": None})
    change = Change(key="M-1", values={"price": "3.50"})
    (outcome,) = session.write([change])
    assert (outcome.status, outcome.code) == ("dead_lettered", "no_price")
    whose = {"sales_organization": "1010", "distribution_channel": "10", "currency": "EUR"}
    with connector(fake, **whose).open(clock=clock) as other:
        (outcome,) = other.write([change])
        assert outcome.status == "updated", outcome
        assert only(other, "M-1")["price"] == Decimal("3.50")
        assert other.write([Change(key="NOWHERE", values={"price": 1})])[0].status == "skipped"


def test_master_data_and_price_in_one_change(fake, clock):
    fake.custom_fields.add("YY1_Season_PRD")
    for row in fake.rows("A_Product"):
        row["YY1_Season_PRD"] = ""
    values = {"price": 9, "category": "L002", "YY1_Season_PRD": "SS26"}
    with connector(fake, custom_fields=["YY1_Season_PRD"]).open(clock=clock) as session:
        (outcome,) = session.write([Change(key="M-1", values=values)])
        assert outcome.status == "updated"
        record = only(session, "M-1")
        assert {name: record[name] for name in values} == values
        fake.refuse("M-2", "locked by accounting")
        (outcome,) = session.write([Change(key="M-2", values=values)])
        assert (outcome.status, outcome.message) == ("dead_lettered", "locked by accounting")


def test_stock_is_moved_by_a_document_that_says_why(fake, session):
    changes = [
        Change(key="M-1", delta={"inventory_quantity": -2}, reason="broken", location=PLACE),
        Change(key="M-2", delta={"inventory_quantity": 5}, location=PLACE),
        Change(key="M-3", delta={"inventory_quantity": 5}),
        Change(key="NOWHERE", delta={"inventory_quantity": 5}, location=PLACE),
        Change(key="M-0", delta={"inventory_quantity": -500}, location=PLACE),
    ]
    outcomes = session.write(changes)
    assert [(outcome.status, outcome.code) for outcome in outcomes[:4]] == [
        ("updated", None),
        ("updated", None),
        ("dead_lettered", "no_location"),
        ("skipped", "no_product"),
    ]
    assert outcomes[4].status == "dead_lettered"
    assert "Deficit" in outcomes[4].message
    held = [fake.holds(f"M-{number}")["inventory_quantity"] for number in range(4)]
    assert held == [20, 18, 25, 20]
    texts = [row["MaterialDocumentItemText"] for row in fake.rows("A_MaterialDocumentItem")]
    assert texts == ["broken", ""]


def test_a_movement_whose_answer_was_lost_is_found_by_its_reference_and_not_sent_again(fake, session):
    fake.fault("lost", method="POST")
    changes = [Change(key=f"M-{n}", delta={"inventory_quantity": -2}, location=PLACE) for n in (1, 2)]
    outcomes = session.write(changes)
    assert [outcome.status for outcome in outcomes] == ["updated", "updated"]
    assert outcomes[0].message == "no answer came; its document is there"
    assert [effect.key for effect in fake.effects] == ["M-1", "M-2"]


def test_a_movement_that_cannot_be_found_stays_unknown(fake, session):
    documents = "/sap/opu/odata/sap/API_MATERIAL_DOCUMENT_SRV"
    change = Change(key="M-1", delta={"inventory_quantity": -2}, location=PLACE)
    fake.fault("never_sent", method="POST")
    (outcome,) = session.write([change])
    assert (outcome.status, fake.effects) == ("unknown", [])
    # It took effect, and nothing answers any more.
    fake.fault("lost", method="POST")
    fake.fault("never_sent", path=documents, method="GET", times=None)
    (outcome,) = session.write([change])
    assert (outcome.status, len(fake.effects)) == ("unknown", 1)


# Access


def test_a_token_against_forged_requests_that_died_is_fetched_again_once(fake, session):
    session.write([Change(key="M-1", values={"price": 5})])
    fake.expire()
    (outcome,) = session.write([Change(key="M-1", values={"price": 6})])
    assert outcome.status == "updated"
    refused = [entry.status for entry in fake.journal if entry.path.endswith("$batch")]
    assert refused == [202, 403, 202]


def test_wrong_credentials_are_an_error_that_says_so(fake, clock):
    erp = SAP(base_url=fake.base_url, username=fake.user, password="wrong")
    with erp.open(clock=clock, retry=RetryPolicy(max_retries=0)) as session:
        with pytest.raises(be.AuthenticationError):
            list(session.read())
        assert {row.ok for row in session.check() if row.ok is not None} == {False}


def test_a_check_names_the_arrangement_that_is_missing(fake, session):
    fake.withdrawn.add("API_MATERIAL_STOCK_SRV")
    rows = {row.capability: row for row in session.check()}
    assert (rows["read"].ok, rows["price"].ok, rows["per_location"].ok) == (True, True, False)
    assert "API_MATERIAL_STOCK_SRV" in rows["per_location"].detail


def test_the_documented_endpoint_with_its_path_is_kept(clock):
    asked = []

    def answer(request):
        asked.append(str(request.url).partition("?")[0])
        first = request.url.path.endswith("A_Product") and "skiptoken" not in str(request.url)
        onward = {"__next": "A_Product?$skiptoken=2"} if first else {}
        return httpx.Response(200, json={"d": {"results": [{"Product": f"M{len(asked)}"}], **onward}})

    config = {**DOCUMENTED, "sync_fields": ["sku"], "username": "u", "password": "p"}
    with from_config(config).open(clock=clock, transport=httpx.MockTransport(answer)) as session:
        assert [record.key for record in session.read()] == ["M2", "M3"]
    root = "https://your-sap-instance.com/api/sap/opu/odata/sap/API_PRODUCT_SRV"
    assert asked == [f"{root}/", f"{root}/A_Product", f"{root}/A_Product"]


def test_the_client_stands_in_every_address(fake, clock):
    with connector(fake, sap_client="100").open(clock=clock) as session:
        list(session.read())
        session.write([Change(key="M-1", values={"price": 5})])
    for entry in fake.journal:
        assert entry.params.get("sap-client") == "100" or b"sap-client=100" in entry.body, entry.path
