"""Between our words (``sku``, ``price``, ``inventory_levels`` …) and the shop: seeding, editing, looking."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast

from bulkeditor.testing.vendors._shopify.shop import (
    InventoryItem,
    InventoryLevel,
    Metafield,
    Owner,
    Product,
    ProductVariant,
    Shop,
    to_the_second,
)

_PRODUCT: Final = ("vendor", "product_type", "status", "tags")
_NAMESPACE: Final = "custom"


def take_in(shop: Shop, record: Mapping[str, object]) -> ProductVariant:
    """A new variant; ``product`` names the product that it belongs to, by default it has one of its own."""
    sku = cast("str | None", record.get("sku"))
    at = cast("datetime | None", record.get("changed_at"))
    title = str(record.get("product") or record.get("title") or f"Product {sku}")
    product = next((one for one in shop.products if one.title == title and "product" in record), None)
    if product is None:
        product = shop.made(Product, at=at, title=title, handle=title.lower().replace(" ", "-"))
        shop.products.append(product)
    variant = shop.made(
        ProductVariant, at=at, product=product, amount=Decimal(0), position=len(product.holds) + 1
    )
    variant.inventory_item = shop.made(InventoryItem, at=at, variant=variant, sku=sku)
    product.holds.append(variant)
    _level(shop, variant, shop.locations[0].name)
    change(
        shop, variant, {name: value for name, value in record.items() if name not in ("sku", "product")}, at
    )
    return variant


def change(
    shop: Shop, variant: ProductVariant, values: Mapping[str, object], at: datetime | None = None
) -> None:
    """Change a variant as somebody else would."""
    for name, value in values.items():
        _set(shop, variant, name, value)
    shop.touch(variant, at)


def _set(shop: Shop, variant: ProductVariant, name: str, value: Any) -> None:
    item = variant.inventory_item
    match name:
        case "price":
            assert value is not None, "a variant of Shopify always has a price"
            variant.amount = Decimal(str(value))
        case "compare_at_price":
            variant.before = None if value is None else Decimal(str(value))
        case "cost":
            item.cost = None if value is None else Decimal(str(value))
        case "inventory_quantity":
            _level(shop, variant, shop.locations[0].name).states["available"] = int(value or 0)
        case "inventory_levels":
            for place, held in value.items():
                states = {"available": held} if isinstance(held, int) else held
                _level(shop, variant, place).states.update(states)
        case "custom_fields":
            for key, text in value.items():
                keep(shop, variant, (_NAMESPACE, key), "single_line_text_field", str(text))
        case _:
            _set_plainly(variant, name, value)


def _set_plainly(variant: ProductVariant, name: str, value: object) -> None:
    if name == "changed_at":
        return
    owners = {
        **dict.fromkeys(("sku", "tracked"), variant.inventory_item),
        "barcode": variant,
        **dict.fromkeys(("title", *_PRODUCT), variant.product),
    }
    assert name in owners, f"the stand-in for Shopify knows no field {name!r}"
    setattr(owners[name], name, value)


def _level(shop: Shop, variant: ProductVariant, place: str) -> InventoryLevel:
    location = shop.location(place)
    found = variant.inventory_item.at(location.id)
    if found is None:
        found = shop.made(
            InventoryLevel, item=variant.inventory_item, location=location, states={"available": 0}
        )
        variant.inventory_item.levels.append(found)
    found.updated_at = to_the_second(shop.now())
    return found


def keep(shop: Shop, owner: Owner, place: tuple[str, str], kind: str, value: str) -> Metafield:
    """Set the metafield of a namespace and a key."""
    found = owner.fields.get(place)
    if found is None:
        found = shop.made(Metafield, namespace=place[0], key=place[1], type=kind, value=value)
        owner.fields[place] = found
    found.type, found.value, found.updated_at = kind, value, to_the_second(shop.now())
    return found


def in_our_words(variant: ProductVariant) -> dict[str, object]:
    """A variant in our words."""
    item, product = variant.inventory_item, variant.product
    return {
        "sku": variant.sku,
        "price": variant.amount,
        "compare_at_price": variant.before,
        "cost": item.cost,
        "barcode": variant.barcode,
        "inventory_quantity": variant.inventory_quantity,
        "inventory_levels": {
            level.location.name: {**level.states, "on_hand": level.quantity("on_hand")}
            for level in item.levels
        },
        "title": product.title,
        **{name: getattr(product, name) for name in _PRODUCT},
        "custom_fields": {
            key: field.value
            for owner in (product, variant)
            for (namespace, key), field in owner.fields.items()
            if namespace == _NAMESPACE
        },
        "changed_at": variant.updated_at,
    }


__all__ = ["change", "in_our_words", "keep", "take_in"]
