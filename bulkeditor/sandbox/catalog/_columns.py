"""The columns of Shopify's product CSV in all their spellings.

Sources: Shopify's sample files and exports (until 2024, "classic"), and the template that
https://help.shopify.com/en/manual/products/import-export/using-csv describes since ("current").
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

import attrs

from bulkeditor._spreadsheet import unguard
from bulkeditor.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

Dialect = Literal["current", "classic"]


@attrs.frozen
class Column:
    """One known column.

    Args:
        key: Name of the field, or of the entry in ``extra``.
        classic: Header until 2024.
        current: Header since.
        aliases: Further headers found in the wild.
        inherited: Rows without a value take the one of their handle's first row.
    """

    key: str
    classic: str
    current: str
    aliases: tuple[str, ...] = ()
    inherited: bool = False

    def header(self, dialect: Dialect) -> str:
        """The header in a dialect."""
        return self.current if dialect == "current" else self.classic


def _google(key: str, classic: str, current: str, *aliases: str) -> Column:
    prefix = "Google Shopping / "
    return Column(
        f"google_{key}",
        prefix + classic,
        prefix + current,
        tuple(prefix + alias for alias in aliases),
        inherited=True,
    )


# In the order of Shopify's own files. Options and unknown columns have no fixed number and are no part of it.
FIELDS: Final = (
    Column("handle", "Handle", "URL handle"),
    Column("title", "Title", "Title", inherited=True),
    Column("description", "Body (HTML)", "Description", ("Body",), inherited=True),
    Column("vendor", "Vendor", "Vendor", inherited=True),
    Column("category", "Product Category", "Product category", ("Standard Product Type",), inherited=True),
    Column("product_type", "Type", "Type", ("Custom Product Type", "Product type"), inherited=True),
    Column("tags", "Tags", "Tags", inherited=True),
    Column("published", "Published", "Published on online store", inherited=True),
    Column("status", "Status", "Status", inherited=True),
    Column("sku", "Variant SKU", "SKU"),
    Column("barcode", "Variant Barcode", "Barcode", ("Variant Barcodes", "Barcodes")),
    Column("price", "Variant Price", "Price"),
    Column("compare_at_price", "Variant Compare At Price", "Compare-at price"),
    Column("cost", "Cost per item", "Cost per item", ("Variant Cost", "Cost")),
    Column(
        "inventory_quantity", "Variant Inventory Qty", "Inventory quantity", ("Variant Inventory Quantity",)
    ),
    Column("inventory_tracker", "Variant Inventory Tracker", "Inventory tracker"),
    Column("inventory_policy", "Variant Inventory Policy", "Continue selling when out of stock"),
    Column("taxable", "Variant Taxable", "Charge tax"),
    Column("tax_code", "Variant Tax Code", "Tax code"),
    Column("weight_grams", "Variant Grams", "Weight value (grams)"),
    Column("weight_unit", "Variant Weight Unit", "Weight unit for display"),
    Column("requires_shipping", "Variant Requires Shipping", "Requires shipping"),
    Column(
        "fulfillment_service",
        "Variant Fulfillment Service",
        "Fulfillment service",
        ("Variant Fullfilment Service",),
    ),
    Column("unit_price_total", "Unit Price Total Measure", "Unit price total measure"),
    Column("unit_price_total_unit", "Unit Price Total Measure Unit", "Unit price total measure unit"),
    Column("unit_price_base", "Unit Price Base Measure", "Unit price base measure"),
    Column("unit_price_base_unit", "Unit Price Base Measure Unit", "Unit price base measure unit"),
    Column("image_src", "Image Src", "Product image URL"),
    Column("image_position", "Image Position", "Image position"),
    Column("image_alt_text", "Image Alt Text", "Image alt text"),
    Column("variant_image", "Variant Image", "Variant image URL"),
    Column("gift_card", "Gift Card", "Gift card", inherited=True),
    Column("seo_title", "SEO Title", "SEO title", inherited=True),
    Column("seo_description", "SEO Description", "SEO description", inherited=True),
    _google("product_category", "Google Product Category", "Google product category"),
    _google("gender", "Gender", "Gender"),
    _google("age_group", "Age Group", "Age group"),
    _google("mpn", "MPN", "Manufacturer part number (MPN)"),
    _google("adwords_grouping", "AdWords Grouping", "Ad group name"),
    _google("adwords_labels", "AdWords Labels", "Ads labels"),
    _google("condition", "Condition", "Condition"),
    _google("custom_product", "Custom Product", "Custom product"),
    *(_google(f"custom_label_{n}", f"Custom Label {n}", f"Custom label {n}") for n in range(5)),
    # Ours: what a shop's file has no column for, so that an export gives a catalog back whole.
    Column("id", "Record ID", "Record ID"),
    Column("created_at", "Record created at", "Record created at"),
    Column("custom_fields", "Custom fields (JSON)", "Custom fields (JSON)"),
    Column("levels", "Stock by location (JSON)", "Stock by location (JSON)"),
    Column("more", "Further fields (JSON)", "Further fields (JSON)"),
)

RECORD_FIELDS: Final = frozenset(
    (
        *("id", "sku", "title", "handle", "vendor", "product_type", "category", "status", "tags", "price"),
        *(
            "compare_at_price",
            "cost",
            "inventory_quantity",
            "options",
            "barcode",
            "custom_fields",
            "created_at",
        ),
        "levels",
    )
)
"""Columns that are fields of a row; all others go into ``extra``."""

NO_EXTRA: Final = frozenset({"published", "more"})
"""Columns that are neither a field of a row nor an entry of ``extra`` as they stand."""

IMAGES: Final = "images"
"""Key in ``extra`` under which a row's image-only rows are kept."""

