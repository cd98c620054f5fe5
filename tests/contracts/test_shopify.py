"""The connector for Shopify against Shopify's schema: what it asks is valid, and it reads what fits it."""

import asyncio
import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from bulkeditor.connectors import Change, Shopify
from bulkeditor.testing import InstantClock
from bulkeditor.testing.vendors.shopify import Shopify as Shop
from tests.contracts.contract import AsyncValidatingTransport, ContractError, ValidatingTransport
from tests.contracts.graphql import GraphQLContract
from tests.contracts.systems import shopify

SEASON = {"season": "custom.season:single_line_text_field"}
START = datetime(2026, 1, 1, tzinfo=UTC)
GRAPHQL = "/admin/api/2026-10/graphql.json"


class Storage(httpx.BaseTransport):
    """GraphQL is judged; files that are put up and fetched are no part of the schema."""

    def __init__(self, contract: GraphQLContract) -> None:
        self._plain = httpx.HTTPTransport()
        self._judging = ValidatingTransport(httpx.HTTPTransport(), contract)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        judged = request.url.path == GRAPHQL
        return (self._judging if judged else self._plain).handle_request(request)

    def close(self) -> None:
        self._plain.close()
        self._judging.close()


@pytest.fixture
def contract(vendor_specs):
    return shopify(vendor_specs)


@pytest.fixture
def fake():
    with Shop(clock=InstantClock()) as server:
        server.seed(
            {"sku": f"S-{at}", "price": Decimal(10 + at), "inventory_quantity": at, "changed_at": START}
            for at in range(6)
        )
        server.edit("S-1", {"custom_fields": {"season": "winter"}}, changed_at=START)
        yield server


@pytest.fixture
def connector(fake):
    return Shopify(
        base_url=fake.base_url,
        access_token=fake.access_token,
        location=fake.shop.locations[0].id,
        metafields=SEASON,
    )


def everything(fake):
    """A change of every kind; two variants are new at a location."""
    here, there = (place.id for place in fake.shop.locations)
    values = {"price": "1.50", "compare_at_price": "2", "cost": "0.75", "barcode": "40", "season": "summer"}
    return [
        Change(key="S-0", values={**values, "inventory_quantity": 7}, expected={"inventory_quantity": 0}),
        Change(key="S-1", values={"season": None}),
        Change(key="S-2", values={"inventory_quantity": 9}, location=there),
        Change(key="S-3", delta={"inventory_quantity": -1}, reason="damaged", location=here),
        Change(key="S-4", values={"title": "Tee", "status": "draft", "tags": ["a"], "vendor": "Acme"}),
        Change(key="nowhere", values={"price": 1}),
    ]


@pytest.mark.parametrize("bulk", [False, True], ids=["direct", "bulk"])
def test_everything_that_is_asked_is_in_the_schema(fake, connector, contract, bulk):
    connector = type(connector).from_config(
        {
            "endpoint": fake.base_url,
            "access_token": fake.access_token,
            "location": fake.shop.locations[0].id,
            "metafields": SEASON,
            "bulk": bulk,
        }
    )
    with Storage(contract) as transport, connector.open(clock=fake.clock, transport=transport) as session:
        assert len(list(session.read())) == 6
        assert len(list(session.read(since=START))) == 6
        assert len(list(session.read(keys=["S-1", "S-2"]))) == 2
        for name in connector.read_fields():
            assert len(list(session.read(fields=[name]))) == 6
        outcomes = session.write(everything(fake))
        assert [outcome.status for outcome in outcomes] == ["updated"] * 5 + ["skipped"], outcomes
        assert all(row.ok is not False for row in session.check())
    asked = ["shop", "currentAppInstallation", "productVariants", "inventoryItems", "metafieldsDelete"]
    asked += ["productUpdate", "inventorySetQuantities", "inventoryAdjustQuantities", "inventoryActivate"]
    more = ["bulkOperationRunQuery", "bulkOperation", "stagedUploadsCreate", "bulkOperationRunMutation"]
    contract.assert_kept(*asked, *(more if bulk else ["productVariantsBulkUpdate"]))


