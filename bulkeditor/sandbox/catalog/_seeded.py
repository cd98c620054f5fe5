"""The first rows of every generated catalog, written by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bulkeditor.sandbox.catalog._words import PREMIUM, T_SHIRT

if TYPE_CHECKING:
    from collections.abc import Iterator


def _row(
    sku: str,
    handle: str,
    title: str,
    *,
    price: str,
    stock: tuple[int, int],
    vendor: str = PREMIUM,
    product_type: str = T_SHIRT.name,
    category: str = T_SHIRT.category,
    status: str = "active",
    tags: tuple[str, ...] = (),
    compare_at_price: str | None = None,
    cost: str | None = None,
    options: tuple[tuple[str, str], ...] = (),
    barcode: str | None = None,
    material: str | None = None,
) -> dict[str, object]:
    warehouse, store = stock
    return {
        "sku": sku,
        "handle": handle,
        "title": title,
        "vendor": vendor,
        "product_type": product_type,
        "category": category,
        "status": status,
        "tags": list(tags),
        "price": Decimal(price),
        "compare_at_price": None if compare_at_price is None else Decimal(compare_at_price),
        "cost": None if cost is None else Decimal(cost),
        "inventory_quantity": warehouse + store,
        "levels": {"warehouse_1": warehouse, "store_front": store},
        "options": dict(options),
        "barcode": barcode,
        "custom_fields": {} if material is None else {"material": material},
        "extra": {"description": f"{title}, made by {vendor}"},
    }


def seeded_rows() -> Iterator[dict[str, object]]:
    """Rows that the documentation's examples look for, the most wanted first."""
    shirt, shirt_title = "premium-cotton-t-shirt", "Premium Cotton T-Shirt"
    yield _row(
        "PT-1", shirt, shirt_title, price="29.99", cost="12.40", stock=(34, 8), tags=("summer", "featured"),
        options=(("Color", "White"), ("Size", "M")), barcode="4006381333931", material="cotton",
    )  # fmt: skip
    yield _row(
        "PT-2", shirt, shirt_title, price="29.99", compare_at_price="39.99", stock=(4, 2),
        tags=("summer", "featured"),
        options=(("Color", "White"), ("Size", "L")), barcode="0036000291452", material="cotton",
    )  # fmt: skip
    yield _row(
        "TS-1", shirt, shirt_title, price="31.99", cost="12.40", stock=(0, 0),
        tags=("summer", "discontinued"),
        options=(("Color", "Navy"), ("Size", "M")), material="cotton",
    )  # fmt: skip
    yield _row(
        "00042", "linen-bound-notebook", "Linen-Bound Notebook", price="14.50", cost="5.10", stock=(120, 15),
        vendor="Alder & Finch", product_type="Notebook", tags=("gift",), barcode="0012345678905",
        category="Office Supplies > General Office Supplies > Paper Products",
    )  # fmt: skip
    yield _row(
        "FS-M3-8", "stainless-hex-bolt", "Stainless Hex Bolt", price="0.0121", cost="0.0047",
        stock=(24000, 0), vendor="Harbor Goods", product_type="Fasteners", material="steel",
        options=(("Thread", "M3"),),
        category="Hardware > Hardware Accessories > Hardware Fasteners",
    )  # fmt: skip
    yield _row(
        "LA-9", "paper-pendant-light", "Paper Pendant Light", price="149.00", compare_at_price="189.00",
        stock=(3, 1), vendor="Øresund Studio", product_type="Lamp", status="draft",
        tags=("new", "sale"),
        category="Home & Garden > Lighting",
    )  # fmt: skip
    yield _row(
        "MG-7", "speckled-stoneware-mug", "Speckled Stoneware Mug", price="18.00", cost="6.00", stock=(0, 2),
        vendor="Grünwald & Söhne", product_type="Mug", status="archived", tags=("discontinued",),
        category="Home & Garden > Kitchen & Dining > Tableware",
    )  # fmt: skip
