"""Whatever is sent, the answer is a clear refusal and never a 5xx."""

from __future__ import annotations

import json
import socket

import pytest

BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"5",
    b'"x"',
    b"\xff\xfe",
    b"\x00",
    b"[" * 100_000,
    b'{"a":' * 200 + b"1" + b"}" * 200,
    b'{"products": [{"id": "product_id_1", "price": NaN}]}',
    b'{"products": [{"id": "product_id_1", "price": Infinity}]}',
    b'{"products": [{"id": "product_id_1", "price": 1e400}]}',
    b'{"products": [{"id": "product_id_1", "price": -1e-400}]}',
    b'{"products": [{"id": "product_id_1", "price": 1e999999999999999999999}]}',
    b'{"products": [{"id": "product_id_1", "price": 0e-999999}]}',
    b'{"products": [{"id": "product_id_1", "price": 0e999999}]}',
    b'{"products": [{"id": "product_id_1", "inventory_quantity": 1e999999}]}',
    b'{"products": [{"id": "product_id_1", "inventory_quantity": ' + b"9" * 5000 + b"}]}",
    b'{"products": [{"id": "product_id_1", "inventory_quantity": ' + b"9" * 30 + b"}]}",
    b'{"products": [{"id": "product_id_1", "title": "\\ud800abc"}]}',
    b'{"products": [{"id": "\\u0000", "title": "abc"}]}',
    b'{"products": [{"id": "product_id_1", "title": "ab\\u0000c"}]}',
    b'{"products": [{"id": {}, "title": []}]}',
    b'{"products": [{"id": "product_id_1", "custom_fields": {"\\u0000": "\\u0000"}}]}',
    b'{"products": [{"id": "product_id_1", "custom_fields": {"x": 1e999999999}}]}',
    b'{"products": [{"id": "product_id_1", "custom_fields": {"x": ' + b"[" * 60 + b"]" * 60 + b"}}]}",
    b'{"products": [{"id": "product_id_1", "tags": [null, {}, []]}]}',
    b'{"products": {"id": 1}}',
    b'{"products": [{"id": "product_id_1", "options": {"": ""}}]}',
    b'{"a": 1, "a": 2}',
    b"\xef\xbb\xbf{}",
    b'{"operation": [], "filter": 5, "updates": null, "schedule": {}}',
    (
        b'{"operation": "update", "filter": {}, "updates":'
        b'{"price_adjustment": {"type": {}, "value": 1e999999}}}'
    ),
    (
        b'{"operation": "update", "filter": {}, "updates": {"tags": []},'
        b'"schedule": "9999-12-31T23:59:59-23:59"}'
    ),
    (
        b'{"operation": "update", "filter": {}, "updates": {"tags": []},'
        b'"schedule": "0001-01-01T00:00:00+23:59"}'
    ),
    b'{"operation": "update", "filter": {"price": 1e999999999}, "updates": {"tags": []}}',
    b'{"operation": "update", "filter": {"custom_fields.x": 1e999999999}, "updates": {"tags": []}}',
    b'{"events": [[]], "endpoint": "http://\\u0000", "secret": "\\u0000"}',
    b'{"events": ["product.updated"], "endpoint": "http://[::1"}',
    b'{"levels": [[]]}',
    b'{"levels": [{"sku": "\\u0000"}]}',
    b'{"adjustments": [{"sku": {}, "location_id": [], "delta": 1e400}]}',
    b'{"name": "\\u0000", "scopes": [null]}',
    b'{"name": "n", "scopes": ["read:products"], "expires_at": "10000-01-01T00:00:00Z"}',
    b'{"overlap_seconds": 1e400}',
    b"grant_type=%zz",
    b"a=1&a=2",
    b"\xff=\xff",
]

WRITES = [
    ("PUT", "/api/v1/products/bulk"),
    ("POST", "/api/v1/products"),
    ("POST", "/api/v1/bulk-jobs"),
    ("POST", "/api/v1/webhooks"),
    ("PATCH", "/api/v1/webhooks/webhook_1"),
    ("POST", "/api/v1/webhooks/webhook_1/rotate-secret"),
    ("PUT", "/api/v1/inventory/levels"),
    ("POST", "/api/v1/inventory/adjustments"),
    ("POST", "/api/v1/api-keys"),
    ("POST", "/api/v1/api-keys/key_99/rotate"),
    ("POST", "/oauth/token"),
    ("POST", "/api/v1/bulk-jobs/job_1/cancel"),
]


