"""Which variants the Shopify connector writes to, and at which locations: SKUs are looked up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import attrs

from bulkeditor.connectors._chunks import chunks
from bulkeditor.connectors._shopify import bulk, graphql
from bulkeditor.connectors._types import Change, Outcome
from bulkeditor.http import Exchange

if TYPE_CHECKING:
    from bulkeditor.connectors.shopify import Shopify

T = TypeVar("T")

Known: TypeAlias = dict[str, Outcome | None]
"""What became of a part of some changes, by key: None where it was written."""

STOCK: Final = "inventory_quantity"
_SKUS_AT_ONCE: Final = 50
_POINTS: Final = 900
_SPARE: Final = 10


@attrs.frozen
class Target:
    """The variant that a change means, and where it is stocked."""

    variant: str
    product: str
    item: str
    tracked: bool
    stocked: frozenset[str]


class Targets:
    """What the changes of a batch mean.

    Args:
        shop: The connector.
    """

    def __init__(self, shop: Shopify) -> None:
        self._shop = shop
        self.found: dict[str, Target] = {}
        """Variants by key."""
        self.places: dict[str, str] = {}
        """Locations of changes of stock, by key."""

    def stocked(self, change: Change) -> bool:
        """Whether an item is stocked at the location that a change means."""
        return self.places[change.key] in self.found[change.key].stocked

    def find(self, changes: Sequence[Change], known: Known) -> Exchange[None]:
        """Fill in the targets; what has none is known."""
        yield from self._look_for_places(changes, known)
        wanted = [change for change in changes if change.key not in known]
        places = sorted(set(self.places.values()))
        if self._shop.many(len(wanted)) and not places:
            operation = yield from bulk.begin(self._shop, graphql.TARGET)
            rows = yield from bulk.fetch(self._shop, operation)
            self._aim_all(wanted, rows, places, known)
            return
        for some in chunks(wanted, _SKUS_AT_ONCE):
            rows = yield from self._search([change.key for change in some], places)
            self._aim_all(some, rows, places, known)

    def _search(self, skus: Sequence[str], places: Sequence[str]) -> Exchange[list[Mapping[str, Any]]]:
        """The variants that a search for SKUs finds, those of similar ones among them."""
        selection, declared = graphql.levels_at(len(places))
        document = graphql.variants(f"{graphql.TARGET} {selection}", declared)
        variables: dict[str, object] = {f"l{at}": place for at, place in enumerate(places)}
        # Every object is a point: each row has three, and one for each location.
        variables["first"] = max(1, min(len(skus) + _SPARE, _POINTS // (4 + len(places))))
        variables["query"] = graphql.by_skus(skus)
        rows: list[Mapping[str, Any]] = []
        while True:
            response = yield self._shop.ask(document, variables, "productVariants")
            page = self._shop.answer(response, "productVariants")
            rows.extend(page["nodes"])
            if not page["pageInfo"]["hasNextPage"]:
                return rows
            variables = {**variables, "after": page["pageInfo"]["endCursor"]}

    def _aim_all(
        self,
        changes: Sequence[Change],
        rows: Sequence[Mapping[str, Any]],
        places: Sequence[str],
        known: Known,
    ) -> None:
        by_sku: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            by_sku[str(row.get("sku"))].append(row)
        for change in changes:
            outcome = self._aim(change, by_sku[change.key], places)
            if outcome is not None:
                known[change.key] = outcome

    def _aim(
        self, change: Change, rows: Sequence[Mapping[str, Any]], places: Sequence[str]
    ) -> Outcome | None:
        if not rows:
            return change.outcome("skipped", "there is no variant with this SKU", code="no_variant")
        if len(rows) > 1:
            message = f"{len(rows)} variants have this SKU"
            return change.outcome("dead_lettered", message, code="ambiguous_key")
        row, item = rows[0], rows[0]["inventoryItem"]
        target = Target(
            variant=row["id"],
            product=row["product"]["id"],
            item=item["id"],
            tracked=item["tracked"],
            stocked=frozenset(place for at, place in enumerate(places) if item[f"at{at}"] is not None),
        )
        if not of_stock(change) and not of_difference(change):
            self.found[change.key] = target
            return None
        if not target.tracked:
            return change.outcome(
                "dead_lettered", "its stock is not tracked: Shopify keeps no quantity", code="not_tracked"
            )
        if of_difference(change) and self.places[change.key] not in target.stocked:
            return change.outcome("skipped", "it is not stocked at this location", code="not_stocked")
        self.found[change.key] = target
        return None

    def _look_for_places(self, changes: Sequence[Change], known: Known) -> Exchange[None]:
        """The location of each change of stock: its own, the connector's, or the only one there is."""
        moving = [change for change in changes if of_stock(change) or of_difference(change)]
        default = self._shop.location
        if default is None and any(change.location is None for change in moving):
            response = yield self._shop.ask(graphql.LOCATIONS, {}, "locations")
            nodes = self._shop.answer(response, "locations")["nodes"]
            default = nodes[0]["id"] if len(nodes) == 1 else None
        for change in moving:
            place = change.location or default
            if place is not None:
                self.places[change.key] = graphql.gid("Location", place)
            else:
                message = "the shop has several locations; give the change one, or the connector location="
                known[change.key] = change.outcome("dead_lettered", message, code="location_required")


def of_stock(change: Change) -> bool:
    """Whether it sets a quantity."""
    return STOCK in change.values


def of_difference(change: Change) -> bool:
    """Whether it moves a quantity."""
    return STOCK in change.delta


__all__ = ["STOCK", "Known", "Target", "Targets", "of_difference", "of_stock"]
