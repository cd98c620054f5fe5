"""What each connector has to be able to do, said here and not by the connector.

The table is taken from the vendors' own documents, as the cards beside them sum them up. Where a vendor can,
the connector is made to do it and the stand-in's books are looked at; where it cannot, the connector has to
say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

import bulkeditor as be
from bulkeditor.connectors import Change, Connector, ConnectorSession, PurchaseLine, PurchaseOrder, StockLevel
from tests.connectors.vendors import SYSTEMS, System

NO = None
# System → capability → how the vendor does it; NO where it cannot.
MUST_DO: dict[str, dict[str, str | None]] = {
    "s4": {
        "changed": "A_Product?$filter=LastChangeDateTime ge …",
        "stock by location": "A_MaterialStock?$expand=to_MatlStkInAcctMod",
        "prices": "A_SlsPrcgCndnRecdValidity, A_SlsPrcgConditionRecord",
        "costs": "A_ProductValuation",
        "write price": "PATCH or deep POST of A_SlsPrcgConditionRecord",
        "write stock": "POST A_MaterialDocumentHeader: a difference",
        "write custom fields": "YY1_* on the entity",
        "bulk": "$batch",
        "health": "A_Product?$top=1",
        "purchase orders": NO,
    },
    "b1": {
        "changed": "Items?$filter=UpdateDate ge …",
        "stock by location": "Items.ItemWarehouseInfoCollection",
        "prices": "Items.ItemPrices",
        "costs": "Items.MovingAveragePrice",
        "write price": "PATCH Items",
        "write stock": "InventoryPostings, InventoryGenEntries, InventoryGenExits",
        "write custom fields": "U_* on Items",
        "bulk": "$batch",
        "health": "POST Login, Warehouses?$top=1",
        "purchase orders": "POST PurchaseOrders",
    },
    "netsuite": {
        "changed": "SuiteQL: lastmodifieddate >= …",
        "stock by location": "SuiteQL, or the sublist locations",
        "prices": "SuiteQL, or the sublist price",
        "costs": "cost",
        "write price": "PATCH inventoryItem",
        "write stock": "POST inventoryAdjustment: a difference",
        "write custom fields": "custitem_*",
        "bulk": "PATCH on the collection, 100 records, asynchronous",
        "health": "SuiteQL of one row",
        "purchase orders": "POST purchaseOrder",
    },
    "klaviyo": {
        "changed": "attributes.updated, compared over a full scan: there is no filter",
        "stock by location": NO,
        "prices": "price of each variant",
        "costs": NO,
        "write price": "catalog-variant-bulk-update-jobs",
        "write stock": "inventory_quantity: one number",
        "write custom fields": "custom_metadata",
        "bulk": "catalog-variant-bulk-update-jobs, 100 variants",
        "health": "GET catalog-items?page[size]=1",
        "purchase orders": NO,
    },
    "shopify": {
        "changed": "productVariants(query: updated_at:>=…)",
        "stock by location": "inventoryItem.inventoryLevels",
        "prices": "variant.price",
        "costs": "inventoryItem.unitCost",
        "write price": "productVariantsBulkUpdate",
        "write stock": "inventorySetQuantities with changeFromQuantity, inventoryAdjustQuantities",
        "write custom fields": "metafields",
        "bulk": "productVariantsBulkUpdate, bulkOperationRunMutation",
        "health": "{ shop { id } }",
        "purchase orders": NO,
    },
}
KEYS = [f"MUST-{number}" for number in range(6)]

Check = Callable[["Tried"], None]
CHECKS: dict[str, Check] = {}
REFUSALS: dict[str, Check] = {}


class Tried:
    """A system with six records, and an open session."""

    def __init__(self, system: System, fake: Any, connector: Connector, session: ConnectorSession) -> None:
        self.system = system
        self.fake = fake
        self.connector = connector
        self.session = session

    @property
    def places(self) -> tuple[str, ...]:
        """Two places of the stand-in, where it has any."""
        return () if self.system.places is None else self.system.places(self.fake)

    def value(self, key: str, field: str) -> object:
        """What the connector reads."""
        return {record.key: record for record in self.session.read()}[key].get(field)

    def held(self, key: str, field: str) -> object:
        """What stands in the stand-in's books."""
        record = self.fake.holds(key)
        assert record is not None
        return record[field]

    def wrote(self, *changes: Change) -> None:
        outcomes = self.session.write(changes)
        assert [outcome.status for outcome in outcomes] == ["updated"] * len(changes), outcomes


