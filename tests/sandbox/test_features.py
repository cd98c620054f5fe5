"""Beyond the documentation: rows that say what they expect to find, and batches of all or nothing."""

import pytest

EXPECTED = {"price": 10, "tags": ["a", "b"], "custom_fields": {"x": 1, "y": None}, "barcode": "007"}


@pytest.fixture
def shop(serve):
    sandbox, http = serve(products=5)
    row = {"id": "product_id_3", "price": 10.00, "cost": None, "tags": ["a", "b"], "barcode": "007"}
    assert http.update({**row, "custom_fields": None}).json()["failed"] == 0
    assert http.update({"id": "product_id_3", "custom_fields": {"y": None, "x": 1}}).json()["failed"] == 0
    sandbox.journal.clear()
    return sandbox, http


def result(answer):
    [row] = answer.json()["results"]
    return row["status"], [(error["field"], error["code"]) for error in row["errors"]]


def test_a_page_of_products_names_the_features(serve):
    _, http = serve()
    answer = http.get("/api/v1/products", params={"limit": 1})
    assert answer.headers["bulk-editor-features"] == "expected, atomic"
    assert "bulk-editor-features" not in http.get("/api/v1/bulk-jobs").headers


def test_a_server_of_the_documented_api_alone_has_none(serve):
    _, http = serve(completions=False)
    assert "bulk-editor-features" not in http.get("/api/v1/products").headers
    answer = http.update({"id": "product_id_1", "price": 1, "expected": {}})
    assert result(answer) == ("failed", [("expected", "unknown_field")])
    row = {"id": "product_id_1", "price": 1}
    answer = http.put("/api/v1/products/bulk", json={"products": [row], "atomic": True})
    assert answer.status_code == 422


def test_a_row_is_written_while_the_product_is_as_expected(shop):
    sandbox, http = shop
    answer = http.update({"id": "product_id_3", "price": 8, "expected": {**EXPECTED, "cost": None}})
    assert result(answer) == ("updated", [])
    assert sandbox.products.get("product_id_3")["price"] == 8


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", 10.01),
        ("price", None),
        ("price", "10"),
        ("cost", 0),
        ("tags", ["b", "a"]),
        ("tags", []),
        ("custom_fields", {"x": 1}),
        ("custom_fields", {"x": True, "y": None}),
        ("custom_fields", {"x": 1, "y": ""}),
        ("barcode", 7),
        ("updated_at", "2000-01-01T00:00:00Z"),
    ],
)
def test_a_row_whose_product_is_otherwise_is_not_written(shop, field, value):
    sandbox, http = shop
    before = sandbox.products.get("product_id_3")
    answer = http.update({"id": "product_id_3", "price": 8, "title": "New title", "expected": {field: value}})
    assert result(answer) == ("failed", [(field, "changed")])
    assert sandbox.products.get("product_id_3") == before
    assert [entry.effects for entry in sandbox.journal] == [()]


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        ({"colour": 1}, ("expected.colour", "unknown_field")),
        ([], ("expected", "invalid_type")),
        (None, ("expected", "invalid_type")),
    ],
)
def test_an_expectation_that_makes_no_sense_fails_the_row(shop, expected, problem):
    _, http = shop
    answer = http.update({"id": "product_id_3", "price": 8, "expected": expected})
    assert result(answer) == ("failed", [problem])


def test_money_as_text_is_expected_as_text(serve):
    _, http = serve(products=3, readings={"money": "string"})
    http.update({"id": "product_id_1", "price": "10.50"})
    for price, expected, status in [
        ("9", "10.50", "updated"),
        ("8", "10.50", "failed"),
        ("7", "9.0", "updated"),
    ]:
        answer = http.update({"id": "product_id_1", "price": price, "expected": {"price": expected}})
        assert result(answer)[0] == status


def atomic(http, *rows, key=None):
    headers = {} if key is None else {"Idempotency-Key": key}
    return http.put("/api/v1/products/bulk", json={"products": list(rows), "atomic": True}, headers=headers)


def test_an_atomic_batch_is_written_whole(shop):
    sandbox, http = shop
    answer = atomic(http, {"id": "product_id_1", "price": 1}, {"id": "product_id_2", "price": 2})
    assert answer.json()["updated"] == 2
    assert [len(entry.effects) for entry in sandbox.journal] == [2]


@pytest.mark.parametrize(
    ("bad", "field", "code"),
    [
        ({"id": "product_id_3", "price": -1}, "products[1].price", "negative"),
        ({"id": "nobody", "price": 1}, "products[1].id", "not_found"),
        ({"id": "product_id_3", "price": 1, "expected": {"price": 11}}, "products[1].price", "changed"),
    ],
)
def test_one_bad_row_leaves_an_atomic_batch_unwritten(shop, bad, field, code):
    sandbox, http = shop
    before = list(sandbox.products.rows())
    answer = atomic(
        http, {"id": "product_id_1", "price": 1}, bad, {"id": "product_id_2", "price": 2}, key="k"
    )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "batch_rejected")
    assert [(problem["field"], problem["code"]) for problem in error["errors"]] == [(field, code)]
    assert list(sandbox.products.rows()) == before
    assert [entry.effects for entry in sandbox.journal] == [()]
    # The refusal is the answer under this key, as every other one.
    again = atomic(http, {"id": "product_id_1", "price": 1}, bad, {"id": "product_id_2", "price": 2}, key="k")
    assert again.headers["idempotency-replayed"] == "true"


def test_an_atomic_batch_that_is_rejected_sends_no_event(serve, receiver):
    sandbox, http = serve(products=3)
    sandbox.add_webhook(receiver.url, ["product.updated"])
    atomic(http, {"id": "product_id_1", "price": 1.11}, {"id": "nobody", "price": 1})
    atomic(http, {"id": "product_id_2", "price": 2.22})
    sandbox.settle()
    [event] = receiver.wait(1)
    assert event["data"]["product_id"] == "product_id_2"


def test_atomic_must_be_true_or_false(shop):
    _, http = shop
    answer = http.put("/api/v1/products/bulk", json={"products": [{"id": "product_id_1"}], "atomic": "yes"})
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == "atomic"


def test_neither_a_fault_nor_a_reading_cuts_an_atomic_batch(serve):
    sandbox, http = serve(products=5, readings={"bulk_reply": "drops_row"})
    sandbox.faults.add(route="PUT /products/bulk", partial_batch=1, times=1)
    rows = [{"id": f"product_id_{n}", "price": n} for n in (1, 2, 3)]
    assert atomic(http, *rows).json()["updated"] == 3
