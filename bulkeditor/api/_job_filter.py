"""Look before a job leaps: does the server select the products that a job's filter means?"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

import attrs

from bulkeditor.api._filters import Filter, condition_of
from bulkeditor.api._lists import collect, unchanged
from bulkeditor.api._paging import Walk
from bulkeditor.api._request import refused
from bulkeditor.api.products import ALWAYS, listing
from bulkeditor.errors import InvalidInputError
from bulkeditor.http import Exchange
from bulkeditor.models import Product
from bulkeditor.query import Condition

_NUMBERS: Final = frozenset({"price", "compare_at_price", "cost", "inventory_quantity"})
_IMPOSSIBLE_NUMBER: Final = -987_654_321


def select(given: Filter | None, *, all_products: bool) -> Selection:
    """Check a job's filter.

    Args:
        given: The filter.
        all_products: Confirms that an empty one is meant.

    Raises:
        InvalidInputError: It is empty without ``all_products``, not empty with it, or not made of equalities
            that every server can do.
    """
    condition = condition_of(given)
    if condition is None:
        if not all_products:
            raise refused(
                "filter",
                "is empty: the job would change every product",
                "Pass all_products=True if that is what you mean.",
            )
        return Selection(None, {})
    if all_products:
        raise refused("filter", "contradicts all_products=True", "Leave one of the two out.")
    pushed = condition.pushdown()
    if condition.to_filter() != pushed:
        raise refused(
            "filter",
            f"can only hold equalities that must all be true, as every server can do; {condition} is more",
            "Select the rows here instead: products.list(filter=…), then products.update(…) or a plan.",
        )
    if not pushed:
        raise refused("filter", "holds no condition", "Name the products, or pass all_products=True alone.")
    return Selection(condition, pushed)


class Selection:
    """The products that a job is meant for.

    Args:
        condition: What they satisfy; ``None`` = every product.
        pushed: The filter as it is sent.
    """

    def __init__(self, condition: Condition | None, pushed: Mapping[str, object]) -> None:
        self.pushed = pushed
        self.floor: int | None = None
        """How many there are at least, once looked."""
        self._condition = condition
        self._exact = False

    def look(self) -> Exchange[None]:
        """Read the first page, and ask for a value that no product has.

        Raises:
            InvalidInputError: The server sends rows that the filter keeps out.
        """
        if self._condition is None:
            return
        walk = self._walk(self.pushed)
        rows, total = yield from _first(walk)
        wrong = next((row for row in rows if not self._condition.matches(row)), None)
        if wrong is not None:
            raise self._contradiction(f"the list sends {wrong.id} ({wrong.sku}), which does not match")
        name, value = next(iter(self.pushed.items()))  # select() lets no empty one through
        others, _ = yield from _first(self._walk({**self.pushed, name: _impossible(name, value)}))
        if others:
            raise self._contradiction(f"asked for a {name} that no product has, the list still sends rows")
        self.floor = len(rows) if total is None else total
        self._exact = walk.done

    def count(self) -> Exchange[int]:
        """How many products there are, read to the end where the server does not say."""
        if not self._exact:
            walk = self._walk(self.pushed)
            rows = yield from collect(walk)
            self.floor = len(rows) + walk.missing + len(walk.problems)
            self._exact = True
        return self.floor or 0

    def _walk(self, pushed: Mapping[str, object]) -> Walk[Product]:
        fields = ALWAYS | frozenset(self.pushed)
        return attrs.evolve(listing(filter=pushed, fields=sorted(fields)), keep=unchanged).walk()

    def _contradiction(self, problem: str) -> InvalidInputError:
        return refused(
            "filter",
            f"is not safe here: {problem}; this server does not filter, so a job could change every product",
            "Change the rows with products.update(…), or pass all_products=True for every product.",
            code="unsafe_filter",
        )


def _first(walk: Walk[Product]) -> Exchange[tuple[list[Product], int | None]]:
    """The first page with rows, and the total as the server counts."""
    while (asked := walk.ask()) is not None:
        answer = yield from asked
        for page in walk.take(answer):
            return list(page.items), page.total
    return [], 0


def _impossible(name: str, value: object) -> object:
    if name in _NUMBERS or not isinstance(value, str):
        return _IMPOSSIBLE_NUMBER
    return f"no-such-value-{uuid.uuid4()}"


__all__ = ["Selection", "select"]
