"""Faults, seen from a bare socket where it matters."""

from __future__ import annotations

import json
import socket
import time
from datetime import timedelta

import httpx
import pytest

from bulkeditor.errors import InvalidInputError

NEW = {"sku": "N-1", "title": "New thing"}


def raw(sandbox, method, path, body=None, *, key=None):
    """Send one request over a socket of its own; answer every byte until the server closes."""
    content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    head = [
        f"{method} /api/v1{path} HTTP/1.1",
        "Host: x",
        f"X-API-Key: {sandbox.api_key}",
        f"Content-Length: {len(content)}",
    ]
    if key:
        head.append(f"Idempotency-Key: {key}")
    port = int(sandbox.base_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall("\r\n".join([*head, "", ""]).encode() + content)
        received = b""
        while chunk := sock.recv(65536):
            received += chunk
    return received


def test_a_dropped_request_closes_the_connection_without_a_byte_and_without_effect(sandbox):
    sandbox.faults.add("POST /products", drop=True, times=1)
    assert raw(sandbox, "POST", "/products", NEW) == b""
    assert sandbox.products.count() == 60
    entry = sandbox.journal[-1]
    assert (entry.status, entry.fault, entry.effects) == (None, "drop", ())


def test_a_lost_answer_closes_the_connection_after_the_effect(sandbox, http):
    sandbox.faults.add("POST /products", drop=True, after_commit=True, times=1)
    assert raw(sandbox, "POST", "/products", NEW, key="k") == b""
    assert sandbox.products.count() == 61
    assert (sandbox.journal[-1].status, sandbox.journal[-1].fault) == (None, "drop after_commit")
    assert [effect.kind for effect in sandbox.journal[-1].effects] == ["product.created"]
    again = http.post("/api/v1/products", json=NEW, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    sandbox.assert_no_duplicate_effects()


def test_a_lost_answer_to_a_job_is_committed_once(sandbox, http):
    sandbox.faults.add(route="POST /bulk-jobs", drop=True, after_commit=True, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        http.job(updates={"tags": ["t"]})
    assert http.get("/api/v1/bulk-jobs").json()["total"] == 1


def test_a_truncated_body_announces_more_than_it_sends(sandbox):
    sandbox.faults.add("GET /products", truncate=True)
    head, _, body = raw(sandbox, "GET", "/products").partition(b"\r\n\r\n")
    announced = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body) == announced // 2
    sandbox.faults.clear()
    sandbox.faults.add("GET /products", truncate=10)
    assert len(raw(sandbox, "GET", "/products").partition(b"\r\n\r\n")[2]) == 10


def test_a_dripping_body_arrives_byte_by_byte(http, sandbox):
    sandbox.faults.add("GET /bulk-jobs", drip=0.002)
    start = time.perf_counter()
    answer = http.get("/api/v1/bulk-jobs")
    assert answer.json()["total"] == 0
    assert time.perf_counter() - start >= 0.002 * len(answer.content)


def test_latency_is_real_before_or_after_the_effect(http, sandbox):
    sandbox.faults.add("PUT /products/bulk", latency=0.05, times=1)
    start = time.perf_counter()
    http.update({"id": "product_id_1", "vendor": "slow"})
    assert time.perf_counter() - start >= 0.05
    sandbox.faults.add("PUT /products/bulk", latency=5, after_commit=True, times=1)
    with pytest.raises(httpx.ReadTimeout):
        http.put(
            "/api/v1/products/bulk",
            json={"products": [{"id": "product_id_1", "vendor": "late"}]},
            timeout=0.1,
        )
    assert sandbox.products.get("product_id_1")["vendor"] == "late"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "internal"),
        (503, "unavailable"),
        (502, "unavailable"),
        (429, "rate_limited"),
        (401, "unauthenticated"),
    ],
)
def test_a_status_comes_in_the_documented_shape_and_without_effect(http, sandbox, status, code):
    fault = sandbox.faults.add("products.update", status=status, times=1, retry_after=12)
    answer = http.update({"id": "product_id_1", "vendor": "v"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Retry-After"] == "12"
    assert (sandbox.products.get("product_id_1")["vendor"] == "v", fault.hits) == (False, 1)
    assert http.update({"id": "product_id_1", "vendor": "v"}).status_code == 200


def test_retry_after_may_be_a_date(http, sandbox):
    sandbox.faults.add("*", status=503, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    assert http.get("/api/v1/products").headers["Retry-After"] == "Wed, 21 Oct 2026 07:28:00 GMT"


def test_429_says_when_to_come_back_without_being_told(http, sandbox):
    sandbox.faults.add("*", status=429)
    assert http.get("/api/v1/products").headers["Retry-After"] == "1"


def test_a_proxys_page(http, sandbox):
    sandbox.faults.add("*", html=True, times=1)
    answer = http.get("/api/v1/products")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    sandbox.faults.add("*", html=True, status=200, times=1)
    assert http.get("/api/v1/products").text.startswith("<!doctype html>")


def test_a_page_that_repeats(http, sandbox):
    sandbox.faults.add("GET /products", repeat_page=True, times=1, skip=1)
    pages = [[row["id"] for row in http.products(limit=20, page=page)] for page in (1, 2, 2)]
    assert pages[0] == pages[1] != pages[2]


def test_a_batch_cut_short(http, sandbox):
    rows = [{"id": f"product_id_{n}", "vendor": "cut"} for n in range(1, 6)]
    sandbox.faults.add("PUT /products/bulk", partial_batch=2, times=1)
    assert [row["id"] for row in http.update(*rows).json()["results"]] == ["product_id_1", "product_id_2"]
    sandbox.faults.add("PUT /products/bulk", partial_batch=3, status=503, times=1)
    assert http.update(*rows, key="k").status_code == 503
    assert sum(row["vendor"] == "cut" for row in sandbox.products.rows()) == 3
    again = http.update(*rows, key="k")
    assert (again.json()["updated"], "Idempotency-Replayed" in again.headers) == (2, False)


def test_routes_are_matched_by_template_path_name_and_star(http, sandbox):
    for pattern in (
        "GET /products/{id}",
        "GET /products/product_id_1",
        "GET /api/v1/products/{id}",
        "GET /products/*",
        "* /products/product_id_1",
        "products.get",
        "*",
    ):
        fault = sandbox.faults.add(pattern, status=503, times=1)
        assert http.put("/api/v1/products/bulk", json={"products": []}).status_code == 422 or pattern == "*"
        assert (http.get("/api/v1/products/product_id_1").status_code == 503) or pattern == "*"
        assert fault.hits == 1, pattern
        sandbox.faults.clear()


def test_a_fault_meets_requests_without_a_route(http, sandbox):
    sandbox.faults.add("*", status=503)
    assert http.get("/nowhere").status_code == 503


def test_rules_that_strike_nothing_are_refused(sandbox):
    for rule in ({}, {"status": 503}, {"route": "*", "times": 0}, {"route": "*", "status": 99}):
        with pytest.raises(InvalidInputError):
            sandbox.faults.add(**rule)


def test_stopping_does_not_wait_for_slow_answers(serve):
    sandbox, http = serve()
    sandbox.faults.add("GET /products", latency=30)
    with pytest.raises(httpx.ReadTimeout):
        http.get("/api/v1/products", timeout=0.1)
    start = time.perf_counter()
    sandbox.stop()
    assert timedelta(seconds=time.perf_counter() - start) < timedelta(seconds=2)
