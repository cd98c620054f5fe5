"""Jobs under every reading of status, progress and errors; the text of execution_time."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bulkeditor.models import Job, JobStatus, decode_one, parse_execution_time


def job(**fields: object) -> Job:
    return decode_one(json.dumps({"id": "job_123", **fields}).encode(), Job)


def test_the_documented_answer():
    done = job(
        status="completed",
        progress=100,
        total_products=150,
        processed_products=150,
        errors=0,
        started_at="2024-06-01T00:00:00Z",
        completed_at="2024-06-01T00:05:30Z",
    )
    assert done.completed_at == datetime(2024, 6, 1, 0, 5, 30, tzinfo=UTC)
    assert (done.progress, done.raw_progress, done.error_count) == (100.0, Decimal(100), 0)
    assert (done.terminal, done.failed, done.succeeded) == (True, False, True)
    assert repr(done).startswith("Job(id='job_123', status='completed', processed_products=150")


@pytest.mark.parametrize(
    ("fields", "progress"),
    [
        ({"progress": 42, "total_products": 200, "processed_products": 50}, 25.0),  # the counts decide
        ({"progress": 0.25, "total_products": 200, "processed_products": 50}, 25.0),
        ({"total_products": 3, "processed_products": 1}, 33.3),
        ({"total_products": 2, "processed_products": 3}, 100.0),
        ({"total_products": 2, "processed_products": -3}, 0.0),
        ({"total_products": 1, "processed_products": 10**4000}, 100.0),
        ({"progress": 42}, 42.0),
        ({"progress": 0.42}, 42.0),
        ({"progress": 0, "total_products": 0, "processed_products": 0}, 0.0),
        ({"progress": 1, "status": "completed", "total_products": 0, "processed_products": 0}, 100.0),
        ({"progress": None}, None),
        ({}, None),
    ],
)
def test_progress_is_percent(fields, progress):
    assert job(**fields).progress == progress


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"errors": 2}, 2),
        ({"errors": [{"product_id": "1"}, {"product_id": "2"}]}, 2),
        ({"errors": []}, 0),
        ({"errors": None}, None),
        ({"errors": None, "failed_updates": 3}, 3),
        ({"errors": ["x"], "failed_updates": 3}, 3),  # a list may be cut short
        ({"failed_updates": 3}, 3),
        ({}, None),
    ],
)
def test_errors_are_counted_in_every_form(fields, count):
    assert job(**fields).error_count == count


@pytest.mark.parametrize(
    ("status", "terminal", "failed", "succeeded"),
    [
        ("pending", False, False, False),
        ("queued", False, False, False),
        ("running", False, False, False),
        ("in_progress", False, False, False),
        ("completed", True, False, True),
        ("success", True, False, True),
        ("COMPLETED", True, False, True),
        ("failed", True, True, False),
        ("error", True, True, False),
        ("cancelled", True, True, False),
        ("canceled", True, True, False),
        ("sunset", False, False, False),
    ],
)
def test_status_words(status, terminal, failed, succeeded):
    it = job(status=status)
    assert (it.terminal, it.failed, it.succeeded) == (terminal, failed, succeeded)
    assert JobStatus.terminal(status) is terminal
    assert JobStatus.known(status) is (status != "sunset")
    assert it.status == status


def test_an_unknown_status_ends_with_a_time_of_completion_and_is_no_success():
    ended = job(status="sunset", completed_at="2024-06-01T00:05:30Z")
    assert (ended.terminal, ended.failed, ended.succeeded) == (True, False, False)


def test_completed_with_errors_is_no_success():
    for errors in (2, [{"product_id": "1"}]):
        assert not job(status="completed", errors=errors).succeeded
    assert job(status="completed", errors=None).succeeded


def test_a_bare_job_answers_every_question():
    bare = job()
    assert (bare.terminal, bare.failed, bare.succeeded) == (False, False, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5.5 seconds", timedelta(seconds=5.5)),
        ("1 second", timedelta(seconds=1)),
        ("5s", timedelta(seconds=5)),
        ("350 ms", timedelta(milliseconds=350)),
        ("5 min 30 s", timedelta(seconds=330)),
        ("1 hour, 2 minutes and 3 seconds", timedelta(hours=1, minutes=2, seconds=3)),
        ("2 Days", timedelta(days=2)),
        ("05:30", timedelta(seconds=330)),
        ("00:05:30.5", timedelta(seconds=330.5)),
        ("12.5", timedelta(seconds=12.5)),
        (12, timedelta(seconds=12)),
        (5.5, timedelta(seconds=5.5)),
        (Decimal("5.5"), timedelta(seconds=5.5)),
    ],
)
def test_execution_time_is_read(text, expected):
    assert parse_execution_time(text) == expected


NOT_TIMES = [
    *("", "soon", "5 parsecs", "5 s 6 s", "about 5 seconds", "-5 seconds", "1:2:3:4", None, True, []),
    *(float("nan"), "9" * 12 + " days", "9" * 5000 + " s", 10**400, -(10**5000)),
]


@pytest.mark.parametrize("text", NOT_TIMES, ids=lambda text: type(text).__name__)
def test_what_cannot_be_read_with_certainty_is_none(text):
    assert parse_execution_time(text) is None
