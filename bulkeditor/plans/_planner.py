"""A plan in the making: what to read for it, and what is made of what was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, cast

from bulkeditor.api._filters import condition_of
from bulkeditor.api._lists import Listing
from bulkeditor.api._paging import Walk
from bulkeditor.api.products import listing
from bulkeditor.models import Product
from bulkeditor.plans._amounts import minor_units, refused
from bulkeditor.plans._build import plan_product
from bulkeditor.plans._document import Counts, PlanDocument
from bulkeditor.plans._draft import Draft
from bulkeditor.plans._guard import Guard, Violation
from bulkeditor.plans._rows import PlanRow, SkippedRow
from bulkeditor.plans._rule import Rule
from bulkeditor.query import Condition

SHOWN: Final = frozenset({"id", "sku", "title"})
"""Fields that are always read: rows are named by them."""


class Planner:
    """Reads nothing itself: it says what to list, and takes the products page by page.

    Args:
        filter: Which products: a condition, or the API's JSON filter.
        updates: The rules, in the order in which they are applied.
        guards: The limits.
        all_products: Confirms that no filter is meant.
        currency: Code of the shop's currency; None = not known.

    Raises:
        InvalidInputError: An argument is wrong; the text names it.
    """

    def __init__(
        self,
        *,
        filter: Condition | Mapping[str, object] | None,  # noqa: A002 - the API's own name
        updates: Rule | Iterable[Rule],
        guards: Guard | Iterable[Guard] = (),
        all_products: bool = False,
        currency: str | None = None,
    ) -> None:
        self._updates = _rules(updates)
        self._guards = _guards(guards)
        self._currency = currency.upper() if minor_units(currency) is not None and currency else None
        self._places = minor_units(currency)
        self._condition = _selection(filter, all_products=all_products)
        self._rows: list[PlanRow] = []
        self._skipped: list[SkippedRow] = []
        self._violations: list[Violation] = []
        self._planned = self._unchanged = self._left = 0

    @property
    def columns(self) -> frozenset[str]:
        """Names of the fields to load."""
        names = SHOWN.union(*(rule.reads for rule in self._updates), *(guard.reads for guard in self._guards))
        return frozenset(name.partition(".")[0] for name in names)

    @property
    def listing(self) -> Listing[Product]:
        """What to read."""
        return listing(filter=self._condition, fields=sorted(self.columns))

    def take(self, products: Iterable[Product]) -> None:
        """Plan some products."""
        columns = self.columns
        for product in products:
            planned = plan_product(Draft.of(product, columns, self._places), self._updates, self._guards)
            self._rows += planned.rows
            self._skipped += planned.skipped
            self._violations += planned.violations
            if planned.rows:
                self._planned += 1
            elif planned.skipped:
                self._left += 1
            else:
                self._unchanged += 1

    def document(
        self, walk: Walk[Product], *, ident: str, shop: str, now: datetime, title: str | None = None
    ) -> PlanDocument:
        """The plan, once everything was read.

        Args:
            walk: What was read, for what came twice, not at all or not in a form that can be read.
            ident: The plan's id.
            shop: The address of the shop that it belongs to.
            now: When it was made: aware.
            title: What it is called.
        """
        unreadable = [
            SkippedRow(product=None, code="unreadable", reason=str(problem)) for problem in walk.problems
        ]
        whole = (
            Violation(guard=str(guard), message=message)
            for guard in self._guards
            if (message := guard.check_plan(self._rows)) is not None
        )
        return PlanDocument(
            id=ident,
            title=title,
            shop=shop,
            created_at=now,
            filter="" if self._condition is None else str(self._condition),
            updates=tuple(map(str, self._updates)),
            guards=tuple(map(str, self._guards)),
            currency=self._currency,
            rows=tuple(self._rows),
            skipped=(*self._skipped, *unreadable),
            violations=(*whole, *self._violations),
            counts=Counts(
                planned=self._planned,
                unchanged=self._unchanged,
                skipped=self._left + len(unreadable),
                moved=walk.moved,
                missing=walk.missing,
            ),
        )


def _rules(updates: object) -> tuple[Rule, ...]:
    given = tuple(cast("Iterable[object]", updates)) if isinstance(updates, Iterable) else (updates,)
    if not given:
        raise refused("updates", "are missing", "Give at least one, such as be.price.percentage(-20).")
    for rule in given:
        if not isinstance(rule, Rule):
            raise refused(
                "updates", f"must be rules, got {rule!r:.60}",
                "Use be.price, be.tags …, or make a rule of a function with be.plans.rule(reads=[…]).",
            )  # fmt: skip
    return cast("tuple[Rule, ...]", given)


def _guards(guards: object) -> tuple[Guard, ...]:
    given = tuple(cast("Iterable[object]", guards)) if isinstance(guards, Iterable) else (guards,)
    for guard in given:
        if not isinstance(guard, Guard):
            raise refused("guards", f"must be guards, got {guard!r:.60}", "Use be.guards.")
    return cast("tuple[Guard, ...]", given)


def _selection(given: Condition | Mapping[str, object] | None, *, all_products: bool) -> Condition | None:
    condition = condition_of(given)
    if condition is None and not all_products:
        raise refused(
            "filter", "is empty: the plan would be about every product",
            "Pass all_products=True if that is what you mean.",
        )  # fmt: skip
    if condition is not None and all_products:
        raise refused("filter", "contradicts all_products=True", "Leave one of the two out.")
    return condition


__all__ = ["SHOWN", "Planner"]
