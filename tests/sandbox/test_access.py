"""Keys, tokens, scopes, limits."""

from __future__ import annotations

import base64
from datetime import timedelta

import httpx
import pytest

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox import Sandbox

SCOPES = [
    "read:products",
    "write:products",
    "read:inventory",
    "write:inventory",
    "read:analytics",
    "admin:all",
]

MATRIX = [
    ("GET", "/api/v1/products", None, "read:products"),
    ("GET", "/api/v1/products/product_id_1", None, "read:products"),
    ("PUT", "/api/v1/products/bulk", {"products": [{"id": "product_id_1", "vendor": "v"}]}, "write:products"),
    ("POST", "/api/v1/products", {"sku": "N", "title": "New"}, "write:products"),
    ("DELETE", "/api/v1/products/product_id_2", None, "write:products"),
    ("POST", "/api/v1/bulk-jobs", {"operation": "delete", "filter": {"sku": "none"}}, "write:products"),
    ("GET", "/api/v1/bulk-jobs", None, "read:products"),
    ("GET", "/api/v1/bulk-jobs/job_1", None, "read:products"),
    ("GET", "/api/v1/bulk-jobs/job_1/errors", None, "read:products"),
    ("POST", "/api/v1/bulk-jobs/job_1/cancel", None, "write:products"),
    (
        "POST",
        "/api/v1/webhooks",
        {"events": ["product.created"], "endpoint": "http://127.0.0.1:9/"},
        "admin:all",
    ),
    ("GET", "/api/v1/webhooks", None, "admin:all"),
    ("GET", "/api/v1/webhooks/webhook_1", None, "admin:all"),
    ("PATCH", "/api/v1/webhooks/webhook_1", {"enabled": False}, "admin:all"),
    ("POST", "/api/v1/webhooks/webhook_1/rotate-secret", {}, "admin:all"),
    ("GET", "/api/v1/webhooks/webhook_1/deliveries", None, "admin:all"),
    ("POST", "/api/v1/webhooks/webhook_1/deliveries/delivery_1/redeliver", None, "admin:all"),
    ("DELETE", "/api/v1/webhooks/webhook_1", None, "admin:all"),
    ("GET", "/api/v1/locations", None, "read:inventory"),
    ("GET", "/api/v1/inventory/levels", None, "read:inventory"),
    (
        "PUT",
        "/api/v1/inventory/levels",
        {"levels": [{"sku": "x", "location_id": "y", "on_hand": 1}]},
        "write:inventory",
    ),
    (
        "POST",
        "/api/v1/inventory/adjustments",
        {"adjustments": [{"sku": "x", "location_id": "y", "delta": 1}]},
        "write:inventory",
    ),
    ("GET", "/api/v1/analytics/products", None, "read:analytics"),
    ("GET", "/api/v1/api-keys", None, "admin:all"),
    ("POST", "/api/v1/api-keys", {"name": "n", "scopes": ["read:products"]}, "admin:all"),
    ("POST", "/api/v1/api-keys/key_99/rotate", {}, "admin:all"),
    ("DELETE", "/api/v1/api-keys/key_99", None, "admin:all"),
]


def test_each_operation_needs_its_own_scope_and_admin_has_all(http, sandbox):
    for method, path, body, needed in MATRIX:
        for scope in SCOPES:
            answer = http.request(method, path, json=body, headers={"X-API-Key": sandbox.create_key([scope])})
            if scope in {needed, "admin:all"}:
                assert answer.status_code in {200, 201, 202, 204, 404, 409}, (
                    method,
                    path,
                    scope,
                    answer.text,
                )
            else:
                error = answer.json()["error"]
                assert (answer.status_code, error["code"]) == (403, "missing_scope"), (method, path, scope)
                assert error["required_scope"] == needed