@contextmanager
def tried(system: System, **options: Any) -> Iterator[Tried]:
    """Options as for ``open()``."""
    with system.start() as fake:
        start = fake.clock.now() - timedelta(days=10)
        fake.seed(
            {
                "sku": key,
                "price": Decimal("10.50") + number,
                "inventory_quantity": 20 + number,
                "changed_at": start + timedelta(hours=number),
            }
            for number, key in enumerate(KEYS)
        )
        connector = system.connector(fake)
        with connector.open(clock=fake.clock, **options) as session:
            yield Tried(system, fake, connector, session)


def can(capability: str) -> Callable[[Check], Check]:
    def keep(check: Check) -> Check:
        CHECKS[capability] = check
        return check

    return keep


def cannot(capability: str) -> Callable[[Check], Check]:
    def keep(check: Check) -> Check:
        REFUSALS[capability] = check
        return check

    return keep


@can("changed")
def changed(it: Tried) -> None:
    moment = it.fake.clock.now() - timedelta(days=1)
    assert [record.key for record in it.session.read(since=moment)] == []
    it.fake.edit(KEYS[4], {"price": Decimal("99.00")}, changed_at=moment + timedelta(hours=2))
    (record,) = it.session.read(since=moment)
    assert (record.key, record["price"]) == (KEYS[4], Decimal("99.00"))
    if it.system.narrow:
        # The vendor filters: what did not change was not sent either.
        assert it.session.ledger.read < len(KEYS)
    # The lower bound is inclusive, whatever part of the record it was that changed.
    at = (moment + timedelta(hours=3)).replace(microsecond=0)
    it.fake.edit(KEYS[5], {"title": "of another name"}, changed_at=at)
    assert [record.key for record in it.session.read(since=at)] == [KEYS[5]]


@can("stock by location")
def stock_by_location(it: Tried) -> None:
    one, other = it.places
    it.system.stock(it.fake, KEYS[1], {one: 7, other: 5})
    levels = it.value(KEYS[1], "inventory_levels")
    assert isinstance(levels, tuple | list)
    assert all(isinstance(level, StockLevel) for level in levels)
    there = {
        level.location: level.on_hand if level.on_hand is not None else level.available for level in levels
    }
    assert {one: there[one], other: there[other]} == {one: Decimal(7), other: Decimal(5)}


@cannot("stock by location")
def no_stock_by_location(it: Tried) -> None:
    assert "inventory_levels" not in it.connector.read_fields()
    assert not it.connector.capabilities.per_location


@can("prices")
def prices(it: Tried) -> None:
    prices = {record.key: record["price"] for record in it.session.read(fields=["sku", "price"])}
    assert prices == {key: Decimal("10.50") + number for number, key in enumerate(KEYS)}
    assert {type(price) for price in prices.values()} == {Decimal}


@can("costs")
def costs(it: Tried) -> None:
    it.fake.edit(KEYS[2], {"cost": Decimal("4.25")})
    assert it.value(KEYS[2], "cost") == Decimal("4.25")


@cannot("costs")
def no_costs(it: Tried) -> None:
    assert "cost" not in it.connector.read_fields()
    assert "cost" not in it.connector.written_fields()


@can("write price")
def write_price(it: Tried) -> None:
    it.wrote(
        Change(key=KEYS[0], values={"price": "42.10"}), Change(key=KEYS[1], values={"price": Decimal(7)})
    )
    assert it.held(KEYS[0], "price") == Decimal("42.10")
    assert it.held(KEYS[1], "price") == Decimal(7)
    assert it.held(KEYS[2], "price") == Decimal("12.50"), "another record's price"


