"""How the Shopify connector writes one batch: variants product by product, cleared metafields, stock."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import attrs

from bulkeditor.connectors._chunks import chunks
from bulkeditor.connectors._shopify import bulk, graphql
from bulkeditor.connectors._shopify.targets import STOCK, Known, Targets, of_difference, of_stock
from bulkeditor.connectors._types import Batch, Change, Outcome, Outcomes, Writing
from bulkeditor.errors import BulkEditorError
from bulkeditor.http import Exchange, Sleep

if TYPE_CHECKING:
    from bulkeditor.connectors.shopify import Shopify

Part: TypeAlias = Callable[[Sequence[Change], Known], Exchange[None]]

# Each product is a mutation of 10 points, and a request may have 1,000.
_PRODUCTS_AT_ONCE: Final = 50
_MOST_INPUTS: Final = 250
_PRODUCT: Final = ("product_type", "status", "tags", "title", "vendor")
_TRIES: Final = 5
_CONCURRENT: Final = "IDEMPOTENCY_CONCURRENT_REQUEST"
# https://shopify.dev/docs/apps/build/orders-fulfillment/inventory-management-apps/manage-quantities-states
_REASONS: Final = frozenset(
    {
        "correction",
        "cycle_count_available",
        "damaged",
        "movement_canceled",
        "movement_created",
        "movement_received",
        "movement_updated",
        "other",
        "promotion",
        "quality_control",
        "received",
        "reservation_created",
        "reservation_deleted",
        "reservation_updated",
        "restock",
        "safety_stock",
        "shrinkage",
    }
)


class Work:
    """One batch.

    Args:
        shop: The connector.
        batch: What is written.
    """

    def __init__(self, shop: Shopify, batch: Batch) -> None:
        self._shop = shop
        self._batch = batch
        self._targets = Targets(shop)

    def outcomes(self) -> Writing:
        """The outcomes, after each part of the work."""
        found: Known = {}
        yield from self._targets.find(list(self._batch), found)
        yield Outcomes([outcome for outcome in found.values() if outcome is not None])
        left = [change for change in self._batch if change.key in self._targets.found]
        parts: tuple[tuple[Callable[[Change], bool], Part], ...] = (
            (self._of_variant, self._variants),
            (self._cleared, self._clear),
            (_of_product, self._products),
            (of_stock, self._set),
            (of_difference, self._adjust),
        )
        begun: set[str] = set()
        for at, (wants, write) in enumerate(parts):
            mine = [change for change in left if wants(change)]
            if not mine:
                continue
            later = [more for more, _ in parts[at + 1 :]]
            known: Known = {}
            problem: BulkEditorError | None = None
            try:
                yield from write(mine, known)
            except BulkEditorError as error:
                problem = error
            settled = _settled(left, known, begun, later)
            begun |= {key for key, outcome in known.items() if outcome is None}
            closed = {outcome.change.key for outcome in settled}
            left = [change for change in left if change.key not in closed]
            yield Outcomes(settled)
            if problem is not None:
                yield Outcomes([_in_part(change) for change in left if change.key in begun])
                raise problem

    # Variants ----------------------------------------------------------------------------------------------

    def _of_variant(self, change: Change) -> bool:
        return any(
            name != STOCK and name not in _PRODUCT and not self._clears(change, name)
            for name in change.values
        )

    def _clears(self, change: Change, name: str) -> bool:
        return name in self._shop.known_metafields and change.values[name] is None

    def _cleared(self, change: Change) -> bool:
        return any(self._clears(change, name) for name in change.values)

    def _variants(self, changes: Sequence[Change], known: Known) -> Exchange[None]:
        products: defaultdict[str, list[Change]] = defaultdict(list)
        for change in changes:
            products[self._targets.found[change.key].product].append(change)
        groups = [
            (product, some) for product, mine in products.items() for some in chunks(mine, _MOST_INPUTS)
        ]
        if self._shop.bulk:
            lines = [
                {"productId": product, "variants": [self._input(change) for change in some]}
                for product, some in groups
            ]
            payloads = yield from bulk.write(self._shop, lines, self._batch.idempotency_key)
            for (_, some), payload in zip(groups, payloads, strict=True):
                self._judge(some, payload, known)
            return
        for together in chunks(groups, _PRODUCTS_AT_ONCE):
            variables: dict[str, object] = {}
            for at, (product, some) in enumerate(together):
                variables[f"p{at}"] = product
                variables[f"v{at}"] = [self._input(change) for change in some]
            document = graphql.updates(len(together))
            response = yield self._shop.ask(document, variables, "productVariantsBulkUpdate", write=True)
            data = response.json()["data"]
            for at, (_, some) in enumerate(together):
                self._judge(some, data[f"u{at}"], known)

    def _input(self, change: Change) -> Mapping[str, object]:
        metafields = self._shop.known_metafields
        plain = {name: value for name, value in change.values.items() if name not in metafields}
        plain.pop(STOCK, None)
        body = self._shop.payload(attrs.evolve(change, values=plain))
        body.pop("product", None)
        given = [
            {"namespace": namespace, "key": key, "value": _text(change.values[name])}
            | ({} if kind is None else {"type": kind})
            for name, (_, namespace, key, kind) in metafields.items()
            if change.values.get(name) is not None
        ]
        return {
            "id": self._targets.found[change.key].variant,
            **body,
            **({"metafields": given} if given else {}),
        }

    def _judge(self, changes: Sequence[Change], payload: Mapping[str, Any], known: Known) -> None:
        """Errors name the row that they mean; those that name none mean all of them."""
        written = {each["id"] for each in payload.get("productVariants") or ()}
        for at, change in enumerate(changes):
            error = _error_of(payload["userErrors"], at)
            if error is not None:
                known[change.key] = self._refusal(change, error)
            elif self._targets.found[change.key].variant in written:
                known[change.key] = None
            else:
                message = "Shopify does not say that it was written"
                known[change.key] = change.outcome("unknown", message, code="not_told", raw=payload)

    def _refusal(self, change: Change, error: Mapping[str, Any]) -> Outcome:
        code = error.get("code")
        return self._shop.refusal(change, code=code and str(code), message=str(error["message"]), raw=error)

    def _clear(self, changes: Sequence[Change], known: Known) -> Exchange[None]:
        rows = [
            (change, {"ownerId": self._targets.found[change.key].variant, "namespace": namespace, "key": key})
            for change in changes
            for name, (_, namespace, key, _) in self._shop.known_metafields.items()
            if name in change.values and self._clears(change, name)
        ]
        for some in chunks(rows, _MOST_INPUTS):
            variables = {"metafields": [row for _, row in some]}
            response = yield self._shop.ask(
                graphql.DELETE_METAFIELDS, variables, "metafieldsDelete", write=True
            )
            errors = response.json()["data"]["metafieldsDelete"]["userErrors"]
            for at, (change, _) in enumerate(some):
                error = _error_of(errors, at)
                if known.get(change.key) is None:
                    known[change.key] = None if error is None else self._refusal(change, error)

    # Products ----------------------------------------------------------------------------------------------

    def _products(self, changes: Sequence[Change], known: Known) -> Exchange[None]:
        """What belongs to a product; its variants may say it together, and must not contradict each other."""
        bodies: dict[str, dict[str, object]] = {}
        agreed: defaultdict[str, list[Change]] = defaultdict(list)
        for change in changes:
            product = self._targets.found[change.key].product
            values = {name: value for name, value in change.values.items() if name in _PRODUCT}
            given = cast(
                "dict[str, object]", self._shop.payload(attrs.evolve(change, values=values))["product"]
            )
            body = bodies.setdefault(product, {"id": product})
            if any(name in body and body[name] != value for name, value in given.items()):
                message = "another change of the same product says otherwise"
                known[change.key] = change.outcome("dead_lettered", message, code="contradiction")
                continue
            body.update(given)
            agreed[product].append(change)
        for together in chunks(list(agreed), _PRODUCTS_AT_ONCE):
            variables = {f"p{at}": bodies[product] for at, product in enumerate(together)}
            document = graphql.products(len(together))
            response = yield self._shop.ask(document, variables, "productUpdate", write=True)
            data = response.json()["data"]
            for at, product in enumerate(together):
                errors = data[f"u{at}"]["userErrors"]
                for change in agreed[product]:
                    known[change.key] = self._refusal(change, errors[0]) if errors else None

    # Stock -------------------------------------------------------------------------------------------------

    def _set(self, changes: Sequence[Change], known: Known) -> Exchange[None]:
        new = [change for change in changes if not self._targets.stocked(change)]
        for change in new:
            yield from self._activate(change, known)
        rest = [change for change in changes if self._targets.stocked(change)]
        for reason, some in _by_reason(rest):
            head = {"name": "available", "reason": reason}
            yield from self._quantities("inventorySetQuantities", "quantities", head, some, known)

    def _adjust(self, changes: Sequence[Change], known: Known) -> Exchange[None]:
        for reason, some in _by_reason(changes):
            head = {"name": "available", "reason": reason}
            yield from self._quantities("inventoryAdjustQuantities", "changes", head, some, known)

    def _activate(self, change: Change, known: Known) -> Exchange[None]:
        """Stock at a location that had none of it so far."""
        variables = {
            "item": self._targets.found[change.key].item,
            "location": self._targets.places[change.key],
            "available": int(cast("int", self._shop.written_fields()[STOCK].write(change.values[STOCK]))),
        }
        variables["key"] = self._batch.key_for(json.dumps(variables))
        response = yield self._shop.ask(
            graphql.ACTIVATE, variables, "inventoryActivate", write=True, idempotent=True
        )
        errors = response.json()["data"]["inventoryActivate"]["userErrors"]
        known[change.key] = self._refusal(change, errors[0]) if errors else None

    def _quantities(
        self,
        mutation: str,
        list_name: str,
        head: Mapping[str, object],
        changes: Sequence[Change],
        known: Known,
    ) -> Exchange[None]:
        """Write quantities: all rows of a request, or none and again without those that are refused."""
        document = (
            graphql.SET_QUANTITIES if mutation == "inventorySetQuantities" else graphql.ADJUST_QUANTITIES
        )
        for some in chunks(changes, _MOST_INPUTS):
            rows, tries = list(some), 0
            while rows:
                given = {**head, list_name: [self._quantity(change) for change in rows]}
                # The key is that of the very rows: another list under the same key would be refused.
                key = self._batch.key_for(f"{mutation} {json.dumps(given)}")
                variables = {"input": given, "key": key}
                response = yield self._shop.ask(document, variables, mutation, write=True, idempotent=True)
                payload = response.json()["data"][mutation]
                errors = payload["userErrors"]
                tries += 1
                if tries < _TRIES and any(each.get("code") == _CONCURRENT for each in errors):
                    yield Sleep(float(tries))
                    continue
                rows = self._judged(rows, payload, known)

    def _judged(self, rows: Sequence[Change], payload: Mapping[str, Any], known: Known) -> list[Change]:
        """Those rows that are to be sent again, because others spoiled their request."""
        again: list[Change] = []
        applied = payload["inventoryAdjustmentGroup"] is not None or not payload["userErrors"]
        for at, change in enumerate(rows):
            error = _error_of(payload["userErrors"], at)
            if error is not None:
                known[change.key] = self._refusal(change, error)
            elif applied:
                known[change.key] = None
            else:
                again.append(change)
        return again

    def _quantity(self, change: Change) -> Mapping[str, object]:
        """One row; what the location should hold before is compared there, null compares nothing."""
        expected = (change.expected or {}).get(STOCK)
        row: dict[str, object] = {
            "inventoryItemId": self._targets.found[change.key].item,
            "locationId": self._targets.places[change.key],
            "changeFromQuantity": None if expected is None else self._whole(expected),
        }
        if of_stock(change):
            return {**row, "quantity": self._whole(change.values[STOCK])}
        return {**row, "delta": self._whole(change.delta[STOCK])}

    def _whole(self, value: object) -> int:
        return int(cast("int", self._shop.written_fields()[STOCK].write(value)))


def _of_product(change: Change) -> bool:
    return any(name in _PRODUCT for name in change.values)


def _by_reason(changes: Iterable[Change]) -> Iterator[tuple[str, list[Change]]]:
    groups: defaultdict[str, list[Change]] = defaultdict(list)
    for change in changes:
        reason = change.reason or "correction"
        groups[reason if reason in _REASONS else "other"].append(change)
    yield from groups.items()


def _settled(
    changes: Iterable[Change],
    known: Known,
    begun: set[str],
    later: Sequence[Callable[[Change], bool]],
) -> list[Outcome]:
    """Changes of which a part failed, and those of which no part is left."""
    found: list[Outcome] = []
    for change in changes:
        if change.key not in known:
            continue
        outcome = known[change.key]
        if outcome is not None:
            found.append(_in_part(change, outcome) if change.key in begun else outcome)
        elif not any(wants(change) for wants in later):
            found.append(change.outcome("updated"))
    return found


def _in_part(change: Change, refused: Outcome | None = None) -> Outcome:
    """A change of which one part is written, and another is not."""
    if refused is None:
        return change.outcome("unknown", "written in part; no answer came to the rest", code="in_part")
    return attrs.evolve(refused, message=f"written in part; then: {refused.message}")


def _error_of(errors: Sequence[Mapping[str, Any]], at: int) -> Mapping[str, Any] | None:
    """The error that means a row, or all of them."""
    for error in errors:
        places = [int(part) for part in error.get("field") or () if str(part).isdecimal()]
        if not places or places[0] == at:
            return error
    return None


def _text(value: object) -> str:
    """A metafield's value; they are all text.

    https://shopify.dev/docs/apps/build/custom-data/metafields/list-of-data-types
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, default=str)


__all__ = ["Work"]
