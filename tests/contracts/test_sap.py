"""The connectors to SAP against SAP's own documents: everything they ask, and what they make of answers."""

import asyncio
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from bulkeditor.connectors import SAP, BusinessOne, Change, PurchaseLine, PurchaseOrder, StockLevel
from bulkeditor.testing import InstantClock
from bulkeditor.testing.vendors.sap_b1 import BusinessOne as ServiceLayer
from bulkeditor.testing.vendors.sap_s4 import S4HANA
from tests.contracts import systems
from tests.contracts.contract import AsyncValidatingTransport, ValidatingTransport

WHOSE = {"sales_organization": "1010", "distribution_channel": "10", "currency": "EUR"}


@pytest.fixture
def clock():
    return InstantClock()


def samples(clock):
    start = clock.now() - timedelta(days=1)
    return [
        {
            "sku": key,
            "title": "It's",
            "price": Decimal("10.50") + number,
            "cost": 4,
            "inventory_quantity": 20,
            "changed_at": start + timedelta(minutes=number),
        }
        for number, key in enumerate(["A-1", "A-2", "O'NEILL", "A-4", "A-5"])
    ]


@pytest.fixture
def s4(clock):
    with S4HANA(clock=clock, page=2) as fake:
        fake.custom_fields.add("YY1_Season_PRD")
        fake.seed(samples(clock))
        yield fake


@contextmanager
def judged(contract):
    """A transport that judges both sides; closed at the end."""
    with httpx.HTTPTransport() as inner:
        yield ValidatingTransport(inner, contract)


def sap(fake, **changes):
    given = {"username": fake.user, "password": fake.password, "custom_fields": ["YY1_Season_PRD"], **WHOSE}
    return SAP(base_url=fake.base_url, **{**given, **changes})


def part_of(contract, path):
    return contract.part(httpx.Request("GET", f"https://my.example.com{systems.S4_ROOT}/{path}"))


def everything(keys):
    """Changes that take every way there is to S/4HANA."""
    return [
        Change(key=keys[0], values={"price": "7.125", "category": "L001", "YY1_Season_PRD": "SS26"}),
        Change(key=keys[1], values={"price": "1.5"}),
        Change(key=keys[2], values={"barcode": "4006381333931", "vendor": "100042"}),
        Change(key=keys[2], delta={"inventory_quantity": -2}, location="1010/101A", reason="it broke"),
        Change(key=keys[2], delta={"inventory_quantity": 3}, location="1010/101A"),
    ]


def test_every_request_to_s4hana_is_as_sap_documents_it(vendor_specs, s4, clock):
    contract = systems.s4hana(vendor_specs)
    s4.edit("A-2", {"price": None})
    with judged(contract) as transport, sap(s4).open(clock=clock, transport=transport) as session:
        assert len(list(session.read(page_size=3))) == 5
        bookmark = session.bookmark
        s4.edit("A-4", {"price": 99})
        assert [record.key for record in session.read(since=bookmark)] == ["A-4"]
        outcomes = session.write(everything(["A-1", "A-2", "O'NEILL"]))
        assert [outcome.status for outcome in outcomes] == ["updated"] * 5, outcomes
        assert all(row.ok is not False for row in session.check())
    contract.assert_kept(
        "GET /",
        "GET A_Product",
        "GET A_SlsPrcgCndnRecdValidity",
        "GET A_SlsPrcgConditionRecord",
        "POST /$batch",
        "$batch PATCH A_Product()",
        "$batch PATCH A_SlsPrcgConditionRecord()",
        "$batch POST A_SlsPrcgConditionRecord",
    )
    # The documents of stock and goods movements have no names for their operations.
    assert any("A_MaterialStock" in name for name in contract.seen), contract.seen
    assert any("A_MaterialDocumentHeader" in name for name in contract.seen), contract.seen


def test_every_request_under_asyncio_too(vendor_specs, s4, clock):
    contract = systems.s4hana(vendor_specs)

    async def work():
        inner = httpx.AsyncHTTPTransport()
        transport = AsyncValidatingTransport(inner, contract)
        async with inner, sap(s4).open_async(clock=clock, transport=transport) as session:
            keys = [record.key async for record in session.read()]
            return keys, await session.write(everything(keys))

    keys, outcomes = asyncio.run(work())
    assert len(keys) == len(outcomes) == 5
    assert {outcome.status for outcome in outcomes} == {"updated"}
    contract.assert_kept("GET A_Product", "$batch PATCH A_SlsPrcgConditionRecord()")