def test_what_runs_inside_of_bulk_operations_is_in_the_schema(fake, contract):
    """They are texts within the variables of another document."""
    connector = Shopify(base_url=fake.base_url, access_token=fake.access_token, bulk=True, metafields=SEASON)
    with connector.open(clock=fake.clock) as session:
        list(session.read())
        session.write([Change(key="S-0", values={"price": 3, "season": "x"})])
    inner = []
    for entry in fake.journal:
        body = json.loads(entry.body) if entry.path == GRAPHQL else {}
        variables = body.get("variables", {})
        if "bulkOperationRunQuery" in body.get("query", ""):
            inner.append({"query": variables["query"]})
        if "bulkOperationRunMutation" in body.get("query", ""):
            lines = [
                entry.body for entry in fake.journal if entry.path.startswith("/storage/") and entry.body
            ]
            line = re.search(rb"\{\"productId.*\}", lines[0])
            inner.append({"query": variables["mutation"], "variables": json.loads(line[0])})
    assert len(inner) == 2
    for body in inner:
        headers = {"X-Shopify-Access-Token": "shpat_1"}
        contract.check_request(httpx.Request("POST", f"https://x{GRAPHQL}", json=body, headers=headers))
    contract.assert_kept("productVariants", "productVariantsBulkUpdate")


def test_both_modes_ask_the_same(fake, connector, contract, vendor_specs):
    other = shopify(vendor_specs)
    with Storage(contract) as transport, connector.open(clock=fake.clock, transport=transport) as session:
        list(session.read())
        session.write(everything(fake)[:1])

    async def run():
        async with (
            AsyncValidatingTransport(httpx.AsyncHTTPTransport(), other) as transport,
            connector.open_async(clock=fake.clock, transport=transport) as session,
        ):
            assert len([record async for record in session.read()]) == 6
            change = Change(key="S-0", values={"price": "4", "inventory_quantity": 8})
            assert [outcome.status for outcome in await session.write([change])] == ["updated"]

    asyncio.run(run())
    assert contract.seen.keys() == other.seen.keys()


def test_answers_made_of_the_schema_are_read(contract):
    """With values as the schema's scalars have them, none of which the stand-in has made up."""

    def answer(request: httpx.Request) -> httpx.Response:
        contract.check_request(request)
        values = {
            "ProductVariant.sku": "00042",
            "ProductVariant.price": "1234567.89",
            "ProductVariant.compareAtPrice": None,
            "ProductVariant.inventoryQuantity": -3,
            "ProductVariant.updatedAt": "2026-01-31T00:00:00Z",
            "InventoryItem.updatedAt": "2026-02-01T00:00:00Z",
            "InventoryItem.unitCost": {"amount": "12.00", "currencyCode": "EUR"},
            "InventoryQuantity.name": "available",
            "InventoryQuantity.quantity": 5,
            "Product.status": "DRAFT",
            "Product.tags": ["a", "b"],
        }
        return contract.reply(request, values)

    connector = Shopify(shop="my-shop", access_token="shpat_1", metafields=SEASON)
    with connector.open(transport=httpx.MockTransport(answer), clock=InstantClock()) as session:
        (record,) = session.read()
    contract.assert_kept("productVariants")
    assert record.key == "00042"
    assert record.cursor == datetime(2026, 2, 1, tzinfo=UTC)
    assert not record.problems
    wanted = {
        "price": Decimal("1234567.89"),
        "compare_at_price": None,
        "cost": Decimal("12.00"),
        "inventory_quantity": -3,
        "status": "draft",
        "tags": ["a", "b"],
    }
    assert {name: record[name] for name in wanted} == wanted
    (level,) = record["inventory_levels"]
    assert (level.location, level.available) == ("gid://shopify/Location/1", Decimal(5))


def test_every_change_of_stock_has_its_key_and_says_what_it_expects(fake, connector):
    """Shopify's schema does not demand them; its texts do."""
    with connector.open(clock=fake.clock) as session:
        session.write(everything(fake))
    stock = []
    for entry in fake.journal:
        body = json.loads(entry.body) if entry.path == GRAPHQL else {"query": ""}
        if re.search(r"\binventory(Set|Adjust|Activate)", body["query"]):
            stock.append(body)
            assert re.search(r"inventory\w+\([^)]*\) @idempotent\(key: \$key\)", body["query"])
            assert re.fullmatch(r"[0-9a-f-]{36}", body["variables"]["key"])
    rows = [
        row
        for body in stock
        for row in body["variables"].get("input", {}).get("quantities", ())
        or body["variables"].get("input", {}).get("changes", ())
    ]
    assert [row["changeFromQuantity"] for row in rows] == [0, None]
    assert len({body["variables"]["key"] for body in stock}) == len(stock) == 3


def test_a_breach_would_be_noticed(fake, connector, contract):
    class Wrong(Shopify):
        name = "wrong"

        def selection(self, query, *, bulk=False):
            return super().selection(query, bulk=bulk) + " onHandQuantity"

    wrong = Wrong(base_url=fake.base_url, access_token=fake.access_token)
    with (
        Storage(contract) as transport,
        wrong.open(transport=transport) as session,
        pytest.raises(ContractError, match="onHandQ"),
    ):
        list(session.read())
