# Generated from ../_async by scripts/unasync.py; change that, not this.
"""Bulk jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bulkeditor.api import bulk_jobs as flows
from bulkeditor.api._filters import Filter
from bulkeditor.api._lists import MAX_LIMIT
from bulkeditor.client._sync._core import Core
from bulkeditor.client._sync._pager import Pager
from bulkeditor.client._progress import of_job, showing
from bulkeditor.models import Job, JobRowError, Updates


class BulkJobs:
    """``shop.bulk_jobs``: one change of every product that satisfies a filter, carried out by the server."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def create(
        self,
        *,
        operation: str = "update",
        filter: Filter | None = None,  # noqa: A002 - the API's own name
        updates: Updates | Mapping[str, object] | None = None,
        schedule: datetime | None = None,
        all_products: bool = False,
    ) -> Job:
        """Create a job.

        Before that the list is read with the same filter, so that a server which ignores filters does not
        change every product; and a job that turns out to be about more products than listed is cancelled.

        Args:
            operation: ``update`` or ``delete``.
            filter: Equalities that must all hold: ``{"vendor": "X"}`` or ``F.vendor == "X"``.
            updates: What to change; not for ``delete``.
            schedule: When it shall begin: an aware datetime in the future; ``None`` = now.
            all_products: Confirms that no filter is meant: the job is about every product.

        Returns:
            The job, as far as the server describes it; at least its ``id``.

        Raises:
            InvalidInputError: An argument is wrong, or the server does not filter; no job was created.
            JobError: The server's job is about other products; it was cancelled where that is possible.
            OutcomeUnknownError: No answer came, and the list of jobs does not tell whether it was created.
        """
        core = self._core
        flow = flows.create(
            operation=operation,
            filter=filter,
            updates=updates,
            schedule=schedule,
            all_products=all_products,
            now=core.now(),
            honoured=core.honoured,
        )
        return core.run(flow)

    def get(self, job_id: str) -> Job:
        """One job.

        Args:
            job_id: Its id.

        Raises:
            NotFoundError: There is no such job.
        """
        return self._core.run(flows.get(job_id))

    def list(
        self, *, status: str | None = None, limit: int = MAX_LIMIT, page: int | None = None
    ) -> Pager[Job]:
        """The jobs, newest first.

        Args:
            status: Only jobs of this status; see JobStatus.
            limit: Page size, 1 to 250.
            page: Page to begin with; ``None`` = the first.
        """
        return Pager(self._core, lambda: flows.listing(status=status, limit=limit, page=page))

    def wait(
        self,
        job_id: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - it bounds all of the polling
        progress: bool | Callable[[Job], object] = False,
        allow_errors: bool = False,
    ) -> Job:
        """Wait until a job has ended.

        Args:
            job_id: The job.
            timeout: Seconds; ``None`` = no limit.
            progress: True shows a bar in a terminal or a notebook; a callable is called with the job each
                time it was read.
            allow_errors: Accept a job that completed although rows of it failed.

        Returns:
            The job at its end.

        Raises:
            JobFailedError: It failed, was cancelled, or rows of it failed.
            JobTimeoutError: It has not ended in time; it goes on on the server.
        """
        core = self._core
        with showing(progress, of_job) as show:
            flow = flows.wait(
                job_id, timeout=timeout, allow_errors=allow_errors, monotonic=core.monotonic, progress=show
            )
            return core.run_until(core.end_of_wait(timeout), flow)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; what it has changed by then stays changed.

        Args:
            job_id: The job.

        Raises:
            ConflictError: It has ended.
            UnsupportedByServerError: The server has only the documented API.
        """
        return self._core.run(flows.cancel(job_id))

    def errors(
        self, job_id: str, *, limit: int = MAX_LIMIT, page: int | None = None
    ) -> Pager[JobRowError]:
        """The products that a job could not change, and why.

        Args:
            job_id: The job.
            limit: Page size, 1 to 250.
            page: Page to begin with; ``None`` = the first.
        """
        return Pager(self._core, lambda: flows.errors(job_id, limit=limit, page=page))


__all__ = ["BulkJobs"]
