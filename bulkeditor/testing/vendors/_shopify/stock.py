"""The mutations of stock: quantities that are set or moved, each with its idempotency key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import attrs
from graphql import get_directive_values

from bulkeditor.models import encode
from bulkeditor.testing._standin import StandIn
from bulkeditor.testing.vendors._shopify.context import Context, refuse
from bulkeditor.testing.vendors._shopify.shop import (
    Info,
    InventoryItem,
    InventoryLevel,
    to_the_second,
)

Input: TypeAlias = Mapping[str, Any]
Problem: TypeAlias = dict[str, object]

INPUTS: Final = 250
_HIGHEST: Final = 1_000_000_000
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?://)?\S+")
_SETTABLE: Final = ("available", "on_hand")
# https://shopify.dev/docs/apps/build/orders-fulfillment/inventory-management-apps/manage-quantities-states
_REASONS: Final = frozenset(
    (
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
    )
)


def problem(field: Sequence[object] | None, message: str, code: str | None = None, **more: object) -> Problem:
    """One of ``userErrors``."""
    place = None if field is None else [str(part) for part in field]
    return {"field": place, "message": message, "code": code, **more}


@attrs.define
class Remembered:
    """Answers under their idempotency keys.

    https://shopify.dev/docs/api/usage/idempotent-requests: the same key with the same input is answered as
    before, with another input it is refused.
    """

    answers: dict[str, tuple[bytes, dict[str, object]]] = attrs.field(
        factory=dict[str, tuple[bytes, dict[str, object]]]
    )


@attrs.frozen
class Stock:
    """The mutations of stock.

    Args:
        context: The request.
        remembered: Answers under their keys.
    """

    context: Context
    remembered: Remembered

    def inventory_set_quantities(
        self,
        info: Info,
        input: Input,  # noqa: A002 - the field's argument
    ) -> Mapping[str, object]:
        """Set quantities, all or none."""
        _complete("InventoryQuantityInput", input["quantities"])
        return self._once(info, input, lambda: self._set_quantities(input))

    def inventory_adjust_quantities(
        self,
        info: Info,
        input: Input,  # noqa: A002 - as above
    ) -> Mapping[str, object]:
        """Move quantities, all or none."""
        _complete("InventoryChangeInput", input["changes"])
        return self._once(info, input, lambda: self._adjust(input))

    def inventory_activate(self, info: Info, **given: Any) -> Mapping[str, object]:
        """Stock an item at a location; ``available`` and ``on_hand`` are what it begins with."""
        return self._once(info, given, lambda: self._activate(given))

    def _activate(self, given: Input) -> dict[str, object]:
        shop = self.context.shop
        item = self._item(given["inventory_item_id"])
        place = next((one for one in shop.locations if one.id == given["location_id"]), None)
        if item is None or place is None:
            name = "inventoryItemId" if item is None else "locationId"
            return {"user_errors": [problem([name], "It does not exist")]}
        level = item.at(place.id)
        if level is None:
            held = given.get("available") or given.get("on_hand") or 0
            level = shop.made(InventoryLevel, item=item, location=place, states={"available": held})
            item.levels.append(level)
            StandIn.commit(self.context.entry, item.sku or "", "inventory_quantity", None, held)
        return {"inventory_level": level, "user_errors": []}

    def _once(self, info: Info, given: Input, act: Callable[[], dict[str, object]]) -> Mapping[str, object]:
        directive = info.schema.get_directive("idempotent")
        assert directive is not None
        values = get_directive_values(directive, info.field_nodes[0], info.variable_values)
        if values is None:
            refuse(
                "The @idempotent directive is required for this mutation but was not provided.", "BAD_REQUEST"
            )
        key = f"{info.field_name} {values['key']}"
        if not str(values["key"]).strip():
            refuse("The idempotency key cannot be blank.", "BAD_REQUEST")
        body = encode(given)
        before = self.remembered.answers.get(key)
        if before is not None and before[0] != body:
            text = "The idempotency key was used with other parameters."
            return {"user_errors": [problem(None, text, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH")]}
        if before is None:
            before = (body, act())
            self.remembered.answers[key] = before
        return before[1]

    def _set_quantities(self, given: Input) -> dict[str, object]:
        name, rows = given["name"], cast("Sequence[Input]", given["quantities"])
        errors = _wrong_document(given)
        if name not in _SETTABLE:
            errors.append(problem(["input", "name"], "The quantity name is invalid.", "INVALID_NAME"))
        seen: set[tuple[str, str]] = set()
        for place, row in enumerate(rows):
            at = ["input", "quantities", place]
            pair = (row["inventoryItemId"], row["locationId"])
            if pair in seen:
                text = "The combination of inventoryItemId and locationId must be unique."
                errors.append(problem(at, text, "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"))
            seen.add(pair)
            errors += self._wrong_level(row, row["quantity"], name, at)
        if errors:
            return {"user_errors": errors}
        return self._moved(given, [(row, row["quantity"] - self._held(row, name)) for row in rows])

    def _adjust(self, given: Input) -> dict[str, object]:
        name, rows = given["name"], cast("Sequence[Input]", given["changes"])
        errors = _wrong_document(given)
        if name not in ("available", "damaged", "incoming", "quality_control", "reserved", "safety_stock"):
            errors.append(
                problem(["input", "name"], "The quantity name is invalid.", "INVALID_QUANTITY_NAME")
            )
        for place, row in enumerate(rows):
            at = ["input", "changes", place]
            document = row.get("ledgerDocumentUri")
            if name == "available" and document is not None:
                text = "A ledger document URI is not allowed when adjusting available."
                errors.append(problem([*at, "ledgerDocumentUri"], text, "INVALID_AVAILABLE_DOCUMENT"))
            elif name != "available" and document is None:
                text = "A ledger document URI is required except when adjusting available."
                errors.append(problem([*at, "ledgerDocumentUri"], text, "INVALID_QUANTITY_DOCUMENT"))
            errors += self._wrong_level(row, self._held(row, name) + row["delta"], name, at)
        if errors:
            return {"user_errors": errors}
        return self._moved(given, [(row, row["delta"]) for row in rows])

    def _wrong_level(self, row: Input, after: int, name: str, at: Sequence[object]) -> list[Problem]:
        for field, text, code in self._obstacles(row, after, name):
            return [problem([*at, field], text, code)]
        return []

    def _obstacles(self, row: Input, after: int, name: str) -> Iterator[tuple[str, str, str]]:
        item = self._item(row["inventoryItemId"])
        if item is None:
            yield "inventoryItemId", "The inventory item could not be found.", "INVALID_INVENTORY_ITEM"
            return
        if not any(one.id == row["locationId"] for one in self.context.shop.locations):
            yield "locationId", "The location could not be found.", "INVALID_LOCATION"
        if (item.sku or "") in self.context.refused:
            yield "inventoryItemId", self.context.refused[item.sku or ""], "NON_MUTABLE_INVENTORY_ITEM"
        if not item.tracked:
            yield "inventoryItemId", "The inventory item is not tracked.", "NON_MUTABLE_INVENTORY_ITEM"
        level = item.at(row["locationId"])
        if level is None:
            yield "locationId", "The inventory item is not stocked at the location.", "INVALID_LOCATION"
        elif row["changeFromQuantity"] not in (None, level.quantity(name)):
            text = "The changeFromQuantity value does not match the current quantity."
            yield "changeFromQuantity", text, "CHANGE_FROM_QUANTITY_STALE"
        if abs(after) > _HIGHEST:
            code = "INVALID_QUANTITY_TOO_HIGH" if after > 0 else "INVALID_QUANTITY_TOO_LOW"
            yield "quantity", "The quantity is out of range.", code

    def _item(self, gid: str) -> InventoryItem | None:
        items = [variant.inventory_item for variant in self.context.shop.variants()]
        return next((one for one in items if one.id == gid), None)

    def _level(self, row: Input) -> InventoryLevel | None:
        item = self._item(row["inventoryItemId"])
        return None if item is None else item.at(row["locationId"])

    def _held(self, row: Input, name: str) -> int:
        level = self._level(row)
        return 0 if level is None else level.quantity(name)

    def _moved(self, given: Input, moves: Sequence[tuple[Input, int]]) -> dict[str, object]:
        shop, name = self.context.shop, given["name"]
        state = "available" if name == "on_hand" else name
        changes: list[Mapping[str, object]] = []
        for row, delta in moves:
            level = cast("InventoryLevel", self._level(row))
            before = level.states.get(state, 0)
            level.states[state] = before + delta
            # The level's own time alone: a variant's does not follow its stock.
            level.updated_at = to_the_second(shop.now())
            ours = "inventory_quantity" if state == "available" else state
            StandIn.commit(self.context.entry, level.item.sku or "", ours, before, before + delta)
            changes.append(
                {
                    "name": name,
                    "delta": delta,
                    "item": level.item,
                    "location": level.location,
                    "quantity_after_change": level.quantity(name),
                    "ledger_document_uri": row.get("ledgerDocumentUri"),
                }
            )
        group: dict[str, object] = {
            "id": f"gid://shopify/InventoryAdjustmentGroup/{len(self.remembered.answers) + 1}",
            "created_at": shop.now(),
            "reason": given["reason"],
            "reference_document_uri": given.get("referenceDocumentUri"),
            "changes": _always(changes),
        }
        return {"inventory_adjustment_group": group, "user_errors": []}


def _always(value: object) -> Callable[..., object]:
    return lambda *_info, **_args: value  # pyright: ignore[reportUnknownLambdaType] - whatever is asked


def _complete(name: str, rows: Sequence[Input]) -> None:
    """The schema lets ``changeFromQuantity`` be left out; Shopify does not."""
    not_too_many(rows)
    if any("changeFromQuantity" not in row for row in rows):
        refuse(f"{name} must include the following argument: changeFromQuantity.", "INVALID_FIELD_ARGUMENTS")


def not_too_many(rows: Sequence[object]) -> None:
    """Refuse an array of more inputs than Shopify takes.

    Args:
        rows: The inputs.
    """
    if len(rows) > INPUTS:
        text = f"The input array size of {len(rows)} is greater than the maximum allowed of {INPUTS}."
        refuse(text, "MAX_INPUT_SIZE_EXCEEDED")


def _wrong_document(given: Input) -> list[Problem]:
    errors: list[Problem] = []
    if given["reason"] not in _REASONS:
        text = "The specified reason is invalid. Read the docs for a list of valid reasons."
        errors.append(problem(["input", "reason"], text, "INVALID_REASON"))
    document = given.get("referenceDocumentUri")
    if document is not None and not _URI.fullmatch(document):
        text = "The specified reference document is invalid."
        errors.append(problem(["input", "referenceDocumentUri"], text, "INVALID_REFERENCE_DOCUMENT"))
    return errors


__all__ = ["INPUTS", "Input", "Problem", "Remembered", "Stock", "not_too_many", "problem"]
