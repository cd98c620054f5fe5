"""Analytics."""

from __future__ import annotations

from datetime import date

from bulkeditor.api import analytics as flows
from bulkeditor.api._lists import MAX_LIMIT
from bulkeditor.client._async._core import AsyncCore
from bulkeditor.client._async._pager import AsyncPager
from bulkeditor.models import ProductAnalytics


class AsyncAnalytics:
    """``shop.analytics``: how often products are looked at and bought; a completion of the documented API."""

    def __init__(self, core: AsyncCore) -> None:
        self._core = core

    def products(
        self,
        *,
        start: date | None = None,
        end: date | None = None,
        product_id: str | None = None,
        limit: int = MAX_LIMIT,
        page: int | None = None,
    ) -> AsyncPager[ProductAnalytics]:
        """Sessions, page views and conversions of each product.

        Args:
            start: First day; ``None`` = the server's default.
            end: Last day; ``None`` = the server's default.
            product_id: Only this product.
            limit: Page size, 1 to 250.
            page: Page to begin with; ``None`` = the first.

        Raises:
            InvalidInputError: A date is no date, or the end is before the start.
        """
        return AsyncPager(
            self._core,
            lambda: flows.products(start=start, end=end, product_id=product_id, limit=limit, page=page),
        )


__all__ = ["AsyncAnalytics"]
