"""The Klaviyo connectors against Klaviyo's OpenAPI document: every request, and answers that fit it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from bulkeditor.connectors import Change, Klaviyo
from bulkeditor.testing import InstantClock
from bulkeditor.testing.vendors.klaviyo import Klaviyo as Account
from tests.contracts import systems
from tests.contracts.contract import AsyncValidatingTransport, ValidatingTransport

pytestmark = pytest.mark.shared

EVENTS = ("product_viewed", "product_purchased", "cart_abandoned")
PROPERTIES = ("email_engagement_score", "customer_lifetime_value", "purchase_frequency")
EVERYTHING = (
    "get_catalog_variants",
    "bulk_update_catalog_variants",
    "get_bulk_update_variants_job",
    "bulk_create_catalog_variants",
    "get_bulk_create_variants_job",
    "bulk_create_catalog_items",
    "get_bulk_create_catalog_items_job",
    "bulk_delete_catalog_variants",
    "get_bulk_delete_variants_job",
    "get_catalog_items",
    "bulk_update_catalog_items",
    "get_bulk_update_catalog_items_job",
    "get_profiles",
    "create_or_update_profile",
    "get_events",
    "create_event",
    "bulk_create_events",
)


@pytest.fixture
def contract(shared):
    return systems.klaviyo(shared / "vendor-specs")


@pytest.fixture
def account():
    with Account(clock=InstantClock()) as server:
        server.seed(
            {
                "sku": f"SKU-{number}",
                "external_id": str(44000 + number),
                "price": Decimal("9.90"),
                "material": "wool",
            }
            for number in range(5)
        )
        yield server


def everything(session_of, klaviyo, clock):
    """Each thing that the connectors can do."""
    catalog = {
        "title": "Shirt",
        "description": "Of wool",
        "price": Decimal("12.345"),
        "url": "https://shop.example.com/shirt",
        "image_url": "https://shop.example.com/shirt.png",
        "published": False,
        "custom_fields": {"season": "winter", "material": None},
    }
    with session_of(klaviyo) as session:
        list(session.read(page_size=2))
        list(session.read(fields=["sku", "price", "custom_fields"], since=clock.now() - timedelta(days=1)))
        list(session.read(keys=["SKU-1", "44002", "Ä ö/ü'\"?&=#%"]))
        changes = [
            Change(key="SKU-1", values={**catalog, "inventory_quantity": 7, "inventory_policy": 1}),
            Change(key="SKU-2", values={"price": None, "custom_fields": None}),
            Change(key="SKU-3", delete=True),
        ]
        assert all(outcome.written for outcome in session.write(changes))
        assert all(row.ok is not False for row in session.check())
    with session_of(klaviyo.items()) as items:
        list(items.read(fields=["external_id", "price"]))
        assert items.write([Change(key="NEW", values=catalog)])[0].status == "created"
        assert items.write([Change(key="44001", values=catalog)])[0].written
    with session_of(klaviyo) as session:
        made = {**catalog, "inventory_quantity": 1, "item": "NEW", "external_id": "NEW-1"}
        assert session.write([Change(key="MADE", values=made)])[0].status == "created"
    with session_of(klaviyo.profiles()) as profiles:
        values = {
            "first_name": "Ada",
            "phone_number": "+15005550006",
            PROPERTIES[0]: Decimal("0.5"),
            PROPERTIES[2]: None,
        }
        for email in ("ada@example.com", "ada@example.com"):
            profiles.write([Change(key=email, values=values)], look=False)
        list(profiles.read(fields=["email", *PROPERTIES], since=clock.now() - timedelta(hours=1)))
        list(profiles.read(keys=["ada@example.com"]))
    with session_of(klaviyo.events()) as events:
        values = {
            "email": "ada@example.com",
            "properties": {"ProductID": 1},
            "value": "9.99",
            "value_currency": "EUR",
        }
        told = [Change(key=name, values={"event": name, "time": clock.now(), **values}) for name in EVENTS]
        assert all(outcome.written for outcome in events.write(told[:2]))
        assert events.write(told[2:])[0].written
        list(events.read(since=clock.now() - timedelta(days=1), page_size=2))


def test_every_request_and_every_answer_fits_klaviyos_document(account, contract):
    klaviyo = Klaviyo(
        base_url=account.base_url, api_key=account.api_key, sync_events=EVENTS, custom_properties=PROPERTIES
    )

    with ValidatingTransport(httpx.HTTPTransport(), contract) as transport:
        everything(lambda one: one.open(transport=transport, clock=account.clock), klaviyo, account.clock)
    contract.assert_kept(*EVERYTHING)
    # What openapi-core does not see, because the document gives it a default.
    assert {entry.headers.get("revision") for entry in account.journal} == {"2026-07-15"}


async def read_and_write(connector, contract, clock):
    async with (
        AsyncValidatingTransport(httpx.AsyncHTTPTransport(), contract) as transport,
        connector.open_async(transport=transport, clock=clock) as session,
    ):
        keys = [record.key async for record in session.read()]
        await session.write([Change(key="SKU-1", values={"price": 3})])
    return keys


def test_the_requests_under_asyncio_fit_it_too(account, contract):
    klaviyo = Klaviyo(base_url=account.base_url, api_key=account.api_key)
    keys = asyncio.run(read_and_write(klaviyo, contract, account.clock))
    assert len(keys) == 5
    contract.assert_kept("get_catalog_variants", "bulk_update_catalog_variants")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503])
def test_errors_in_klaviyos_form_are_told_in_its_words(contract, status):
    """The error of the document's own example."""
    body = {
        "errors": [
            {
                "id": "e4eebb08-b055-4a6f-bb13-c8cb69c9eb94",
                "code": "invalid",
                "title": "Invalid input",
                "detail": "The payload provided in the request is invalid.",
                "source": {"pointer": "/data"},
            }
        ]
    }

    def answer(request):
        headers = {"Content-Type": "application/vnd.api+json", "Retry-After": "1"}
        return httpx.Response(status, content=json.dumps(body), headers=headers)

    transport = ValidatingTransport(httpx.MockTransport(answer), contract)
    klaviyo = Klaviyo(api_key="pk_1")
    with klaviyo.open(transport=transport, clock=InstantClock()) as session:
        row = session.check()[0]
        (outcome,) = session.write([Change(key="A", values={"price": 1})])
    assert row.ok is False
    assert "The payload provided in the request is invalid." in row.detail or row.code == "invalid"
    assert outcome.status in ("failed", "dead_lettered", "skipped", "conflicted")
    contract.assert_kept("get_catalog_variants")


def test_the_documents_own_examples_are_read(contract):
    """Answers made of the examples that Klaviyo gives for each property."""

    def answer(request):
        name = contract.operation(request)
        return contract.reply(name)

    with Klaviyo(api_key="pk_1", sync_events=()).open(
        transport=ValidatingTransport(httpx.MockTransport(answer), contract), clock=InstantClock()
    ) as session:
        page = next(iter(session.pages()))
    (record,) = page.records
    assert record.key == "OBS-MD"
    assert record["price"] == 42
    assert record["inventory_quantity"] == 25
    assert record["updated_at"] == datetime(2022, 11, 8, tzinfo=UTC)
    assert record["custom_fields"] == {"Top Pick": True}
    assert record.problems == ()