def test_writing_stock_needs_write_inventory_too(http, sandbox):
    writer = {"X-API-Key": sandbox.create_key(["write:products"])}
    both = {"X-API-Key": sandbox.create_key(["write:products", "write:inventory"])}
    requests = [
        (
            "PUT",
            "/api/v1/products/bulk",
            {"products": [{"id": "product_id_1"}, {"id": "product_id_2", "inventory_quantity": 1}]},
        ),
        ("POST", "/api/v1/products", {"sku": "N", "title": "New", "inventory_quantity": 1}),
        (
            "POST",
            "/api/v1/bulk-jobs",
            {"operation": "update", "filter": {"sku": "x"}, "updates": {"inventory_quantity": 1}},
        ),
    ]
    for method, path, body in requests:
        answer = http.request(method, path, json=body, headers=writer)
        assert answer.json()["error"]["required_scope"] == "write:inventory"
        assert http.request(method, path, json=body, headers=both).status_code in {200, 201}


def test_without_a_credential_nothing_is_answered(sandbox):
    for headers in (
        {},
        {"X-API-Key": "nope"},
        {"X-API-Key": ""},
        {"Authorization": "Bearer nope"},
        {"Authorization": "Basic eA=="},
        {"Authorization": f"Bearer {sandbox.api_key}"},
        {"X-API-Key": "ü".encode()},
    ):
        answer = httpx.get(f"{sandbox.base_url}/api/v1/products", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_is_created_listed_used_and_revoked(serve):
    sandbox, http = serve(clock="frozen")
    created = http.post("/api/v1/api-keys", json={"name": "ci", "scopes": ["read:products"]}).json()
    key = created.pop("key")
    assert (created["age_days"], created["last_used_at"], created["expires_at"]) == (0, None, None)
    sandbox.clock.advance("91d")
    assert http.get("/api/v1/products", headers={"X-API-Key": key}).status_code == 200
    listed = http.get("/api/v1/api-keys").json()
    mine = listed["api_keys"][1]
    assert (listed["total"], mine["id"], mine["age_days"]) == (2, created["id"], 91)
    assert mine["last_used_at"] > mine["created_at"]
    assert "key" not in mine
    assert http.delete(f"/api/v1/api-keys/{created['id']}").status_code == 204
    assert http.get("/api/v1/products", headers={"X-API-Key": key}).status_code == 401
    assert http.delete(f"/api/v1/api-keys/{created['id']}").status_code == 404


def test_a_key_expires_with_the_clock(serve):
    sandbox, http = serve(clock="frozen")
    end = (sandbox.clock.now() + timedelta(days=1)).isoformat()
    key = http.post(
        "/api/v1/api-keys", json={"name": "x", "scopes": ["read:products"], "expires_at": end}
    ).json()["key"]
    mine = {"X-API-Key": key}
    sandbox.clock.advance("23h 59m")
    assert http.get("/api/v1/products", headers=mine).status_code == 200
    sandbox.clock.advance("1m")
    assert http.get("/api/v1/products", headers=mine).status_code == 401


def test_rotating_ends_the_old_key_at_once_or_after_the_overlap(serve):
    sandbox, http = serve(clock="frozen")
    old = sandbox.create_key(["admin:all"], name="rotated")
    answer = http.post(
        "/api/v1/api-keys/current/rotate", json={"overlap_seconds": 60}, headers={"X-API-Key": old}
    )
    new = answer.json()
    assert (answer.status_code, new["name"], new["scopes"]) == (201, "rotated", ["admin:all"])
    for key in (old, new["key"]):
        assert http.get("/api/v1/products", headers={"X-API-Key": key}).status_code == 200
    sandbox.clock.advance("61s")
    assert http.get("/api/v1/products", headers={"X-API-Key": old}).status_code == 401
    last = http.post(f"/api/v1/api-keys/{new['id']}/rotate", content=b"").json()
    assert http.get("/api/v1/products", headers={"X-API-Key": new["key"]}).status_code == 401
    assert http.get("/api/v1/products", headers={"X-API-Key": last["key"]}).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["nope"]}, "scopes"),
        ({"scopes": ["admin:all", "admin:all"]}, "scopes"),
        ({"scopes": "admin:all"}, "scopes"),
        ({"scopes": [{}]}, "scopes"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
    ],
)
def test_a_bad_key_request_is_named(http, body, field):
    answer = http.post("/api/v1/api-keys", json={"name": "x", "scopes": ["read:products"], **body})
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


def grant(http, **form):
    return http.post("/oauth/token", data=form, headers={"X-API-Key": ""})


