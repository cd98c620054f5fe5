"""The contracts of each system, from the vendor's documents: what a contract test begins with."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from tests.contracts.contract import Contracts, VendorContract
from tests.contracts.graphql import GraphQLContract
from tests.contracts.odata import ODataContract
from tests.contracts.openapi import OpenAPIContract
from tests.contracts.records import NetSuiteContract

C = TypeVar("C", bound=VendorContract)

S4_ROOT: Final = "/sap/opu/odata/sap"
B1_ROOT: Final = "/b1s/v1"
_S4_AUTH: Final = r"(Basic|Bearer) \S+"
# The guide to asynchronous requests and to OAuth 2.0; the table of facts does not hold these.
_NETSUITE_ALSO: Final = (
    {
        "op": "token",
        "method": "POST",
        "path": "/auth/oauth2/v1/token",
        "anonymous": True,
        "form": ["grant_type", "client_assertion_type", "client_assertion"],
    },
    {"op": "job", "method": "GET", "path": "/async/v1/job/{id}"},
    {"op": "job tasks", "method": "GET", "path": "/async/v1/job/{id}/task", "query": ["limit", "offset"]},
    {"op": "job task", "method": "GET", "path": "/async/v1/job/{id}/task/{task}"},
    {"op": "job result", "method": "GET", "path": "/async/v1/job/{id}/task/{task}/result"},
    {
        "op": "sublist",
        "method": "GET",
        "path": "/record/v1/{recordType}/{id}/{sublist}",
        "query": ["expandSubResources", "limit", "offset"],
    },
)


def _read_once(make: Callable[[Path], C]) -> Callable[[Path], C]:
    cached = functools.cache(make)
    return functools.wraps(make)(lambda specs: cached(specs).fresh())


@_read_once
def klaviyo(specs: Path) -> OpenAPIContract:
    """Klaviyo's OpenAPI document; each request names the revision."""
    return OpenAPIContract.read(
        specs / "klaviyo" / "klaviyo-2026-07-15.trimmed.json",
        authorization=r"(Klaviyo-API-Key|Bearer) \S+",
        headers={"revision": "2026-07-15"},
    )


@_read_once
def shopify(specs: Path) -> GraphQLContract:
    """Shopify's Admin schema."""
    return GraphQLContract.read(
        specs / "shopify" / "admin-2026-10.trimmed.graphql",
        path="/admin/api/2026-10/graphql.json",
        headers={"X-Shopify-Access-Token": r"\S+"},
    )


@_read_once
def s4hana(specs: Path) -> Contracts:
    """S/4HANA's services: metadata of products and pricing, SAP's OpenAPI of stock and documents."""
    folder = specs / "sap" / "s4hana"
    odata = {"headers": {"Authorization": _S4_AUTH}, "csrf": True, "custom": r"YY1_\w+"}
    openapi = {
        "authorization": _S4_AUTH,
        "write_headers": {"X-CSRF-Token": r"(?!(?i:fetch|required)$).+"},
        # Of every service; the documents list them nowhere.
        "query": ("$format", "sap-client", "sap-language"),
        # Keys that SAP gives out, and the document demands all the same.
        "assigned": ("MaterialDocumentYear", "MaterialDocument", "MaterialDocumentItem"),
    }
    return Contracts(
        *(
            ODataContract.read(folder / f"{name}.edmx.xml", mount=f"{S4_ROOT}/{name}", **odata)
            for name in (
                "API_PRODUCT_SRV",
                "API_SLSPRICINGCONDITIONRECORD_SRV",
                "API_PRODUCT_AVAILY_INFO_BASIC",
            )
        ),
        *(
            OpenAPIContract.read(folder / f"{name}.openapi.json", mount=f"{S4_ROOT}/{name}", **openapi)
            for name in ("API_MATERIAL_STOCK_SRV", "API_MATERIAL_DOCUMENT_SRV")
        ),
    )


@_read_once
def business_one(specs: Path) -> ODataContract:
    """Business One's Service Layer; purchase orders are of the type Document, their set was trimmed away."""
    return ODataContract.read(
        specs / "sap" / "business-one" / "ServiceLayer_v1.edmx.xml",
        mount=B1_ROOT,
        cookies=("B1SESSION", "ROUTEID"),
        text_dates=True,
        sets={"PurchaseOrders": "Document"},
        custom=r"U_\w+",
    )


@_read_once
def netsuite(specs: Path) -> NetSuiteContract:
    """NetSuite's record facts; purchase orders are not among them, so their bodies are not judged."""
    return NetSuiteContract.read(
        specs / "netsuite", also=_NETSUITE_ALSO, unknown_records=("purchaseOrder", "vendor", "location")
    )
