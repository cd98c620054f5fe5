"""A plan as a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar, cast

import attrs

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
from bulkeditor.plans._recipe import pack_rules, unpack_rules
from bulkeditor.plans._sealed import Seal

PLAN: Final = Seal(
    format="bulkeditor.plan", version=1, what="plan", head="plan", lists=("rows", "skipped", "violations")
)

T = TypeVar("T")


def write_plan(plan: PlanDocument, path: str | os.PathLike[str]) -> None:
    """Write a plan; the file is there whole, or as it was before.

    Args:
        plan: The plan.
        path: The file.
    """
    PLAN.write(path, _packed(plan))


def read_plan(path: str | os.PathLike[str]) -> PlanDocument:
    """Read what :func:`write_plan` wrote.

    Args:
        path: The file.

    Raises:
        PlanFileError: It is no plan, was changed or cut off, or is newer than this version.
        OSError: It cannot be read.
    """
    return PLAN.read(path, _unpacked)


def _packed(plan: PlanDocument) -> Data:
    head: Data = {
        "id": plan.id,
        "title": plan.title,
        "shop": plan.shop,
        "created_at": plan.created_at.astimezone(UTC).isoformat(),
        "currency": plan.currency,
        "filter": plan.filter,
        "updates": list(plan.updates),
        "rules": pack_rules(plan.rules),
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
        rules=unpack_rules(head["rules"]),
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


__all__ = ["PLAN", "read_plan", "write_plan"]
