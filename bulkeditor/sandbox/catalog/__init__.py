"""Catalogs for the sandbox: generated ones, and those read from and written to files."""

from __future__ import annotations

from bulkeditor.sandbox.catalog._generate import generate, product_analytics
from bulkeditor.sandbox.catalog._import import CatalogImport, read_catalog
from bulkeditor.sandbox.catalog._report import ImportReport, RowProblem
from bulkeditor.sandbox.catalog._rows import CatalogRow

__all__ = [
    "CatalogImport",
    "CatalogRow",
    "ImportReport",
    "RowProblem",
    "generate",
    "product_analytics",
    "read_catalog",
]
