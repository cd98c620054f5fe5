"""The report of a run as a file."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, cast, get_args

import attrs

from bulkeditor.engine import RunStatus
from bulkeditor.models import JSON, UNSET
from bulkeditor.plans._codec import Data, optional, pack_row, pack_value, text, unpack_row, unpack_value
from bulkeditor.plans._report import Balance, RunHead, RunReport
from bulkeditor.plans._rows import OUTCOMES, ChangeOutcome
from bulkeditor.plans._sealed import Seal

REPORT: Final = Seal(
    format="bulkeditor.run", version=1, what="report of a run", head="run", lists=("outcomes",)
)


def write_report(report: RunReport, path: str | os.PathLike[str]) -> None:
    """Write a report; the file is there whole, or as it was before.

    Args:
        report: The report.
        path: The file.
    """
    balance = report.balance
    head: Data = {
        **attrs.asdict(report.run),
        "created_at": _time_text(report.run.created_at),
        "finished_at": _time_text(report.run.finished_at),
        "planned": balance.planned,
        "counts": {status: balance.counts[status] for status in OUTCOMES},
        "lost": balance.lost,
        "doubled": balance.doubled,
    }
    REPORT.write(path, {"run": head, "outcomes": [_packed(outcome) for outcome in report]})


def load_report(path: str | os.PathLike[str]) -> RunReport:
    """Read what :func:`write_report` wrote.

    Args:
        path: The file.

    Raises:
        PlanFileError: It is no report, was changed or cut off, or is newer than this version.
        OSError: It cannot be read.
    """
    return REPORT.read(path, _unpacked)


def _packed(outcome: ChangeOutcome) -> JSON:
    said: Data = {"status": outcome.status, "code": outcome.code, "message": outcome.message}
    kept: Data = {name: value for name, value in said.items() if value is not None}
    if outcome.verified:
        kept["verified"] = True
    if outcome.found is not UNSET:
        kept["found"] = pack_value(outcome.row.field, outcome.found)
    return {**pack_row(outcome.row), "outcome": kept}


def _unpacked(file: Data) -> RunReport:
    head = cast("Data", file["run"])
    counts = cast("dict[Any, int]", head["counts"])
    numbers = (head["planned"], head["lost"], head["doubled"], *counts.values())
    if not all(type(number) is int for number in numbers) or list(counts) != list(OUTCOMES):
        raise TypeError("counts must be whole numbers")
    balance = Balance(
        planned=cast("int", head["planned"]),
        counts=MappingProxyType(counts),
        lost=cast("int", head["lost"]),
        doubled=cast("int", head["doubled"]),
    )
    outcomes = [_outcome(cast("Data", item)) for item in cast("list[JSON]", file["outcomes"])]
    return RunReport(_head(head), outcomes, balance)


def _head(head: Data) -> RunHead:
    created_at = _time(head["created_at"])
    if created_at is None:
        raise TypeError("created_at must be a time")
    return RunHead(
        id=text(head, "id"),
        plan=text(head, "plan"),
        title=optional(head, "title"),
        shop=text(head, "shop"),
        undoes=optional(head, "undoes"),
        status=cast("RunStatus", _word(head, "status", get_args(RunStatus))),
        created_at=created_at,
        finished_at=_time(head["finished_at"]),
        stopped=head["stopped"] is True,
    )


def _outcome(data: Data) -> ChangeOutcome:
    row, said = unpack_row(data), cast("Data", data["outcome"])
    return ChangeOutcome(
        row=row,
        status=cast("Any", _word(said, "status", OUTCOMES)),
        code=optional(said, "code"),
        message=optional(said, "message"),
        found=unpack_value(row.field, said["found"]) if "found" in said else UNSET,
        verified=said.get("verified") is True,
    )


def _word(data: Data, name: str, words: tuple[str, ...]) -> str:
    word = text(data, name)
    if word not in words:
        raise ValueError(f"{name} must be one of {', '.join(words)}")
    return word


def _time_text(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat()


def _time(value: JSON) -> datetime | None:
    if value is None:
        return None
    time = datetime.fromisoformat(cast("str", value))
    if time.tzinfo is None:
        raise ValueError("a time has no zone")
    return time


__all__ = ["REPORT", "load_report", "write_report"]
