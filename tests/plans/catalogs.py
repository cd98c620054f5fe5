"""Real catalogs of several shapes as rows that the sandbox loads."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from bulkeditor.sandbox.catalog import read_catalog

CATALOGS = (
    "shopify-csv/gatsby-starter-products.csv",
    "shopify-csv/packt-product-data.csv",
    "shopify-csv/shopifypartners-apparel.csv",
    "shopify-csv/shopifypartners-home-and-garden.csv",
    "shopify-csv/shopifypartners-jewelery.csv",
    "catalogs/jlcparts/parts.jsonl.gz",
    "vectors/naughty-strings/blns.json",
)
FOREIGN = ("catalogs/magento/configurable-products.csv.gz", "catalogs/sunrise/products-102.csv")
"""Exports of other shop systems, which :func:`rows_of` translates."""


def catalog_of(source: Path) -> Any:
    """What a sandbox takes as its catalog."""
    if source.name == "blns.json":
        return list(_naughty(source))
    if source.parent.name == "magento":
        return list(islice(_magento(source), 800))
    if source.parent.name == "sunrise":
        return list(_sunrise(source))
    return source if source.suffix == ".csv" else list(islice(read_catalog(source), 800))


def _naughty(source: Path) -> Iterator[Mapping[str, Any]]:
    """Every string is the SKU, title, vendor, tag, barcode and custom field of a product."""
    strings = [text for text in json.loads(source.read_text("utf-8")) if text.strip() and "\x00" not in text]
    for text in dict.fromkeys(strings):
        yield {
            "sku": text, "title": f"{text} mug", "vendor": text, "tags": [text[:200]], "barcode": text,
            "custom_fields": {"text": text}, "price": "1.00",
        }  # fmt: skip


def _records(source: Path) -> Iterator[dict[str, str]]:
    content = source.read_bytes()
    text = (gzip.decompress(content) if source.suffix == ".gz" else content).decode()
    yield from csv.DictReader(io.StringIO(text, newline=""))


def _magento(source: Path) -> Iterator[Mapping[str, Any]]:
    for record in _records(source):
        yield {
            "sku": record["sku"],
            "title": record["name"],
            "handle": record["url_key"] or None,
            "product_type": record["attribute_set_code"],
            "category": record["categories"],
            "tags": [part for part in record["additional_attributes"].split(",") if part.strip()],
            "price": record["price"],
            "cost": record["special_price"] or None,
            "inventory_quantity": int(float(record["qty"] or 0)),
            "custom_fields": {"description": record["description"], "weight": record["weight"]},
        }


def _sunrise(source: Path) -> Iterator[Mapping[str, Any]]:
    named: dict[str, str] = {}
    for record in _records(source):
        # A row without a type is a further variant of the product above.
        named = record if record["productType"] else {**record, "name.en": named["name.en"]}
        yield {
            "sku": named["sku"],
            "title": named["name.en"],
            "vendor": named["designer"],
            "category": named["categories"],
            "tags": [named[name] for name in ("style", "gender", "season") if named[name].strip()],
            "price": str(int(named["prices"].split(";")[0].split()[1]) / 100),
            "options": {"Size": named["size"], "Color": named["color"]},
            "custom_fields": {name: value for name, value in named.items() if value},
        }


__all__ = ["CATALOGS", "FOREIGN", "catalog_of"]
