"""What one request knows while it is answered, and how its fields get their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeVar, cast

import attrs
from graphql import GraphQLError

from bulkeditor.testing._standin import Entry, FaultKind
from bulkeditor.testing.vendors._shopify.paging import Connection, Paging, found
from bulkeditor.testing.vendors._shopify.shop import (
    Info,
    Product,
    ProductVariant,
    Resource,
    Shop,
)
from bulkeditor.testing.vendors._shopify.words import take_in

R = TypeVar("R", bound=Resource)

_SORTS: Final[Mapping[str, Callable[[Any], object]]] = {
    "CREATED_AT": lambda one: one.created_at,
    "UPDATED_AT": lambda one: one.updated_at,
    "TITLE": lambda one: one.title,
    "NAME": lambda one: one.name,
    "SKU": lambda one: one.sku or "",
    "POSITION": lambda one: one.position,
    "VENDOR": lambda one: one.vendor,
    "PRODUCT_TYPE": lambda one: one.product_type,
    "INVENTORY_QUANTITY": lambda one: one.inventory_quantity,
}
_NEEDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("product", "products", "productVariant", "productVariants"), "read_products"),
    **dict.fromkeys(
        ("inventoryItem", "inventoryItems", "inventoryLevel", "inventoryLevels"), "read_inventory"
    ),
    **dict.fromkeys(("location", "locations"), "read_locations"),
    **dict.fromkeys(
        ("productUpdate", "productVariantsBulkUpdate", "metafieldsSet", "metafieldsDelete"), "write_products"
    ),
    **dict.fromkeys(
        ("inventorySetQuantities", "inventoryAdjustQuantities", "inventoryActivate", "inventoryItemUpdate"),
        "write_inventory",
    ),
}
SCOPES: Final = frozenset(_NEEDS.values())
_CALM: Final[Mapping[str, bool]] = {}
_HUMP: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")


def _by_number(one: Resource) -> int:
    return one.number


def refuse(message: str, code: str, **more: object) -> NoReturn:
    """End a field with an error of Shopify's kind."""
    raise GraphQLError(message, extensions={"code": code, **more})


@attrs.define(kw_only=True)
class Context:
    """One request.

    Args:
        shop: The shop.
        entry: The request's entry in the journal.
        strikes: Whether a fault strikes.
        refused: SKUs that may not be written, with the reason.
        scopes: What the token may do.
        bulk: A bulk operation: connections are whole.
        searches: What the answer says about searches.
    """

    shop: Shop
    entry: Entry
    strikes: Callable[[FaultKind], bool]
    refused: Mapping[str, str]
    scopes: frozenset[str]
    bulk: bool = False
    searches: list[dict[str, object]] = attrs.field(factory=list[dict[str, object]])

    def listed(
        self, rows: Sequence[R], *, query: str | None = None, sort_key: str = "ID", **paging: Any
    ) -> Connection[R]:
        """A page of records."""
        return self._cut(rows, query, sort_key, {}, **paging)

    def variants(self, info: Info, rows: Sequence[ProductVariant], **args: Any) -> Connection[ProductVariant]:
        """A page of variants; as rows of the catalog they are counted, and faults strike."""
        path = info.path.as_list()
        faults = self._faults() if len(path) == 1 else _CALM
        page = self._cut(rows, args.pop("query", None), args.pop("sort_key", "ID"), faults, **args)
        # Aliases hide the root field's own name; what the catalog is read by is not given one here.
        if len(path) == 1 or path[0] in ("products", "inventoryItems"):
            self.entry.rows += len(page.edges)
        return page

    def products(self, rows: Sequence[Product], **args: Any) -> Connection[Product]:
        """A page of products."""
        return self._cut(rows, args.pop("query", None), args.pop("sort_key", "ID"), self._faults(), **args)

    def _faults(self) -> Mapping[str, bool]:
        return {"empty": self.strikes("empty_page"), "bad": self.strikes("bad_row")}

    def _cut(
        self, rows: Sequence[R], query: str | None, sort_key: str, faults: Mapping[str, bool], **paging: Any
    ) -> Connection[R]:
        sort = _SORTS.get(sort_key, _by_number)

        def place(one: R) -> tuple[object, int]:
            return sort(one), one.number

        cutter = Paging(key=place, whole=self.bulk, empty=faults.get("empty", False))
        paging.pop("saved_search_id", None)
        try:
            some, search = found(rows, query, lambda one: one.facts())
            page = cutter.cut(some, **paging)
        except ValueError as error:
            refuse(str(error), "BAD_USER_INPUT")
        if search is not None and search.warnings:
            self.searches.append({"query": query, "warnings": search.warnings})
        return self._spoilt(page) if faults.get("bad") else page

    def _spoilt(self, page: Connection[R]) -> Connection[R]:
        """The page with a variant that has no SKU, which Shopify allows."""
        apart = Shop(self.shop.now)
        variant: Any = take_in(apart, {"sku": None, "title": "Gift wrap"})
        one = variant.product if page.edges and isinstance(page.edges[0].node, Product) else variant
        return attrs.evolve(page, edges=[*page.edges, attrs.evolve(page.edges[0], node=one)])


def snake(name: str) -> str:
    """A name of Shopify as Python writes it."""
    return _HUMP.sub(r"_\1", name).lower()


def resolve(source: object, info: Info, **args: Any) -> object:
    """The value of a field: a key, an attribute, or what a method answers."""
    needed = _NEEDS.get(info.field_name)
    context: Context = info.context
    if (
        needed is not None
        and needed not in context.scopes
        and not (info.path.prev and needed != "read_inventory")
    ):
        refuse(
            f"Access denied for {info.field_name} field. Required access: `{needed}` access scope.",
            "ACCESS_DENIED",
            documentation="https://shopify.dev/api/usage/access-scopes",
            requiredAccess=f"`{needed}` access scope.",
        )
    name = snake(info.field_name)
    value: Any = getattr(source, name, None)
    if isinstance(source, Mapping):
        value = cast("Mapping[str, Any]", source).get(name)
    if not callable(value):
        return value
    try:
        return value(info, **{snake(key): given for key, given in args.items()})
    except ValueError as error:
        refuse(str(error), "INVALID_FIELD_ARGUMENTS")


__all__ = ["SCOPES", "Context", "refuse", "resolve", "snake"]
