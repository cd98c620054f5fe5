"""A plan as a file: JSON, a row to a line, with a checksum over what it says, not over how it is laid out."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn, TypeVar, cast

import attrs

from bulkeditor._files import written_whole
from bulkeditor.errors import PlanFileError
from bulkeditor.models import JSON
from bulkeditor.plans._codec import (
    Data,
    optional,
    pack_row,
    pack_skipped,
    text,
    unpack_row,
    unpack_skipped,
)
from bulkeditor.plans._document import Counts, PlanDocument
from bulkeditor.plans._guard import Violation

FORMAT: Final = "bulkeditor.plan"
VERSION: Final = 1

_LISTS: Final = ("rows", "skipped", "violations")
# What unpacking raises for data of another shape; a checksum can be forged.
_MALFORMED: Final = (LookupError, TypeError, ValueError, ArithmeticError, RecursionError)

T = TypeVar("T")


def write_plan(plan: PlanDocument, path: str | os.PathLike[str]) -> None:
    """Write a plan; the file is there whole, or as it was before.

    Args:
        plan: The plan.
        path: The file.
    """
    parts = _packed(plan)
    head: Data = {"format": FORMAT, "version": VERSION, "checksum": _checksum(parts), "plan": parts["plan"]}
    with written_whole(path) as file:
        file.write(b"{\n")
        for name, value in head.items():
            file.write(f'"{name}": '.encode() + _line(value) + b",\n")
        for name in _LISTS:
            file.write(f'"{name}": ['.encode())
            for number, item in enumerate(cast("list[JSON]", parts[name])):
                file.write((b",\n" if number else b"\n") + _line(item))
            file.write(b"]\n" if name == _LISTS[-1] else b"],\n")
        file.write(b"}\n")


def read_plan(path: str | os.PathLike[str]) -> PlanDocument:
    """Read what :func:`write_plan` wrote.

    Args:
        path: The file.

    Raises:
        PlanFileError: It is no plan, was changed or cut off, or is newer than this version.
        OSError: It cannot be read.
    """
    name = Path(path).name
    try:
        data: object = json.loads(Path(path).read_bytes(), parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError) as error:
        raise PlanFileError(f"{name} is damaged, cut off, or no plan: {error}.") from error
    if not isinstance(data, dict) or cast("Data", data).get("format") != FORMAT:
        raise PlanFileError(f"{name} is no plan: it does not say that it is a {FORMAT}.")
    file = cast("Data", data)
    if file.get("version") != VERSION:
        raise PlanFileError(
            f"{name} is a plan of version {file.get('version')!r:.20}; this library reads version {VERSION}.",
            hint="Install the version of bulkeditor that wrote it.",
        )
    try:
        changed = file["checksum"] != _checksum(file)
        plan = None if changed else _unpacked(file)
    except _MALFORMED as error:
        raise PlanFileError(f"{name} is damaged: {type(error).__name__}: {error}.") from error
    if plan is None:
        raise PlanFileError(
            f"{name} was edited, or rows of it are missing: its content does not fit its checksum.",
            hint="Make the plan again; plans are changed by their rules, never by hand.",
        )
    return plan


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text:.20} is no exact number")


def _line(value: JSON) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Half a character has no UTF-8; as an escape it survives.
        return json.dumps(value).encode()


def _checksum(parts: Mapping[str, JSON]) -> str:
    digest = hashlib.sha256()
    for item in _items(parts):
        digest.update(json.dumps(item, sort_keys=True, separators=(",", ":")).encode())
        digest.update(b"\n")
    return f"sha256:{digest.hexdigest()}"


def _items(parts: Mapping[str, JSON]) -> Iterator[JSON]:
    yield parts["plan"]
    for name in _LISTS:
        yield name
        yield from cast("list[JSON]", parts[name])


def _packed(plan: PlanDocument) -> Data:
    head: Data = {
        "id": plan.id,
        "title": plan.title,
        "shop": plan.shop,
        "created_at": plan.created_at.astimezone(UTC).isoformat(),
        "currency": plan.currency,
        "filter": plan.filter,
        "updates": list(plan.updates),
        "guards": list(plan.guards),
        "counts": attrs.asdict(plan.counts),
    }
    return {
        "plan": head,
        "rows": [pack_row(row) for row in plan.rows],
        "skipped": [pack_skipped(row) for row in plan.skipped],
        "violations": [cast("JSON", attrs.asdict(item)) for item in plan.violations],
    }


def _unpacked(file: Data) -> PlanDocument:
    head = cast("Data", file["plan"])
    created_at = datetime.fromisoformat(text(head, "created_at"))
    if created_at.tzinfo is None:
        raise ValueError("created_at has no time zone")
    return PlanDocument(
        id=text(head, "id"),
        title=optional(head, "title"),
        shop=text(head, "shop"),
        created_at=created_at,
        currency=optional(head, "currency"),
        filter=text(head, "filter"),
        updates=_texts(head["updates"]),
        guards=_texts(head["guards"]),
        counts=_counts(cast("Data", head["counts"])),
        rows=_each(unpack_row, file["rows"]),
        skipped=_each(unpack_skipped, file["skipped"]),
        violations=_each(_violation, file["violations"]),
    )


def _each(unpack: Callable[[Data], T], items: JSON) -> tuple[T, ...]:
    return tuple(unpack(item) for item in cast("list[Data]", items))


def _texts(items: JSON) -> tuple[str, ...]:
    given = cast("list[object]", items)
    if not all(isinstance(item, str) for item in given):
        raise TypeError("updates and guards must be texts")
    return tuple(cast("list[str]", given))


def _counts(data: Data) -> Counts:
    if not all(type(value) is int for value in data.values()):
        raise TypeError("counts must be whole numbers")
    return Counts(**cast("dict[str, int]", data))


def _violation(data: Data) -> Violation:
    return Violation(
        guard=text(data, "guard"),
        message=text(data, "message"),
        product=optional(data, "product"),
        sku=optional(data, "sku"),
        field=optional(data, "field"),
    )


__all__ = ["FORMAT", "VERSION", "read_plan", "write_plan"]
