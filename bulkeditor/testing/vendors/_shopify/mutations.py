"""The root of mutations: what Shopify changes, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import attrs

from bulkeditor.testing._standin import StandIn
from bulkeditor.testing.vendors._shopify.bulk import Bulk
from bulkeditor.testing.vendors._shopify.shop import (
    Info,
    Owner,
    Product,
    ProductVariant,
    to_the_second,
)
from bulkeditor.testing.vendors._shopify.stock import Input, Problem, Stock, not_too_many, problem
from bulkeditor.testing.vendors._shopify.words import keep

METAFIELDS: Final = 25


@attrs.frozen
class Mutations(Stock):
    """The root of mutations.

    Args:
        bulk: The bulk operations.
    """

    bulk: Bulk

    # Products -----------------------------------------------------------------------------------------------

    def product_variants_bulk_update(
        self,
        _info: Info,
        product_id: str,
        variants: Sequence[Input],
        allow_partial_updates: bool = False,  # noqa: FBT001, FBT002 - the field's argument
    ) -> Mapping[str, object]:
        """Change variants of one product."""
        not_too_many(variants)
        product = self.context.shop.resource(product_id)
        if not isinstance(product, Product):
            missing = problem(["productId"], "Product does not exist", "PRODUCT_DOES_NOT_EXIST")
            return {"user_errors": [missing]}
        errors: list[Problem] = []
        good: list[tuple[ProductVariant, Input]] = []
        for place, given in enumerate(variants):
            variant = next((one for one in product.holds if one.id == given.get("id")), None)
            found = self._wrong(variant, given, ["variants", place])
            errors += found
            if variant is not None and not found:
                good.append((variant, given))
        if errors and not allow_partial_updates:
            good = []
        for variant, given in good:
            self._write(variant, given)
        return {
            "product": product,
            "product_variants": [variant for variant, _ in good] if good or not errors else None,
            "user_errors": errors,
        }

    def _wrong(self, variant: ProductVariant | None, given: Input, at: list[object]) -> list[Problem]:
        if variant is None:
            missing = given.get("id") is None
            text = "Product variant is missing ID attribute" if missing else "Product variant does not exist"
            code = "PRODUCT_VARIANT_ID_MISSING" if missing else "PRODUCT_VARIANT_DOES_NOT_EXIST"
            return [problem([*at, "id"], text, code)]
        found: list[Problem] = []
        if (variant.sku or "") in self.context.refused:
            found.append(problem(at, self.context.refused[variant.sku or ""], "INVALID_INPUT"))
        if "price" in given and given["price"] is None:
            found.append(problem([*at, "price"], "Price can't be blank", "INVALID_VALUE"))
        for name in ("price", "compareAtPrice"):
            if (given.get(name) or 0) < 0:
                text = "Price must be greater than or equal to 0"
                found.append(problem([*at, name], text, "NEGATIVE_PRICE_VALUE"))
        for number, field in enumerate(given.get("metafields") or ()):
            if not field.get("key") or not field.get("value"):
                found.append(problem([*at, "metafields", number], "Value can't be blank", "INVALID_VALUE"))
        return found

    def _write(self, variant: ProductVariant, given: Input) -> None:
        item = variant.inventory_item
        for theirs, ours, held in (
            ("price", "price", "amount"),
            ("compareAtPrice", "compare_at_price", "before"),
            ("barcode", "barcode", "barcode"),
            ("taxable", "taxable", "taxable"),
            ("inventoryPolicy", "inventory_policy", "inventory_policy"),
        ):
            if theirs in given:
                self._set(variant.sku, ours, variant, held, given[theirs])
        self._write_item(variant, given.get("inventoryItem") or {})
        for field in given.get("metafields") or ():
            self._keep(variant, field, item.sku or "")
        self.context.shop.touch(variant)

    def _write_item(self, variant: ProductVariant, given: Input) -> None:
        item, key = variant.inventory_item, variant.sku
        for theirs, held in (("cost", "cost"), ("tracked", "tracked"), ("sku", "sku")):
            if theirs in given:
                self._set(key, theirs, item, held, given[theirs])
        self.context.shop.touch(variant)

    def _set(self, key: str | None, name: str, owner: object, held: str, value: object) -> None:
        StandIn.commit(self.context.entry, key or "", name, getattr(owner, held), value)
        setattr(owner, held, value)

    def product_update(self, _info: Info, product: Input | None = None) -> Mapping[str, object]:
        """Change a product."""
        given = product or {}
        found = self.context.shop.resource(given.get("id"))
        if not isinstance(found, Product):
            return {"user_errors": [problem(["id"], "Product does not exist")]}
        if given.get("title", "-") in ("", None):
            return {"product": found, "user_errors": [problem(["title"], "Title can't be blank")]}
        locked = [
            self.context.refused[one.sku or ""] for one in found.holds if one.sku in self.context.refused
        ]
        if locked:
            return {"product": found, "user_errors": [problem(None, locked[0])]}
        for theirs, held in (
            ("title", "title"),
            ("vendor", "vendor"),
            ("productType", "product_type"),
            ("status", "status"),
            ("tags", "tags"),
            ("handle", "handle"),
            ("descriptionHtml", "description_html"),
        ):
            if theirs in given:
                self._set(found.holds[0].sku, held, found, held, given[theirs])
        for field in given.get("metafields") or ():
            self._keep(found, field, found.holds[0].sku or "")
        found.updated_at = to_the_second(self.context.shop.now())
        return {"product": found, "user_errors": []}

    def inventory_item_update(
        self,
        _info: Info,
        id: str,  # noqa: A002 - the field's argument
        input: Input,  # noqa: A002 - as above
    ) -> Mapping[str, object]:
        """Change cost, SKU or tracking."""
        variant = next((one for one in self.context.shop.variants() if one.inventory_item.id == id), None)
        if variant is None:
            return {"user_errors": [problem(["id"], "Inventory item does not exist")]}
        if (variant.sku or "") in self.context.refused:
            return {"user_errors": [problem(["input"], self.context.refused[variant.sku or ""])]}
        self._write_item(variant, input)
        return {"inventory_item": variant.inventory_item, "user_errors": []}

    # Metafields ---------------------------------------------------------------------------------------------

    def metafields_set(self, _info: Info, metafields: Sequence[Input]) -> Mapping[str, object]:
        """Set custom fields: all of them or none."""
        if len(metafields) > METAFIELDS:
            text = f"Exceeded the maximum metafields input limit of {METAFIELDS}."
            return {"user_errors": [problem(["metafields"], text, "LESS_THAN_OR_EQUAL_TO")]}
        errors = [
            wrong for place, given in enumerate(metafields) for wrong in self._wrong_field(given, place)
        ]
        if errors:
            return {"user_errors": errors}
        made: list[object] = []
        for given in metafields:
            owner = cast("Owner", self.context.shop.resource(given["ownerId"]))
            made.append(self._keep(owner, given, _sku(owner)))
            self._changed(owner)
        return {"metafields": made, "user_errors": []}

    def _wrong_field(self, given: Input, place: int) -> list[Problem]:
        at: list[object] = ["metafields", place]

        def wrong(name: str, text: str, code: str) -> list[Problem]:
            return [problem([*at, name], text, code, element_index=place)]

        owner = self.context.shop.resource(given["ownerId"])
        if not isinstance(owner, Owner):
            return wrong("ownerId", "Owner does not exist.", "INVALID")
        if _sku(owner) in self.context.refused:
            return wrong("value", self.context.refused[_sku(owner)], "INVALID_VALUE")
        held = owner.fields.get((given.get("namespace") or "", given["key"]))
        if held is None and not given.get("type"):
            return wrong("type", "Type can't be blank", "BLANK")
        if not given["value"]:
            return wrong("value", "Value can't be blank", "BLANK")
        if "compareDigest" in given and given["compareDigest"] != (held.compare_digest if held else None):
            text = "The resource has been updated since it was loaded."
            return wrong("compareDigest", text, "STALE_OBJECT")
        return []

    def metafields_delete(self, _info: Info, metafields: Sequence[Input]) -> Mapping[str, object]:
        """Delete custom fields; one that there is none of is no error."""
        for given in metafields:
            owner = self.context.shop.resource(given["ownerId"])
            place = (given["namespace"], given["key"])
            if isinstance(owner, Owner) and place in owner.fields:
                held = owner.fields.pop(place)
                StandIn.commit(self.context.entry, _sku(owner), "custom_fields", held.value, None)
                self._changed(owner)
        return {"user_errors": []}

    def _keep(self, owner: Owner, given: Input, key: str) -> object:
        place = (given.get("namespace") or "", given["key"])
        held = owner.fields.get(place)
        kind = given.get("type") or (held.type if held else "single_line_text_field")
        before = held.value if held else None
        StandIn.commit(self.context.entry, key, "custom_fields", before, given["value"])
        return keep(self.context.shop, owner, place, kind, given["value"])

    def _changed(self, owner: Owner) -> None:
        if isinstance(owner, ProductVariant):
            self.context.shop.touch(owner)
        else:
            owner.updated_at = to_the_second(self.context.shop.now())

    # Bulk operations ----------------------------------------------------------------------------------------

    def staged_uploads_create(
        self,
        _info: Info,
        input: Sequence[Input],  # noqa: A002 - the field's argument
    ) -> Mapping[str, object]:
        """Places to upload files to."""
        return {"staged_targets": [self.bulk.stage(given) for given in input], "user_errors": []}

    def bulk_operation_run_query(
        self,
        _info: Info,
        query: str,
        group_objects: bool = True,  # noqa: FBT001, FBT002 - the field's argument
    ) -> Mapping[str, object]:
        """Run a query over everything."""
        return self.bulk.run_query(self.context, query, grouped=group_objects)

    def bulk_operation_run_mutation(
        self, _info: Info, mutation: str, staged_upload_path: str, **_: Any
    ) -> Mapping[str, object]:
        """Run a mutation for each line of an uploaded file."""
        return self.bulk.run_mutation(self.context, mutation, staged_upload_path)

    def bulk_operation_cancel(
        self,
        _info: Info,
        id: str,  # noqa: A002 - the field's argument
    ) -> Mapping[str, object]:
        """Stop an operation."""
        return self.bulk.cancel(id)


def _sku(owner: Owner) -> str:
    variant = owner.holds[0] if isinstance(owner, Product) else owner
    return (variant.sku or "") if isinstance(variant, ProductVariant) else ""


__all__ = ["METAFIELDS", "Mutations"]
