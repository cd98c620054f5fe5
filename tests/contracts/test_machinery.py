"""The contracts themselves: each accepts what the vendor documents, and names every fault that is seeded."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from bulkeditor.testing import Answer, StandIn
from tests.contracts import systems
from tests.contracts.contract import ContractError, ValidatingTransport, as_request
from tests.contracts.filters import Filter, FilterError
from tests.contracts.odata import batched

HOST = "https://vendor.example.com"
Fault = Callable[[dict[str, Any]], object]


def sent(good: dict[str, Any]) -> httpx.Request:
    """A request from its parts; ``json`` becomes the body."""
    parts = dict(good)
    body = parts.pop("json", None)
    if body is not None:
        parts["content"] = json.dumps(body)
    return httpx.Request(**parts)


def copied(good: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(good))


def header(name: str, value: str | None) -> Fault:
    def seed(parts: dict[str, Any]) -> None:
        parts["headers"].pop(name, None)
        if value is not None:
            parts["headers"][name] = value

    return seed


def query(text: str) -> Fault:
    return lambda parts: parts.update(url=parts["url"].partition("?")[0] + "?" + text)


def url(old: str, new: str) -> Fault:
    return lambda parts: parts.update(url=parts["url"].replace(old, new))


def body(*path: str | int, **more: Any) -> Fault:
    """Properties of the body at a place, changed or added."""

    def seed(parts: dict[str, Any]) -> None:
        node = parts["json"]
        for step in path:
            node = node[step]
        node.update(more)

    return seed


def without(*path: str | int) -> Fault:
    def seed(parts: dict[str, Any]) -> None:
        node = parts["json"]
        for step in path[:-1]:
            node = node[step]
        del node[path[-1]]

    return seed


KLAVIYO_HEADERS = {
    "Authorization": "Klaviyo-API-Key pk_1",
    "revision": "2026-07-15",
    "Content-Type": "application/vnd.api+json",
}
KLAVIYO_READ = {
    "method": "GET",
    "url": f"{HOST}/api/catalog-variants?page[size]=100&fields[catalog-variant]=sku,price",
    "headers": KLAVIYO_HEADERS,
}
KLAVIYO_WRITE = {
    "method": "POST",
    "url": f"{HOST}/api/catalog-variant-bulk-update-jobs",
    "headers": KLAVIYO_HEADERS,
    "json": {
        "data": {
            "type": "catalog-variant-bulk-update-job",
            "attributes": {
                "variants": {
                    "data": [
                        {
                            "type": "catalog-variant",
                            "id": "$custom:::$default:::A-1",
                            "attributes": {"price": 9.99, "custom_metadata": {"season": "summer"}},
                        }
                    ]
                }
            },
        }
    },
}
VARIANTS = KLAVIYO_WRITE["json"]["data"]["attributes"]["variants"]["data"]
VARIANT = ("data", "attributes", "variants", "data", 0)
SHOPIFY = {
    "method": "POST",
    "url": f"{HOST}/admin/api/2026-10/graphql.json",
    "headers": {"X-Shopify-Access-Token": "shpat_1", "Content-Type": "application/json"},
}
SHOPIFY_READ = {
    **SHOPIFY,
    "json": {
        "query": "query($first: Int!, $after: String) { productVariants(first: $first, after: $after)"
        " { nodes { id sku price inventoryItem { unitCost { amount } } }"
        " pageInfo { hasNextPage endCursor } } }",
        "variables": {"first": 250},
    },
}
SHOPIFY_WRITE = {
    **SHOPIFY,
    "json": {
        "query": "mutation($input: InventorySetQuantitiesInput!, $key: String!) {"
        " inventorySetQuantities(input: $input) @idempotent(key: $key) { userErrors { code message } } }",
        "variables": {
            "key": "123e4567-e89b-12d3-a456-426614174000",
            "input": {
                "name": "available",
                "reason": "correction",
                "quantities": [
                    {
                        "inventoryItemId": "gid://shopify/InventoryItem/1",
                        "locationId": "gid://shopify/Location/1",
                        "quantity": 3,
                        "changeFromQuantity": 5,
                    }
                ],
            },
        },
    },
}
LINE = SHOPIFY_WRITE["json"]["variables"]["input"]["quantities"][0]
QUANTITY = ("variables", "input", "quantities", 0)
S4_HEADERS = {"Authorization": "Basic dTpw", "Accept": "application/json"}
S4_WRITES = {**S4_HEADERS, "X-CSRF-Token": "t", "Content-Type": "application/json"}
PRODUCTS = f"{HOST}{systems.S4_ROOT}/API_PRODUCT_SRV"
PRICING = f"{HOST}{systems.S4_ROOT}/API_SLSPRICINGCONDITIONRECORD_SRV"
DOCUMENTS = f"{HOST}{systems.S4_ROOT}/API_MATERIAL_DOCUMENT_SRV"
S4_READ = {
    "method": "GET",
    "url": f"{PRODUCTS}/A_Product?$filter=LastChangeDateTime ge datetimeoffset'2026-01-01T00:00:00Z'"
    "&$orderby=LastChangeDateTime,Product&$top=500&$skip=0&$inlinecount=allpages&$select=Product,ProductType",
    "headers": S4_HEADERS,
}
S4_PATCH = {
    "method": "PATCH",
    "url": f"{PRICING}/A_SlsPrcgConditionRecord('0000000123')",
    "headers": {**S4_WRITES, "If-Match": 'W/"1"'},
    "json": {"ConditionRateValue": "9.99", "ConditionQuantityUnit": "EA"},
}
S4_CREATE = {
    "method": "POST",
    "url": f"{PRICING}/A_SlsPrcgConditionRecord",
    "headers": S4_WRITES,
    "json": {
        "ConditionType": "PPR0",
        "ConditionRateValue": "9.99",
        "to_SlsPrcgCndnRecdValidity": [
            {"Material": "M1", "ConditionValidityEndDate": "/Date(1767225600000)/"}
        ],
    },
}
S4_MOVE = {
    "method": "POST",
    "url": f"{DOCUMENTS}/A_MaterialDocumentHeader",
    "headers": S4_WRITES,
    "json": {
        "GoodsMovementCode": "03",
        "PostingDate": "/Date(1767225600000)/",
        "to_MaterialDocumentItem": {"results": [{"Material": "M1", "QuantityInEntryUnit": "2"}]},
    },
}
S4_STOCK = {
    "method": "GET",
    "url": f"{HOST}{systems.S4_ROOT}/API_MATERIAL_STOCK_SRV/A_MaterialStock"
    "?$filter=Material eq 'M1'&$expand=to_MatlStkInAcctMod&$format=json",
    "headers": S4_HEADERS,
}
BATCH = """--b
Content-Type: application/http
Content-Transfer-Encoding: binary

