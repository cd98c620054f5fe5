"""What becomes of the products of a plan, gathered into its document: each product is counted once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from bulkeditor.api._paging import Walk
from bulkeditor.models import Product
from bulkeditor.plans._build import Planned
from bulkeditor.plans._document import Counts, PlanDocument
from bulkeditor.plans._guard import Guard, Violation
from bulkeditor.plans._rows import PlanRow, SkippedRow
from bulkeditor.plans._rule import Rule


@attrs.frozen(kw_only=True)
class Origin:
    """Where a plan comes from.

    Args:
        id: The plan's id.
        shop: The address of the shop that it belongs to.
        now: When it was made: aware.
        title: What it is called.
    """

    id: str
    shop: str
    now: datetime
    title: str | None = None


class Gathering:
    """Rows of a plan as they come, product by product.

    Args:
        guards: The limits, for those on the plan as a whole.
    """

    def __init__(self, guards: Sequence[Guard] = ()) -> None:
        self._guards = guards
        self._rows: list[PlanRow] = []
        self._skipped: list[SkippedRow] = []
        self._violations: list[Violation] = []
        self._planned = self._unchanged = self._left = self._moved = self._missing = 0

    def add(self, planned: Planned) -> None:
        """Count one product."""
        self._rows += planned.rows
        self._skipped += planned.skipped
        self._violations += planned.violations
        if planned.rows:
            self._planned += 1
        elif planned.skipped:
            self._left += 1
        else:
            self._unchanged += 1

    def skip(self, row: SkippedRow) -> None:
        """Count one product, or one row that could not be read, as skipped."""
        self.add(Planned(skipped=[row]))

    def note(self, row: SkippedRow) -> None:
        """List something that no row of the shop stands for; it is not counted."""
        self._skipped.append(row)

    def end(self, walk: Walk[Product]) -> None:
        """Count what the reading itself left out.

        Args:
            walk: The reading, at its end.
        """
        for problem in walk.problems:
            self.skip(SkippedRow(product=problem.id, code="unreadable", reason=str(problem)))
        self._moved, self._missing = walk.moved, walk.missing

    def document(
        self,
        origin: Origin,
        *,
        filter: str,  # noqa: A002 - the document's own name
        updates: Sequence[Rule] | Sequence[str],
        currency: str | None = None,
    ) -> PlanDocument:
        """The plan.

        Args:
            origin: Where it comes from.
            filter: Which products, in words.
            updates: The rules, or words for what is none.
            currency: The shop's currency, where it is known.
        """
        whole = (
            Violation(guard=str(guard), message=message)
            for guard in self._guards
            if (message := guard.check_plan(self._rows)) is not None
        )
        return PlanDocument(
            id=origin.id,
            title=origin.title,
            shop=origin.shop,
            created_at=origin.now,
            filter=filter,
            updates=tuple(map(str, updates)),
            rules=tuple(rule for rule in updates if not isinstance(rule, str)),
            guards=tuple(map(str, self._guards)),
            currency=currency,
            rows=tuple(self._rows),
            skipped=tuple(self._skipped),
            violations=(*whole, *self._violations),
            counts=Counts(
                planned=self._planned,
                unchanged=self._unchanged,
                skipped=self._left,
                moved=self._moved,
                missing=self._missing,
            ),
        )


__all__ = ["Gathering", "Origin"]
