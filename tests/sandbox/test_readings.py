"""Each way to read the documentation, one server each."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import chain

import pytest

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox import Sandbox

ROWS = [{"sku": f"S-{n}", "title": f"Thing {n}", "price": "10.00", "tags": ["old"]} for n in range(30)]


@pytest.fixture
def reading(serve):
    def start(**chosen):
        return serve(catalog=ROWS, readings=chosen)

    return start


def ids(rows):
    return [row["id"] for row in rows]


ALL = [f"product_id_{n}" for n in range(1, 31)]


def test_list_shapes(reading):
    assert list(reading()[1].get("/api/v1/products").json()) == ["products", "page", "limit", "total"]
    assert list(reading(list_shape="no_totals")[1].get("/api/v1/products").json()) == [
        "products",
        "page",
        "limit",
    ]
    bare = reading(list_shape="array")[1].get("/api/v1/products").json()
    assert ids(bare) == ALL


@pytest.mark.parametrize("base", ["0", 0])
def test_first_page_zero(reading, base):
    _, http = reading(first_page=base)
    first = http.get("/api/v1/products?limit=20").json()
    assert (first["page"], ids(first["products"])) == (0, ALL[:20])
    assert ids(http.products(limit=20, page=0)) == ALL[:20]
    assert ids(http.products(limit=20, page=1)) == ALL[20:]
    assert ids(http.products(limit=20, page=2)) == []


def test_first_page_one_knows_no_page_zero(reading):
    assert reading()[1].get("/api/v1/products?page=0").status_code == 400


def test_a_short_page_is_all_that_tells_the_end(reading):
    _, http = reading(list_end="short_page")
    assert list(http.get("/api/v1/products").json()) == ["products", "page", "limit"]
    assert [len(http.products(limit=20, page=page)) for page in (1, 2, 3)] == [20, 10, 0]


def test_an_empty_page_stands_in_the_middle(reading):
    _, http = reading(list_end="empty_pages")
    pages = [ids(http.products(limit=10, page=page)) for page in range(1, 7)]
    assert [len(page) for page in pages] == [10, 0, 10, 10, 0, 0]
    assert list(chain.from_iterable(pages)) == ALL
    one = [ids(http.products(limit=250, page=page)) for page in (1, 2, 3)]
    assert [len(page) for page in one] == [30, 0, 0]


def test_a_changing_order_moves_rows_between_requests(reading):
    _, http = reading(order="changing")
    reads = [tuple(ids(http.products(limit=30))) for _ in range(6)]
    assert len(set(reads)) > 1
    assert all(sorted(read) == sorted(ALL) for read in reads)
    pages = [ids(http.products(limit=10, page=page)) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [10, 10, 10]


def test_a_changing_order_is_the_same_for_a_seed(serve):
    def read():
        _, http = serve(catalog=ROWS, readings={"order": "changing"})
        return [ids(http.products(limit=10, page=page)) for page in (1, 2, 3, 1)]

    assert read() == read()


def test_fields_ignored_or_with_more(reading):
    assert len(reading(fields="ignored")[1].products(fields="price,nope")[0]) > 15
    assert list(reading(fields="extra")[1].products(fields="price")[0]) == [
        "price",
        "id",
        "sku",
        "updated_at",
    ]


def test_filter_by_equality_refuses_operators_and_names_the_field(reading):
    _, http = reading()
    assert ids(http.products(filter={"sku": "S-3", "tags": "old", "cost": None})) == ["product_id_4"]
    for filter_, field in ((({"price": {"gt": 1}}), "price"), ({"or": []}, "or"), ({"not": {}}, "not")):
        answer = http.get("/api/v1/products", params={"filter": json.dumps(filter_)})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["field"]) == (400, "invalid_filter", field)


def test_filter_ignored_lists_everything(reading):
    _, http = reading(filter="ignored")
    assert len(http.products(filter={"sku": "S-3"})) == 30
    assert http.get("/api/v1/products?filter=nonsense").status_code == 200


@pytest.mark.parametrize(
    ("choice", "changed"),
    [("at_start", ["product_id_2"]), ("at_creation", ["product_id_1"]), ("ignored", ALL)],
)
def test_when_a_job_chooses_its_products(serve, choice, changed):
    sandbox, http = serve(catalog=ROWS, readings={"job_filter": choice}, clock="frozen")
    http.update({"id": "product_id_1", "vendor": "Chosen"})
    later = sandbox.clock.now() + timedelta(hours=1)
    http.job(filter={"vendor": "Chosen"}, updates={"tags": ["new"]}, schedule=later.isoformat())
    http.update({"id": "product_id_1", "vendor": None}, {"id": "product_id_2", "vendor": "Chosen"})
    sandbox.clock.advance("1h")
    assert [row["id"] for row in sandbox.products.rows() if row["tags"] == ["new"]] == changed


def test_bulk_replies(reading):
    row, bad = {"id": "product_id_1", "vendor": "v"}, {"id": "product_id_2", "price": -1}
    assert reading(bulk_reply="counts")[1].update(row, bad).json() == {
        "updated": 1,
        "unchanged": 0,
        "failed": 1,
    }
    sandbox, http = reading(bulk_reply="no_content")
    answer = http.update(row)
    assert (answer.status_code, answer.content) == (204, b"")
    assert sandbox.products.get("product_id_1")["vendor"] == "v"


def test_a_dropped_row_is_missing_and_undone(reading):
    sandbox, http = reading(bulk_reply="drops_row")
    body = http.update(*({"id": ident, "vendor": "v"} for ident in ALL[:3])).json()
    assert [row["id"] for row in body["results"]] == ["product_id_1", "product_id_3"]
    assert body["updated"] == 2
    assert sandbox.products.get("product_id_2")["vendor"] is None
    assert http.update({"id": "product_id_2", "vendor": "v"}).json()["updated"] == 1


def test_job_replies(reading):
    job = {"operation": "update", "filter": {}, "updates": {"tags": ["t"]}}
    assert reading(job_reply="job_id")[1].post("/api/v1/bulk-jobs", json=job).json() == {"job_id": "job_1"}
    assert reading(job_reply="nested")[1].post("/api/v1/bulk-jobs", json=job).json()["job"]["id"] == "job_1"
    answer = reading(job_reply="location")[1].post("/api/v1/bulk-jobs", json=job)
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["Location"] == "/api/v1/bulk-jobs/job_1"


def test_idempotency_ignored_echoes_nothing_and_acts_twice(reading):
    sandbox, http = reading(idempotency_key="ignored")
    for _ in range(2):
        answer = http.post(
            "/api/v1/products", json={"sku": "N", "title": "New"}, headers={"Idempotency-Key": "k"}
        )
        assert "Idempotency-Key" not in answer.headers
    assert sandbox.products.count() == 32
    with pytest.raises(AssertionError, match="key k"):
        sandbox.assert_no_duplicate_effects()


def test_money_as_text(reading):
    _sandbox, http = reading(money="string")
    assert {type(row["price"]) for row in http.products()} == {str}
    row = http.products(fields="price,cost")[0]
    assert row == {"price": "10.00", "cost": None}
    assert (
        http.update({"id": "product_id_1", "price": 5.5}, {"id": "product_id_2", "price": "6.50"}).json()[
            "updated"
        ]
        == 2
    )
    assert [http.get(f"/api/v1/products/product_id_{n}").json()["price"] for n in (1, 2)] == ["5.5", "6.50"]


def test_tags_added(reading):
    sandbox, http = reading(tags_update="add")
    http.update({"id": "product_id_1", "tags": ["new", "old"]})
    assert sandbox.products.get("product_id_1")["tags"] == ["old", "new"]
    http.job(filter={"sku": "S-0"}, updates={"tags": ["job"]})
    sandbox.settle()
    assert sandbox.products.get("product_id_1")["tags"] == ["old", "new", "job"]


@pytest.mark.parametrize(
    ("choice", "stored"), [("merge", {"a": 1, "b": 3, "c": 4}), ("replace", {"b": 3, "c": 4})]
)
def test_custom_fields_merged_or_replaced(reading, choice, stored):
    sandbox, http = reading(custom_fields_update=choice)
    http.update({"id": "product_id_1", "custom_fields": {"a": 1, "b": 2}})
    http.update({"id": "product_id_1", "custom_fields": {"b": 3, "c": 4}})
    assert sandbox.products.get("product_id_1")["custom_fields"] == stored
    http.update({"id": "product_id_1", "custom_fields": None})
    assert sandbox.products.get("product_id_1")["custom_fields"] == {}


def test_percentage_only(reading):
    _, http = reading(price_adjustment="percentage")
    body = {
        "operation": "update",
        "filter": {},
        "updates": {"price_adjustment": {"type": "fixed", "value": 1}},
    }
    answer = http.post("/api/v1/bulk-jobs", json=body)
    assert answer.json()["error"]["field"] == "updates.price_adjustment.type"


def test_other_status_names_fraction_and_error_rows(serve):
    readings = {"job_status": "others", "progress": "fraction", "job_errors": "list"}
    sandbox, http = serve(catalog=[*ROWS, {"sku": "P", "title": "Priceless"}], readings=readings)
    assert http.job(updates={"price_adjustment": {"type": "percentage", "value": 1}})["status"] == "queued"
    sandbox.settle()
    job = http.get("/api/v1/bulk-jobs/job_1").json()
    assert (job["status"], job["progress"]) == ("success", 1)
    assert [(error["sku"], error["code"]) for error in job["errors"]] == [("P", "missing")]
    assert http.get("/api/v1/bulk-jobs?status=success").json()["total"] == 1
    assert http.get("/api/v1/bulk-jobs?status=completed").status_code == 400
    sandbox.faults.add(job_stall=10)
    http.job(updates={"tags": ["x"]})
    sandbox.settle()
    half = http.get("/api/v1/bulk-jobs/job_2").json()
    assert (half["status"], half["progress"]) == ("in_progress", 0.3226)
    assert http.post("/api/v1/bulk-jobs/job_2/cancel").json()["status"] == "canceled"


def test_webhooks_absent(reading):
    _sandbox, http = reading(webhooks="absent")
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/webhook_1")):
        answer = http.request(method, f"/api/v1/webhooks{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "route_not_found")


def test_no_retry_after(reading):
    sandbox, http = reading(retry_after="without")
    sandbox.faults.add("*", status=429, retry_after=7)
    assert "Retry-After" not in http.get("/api/v1/products").headers


def test_a_documented_only_server(serve):
    _sandbox, http = serve(catalog=ROWS, completions=False, rate_limit=3)
    answer = http.update({"id": "product_id_1", "vendor": "v"}, key="k")
    assert answer.json()["updated"] == 1
    assert not {name for name in answer.headers if name.startswith(("x-ratelimit", "idempotency"))}
    assert list(http.job(updates={"tags": ["t"]})) == [
        "id",
        "operation",
        "status",
        "progress",
        "total_products",
        "processed_products",
        "errors",
        "started_at",
        "completed_at",
    ]
    http.get("/api/v1/products")
    limited = http.get("/api/v1/products")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "20")
    for method, path in (
        ("POST", "/api/v1/products"),
        ("GET", "/api/v1/products/product_id_1"),
        ("GET", "/api/v1/bulk-jobs"),
        ("DELETE", "/api/v1/products/product_id_1"),
        ("POST", "/api/v1/bulk-jobs/job_1/cancel"),
        ("GET", "/api/v1/webhooks"),
        ("GET", "/api/v1/locations"),
        ("PUT", "/api/v1/inventory/levels"),
        ("GET", "/api/v1/analytics/products"),
        ("GET", "/api/v1/api-keys"),
        ("POST", "/oauth/token"),
    ):
        answer = http.request(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "route_not_found"), path


def test_unknown_readings_are_refused_with_the_choices():
    with pytest.raises(InvalidInputError, match=r"'colour'.*Known: list_shape"):
        Sandbox(readings={"colour": "red"})
    with pytest.raises(InvalidInputError, match=r"money.*number, string"):
        Sandbox(readings={"money": "float"})