def test_no_body_makes_the_server_fail(http, sandbox):
    sandbox.add_webhook("http://127.0.0.1:9/")
    for method, path in WRITES:
        for body in BODIES:
            for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain", "", None):
                headers = {} if kind is None else {"Content-Type": kind}
                answer = http.request(method, path, content=body, headers=headers)
                assert answer.status_code < 500, (method, path, body[:100], answer.text)
                assert answer.status_code == 204 or "application/json" in answer.headers["content-type"]
    sandbox.settle()
    assert http.get("/api/v1/products").status_code == 200


def test_json_vectors_never_break_the_server(shared, http):
    folder = shared / "data" / "vectors"
    files = sorted(folder.rglob("[yni]_*.json"))
    if not files:
        pytest.skip("no JSON parsing vectors in the shared folder")
    for file in files:
        answer = http.put(
            "/api/v1/products/bulk", content=file.read_bytes(), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in {400, 422}, (file.name, answer.status_code)


def test_naughty_strings_survive_a_round_trip_or_are_refused(shared, http, sandbox):
    file = next((shared / "data" / "vectors").rglob("blns.json"), None)
    if file is None:
        pytest.skip("no naughty strings in the shared folder")
    for text in json.loads(file.read_text("utf-8")):
        title = f"xxx{text}"
        answer = http.update(
            {"id": "product_id_1", "title": title, "custom_fields": {"k" + text[:200]: text}}
        ).json()
        if answer["failed"]:
            assert "\0" in title or answer["results"][0]["errors"] != [], text
            continue
        assert sandbox.products.get("product_id_1")["title"] == title
        found = http.products(filter={"title": title}, fields="title")
        assert [row["title"] for row in found] == [title]


def test_a_body_over_a_mebibyte_is_too_large(http):
    for size in (1024 * 1024 + 1, 10 * 1024 * 1024):
        answer = http.put("/api/v1/products/bulk", content=b" " * size)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    filler = b" " * (1024 * 1024 - len(b'{"products":[{"id":"product_id_1"}]}'))
    answer = http.put("/api/v1/products/bulk", content=b'{"products":[{"id":"product_id_1"}]}' + filler)
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PATCH", "DELETE", "TRACE", "QUERY"])
def test_other_methods_are_405_with_allow(http, method):
    answer = http.request(method, "/api/v1/products")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    assert answer.headers["X-Request-Id"]


def test_allow_names_what_the_path_knows(http):
    assert http.post("/api/v1/products/bulk").headers["Allow"] == "DELETE, GET, PUT"
    assert http.get("/oauth/token").headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/products/",
        "/api/v1//products",
        "/api/v2/products",
        "/api/v1/products/a/b",
        "/api/v1/products%2Fbulk",
        "/API/v1/products",
        "/api/v1/products/../products/x/y",
    ],
)
def test_unknown_paths_are_404(http, path):
    answer = http.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "route_not_found")


@pytest.mark.parametrize(
    "ident", ["%00", "%ff%fe", "%zz", "%2F..%2F", "a" * 3000, "'; DROP TABLE products; --", "\u202e"]
)
def test_odd_ids_are_not_found(http, ident):
    assert http.get(f"/api/v1/products/{ident}").status_code == 404
    assert http.get(f"/api/v1/bulk-jobs/{ident}").status_code == 404
    assert http.delete(f"/api/v1/products/{ident}").status_code == 404


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /api/v1/products HTTP/1.1\r\nHost: x\r\nX-API-Key: \xff\xfe\r\nConnection: close\r\n\r\n",
        b"GET /api/v1/products?filter=%FF HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"PUT /api/v1/products/bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{",
        b"POST /api/v1/products HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_broken_http_ends_in_a_refusal_or_a_closed_connection(sandbox, sent):
    port = int(sandbox.base_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := sock.recv(65536):
            received += chunk
    assert received == b"" or received.split()[1].startswith(b"4")
