"""Operations on bulk jobs."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from bulkeditor.sandbox._http import (
    Answer,
    Call,
    Effect,
    Problem,
    Route,
    invalid_parameter,
    ok,
    validation_failed,
)
from bulkeditor.sandbox._jobs import STATUSES, Jobs
from bulkeditor.sandbox._json import JSON, Doc
from bulkeditor.sandbox._paging import listing, page_of
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._rows import parse_time
from bulkeditor.sandbox._validate import check_update

_OPERATIONS: Final = ("update", "delete")
_ADJUSTMENTS: Final = ("percentage", "fixed")
_ADJUSTMENT_LIMIT: Final = 10**9


class JobRoutes:
    """Handlers for ``/api/v1/bulk-jobs``."""

    def __init__(self, readings: Readings, jobs: Jobs) -> None:
        self._readings = readings
        self._jobs = jobs

    def routes(self) -> list[Route]:
        """What this module answers."""
        base = "/api/v1/bulk-jobs"
        pages = frozenset({"limit", "page"})
        return [
            Route(
                name="bulk_jobs.create",
                method="POST",
                path=base,
                scope="write:products",
                handler=self.create,
                completion=False,
                relative=True,
            ),
            Route(
                name="bulk_jobs.list",
                method="GET",
                path=base,
                scope="read:products",
                handler=self.list_jobs,
                query=pages | {"status"},
            ),
            Route(
                name="bulk_jobs.get",
                method="GET",
                path=f"{base}/{{job_id}}",
                scope="read:products",
                handler=self.get,
                completion=False,
            ),
            Route(
                name="bulk_jobs.cancel",
                method="POST",
                path=f"{base}/{{job_id}}/cancel",
                scope="write:products",
                handler=self.cancel,
            ),
            Route(
                name="bulk_jobs.errors",
                method="GET",
                path=f"{base}/{{job_id}}/errors",
                scope="read:products",
                handler=self.errors,
                query=pages,
            ),
        ]

    def create(self, call: Call) -> Answer:
        """Add a job; the reading decides how it is named in the answer."""
        body = call.object(("operation", "filter", "updates", "schedule"))
        updates = body.get("updates")
        if isinstance(updates, dict) and "inventory_quantity" in updates:
            call.require("write:inventory")
        problems: list[Problem] = []
        operation = body.get("operation")
        if operation not in _OPERATIONS:
            code = "required" if operation is None else "invalid_value"
            problems.append(Problem("operation", code, "operation must be update or delete"))
        filter_ = body.get("filter")
        if not isinstance(filter_, dict):
            code = "required" if filter_ is None else "invalid_type"
            problems.append(Problem("filter", code, "filter must be an object; {} selects every product"))
        schedule = self._schedule(body.get("schedule"), problems)
        values = self._updates(operation, updates, problems)
        if problems or not isinstance(filter_, dict):
            raise validation_failed(problems)
        job = self._jobs.create(str(operation), filter_, values, schedule)
        ident = str(job["id"])
        call.effects.append(Effect(kind="bulk_job.created", id=ident))
        return self._created(ident, job)

    def _created(self, ident: str, job: Doc) -> Answer:
        location = ("Location", f"/api/v1/bulk-jobs/{ident}")
        match self._readings.job_reply:
            case "job_id":
                return ok({"job_id": ident}, 201)
            case "nested":
                return ok({"job": job}, 201)
            case "location":
                return Answer(status=201, headers=(location,))
            case _:
                return ok(job, 201, location)

    def _schedule(self, value: JSON, problems: list[Problem]) -> int | None:
        if value is None:
            return None
        moment = parse_time(value) if isinstance(value, str) else None
        if moment is None:
            message = "schedule must be an RFC 3339 time with an offset, such as 2024-06-01T00:00:00Z"
            problems.append(Problem("schedule", "invalid_value", message))
        return moment

    def _updates(self, operation: JSON, updates: JSON, problems: list[Problem]) -> Doc | None:
        if operation == "delete":
            if updates:
                problems.append(Problem("updates", "invalid_value", "A delete job takes no updates"))
            return None
        if not isinstance(updates, dict) or not updates:
            code = "required" if not updates else "invalid_type"
            problems.append(Problem("updates", code, "updates must be an object with at least one field"))
            return None
        given = {name: value for name, value in updates.items() if name != "price_adjustment"}
        values, wrong = check_update(given, money_text=self._readings.money == "string")
        problems += [Problem(f"updates.{p.field}", p.code, p.message) for p in wrong]
        if "price_adjustment" in updates:
            adjustment = updates["price_adjustment"]
            self._check_adjustment(adjustment, problems)
            if "price" in values:
                message = "Give price or price_adjustment, not both"
                problems.append(Problem("updates.price_adjustment", "invalid_value", message))
            values["price_adjustment"] = adjustment
        return values

    def _check_adjustment(self, value: JSON, problems: list[Problem]) -> None:
        name = "updates.price_adjustment"
        if not isinstance(value, dict) or set(value) != {"type", "value"}:
            problems.append(Problem(name, "invalid_type", 'price_adjustment must be {"type": …, "value": …}'))
            return
        types = _ADJUSTMENTS if self._readings.price_adjustment == "percentage_fixed" else _ADJUSTMENTS[:1]
        if value["type"] not in types:
            problems.append(Problem(f"{name}.type", "invalid_value", f"type must be {' or '.join(types)}"))
        amount = value["value"]
        number: int | Decimal | None = None
        if isinstance(amount, int | Decimal) and not isinstance(amount, bool):
            number = amount
        if number is None or not -_ADJUSTMENT_LIMIT <= number <= _ADJUSTMENT_LIMIT:
            problems.append(
                Problem(
                    f"{name}.value", "invalid_value", f"value must be a number within ±{_ADJUSTMENT_LIMIT:,}"
                )
            )

    def get(self, call: Call) -> Answer:
        """One job as it stands."""
        return ok(self._jobs.show(self._jobs.row(call.arguments["job_id"])))

    def list_jobs(self, call: Call) -> Answer:
        """Jobs, newest first."""
        page = page_of(call, self._readings)
        names = self._jobs.statuses()
        wanted = call.query.get("status")
        if wanted is not None and wanted not in names:
            raise invalid_parameter("status", f"status must be one of {', '.join(names)}.")
        status = None if wanted is None else STATUSES[names.index(wanted)]
        rows, total = self._jobs.page(status, page.limit, page.start)
        return listing("jobs", rows, page, total)

    def cancel(self, call: Call) -> Answer:
        """Stop a job."""
        job = self._jobs.cancel(call.arguments["job_id"])
        call.effects.append(Effect(kind="bulk_job.cancelled", id=str(job["id"])))
        return ok(job)

    def errors(self, call: Call) -> Answer:
        """Rows that failed."""
        page = page_of(call, self._readings)
        rows, total = self._jobs.errors(call.arguments["job_id"], page.limit, page.start)
        return listing("errors", rows, page, total)
