"""The part of Shopify's Admin GraphQL schema that the stand-in answers, as type definitions of its own.

What stands here is checked against Shopify's schema by the contract tests: same names, same types, same
arguments. What does not stand here is refused as a field that does not exist.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final, cast

from graphql import GraphQLScalarType, GraphQLSchema, build_schema

VERSION: Final = "2026-10"
"""The API version whose shapes these are."""

_SCALARS: Final = """
schema { query: QueryRoot mutation: Mutation }
directive @idempotent(key: String!) on FIELD
scalar DateTime
scalar Decimal
scalar HTML
scalar JSON
scalar Money
scalar URL
scalar UnsignedInt64
interface Node { id: ID! }
interface DisplayableError { field: [String!] message: String! }
type PageInfo { endCursor: String hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String }
type UserError implements DisplayableError { field: [String!] message: String! }
enum CurrencyCode { EUR GBP USD }
type MoneyV2 { amount: Decimal! currencyCode: CurrencyCode! }
enum CountPrecision { AT_LEAST EXACT }
type Count { count: Int! precision: CountPrecision! }
"""

_CATALOG: Final = """
enum ProductStatus { ACTIVE ARCHIVED DRAFT UNLISTED }
enum ProductVariantInventoryPolicy { CONTINUE DENY }
enum ProductSortKeys { CREATED_AT ID PRODUCT_TYPE TITLE UPDATED_AT VENDOR }
enum ProductVariantSortKeys { ID INVENTORY_QUANTITY POSITION SKU TITLE }
enum LocationSortKeys { ID NAME }
type Shop implements Node {
  createdAt: DateTime! currencyCode: CurrencyCode! email: String! ianaTimezone: String! id: ID!
  myshopifyDomain: String! name: String! updatedAt: DateTime!
}
type Product implements Node {
  createdAt: DateTime! descriptionHtml: HTML! handle: String! id: ID! legacyResourceId: UnsignedInt64!
  metafield(key: String!, namespace: String): Metafield
  metafields(after: String, before: String, first: Int, keys: [String!], last: Int, namespace: String,
    reverse: Boolean = false): MetafieldConnection!
  productType: String! publishedAt: DateTime status: ProductStatus! tags: [String!]! title: String!
  totalInventory: Int! tracksInventory: Boolean! updatedAt: DateTime!
  variants(after: String, before: String, first: Int, last: Int, reverse: Boolean = false,
    sortKey: ProductVariantSortKeys = POSITION): ProductVariantConnection!
  variantsCount: Count vendor: String!
}
type ProductVariant implements Node {
  availableForSale: Boolean! barcode: String compareAtPrice: Money createdAt: DateTime!
  displayName: String! id: ID! inventoryItem: InventoryItem! inventoryPolicy: ProductVariantInventoryPolicy!
  inventoryQuantity: Int legacyResourceId: UnsignedInt64!
  metafield(key: String!, namespace: String): Metafield
  metafields(after: String, before: String, first: Int, keys: [String!], last: Int, namespace: String,
    reverse: Boolean = false): MetafieldConnection!
  position: Int! price: Money! product: Product! sku: String taxable: Boolean! title: String!
  updatedAt: DateTime!
}
type InventoryItem implements Node {
  createdAt: DateTime! id: ID!
  inventoryLevel(includeInactive: Boolean = false, locationId: ID!): InventoryLevel
  inventoryLevels(after: String, before: String, first: Int, includeInactive: Boolean = false, last: Int,
    query: String, reverse: Boolean = false): InventoryLevelConnection!
  legacyResourceId: UnsignedInt64! locationsCount: Count requiresShipping: Boolean! sku: String
  tracked: Boolean! unitCost: MoneyV2 updatedAt: DateTime! variant: ProductVariant!
  variants(after: String, before: String, first: Int, last: Int): ProductVariantConnection
}
type InventoryLevel implements Node {
  createdAt: DateTime! id: ID! isActive: Boolean! item: InventoryItem! location: Location!
  quantities(names: [String!]!): [InventoryQuantity!]! updatedAt: DateTime!
}
type InventoryQuantity implements Node { id: ID! name: String! quantity: Int! updatedAt: DateTime }
type Location implements Node {
  createdAt: DateTime! fulfillsOnlineOrders: Boolean! id: ID!
  inventoryLevel(includeInactive: Boolean = false, inventoryItemId: ID!): InventoryLevel
  inventoryLevels(after: String, before: String, first: Int, includeInactive: Boolean = false, last: Int,
    query: String, reverse: Boolean = false): InventoryLevelConnection!
  isActive: Boolean! legacyResourceId: UnsignedInt64! name: String! shipsInventory: Boolean!
  updatedAt: DateTime!
}
type Metafield implements Node {
  compareDigest: String! createdAt: DateTime! id: ID! jsonValue: JSON! key: String!
  legacyResourceId: UnsignedInt64! namespace: String! type: String! updatedAt: DateTime! value: String!
}
"""

_BULK: Final = """
enum BulkOperationStatus { CANCELED CANCELING COMPLETED CREATED EXPIRED FAILED RUNNING }
enum BulkOperationErrorCode { ACCESS_DENIED INTERNAL_SERVER_ERROR TIMEOUT }
enum BulkOperationType { MUTATION QUERY }
enum BulkOperationsSortKeys { COMPLETED_AT CREATED_AT }
enum BulkOperationUserErrorCode { INVALID LIMIT_REACHED OPERATION_IN_PROGRESS }
enum BulkMutationErrorCode {
  INTERNAL_FILE_SERVER_ERROR INVALID_MUTATION INVALID_STAGED_UPLOAD_FILE LIMIT_REACHED NO_SUCH_FILE
  OPERATION_IN_PROGRESS
}
enum StagedUploadHttpMethodType { POST PUT }
enum StagedUploadTargetGenerateUploadResource { BULK_MUTATION_VARIABLES FILE IMAGE }
type BulkOperation implements Node {
  completedAt: DateTime createdAt: DateTime! errorCode: BulkOperationErrorCode fileSize: UnsignedInt64
  id: ID! objectCount: UnsignedInt64! partialDataUrl: URL query: String! rootObjectCount: UnsignedInt64!
  status: BulkOperationStatus! type: BulkOperationType! url: URL
}
type BulkOperationUserError implements DisplayableError {
  code: BulkOperationUserErrorCode field: [String!] message: String!
}
type BulkMutationUserError implements DisplayableError {
  code: BulkMutationErrorCode field: [String!] message: String!
}
type StagedUploadParameter { name: String! value: String! }
type StagedMediaUploadTarget { parameters: [StagedUploadParameter!]! resourceUrl: URL url: URL }
type StagedUploadsCreatePayload { stagedTargets: [StagedMediaUploadTarget!] userErrors: [UserError!]! }
type BulkOperationRunQueryPayload { bulkOperation: BulkOperation userErrors: [BulkOperationUserError!]! }
type BulkOperationRunMutationPayload { bulkOperation: BulkOperation userErrors: [BulkMutationUserError!]! }
type BulkOperationCancelPayload { bulkOperation: BulkOperation userErrors: [UserError!]! }
input StagedUploadInput {
  fileSize: UnsignedInt64 filename: String! httpMethod: StagedUploadHttpMethodType = PUT mimeType: String!
  resource: StagedUploadTargetGenerateUploadResource!
}
"""

_INPUTS: Final = """
input InventoryItemInput { cost: Decimal requiresShipping: Boolean sku: String tracked: Boolean }
input MetafieldInput { id: ID key: String namespace: String type: String value: String }
input MetafieldsSetInput {
  compareDigest: String key: String! namespace: String ownerId: ID! type: String value: String!
}
input MetafieldIdentifierInput { key: String! namespace: String! ownerId: ID! }
input ProductVariantsBulkInput {
  barcode: String compareAtPrice: Money id: ID inventoryItem: InventoryItemInput
  inventoryPolicy: ProductVariantInventoryPolicy metafields: [MetafieldInput!] price: Money taxable: Boolean
}
input ProductUpdateInput {
  descriptionHtml: String handle: String id: ID metafields: [MetafieldInput!] productType: String
  status: ProductStatus tags: [String!] title: String vendor: String
}
input InventoryQuantityInput {
  changeFromQuantity: Int inventoryItemId: ID! locationId: ID! quantity: Int!
}
input InventorySetQuantitiesInput {
  name: String! quantities: [InventoryQuantityInput!]! reason: String! referenceDocumentUri: String
}
input InventoryChangeInput {
  changeFromQuantity: Int delta: Int! inventoryItemId: ID! ledgerDocumentUri: String locationId: ID!
}
input InventoryAdjustQuantitiesInput {
  changes: [InventoryChangeInput!]! name: String! reason: String! referenceDocumentUri: String
}
"""

_PAYLOADS: Final = """
enum ProductVariantsBulkUpdateUserErrorCode {
  INVALID_INPUT INVALID_VALUE NEGATIVE_PRICE_VALUE PRODUCT_DOES_NOT_EXIST PRODUCT_VARIANT_DOES_NOT_EXIST
  PRODUCT_VARIANT_ID_MISSING TOO_LONG
}
enum InventorySetQuantitiesUserErrorCode {
  CHANGE_FROM_QUANTITY_STALE IDEMPOTENCY_CONCURRENT_REQUEST IDEMPOTENCY_KEY_PARAMETER_MISMATCH
  INVALID_INVENTORY_ITEM INVALID_LOCATION INVALID_NAME INVALID_QUANTITY_TOO_HIGH INVALID_QUANTITY_TOO_LOW
  INVALID_REASON INVALID_REFERENCE_DOCUMENT NON_MUTABLE_INVENTORY_ITEM
  NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR
}
enum InventoryAdjustQuantitiesUserErrorCode {
  CHANGE_FROM_QUANTITY_STALE IDEMPOTENCY_CONCURRENT_REQUEST IDEMPOTENCY_KEY_PARAMETER_MISMATCH
  INVALID_AVAILABLE_DOCUMENT INVALID_INVENTORY_ITEM INVALID_LEDGER_DOCUMENT INVALID_LOCATION
  INVALID_QUANTITY_DOCUMENT INVALID_QUANTITY_NAME INVALID_QUANTITY_TOO_HIGH INVALID_QUANTITY_TOO_LOW
  INVALID_REASON INVALID_REFERENCE_DOCUMENT NON_MUTABLE_INVENTORY_ITEM
}
enum MetafieldsSetUserErrorCode {
  BLANK INVALID INVALID_COMPARE_DIGEST INVALID_TYPE INVALID_VALUE LESS_THAN_OR_EQUAL_TO STALE_OBJECT
}
type ProductVariantsBulkUpdateUserError implements DisplayableError {
  code: ProductVariantsBulkUpdateUserErrorCode field: [String!] message: String!
}
type InventorySetQuantitiesUserError implements DisplayableError {
  code: InventorySetQuantitiesUserErrorCode field: [String!] message: String!
}
type InventoryAdjustQuantitiesUserError implements DisplayableError {
  code: InventoryAdjustQuantitiesUserErrorCode field: [String!] message: String!
}
type MetafieldsSetUserError implements DisplayableError {
  code: MetafieldsSetUserErrorCode elementIndex: Int field: [String!] message: String!
}
type InventoryChange {
  delta: Int! item: InventoryItem ledgerDocumentUri: String location: Location name: String!
  quantityAfterChange: Int
}
type InventoryAdjustmentGroup implements Node {
  changes(inventoryItemIds: [ID!], locationIds: [ID!], quantityNames: [String!]): [InventoryChange!]!
  createdAt: DateTime! id: ID! reason: String! referenceDocumentUri: String
}
type ProductVariantsBulkUpdatePayload {
  product: Product productVariants: [ProductVariant!] userErrors: [ProductVariantsBulkUpdateUserError!]!
}
type ProductUpdatePayload { product: Product userErrors: [UserError!]! }
type InventoryItemUpdatePayload { inventoryItem: InventoryItem userErrors: [UserError!]! }
type InventoryActivatePayload { inventoryLevel: InventoryLevel userErrors: [UserError!]! }
type InventorySetQuantitiesPayload {
  inventoryAdjustmentGroup: InventoryAdjustmentGroup userErrors: [InventorySetQuantitiesUserError!]!
}
type InventoryAdjustQuantitiesPayload {
  inventoryAdjustmentGroup: InventoryAdjustmentGroup userErrors: [InventoryAdjustQuantitiesUserError!]!
}
type MetafieldsSetPayload { metafields: [Metafield!] userErrors: [MetafieldsSetUserError!]! }
type MetafieldsDeletePayload { userErrors: [UserError!]! }
"""

_ROOTS: Final = """
type AccessScope {
  description: String!
  handle: String!
}
type AppInstallation implements Node {
  accessScopes: [AccessScope!]!
  id: ID!
}
type QueryRoot {
  bulkOperation(id: ID!): BulkOperation
  bulkOperations(after: String, before: String, first: Int, last: Int, query: String,
    reverse: Boolean = false, sortKey: BulkOperationsSortKeys = CREATED_AT): BulkOperationConnection!
  currentAppInstallation: AppInstallation!
  inventoryItem(id: ID!): InventoryItem
  inventoryItems(after: String, before: String, first: Int, last: Int, query: String,
    reverse: Boolean = false): InventoryItemConnection!
  inventoryLevel(id: ID!): InventoryLevel
  location(id: ID): Location
  locations(after: String, before: String, first: Int, includeInactive: Boolean = false,
    includeLegacy: Boolean = false, last: Int, query: String, reverse: Boolean = false,
    sortKey: LocationSortKeys = NAME): LocationConnection!
  node(id: ID!): Node
  nodes(ids: [ID!]!): [Node]!
  product(id: ID!): Product
  productVariant(id: ID!): ProductVariant
  productVariants(after: String, before: String, first: Int, last: Int, query: String,
    reverse: Boolean = false, savedSearchId: ID, sortKey: ProductVariantSortKeys = ID):
    ProductVariantConnection!
  products(after: String, before: String, first: Int, last: Int, query: String, reverse: Boolean = false,
    savedSearchId: ID, sortKey: ProductSortKeys = ID): ProductConnection!
  shop: Shop!
}
type Mutation {
  bulkOperationCancel(id: ID!): BulkOperationCancelPayload
  bulkOperationRunMutation(clientIdentifier: String, groupObjects: Boolean = true, mutation: String!,
    stagedUploadPath: String!): BulkOperationRunMutationPayload
  bulkOperationRunQuery(groupObjects: Boolean! = true, query: String!): BulkOperationRunQueryPayload
  inventoryActivate(available: Int, inventoryItemId: ID!, locationId: ID!, onHand: Int,
    stockAtLegacyLocation: Boolean = false): InventoryActivatePayload
  inventoryAdjustQuantities(input: InventoryAdjustQuantitiesInput!): InventoryAdjustQuantitiesPayload
  inventoryItemUpdate(id: ID!, input: InventoryItemInput!): InventoryItemUpdatePayload
  inventorySetQuantities(input: InventorySetQuantitiesInput!): InventorySetQuantitiesPayload
  metafieldsDelete(metafields: [MetafieldIdentifierInput!]!): MetafieldsDeletePayload
  metafieldsSet(metafields: [MetafieldsSetInput!]!): MetafieldsSetPayload
  productUpdate(product: ProductUpdateInput): ProductUpdatePayload
  productVariantsBulkUpdate(allowPartialUpdates: Boolean = false, productId: ID!,
    variants: [ProductVariantsBulkInput!]!): ProductVariantsBulkUpdatePayload
  stagedUploadsCreate(input: [StagedUploadInput!]!): StagedUploadsCreatePayload
}
"""

LISTED: Final = ("BulkOperation", "InventoryItem", "InventoryLevel", "Location", "Metafield", "Product")
"""Types that come in connections, and ProductVariant."""


def _connections() -> str:
    return "".join(
        f"type {name}Edge {{ cursor: String! node: {name}! }}\n"
        f"type {name}Connection {{ edges: [{name}Edge!]! nodes: [{name}!]! pageInfo: PageInfo! }}\n"
        for name in (*LISTED, "ProductVariant")
    )


def definitions() -> str:
    """The type definitions as one document."""
    return f"{_SCALARS}{_CATALOG}{_BULK}{_INPUTS}{_PAYLOADS}{_connections()}{_ROOTS}"


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """The schema, built once, with the forms that Shopify's scalars have."""
    built = build_schema(definitions())
    scalars = {name: kind for name, kind in built.type_map.items() if isinstance(kind, GraphQLScalarType)}
    scalars["DateTime"].coerce_output_value = _time
    scalars["Money"].coerce_input_value = _money
    scalars["Decimal"].coerce_input_value = _decimal
    return built


def _time(value: object) -> str:
    """To the second, as in ``2019-09-07T15:50:00Z``."""
    return cast("datetime", value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _money(value: object) -> Decimal:
    if not isinstance(value, str):
        raise ValueError(f"Money is a decimal text, not {value!r}")  # noqa: TRY004 - graphql-core's way
    return _decimal(value)


def _decimal(value: object) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is no decimal number") from error
    if not number.is_finite():
        raise ValueError(f"{value!r} is no decimal number")
    return number


__all__ = ["LISTED", "VERSION", "definitions", "schema"]
