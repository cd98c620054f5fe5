"""Find the job that a lost POST created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, cast

import msgspec

from bulkeditor.api import _answers
from bulkeditor.api._compare import same
from bulkeditor.api._request import ask, build
from bulkeditor.http import Exchange
from bulkeditor.models import Job

_PAGE: Final = "250"


class CreatedJob:
    """Finds a job that holds what was sent and was not there before.

    "Before" is told by the server's own data (ids, and its newest ``created_at``), so no clock has to agree
    with another.

    Args:
        body: The POST's body.
    """

    def __init__(self, body: bytes) -> None:
        self._sent: Mapping[str, object] = msgspec.json.decode(body)
        self._known: frozenset[str] = frozenset()
        self._newest: datetime | None = None

    def before(self) -> Exchange[None]:
        """Remember the newest jobs."""
        jobs = yield from self._jobs()
        self._known = frozenset(job.id for job in jobs)
        self._newest = max((time for job in jobs if (time := _created(job)) is not None), default=None)

    def after(self) -> Exchange[Sequence[Job]]:
        """Jobs that are new and hold what was sent."""
        jobs = yield from self._jobs()
        return [job for job in jobs if job.id not in self._known and self._is_new(job) and self._matches(job)]

    def _jobs(self) -> Exchange[list[Job]]:
        # Newest first: whatever came in between stands on the first page.
        response = yield from ask(build("bulk_jobs.list", params=[("limit", _PAGE)]))
        return [job for job in _answers.page(response, Job, "jobs").items if "id" in job.loaded]

    def _is_new(self, job: Job) -> bool:
        created = _created(job)
        return self._newest is None or created is None or created >= self._newest

    def _matches(self, job: Job) -> bool:
        for name, sent in self._sent.items():
            held: object = getattr(job, name, None)
            if name == "schedule":
                sent = datetime.fromisoformat(cast("str", sent))  # noqa: PLW2901 - as the job holds it
            if not same(name, sent or None, held or None):
                return False
        return True


def _created(job: Job) -> datetime | None:
    return getattr(job, "created_at", None)


__all__ = ["CreatedJob"]
