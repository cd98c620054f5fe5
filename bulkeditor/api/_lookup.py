"""Find products by id or SKU on the documented list alone, with as few requests as the server allows.

One filtered request for each value is cheap for a few values, one pass over the whole list for many; which
one is cheaper shows on the list's first page. A server that ignores filters gives itself away by rows that
were not asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import attrs

from bulkeditor.api._lists import unchanged
from bulkeditor.api._paging import Walk
from bulkeditor.api.products import listing
from bulkeditor.http import Exchange
from bulkeditor.models import Product

By = Literal["id", "sku"]

_FEW: Final = 3
"""Up to so many values are asked for one by one without a look at the list's length."""
_PASSES: Final = 3
"""How often a list is read that changes while it is read."""


@attrs.frozen(kw_only=True, eq=False)
class Found:
    """What a search found.

    Args:
        rows: The products for each value; none for a value that no product has, several for an ambiguous one.
        uncertain: Values that were not found in a list that could not be read in full: they may exist.
        server_filters: Whether the server was seen to filter; ``None`` when that did not come up.
    """

    rows: Mapping[str, tuple[Product, ...]]
    uncertain: frozenset[str] = frozenset()
    server_filters: bool | None = None


def find(
    by: By, values: Iterable[str], *, fields: Iterable[str] = ("id", "sku"), one_by_one: bool = False
) -> Exchange[Found]:
    """Find products by exact values; ``00042`` is not ``42``, and ``ts-1`` is not ``TS-1``.

    Args:
        by: The field to find them by.
        values: Its values.
        fields: Fields to load.
        one_by_one: Do not look at the list first: they are known to be few for it, and the server to filter.

    Returns:
        The products for each value.
    """
    search = _Search(by, values, frozenset(fields), few=None if one_by_one else _FEW)
    yield from search.run()
    return search.result()


class _Search:
    def __init__(self, by: By, values: Iterable[str], fields: frozenset[str], few: int | None) -> None:
        self._by: By = by
        self._few = few
        self._fields = sorted(fields | {"id", "sku"})
        self._rows: dict[str, dict[str, Product]] = {value: {} for value in values}
        self._settled: set[str] = set()
        self._filters: bool | None = None
        self._cost = 1
        self._gaps = False

    def result(self) -> Found:
        rows = {value: tuple(found.values()) for value, found in self._rows.items()}
        open_ = {value for value, found in rows.items() if not found and value not in self._settled}
        return Found(
            rows=rows, uncertain=frozenset(open_ if self._gaps else ()), server_filters=self._filters
        )

    def run(self) -> Exchange[None]:
        values = list(self._rows)
        if not values:
            return
        # The first value is always asked for: its answer shows whether the server filters at all.
        many = self._few is not None and len(values) > self._few
        yield from self._one_by_one(values[:1] if many else values)
        for _ in range(_PASSES):
            rest = self._rest()
            if not rest:
                return
            whole = yield from self._pass(len(rest))
            if whole:
                return
            if self._filters:
                yield from self._one_by_one(self._rest())

    def _rest(self) -> list[str]:
        return [value for value in self._rows if value not in self._settled]

    def _one_by_one(self, values: Iterable[str]) -> Exchange[None]:
        for value in values:
            if self._filters is False:
                return
            yield from self._ask_for(value)

    def _ask_for(self, value: str) -> Exchange[None]:
        walk = self._walk({self._by: value})
        requests = 0
        while (asked := walk.ask()) is not None:
            answer = yield from asked
            requests += 1
            for page in walk.take(answer):
                if any(not self._meant(item, value) for item in page):
                    self._filters = False
                    return
                self._keep(page)
            if self._by == "id" and self._rows[value]:
                break
        self._filters = True
        self._cost = requests
        if not walk.problems:
            self._settled.add(value)
        self._gaps = self._gaps or bool(walk.problems)

    def _pass(self, rest: int) -> Exchange[bool]:
        """Read the list.

        Returns:
            False when asking for the rest one by one is cheaper, or when the list could not be read in full.
        """
        walk = self._walk({})
        pages, nameless = 0, False
        while (asked := walk.ask()) is not None:
            answer = yield from asked
            for page in walk.take(answer):
                pages += 1
                self._keep(page)
                nameless = nameless or not all(hasattr(item, "id") for item in page)
            if self._by == "id" and all(self._rows.values()):
                return True
            left = walk.pages_left
            if self._filters and not walk.done and (pages if left is None else left) > rest * self._cost:
                return False
        # Without a total, rows that came twice are the only sign that others did not come at all.
        drifted = bool(walk.moved) and walk.pages_left is None
        self._gaps = bool(walk.missing or walk.problems) or drifted or nameless
        if not self._gaps:
            self._settled.update(self._rows)
        return not self._gaps

    def _walk(self, filter_: Mapping[str, object]) -> Walk[Product]:
        # Rows that the filter should have kept out are evidence here, so nothing is dropped.
        return attrs.evolve(listing(filter=filter_, fields=self._fields), keep=unchanged).walk()

    def _keep(self, items: Iterable[Product]) -> None:
        for item in items:
            found = self._rows.get(getattr(item, self._by, ""))
            if found is not None and hasattr(item, "id"):
                found[item.id] = item

    def _meant(self, item: Product, value: str) -> bool:
        # A server that compares without regard to case or blanks does filter, only not as exactly.
        given: str = getattr(item, self._by, "")
        return given.strip().casefold() == value.strip().casefold()


__all__ = ["By", "Found", "find"]
