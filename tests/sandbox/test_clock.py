"""Time: frozen, turned on, running."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox import Sandbox


def test_a_frozen_clock_stands_and_immediate_jobs_still_run(serve):
    start = datetime(2024, 6, 1, tzinfo=UTC)
    sandbox, http = serve(clock=start)
    http.job(updates={"tags": ["now"]})
    sandbox.settle()
    job = http.get("/api/v1/bulk-jobs/job_1").json()
    assert (job["created_at"], job["completed_at"]) == ("2024-06-01T00:00:00Z", "2024-06-01T00:00:00Z")
    assert sandbox.clock.now() == start


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("3d", timedelta(days=3)),
        ("90m", timedelta(minutes=90)),
        ("1h 30m", timedelta(hours=1.5)),
        ("1w2d", timedelta(days=9)),
        ("1.5s", timedelta(seconds=1.5)),
        ("250ms", timedelta(milliseconds=250)),
        (timedelta(hours=2), timedelta(hours=2)),
        ("0s", timedelta(0)),
    ],
)
def test_advance_takes_text_or_timedelta(by, expected):
    with Sandbox(products=1, clock="frozen") as sandbox:
        before = sandbox.clock.now()
        assert sandbox.clock.advance(by) - before == expected
        assert sandbox.clock.now() - before == expected


@pytest.mark.parametrize("by", ["", "3", "three days", "3y", "-1d", timedelta(seconds=-1)])
def test_advance_refuses_what_is_no_duration(by):
    with Sandbox(products=1) as sandbox, pytest.raises(InvalidInputError, match="advance"):
        sandbox.clock.advance(by)


def test_what_falls_due_happens_in_order_before_advance_returns(serve):
    sandbox, http = serve(clock="frozen")
    start = sandbox.clock.now()
    for day, tag in ((2, "second"), (1, "first"), (5, "too late")):
        http.job(updates={"tags": [tag]}, schedule=(start + timedelta(days=day)).isoformat())
    sandbox.clock.advance("3d")
    jobs = {job["id"]: job for job in http.get("/api/v1/bulk-jobs").json()["jobs"]}
    assert [jobs[f"job_{n}"]["status"] for n in (1, 2, 3)] == ["completed", "completed", "pending"]
    assert [jobs[f"job_{n}"]["started_at"] for n in (1, 2)] == [jobs[f"job_{n}"]["schedule"] for n in (1, 2)]
    assert {tuple(row["tags"]) for row in sandbox.products.rows()} == {("second",)}
    order = [entry.path for entry in sandbox.journal if entry.origin == "job"]
    assert order == ["job_2", "job_1"]


def test_a_running_clock_can_be_turned_on_too(serve):
    sandbox, http = serve()
    http.job(updates={"tags": ["later"]}, schedule=(sandbox.clock.now() + timedelta(days=1)).isoformat())
    sandbox.clock.advance("2d")
    assert http.get("/api/v1/bulk-jobs/job_1").json()["status"] == "completed"
    assert not sandbox.clock.frozen
    assert sandbox.clock.now() - datetime.now(UTC) > timedelta(days=1, hours=23)


def test_a_running_clock_fires_on_its_own(serve):
    sandbox, http = serve()
    http.job(
        updates={"tags": ["soon"]}, schedule=(sandbox.clock.now() + timedelta(milliseconds=80)).isoformat()
    )
    assert http.get("/api/v1/bulk-jobs/job_1").json()["status"] == "pending"
    limit = time.monotonic() + 5
    while http.get("/api/v1/bulk-jobs/job_1").json()["status"] != "completed":
        assert time.monotonic() < limit


def test_freeze_unfreeze(serve):
    sandbox, http = serve()
    sandbox.clock.freeze(datetime(2030, 1, 1, tzinfo=UTC))
    assert sandbox.clock.now() == datetime(2030, 1, 1, tzinfo=UTC)
    http.job(updates={"tags": ["x"]}, schedule="2030-01-01T00:00:00.050Z")
    sandbox.settle()
    assert http.get("/api/v1/bulk-jobs/job_1").json()["status"] == "pending"
    sandbox.clock.unfreeze()
    limit = time.monotonic() + 5
    while http.get("/api/v1/bulk-jobs/job_1").json()["status"] != "completed":
        assert time.monotonic() < limit
    with pytest.raises(InvalidInputError, match="zone"):
        sandbox.clock.freeze(datetime(2030, 1, 1))  # noqa: DTZ001 -- the naive time is the point
    with pytest.raises(InvalidInputError, match="zone"):
        Sandbox(products=1, clock=datetime(2030, 1, 1))  # noqa: DTZ001


@pytest.mark.slow
def test_ninety_days_with_a_thousand_schedules_cost_less_than_a_second(serve):
    sandbox, http = serve(products=10_000, clock="frozen")
    start = sandbox.clock.now()
    for number in range(1000):
        due = start + timedelta(days=90) * (number + 1) / 1000
        http.job(filter={"sku": "TS-1"}, updates={"price": number + 1}, schedule=due.isoformat())
    cpu = time.process_time()
    sandbox.clock.advance("90d")
    assert time.process_time() - cpu < 1
    assert http.get("/api/v1/bulk-jobs?status=completed").json()["total"] == 1000
    assert http.products(filter={"sku": "TS-1"})[0]["price"] == 1000
