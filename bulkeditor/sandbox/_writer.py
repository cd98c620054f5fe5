"""Writing a product: the document, its stock and the events, together."""

from __future__ import annotations

from collections.abc import Mapping

from bulkeditor.sandbox._clock import Clock
from bulkeditor.sandbox._inventory import Inventory
from bulkeditor.sandbox._json import JSON, Doc, decode_doc
from bulkeditor.sandbox._products import Products
from bulkeditor.sandbox._render import Renderer
from bulkeditor.sandbox._rows import new_doc, time_text
from bulkeditor.sandbox._webhooks import Webhooks


class Writer:
    """Creates, changes and deletes products, inside the caller's transaction."""

    def __init__(
        self, clock: Clock, products: Products, inventory: Inventory, webhooks: Webhooks, renderer: Renderer
    ) -> None:
        self._clock = clock
        self._products = products
        self._inventory = inventory
        self._webhooks = webhooks
        self._renderer = renderer

    def create(self, values: Mapping[str, JSON]) -> Doc:
        """Add a product; answers its document."""
        now = self._clock.now_us()
        ordinal, ident = self._products.next_place()
        doc = new_doc(values, ident, time_text(now) or "")
        self._products.insert(ordinal, doc, now)
        quantity = doc["inventory_quantity"]
        assert isinstance(quantity, int)
        self._inventory.new_product(ordinal, quantity)
        if self._webhooks.wanted("product.created"):
            product = self._shown(doc)
            self._webhooks.emit(
                "product.created", {"product_id": ident, "sku": doc["sku"], "product": product}
            )
        return doc

    def update(self, ordinal: int, doc: Doc, values: Mapping[str, JSON]) -> tuple[Doc, Doc]:
        """Change a product; answers the changed fields before and after, both empty when nothing changes.

        ``doc`` is the current document, and is changed in place.
        """
        after = self._products.merge(doc, values)
        if not after:
            return {}, {}
        before = {name: doc.get(name) for name in after}
        doc |= after
        doc["updated_at"] = time_text(self._clock.now_us())
        self._products.write(ordinal, doc)
        if "inventory_quantity" in after:
            old, new = before["inventory_quantity"], after["inventory_quantity"]
            assert isinstance(old, int)
            assert isinstance(new, int)
            self._inventory.move_default(ordinal, doc, new - old)
        if self._webhooks.wanted("product.updated"):
            changes = self._shown(after)
            self._webhooks.emit(
                "product.updated", {"product_id": doc["id"], "sku": doc["sku"], "changes": changes}
            )
        return before, after

    def delete(self, ordinal: int, doc: Doc) -> None:
        """Remove a product."""
        self._products.remove(ordinal)
        self._webhooks.emit("product.deleted", {"product_id": doc["id"], "sku": doc["sku"]})

    def _shown(self, doc: Doc) -> Doc:
        """As the reading for money writes it."""
        return decode_doc(self._renderer.values(doc))
