"""Bulk jobs: one change of every product that satisfies a filter, carried out by the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from bulkeditor.api import _answers
from bulkeditor.api._check import check_update
from bulkeditor.api._filters import Filter
from bulkeditor.api._job_filter import Selection, select
from bulkeditor.api._job_finder import CreatedJob
from bulkeditor.api._lists import MAX_LIMIT, Listing, by_id, check_limit
from bulkeditor.api._request import ask, build, ensure_text, lost, refused, unknown
from bulkeditor.api._settle import post
from bulkeditor.errors import (
    APIError,
    BulkEditorError,
    JobError,
    JobFailedError,
    JobTimeoutError,
    UnsupportedByServerError,
)
from bulkeditor.http import Exchange, Response, Sleep
from bulkeditor.models import Job, JobRowError, PriceAdjustment, Updates, encode, structure

OPERATIONS: Final = ("update", "delete")
_COUNT_WAITS: Final = (0.1, 0.4)
_FIRST_WAIT: Final = 0.25
_LONGEST_WAIT: Final = 10.0


def create(
    *,
    operation: str,
    filter: Filter | None,  # noqa: A002 - the API's own name
    updates: Updates | Mapping[str, object] | None,
    schedule: datetime | None,
    all_products: bool,
    now: datetime,
    honoured: bool,
) -> Exchange[Job]:
    """Create a job, after a look at the products that its filter selects.

    The server may ignore filters, and then a job would change every product. So the first page of the list
    with this filter is read before, and an impossible value is asked for; where the rows contradict the
    filter, nothing is created. When the job that was created says another number of products, it is
    cancelled.

    Args:
        operation: ``update`` or ``delete``.
        filter: Equalities that must all hold; ``None`` or an empty one needs ``all_products``.
        updates: What to change; only for ``update``.
        schedule: When it shall begin: aware, in the future; ``None`` = now.
        all_products: Confirms that the filter is meant to be empty.
        now: The current time.
        honoured: Whether the server is known to honour idempotency keys.

    Raises:
        InvalidInputError: An argument is wrong, or the list contradicts the filter; no job was created.
        JobError: The job is about other products than the filter selects; it was cancelled where that was
            possible.
        OutcomeUnknownError: The answer was lost and the jobs do not tell whether it was created.
    """
    selection = select(filter, all_products=all_products)
    body: dict[str, object] = {"operation": _operation(operation), "filter": dict(selection.pushed)}
    changes = _updates(operation, updates)
    if changes is not None:
        body["updates"] = changes
    if schedule is not None:
        body["schedule"] = _time(schedule, now)
    yield from selection.look()
    job = yield from post(
        build("bulk_jobs.create", body=body),
        read=_created,
        finder=CreatedJob(encode(body)),
        honoured=honoured,
    )
    if "status" not in job.loaded:
        job = yield from _read_new(job.id)
    if schedule is None and selection.floor is not None:
        job = yield from _begun(job)
    yield from _compare(job, selection)
    return job


def _operation(operation: str) -> str:
    if operation not in OPERATIONS:
        raise refused("operation", f"must be 'update' or 'delete', got {operation!r}")
    return operation


def _updates(operation: str, updates: Updates | Mapping[str, object] | None) -> dict[str, object] | None:
    if operation == "delete":
        if updates is not None:
            raise refused("updates", "makes no sense for a job that deletes")
        return None
    if updates is None:
        raise refused("updates", "is missing: say what the job changes")
    given = updates if isinstance(updates, Updates) else structure(updates, Updates)
    check_update(given)
    changes = given.changes
    adjustment = changes.get("price_adjustment")
    if isinstance(adjustment, PriceAdjustment):
        changes["price_adjustment"] = {"type": adjustment.type, "value": adjustment.value}
    return changes


def _time(schedule: object, now: datetime) -> str:
    if not isinstance(schedule, datetime) or schedule.tzinfo is None or schedule.utcoffset() is None:
        problem = f"must be a datetime with a time zone (datetime(…, tzinfo=UTC)), got {schedule!r}"
        raise refused("schedule", problem)
    if schedule <= now:
        raise refused("schedule", f"is in the past ({schedule.isoformat()}); leave it out to begin now")
    return schedule.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _created(response: Response) -> Job:
    """The job in the answer: as it is, under ``job``, by ``job_id``, or by the ``Location`` header."""
    body = _answers.members(response)
    job: Job | None = None
    if body.get("job", b"").startswith(b"{"):
        job = _answers.part(response, body["job"], Job)
    elif body.get("id", b"null") != b"null":
        job = _answers.one(response, Job)
    if job is not None:
        if not getattr(job, "id", ""):
            raise response.unexpected("the job in the answer has no id")
        return job
    if body.get("job_id", b"null") != b"null":
        return Job(id=_job_id(response, body["job_id"]))
    location = urlsplit(response.headers.get("location", "")).path.rstrip("/").rpartition("/")[2]
    if location.strip(".") and location != "bulk-jobs":
        return Job(id=unquote(location))
    raise response.unexpected("the answer names no job")


def _job_id(response: Response, raw: bytes) -> str:
    value: object = msgspec.json.decode(raw)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise response.unexpected("the answer's job_id is no id")
    return str(value)


def _read_new(job_id: str) -> Exchange[Job]:
    try:
        return (yield from get(job_id))
    except BulkEditorError:
        # It was created, and its id is known: that is worth more than the reason why it cannot be read now.
        return Job(id=job_id)


def _begun(job: Job) -> Exchange[Job]:
    """The job once it says how many products it is about; most servers count when it begins."""
    for pause in _COUNT_WAITS:
        if getattr(job, "total_products", None) or job.terminal:
            break
        yield Sleep(pause)
        job = yield from _read_new(job.id)
    return job


def _compare(job: Job, selection: Selection) -> Exchange[None]:
    total = getattr(job, "total_products", None)
    if (
        not isinstance(total, int)
        or selection.pushed == {}
        or selection.floor is None
        or total <= selection.floor
    ):
        return
    expected = yield from selection.count()
    if total <= expected:
        return
    fate = "It was cancelled"
    try:
        yield from cancel(job.id)
    except (APIError, UnsupportedByServerError) as error:
        fate = f"It could not be cancelled ({error.message})"
    raise JobError(
        f"The job {job.id} is about {total} products, but its filter selects {expected}. {fate}.",
        job_id=job.id,
        status=getattr(job, "status", "unknown"),
        hint="This server seems to ignore a job's filter; change the rows with products.update instead.",
    )


def get(job_id: str) -> Exchange[Job]:
    """One job.

    Raises:
        NotFoundError: There is no such job.
    """
    ensure_text(job_id, "job_id")
    response = yield from ask(build("bulk_jobs.get", path={"job_id": job_id}))
    job = _answers.one(response, Job)
    # A server that leaves the id out of the job's own body was asked for exactly this one.
    if "id" not in job.loaded:
        return job.replace(id=job_id)
    if job.id != job_id:
        raise response.unexpected(f"the answer is about another job ({job.id!r} instead of {job_id!r})")
    return job


def listing(*, status: str | None = None, limit: int = MAX_LIMIT, page: int | None = None) -> Listing[Job]:
    """The jobs, newest first; of one status where given."""
    check_limit(limit, page)
    params = () if status is None else (("status", ensure_text(status, "status")),)
    return Listing(
        operation="bulk_jobs.list",
        model=Job,
        plural="jobs",
        key=by_id,
        limit=limit,
        page=page,
        params=params,
        instead="Keep the ids of the jobs you create, and ask for each with bulk_jobs.get(job_id).",
    )


def cancel(job_id: str) -> Exchange[Job]:
    """Cancel a job that has not ended.

    Raises:
        ConflictError: The job has ended.
        UnsupportedByServerError: The server has only the documented API.
    """
    ensure_text(job_id, "job_id")
    request = build("bulk_jobs.cancel", path={"job_id": job_id})
    try:
        response = yield from ask(request, instead="A job cannot be stopped through the documented API.")
        return _answers.one(response, Job)
    except BulkEditorError as error:
        if not lost(error):
            raise
        failure = error
    # Cancelling twice does no harm, but the second answer would be a conflict: the job itself says what
    # became of it.
    job = yield from get(job_id)
    if job.terminal:
        return job
    raise unknown(request, failure) from failure


def errors(job_id: str, *, limit: int = MAX_LIMIT, page: int | None = None) -> Listing[JobRowError]:
    """The rows that a job could not change."""
    ensure_text(job_id, "job_id")
    check_limit(limit, page)
    return Listing(
        operation="bulk_jobs.errors",
        model=JobRowError,
        plural="errors",
        key=_no_key,
        limit=limit,
        page=page,
        path={"job_id": job_id},
        instead="The documented API only counts them: job.error_count.",
    )


def _no_key(_row: JobRowError) -> None:
    # One product may fail in several fields: nothing tells one row of the list from another.
    return None


def wait(
    job_id: str,
    *,
    timeout: float | None,
    allow_errors: bool,
    monotonic: Callable[[], float],
    progress: Callable[[Job], object] | None = None,
) -> Exchange[Job]:
    """Ask for a job again and again, with growing pauses, until it has ended.

    Args:
        job_id: The job.
        timeout: Seconds; ``None`` = no limit.
        allow_errors: Accept a job that ended with failed rows.
        monotonic: A clock in seconds.
        progress: Called with the job each time it was read.

    Raises:
        JobFailedError: It failed, was cancelled, or rows of it failed.
        JobTimeoutError: It has not ended in time; it goes on on the server.
    """
    end = None if timeout is None else monotonic() + timeout
    pause = _FIRST_WAIT
    while True:
        job = yield from get(job_id)
        if progress is not None:
            progress(job)
        if job.terminal:
            return _judged(job, allow_errors=allow_errors)
        left = None if end is None else end - monotonic()
        if left is not None and left <= 0:
            raise JobTimeoutError(
                f"The job {job_id} has not ended within {timeout:g} s (status {_status(job)}, {_done(job)}).",
                job_id=job_id,
                status=_status(job),
                errors=job.error_count,
            )
        yield Sleep(pause if left is None else min(pause, left))
        pause = min(pause * 1.5, _LONGEST_WAIT)


def _judged(job: Job, *, allow_errors: bool) -> Job:
    count = job.error_count
    if job.failed:
        raise _failure(job, f"The job {job.id} ended as {_status(job)} ({_done(job)}).")
    if count and not allow_errors:
        raise _failure(
            job,
            f"The job {job.id} ended, and {count} of its rows failed ({_done(job)}).",
            more="; wait(…, allow_errors=True) accepts them",
        )
    return job


def _failure(job: Job, message: str, *, more: str = "") -> JobFailedError:
    return JobFailedError(
        message,
        job_id=job.id,
        status=_status(job),
        errors=job.error_count,
        hint=f"bulk_jobs.errors(job_id) lists the rows that failed, where the server offers it{more}.",
    )


def _status(job: Job) -> str:
    return getattr(job, "status", "unknown")


def _done(job: Job) -> str:
    done, total = getattr(job, "processed_products", None), getattr(job, "total_products", None)
    return f"{done if done is not None else '?'} of {total if total is not None else '?'} products done"


__all__ = ["OPERATIONS", "cancel", "create", "errors", "get", "listing", "wait"]
