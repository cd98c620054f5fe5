"""A plan in the making: what to read for it, and what is made of what was read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

from bulkeditor.api._filters import Filter, condition_of
from bulkeditor.api._lists import Listing
from bulkeditor.api._paging import Walk
from bulkeditor.api.products import listing
from bulkeditor.models import Product
from bulkeditor.plans._amounts import minor_units, refused
from bulkeditor.plans._build import plan_read
from bulkeditor.plans._document import PlanDocument
from bulkeditor.plans._exact import column_of
from bulkeditor.plans._gather import Gathering, Origin
from bulkeditor.plans._guard import Guard
from bulkeditor.plans._rule import Rule
from bulkeditor.query import Condition

SHOWN: Final = frozenset({"id", "sku", "title"})
"""Fields that are always read: rows are named by them."""


class Planner:
    """Reads nothing itself: it says what to list, and takes the products page by page.

    Args:
        filter: Which products: a condition, its text, or the API's JSON filter.
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
        filter: Filter | None,  # noqa: A002 - the API's own name
        updates: Rule | Iterable[Rule],
        guards: Guard | Iterable[Guard] = (),
        all_products: bool = False,
        currency: str | None = None,
    ) -> None:
        self._updates = _rules(updates)
        self._guards = checked_guards(guards)
        self._places = minor_units(currency)
        self._currency = None if currency is None else currency.upper()
        self._condition = _selection(filter, all_products=all_products)
        self._gathering = Gathering(self._guards)

    @property
    def columns(self) -> frozenset[str]:
        """Names of the fields to load."""
        return columns_for(self._updates, self._guards)

    @property
    def listing(self) -> Listing[Product]:
        """What to read."""
        return listing(filter=self._condition, fields=sorted(self.columns))

    def take(self, products: Iterable[Product]) -> None:
        """Plan some products."""
        columns = self.columns
        for product in products:
            self._gathering.add(plan_read(product, columns, self._updates, self._guards, places=self._places))

    def document(self, walk: Walk[Product], origin: Origin) -> PlanDocument:
        """The plan, once everything was read.

        Args:
            walk: What was read, for what came twice, not at all, or in no form that can be read.
            origin: Where the plan comes from.
        """
        self._gathering.end(walk)
        return self._gathering.document(
            origin,
            filter="" if self._condition is None else str(self._condition),
            updates=self._updates,
            currency=self._currency,
        )


def columns_for(updates: Iterable[Rule], guards: Iterable[Guard]) -> frozenset[str]:
    """Names of the fields that rules and guards read, and of those that rows are named by."""
    names = SHOWN.union(*(rule.reads for rule in updates), *(guard.reads for guard in guards))
    return frozenset(map(column_of, names))


def _rules(updates: object) -> tuple[Rule, ...]:
    given = tuple(cast("Iterable[object]", updates)) if isinstance(updates, Iterable) else (updates,)
    if not given:
        raise refused("updates", "are missing", "Give at least one, such as be.price.percentage(-20).")
    for rule in given:
        if not isinstance(rule, Rule):
            raise refused(
                "updates",
                f"must be rules, got {rule!r:.60}",
                "Use be.price, be.tags …, or make a rule of a function with be.plans.rule(reads=[…]).",
            )
    return cast("tuple[Rule, ...]", given)


def checked_guards(guards: object) -> tuple[Guard, ...]:
    """Guards as they were given, one or several.

    Raises:
        InvalidInputError: One of them is none.
    """
    given = tuple(cast("Iterable[object]", guards)) if isinstance(guards, Iterable) else (guards,)
    for guard in given:
        if not isinstance(guard, Guard):
            raise refused("guards", f"must be guards, got {guard!r:.60}", "Use be.guards.")
    return cast("tuple[Guard, ...]", given)


def _selection(given: Filter | None, *, all_products: bool) -> Condition | None:
    condition = condition_of(given)
    if condition is None and not all_products:
        raise refused(
            "filter",
            "is empty: the plan would be about every product",
            "Pass all_products=True if that is what you mean.",
        )
    if condition is not None and all_products:
        raise refused("filter", "contradicts all_products=True", "Leave one of the two out.")
    return condition


__all__ = ["SHOWN", "Planner", "checked_guards", "columns_for"]
