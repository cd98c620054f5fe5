"""Analytics: how often products are looked at and bought."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from bulkeditor.api._lists import MAX_LIMIT, Listing, check_limit
from bulkeditor.api._request import ensure_text, refused
from bulkeditor.models import ProductAnalytics

_INSTEAD: Final = "The documented API has no analytics; read them from the analytics system itself."


def products(
    *,
    start: date | None,
    end: date | None,
    product_id: str | None = None,
    limit: int = MAX_LIMIT,
    page: int | None = None,
) -> Listing[ProductAnalytics]:
    """Sessions, page views and conversions of each product.

    Args:
        start: First day; ``None`` = the server's default.
        end: Last day.
        product_id: Only this product.
        limit: Page size.
        page: Page to begin with.

    Raises:
        InvalidInputError: A date is a time or a text, or ``end`` is before ``start``.
    """
    check_limit(limit, page)
    first, last = _day(start, "start"), _day(end, "end")
    if start is not None and end is not None and end < start:
        raise refused("end", f"{end} is before start, {start}")
    params = [("from", first), ("to", last)]
    if product_id is not None:
        params.append(("product_id", ensure_text(product_id, "product_id")))
    return Listing(
        operation="analytics.products",
        model=ProductAnalytics,
        plural="analytics",
        key=lambda row: getattr(row, "product_id", None),
        limit=limit,
        page=page,
        params=tuple((name, value) for name, value in params if value is not None),
        instead=_INSTEAD,
    )


def _day(value: object, field: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime) or not isinstance(value, date):
        raise refused(field, f"must be a date (datetime.date), got {value!r}")
    return value.isoformat()


__all__ = ["products"]
