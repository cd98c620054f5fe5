"""Who may do what: every operation against every scope, over real HTTP, both sides judged by the document."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bulkeditor.api._operations import OPERATIONS
from bulkeditor.models import Scope
from bulkeditor.sandbox import Sandbox
from tests.contract.samples import Samples
from tests.contract.validator import Contract, ValidatingTransport

SCOPED = [name for name, operation in OPERATIONS.items() if operation.scope]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(products=50) as sandbox:
        yield sandbox


def connect(sandbox: Sandbox, contract: Contract, key: str | None, *, requests: bool = True) -> httpx.Client:
    transport = ValidatingTransport(httpx.HTTPTransport(), contract, requests=requests)
    headers = {"X-API-Key": key} if key else {}
    return httpx.Client(base_url=sandbox.base_url, headers=headers, transport=transport)


@pytest.fixture(scope="module")
def samples(sandbox: Sandbox, contract: Contract) -> Iterator[Samples]:
    with connect(sandbox, contract, sandbox.api_key) as admin:
        yield Samples(admin, lambda: sandbox.oauth_client(["read:products"]))


@pytest.fixture(scope="module")
def clients(sandbox: Sandbox, contract: Contract) -> Iterator[dict[str, httpx.Client]]:
    made = {scope: connect(sandbox, contract, sandbox.create_key([scope])) for scope in Scope.ALL}
    yield made
    for client in made.values():
        client.close()


def refused(response: httpx.Response, required: str) -> None:
    assert response.status_code == 403, response.text
    error = response.json()["error"]
    assert (error["code"], error["required_scope"]) == ("missing_scope", required)
    assert error["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("name", SCOPED)
def test_an_operation_is_allowed_with_its_scope_and_refused_with_any_other(name, samples, clients, contract):
    own = OPERATIONS[name].scope
    operation = next(operation for operation in contract.operations if operation.name == name)
    success = next(status for status in operation.node["responses"] if status.startswith("2"))
    for scope, client in clients.items():
        response = samples.make(name).send(client)
        if scope in {own, Scope.ADMIN_ALL}:
            assert response.is_success, response.text
            assert str(response.status_code) == success
        else:
            refused(response, own)


@pytest.mark.parametrize("name", SCOPED)
def test_an_access_token_counts_like_a_key(name: str, samples, sandbox: Sandbox, contract: Contract):
    own = OPERATIONS[name].scope
    with connect(sandbox, contract, None) as client:
        for scopes, allowed in (
            ([own], True),
            ([s for s in Scope.ALL if s not in {own, Scope.ADMIN_ALL}], False),
        ):
            ident, secret = sandbox.oauth_client(scopes)
            form = {"grant_type": "client_credentials", "client_id": ident, "client_secret": secret}
            token = client.post("/oauth/token", data=form).json()["access_token"]
            response = samples.make(name).send(client, {"Authorization": f"Bearer {token}"})
            if allowed:
                assert response.is_success, response.text
            else:
                refused(response, own)


@pytest.mark.parametrize("name", SCOPED)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": "wrong"},
        {"X-API-Key": ""},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic eDp5"},
    ],
    ids=["none", "wrong-key", "empty-key", "wrong-token", "basic"],
)
def test_without_a_good_credential_it_is_401(name: str, headers: dict[str, str], samples, sandbox, contract):
    with connect(sandbox, contract, None, requests=False) as client:
        response = samples.make(name).send(client, headers)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "unauthenticated"


def test_the_token_endpoint_needs_no_credential(samples, sandbox, contract):
    with connect(sandbox, contract, None) as client:
        token = samples.make("oauth.token").send(client)
        assert token.json()["scope"] == "read:products"


def writes_of_inventory(samples: Samples) -> dict[str, Any]:
    update = samples.make("products.update")
    update.json["products"][0]["inventory_quantity"] = 7
    create = samples.make("products.create")
    create.json["inventory_quantity"] = 7
    job = samples.make("bulk_jobs.create")
    job.json["updates"] = {"inventory_quantity": 7}
    return {"products.update": update, "products.create": create, "bulk_jobs.create": job}


def test_writing_a_quantity_needs_write_inventory_as_well(
    samples, sandbox: Sandbox, contract: Contract, clients
):
    both = sandbox.create_key([Scope.WRITE_PRODUCTS, Scope.WRITE_INVENTORY])
    with connect(sandbox, contract, both) as allowed:
        for name, sample in writes_of_inventory(samples).items():
            before = sandbox.products.count()
            refused(sample.send(clients[Scope.WRITE_PRODUCTS]), Scope.WRITE_INVENTORY)
            refused(sample.send(clients[Scope.WRITE_INVENTORY]), Scope.WRITE_PRODUCTS)
            assert sandbox.products.count() == before
            assert sample.send(allowed).is_success, name
            assert writes_of_inventory(samples)[name].send(clients[Scope.ADMIN_ALL]).is_success


def test_a_refused_write_changed_nothing(samples, sandbox: Sandbox, clients):
    sample = samples.make("products.update")
    row = sample.json["products"][0]
    row["inventory_quantity"] = 7
    before = sandbox.products.get(row["id"])
    refused(sample.send(clients[Scope.WRITE_PRODUCTS]), Scope.WRITE_INVENTORY)
    assert sandbox.products.get(row["id"]) == before


# ---- a server with the documented API alone ----


@pytest.fixture(scope="module")
def documented_only() -> Iterator[Sandbox]:
    with Sandbox(products=50, completions=False) as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.completion])
def test_a_documented_only_server_lacks_every_completion(name: str, samples, documented_only, contract):
    with connect(documented_only, contract, documented_only.api_key) as client:
        response = samples.make(name).send(client)
    assert response.status_code == 404, response.text
    assert response.json()["error"]["code"] == "route_not_found"


def test_a_documented_only_server_serves_the_documented_api(documented_only, contract):
    with connect(documented_only, contract, documented_only.api_key) as client:
        rows = client.get(
            "/api/v1/products", params={"limit": 250, "filter": '{"vendor":"Premium Brand"}'}
        ).json()
        ident = rows["products"][0]["id"]
        row = {"id": ident, "price": 29.99, "inventory_quantity": 100}
        reply = client.put(
            "/api/v1/products/bulk", json={"products": [row]}, headers={"Idempotency-Key": "once"}
        )
        assert reply.json()["updated"] == 1
        assert not any(name.startswith(("idempotency", "x-ratelimit")) for name in reply.headers)
        job = {
            "operation": "update",
            "filter": {"vendor": "Premium Brand"},
            "updates": {"tags": ["summer-sale"]},
        }
        created = client.post("/api/v1/bulk-jobs", json=job).json()
        found = client.get(f"/api/v1/bulk-jobs/{created['id']}").json()
    documented = {"id", "status", "progress", "total_products", "processed_products", "errors"}
    documented |= {"started_at", "completed_at"}
    assert set(created) - {"operation"} == documented
    assert set(found) - {"operation"} == documented


def test_everything_that_was_sent_was_judged(samples, clients, contract: Contract):
    for name in OPERATIONS:
        samples.make(name).send(clients[Scope.ADMIN_ALL])
    assert {name for name, _ in contract.seen} == set(OPERATIONS)
