"""Bulk jobs: created, watched, cancelled, failed."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest


def rows(count, **more):
    return [{"sku": f"S-{n}", "title": f"Thing {n}", "price": "10.00", **more} for n in range(count)]


def test_a_job_runs_to_its_end_and_says_so(http, sandbox):
    answer = http.post(
        "/api/v1/bulk-jobs",
        json={
            "operation": "update",
            "filter": {"product_type": "T-Shirt", "vendor": "Premium Brand"},
            "updates": {"tags": ["summer-sale"], "price_adjustment": {"type": "percentage", "value": -20}},
            "schedule": None,
        },
    )
    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/bulk-jobs/{job['id']}"
    assert list(job) == [
        "id",
        "operation",
        "status",
        "progress",
        "total_products",
        "processed_products",
        "errors",
        "started_at",
        "completed_at",
        "filter",
        "updates",
        "schedule",
        "created_at",
        "successful_updates",
        "failed_updates",
    ]
    assert (job["status"], job["progress"], job["started_at"]) == ("pending", 0, None)
    sandbox.settle()
    done = http.get(answer.headers["Location"]).json()
    matching = http.products(filter={"product_type": "T-Shirt", "vendor": "Premium Brand"}, limit=250)
    assert (done["status"], done["progress"], done["errors"]) == ("completed", 100, 0)
    assert (
        done["total_products"]
        == done["processed_products"]
        == done["successful_updates"]
        == len(matching)
        > 0
    )
    assert done["completed_at"] >= done["started_at"] >= done["created_at"]
    assert all(row["tags"] == ["summer-sale"] for row in matching)


@pytest.mark.parametrize(
    ("old", "kind", "value", "new"),
    [
        ("29.99", "percentage", -20, "23.99"),
        ("0.0121", "percentage", 10, "0.0133"),
        ("0.05", "percentage", -50, "0.03"),
        ("0.045", "percentage", 0, "0.045"),
        ("10", "percentage", Decimal("0.05"), "10.01"),
        ("10", "fixed", -10, "0.00"),
        ("10.00", "fixed", Decimal("-0.005"), "10.00"),
        ("10.00", "fixed", Decimal("0.005"), "10.01"),
        ("1.005", "fixed", 1, "2.005"),
    ],
)
def test_prices_are_rounded_half_up_to_their_own_decimals(serve, old, kind, value, new):
    sandbox, http = serve(catalog=rows(1, price=old))
    adjustment = f'{{"type": "{kind}", "value": {value}}}'
    raw = f'{{"operation": "update", "filter": {{}}, "updates": {{"price_adjustment": {adjustment}}}}}'
    assert http.post("/api/v1/bulk-jobs", content=raw).status_code == 201
    sandbox.settle()
    assert str(sandbox.products.get("product_id_1")["price"]) == new


def test_rows_that_cannot_be_adjusted_fail_and_stay(serve):
    sandbox, http = serve(catalog=[*rows(2), *rows(1, price=None), *rows(1, price="1.00")])
    job = http.job(updates={"price_adjustment": {"type": "fixed", "value": -5}, "tags": ["t"]})
    sandbox.settle()
    done = http.get(f"/api/v1/bulk-jobs/{job['id']}").json()
    assert (done["status"], done["errors"], done["successful_updates"], done["progress"]) == (
        "completed",
        2,
        2,
        100,
    )
    errors = http.get(f"/api/v1/bulk-jobs/{job['id']}/errors").json()
    assert errors["total"] == 2
    assert [(e["product_id"], e["code"], e["field"]) for e in errors["errors"]] == [
        ("product_id_3", "missing", "price"),
        ("product_id_4", "negative", "price"),
    ]
    assert [row["tags"] for row in http.products()] == [["t"], ["t"], [], []]
    assert [row["price"] for row in http.products()] == [5.0, 5.0, None, 1.0]


def test_a_job_whose_rows_all_fail_has_failed(serve):
    sandbox, http = serve(catalog=rows(3))
    job = http.job(updates={"price_adjustment": {"type": "percentage", "value": -101}})
    sandbox.settle()
    assert http.get(f"/api/v1/bulk-jobs/{job['id']}").json()["status"] == "failed"


def test_a_job_without_products_is_completed(http, sandbox):
    job = http.job(filter={"sku": "none such"}, updates={"tags": []})
    sandbox.settle()
    done = http.get(f"/api/v1/bulk-jobs/{job['id']}").json()
    assert (done["status"], done["total_products"], done["progress"]) == ("completed", 0, 100)


def test_a_delete_job_deletes(serve):
    sandbox, http = serve(catalog=[*rows(3), *rows(2, vendor="Gone")])
    assert http.job(operation="delete", filter={"vendor": "Gone"})["updates"] is None
    sandbox.settle()
    assert [row["vendor"] for row in http.products()] == [None] * 3


def test_progress_is_seen_on_the_way_and_cancelling_keeps_what_is_done(serve):
    sandbox, http = serve(catalog=rows(600))
    sandbox.faults.add(job_stall=300)
    job = http.job(updates={"tags": ["seen"]})
    sandbox.settle()
    path = f"/api/v1/bulk-jobs/{job['id']}"
    half = http.get(path).json()
    assert (half["status"], half["progress"], half["processed_products"]) == ("running", 50, 300)
    assert half["completed_at"] is None
    cancelled = http.post(f"{path}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    sandbox.faults.clear()
    sandbox.settle()
    assert http.get(path).json() == cancelled.json()
    assert sum(row["tags"] == ["seen"] for row in sandbox.products.rows()) == 300
    again = http.post(f"{path}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "job_finished")


def test_a_stalled_job_goes_on_after_the_fault_is_cleared(serve):
    sandbox, http = serve(catalog=rows(600))
    sandbox.faults.add(job_stall=True)
    job = http.job(updates={"tags": ["seen"]})
    sandbox.settle()
    assert http.get(f"/api/v1/bulk-jobs/{job['id']}").json()["processed_products"] == 0
    sandbox.faults.clear()
    sandbox.settle()
    assert http.get(f"/api/v1/bulk-jobs/{job['id']}").json()["progress"] == 100
    chunks = [entry for entry in sandbox.journal if entry.origin == "job"]
    assert [entry.effects[0].count for entry in chunks] == [250, 250, 100]


def test_a_pending_job_is_cancelled_before_it_starts(serve):
    sandbox, http = serve(clock="frozen")
    later = (sandbox.clock.now() + timedelta(hours=1)).isoformat()
    job = http.job(updates={"tags": ["never"]}, schedule=later)
    assert http.post(f"/api/v1/bulk-jobs/{job['id']}/cancel").json()["status"] == "cancelled"
    sandbox.clock.advance("2h")
    assert all(row["tags"] != ["never"] for row in sandbox.products.rows())


def test_a_skipped_row_is_reported_as_done(serve):
    sandbox, http = serve(catalog=rows(5))
    fault = sandbox.faults.add(job_row_skip=True, times=2)
    job = http.job(updates={"tags": ["t"]})
    sandbox.settle()
    assert http.get(f"/api/v1/bulk-jobs/{job['id']}").json()["successful_updates"] == 5
    assert fault.hits == 2
    assert [row["tags"] for row in sandbox.products.rows()] == [[], [], ["t"], ["t"], ["t"]]


def test_a_product_deleted_meanwhile_is_an_error_of_its_row(serve):
    sandbox, http = serve(catalog=rows(3), readings={"job_filter": "at_creation"}, clock="frozen")
    later = (sandbox.clock.now() + timedelta(hours=1)).isoformat()
    job = http.job(updates={"tags": ["t"]}, schedule=later)
    http.delete("/api/v1/products/product_id_2")
    sandbox.clock.advance("1h")
    errors = http.get(f"/api/v1/bulk-jobs/{job['id']}/errors").json()["errors"]
    assert [(e["product_id"], e["code"]) for e in errors] == [(None, "not_found")]


def test_jobs_are_listed_newest_first_and_by_status(serve):
    sandbox, http = serve(clock="frozen")
    http.job(updates={"tags": ["a"]})
    http.job(updates={"tags": ["b"]}, schedule=(sandbox.clock.now() + timedelta(days=1)).isoformat())
    sandbox.settle()
    assert [job["id"] for job in http.get("/api/v1/bulk-jobs").json()["jobs"]] == ["job_2", "job_1"]
    pending = http.get("/api/v1/bulk-jobs?status=pending").json()
    assert ([job["id"] for job in pending["jobs"]], pending["total"]) == (["job_2"], 1)
    assert http.get("/api/v1/bulk-jobs?status=nope").json()["error"]["field"] == "status"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"operation": "upsert"}, "operation"),
        ({"operation": None}, "operation"),
        ({"filter": None}, "filter"),
        ({"filter": []}, "filter"),
        ({"updates": {}}, "updates"),
        ({"updates": []}, "updates"),
        ({"updates": {"price": -1}}, "updates.price"),
        ({"updates": {"color": 1}}, "updates.color"),
        ({"updates": {"id": "x"}}, "updates.id"),
        ({"updates": {"price_adjustment": 5}}, "updates.price_adjustment"),
        ({"updates": {"price_adjustment": {"type": "half", "value": 1}}}, "updates.price_adjustment.type"),
        (
            {"updates": {"price_adjustment": {"type": "fixed", "value": "1"}}},
            "updates.price_adjustment.value",
        ),
        (
            {"updates": {"price": 1, "price_adjustment": {"type": "fixed", "value": 1}}},
            "updates.price_adjustment",
        ),
        ({"operation": "delete"}, "updates"),
        ({"schedule": "tomorrow"}, "schedule"),
        ({"schedule": "2030-01-01T00:00:00"}, "schedule"),
        ({"schedule": 5}, "schedule"),
        ({"more": 1}, "more"),
    ],
)
def test_a_bad_job_is_refused_and_the_field_named(http, sandbox, body, field):
    job = {"operation": "update", "filter": {"sku": "x"}, "updates": {"tags": []}, **body}
    answer = http.post("/api/v1/bulk-jobs", json=job)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
    assert http.get("/api/v1/bulk-jobs").json()["total"] == 0


def test_a_jobs_filter_is_checked_when_it_is_created(http):
    answer = http.post("/api/v1/bulk-jobs", json={"operation": "delete", "filter": {"nope": 1}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_filter")


def test_an_unknown_job_is_not_found(http):
    for method, path in (("GET", ""), ("POST", "/cancel"), ("GET", "/errors")):
        answer = http.request(method, f"/api/v1/bulk-jobs/job_9{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_times_are_utc_with_z(http, sandbox):
    http.job(updates={"tags": []}, schedule="2020-01-01T01:00:00+01:00")
    sandbox.settle()
    job = http.get("/api/v1/bulk-jobs/job_1").json()
    assert job["schedule"] == "2020-01-01T00:00:00Z"
    for name in ("created_at", "started_at", "completed_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", job[name])
