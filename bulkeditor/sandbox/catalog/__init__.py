"""Catalogs for the sandbox: generated ones, and those read from and written to files."""

from __future__ import annotations

from bulkeditor.sandbox.catalog._generate import generate, product_analytics

__all__ = ["generate", "product_analytics"]
