"""Rows as the API sends them."""

import json
from typing import Any

FULL: dict[str, Any] = {
    "id": "product_id_1",
    "sku": "00042",
    "title": "Jade Tee",
    "handle": "jade-tee",
    "vendor": "Premium Brand",
    "product_type": "T-Shirt",
    "category": None,
    "status": "active",
    "tags": ["sale"],
    "price": 12.5,
    "compare_at_price": None,
    "cost": 0.0121,
    "inventory_quantity": -3,
    "custom_fields": {"season": "summer"},
    "options": {"Size": "M", "Color": "jade"},
    "barcode": None,
    "created_at": "2024-01-01T00:00:00Z",
    "updated_at": "2024-06-01T02:00:00+02:00",
}


def full(**changes: Any) -> dict[str, Any]:
    return {**FULL, **changes}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in FULL.items() if name not in names}


def page(*rows: Any, key: str = "products", **envelope: Any) -> bytes:
    return json.dumps({key: list(rows), **envelope}).encode()
