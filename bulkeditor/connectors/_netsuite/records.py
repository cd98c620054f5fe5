"""How NetSuite makes and changes records: jobs and their tasks, and records that are made once only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bulkeditor.connectors._netsuite.rows import Rows, href, mappings
from bulkeditor.connectors.base import Connector
from bulkeditor.errors import (
    APIError,
    BulkEditorError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
)
from bulkeditor.http import Exchange, Sleep

STRICT: Final = {"X-NetSuite-PropertyNameValidation": "Error"}
"""Else a mistyped name is only warned of."""

# Seconds between two looks at a job: about ten minutes in all.
_WAITS: Final = (1, 1, 2, 4, 8, *([15] * 40))
# What refused the task itself; every other error is one of asking for its result.
_REFUSALS: Final = (InvalidRequestError, NotFoundError, ConflictError, PermissionDeniedError)
_ATTEMPTS: Final = 2


def followed(
    connector: Connector, job: str, records: Sequence[str]
) -> Exchange[Sequence[APIError | None] | str]:
    """Wait for a batch's job, and what became of each record: one task for each (subsect_161252896355).

    Args:
        connector: Makes the requests.
        job: Its path.
        records: Ids of the records, in the order in which they were sent.

    Returns:
        For each record why it was refused, None where it was written; or a sentence, where that cannot be
        said.
    """
    for wait in _WAITS:
        state = (yield connector.get(job, operation="job")).json()
        if state.get("completed"):
            break
        yield Sleep(wait)
    else:
        return f"{job} is not done yet"
    tasks = yield from _tasks(connector, job)
    if len(tasks) != len(records):
        return f"{job} has {len(tasks)} tasks for {len(records)} records"
    if all(task.get("progress") == "succeeded" for task in tasks):
        return [None] * len(records)
    told: list[APIError | None] = []
    for task, record in zip(tasks, records, strict=True):
        result = yield from _result(connector, task)
        if isinstance(result, APIError) and task.get("progress") == "succeeded":
            return f"a task of {job} succeeded, and its result cannot be had: {result}"
        if isinstance(result, str) and result != record:
            return f"the tasks of {job} are in another order than the records"
        told.append(result if isinstance(result, APIError) else None)
    return told


def _tasks(connector: Connector, job: str) -> Exchange[Rows]:
    page = (yield connector.get(f"{job}/task", operation="job tasks")).json()
    tasks: list[Mapping[str, object]] = []
    for task in mappings(page.get("items", ())):
        if "progress" in task:
            tasks.append(task)
        else:
            tasks.append((yield connector.get(connector.link(href(task, "self")), operation="task")).json())
    return tasks


def _result(connector: Connector, task: Mapping[str, object]) -> Exchange[APIError | str | None]:
    """Why a record was refused, or the id of the one that was written, where that is told."""
    try:
        response = yield connector.get(connector.link(href(task, "related")), operation="task result")
    except _REFUSALS as error:
        return error
    return response.headers.get("location", "").rpartition("/")[2] or None


def made(connector: Connector, url: str, body: Mapping[str, object]) -> Exchange[str]:
    """Make a record, and its id; its external id, which is unique, tells whether it is there already.

    Args:
        connector: Makes the requests.
        url: Of the record's type.
        body: The record; without ``externalId`` it is sent once, whatever becomes of it.
    """
    external = body.get("externalId")
    attempt = 0
    while True:
        attempt += 1
        try:
            response = yield connector.post(url, json=body, headers=STRICT)
            return response.headers.get("location", "").rpartition("/")[2]
        except BulkEditorError as error:
            problem, action = error, connector.classify(error).action
        if action in ("fatal", "refresh", "retry") or external is None:
            raise problem
        found = yield from _known(connector, f"{url}/eid:{connector.quoted(str(external))}", problem)
        if found is not None:
            return found
        if action != "unknown" or attempt == _ATTEMPTS:
            raise problem


def _known(connector: Connector, url: str, problem: BulkEditorError) -> Exchange[str | None]:
    try:
        return str((yield connector.get(url, operation="by external id")).json()["id"])
    except NotFoundError:
        return None
    except BulkEditorError:
        raise problem from None


__all__ = ["STRICT", "followed", "made"]
