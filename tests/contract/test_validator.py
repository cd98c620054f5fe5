"""The validator finds what is wrong: a judge that never objects would prove nothing."""

import asyncio

import httpx
import pytest

from tests.contract.validator import AsyncValidatingTransport, Contract, ContractError, ValidatingTransport

BASE = "https://editor.example.com"
KEY = {"X-API-Key": "k"}
ID = {"X-Request-Id": "req_1"}
PAGE = {"products": [], "page": 1, "limit": 50, "total": 0}


def request(method: str, path: str, **options) -> httpx.Request:
    return httpx.Request(method, BASE + path, headers=KEY | options.pop("headers", {}), **options)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (request("GET", "/api/v1/product"), "is no operation"),
        (request("PATCH", "/api/v1/products"), "is no operation"),
        (httpx.Request("GET", BASE + "/api/v1/products"), "neither X-API-Key nor"),
        (request("GET", "/api/v1/products?limit=251"), "limit: 251 is greater than the maximum"),
        (request("GET", "/api/v1/products?limit=ten"), "limit: 'ten' is not of type 'integer'"),
        (request("GET", "/api/v1/products?limit=1&limit=2"), "limit is given twice"),
        (request("GET", "/api/v1/products?per_page=10"), "per_page is no parameter"),
        (request("GET", "/api/v1/products", params={"filter": "{vendor}"}), "filter: no JSON"),
        (request("GET", "/api/v1/products", params={"filter": '{"price":{"above":1}}'}), "filter.price"),
        (request("GET", "/api/v1/products", content=b"{}"), "a body is sent"),
        (request("PUT", "/api/v1/products/bulk"), "the body is missing"),
        (request("PUT", "/api/v1/products/bulk", content=b"{"), "content type '' is not documented"),
        (
            request("PUT", "/api/v1/products/bulk", json={"products": []}),
            "$.products: [] should be non-empty",
        ),
        (
            request("PUT", "/api/v1/products/bulk", json={"products": [{"price": 1}]}),
            "'id' is a required property",
        ),
        (
            request("PUT", "/api/v1/products/bulk", json={"products": [{"id": "1", "prize": 1}]}),
            "'prize' was unexpected",
        ),
        (
            request("PUT", "/api/v1/products/bulk", json={"products": [{"id": "1", "price": "1"}]}),
            "products[0].price",
        ),
        (
            request("PUT", "/api/v1/products/bulk", json={"products": [{"id": "1", "price": -1}]}),
            "minimum of 0",
        ),
        (
            request("POST", "/api/v1/bulk-jobs", json={"operation": "update", "filter": {}}),
            "not valid under any",
        ),
        (
            request(
                "POST",
                "/api/v1/bulk-jobs",
                json={"operation": "delete", "filter": {}, "schedule": "2024-06-01T00:00:00"},
            ),
            "$.schedule",
        ),
        (
            request("DELETE", "/api/v1/products/1", headers={"Idempotency-Key": "two words"}),
            "Idempotency-Key",
        ),
        (httpx.Request("POST", BASE + "/oauth/token", data={"grant_type": "password"}), "grant_type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_requests_that_break_the_contract(contract: Contract, asked: httpx.Request, problem: str):
    assert problem in "\n".join(contract.check_request(asked))


LIST = request("GET", "/api/v1/products")
DELETE = request("DELETE", "/api/v1/products/1")


@pytest.mark.parametrize(
    ("asked", "answer", "problem"),
    [
        (LIST, httpx.Response(200, json=PAGE), "the header X-Request-Id is missing"),
        (LIST, httpx.Response(200, headers=ID, json=[]), "is not of type 'object'"),
        (LIST, httpx.Response(200, headers=ID, json=PAGE | {"total": "0"}), "$.total"),
        (
            LIST,
            httpx.Response(200, headers=ID, json=PAGE | {"products": [{"price": "1.00"}]}),
            "products[0].price",
        ),
        (
            LIST,
            httpx.Response(200, headers=ID, json=PAGE | {"products": [{"status": "gone"}]}),
            "products[0].status",
        ),
        (
            LIST,
            httpx.Response(200, headers=ID, json=PAGE | {"products": [{"created_at": "now"}]}),
            "created_at",
        ),
        (LIST, httpx.Response(200, headers=ID, content=b"<html>"), "the content type '' is not documented"),
        (
            LIST,
            httpx.Response(200, headers=ID | {"Content-Type": "application/json"}, content=b"{"),
            "no JSON",
        ),
        (LIST, httpx.Response(418, headers=ID, json={}), "the status 418 is not documented"),
        (LIST, httpx.Response(404, headers=ID, json={}), "the status 404 is not documented"),
        (LIST, httpx.Response(401, headers=ID, json={"error": "no"}), "$.error"),
        (
            LIST,
            httpx.Response(200, headers=ID | {"X-Debug": "1"}, json=PAGE),
            "the header x-debug is not documented",
        ),
        (
            LIST,
            httpx.Response(200, headers=ID | {"X-RateLimit-Limit": "many"}, json=PAGE),
            "X-RateLimit-Limit",
        ),
        (DELETE, httpx.Response(204, headers=ID, content=b"x"), "a body came"),
        (
            LIST,
            httpx.Response(
                403,
                headers=ID,
                json={
                    "error": {
                        "code": "missing_scope",
                        "message": "m",
                        "request_id": "r",
                        "field": None,
                        "errors": [],
                    }
                },
            ),
            "'required_scope' is a required property",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_answers_that_break_the_contract(
    contract, asked: httpx.Request, answer: httpx.Response, problem: str
):
    assert problem in "\n".join(contract.check_response(asked, answer))


def test_what_keeps_the_contract_passes(contract: Contract):
    contract.check(
        LIST, httpx.Response(200, headers=ID, json=PAGE | {"unknown": 1, "products": [{"new_field": 1}]})
    )
    contract.check(DELETE, httpx.Response(204, headers=ID))
    contract.check(
        request("GET", "/api/v1/products/a-b?fields=id"),
        httpx.Response(200, headers=ID, json={"id": "a-b"}),
    )


def test_the_transport_stops_a_bad_request_before_it_is_sent(contract: Contract):
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, headers=ID, json=PAGE)

    with httpx.Client(
        base_url=BASE, headers=KEY, transport=ValidatingTransport(httpx.MockTransport(answer), contract)
    ) as client:
        assert client.get("/api/v1/products").json() == PAGE
        with pytest.raises(ContractError, match=r"products\.list: limit"):
            client.get("/api/v1/products", params={"limit": 0})
    assert len(sent) == 1


def test_the_transport_refuses_a_bad_answer_unless_told_not_to(contract: Contract):
    inner = httpx.MockTransport(lambda _: httpx.Response(503, html="<h1>down</h1>"))
    strict = httpx.Client(base_url=BASE, headers=KEY, transport=ValidatingTransport(inner, contract))
    with strict, pytest.raises(ContractError, match=r"products\.list → 503: the content type 'text/html'"):
        strict.get("/api/v1/products")
    lenient = ValidatingTransport(inner, contract, responses=False)
    with httpx.Client(base_url=BASE, headers=KEY, transport=lenient) as client:
        assert client.get("/api/v1/products").status_code == 503


async def ask(contract: Contract, answer: httpx.Response) -> httpx.Response:
    transport = AsyncValidatingTransport(httpx.MockTransport(lambda _: answer), contract)
    async with httpx.AsyncClient(base_url=BASE, headers=KEY, transport=transport) as client:
        return await client.get("/api/v1/products")


def test_the_asyncio_transport_judges_alike(contract: Contract):
    assert asyncio.run(ask(contract, httpx.Response(200, headers=ID, json=PAGE))).json() == PAGE
    with pytest.raises(ContractError, match="X-Request-Id is missing"):
        asyncio.run(ask(contract, httpx.Response(200, json=PAGE)))
