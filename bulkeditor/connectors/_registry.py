"""Connectors by name: those of this package, and those that other packages bring as entry points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from bulkeditor.errors import ConfigurationError
from bulkeditor.models._base import did_you_mean

if TYPE_CHECKING:
    from bulkeditor.connectors.base import Connector

GROUP: Final = "bulkeditor.connectors"
"""The entry point group: ``my-erp = "my_package:MyERP"`` below it makes a connector known."""

BUILT_IN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "csv": "_csvfile:CSVFile",
        "excel": "_excelfile:ExcelFile",
        "klaviyo": "klaviyo:Klaviyo",
        "klaviyo-events": "klaviyo:KlaviyoEvents",
        "klaviyo-items": "klaviyo:KlaviyoItems",
        "klaviyo-profiles": "klaviyo:KlaviyoProfiles",
        "netsuite": "netsuite:NetSuite",
        "sap": "sap:SAP",
        "sap-business-one": "business_one:BusinessOne",
        "shopify": "shopify:Shopify",
        "sql": "_sqltable:SQLTable",
    }
)
"""Names of integrations to ``module:class`` below this package."""


def available(connectors: Iterable[type[Connector]] = ()) -> list[str]:
    """Names that ``{"integration": …}`` may have.

    Args:
        connectors: Classes of your own that are in no package.
    """
    own = {connector.name for connector in connectors}
    return sorted(own | BUILT_IN.keys() | {point.name for point in _installed()})


def find(name: str, connectors: Iterable[type[Connector]] = ()) -> type[Connector]:
    """The connector of a name: one of yours, else this package's, else another package's.

    Args:
        name: What ``integration`` says.
        connectors: Classes of your own that are in no package.

    Raises:
        ConfigurationError: There is none of that name, or it cannot be loaded.
    """
    own = {connector.name: connector for connector in connectors}
    if name in own:
        return own[name]
    if name in BUILT_IN:
        module, _, cls = BUILT_IN[name].partition(":")
        found: type[Connector] = getattr(import_module(f"bulkeditor.connectors.{module}"), cls)
        return found
    for point in _installed():
        if point.name == name:
            return _load(point)
    known = available(own.values())
    raise ConfigurationError(
        f"There is no integration {name!r}.{did_you_mean(name, known)}",
        hint=f"Choose from {', '.join(known)}." if known else None,
    )


def _installed() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _load(point: EntryPoint) -> type[Connector]:
    from bulkeditor.connectors.base import Connector  # noqa: PLC0415 - the base is above the registry

    try:
        found: object = point.load()
    except Exception as error:
        raise ConfigurationError(
            f"The integration {point.name!r} cannot be loaded from {point.value}: {error}.",
            hint="It comes from another package; look there.",
        ) from error
    if not (isinstance(found, type) and issubclass(found, Connector)):
        raise ConfigurationError(f"The entry point {point.name!r} ({point.value}) is no Connector.")
    return found


__all__ = ["BUILT_IN", "GROUP", "available", "find"]