def test_answers_as_the_metadata_has_them_are_read(vendor_specs, clock):
    """Rows with every property that there is, made from the metadata and not by the stand-in."""
    contract = systems.s4hana(vendor_specs)
    products = part_of(contract, "API_PRODUCT_SRV/A_Product")
    prices = part_of(contract, "API_SLSPRICINGCONDITIONRECORD_SRV/A_SlsPrcgConditionRecord")
    amounts = {"ConditionRateValue": "1250.000", "ConditionRateValueUnit": "EUR", "ConditionQuantity": "100"}
    record = prices.sample("A_SlsPrcgConditionRecord", ConditionIsDeleted=False, **amounts)
    validity = prices.sample(
        "A_SlsPrcgCndnRecdValidity",
        Material="00042",
        to_SlsPrcgConditionRecord=record,
        **dict.fromkeys(
            (
                "ConditionReleaseStatus",
                "Customer",
                "SoldToParty",
                "CustomerGroup",
                "CustomerPriceGroup",
                "PriceListType",
            ),
            "",
        ),
    )
    valuation = products.sample(
        "A_ProductValuation",
        ValuationType="",
        InventoryValuationProcedure="V",
        MovingAveragePrice="4.250",
        PriceUnitQty="1",
    )
    product = products.sample(
        "A_Product",
        Product="00042",
        IsMarkedForDeletion=False,
        LastChangeDateTime="/Date(1700000000000+0000)/",
        to_Valuation={"results": [valuation]},
        to_Description={"results": []},
    )
    stock = {
        "Plant": "1010",
        "StorageLocation": "101A",
        "InventoryStockType": "01",
        "InventorySpecialStockType": "",
        "MatlWrhsStkQtyInMatlBaseUnit": "12.000",
    }
    rows = {
        "A_Product": [product],
        "A_SlsPrcgCndnRecdValidity": [validity],
        "A_MaterialStock": [{"Material": "00042", "to_MatlStkInAcctMod": {"results": [stock]}}],
    }

    def answer(request):
        found = rows.get(request.url.path.rpartition("/")[2], [])
        return httpx.Response(200, json={"d": {"results": found, "__count": str(len(found))}})

    erp = SAP(base_url="https://my.example.com", username="u", password="p")
    with erp.open(clock=clock, transport=httpx.MockTransport(answer)) as session:
        (found,) = session.read()
    assert found.key == "00042"
    assert not found.problems
    assert (found["price"], found["cost"], found["inventory_quantity"]) == (
        Decimal("12.5"),
        Decimal("4.25"),
        12,
    )
    assert found["inventory_levels"] == [
        StockLevel(location="1010/101A", on_hand=Decimal(12), available=Decimal(12))
    ]


def test_every_request_to_business_one_is_as_its_metadata_has_it(vendor_specs, clock):
    contract = systems.business_one(vendor_specs)
    with ServiceLayer(clock=clock) as fake:
        fake.declare("U_OITMH_SO")
        fake.seed(samples(clock))
        erp = BusinessOne(
            base_url=fake.base_url,
            company=fake.company,
            username=fake.user,
            password=fake.password,
            custom_fields=["U_OITMH_SO"],
        )
        with judged(contract) as transport, erp.open(clock=clock, transport=transport) as session:
            assert len(list(session.read(page_size=2))) == 5
            list(session.read(since=clock.now() - timedelta(hours=30)))
            outcomes = session.write(
                [
                    Change(key="O'NEILL", values={"price": "7.5", "title": "Shirt", "U_OITMH_SO": "x"}),
                    Change(key="A-1", values={"inventory_quantity": 7}, location="02", reason="counted"),
                    Change(key="A-2", delta={"inventory_quantity": 4}, location="01"),
                    Change(key="A-4", delta={"inventory_quantity": -4}, location="01", reason="it broke"),
                ]
            )
            assert [outcome.status for outcome in outcomes] == ["updated"] * 4, outcomes
            order = PurchaseOrder(
                supplier="V10000",
                lines=(PurchaseLine(key="A-1", quantity=12, price=Decimal("4.25")),),
                location="01",
                reference="PO-77",
                due=date(2026, 12, 24),
            )
            assert session.create_purchase_order(order) == session.create_purchase_order(order)
            assert all(row.ok is not False for row in session.check())
    contract.assert_kept(
        "POST Login",
        "POST Logout",
        "GET Items",
        "GET Warehouses",
        "POST /$batch",
        "$batch PATCH Items()",
        "POST InventoryPostings",
        "POST InventoryGenEntries",
        "POST InventoryGenExits",
        "GET PurchaseOrders",
        "POST PurchaseOrders",
    )


def test_items_as_the_metadata_has_them_are_read(vendor_specs, clock):
    contract = systems.business_one(vendor_specs)
    item = contract.sample(
        "Items",
        ItemCode="00042",
        UpdateDate="2026-01-15",
        UpdateTime="08:30:07",
        MovingAveragePrice=4.25,
        QuantityOnStock=12.0,
        ItemPrices=[{"PriceList": 2, "Price": 1}, {"PriceList": 1, "Price": 12.5, "Currency": "EUR"}],
        ItemWarehouseInfoCollection=[{"WarehouseCode": "01", "InStock": 12, "Committed": 2, "Ordered": 5}],
    )

    def answer(request):
        if request.url.path.endswith("/Login"):
            cookies = [("set-cookie", "B1SESSION=1"), ("set-cookie", "ROUTEID=.node1")]
            return httpx.Response(200, json={"SessionId": "1"}, headers=cookies)
        return httpx.Response(200, json={"value": [item]} if "Items" in request.url.path else {})

    erp = BusinessOne(base_url="https://b1.example.com:50000", company="c", username="u", password="p")
    with erp.open(clock=clock, transport=httpx.MockTransport(answer)) as session:
        (found,) = session.read()
    assert not found.problems
    assert found["updated_at"] == datetime(2026, 1, 15, 8, 30, 7, tzinfo=UTC)
    assert (found["price"], found["cost"], found["inventory_quantity"]) == (
        Decimal("12.5"),
        Decimal("4.25"),
        12,
    )
    (level,) = found["inventory_levels"]
    assert (level.on_hand, level.reserved, level.available, level.incoming) == (12, 2, 10, 5)
