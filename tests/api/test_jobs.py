"""Bulk jobs: looked at before they leap, settled by reading, waited for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import attrs
import pytest

from bulkeditor import F, Job, Updates
from bulkeditor.api import bulk_jobs
from bulkeditor.errors import (
    InvalidInputError,
    JobError,
    JobFailedError,
    JobTimeoutError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RequestTimeoutError,
    UnsupportedByServerError,
)
from bulkeditor.http import Request
from bulkeditor.models import PriceAdjustment

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
LOST = RequestTimeoutError("no answer came in time.", operation="bulk_jobs.create")
UPDATES = Updates(tags=["sale"], price_adjustment=PriceAdjustment.percentage("-20.5"))


@attrs.define
class Server:
    """Plays the products list, and the jobs."""

    vendors: list[str] = attrs.field(factory=lambda: ["X", "Y", "X"])
    filters: bool = True
    total: int | None = 2
    post: Any = None
    completions: bool = True
    jobs: list[dict[str, Any]] = attrs.field(factory=list)
    posted: list[dict[str, Any]] = attrs.field(factory=list)
    refuse: Any = None

    def __call__(self, request: Request) -> Any:
        if request.operation == "products.list":
            wanted = json.loads(dict(request.params).get("filter", "{}")) if self.filters else {}
            rows = [
                {"id": f"p{n}", "sku": f"S{n}", "vendor": vendor} for n, vendor in enumerate(self.vendors)
            ]
            found = [row for row in rows if all(row.get(k) == v for k, v in wanted.items())]
            return {"products": found, "page": 1, "limit": 250, "total": len(found)}
        if request.operation == "bulk_jobs.create":
            assert request.content is not None
            self.posted.append(json.loads(request.content))
            return self.post(self, request) if self.post is not None else self.make()
        if request.operation == "bulk_jobs.get":
            return self.jobs[-1]
        if not self.completions:
            return self.refuse(request, 404, "route_not_found")
        if request.operation == "bulk_jobs.list":
            return {"jobs": list(reversed(self.jobs)), "page": 1, "limit": 250, "total": len(self.jobs)}
        assert request.operation == "bulk_jobs.cancel"
        self.jobs[-1]["status"] = "cancelled"
        return self.jobs[-1]

    def make(self, **more: Any) -> dict[str, Any]:
        number = len(self.jobs)
        job = {
            "id": f"job_{number}",
            "status": "running",
            "total_products": self.total,
            "created_at": (NOW + timedelta(seconds=number)).isoformat(),
            **self.posted[-1],
            **more,
        }
        self.jobs.append(job)
        return job


@pytest.fixture
def server(refuse: Any) -> Server:
    return Server(refuse=refuse)


def create(drive: Any, server: Server, **options: Any) -> Job:
    arguments: dict[str, Any] = {
        "operation": "update",
        "filter": {"vendor": "X"},
        "updates": UPDATES,
        "schedule": None,
        "all_products": False,
        "now": NOW,
        "honoured": False,
    }
    return drive(bulk_jobs.create(**{**arguments, **options}), server)


def test_the_documented_body_is_sent(drive: Any, server: Server) -> None:
    job = create(drive, server, schedule=datetime(2024, 6, 2, 2, tzinfo=timezone(timedelta(hours=2))))
    assert job.id == "job_0"
    assert server.posted == [
        {
            "operation": "update",
            "filter": {"vendor": "X"},
            "updates": {"tags": ["sale"], "price_adjustment": {"type": "percentage", "value": -20.5}},
            "schedule": "2024-06-02T00:00:00Z",
        }
    ]


def test_a_job_that_deletes_has_no_updates(drive: Any, server: Server) -> None:
    create(drive, server, operation="delete", updates=None)
    assert server.posted == [{"operation": "delete", "filter": {"vendor": "X"}}]


def test_the_list_is_looked_at_first_with_an_impossible_value_too(drive: Any, server: Server) -> None:
    create(drive, server, honoured=True)
    assert drive.operations() == ["products.list", "products.list", "bulk_jobs.create"]
    probe = json.loads(dict(drive.requests[1].params)["filter"])
    assert probe["vendor"].startswith("no-such-value-")


@pytest.mark.parametrize("vendors", [["X", "Y"], ["X", "X"]])
def test_a_server_that_does_not_filter_gets_no_job(drive: Any, server: Server, vendors: list[str]) -> None:
    # With ["X", "X"] every row happens to match; only the impossible value shows it.
    server.filters, server.vendors = False, vendors
    with pytest.raises(InvalidInputError, match="this server does not filter"):
        create(drive, server)
    assert server.posted == []


def test_a_job_about_more_products_than_listed_is_cancelled(drive: Any, server: Server) -> None:
    server.total = 3
    with pytest.raises(
        JobError, match=r"is about 3 products, but its filter selects 2\. It was cancelled"
    ) as caught:
        create(drive, server)
    assert caught.value.job_id == "job_0"
    assert server.jobs[0]["status"] == "cancelled"


def test_where_a_job_cannot_be_cancelled_that_is_said(drive: Any, server: Server) -> None:
    server.total, server.completions = 3, False
    with pytest.raises(JobError, match="could not be cancelled"):
        create(drive, server)


def test_a_job_that_counts_only_when_it_begins_is_read_again(drive: Any, server: Server) -> None:
    server.total = 0

    def post(self: Server, request: Request) -> Any:
        job = dict(self.make())
        self.jobs[-1] |= {"total_products": 3, "status": "running"}
        return job

    server.post = post
    with pytest.raises(JobError, match="is about 3 products"):
        create(drive, server)


@pytest.mark.parametrize("filter_", [None, {}])
def test_an_empty_filter_needs_a_word(drive: Any, server: Server, filter_: Any) -> None:
    with pytest.raises(InvalidInputError, match="all_products=True"):
        create(drive, server, filter=filter_)
    create(drive, server, filter=filter_, all_products=True)
    assert server.posted[0]["filter"] == {}
    with pytest.raises(InvalidInputError, match="contradicts all_products"):
        create(drive, server, all_products=True)


@pytest.mark.parametrize(
    "filter_",
    [
        {"price": {"lt": 10}},
        F.vendor.isin(["X"]),
        (F.vendor == "X") | (F.vendor == "Y"),
        ~(F.vendor == "X"),
        {"tags": "sale"},
        {"cost": None},
        {"custom_fields.x": "y"},
        (F.vendor == "X") & (F.price > 3),
        (F.vendor == "X") & (F.vendor == "Y"),
    ],
)
def test_only_equalities_that_every_server_can_do_are_taken(drive: Any, server: Server, filter_: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"products.list\(filter=…\), then products.update"):
        create(drive, server, filter=filter_)
    assert drive.requests == []


def test_a_condition_is_taken(drive: Any, server: Server) -> None:
    server.total = 0
    create(drive, server, filter=(F.vendor == "X") & (F.price == Decimal("9.50")))
    assert server.posted[0]["filter"] == {"vendor": "X", "price": 9.5}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"operation": "upsert"}, "operation must be 'update' or 'delete'"),
        ({"operation": "delete"}, "updates makes no sense"),
        ({"updates": None}, "updates is missing"),
        ({"updates": {"prise": 1}}, "prise"),
        ({"updates": {"price": -1}}, "Price must be positive"),
        ({"schedule": datetime(2030, 1, 1)}, "schedule must be a datetime with a time zone"),  # noqa: DTZ001
        ({"schedule": "2030-01-01"}, "schedule must be"),
        ({"schedule": NOW}, "schedule is in the past"),
        ({"filter": "vendor"}, "condition, character 7"),
        ({"filter": 7}, "filter must be"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(
    drive: Any, server: Server, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidInputError, match=text):
        create(drive, server, **options)
    assert drive.requests == []


# Replies


@pytest.mark.parametrize("shape", ["job", "job_id", "nested", "location"])
def test_every_reply_leads_to_the_job(drive: Any, server: Server, shape: str, reply: Any) -> None:
    def post(self: Server, request: Request) -> Any:
        job = self.make()
        if shape == "location":
            return reply(request, None, status=201, headers={"location": "http://x/api/v1/bulk-jobs/job_0"})
        return {"job": job, "job_id": {"job_id": job["id"]}, "nested": {"job": job}}[shape]

    server.post = post
    job = create(drive, server)
    assert (job.id, job.status) == ("job_0", "running")


def test_an_answer_that_names_no_job_is_settled_by_reading(drive: Any, server: Server) -> None:
    def post(self: Server, request: Request) -> Any:
        self.make()
        return {"accepted": True}

    server.post = post
    assert create(drive, server).id == "job_0"


# Lost answers


def lose(self: Server, request: Request) -> Any:
    self.make()
    return LOST


def test_a_lost_job_is_found(drive: Any, server: Server) -> None:
    server.post = lose
    assert create(drive, server).id == "job_0"
    assert len(server.posted) == 1


def test_an_older_job_with_the_same_content_is_not_taken_for_it(drive: Any, server: Server) -> None:
    create(drive, server)
    server.post = lambda self, request: LOST
    with pytest.raises(OutcomeUnknownError) as caught:
        create(drive, server)
    assert caught.value.operation == "bulk_jobs.create"
    assert caught.value.idempotency_key
    assert len(server.posted) == 2


def test_another_job_made_at_the_same_time_is_not_taken_for_it(drive: Any, server: Server) -> None:
    def post(self: Server, request: Request) -> Any:
        self.make(updates={"tags": ["others"]})
        self.make()
        return LOST

    server.post = post
    assert create(drive, server).id == "job_1"


def test_two_candidates_are_one_too_many(drive: Any, server: Server) -> None:
    def post(self: Server, request: Request) -> Any:
        self.make()
        self.make()
        return LOST

    server.post = post
    with pytest.raises(OutcomeUnknownError):
        create(drive, server)
    assert len(server.posted) == 1


def test_a_job_that_is_not_there_after_a_timeout_is_not_posted_again(drive: Any, server: Server) -> None:
    server.post = lambda self, request: LOST
    with pytest.raises(OutcomeUnknownError):
        create(drive, server)
    assert len(server.posted) == 1


def test_a_failure_that_left_no_job_to_be_seen_is_unknown_and_not_repeated(
    drive: Any, server: Server
) -> None:
    def post(self: Server, request: Request) -> Any:
        return self.refuse(request, 503, "unavailable") if len(self.posted) < 3 else self.make()

    server.post = post
    with pytest.raises(OutcomeUnknownError):
        create(drive, server)
    assert len(server.posted) == 1


def test_a_failure_after_the_job_was_made_finds_it(drive: Any, server: Server) -> None:
    def post(self: Server, request: Request) -> Any:
        self.make()
        return self.refuse(request, 503, "unavailable")

    server.post = post
    assert create(drive, server).id == "job_0"
    assert len(server.posted) == 1


def test_where_jobs_cannot_be_listed_a_lost_answer_is_unknown(drive: Any, server: Server) -> None:
    server.completions, server.post = False, lose
    with pytest.raises(OutcomeUnknownError):
        create(drive, server)
    assert len(server.posted) == 1


def test_a_refusal_is_a_refusal(drive: Any, server: Server) -> None:
    server.post = lambda self, request: PermissionDeniedError("no", required_scope="write:products")
    with pytest.raises(PermissionDeniedError):
        create(drive, server)


# Waiting


def wait(drive: Any, states: list[Mapping[str, Any]], **options: Any) -> Job:
    left = iter(states)
    now = iter(range(0, 10_000, 10))
    arguments: dict[str, Any] = {
        "timeout": None,
        "allow_errors": False,
        "monotonic": lambda: float(next(now)),
    }
    flow = bulk_jobs.wait("job_1", **{**arguments, **options})
    return drive(flow, lambda request: {"id": "job_1", **next(left)})


def test_wait_asks_with_growing_pauses(drive: Any) -> None:
    seen: list[Any] = []
    states = [{"status": "pending"}, {"status": "running", "processed_products": 1, "total_products": 4}] * 12
    job = wait(
        drive, [*states, {"status": "completed", "errors": 0}], progress=lambda job: seen.append(job.progress)
    )
    assert job.succeeded
    assert drive.pauses[0] < drive.pauses[1] < drive.pauses[-1] == 10
    assert seen[:2] == [None, 25.0]
    assert len(seen) == 25


@pytest.mark.parametrize("status", ["failed", "cancelled", "error", "canceled", "FAILED"])
def test_a_bad_end_raises(drive: Any, status: str) -> None:
    with pytest.raises(JobFailedError) as caught:
        wait(drive, [{"status": status, "errors": 3}])
    assert (caught.value.status, caught.value.errors, caught.value.job_id) == (status, 3, "job_1")


@pytest.mark.parametrize("errors", [2, [{"product_id": "a"}, {"product_id": "b"}]])
def test_completed_with_errors_is_no_success(drive: Any, errors: Any) -> None:
    state = {"status": "completed", "errors": errors, "processed_products": 5, "total_products": 5}
    with pytest.raises(JobFailedError, match="2 of its rows failed"):
        wait(drive, [state])
    assert wait(drive, [state], allow_errors=True).error_count == 2


def test_an_unknown_word_with_a_time_of_completion_is_an_end(drive: Any) -> None:
    job = wait(
        drive, [{"status": "wrapping up"}, {"status": "shipped", "completed_at": "2024-06-01T00:05:30Z"}]
    )
    assert job.status == "shipped"


def test_time_runs_out(drive: Any) -> None:
    with pytest.raises(JobTimeoutError, match=r"has not ended within 25 s.*1 of 4 products done") as caught:
        wait(drive, [{"status": "running", "processed_products": 1, "total_products": 4}] * 9, timeout=25)
    assert caught.value.status == "running"
    assert isinstance(caught.value, TimeoutError)


def test_a_missing_completion_is_named_with_the_way_around(drive: Any, refuse: Any) -> None:
    with pytest.raises(UnsupportedByServerError, match=r"does not offer bulk_jobs.cancel.*POST") as caught:
        drive(bulk_jobs.cancel("job_1"), lambda request: refuse(request, 404, "route_not_found"))
    assert caught.value.operation == "bulk_jobs.cancel"


def test_a_lost_cancellation_is_settled_by_the_job_itself(drive: Any) -> None:
    def serve(request: Request) -> Any:
        return LOST if request.write else {"id": "job_1", "status": "cancelled"}

    assert drive(bulk_jobs.cancel("job_1"), serve).status == "cancelled"
