"""The NetSuite connector against Oracle's facts, samples and vectors."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import jwt
import pytest
from oauthlib.oauth1.rfc5849.utils import parse_authorization_header

import bulkeditor as be
from bulkeditor.connectors import Change, PurchaseLine, PurchaseOrder
from bulkeditor.connectors.netsuite import NetSuite
from bulkeditor.http import RetryPolicy
from bulkeditor.testing import InstantClock
from bulkeditor.testing.vendors.netsuite import NetSuite as StandIn
from tests.connectors.test_netsuite import at
from tests.contract.validator import ValidatingTransport
from tests.contracts import systems

SKUS = [f"SKU-{number}" for number in range(6)]


@pytest.fixture
def clock():
    return InstantClock()


@pytest.fixture
def yesterday(clock):
    return clock.now().replace(microsecond=0) - timedelta(days=1)


@pytest.fixture
def fake(clock, yesterday):
    with StandIn(clock=clock) as server:
        server.seed(
            {
                "sku": sku,
                "price": Decimal("10.50"),
                "cost": 5,
                "inventory_quantity": 20,
                "changed_at": yesterday - timedelta(minutes=number),
            }
            for number, sku in enumerate(SKUS)
        )
        server.books.custom_fields.add("custitem_season")
        yield server


@pytest.fixture
def samples(vendor_specs):
    return json.loads((vendor_specs / "netsuite" / "sample-payloads.json").read_text())


def answering(*answers):
    """A transport that has these answers, after a token; and what was asked."""
    asked, left = (
        [],
        [httpx.Response(200, json={"access_token": "an-access-token", "expires_in": "3600"}), *answers],
    )

    def answer(request):
        asked.append(request)
        return left.pop(0)

    return httpx.MockTransport(answer), asked


def offline(fake, *answers):
    transport, asked = answering(*answers)
    connector = at(fake).at("https://1234567-sb1.suitetalk.api.netsuite.com")
    return connector.open(transport=transport, clock=fake.clock, retry=RetryPolicy(max_retries=0)), asked


def test_every_request_is_one_that_oracle_documents(fake, yesterday, vendor_specs):
    contract = systems.netsuite(vendor_specs)
    connector = at(fake, custom_fields=["custitem_season"])
    with (
        ValidatingTransport(httpx.HTTPTransport(), contract) as transport,
        connector.open(transport=transport, clock=fake.clock) as session,
    ):
        assert len(list(session.read(page_size=2))) == 6
        assert len(list(session.read(since=yesterday - timedelta(minutes=2)))) == 3
        assert [record.key for record in session.read(keys=["SKU-1", "NONE"])] == ["SKU-1"]
        fake.refuse("SKU-3", "locked by accounting")
        one = [Change(key="SKU-1", values={"price": "12.10", "title": "Shirt", "weight": 2})]
        many = [Change(key=sku, values={"price": 13, "custitem_season": "summer"}) for sku in SKUS]
        moves = [
            Change(key=sku, delta={"inventory_quantity": -2}, location="1", reason="sold") for sku in SKUS
        ]
        told = [outcome.status for changes in (one, many, moves) for outcome in session.write(changes)]
        assert told.count("updated") == 1 + 5 + 5
        assert told.count("dead_lettered") == 2
        lines = (PurchaseLine(key="SKU-1", quantity=12, price=Decimal("4.25")),)
        session.create_purchase_order(
            PurchaseOrder(supplier="21", lines=lines, location="1", reference="PO-1")
        )
        assert all(row.ok is not False for row in session.check())
    contract.assert_kept(
        *("token", "suiteql", "update", "batch update", "job", "job tasks", "job result", "create", "get")
    )


def test_oracles_page_of_suiteql_is_read(fake, samples):
    """Whatever the account: the sample holds no time of change, so nothing else is asked for either."""
    page = httpx.Response(200, json=samples["suiteql"]["response"])
    session, asked = offline(fake, page)
    with session:
        (record,) = session.read(fields=["sku"])
    assert (record.key, record.raw["id"]) == ("SKU-1", "1")
    method, target = samples["suiteql"]["request"].split(" ")
    assert (asked[1].method, asked[1].url.path) == (method, "/services/rest" + target.partition("?")[0])
    assert asked[1].headers["Prefer"] == samples["suiteql"]["headers"]["Prefer"]
    assert asked[1].url.query == b"limit=1000&offset=0"


def test_a_price_is_written_as_in_oracles_sample(fake, samples):
    wanted = samples["price_write"]["body"]["price"]["items"][0]
    body = at(fake).payload(Change(key="SKU-1", values={"price": Decimal("25.5")}))
    (line,) = body["price"]["items"]
    assert line == {**wanted, "quantity": {"value": 0}}


def test_a_batch_looks_as_in_oracles_sample(fake, samples):
    with at(fake).open(clock=fake.clock) as session, fake.watching() as entries:
        session.write([Change(key=sku, values={"cost": 7}) for sku in SKUS[:2]])
    (sent,) = (entry for entry in entries if entry.method == "PATCH")
    wanted = samples["batch"]["headers"]
    assert {name: sent.headers[name.lower()] for name in wanted if "uuid" not in wanted[name]} == {
        name: value for name, value in wanted.items() if "uuid" not in value
    }
    assert sent.json().keys() == samples["batch"]["body"].keys()


@pytest.mark.parametrize(
    ("sample", "error"),
    [
        ("error_429", be.RateLimitError),
        (
            "error_401 (code text unverified: INVALID_LOGIN here, INVALID_LOGIN_ATTEMPT elsewhere)",
            be.AuthenticationError,
        ),
    ],
)
def test_oracles_errors_are_told_by_their_codes(fake, samples, sample, error):
    body = samples[sample]
    token = httpx.Response(200, json={"access_token": "another-access-token", "expires_in": "3600"})
    refused = httpx.Response(body["status"], json=body)
    session, _ = offline(fake, refused, *([token, refused] if body["status"] == 401 else []))
    with session, pytest.raises(error) as caught:
        list(session.read())
    assert caught.value.code == body["o:errorDetails"][0]["o:errorCode"]


def test_the_assertion_is_the_one_of_oracles_sample(fake, samples):
    sample = samples["oauth2_m2m"]
    with at(fake).open(clock=fake.clock) as session, fake.watching() as sent:
        list(session.read(fields=["sku"]))
    asked = dict(httpx.QueryParams(sent[0].body.decode()))
    assert asked.keys() == sample["form"].keys()
    assertion = asked.pop("client_assertion")
    assert asked == {name: value for name, value in sample["form"].items() if name in asked}
    header = jwt.get_unverified_header(assertion)
    assert header == {**sample["jwt_header"], "alg": "ES256", "kid": fake.certificate_id}
    claims = jwt.decode(assertion, options={"verify_signature": False})
    assert claims.keys() == sample["jwt_payload"].keys()
    assert claims["scope"] == sample["jwt_payload"]["scope"]
    assert 0 < claims["exp"] - claims["iat"] < 3600


def test_signatures_are_those_of_oracles_vectors(vendor_specs):
    given = json.loads((vendor_specs / "netsuite" / "tba-hmac-sha256-vectors.json").read_text())
    connector = NetSuite(
        account_id=given["realm"],
        consumer_key=given["consumer_key"],
        consumer_secret=given["consumer_secret"],
        token_id=given["token"],
        token_secret=given["token_secret"],
    )
    signer = connector.authenticate()
    for vector in given["vectors"]:
        timestamp = int(given["timestamp"])
        header = signer.authorization(
            vector["method"], vector["url"], timestamp=timestamp, nonce=given["nonce"]
        )
        assert dict(parse_authorization_header(header)) == dict(
            parse_authorization_header(vector["authorization"])
        )
    assert connector.address() == "https://123456.suitetalk.api.netsuite.com"
    assert datetime.fromtimestamp(timestamp, UTC).year == 2017


def test_what_is_asked_in_suiteql_is_what_the_facts_name(fake, vendor_specs):
    """Columns of stock and items are the records' fields in lower case; those of prices are unverified."""
    facts = json.loads((vendor_specs / "netsuite" / "record-facts-2026.1.schema.json").read_text())["$defs"]

    def known(record):
        return {name.lower() for name in facts[record]["properties"]}

    with at(fake).open(clock=fake.clock) as session, fake.watching() as entries:
        list(session.read())
    asked = [entry.json()["q"] for entry in entries if entry.path.endswith("suiteql")]
    (items,) = {question for question in asked if "FROM item i" in question}
    columns = {
        part.strip().removeprefix("i.")
        for part in items.partition(" FROM ")[0].removeprefix("SELECT ").split(",")
    }
    assert {name for name in columns if "(" not in name and "'" not in name} <= known("inventoryItem")
    (stock,) = (question for question in asked if "inventoryitemlocations" in question)
    columns = set(stock.partition(" FROM ")[0].removeprefix("SELECT ").split(", "))
    assert columns - {"item", "location"} <= known("locationsElement")
