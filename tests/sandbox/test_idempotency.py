"""Repeats: the same key, the same answer, one effect."""

from __future__ import annotations

import threading

import pytest

NEW = {"sku": "N-1", "title": "New thing"}


def create(http, key, body=None):
    return http.post("/api/v1/products", json=body or NEW, headers={"Idempotency-Key": key})


def test_a_repeat_gets_the_first_answer_and_changes_nothing(http, sandbox):
    first, second = create(http, "k"), create(http, "k")
    assert (first.status_code, second.status_code, second.content) == (201, 201, first.content)
    assert first.headers["Location"] == second.headers["Location"]
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == "k"
    assert ("Idempotency-Replayed" in first.headers, second.headers["Idempotency-Replayed"]) == (
        False,
        "true",
    )
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert sandbox.products.count() == 61
    assert [entry.replayed for entry in sandbox.journal] == [False, True]
    sandbox.assert_no_duplicate_effects()


def test_every_kind_of_write_is_honoured(http, sandbox):
    key = {"Idempotency-Key": "every"}
    writes = [
        ("PUT", "/api/v1/products/bulk", {"products": [{"id": "product_id_1", "vendor": "v"}]}),
        ("DELETE", "/api/v1/products/product_id_2", None),
        ("POST", "/api/v1/bulk-jobs", {"operation": "delete", "filter": {"sku": "none"}}),
        (
            "POST",
            "/api/v1/inventory/adjustments",
            {"adjustments": [{"product_id": "product_id_1", "location_id": "warehouse_1", "delta": 1}]},
        ),
        ("POST", "/api/v1/api-keys", {"name": "n", "scopes": ["read:products"]}),
    ]
    for number, (method, path, body) in enumerate(writes):
        headers = {"Idempotency-Key": f"every-{number}"}
        first = http.request(method, path, json=body, headers=headers)
        second = http.request(method, path, json=body, headers=headers)
        assert first.is_success
        assert (second.status_code, second.content) == (first.status_code, first.content)
        assert second.headers["Idempotency-Replayed"] == "true"
    sandbox.assert_no_duplicate_effects()
    assert "Idempotency-Key" not in http.get("/api/v1/products", headers=key).headers


def test_another_body_under_the_key_is_refused(http, sandbox):
    create(http, "k")
    answer = create(http, "k", {"sku": "N-2", "title": "Other thing"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_mismatch")
    assert http.update({"id": "product_id_1"}, key="k").status_code == 422
    assert sandbox.products.count() == 61


def test_a_key_belongs_to_one_credential(http, sandbox):
    create(http, "k")
    other = {"Idempotency-Key": "k", "X-API-Key": sandbox.create_key(["write:products"])}
    assert "Idempotency-Replayed" not in http.post("/api/v1/products", json=NEW, headers=other).headers
    assert sandbox.products.count() == 62


def test_a_refusal_is_replayed_too(http):
    first, second = create(http, "k", {"sku": "x"}), create(http, "k", {"sku": "x"})
    assert (first.status_code, second.status_code) == (422, 422)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json() == first.json()


def test_a_key_lives_for_a_day(serve):
    sandbox, http = serve(clock="frozen")
    create(http, "k")
    sandbox.clock.advance("23h 59m")
    assert create(http, "k").headers["Idempotency-Replayed"] == "true"
    sandbox.clock.advance("1m")
    assert "Idempotency-Replayed" not in create(http, "k").headers
    assert sandbox.products.count() == 62


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "ü"])
def test_a_bad_key_is_refused(http, key):
    answer = http.post("/api/v1/products", json=NEW, headers={"Idempotency-Key": key.encode()})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "Idempotency-Key")


def test_a_failure_before_the_effect_is_not_kept(http, sandbox):
    sandbox.faults.add("POST /products", status=503, times=1)
    assert create(http, "k").status_code == 503
    again = create(http, "k")
    assert (again.status_code, "Idempotency-Replayed" in again.headers) == (201, False)


def test_a_failure_after_the_effect_leaves_the_true_answer_behind(http, sandbox):
    sandbox.faults.add("POST /products", status=503, after_commit=True, times=1)
    assert create(http, "k").status_code == 503
    assert sandbox.products.count() == 61
    again = create(http, "k")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert sandbox.products.count() == 61
    sandbox.assert_no_duplicate_effects()


def test_while_the_first_is_under_way_the_second_waits_its_turn(http, sandbox):
    fault = sandbox.faults.add("POST /products", latency=0.4, times=1)
    answers = []
    first = threading.Thread(target=lambda: answers.append(create(http, "k")))
    first.start()
    while not fault.hits:
        pass
    # The claim is made before the pause, so the repeat finds it.
    second = create(http, "k")
    assert second.json()["error"]["code"] == "idempotency_in_progress"
    assert second.headers["Retry-After"] == "1"
    first.join()
    assert second.status_code == 409
    assert answers[0].status_code == 201
    assert create(http, "k").headers["Idempotency-Replayed"] == "true"
    assert sandbox.products.count() == 61


def test_a_race_under_one_key_has_one_winner(http, sandbox):
    barrier, answers = threading.Barrier(6), []

    def race():
        barrier.wait()
        answers.append(create(http, "race"))

    threads = [threading.Thread(target=race) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert sum(a.status_code == 201 and "Idempotency-Replayed" not in a.headers for a in answers) == 1
    assert sandbox.products.count() == 61
    sandbox.assert_no_duplicate_effects()


def test_concurrent_batches_lose_nothing(http, sandbox):
    def adjust(number):
        for step in range(5):
            body = {"adjustments": [{"product_id": "product_id_1", "location_id": "warehouse_1", "delta": 1}]}
            http.post(
                "/api/v1/inventory/adjustments", json=body, headers={"Idempotency-Key": f"{number}-{step}"}
            )

    before = sandbox.products.get("product_id_1")["inventory_quantity"]
    threads = [threading.Thread(target=adjust, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sandbox.products.get("product_id_1")["inventory_quantity"] == before + 20


def test_the_same_body_without_a_key_twice_is_a_duplicate_only_where_it_adds(http, sandbox):
    for _ in range(2):
        http.update({"id": "product_id_1", "vendor": "v"})
    sandbox.assert_no_duplicate_effects()
    for _ in range(2):
        http.post("/api/v1/products", json=NEW)
    with pytest.raises(
        AssertionError, match=r"#3 POST /api/v1/products -> 201: product.created \S+\n  #4 POST"
    ):
        sandbox.assert_no_duplicate_effects()
