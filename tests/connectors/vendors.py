"""The systems that connectors and stand-ins are there for: how a test opens the one against the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import attrs

from bulkeditor.connectors import Connector, available
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
        places: Two places that the stand-in has.
        main: The place whose stock the stand-in shows as ``inventory_quantity``.
        custom: A custom field with a value.
        supplier: A supplier that purchase orders may go to.
    """

    name: str
    integration: str
    stand_in: str
    settings: Callable[[Any], Mapping[str, Any]]
    wrong: Mapping[str, Any] = {}
    same: frozenset[str] = frozenset()
    time: Callable[[datetime], bytes] | None = None
    places: tuple[str, str] | None = None
    main: str | None = None
    custom: tuple[str, object] | None = None
    supplier: str | None = None

    @property
    def missing(self) -> str | None:
        """What is not there yet; None where connector and stand-in are."""
        module = self.stand_in.partition(":")[0]
        if self.integration not in available([MyERP]):
            return f"the connector {self.integration!r}"
        if find_spec(f"bulkeditor.testing.vendors.{module}") is None:
            return f"the stand-in {module}"
        return None

    def keeps(self, keys: Sequence[str]) -> bool:
        """Whether the system itself keeps these keys apart."""
        folded = [key.casefold() if "case" in self.same else key for key in keys]
        bare = [key.lstrip("0") if "zeros" in self.same else key for key in folded]
        return len(set(bare)) == len(keys)

    def start(self) -> StandIn:
        """Its stand-in, at a fixed time; to be used in a ``with``."""
        module, _, name = self.stand_in.partition(":")
        return getattr(import_module(f"bulkeditor.testing.vendors.{module}"), name)(clock=InstantClock())

    def connector(self, fake: Any, **changed: Any) -> Connector:
        """The connector at a stand-in's address, with its credentials."""
        found = MyERP if self.integration == MyERP.name else find(self.integration)
        return found(base_url=fake.base_url, **{**self.settings(fake), **changed})


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
        System(name="s4", integration="sap", stand_in="sap_s4:S4HANA", settings=dict),
        System(name="b1", integration="sap_b1", stand_in="sap_b1:BusinessOne", settings=dict),
        System(name="netsuite", integration="netsuite", stand_in="netsuite:NetSuite", settings=dict),
        System(name="klaviyo", integration="klaviyo", stand_in="klaviyo:Klaviyo", settings=dict),
        System(name="shopify", integration="shopify", stand_in="shopify:Shopify", settings=dict),
    )
}

__all__ = ["SYSTEMS", "System"]
