"""Connectors: other systems, read and written alike. A new one is a subclass of :class:`Connector`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkeditor.connectors import paging
    from bulkeditor.connectors._async import AsyncConnectorSession
    from bulkeditor.connectors._bookmark import Bookmark
    from bulkeditor.connectors._classify import Problem
    from bulkeditor.connectors._config import from_config
    from bulkeditor.connectors._convert import (
        Boolean,
        Converter,
        DateTime,
        Money,
        Number,
        Quantity,
        Raw,
        Tags,
        Text,
    )
    from bulkeditor.connectors._csvfile import CSVFile
    from bulkeditor.connectors._declare import Capabilities, Limits
    from bulkeditor.connectors._excelfile import ExcelFile
    from bulkeditor.connectors._fields import Field, field, lookup
    from bulkeditor.connectors._history import ConfigVersion, History
    from bulkeditor.connectors._layout import Layout
    from bulkeditor.connectors._ledger import ReadLedger, WriteLedger
    from bulkeditor.connectors._locations import LocationRule, MultiLocation, SyncRules
    from bulkeditor.connectors._options import SessionOptions
    from bulkeditor.connectors._registry import available
    from bulkeditor.connectors._settings import MissingSettingsError, secret, setting
    from bulkeditor.connectors._shape import Drift, Shape
    from bulkeditor.connectors._sqltable import SQLTable
    from bulkeditor.connectors._sync import ConnectorSession
    from bulkeditor.connectors._types import (
        Batch,
        Change,
        CheckRow,
        CursorValue,
        DeadLetter,
        Outcome,
        Outcomes,
        Page,
        PlacedOrder,
        PurchaseLine,
        PurchaseOrder,
        Query,
        Reading,
        Record,
        Records,
        StockLevel,
        Verdict,
        Writing,
    )
    from bulkeditor.connectors.base import Connector
    from bulkeditor.connectors.business_one import BusinessOne
    from bulkeditor.connectors.klaviyo import Klaviyo, KlaviyoEvents, KlaviyoItems, KlaviyoProfiles
    from bulkeditor.connectors.netsuite import NetSuite
    from bulkeditor.connectors.sap import SAP
    from bulkeditor.connectors.shopify import Shopify

_HOMES = {
    "_async": ("AsyncConnectorSession",),
    "_bookmark": ("Bookmark",),
    "_classify": ("Problem",),
    "_config": ("from_config",),
    "_convert": ("Boolean", "Converter", "DateTime", "Money", "Number", "Quantity", "Raw", "Tags", "Text"),
    "_csvfile": ("CSVFile",),
    "_declare": ("Capabilities", "Limits"),
    "_excelfile": ("ExcelFile",),
    "_fields": ("Field", "field", "lookup"),
    "_history": ("ConfigVersion", "History"),
    "_layout": ("Layout",),
    "_ledger": ("ReadLedger", "WriteLedger"),
    "_locations": ("LocationRule", "MultiLocation", "SyncRules"),
    "_options": ("SessionOptions",),
    "_registry": ("available",),
    "_settings": ("MissingSettingsError", "secret", "setting"),
    "_shape": ("Drift", "Shape"),
    "_sqltable": ("SQLTable",),
    "_sync": ("ConnectorSession",),
    "_types": (
        "Batch",
        "Change",
        "CheckRow",
        "CursorValue",
        "DeadLetter",
        "Outcome",
        "Outcomes",
        "Page",
        "PlacedOrder",
        "PurchaseLine",
        "PurchaseOrder",
        "Query",
        "Reading",
        "Record",
        "Records",
        "StockLevel",
        "Verdict",
        "Writing",
    ),
    "base": ("Connector",),
    "business_one": ("BusinessOne",),
    "sap": ("SAP",),
    "netsuite": ("NetSuite",),
    "klaviyo": ("Klaviyo", "KlaviyoEvents", "KlaviyoItems", "KlaviyoProfiles"),
    "shopify": ("Shopify",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(f"bulkeditor.connectors.{home}"), name)
            break
    else:
        if name != "paging":
            raise AttributeError(f"module 'bulkeditor.connectors' has no attribute {name!r}")
        value = import_module("bulkeditor.connectors.paging")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "SAP",
    "AsyncConnectorSession",
    "Batch",
    "Bookmark",
    "Boolean",
    "BusinessOne",
    "CSVFile",
    "Capabilities",
    "Change",
    "CheckRow",
    "ConfigVersion",
    "Connector",
    "ConnectorSession",
    "Converter",
    "CursorValue",
    "DateTime",
    "DeadLetter",
    "Drift",
    "ExcelFile",
    "Field",
    "History",
    "Klaviyo",
    "KlaviyoEvents",
    "KlaviyoItems",
    "KlaviyoProfiles",
    "Layout",
    "Limits",
    "LocationRule",
    "MissingSettingsError",
    "Money",
    "MultiLocation",
    "NetSuite",
    "Number",
    "Outcome",
    "Outcomes",
    "Page",
    "PlacedOrder",
    "Problem",
    "PurchaseLine",
    "PurchaseOrder",
    "Quantity",
    "Query",
    "Raw",
    "ReadLedger",
    "Reading",
    "Record",
    "Records",
    "SQLTable",
    "SessionOptions",
    "Shape",
    "Shopify",
    "StockLevel",
    "SyncRules",
    "Tags",
    "Text",
    "Verdict",
    "WriteLedger",
    "Writing",
    "available",
    "field",
    "from_config",
    "lookup",
    "paging",
    "secret",
    "setting",
]
