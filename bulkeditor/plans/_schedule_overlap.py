"""Which scheduled plans are about the same field of the same product at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import attrs

from bulkeditor.engine import Ledger, RunRow, own_space
from bulkeditor.errors import FieldError, OverlapError
from bulkeditor.plans._document import PlanDocument
from bulkeditor.plans._rows import PlanRow
from bulkeditor.plans._stored import ROWS, Given, rows_of

_SHOWN: Final = 5


@attrs.frozen
class Window:
    """The time in which a plan is in force.

    Args:
        begins: Its first moment.
        ends: The first moment after it; None = the change stays, so that its beginning alone is a matter of
            time.
    """

    begins: datetime
    ends: datetime | None

    def overlaps(self, other: Window) -> bool:
        """Whether there is a moment that belongs to both."""
        return self._holds(other.begins) or other._holds(self.begins)

    def _holds(self, time: datetime) -> bool:
        return time == self.begins or (self.ends is not None and self.begins <= time < self.ends)

    def __str__(self) -> str:
        form = "%Y-%m-%d %H:%M"
        end = "" if self.ends is None else f" to {self.ends:{form}}"
        return f"{self.begins:{form}}{end} UTC"


def refuse_overlaps(ledger: Ledger, workflow: str, plan: PlanDocument, window: Window) -> None:
    """Do nothing when a plan has its fields for itself in a time.

    Args:
        ledger: Where the scheduled runs stand.
        workflow: The workflow's name.
        plan: The plan.
        window: When it will be in force.

    Raises:
        OverlapError: It has not; the text names the runs and the first fields.
    """
    runs: list[str] = []
    errors: list[FieldError] = []
    lines: list[str] = []
    for run, given, other in _scheduled(ledger, workflow, plan.shop):
        if not window.overlaps(other):
            continue
        rows = list(_shared(ledger, run, plan.rows))
        if not rows:
            continue
        name = f"{given.title or given.plan}, {other}"
        runs.append(run.id)
        errors += [
            FieldError(field=_name(row), message=f"is changed by {name}", code="overlap") for row in rows
        ]
        shown = ", ".join(map(_name, rows[:_SHOWN]))
        more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
        lines.append(f"\n  run {run.id} ({name}): {shown}{more}")
    if runs:
        raise OverlapError(
            f"In its time other scheduled plans change the same fields:{''.join(lines)}\n",
            runs=runs,
            errors=errors,
        )


def _scheduled(ledger: Ledger, workflow: str, shop: str) -> Iterator[tuple[RunRow, Given, Window]]:
    for run in ledger.runs(workflow=workflow):
        if run.status not in {"waiting", "running", "failed"}:
            continue
        given = Given.of(run.input)
        if given.shop == shop and given.begins is not None:
            yield run, given, Window(given.begins, given.ends)


def _shared(ledger: Ledger, run: RunRow, rows: Sequence[PlanRow]) -> Iterator[PlanRow]:
    space = own_space(run.id, ROWS)
    products: dict[str, list[PlanRow]] = {}
    for row in rows:
        products.setdefault(row.product, []).append(row)
    for product, mine in products.items():
        entry = ledger.state(space, product)
        theirs = (
            frozenset(item.row.field for item in rows_of(entry)) if entry is not None else frozenset[str]()
        )
        yield from (row for row in mine if row.field in theirs)


def _name(row: PlanRow) -> str:
    return f"{row.sku or row.product}.{row.field}"


__all__ = ["Window", "refuse_overlaps"]
