"""The page that is measured: 250 products of 18 fields, unknown fields beside them, about 220 KB."""

import json
import random

PLAIN = ("id", "sku", "price")


def rows(count: int = 250, *, start: int = 0, variants: int = 4) -> list[dict[str, object]]:
    pick = random.Random(7 + start)
    return [_row(number, pick, variants) for number in range(start, start + count)]


def _row(number: int, pick: random.Random, variants: int) -> dict[str, object]:
    return {
        "id": f"product_id_{number}",
        "sku": f"TS-{number:05d}",
        "title": f"Jade Cotton T-Shirt number {number}",
        "handle": f"jade-cotton-t-shirt-{number}",
        "vendor": pick.choice(["Premium Brand", "Acme", "Nord"]),
        "product_type": "T-Shirt",
        "category": "Apparel > Shirts",
        "status": pick.choice(["active", "draft"]),
        "tags": ["summer", "cotton", pick.choice(["sale", "new"])],
        "price": round(pick.uniform(5, 200), 2),
        "compare_at_price": None if number % 3 else round(pick.uniform(200, 300), 2),
        "cost": round(pick.uniform(1, 5), 4),
        "inventory_quantity": pick.randrange(500),
        "custom_fields": {"season": "summer", "rank": number},
        "options": {"Color": "jade", "Size": "M"},
        "barcode": str(4006381333931 + number),
        "created_at": "2024-01-01T00:00:00Z",
        "updated_at": "2024-06-01T12:30:45Z",
        "description": "<p>Soft cotton, washed at 30 degrees.</p>",
        "variants": [
            {"id": f"v{number}-{k}", "sku": f"TS-{number:05d}-{k}", "price": 19.99, "inventory_quantity": k}
            for k in range(variants)
        ],
    }


def body(products: list[dict[str, object]]) -> bytes:
    page = {"products": products, "page": 1, "limit": 250, "total": 40_000}
    return json.dumps(page, separators=(",", ":")).encode()


def projection(products: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{name: row[name] for name in PLAIN} for row in products]


def one_bad_row(products: list[dict[str, object]]) -> list[dict[str, object]]:
    spoilt = [dict(row) for row in products]
    spoilt[len(spoilt) // 2]["created_at"] = "2024-01-01T00:00:00"  # no offset: no point in time
    return spoilt
