"""The asynchronous jobs of the NetSuite stand-in: accepted, polled, done, each task with a result of its own.

https://docs.oracle.com/en/cloud/saas/netsuite/ns-online-help/subsect_161252896355.html
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import attrs

from bulkeditor.testing._standin import Answer
from bulkeditor.testing.vendors._netsuite.books import RefusedError
from bulkeditor.testing.vendors._netsuite.wire import collection_of, progress

_HERE: Final = "/services/rest/async/v1/job"


@attrs.define(kw_only=True)
class _Job:
    results: Sequence[Answer]
    polls: int
    started: datetime


class Jobs:
    """All jobs of an account."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}
        self._keys: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def known(self, key: str | None) -> str | None:
        """Where the job is that an idempotency key made before."""
        return None if key is None else self._keys.get(key)

    def accept(self, results: Sequence[Answer], key: str | None, *, polls: int, now: datetime) -> str:
        """Take in a job, and say where it is.

        Args:
            results: What each of its tasks has answered.
            key: The idempotency key of the request.
            polls: How often it is asked for before it is done.
            now: The time here.
        """
        number = str(next(self._numbers))
        location = f"{_HERE}/{number}"
        self._jobs[number] = _Job(results=results, polls=polls, started=now)
        if key is not None:
            self._keys[key] = location
        return location

    def answer(self, base_url: str, number: str, rest: Sequence[str]) -> Answer:
        """Answer a question about a job, its tasks or a task's result.

        Raises:
            RefusedError: There is none.
        """
        job = self._jobs.get(number)
        if job is None:
            raise RefusedError("NONEXISTENT_ID", f"There is no job {number}.", status=404)
        here = f"{base_url}{_HERE}/{number}"
        match [part for part in rest if part]:
            case []:
                job.polls -= 1
                return Answer(body=_told(number, here, job))
            case ["task"]:
                tasks = [_task(here, place, job) for place in range(len(job.results))]
                return Answer(body=collection_of(tasks))
            case ["task", task] if task.isdecimal() and 0 < int(task) <= len(job.results):
                return Answer(body=_task(here, int(task) - 1, job))
            case ["task", task, "result"] if (
                task.isdecimal() and 0 < int(task) <= len(job.results) and _done(job)
            ):
                # The answer that the request would have had by itself.
                return job.results[int(task) - 1]
            case _:
                raise RefusedError("NONEXISTENT_ID", "There is no such task or result.", status=404)


def _done(job: _Job) -> bool:
    return job.polls < 0


def _told(number: str, here: str, job: _Job) -> dict[str, object]:
    return {
        "links": [{"rel": "self", "href": here}],
        "completed": _done(job),
        "id": number,
        "progress": progress(job.results) if _done(job) else "pending",
        "task": {"links": [{"rel": "self", "href": f"{here}/task"}]},
    }


def _task(here: str, place: int, job: _Job) -> dict[str, object]:
    own = f"{here}/task/{place + 1}"
    return {
        "links": [{"rel": "related", "href": f"{own}/result"}, {"rel": "self", "href": own}],
        "completed": _done(job),
        "id": str(place + 1),
        "progress": progress([job.results[place]]) if _done(job) else "pending",
        "startTime": job.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


__all__ = ["Jobs"]