def test_client_credentials_give_a_token_that_expires(serve):
    sandbox, http = serve(clock="frozen")
    ident, secret = sandbox.oauth_client(["read:products", "read:inventory"])
    answer = grant(
        http, grant_type="client_credentials", client_id=ident, client_secret=secret, scope="read:products"
    )
    token = answer.json()
    assert (token["token_type"], token["expires_in"], token["scope"]) == ("Bearer", 3600, "read:products")
    assert answer.headers["Cache-Control"] == "no-store"
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    plain = httpx.Client(base_url=sandbox.base_url, headers=bearer)
    with plain:
        assert plain.get("/api/v1/products").status_code == 200
        assert plain.get("/api/v1/locations").json()["error"]["required_scope"] == "read:inventory"
        sandbox.clock.advance("1h")
        assert plain.get("/api/v1/products").status_code == 401
    form = {"grant_type": "refresh_token", "client_id": ident, "client_secret": secret}
    fresh = grant(http, **form, refresh_token=token["refresh_token"]).json()
    assert httpx.get(
        f"{sandbox.base_url}/api/v1/products", headers={"Authorization": f"Bearer {fresh['access_token']}"}
    ).is_success
    used = grant(http, **form, refresh_token=token["refresh_token"])
    assert (used.status_code, used.json()["error"]) == (400, "invalid_grant")


def test_a_client_may_identify_by_basic(http, sandbox):
    ident, secret = sandbox.oauth_client(["read:products"])
    basic = base64.b64encode(f"{ident}:{secret}".encode()).decode()
    answer = http.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"}
    )
    assert answer.json()["scope"] == "read:products"


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"scope": "admin:all"}, 400, "invalid_scope"),
        ({"scope": "nope"}, 400, "invalid_scope"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_grant"),
    ],
)
def test_token_errors_have_their_rfc_shape(http, sandbox, form, status, error):
    ident, secret = sandbox.oauth_client(["read:products"])
    full = {"grant_type": "client_credentials", "client_id": ident, "client_secret": secret, **form}
    answer = grant(http, **{name: value for name, value in full.items() if value is not None})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert set(answer.json()) == {"error", "error_description"}


def test_a_token_request_may_hold_more_than_is_known(http, sandbox):
    ident, secret = sandbox.oauth_client(["read:products"])
    form = {"grant_type": "client_credentials", "client_id": ident, "client_secret": secret, "audience": "x"}
    assert grant(http, **form).status_code == 200


def test_a_token_request_must_be_a_form(http):
    answer = http.post("/oauth/token", json={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_limits_count_down_refuse_and_fill_again(serve):
    sandbox, http = serve(clock="frozen", rate_limit=(4, 8.0))
    left = [http.get("/api/v1/products") for _ in range(4)]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in left] == ["3", "2", "1", "0"]
    assert [answer.headers["X-RateLimit-Reset"] for answer in left] == ["2", "4", "6", "8"]
    assert left[0].headers["X-RateLimit-Limit"] == "4"
    refused = http.update({"id": "product_id_1", "vendor": "v"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
    assert (refused.headers["Retry-After"], refused.headers["X-RateLimit-Remaining"]) == ("2", "0")
    assert sandbox.products.get("product_id_1")["vendor"] != "v"
    other = {"X-API-Key": sandbox.create_key(["read:products"])}
    assert http.get("/api/v1/products", headers=other).status_code == 200
    sandbox.clock.advance("2s")
    assert http.get("/api/v1/products").status_code == 200
    assert http.get("/api/v1/products").status_code == 429
    sandbox.clock.advance("1d")
    assert http.get("/api/v1/products").headers["X-RateLimit-Remaining"] == "3"


def test_options_are_checked():
    for options, text in (
        ({"rate_limit": 0}, "rate_limit"),
        ({"clock": "warped"}, "clock"),
        ({"products": -1}, "count"),
        ({"locations": []}, "sync_enabled"),
        ({"locations": [{"name": "x"}]}, "locations"),
    ):
        with pytest.raises(InvalidInputError, match=text):
            Sandbox(**{"products": 1, **options})
    with Sandbox(products=1) as sandbox, pytest.raises(InvalidInputError, match="'all' is no scope"):
        sandbox.create_key(["all"])
