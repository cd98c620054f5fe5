"""What the Shopify connector asks in GraphQL: selections by our field names, and its documents.

https://shopify.dev/docs/api/admin-graphql/2026-10
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

VERSION: Final = "2026-10"
PATH: Final = f"/admin/api/{VERSION}/graphql.json"
QUANTITIES: Final = ("available", "on_hand", "committed", "incoming")

_LEVEL: Final = (
    "location { id } quantities(names: [" + ", ".join(f'"{name}"' for name in QUANTITIES) + "])"
    " { name quantity }"
)
LEVELS: Final = f"nodes {{ {_LEVEL} }} pageInfo {{ hasNextPage endCursor }}"
# What every row holds: its ids, its key, and what says that it changed.
_BASE: Final = "id sku updatedAt product { id } inventoryItem { id updatedAt }"
_PARTS: Final[Mapping[str, str]] = {
    "barcode": "barcode",
    "compare_at_price": "compareAtPrice",
    "cost": "inventoryItem { unitCost { amount currencyCode } }",
    "created_at": "createdAt",
    "handle": "product { handle }",
    "inventory_quantity": "inventoryQuantity",
    "price": "price",
    "product_type": "product { productType }",
    "status": "product { status }",
    "tags": "product { tags }",
    "title": "product { title }",
    "variant_title": "title",
    "vendor": "product { vendor }",
}
# A connection takes no arguments and has edges in a bulk query.
# https://shopify.dev/docs/api/usage/bulk-operations/queries
_BULK_LEVELS: Final = f"inventoryItem {{ inventoryLevels {{ edges {{ node {{ id {_LEVEL} }} }} }} }}"
_PAGED_LEVELS: Final = f"inventoryItem {{ inventoryLevels(first: 20) {{ {LEVELS} }} }}"
_PAGE: Final = "pageInfo { hasNextPage endCursor }"

TARGET: Final = "id sku product { id } inventoryItem { id tracked }"
SHOP: Final = "query { shop { id name currencyCode } }"
SCOPES: Final = "query { currentAppInstallation { accessScopes { handle } } }"
LOCATIONS: Final = "query { locations(first: 2) { nodes { id } } }"
MORE_LEVELS: Final = (
    "query($id: ID!, $after: String) { inventoryItem(id: $id)"
    f" {{ inventoryLevels(first: 50, after: $after) {{ {LEVELS} }} }} }}"
)
DELETE_METAFIELDS: Final = (
    "mutation($metafields: [MetafieldIdentifierInput!]!) { metafieldsDelete(metafields: $metafields)"
    " { userErrors { field message } } }"
)
# https://shopify.dev/docs/api/usage/idempotent-requests: obligatory from 2026-04.
SET_QUANTITIES: Final = (
    "mutation($input: InventorySetQuantitiesInput!, $key: String!)"
    " { inventorySetQuantities(input: $input) @idempotent(key: $key)"
    " { inventoryAdjustmentGroup { id } userErrors { code field message } } }"
)
ADJUST_QUANTITIES: Final = (
    "mutation($input: InventoryAdjustQuantitiesInput!, $key: String!)"
    " { inventoryAdjustQuantities(input: $input) @idempotent(key: $key)"
    " { inventoryAdjustmentGroup { id } userErrors { code field message } } }"
)
ACTIVATE: Final = (
    "mutation($item: ID!, $location: ID!, $available: Int, $key: String!)"
    " { inventoryActivate(inventoryItemId: $item, locationId: $location, available: $available)"
    " @idempotent(key: $key) { inventoryLevel { id } userErrors { field message } } }"
)
STAGED_UPLOAD: Final = (
    "mutation($input: [StagedUploadInput!]!) { stagedUploadsCreate(input: $input)"
    " { stagedTargets { url parameters { name value } } userErrors { field message } } }"
)
RUN_MUTATION: Final = (
    "mutation($mutation: String!, $path: String!, $client: String)"
    " { bulkOperationRunMutation(mutation: $mutation, stagedUploadPath: $path, clientIdentifier: $client)"
    " { bulkOperation { id status } userErrors { code field message } } }"
)
RUN_QUERY: Final = (
    "mutation($query: String!) { bulkOperationRunQuery(query: $query, groupObjects: false)"
    " { bulkOperation { id status } userErrors { code field message } } }"
)
BULK_OPERATION: Final = (
    "query($id: ID!) { bulkOperation(id: $id) { id status errorCode objectCount url partialDataUrl } }"
)
_UPDATE: Final = (
    "productVariantsBulkUpdate(productId: ${product}, variants: ${variants}, allowPartialUpdates: true)"
    " {{ productVariants {{ id }} userErrors {{ code field message }} }}"
)
BULK_UPDATE: Final = (
    "mutation call($productId: ID!, $variants: [ProductVariantsBulkInput!]!) { "
    + _UPDATE.format(product="productId", variants="variants")
    + " }"
)


def variant(fields: Iterable[str], metafields: Sequence[str] = (), *, bulk: bool = False) -> str:
    """The selection of a variant.

    Args:
        fields: Our names.
        metafields: Selections of metafields.
        bulk: For a bulk query.
    """
    names = sorted(fields)
    parts = [_PARTS[name] for name in names if name in _PARTS]
    if "inventory_levels" in names:
        parts.append(_BULK_LEVELS if bulk else _PAGED_LEVELS)
    return " ".join([_BASE, *parts, *metafields])


def metafield(alias: str, namespace: str, key: str) -> str:
    """The selection of a metafield, under a name that the row then has it by."""
    return f'{alias}: metafield(namespace: "{namespace}", key: "{key}") {{ value type }}'


def variants(selection: str, declared: str = "") -> str:
    """A page of variants."""
    return (
        f"query($first: Int!, $after: String, $query: String{declared})"
        " { productVariants(first: $first, after: $after, query: $query)"
        f" {{ nodes {{ {selection} }} {_PAGE} }} }}"
    )


def items(selection: str) -> str:
    """A page of inventory items, each with the variants that it is the stock of."""
    # The type is asked for so that no page looks like one of productVariants.
    inner = f"variants(first: 3) {{ nodes {{ __typename {selection} }} }}"
    return (
        "query($first: Int!, $after: String, $query: String)"
        " { inventoryItems(first: $first, after: $after, query: $query)"
        f" {{ nodes {{ {inner} }} {_PAGE} }} }}"
    )


def bulk_variants(selection: str) -> str:
    """All variants, for a bulk operation."""
    return f"{{ productVariants {{ edges {{ node {{ {selection} }} }} }} }}"


def updates(count: int) -> str:
    """Variants of several products, each product a mutation of its own within one request.

    Args:
        count: How many products.
    """
    declared = ", ".join(f"$p{at}: ID!, $v{at}: [ProductVariantsBulkInput!]!" for at in range(count))
    inner = " ".join(f"u{at}: {_UPDATE.format(product=f'p{at}', variants=f'v{at}')}" for at in range(count))
    return f"mutation({declared}) {{ {inner} }}"


def products(count: int) -> str:
    """Several products, each a mutation of its own within one request.

    Args:
        count: How many.
    """
    declared = ", ".join(f"$p{at}: ProductUpdateInput!" for at in range(count))
    inner = " ".join(
        f"u{at}: productUpdate(product: $p{at}) {{ product {{ id }} userErrors {{ field message }} }}"
        for at in range(count)
    )
    return f"mutation({declared}) {{ {inner} }}"


def levels_at(count: int) -> tuple[str, str]:
    """Whether a variant is stocked at some places: the selection, and the variables that it takes."""
    if not count:
        return "", ""
    inner = " ".join(f"at{at}: inventoryLevel(locationId: $l{at}) {{ id }}" for at in range(count))
    return f"inventoryItem {{ {inner} }}", "".join(f", $l{at}: ID!" for at in range(count))


def gid(kind: str, identity: str) -> str:
    """A global id, also of a bare number."""
    return identity if identity.startswith("gid://") else f"gid://shopify/{kind}/{identity}"


def by_skus(skus: Iterable[str]) -> str:
    """A search for SKUs; what it finds is compared exactly afterwards.

    https://shopify.dev/docs/api/usage/search-syntax
    """
    escaped = (sku.replace("\\", "\\\\").replace('"', '\\"') for sku in skus)
    return " OR ".join(f'sku:"{sku}"' for sku in escaped)


__all__ = [
    "ACTIVATE",
    "ADJUST_QUANTITIES",
    "BULK_OPERATION",
    "BULK_UPDATE",
    "DELETE_METAFIELDS",
    "LOCATIONS",
    "MORE_LEVELS",
    "PATH",
    "RUN_MUTATION",
    "RUN_QUERY",
    "SCOPES",
    "SET_QUANTITIES",
    "SHOP",
    "STAGED_UPLOAD",
    "TARGET",
    "VERSION",
    "bulk_variants",
    "by_skus",
    "gid",
    "items",
    "levels_at",
    "metafield",
    "products",
    "updates",
    "variant",
    "variants",
]
