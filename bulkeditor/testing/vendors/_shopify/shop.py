"""The shop that the stand-in for Shopify keeps: products, variants, stock at locations, metafields.

Attributes and methods are what the fields of the same name answer; names are Python's, the resolver
translates.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypeVar, cast

import attrs
from graphql import GraphQLResolveInfo

from bulkeditor.testing.vendors._shopify.paging import Connection
from bulkeditor.testing.vendors._shopify.search import Facts

R = TypeVar("R", bound="Resource")
Args: TypeAlias = Any
Info: TypeAlias = GraphQLResolveInfo[Any]
"""What a resolver is told; its ``context`` is a ``Context``."""

CURRENCY: Final = "EUR"
ON_HAND: Final = ("available", "committed", "damaged", "quality_control", "reserved", "safety_stock")
"""https://shopify.dev/docs/apps/build/orders-fulfillment/inventory-management-apps: on_hand is their sum."""
QUANTITIES: Final = (*ON_HAND, "incoming", "on_hand")
LOCATIONS: Final = ("Main Warehouse", "Retail Store")

_PLACES: Final = 2


def to_the_second(time: datetime) -> datetime:
    """A time as exact as Shopify keeps it."""
    return time.replace(microsecond=0)


def money(amount: Decimal) -> str:
    """An amount as Shopify writes it: at least two decimals."""
    exponent = amount.as_tuple().exponent
    places = max(_PLACES, -exponent if isinstance(exponent, int) else 0)
    return f"{amount:.{places}f}"


@attrs.define(kw_only=True, eq=False)
class Resource:
    """What has an id.

    Args:
        number: The digits of the id; far beyond 2^53 in real shops.
        created_at: When it was made.
        updated_at: When it last changed.
    """

    number: int
    created_at: datetime
    updated_at: datetime

    @property
    def typename(self) -> str:
        """Its type in the schema."""
        return type(self).__name__

    @property
    def id(self) -> str:
        """Its global id."""
        return f"gid://shopify/{self.typename}/{self.number}"

    @property
    def legacy_resource_id(self) -> str:
        """The digits alone."""
        return str(self.number)

    def facts(self) -> Facts:
        """What can be searched for."""
        return {"id": self.number, "created_at": self.created_at, "updated_at": self.updated_at}


@attrs.define(kw_only=True, eq=False)
class Location(Resource):
    """A place where stock lies."""

    shop: Shop
    name: str
    is_active: bool = True
    fulfills_online_orders: bool = True
    ships_inventory: bool = True

    def facts(self) -> Facts:
        """What can be searched for."""
        return {**super().facts(), "name": self.name, "active": str(self.is_active).lower()}

    def _levels(self) -> list[InventoryLevel]:
        items = [variant.inventory_item for variant in self.shop.variants()]
        return [level for item in items for level in item.levels if level.location is self]

    def inventory_levels(self, info: Info, **args: Args) -> Connection[InventoryLevel]:
        """Stock here."""
        args.pop("include_inactive", None)
        return cast("Connection[InventoryLevel]", info.context.listed(self._levels(), **args))

    def inventory_level(self, _info: Info, inventory_item_id: str, **_: Args) -> InventoryLevel | None:
        """Stock of one item here."""
        return next((level for level in self._levels() if level.item.id == inventory_item_id), None)


@attrs.define(kw_only=True, eq=False)
class Metafield(Resource):
    """A custom field."""

    namespace: str
    key: str
    type: str
    value: str

    @property
    def compare_digest(self) -> str:
        """What a write that compares is given."""
        return hashlib.sha256(f"{self.type}\0{self.value}".encode()).hexdigest()

    @property
    def json_value(self) -> object:
        """The value as JSON."""
        try:
            return json.loads(self.value)
        except ValueError:
            return self.value


