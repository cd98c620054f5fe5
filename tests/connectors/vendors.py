"""The systems that connectors and stand-ins are there for: how a test opens the one against the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

import attrs

from bulkeditor.connectors import Connector
from bulkeditor.connectors._registry import find
from bulkeditor.testing import InstantClock, StandIn
from tests.connectors.erp import MyERP


@attrs.frozen(kw_only=True)
class System:
    """One system.

    Args:
        name: Its name here.
        integration: The connector's name in a configuration.
        stand_in: ``module:class`` of its stand-in, below ``bulkeditor.testing.vendors``.
        settings: What the connector is given besides its address, taken from the stand-in.
        wrong: Settings with credentials that are wrong.
        same: Which keys the system itself takes for the same: ``case``, ``zeros``.
        time: How a moment stands on the wire, a regular expression; None where it does not stand alone.
        places: Two places of the stand-in; the first holds what is seeded.
        stock: Puts stock into places of the stand-in.
        custom: A custom field with a value.
        prepare: What the stand-in has to know before, such as the custom field.
        supplier: A supplier that purchase orders may go to.
        orders: The purchase orders that the stand-in has.
        narrow: Whether the vendor filters what changed.
    """

    name: str
    integration: str
    stand_in: str
    settings: Callable[[Any], Mapping[str, Any]]
    wrong: Mapping[str, Any] = {}
    same: frozenset[str] = frozenset()
    time: Callable[[datetime], bytes] | None = None
    places: Callable[[Any], tuple[str, str]] | None = None
    stock: Callable[[Any, str, Mapping[str, int]], object] = lambda fake, key, levels: fake.edit(
        key, {"inventory_levels": levels}
    )
    custom: tuple[str, object] | None = None
    prepare: Callable[[Any], object] = id
    supplier: str | None = None
    orders: Callable[[Any], Sequence[Any]] = lambda _: ()
    narrow: bool = True

    def keeps(self, keys: Sequence[str]) -> bool:
        """Whether the system itself keeps these keys apart."""
        folded = [key.casefold() if "case" in self.same else key for key in keys]
        bare = [key.lstrip("0") if "zeros" in self.same else key for key in folded]
        return len(set(bare)) == len(keys)

    def start(self) -> StandIn:
        """Its stand-in, at a fixed time; to be used in a ``with``."""
        module, _, name = self.stand_in.partition(":")
        fake = getattr(import_module(f"bulkeditor.testing.vendors.{module}"), name)(clock=InstantClock())
        self.prepare(fake)
        return fake

    def connector(self, fake: Any, **changed: Any) -> Connector:
        """The connector at a stand-in's address, with its credentials."""
        found = MyERP if self.integration == MyERP.name else find(self.integration)
        return found(base_url=fake.base_url, **{**self.settings(fake), **changed})


def _s4_stock(fake: Any, key: str, levels: Mapping[str, int]) -> None:
    for place, quantity in levels.items():
        fake.set_stock(key, Decimal(quantity), storage=place.rpartition("/")[2])


def _b1_stock(fake: Any, key: str, levels: Mapping[str, int]) -> None:
    (item,) = [row for row in fake.rows("Items") if row["ItemCode"] == key]
    for line in item["ItemWarehouseInfoCollection"]:
        line["InStock"] = Decimal(levels.get(line["WarehouseCode"], 0))


SYSTEMS = {
    system.name: system
    for system in (
        System(
            name="reference",
            integration="my-erp",
            stand_in="reference:ReferenceERP",
            settings=lambda fake: {"client_id": fake.client_id, "client_secret": fake.client_secret},
            wrong={"client_secret": "wrong"},
            time=lambda moment: b'"%s"' % re.escape(moment.isoformat()).encode(),
        ),
        System(
            name="s4",
            integration="sap",
            stand_in="sap_s4:S4HANA",
            settings=lambda fake: {
                "username": fake.user,
                "password": fake.password,
                "location": "1010/101A",
                "custom_fields": ["YY1_SEASON_PRD"],
            },
            wrong={"password": "wrong"},
            same=frozenset({"case"}),
            time=lambda moment: rb'"/Date\(%d(?:\+0000)?\)/"' % round(moment.timestamp() * 1000),
            places=lambda _: ("1010/101A", "1010/101B"),
            stock=_s4_stock,
            custom=("YY1_SEASON_PRD", "summer"),
            prepare=lambda fake: fake.custom_fields.add("YY1_SEASON_PRD"),
        ),
        System(
            name="b1",
            integration="sap-business-one",
            stand_in="sap_b1:BusinessOne",
            settings=lambda fake: {
                "company": fake.company,
                "username": fake.user,
                "password": fake.password,
                "custom_fields": ["U_Season"],
            },
            wrong={"password": "wrong"},
            time=lambda moment: moment.strftime('(?<="UpdateTime":)"%H:%M:%S"').encode(),
            places=lambda _: ("01", "02"),
            stock=_b1_stock,
            custom=("U_Season", "summer"),
            prepare=lambda fake: fake.declare("U_Season"),
            supplier="V10000",
            orders=lambda fake: fake.rows("PurchaseOrders"),
        ),
        System(
            name="netsuite",
            integration="netsuite",
            stand_in="netsuite:NetSuite",
            settings=lambda fake: {
                "account_id": fake.account,
                "consumer_key": fake.client_id,
                "certificate_id": fake.certificate_id,
                "private_key": fake.private_key,
                "adjustment_account": "54",
                "subsidiary": "1",
                "custom_fields": ["custitem_season"],
            },
            wrong={"consumer_key": "wrong"},
            time=lambda moment: moment.strftime('"%Y-%m-%d %H:%M:%S"').encode(),
            places=lambda _: ("1", "2"),
            custom=("custitem_season", "summer"),
            prepare=lambda fake: fake.books.custom_fields.add("custitem_season"),
            supplier="21",
            orders=lambda fake: fake.orders,
        ),
        System(
            name="klaviyo",
            integration="klaviyo",
            stand_in="klaviyo:Klaviyo",
            settings=lambda fake: {"api_key": fake.api_key},
            wrong={"api_key": "pk_wrong"},
            time=lambda moment: b'"%s"' % re.escape(moment.isoformat()).encode(),
            custom=("custom_fields", {"season": "summer"}),
            narrow=False,
        ),
        System(
            name="shopify",
            integration="shopify",
            stand_in="shopify:Shopify",
            settings=lambda fake: {
                "access_token": fake.access_token,
                "location": fake.shop.locations[0].id,
                "metafields": {"season": "custom.season:single_line_text_field"},
            },
            wrong={"access_token": "shpat_wrong"},
            time=lambda moment: moment.strftime('"%Y-%m-%dT%H:%M:%SZ"').encode(),
            places=lambda fake: (fake.shop.locations[0].id, fake.shop.locations[1].id),
            custom=("season", "summer"),
        ),
    )
}

__all__ = ["SYSTEMS", "System"]
