"""Catalogs for the sandbox: generated ones, and those read from and written to files."""

from __future__ import annotations

from bulkeditor.sandbox.catalog._generate import generate, product_analytics
from bulkeditor.sandbox.catalog._import import CatalogImport, read_catalog
from bulkeditor.sandbox.catalog._inventory import (
    InventoryImport,
    InventoryRow,
    read_inventory,
    stock_by_sku,
)
from bulkeditor.sandbox.catalog._report import ImportReport, RowProblem
from bulkeditor.sandbox.catalog._rows import CatalogRow
from bulkeditor.sandbox.catalog._write import write_jsonl, write_products_csv
from bulkeditor.sandbox.catalog._write_inventory import write_inventory_csv

__all__ = [
    "CatalogImport",
    "CatalogRow",
    "ImportReport",
    "InventoryImport",
    "InventoryRow",
    "RowProblem",
    "generate",
    "product_analytics",
    "read_catalog",
    "read_inventory",
    "stock_by_sku",
    "write_inventory_csv",
    "write_jsonl",
    "write_products_csv",
]