@can("write stock")
def write_stock(it: Tried) -> None:
    able = it.connector.capabilities
    place = it.places[0] if it.places else None
    before = it.held(KEYS[3], "inventory_quantity")
    assert before == 23
    if "inventory_quantity" in able.delta:
        it.wrote(Change(key=KEYS[3], delta={"inventory_quantity": -2}, reason="correction", location=place))
        assert it.held(KEYS[3], "inventory_quantity") == 21
    else:
        assert "inventory_quantity" in it.connector.written_fields()
    if "inventory_quantity" in it.connector.written_fields():
        it.wrote(Change(key=KEYS[4], values={"inventory_quantity": 9}, reason="correction", location=place))
        assert it.held(KEYS[4], "inventory_quantity") == 9


@can("write custom fields")
def write_custom_fields(it: Tried) -> None:
    assert it.system.custom is not None
    name, value = it.system.custom
    it.wrote(Change(key=KEYS[2], values={name: value}))
    assert it.value(KEYS[2], name) == value


@can("bulk")
def bulk(it: Tried) -> None:
    with it.fake.watching() as entries:
        it.wrote(*(Change(key=key, values={"price": Decimal(30) + at}) for at, key in enumerate(KEYS)))
    assert [it.held(key, "price") for key in KEYS] == [Decimal(30) + at for at in range(len(KEYS))]
    carrying = [entry for entry in entries if any(effect.field == "price" for effect in entry.effects)]
    assert len(carrying) < len(KEYS), "each change took a request of its own"


@can("health")
def health(it: Tried) -> None:
    rows = it.session.check()
    probed = [row for row in rows if row.ok is not None]
    assert probed, "nothing was probed"
    assert all(row.ok for row in probed), probed
    it.fake.fault("server_error", times=None)
    with it.connector.open(clock=it.fake.clock, retry=be.RetryPolicy(max_retries=0)) as broken:
        assert not any(row.ok for row in broken.check())
    it.fake.calm()
    assert not it.fake.effects, "a check changed something"


@can("purchase orders")
def purchase_orders(it: Tried) -> None:
    assert it.system.supplier is not None
    order = PurchaseOrder(
        supplier=it.system.supplier,
        lines=(
            PurchaseLine(key=KEYS[0], quantity=12, price=Decimal("4.25")),
            PurchaseLine(key=KEYS[5], quantity=3),
        ),
        location=it.places[0],
        reference="BE-1001",
        due=(it.fake.clock.now() + timedelta(days=14)).date(),
    )
    before = len(it.system.orders(it.fake))
    placed = it.session.create_purchase_order(order)
    assert placed.id
    assert len(it.system.orders(it.fake)) == before + 1


@cannot("purchase orders")
def no_purchase_orders(it: Tried) -> None:
    assert not it.connector.capabilities.purchase_orders
    order = PurchaseOrder(supplier="1", lines=(PurchaseLine(key=KEYS[0], quantity=1),))
    with pytest.raises(be.UnsupportedByServerError, match="purchase orders"):
        it.session.create_purchase_order(order)
    assert not it.fake.effects


def check_of(name: str, capability: str) -> Check:
    """What a system has to stand."""
    return CHECKS[capability] if MUST_DO[name][capability] else REFUSALS[capability]


@pytest.mark.parametrize("capability", CHECKS)
@pytest.mark.parametrize("name", MUST_DO)
def test_it_can(name: str, capability: str) -> None:
    with tried(SYSTEMS[name]) as it:
        check_of(name, capability)(it)


def test_the_table_is_whole() -> None:
    assert MUST_DO.keys() == SYSTEMS.keys() - {"reference"}
    for name, row in MUST_DO.items():
        assert row.keys() == CHECKS.keys(), name
        assert all(capability in REFUSALS for capability, how in row.items() if how is NO), name
