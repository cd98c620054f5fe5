"""Products, as the API answers with them."""

from decimal import Decimal
from typing import ClassVar

import attrs

from bulkeditor.models._base import JSON, Model, Timestamp, absent


@attrs.frozen(kw_only=True, eq=False, repr=False, weakref_slot=False)
class Product(Model):
    """One product.

    Args:
        id: The server's identifier.
        sku: Stock keeping unit: text, case-sensitive, leading zeros count.
        title: Name shown to customers.
        handle: The name in the shop's web addresses.
        vendor: Who makes it.
        product_type: The shop's own classification.
        category: Category.
        status: ``active``, ``draft`` or ``archived``; compare with :class:`Status`.
        tags: Labels.
        price: Price in the shop's currency; None when the product has no price.
        compare_at_price: The price before a reduction, in the shop's currency.
        cost: What the product costs the shop, in the shop's currency.
        inventory_quantity: Pieces in stock; negative when oversold.
        custom_fields: Fields that the shop defined.
        options: Names and values of the options, in the shop's order (``{"Color": "jade"}``).
        barcode: EAN, UPC, ISBN …
        created_at: When it was created (UTC).
        updated_at: When it was last changed (UTC).
    """

    __shown__: ClassVar[tuple[str, ...]] = ("id", "sku", "title", "price", "status")

    id: str = attrs.field(factory=absent)
    sku: str = attrs.field(factory=absent)
    title: str = attrs.field(factory=absent)
    handle: str | None = attrs.field(factory=absent)
    vendor: str | None = attrs.field(factory=absent)
    product_type: str | None = attrs.field(factory=absent)
    category: str | None = attrs.field(factory=absent)
    status: str = attrs.field(factory=absent)
    tags: list[str] = attrs.field(factory=absent)
    price: Decimal | None = attrs.field(factory=absent)
    compare_at_price: Decimal | None = attrs.field(factory=absent)
    cost: Decimal | None = attrs.field(factory=absent)
    inventory_quantity: int = attrs.field(factory=absent)
    custom_fields: dict[str, JSON] = attrs.field(factory=absent)
    options: dict[str, str] = attrs.field(factory=absent)
    barcode: str | None = attrs.field(factory=absent)
    created_at: Timestamp = attrs.field(factory=absent)
    updated_at: Timestamp = attrs.field(factory=absent)


__all__ = ["Product"]
