# Generated from ../_async by scripts/unasync.py; change that, not this.
"""Inventory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bulkeditor.api import inventory as flows
from bulkeditor.api._lists import MAX_LIMIT
from bulkeditor.api.inventory import LevelOutcome
from bulkeditor.client._sync._core import Core
from bulkeditor.client._sync._pager import Pager
from bulkeditor.models import InventoryLevel, Location


class Inventory:
    """``shop.inventory``: stock by location. All of it is a completion of the documented API."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def locations(self, *, limit: int = MAX_LIMIT, page: int | None = None) -> Pager[Location]:
        """The places that hold stock.

        Args:
            limit: Page size, 1 to 250.
            page: Page to begin with; ``None`` = the first.
        """
        return Pager(self._core, lambda: flows.locations(limit=limit, page=page))

    def levels(
        self,
        *,
        product_id: str | None = None,
        sku: str | None = None,
        location_id: str | None = None,
        limit: int = MAX_LIMIT,
        page: int | None = None,
    ) -> Pager[InventoryLevel]:
        """Stock by product and location.

        Args:
            product_id: Only this product.
            sku: Only products with this SKU.
            location_id: Only this location.
            limit: Page size, 1 to 250.
            page: Page to begin with; ``None`` = the first.
        """
        return Pager(
            self._core,
            lambda: flows.levels(
                product_id=product_id, sku=sku, location_id=location_id, limit=limit, page=page
            ),
        )

    def set(self, levels: Iterable[Mapping[str, object]]) -> tuple[LevelOutcome, ...]:
        """Set stock to absolute quantities.

        Args:
            levels: Mappings with ``product_id`` or ``sku``, ``location_id`` and ``on_hand`` (whole pieces).

        Returns:
            One outcome for each row, in the order given.

        Raises:
            InvalidInputError: A row is malformed; nothing was sent.
            UnsupportedByServerError: The server has only the documented API.
        """
        return self._core.run(flows.set_levels(levels))

    def adjust(self, adjustments: Iterable[Mapping[str, object]]) -> tuple[LevelOutcome, ...]:
        """Change stock by differences, in one request that is never sent twice.

        Args:
            adjustments: At most 250 mappings with ``product_id`` or ``sku``, ``location_id``, ``delta``
                (whole pieces; negative takes away) and perhaps ``reason``.

        Returns:
            One outcome for each row, in the order given.

        Raises:
            InvalidInputError: A row is malformed; nothing was sent.
            OutcomeUnknownError: No answer came.
            UnsupportedByServerError: The server has only the documented API.
        """
        return self._core.run(flows.adjust(adjustments, honoured=self._core.honoured))


__all__ = ["Inventory"]