@attrs.define(kw_only=True, eq=False)
class Owner(Resource):
    """What has metafields."""

    fields: dict[tuple[str, str], Metafield] = attrs.field(factory=dict[tuple[str, str], Metafield])

    def metafield(self, _info: Info, key: str, namespace: str | None = None) -> Metafield | None:
        """One of them; the key may hold the namespace: ``custom.material``."""
        if namespace is None and "." in key:
            namespace, _, key = key.partition(".")
        return self.fields.get((namespace or "", key))

    def metafields(self, info: Info, **args: Args) -> Connection[Metafield]:
        """All of them, or those of a namespace or of some ``namespace.key``."""
        namespace, keys = args.pop("namespace", None), args.pop("keys", None)
        rows = [
            field
            for field in self.fields.values()
            if namespace in (None, field.namespace)
            and (not isinstance(keys, list) or f"{field.namespace}.{field.key}" in keys)
        ]
        return cast("Connection[Metafield]", info.context.listed(rows, **args))


@attrs.define(kw_only=True, eq=False)
class Product(Owner):
    """A product."""

    title: str
    handle: str
    vendor: str = ""
    product_type: str = ""
    status: str = "ACTIVE"
    tags: list[str] = attrs.field(factory=list[str])
    description_html: str = ""
    published_at: datetime | None = None
    holds: list[ProductVariant] = attrs.field(factory=list["ProductVariant"])
    tracks_inventory: bool = True

    @property
    def total_inventory(self) -> int:
        """What is available, over all variants."""
        return sum(variant.inventory_quantity for variant in self.holds)

    @property
    def variants_count(self) -> Mapping[str, object]:
        """How many variants."""
        return {"count": len(self.holds), "precision": "EXACT"}

    def variants(self, info: Info, **args: Args) -> Connection[ProductVariant]:
        """Its variants."""
        return cast("Connection[ProductVariant]", info.context.variants(info, self.holds, **args))

    def facts(self) -> Facts:
        """What can be searched for."""
        return {
            **super().facts(),
            "handle": self.handle,
            "product_type": self.product_type,
            "sku": [variant.sku or "" for variant in self.holds],
            "status": self.status,
            "tag": self.tags,
            "title": self.title,
            "vendor": self.vendor,
        }


@attrs.define(kw_only=True, eq=False)
class ProductVariant(Owner):
    """A variant."""

    product: Product
    title: str = "Default Title"
    amount: Decimal
    before: Decimal | None = None
    barcode: str | None = None
    position: int = 1
    taxable: bool = True
    inventory_policy: str = "DENY"
    inventory_item: InventoryItem = attrs.field(init=False)

    @property
    def price(self) -> str:
        """Its price."""
        return money(self.amount)

    @property
    def compare_at_price(self) -> str | None:
        """Its price before."""
        return None if self.before is None else money(self.before)

    @property
    def sku(self) -> str | None:
        """Its SKU, which is the inventory item's."""
        return self.inventory_item.sku

    @property
    def display_name(self) -> str:
        """Title of product and variant."""
        return f"{self.product.title} - {self.title}"

    @property
    def inventory_quantity(self) -> int:
        """What is available, over all locations."""
        return sum(level.states["available"] for level in self.inventory_item.levels)

    @property
    def available_for_sale(self) -> bool:
        """Whether it can be bought."""
        return self.inventory_policy == "CONTINUE" or self.inventory_quantity > 0

    def facts(self) -> Facts:
        """What can be searched for."""
        return {
            **super().facts(),
            "barcode": self.barcode,
            "inventory_quantity": self.inventory_quantity,
            "product_id": self.product.number,
            "product_status": self.product.status,
            "product_type": self.product.product_type,
            "sku": self.sku,
            "tag": self.product.tags,
            "title": self.title,
            "vendor": self.product.vendor,
        }


@attrs.define(kw_only=True, eq=False)
class InventoryItem(Resource):
    """What is stocked of a variant."""

    variant: ProductVariant
    sku: str | None
    cost: Decimal | None = None
    tracked: bool = True
    requires_shipping: bool = True
    levels: list[InventoryLevel] = attrs.field(factory=list["InventoryLevel"])

    @property
    def unit_cost(self) -> Mapping[str, object] | None:
        """What one costs."""
        return None if self.cost is None else {"amount": money(self.cost), "currency_code": CURRENCY}

    @property
    def locations_count(self) -> Mapping[str, object]:
        """How many places stock it."""
        return {"count": len(self.levels), "precision": "EXACT"}

    def at(self, location: str) -> InventoryLevel | None:
        """Its stock at a location, by the location's id."""
        return next((level for level in self.levels if level.location.id == location), None)

    def inventory_level(self, _info: Info, location_id: str, **_: Args) -> InventoryLevel | None:
        """Its stock at one place."""
        return self.at(location_id)

    def inventory_levels(self, info: Info, **args: Args) -> Connection[InventoryLevel]:
        """Its stock at all places."""
        args.pop("include_inactive", None)
        return cast("Connection[InventoryLevel]", info.context.listed(self.levels, **args))

    def variants(self, info: Info, **args: Args) -> Connection[ProductVariant]:
        """Its variant."""
        return cast("Connection[ProductVariant]", info.context.variants(info, [self.variant], **args))

    def facts(self) -> Facts:
        """What can be searched for."""
        return {**super().facts(), "sku": self.sku}


