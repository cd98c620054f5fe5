"""A catalog of any size out of one number: streamed, and the same everywhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from itertools import islice, product
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox.catalog._seeded import seeded_rows
from bulkeditor.sandbox.catalog._words import LINES, PREMIUM, T_SHIRT, TAGS, VENDORS, Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

_T = TypeVar("_T")
_EPOCH: Final = datetime(2024, 1, 1, 8, 0, tzinfo=UTC)


def generate(count: int, seed: int = 7, *, analytics: bool = False) -> Iterator[dict[str, object]]:
    """Yield ``count`` product records, always the same ones for the same seed.

    ``generate(10)`` is the beginning of ``generate(100)``. The first rows are written by hand, so that
    even a tiny catalog holds what the documentation's examples look for: ``product_id_1`` and
    ``product_id_2``, the SKU ``TS-1``, a "Premium Brand" "T-Shirt", a "discontinued" tag, low stock, a blank
    cost, a price of four decimals.

    Args:
        count: How many records.
        seed: Chooses the catalog.
        analytics: Add ``analytics`` with ``sessions``, ``pageviews`` and ``conversions`` of thirty days.

    Returns:
        Records as :meth:`CatalogRow.to_record` makes them, with ``id``, ``created_at`` and ``levels``
        (stock by location id; ``inventory_quantity`` is their sum).

    Raises:
        InvalidInputError: ``count`` is negative.
    """
    if count < 0:
        raise InvalidInputError(f"count is {count}.", hint="Give 0 or more.")
    return _numbered(count, seed, analytics=analytics)


def product_analytics(sku: str, day: date, *, seed: int = 7) -> dict[str, int]:
    """One product's visits on one day; the same for the same SKU, day and seed.

    Args:
        sku: The product's SKU.
        day: The day.
        seed: Chooses the figures.

    Returns:
        ``sessions``, ``pageviews`` (at least as many) and ``conversions`` (at most as many).
    """
    return _visits(f"{seed}:{sku}:{day.isoformat()}", _popularity(sku, seed))


def _numbered(count: int, seed: int, *, analytics: bool) -> Iterator[dict[str, object]]:
    for number, row in enumerate(islice(_records(seed), count), start=1):
        record: dict[str, object] = {"id": f"product_id_{number}", **row}
        # One product every 97 seconds: distinct times, so that an order by time is total.
        record["created_at"] = _EPOCH + timedelta(seconds=97 * number)
        if analytics:
            sku = str(row["sku"])
            record["analytics"] = _visits(f"{seed}:{sku}", 30 * _popularity(sku, seed))
        yield record


def _records(seed: int) -> Iterator[dict[str, object]]:
    yield from seeded_rows()
    # Only random() itself is promised to give the same numbers in every version of Python.
    rnd = Random(f"bulkeditor:{seed}").random  # noqa: S311 - a demo catalog, not a secret
    number = 0
    while True:
        number += 1
        yield from _variants(number, rnd)


def _pick(rnd: Callable[[], float], choices: tuple[_T, ...]) -> _T:
    return choices[int(rnd() * len(choices))]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _variants(number: int, rnd: Callable[[], float]) -> Iterator[dict[str, object]]:
    """All rows of one handle."""
    # T-shirts have many variants: so few handles make about 5 % of the rows.
    premium = rnd() < 0.027  # noqa: PLR2004
    line = T_SHIRT if premium else _pick(rnd, LINES)
    vendor = PREMIUM if premium else _pick(rnd, VENDORS)
    title = f"{_pick(rnd, line.styles)} {_pick(rnd, line.nouns)}"
    leading_zero = rnd() < 0.03  # noqa: PLR2004
    prefix = f"0{number:06d}" if leading_zero else f"{line.code}-{number}"
    roll = rnd()
    # 85 % active, 10 % draft, 5 % archived.
    shared: dict[str, object] = {
        "handle": f"{_slug(title)}-{number}",
        "title": title,
        "vendor": vendor,
        "product_type": line.name,
        "category": line.category,
        "status": "active" if roll < 0.85 else "draft" if roll < 0.95 else "archived",  # noqa: PLR2004
    }
    tags = _tags(rnd)
    material = _pick(rnd, line.styles)
    cents = line.low + int(rnd() * rnd() * (line.high - line.low))
    for position, options in enumerate(_options(line, rnd), start=1):
        yield {
            "sku": f"{prefix}{position:02d}" if leading_zero else f"{prefix}-{position}",
            **shared,
            "tags": list(tags),
            **_money(cents, line, rnd),
            **_stock(rnd),
            "options": options,
            "barcode": _barcode(number, position) if rnd() < 0.8 else None,  # noqa: PLR2004
            "custom_fields": {"material": material, "season": 2020 + number % 6} if number % 3 == 0 else {},
            "extra": {"description": f"{title}, made by {vendor}"},
        }


def _options(line: Line, rnd: Callable[[], float]) -> list[dict[str, str]]:
    chosen: list[list[tuple[str, str]]] = []
    for name, values in line.options:
        # A run of neighbouring values, as a real size range is.
        size = 1 + int(rnd() * min(4, len(values)))
        start = int(rnd() * (len(values) - size + 1))
        chosen.append([(name, value) for value in values[start : start + size]])
    return [dict(combination) for combination in product(*chosen)]


def _tags(rnd: Callable[[], float]) -> list[str]:
    tags = list(dict.fromkeys(_pick(rnd, TAGS) for _ in range(int(rnd() * 4))))
    if rnd() < 0.06:  # noqa: PLR2004
        tags.append("discontinued")
    return tags


def _money(cents: int, line: Line, rnd: Callable[[], float]) -> dict[str, object]:
    if line.high < 100:  # noqa: PLR2004 - goods sold by the thousand are priced in hundredths of a cent
        price = Decimal(cents * 100 + int(rnd() * 100)).scaleb(-4)
    else:
        # Shop prices end in 9.
        price = Decimal(cents // 10 * 10 + 9).scaleb(-2)
    places = price.as_tuple().exponent
    unit = Decimal(1).scaleb(places if isinstance(places, int) else -2)
    discounted, has_cost = rnd() < 0.2, rnd() < 0.88  # noqa: PLR2004
    return {
        "price": price,
        "compare_at_price": (price * Decimal("1.25")).quantize(unit) if discounted else None,
        "cost": (price * Decimal(45 + int(rnd() * 20)) / 100).quantize(unit) if has_cost else None,
    }


def _stock(rnd: Callable[[], float]) -> dict[str, object]:
    # Squared: many small stocks, few large ones.
    warehouse = int(rnd() * rnd() * 240)
    store = int(rnd() * 25)
    if rnd() < 0.04:  # noqa: PLR2004 - sold out
        warehouse = store = 0
    return {
        "inventory_quantity": warehouse + store,
        "levels": {"warehouse_1": warehouse, "store_front": store},
    }


def _barcode(number: int, position: int) -> str:
    # EAN-13 with a valid check digit; every fifth begins with zeros, as UPC codes written in 13 digits do.
    body = f"{'00' if number % 5 == 0 else '40'}{number % 10**7:07d}{position % 1000:03d}"
    total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(body))
    return f"{body}{-total % 10}"


def _hashed(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _popularity(sku: str, seed: int) -> int:
    """Sessions a day that a product draws: most few, some many."""
    share = _hashed(f"popularity:{seed}:{sku}") % 1000 / 1000
    return int(2 + 120 * share**4)


def _visits(key: str, expected: int) -> dict[str, int]:
    noise = _hashed(key)
    sessions = expected * (60 + noise % 81) // 100
    pageviews = sessions + sessions * (noise >> 8 & 127) // 100
    conversions = sessions * (noise >> 16 & 63) // 1000
    return {"sessions": sessions, "pageviews": pageviews, "conversions": conversions}