OPTION: Final = re.compile(r"option([0-9]{1,2})(name|value|linkedto)")


def normal(header: str) -> str:
    """A header without what the dialects disagree on: case, spaces, punctuation."""
    return re.sub(r"[\W_]+", "", header.casefold())


@cache
def known_columns() -> Mapping[str, Column]:
    """Every known header in its normal form."""
    return {
        normal(header): column
        for column in FIELDS
        for header in (column.classic, column.current, *column.aliases)
    }


@attrs.frozen
class Extra:
    """One column that goes into ``extra``.

    Args:
        index: Position in the file.
        key: Name in ``extra``.
    """

    index: int
    key: str


@attrs.define
class Layout:
    """Where a file has which column.

    Args:
        header: The headers as they stand in the file.
        fields: Field to column.
        options: Number, column of the name or ``None``, column of the value; by number.
        extras: All other columns.
        inherited: Columns whose empty cells take the value of the handle's first row.
        duplicates: Headers that mean what an earlier one means.
    """

    header: list[str]
    fields: dict[str, int] = attrs.field(factory=dict[str, int])
    options: list[tuple[int, int | None, int]] = attrs.field(factory=list[tuple[int, int | None, int]])
    extras: list[Extra] = attrs.field(factory=list[Extra])
    inherited: list[int] = attrs.field(factory=list[int])
    duplicates: list[str] = attrs.field(factory=list[str])

    @property
    def known(self) -> int:
        """How many columns were recognised; the delimiter with the most is the right one."""
        return len(self.fields) + len(self.options)


def lay_out(header: Sequence[str], mapping: Mapping[str, str | Sequence[str]] | None = None) -> Layout:
    """Find out what a header means.

    Args:
        header: The file's first record.
        mapping: Field to header, or to several of which the first one found counts, for files that are not
            Shopify's; goes before the known spellings.
    """
    layout = Layout([unguard(text.strip()) for text in header])
    mapped = find_mapped(layout.header, mapping or {})
    names: dict[int, int] = {}
    values: dict[int, int] = {}
    taken: set[str] = set()
    for index, text in enumerate(layout.header):
        column = known_columns().get(normal(text))
        key = mapped.get(index) or (column.key if column and column.key not in mapped.values() else None)
        option = OPTION.fullmatch(normal(text))
        if key and key not in taken:
            taken.add(key)
            if key in RECORD_FIELDS or key in NO_EXTRA:
                layout.fields[key] = index
            else:
                layout.extras.append(Extra(index, key))
            if key in inherited_keys():
                layout.inherited.append(index)
        elif option and option.group(2) != "linkedto" and not mapped:
            (names if option.group(2) == "name" else values).setdefault(int(option.group(1)), index)
        else:
            if key:
                layout.duplicates.append(text)
            extra = Extra(index, _free(extra_key(text) or f"Column {index + 1}", taken))
            taken.add(extra.key)
            layout.extras.append(extra)
            if is_product_wide(text):
                layout.inherited.append(index)
    layout.options = [(number, names.get(number), values[number]) for number in sorted(values)]
    layout.inherited += list(names.values())
    return layout


def check_mapping(mapping: Mapping[str, str | Sequence[str]], fields: AbstractSet[str]) -> None:
    """See that a mapping speaks of fields that there are.

    Raises:
        InvalidInputError: It does not.
    """
    if unknown := sorted(mapping.keys() - fields):
        raise InvalidInputError(
            f"The mapping names {', '.join(unknown)}, which no catalog row has.",
            hint=f"There are: {', '.join(sorted(fields))}.",
        )


def find_mapped(header: list[str], mapping: Mapping[str, str | Sequence[str]]) -> dict[int, str]:
    """Which column a mapping gives to which field."""
    found: dict[int, str] = {}
    for field, wanted in mapping.items():
        for name in [wanted] if isinstance(wanted, str) else wanted:
            if name in header:
                found.setdefault(header.index(name), field)
                break
    return found


@cache
def inherited_keys() -> frozenset[str]:
    """Fields and ``extra`` entries that variants take from their handle's first row."""
    return frozenset(column.key for column in FIELDS if column.inherited)


def is_product_wide(header: str) -> bool:
    """Whether a column that is not known by name belongs to the product, not to the variant."""
    return "(product.metafields." in header or OPTION.fullmatch(normal(header)) is not None


def _free(key: str, taken: set[str]) -> str:
    unique, number = key, 1
    while unique in taken:
        number += 1
        unique = f"{key} #{number}"
    return unique


def extra_key(text: str) -> str:
    """A name for an unknown column that no field of a record has."""
    return f"source_{text}" if text in RECORD_FIELDS | NO_EXTRA | {"updated_at", "extra", IMAGES} else text


def is_plain_key(key: str) -> bool:
    """Whether an entry of ``extra`` can be a column of its own and comes back under the same name."""
    return (
        key == key.strip() != ""
        and key == extra_key(key)
        and normal(key) not in known_columns()
        and OPTION.fullmatch(normal(key)) is None
        and "\x00" not in key
    )
