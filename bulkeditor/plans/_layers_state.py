"""The layers of one product as they stand in a store, shared by every run of a shop."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import attrs

from bulkeditor.engine import Put
from bulkeditor.models import JSON, UNSET, Product
from bulkeditor.plans._codec import pack_value, unpack_value
from bulkeditor.plans._exact import column_of, column_value, entry_of, value_in
from bulkeditor.plans._layers import Layer, Stack
from bulkeditor.plans._rows import Value

_SPACE: Final = "plans/layers"


def space_of(shop: str) -> str:
    """Where the layers of a shop stand; an entry for each product.

    Args:
        shop: The shop's address.
    """
    return f"{_SPACE}/{shop}"


@attrs.frozen(kw_only=True)
class Stacks:
    """The fields of one product that layers lie on, or that requests are under way for.

    Args:
        product: The product's id.
        stacks: The stacks by field.
        stored: The entry as it was read; None when there was none.
    """

    product: str
    stacks: Mapping[str, Stack]
    stored: JSON = None

    @classmethod
    def of(cls, product: str, stored: JSON) -> Stacks:
        """An entry of the store.

        Args:
            product: Its key.
            stored: Its value.
        """
        fields = cast("dict[str, Any]", stored or {}).get("fields", {})
        stacks = {name: _unpacked(name, entry) for name, entry in fields.items()}
        return cls(product=product, stacks=stacks, stored=stored)

    def seen(self, columns: Mapping[str, JSON]) -> dict[str, Stack]:
        """The stacks in some columns after a look at the shop; without layers where somebody else has edited.

        Args:
            columns: Whole columns of the product, as the shop holds them.
        """
        return {
            name: self._seen(stack, value_in(columns, name))
            for name, stack in self.stacks.items()
            if column_of(name) in columns
        }

    def _seen(self, stack: Stack, found: Value) -> Stack:
        # Some servers take an entry away by clearing all of them; the others are about to be written anew.
        clearing = found is UNSET and any(UNSET in other.sending.values() for other in self.stacks.values())
        return stack if clearing and not stack.ours(found) else stack.seen(found)

    def changed(self, space: str, stacks: Mapping[str, Stack]) -> Put | None:
        """What replaces some stacks in the store, unless somebody else has been faster; None for no change.

        Args:
            space: Where the entry stands.
            stacks: By field.
        """
        if all(self.stacks.get(name) == stack for name, stack in stacks.items()):
            return None
        kept = {name: stack for name, stack in {**self.stacks, **stacks}.items() if not stack.idle}
        # The number rises with each change and outlives the last layer: who looked before the change notices
        # it, even when the entry is again as it was.
        version = cast("dict[str, Any]", self.stored or {}).get("version", 0) + 1
        fields: JSON = {name: _packed(stack) for name, stack in kept.items()}
        value: JSON = {"version": version, "fields": fields}
        return Put(space=space, key=self.product, value=value, expect=self.stored)

    def unchanged(self, space: str) -> Put:
        """Nothing, unless the entry has changed since it was read; then the step is done again."""
        return Put(space=space, key=self.product, value=self.stored, expect=self.stored)


def overlaid(columns: Mapping[str, JSON], bases: Mapping[str, Value]) -> dict[str, JSON]:
    """Columns as they would be without anything temporary.

    Args:
        columns: Whole columns, as the shop holds them.
        bases: What lies below the layers, by field.
    """
    below = dict(columns)
    for field, value in bases.items():
        column, entry = column_of(field), entry_of(field)
        if entry is None:
            below[column] = cast("JSON", value)
            continue
        entries = dict(cast("Mapping[str, JSON]", below[column] or {}))
        if value is UNSET:
            entries.pop(entry, None)
        else:
            entries[entry] = value
        below[column] = entries
    return below


def beneath(product: Product, stored: JSON) -> Product:
    """A product as it would be without anything temporary; what the shop shows where nothing is.

    Args:
        product: As it was read; columns that are not loaded stay so.
        stored: The store's entry for it; None when there is none.
    """
    stacks = Stacks.of(product.id, stored)
    columns = {
        column: column_value(product, column)
        for column in {column_of(name) for name in stacks.stacks}
        if column in product.loaded
    }
    seen = stacks.seen(columns)
    if not seen:
        return product
    return product.replace(**overlaid(columns, {name: stack.base for name, stack in seen.items()}))


def _packed(stack: Stack) -> JSON:
    name = stack.field
    return {
        "base": pack_value(name, stack.base),
        "shown": pack_value(name, stack.shown),
        "layers": [
            [layer.run, layer.at.astimezone(UTC).isoformat(), layer.number, pack_value(name, layer.value)]
            for layer in stack.layers
        ],
        "sending": {run: pack_value(name, value) for run, value in stack.sending.items()},
    }


def _unpacked(name: str, entry: Mapping[str, Any]) -> Stack:
    return Stack(
        field=name,
        base=unpack_value(name, entry["base"]),
        shown=unpack_value(name, entry["shown"]),
        layers=tuple(
            Layer(run=run, at=datetime.fromisoformat(at), number=number, value=unpack_value(name, value))
            for run, at, number, value in entry["layers"]
        ),
        sending={run: unpack_value(name, value) for run, value in entry["sending"].items()},
    )


__all__ = ["Stacks", "beneath", "overlaid", "space_of"]