GET A_Product?$top=1&$format=json HTTP/1.1


--b
Content-Type: multipart/mixed; boundary=c

--c
Content-Type: application/http
Content-Transfer-Encoding: binary

PATCH A_Product('A') HTTP/1.1
Content-Type: application/json

{"ProductType":"HAWA"}
--c--
--b--
"""
S4_BATCH = {
    "method": "POST",
    "url": f"{PRODUCTS}/$batch",
    "headers": {**S4_WRITES, "Content-Type": "multipart/mixed; boundary=b"},
    "content": BATCH.replace("\n", "\r\n"),
}
B1_HEADERS = {"Cookie": "B1SESSION=1; ROUTEID=.node1", "Accept": "application/json"}
B1_READ = {
    "method": "GET",
    "url": f"{HOST}{systems.B1_ROOT}/Items?$filter=UpdateDate ge '2026-01-01'&$orderby=ItemCode"
    "&$select=ItemCode,ItemPrices,ItemWarehouseInfoCollection",
    "headers": B1_HEADERS,
}
B1_PATCH = {
    "method": "PATCH",
    "url": f"{HOST}{systems.B1_ROOT}/Items('X')",
    "headers": {**B1_HEADERS, "Content-Type": "application/json"},
    "json": {"ItemPrices": [{"PriceList": 1, "Price": 9.9}], "U_season": "summer"},
}
NETSUITE = f"{HOST}/services/rest"
NETSUITE_HEADERS = {"Authorization": "Bearer eyJ", "Content-Type": "application/json"}
NETSUITE_QUERY = {
    "method": "POST",
    "url": f"{NETSUITE}/query/v1/suiteql?limit=1000&offset=2000",
    "headers": {**NETSUITE_HEADERS, "Prefer": "transient"},
    "json": {"q": "SELECT id FROM item"},
}
NETSUITE_BATCH = {
    "method": "PATCH",
    "url": f"{NETSUITE}/record/v1/inventoryItem",
    "headers": {
        **NETSUITE_HEADERS,
        "Content-Type": "application/vnd.oracle.resource+json; type=collection",
        "Prefer": "respond-async",
        "X-NetSuite-PropertyNameValidation": "Error",
    },
    "json": {"items": [{"id": "482", "cost": 9.5, "custitem_season": "summer"}]},
}
UUID = "123e4567-e89b-12d3-a456-426614174000"
PRICE = {"currencyPage": {"id": "1"}, "priceLevel": {"id": "1"}, "quantity": {"value": 0}, "price": 25.5}
NETSUITE_PATCH = {
    "method": "PATCH",
    "url": f"{NETSUITE}/record/v1/inventoryItem/482",
    "headers": {**NETSUITE_HEADERS, "X-NetSuite-PropertyNameValidation": "Error"},
    "json": {"price": {"items": [PRICE]}},
}

GOOD: dict[str, tuple[str, dict[str, Any]]] = {
    "klaviyo read": ("klaviyo", KLAVIYO_READ),
    "klaviyo write": ("klaviyo", KLAVIYO_WRITE),
    "shopify read": ("shopify", SHOPIFY_READ),
    "shopify write": ("shopify", SHOPIFY_WRITE),
    "s4 read": ("s4hana", S4_READ),
    "s4 patch": ("s4hana", S4_PATCH),
    "s4 create": ("s4hana", S4_CREATE),
    "s4 move": ("s4hana", S4_MOVE),
    "s4 stock": ("s4hana", S4_STOCK),
    "s4 batch": ("s4hana", S4_BATCH),
    "b1 read": ("business_one", B1_READ),
    "b1 patch": ("business_one", B1_PATCH),
    "netsuite query": ("netsuite", NETSUITE_QUERY),
    "netsuite batch": ("netsuite", NETSUITE_BATCH),
    "netsuite patch": ("netsuite", NETSUITE_PATCH),
}

# A good request, what is done to it, and what the contract has to say.
FAULTS: list[tuple[str, Fault, str]] = [
    ("klaviyo read", header("revision", None), "the header revision is missing"),
    ("klaviyo read", header("revision", "2024-01-01"), "the header revision is not"),
    ("klaviyo read", header("Authorization", None), "the header authorization is missing"),
    ("klaviyo read", header("Authorization", "Token pk_1"), "the header authorization is not of the form"),
    ("klaviyo read", query("updated_since=2026-01-01"), "updated_since is no query parameter"),
    ("klaviyo read", query("sort=-updated"), "'-updated' is not one of"),
    ("klaviyo read", query("page[size]=many"), "page[size]"),
    ("klaviyo read", query("page[size]=10&page[size]=20"), "given 2 times"),
    ("klaviyo read", query("fields[catalog-variant]=sku,cost"), "'cost' is not one of"),
    ("klaviyo read", url("catalog-variants", "catalog-variant"), "is no operation"),
    ("klaviyo read", lambda parts: parts.update(method="PUT"), "is no operation"),
    ("klaviyo read", lambda parts: parts.update(content="{}"), "none is documented"),
    ("klaviyo write", header("Content-Type", "application/json"), "application/json"),
    ("klaviyo write", body(*VARIANT, "attributes", price="9.99"), "'9.99' is not of type 'number'"),
    ("klaviyo write", body(*VARIANT, "attributes", cost=1), "'cost' was unexpected"),
    ("klaviyo write", body(*VARIANT, price=1), "'price' was unexpected"),
    ("klaviyo write", body("data", note="x"), "'note' was unexpected"),
    ("klaviyo write", body(*VARIANT, type="variant"), "'variant' is not one of"),
    ("klaviyo write", without(*VARIANT, "id"), "'id' is a required property"),
    ("klaviyo write", body(*VARIANT[:3], data=[VARIANTS[0]] * 101), "up to 100"),
    ("klaviyo write", body(*VARIANT, "attributes", description="x" * 5_000_001), "there may be 5 MB"),
    ("klaviyo write", lambda parts: parts.pop("json"), "Missing required request body"),
    ("shopify read", header("X-Shopify-Access-Token", None), "X-Shopify-Access-Token is missing"),
    ("shopify read", header("Content-Type", "application/graphql"), "the content type is"),
    ("shopify read", url("2026-10", "2025-01"), "is no operation"),
    ("shopify read", body("variables", first=251), "is more than 250"),
    ("shopify read", body("variables", first="ten"), "Int cannot represent"),
    ("shopify read", body("variables", since="x"), "$since is sent, but not declared"),
    ("shopify read", without("variables", "first"), "$first"),
    ("shopify read", body(query="{ shop { name } "), "Syntax Error"),
    (
        "shopify read",
        body(query="{ productVariants(first: 1) { nodes { cost } } }"),
        "Cannot query field 'cost'",
    ),
    ("shopify read", body(query="{ shop(id: 1) { name } }"), "Unknown argument"),
    ("shopify read", body(query="{ shop }"), "must have a selection"),
    ("shopify read", body(extensions={}), "extensions is not part of"),
    ("shopify read", body(operationName="Other"), "no such operation"),
    ("shopify write", body("variables", key=" "), "needs @idempotent"),
    (
        "shopify write",
        body(
            query="mutation($input: InventorySetQuantitiesInput!) {"
            " inventorySetQuantities(input: $input) { userErrors { code } } }",
            variables={"input": SHOPIFY_WRITE["json"]["variables"]["input"]},
        ),
        "needs @idempotent",
    ),
    ("shopify write", without(*QUANTITY, "changeFromQuantity"), "changeFromQuantity is not given"),
    ("shopify write", body(*QUANTITY, compareQuantity=1), "compareQuantity"),
    ("shopify write", body(*QUANTITY, quantity="3"), "Int cannot represent"),
    ("shopify write", without("variables", "input", "reason"), "reason"),
    ("shopify write", body("variables", "input", quantities=[LINE] * 251), "251"),
    ("s4 read", header("Authorization", None), "the header Authorization is missing"),
    ("s4 read", header("Accept", "*/*"), "asks for JSON"),
    ("s4 read", url("A_Product?", "A_Products?"), "is no operation"),
    ("s4 read", url("LastChangeDateTime ge", "ChangedAt ge"), "no property ChangedAt"),
    ("s4 read", url("datetimeoffset'", "datetime'"), "no literal of Edm.DateTimeOffset"),
    ("s4 read", url("ge datetimeoffset'2026-01-01T00:00:00Z'", "ge 2026"), "no literal of"),
    ("s4 read", url("LastChangeDateTime ge", "LastChangeDateTime is"), "a comparison was expected"),
    ("s4 read", url(",ProductType", ",Price"), "$select: A_ProductType has no Price"),
    ("s4 read", url(",ProductType", ",to_Description/Language"), "is not expanded"),
    ("s4 read", url("orderby=LastChangeDateTime", "orderby=Changed"), "$orderby: 'Changed'"),
    ("s4 read", url("$top", "$limit"), "$limit is no query parameter"),
    ("s4 read", url("$inlinecount=allpages", "$inlinecount=true"), "$inlinecount is"),
    ("s4 read", url("A_Product?", "A_Product(Material='1')?"), "the key of A_ProductType is Product"),
    ("s4 read", url("&$top", "&$expand=to_Prices&$top"), "$expand: A_ProductType has no to_Prices"),
    ("s4 patch", header("X-CSRF-Token", None), "X-CSRF-Token"),
    ("s4 patch", header("X-CSRF-Token", "Fetch"), "X-CSRF-Token"),
    ("s4 patch", header("If-Match", None), "If-Match is missing"),
    ("s4 patch", body(ConditionRateValue=9.99), "no Edm.Decimal(12,3)"),
    ("s4 patch", body(ConditionRateValue="9.9999"), "no Edm.Decimal(12,3)"),
    ("s4 patch", body(ConditionRateValue="9,99"), "no Edm.Decimal(12,3)"),
    ("s4 patch", body(ConditionQuantityUnit="EACH"), "no Edm.String"),
    ("s4 patch", body(Price="1"), "has no property Price"),
    ("s4 patch", url("('0000000123')", ""), "goes to one entity"),
    ("s4 create", url("A_SlsPrcgConditionRecord", "A_SlsPrcgCndnRecdValidity"), "does not allow POST"),
    (
        "s4 create",
        body("to_SlsPrcgCndnRecdValidity", 0, ConditionValidityEndDate="2026-01-01"),
        "no Edm.DateTime",
    ),
    ("s4 create", body("to_SlsPrcgCndnRecdValidity", 0, Plants="1010"), "has no property"),
    ("s4 move", header("X-CSRF-Token", "fetch"), "the header x-csrf-token is not"),
    ("s4 move", body("to_MaterialDocumentItem", "results", 0, Quantity="1"), "'Quantity' was unexpected"),
    ("s4 move", body(GoodsMovementCode=3), "3 is not of type 'string'"),
    ("s4 stock", query("$filter=Material eq 'M1'&$expand=to_Stock&$format=json"), "to_Stock"),
    ("s4 stock", query("plant=1010"), "plant is no query parameter"),
    ("s4 batch", header("Content-Type", "application/json"), "a batch is multipart/mixed"),
    (
        "s4 batch",
        lambda parts: _replace(parts, "ProductType", "Kind"),
        "part 2: A_ProductType has no property",
    ),
    ("s4 batch", lambda parts: _replace(parts, "PATCH", "GET"), "a GET stands in a changeset"),
    ("s4 batch", lambda parts: _replace(parts, "GET A_Product?", "DELETE A_Product('A')?"), "outside of"),
    ("s4 batch", lambda parts: _replace(parts, "A_Product(", "A_Produkt("), "is no operation"),
    ("b1 read", header("Cookie", "B1SESSION=1"), "the cookie ROUTEID is missing"),
    ("b1 read", url("UpdateDate", "Updated"), "no property Updated"),
    ("b1 read", url("'2026-01-01'", "5"), "no literal of Edm.DateTime"),
    ("b1 read", url("ItemPrices", "Prices"), "$select: Item has no Prices"),
    ("b1 patch", body("ItemPrices", 0, PriceList="1"), "no Edm.Int32"),
    ("b1 patch", body("ItemPrices", 0, Prize=1), "has no property"),
    ("b1 patch", body(ItemPrices={"Price": 1}), "is a list"),
    ("b1 patch", body(MovingAveragePrice=1), "cannot be written"),
    ("b1 patch", body(VatLiable="yes"), "is none of tNO, tYES"),
    ("netsuite query", header("Prefer", None), "Prefer has to be 'transient'"),
    ("netsuite query", header("Authorization", "Basic x"), "Authorization"),
    ("netsuite query", query("limit=5000"), "the most is 1000"),
    ("netsuite query", query("limit=1000&offset=500"), "no multiple"),
    ("netsuite query", query("page=2"), "page is no query parameter"),
    ("netsuite query", body(query="x"), "the body of a query"),
    ("netsuite batch", header("Prefer", None), "respond-async"),
    ("netsuite batch", header("X-NetSuite-PropertyNameValidation", None), "PropertyNameValidation"),
    ("netsuite batch", body("items", 0, price_new=1), "'price_new' does not match"),
    ("netsuite batch", body("items", 0, quantityOnHand=5), "'quantityOnHand' does not match"),
    ("netsuite batch", body(items=[{"id": str(number)} for number in range(101)]), "the most is 100"),
    ("netsuite batch", header("Content-Type", "application/json; type=collection"), "the content type"),
    ("netsuite batch", header("X-NetSuite-Idempotency-Key", "once"), "is a UUID"),
    ("netsuite patch", header("X-NetSuite-Idempotency-Key", UUID), "for asynchronous requests only"),
    ("netsuite patch", body("price", "items", 0, price="25.5"), "'25.5' is not of type 'number'"),
    ("netsuite patch", body("price", "items", 0, level="1"), "'level' does not match"),
    ("netsuite patch", url("inventoryItem", "inventoryThing"), "do not know the record"),
    ("netsuite patch", query("expand=true"), "expand is no query parameter"),
    ("netsuite patch", query("replace=price+list"), "%20"),
]


def _replace(parts: dict[str, Any], old: str, new: str) -> None:
    assert old in parts["content"]
    parts["content"] = parts["content"].replace(old, new)


@pytest.fixture(scope="module")
def contracts(vendor_specs):
    return {name: getattr(systems, name)(vendor_specs) for name in {name for name, _ in GOOD.values()}}


@pytest.mark.parametrize("name", GOOD)
def test_what_the_vendor_documents_is_fine(contracts, name):
    system, good = GOOD[name]
    assert contracts[system].check_request(sent(good)) == []


@pytest.mark.parametrize(
    ("name", "seed", "told"), FAULTS, ids=[f"{name}: {told}" for name, _, told in FAULTS]
)
def test_every_seeded_fault_is_named(contracts, name, seed, told):
    system, good = GOOD[name]
    faulty = copied(good)
    seed(faulty)
    problems = contracts[system].check_request(sent(faulty))
    assert any(told in problem for problem in problems), problems


def test_each_form_of_contract_is_proved_by_many_faults():
    systems_of = [GOOD[name][0] for name, _, _ in FAULTS]
    assert min(systems_of.count(name) for name, _ in GOOD.values()) >= 9


# Answers


def test_replies_built_from_an_openapi_document_fit_it(vendor_specs):
    contract = systems.klaviyo(vendor_specs)
    count = 0
    for path, item in contract.document["paths"].items():
        for method, node in item.items():
            target = f"{HOST}{path}".replace("{id}", "A").replace("{job_id}", "A")
            request = httpx.Request(method, target, headers=KLAVIYO_HEADERS)
            for status in node["responses"]:
                reply = contract.reply(node["operationId"], int(status.replace("XX", "00")))
                assert contract.check_response(request, reply) == []
                count += 1
    assert count >= 100


def test_an_answer_that_does_not_fit_an_openapi_document_is_named(contracts):
    contract, request = contracts["klaviyo"], sent(KLAVIYO_READ)
    page = contract.reply("get_catalog_variants").json()
    page["data"][0]["attributes"]["price"] = "42"
    page["data"][0]["attributes"]["new_at_the_vendor"] = True  # answers are open
    (problem,) = contract.check_response(
        request, httpx.Response(200, json=page, headers={"Content-Type": "application/vnd.api+json"})
    )
    assert "'42' is not of type 'number'" in problem
    web_page = httpx.Response(200, html="<form>")
    assert "text/html" in contract.check_response(request, web_page)[0]
    # A redirect is documented nowhere.
    assert contract.check_response(request, httpx.Response(302)) != []


def test_replies_built_from_a_graphql_schema_fit_it(contracts):
    contract = contracts["shopify"]
    for good in (SHOPIFY_READ, SHOPIFY_WRITE):
        request = sent(good)
        assert contract.check_response(request, contract.reply(request)) == []
    page = contract.reply(sent(SHOPIFY_READ), {"ProductVariant.sku": "00042", "PageInfo.hasNextPage": True})
    assert page.json()["data"]["productVariants"]["nodes"][0]["sku"] == "00042"
    assert page.json()["data"]["productVariants"]["pageInfo"]["hasNextPage"] is True


@pytest.mark.parametrize(
    ("seed", "told"),
    [
        (lambda node: node.update(price=9.99), "no decimal number in a string"),
        (lambda node: node.pop("id"), "non-nullable"),
        (lambda node: node.update(cost="1"), "was not asked for"),
        (lambda node: node.pop("sku"), "sku is missing"),
        (lambda node: node.update(sku=5), "schema makes '5' of it"),
    ],
)
def test_an_answer_that_does_not_fit_a_graphql_schema_is_named(contracts, seed, told):
    contract, request = contracts["shopify"], sent(SHOPIFY_READ)
    data = contract.reply(request).json()
    seed(data["data"]["productVariants"]["nodes"][0])
    problems = contract.check_response(request, httpx.Response(200, json=data))
    assert any(told in problem for problem in problems), problems


def test_an_answer_of_errors_alone_fits_a_graphql_schema(contracts):
    throttled = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}
    request = sent(SHOPIFY_READ)
    assert contracts["shopify"].check_response(request, httpx.Response(200, json=throttled)) == []
    nothing = httpx.Response(200, json={"errors": [{"code": "THROTTLED"}]})
    assert "without a message" in contracts["shopify"].check_response(request, nothing)[0]
    assert contracts["shopify"].check_response(request, httpx.Response(200, json={})) != []


@pytest.mark.parametrize(
    ("system", "good", "entity_set", "wrap"),
    [
        ("s4hana", S4_READ, "A_Product", lambda rows: {"d": {"results": rows}}),
        ("business_one", B1_READ, "Items", lambda rows: {"value": rows}),
    ],
)
def test_rows_built_from_metadata_fit_it(contracts, system, good, entity_set, wrap):
    contract, request = contracts[system], sent(good)
    part = contract if system == "business_one" else contract.part(request)
    row = part.sample(entity_set)
    assert contract.check_response(request, httpx.Response(200, json=wrap([row]))) == []
    wrong = {"LastChangeDateTime": "2026-01-01", "GrossWeight": 1.5, "NewAtTheVendor": 1}
    if system == "business_one":
        wrong = {"UpdateDate": 5, "ItemCode": 7, "NewAtTheVendor": 1}
    problems = contract.check_response(request, httpx.Response(200, json=wrap([{**row, **wrong}])))
    assert len(problems) == 2, problems


def test_an_error_of_odata_has_its_form(contracts):
    request = sent(S4_READ)
    fine = {"error": {"code": "X/1", "message": {"lang": "en", "value": "no"}}}
    assert contracts["s4hana"].check_response(request, httpx.Response(400, json=fine)) == []
    assert contracts["s4hana"].check_response(request, httpx.Response(400, json={"error": "no"})) != []


def test_answers_of_netsuite_fit_its_facts(contracts):
    contract = contracts["netsuite"]
    page = {"count": 1, "hasMore": False, "offset": 0, "totalResults": 1, "links": [], "items": [{"id": "1"}]}
    assert contract.check_response(sent(NETSUITE_QUERY), httpx.Response(200, json=page)) == []
    page["hasMore"] = "false"
    assert contract.check_response(sent(NETSUITE_QUERY), httpx.Response(200, json=page)) != []
    assert contract.check_response(sent(NETSUITE_PATCH), httpx.Response(204)) == []
    assert "204" in contract.check_response(sent(NETSUITE_PATCH), httpx.Response(200))[0]
    item = {**NETSUITE_PATCH, "method": "GET"}
    del item["json"]
    sample = contract.sample("inventoryItem")
    assert contract.check_response(sent(item), httpx.Response(200, json=sample)) == []
    sample["cost"] = "9.5"
    assert contract.check_response(sent(item), httpx.Response(200, json=sample)) != []
    error = {"title": "x", "status": 429, "o:errorDetails": [{"o:errorCode": "CONCURRENCY_LIMIT_EXCEEDED"}]}
    assert contract.check_response(sent(item), httpx.Response(429, json=error)) == []


# Around the contracts


def test_a_breach_cannot_be_swallowed(vendor_specs):
    contract = systems.klaviyo(vendor_specs)
    inner = httpx.MockTransport(lambda request: contract.reply("get_accounts"))
    with httpx.Client(transport=ValidatingTransport(inner, contract), base_url=HOST) as client:
        client.get("/api/accounts", headers=KLAVIYO_HEADERS)
        contract.assert_kept("get_accounts")
        with pytest.raises(AssertionError, match="never asked for: get_metrics"):
            contract.assert_kept("get_accounts", "get_metrics")
        with pytest.raises(ContractError, match="no operation"):
            client.get("/api/nowhere", headers=KLAVIYO_HEADERS)
    with pytest.raises(ContractError, match="no operation"):
        contract.assert_kept("get_accounts")
    # The document is read once; what was seen is each test's own.
    another = systems.klaviyo(vendor_specs)
    assert (another.breaches, another.seen) == ([], {})


def test_a_contract_that_saw_nothing_is_no_proof(vendor_specs):
    with pytest.raises(AssertionError, match="no request at all"):
        systems.netsuite(vendor_specs).assert_kept()


def test_a_journal_can_be_judged(vendor_specs):
    class Klaviyo(StandIn):
        def handle(self, entry):
            return Answer(body={"data": []})

    contract = systems.klaviyo(vendor_specs)
    with Klaviyo() as fake, httpx.Client(base_url=fake.base_url) as client:
        client.get("/api/catalog-variants?page[size]=5&sort=sku", headers=KLAVIYO_HEADERS)
        client.post("/oauth/token", data={"grant_type": "refresh_token"})
        assert as_request(fake.journal[0], fake.base_url).url.params["page[size]"] == "5"
        with pytest.raises(ContractError, match="'sku' is not one of"):
            contract.check_journal(fake, ignore=["/oauth"])


# OData's small languages, with no vendor


@pytest.mark.parametrize(
    ("text", "names", "comparisons"),
    [
        ("A eq 'it''s (1)' and not (B lt 5)", ["A", "B"], [("A", "'it''s (1)'"), ("B", "5")]),
        (
            "substringof('x',Name) or to_X/Y ge guid'12'",
            ["Name", "to_X/Y"],
            [("Name", "'x'"), ("to_X/Y", "guid'12'")],
        ),
        ("toupper(Name) eq 'X'", ["Name"], []),
        ("5 lt B", ["B"], [("B", "5")]),
        ("startswith(A,'x') eq true", ["A"], [("A", "'x'")]),
    ],
)
def test_a_filter_is_taken_apart(text, names, comparisons):
    found = Filter(text)
    assert (found.names, found.comparisons) == (names, comparisons)


@pytest.mark.parametrize(
    "text", ["", "A", "A eq", "A eq 5)", "(A eq 5", "A = 5", "A eq 'x", "foo(A) eq 5", "A eq 5 B eq 6"]
)
def test_what_is_no_filter_is_refused(text):
    with pytest.raises(FilterError):
        Filter(text)


def test_a_batch_is_taken_apart():
    inner = list(batched(sent(S4_BATCH)))
    assert [(changeset, part.method, part.url) for changeset, part in inner] == [
        (False, "GET", "A_Product?$top=1&$format=json"),
        (True, "PATCH", "A_Product('A')"),
    ]
    assert inner[1][1].headers == {"Content-Type": "application/json"}
    assert json.loads(inner[1][1].body) == {"ProductType": "HAWA"}


def test_whoever_asks_for_the_documents_may_not_be_skipped_in_ci(request, vendor_specs):
    assert request.node.get_closest_marker("shared") is not None