@attrs.define(kw_only=True, eq=False)
class InventoryLevel(Resource):
    """Stock of an item at a location."""

    item: InventoryItem
    location: Location
    states: dict[str, int]
    is_active: bool = True

    @property
    def id(self) -> str:
        """Its global id, which names the item."""
        return f"gid://shopify/InventoryLevel/{self.number}?inventory_item_id={self.item.number}"

    def quantity(self, name: str) -> int:
        """How many in one state."""
        return (
            sum(self.states.get(one, 0) for one in ON_HAND) if name == "on_hand" else self.states.get(name, 0)
        )

    def quantities(self, _info: Info, names: Sequence[str]) -> list[Mapping[str, object]]:
        """How many in the states that are asked for."""
        unknown = [name for name in names if name not in QUANTITIES]
        if unknown:
            raise ValueError(f"The quantity name {unknown[0]!r} is invalid.")
        return [
            {
                "id": f"{self.id}&name={name}",
                "name": name,
                "quantity": self.quantity(name),
                "updated_at": self.updated_at,
            }
            for name in names
        ]

    def facts(self) -> Facts:
        """What can be searched for."""
        return {**super().facts(), "inventory_item_id": self.item.number}


@attrs.define(eq=False)
class Shop:
    """All of it.

    Args:
        now: Says the time.
    """

    now: Callable[[], datetime]
    products: list[Product] = attrs.field(factory=list[Product], init=False)
    locations: list[Location] = attrs.field(factory=list[Location], init=False)
    # Real ids are larger than what a float holds exactly.
    _numbers: Iterator[int] = attrs.field(factory=lambda: itertools.count(9_007_199_254_741_001), init=False)

    def __attrs_post_init__(self) -> None:
        self.locations = [self.made(Location, shop=self, name=name) for name in LOCATIONS]

    def made(self, cls: type[R], *, at: datetime | None = None, **values: Any) -> R:
        """A new resource."""
        time = to_the_second(at or self.now())
        return cls(number=next(self._numbers), created_at=time, updated_at=time, **values)

    def variants(self) -> list[ProductVariant]:
        """All variants."""
        return [variant for product in self.products for variant in product.holds]

    def variant(self, sku: str) -> ProductVariant | None:
        """The variant of a SKU, letter case observed."""
        return next((variant for variant in self.variants() if variant.sku == sku), None)

    def location(self, name: str) -> Location:
        """The location of a name; a new one where there is none."""
        found = next((place for place in self.locations if name in (place.name, place.id)), None)
        if found is None:
            found = self.made(Location, shop=self, name=name)
            self.locations.append(found)
        return found

    def resource(self, gid: object) -> Resource | None:
        """What an id names."""
        items = [variant.inventory_item for variant in self.variants()]
        levels = [level for item in items for level in item.levels]
        every: list[Resource] = [*self.products, *self.variants(), *items, *levels, *self.locations]
        return next((one for one in every if one.id == gid), None)

    def touch(self, variant: ProductVariant, at: datetime | None = None) -> None:
        """Note that a variant changed, its product and item with it."""
        for one in (variant, variant.inventory_item, variant.product):
            one.updated_at = to_the_second(at or self.now())


__all__ = [
    "CURRENCY",
    "LOCATIONS",
    "QUANTITIES",
    "Info",
    "InventoryItem",
    "InventoryLevel",
    "Location",
    "Metafield",
    "Owner",
    "Product",
    "ProductVariant",
    "Resource",
    "Shop",
    "money",
    "to_the_second",
]
