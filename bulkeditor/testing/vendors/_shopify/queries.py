"""The root of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from bulkeditor.testing.vendors._shopify.bulk import Bulk
from bulkeditor.testing.vendors._shopify.context import Context
from bulkeditor.testing.vendors._shopify.paging import Connection
from bulkeditor.testing.vendors._shopify.shop import (
    CURRENCY,
    Info,
    InventoryItem,
    Location,
    Product,
    ProductVariant,
)


@attrs.frozen
class Queries:
    """The root of queries.

    Args:
        context: The request.
        operations: The bulk operations.
    """

    context: Context
    operations: Bulk

    def shop(self, _info: Info) -> Mapping[str, object]:
        """The shop itself."""
        made = self.context.shop.locations[0].created_at
        return {
            "id": "gid://shopify/Shop/548380009",
            "name": "Stand-in",
            "email": "owner@example.com",
            "myshopify_domain": "stand-in.myshopify.com",
            "currency_code": CURRENCY,
            "iana_timezone": "Europe/Berlin",
            "created_at": made,
            "updated_at": made,
        }

    def current_app_installation(self, _info: Info) -> Mapping[str, object]:
        """The app, and what it may do."""
        scopes = [{"handle": scope, "description": scope} for scope in sorted(self.context.scopes)]
        return {"id": "gid://shopify/AppInstallation/1", "access_scopes": scopes}

    def products(self, _info: Info, **args: Any) -> Connection[Product]:
        """Products."""
        return self.context.products(self.context.shop.products, **args)

    def product_variants(self, info: Info, **args: Any) -> Any:
        """Variants."""
        return self.context.variants(info, self.context.shop.variants(), **args)

    def inventory_items(self, _info: Info, **args: Any) -> Connection[InventoryItem]:
        """Inventory items."""
        rows = [variant.inventory_item for variant in self.context.shop.variants()]
        return self.context.listed(rows, **args)

    def locations(
        self,
        _info: Info,
        include_inactive: bool = False,  # noqa: FBT001, FBT002 - the field's argument
        include_legacy: bool = False,  # noqa: ARG002, FBT001, FBT002 - as above
        **args: Any,
    ) -> Connection[Location]:
        """Locations."""
        rows = [place for place in self.context.shop.locations if place.is_active or include_inactive]
        return self.context.listed(rows, **args)

    def node(self, _info: Info, id: str | None = None) -> object:  # noqa: A002 - the field's
        """Whatever an id names."""
        return self.context.shop.resource(id) or self.operations.looked_at(id)

    bulk_operation = product = product_variant = inventory_item = inventory_level = location = node

    def bulk_operations(self, _info: Info, **args: Any) -> object:
        """Bulk operations."""
        return self.operations.listed(**args)

    def nodes(self, _info: Info, ids: Sequence[str]) -> list[object]:
        """Whatever some ids name."""
        rows = [self.context.shop.resource(one) for one in ids]
        self.context.entry.rows += sum(isinstance(one, ProductVariant) for one in rows)
        return list(rows)


__all__ = ["Queries"]
