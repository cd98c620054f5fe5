"""Writing catalogs: Shopify's product CSV and JSON Lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

import msgspec

from bulkeditor._files import written_whole
from bulkeditor._spreadsheet import guard
from bulkeditor.sandbox.catalog._cells import join_tags
from bulkeditor.sandbox.catalog._columns import (
    FIELDS,
    IMAGES,
    RECORD_FIELDS,
    Dialect,
    inherited_keys,
    is_plain_key,
    is_product_wide,
)
from bulkeditor.sandbox.catalog._options import option_cells
from bulkeditor.sandbox.catalog._output import Spool, catalog_rows, unwritable, write_table

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from bulkeditor.sandbox.catalog._output import Rows
    from bulkeditor.sandbox.catalog._rows import JSON, CatalogRow

# Columns that Shopify's files always have. The others are written when a row has something for them.
_ALWAYS: Final = frozenset(
    column.key for column in FIELDS[: [c.key for c in FIELDS].index("google_product_category")]
)
_KNOWN_EXTRA: Final = frozenset(column.key for column in FIELDS) - RECORD_FIELDS - {"published", "more"}
_OPTIONS: Final = 3
_OPTION_NAME: Final = re.compile(r"Option[0-9]+ name")
_OPTION_COLUMN: Final = re.compile(r"Option([0-9]+) (name|value)")


def write_products_csv(
    rows: Rows,
    path: str | os.PathLike[str],
    *,
    dialect: Dialect = "current",
    formula_guard: bool = True,
    delimiter: str = ",",
    bom: bool = False,
) -> int:
    """Write rows as a product CSV that Shopify imports and :func:`read_catalog` gives back as they were.

    Variants of one handle leave out what they share with its first row. What Shopify has no column for goes
    into columns of ours (``Record ID``, ``Custom fields (JSON)`` …). A row without a price says so with a
    lone apostrophe. NUL characters, which no spreadsheet reads, are left out.

    Args:
        rows: Rows or their records; read once, never all in memory.
        path: The file; replaced only when all is written. ``.gz`` compresses.
        dialect: ``current`` headers, or the ``classic`` ones that Shopify wrote until 2024.
        formula_guard: Put an apostrophe before text that a spreadsheet would run as a formula, and before
            barcodes whose zeros it would eat.
        delimiter: ``,`` for Shopify; ``;`` suits spreadsheets in countries with a decimal comma.
        bom: Begin with a byte order mark, by which Excel knows UTF-8.

    Returns:
        How many rows were written.

    Raises:
        InvalidInputError: A row cannot be read or written; the message names it.
        OSError: The file cannot be written.
    """
    spool, count = Spool(), 0
    try:
        writer = _Cells(formulas=formula_guard)
        for count, row in enumerate(catalog_rows(rows), start=1):  # noqa: B007
            try:
                for cells in writer.records(row):
                    spool.add(cells)
            except UnicodeEncodeError as error:
                raise unwritable(row.sku, error) from error
        columns = _columns(spool.columns, dialect)
        header = [guard(name, formulas=formula_guard) for _, name in columns]
        table = ([cells.get(key, "") for key, _ in columns] for cells in spool.records())
        write_table(path, header, table, delimiter=delimiter, bom=bom)
    finally:
        spool.close()
    return count


def write_jsonl(rows: Rows, path: str | os.PathLike[str]) -> int:
    """Write rows as JSON Lines: one record a line, money as JSON numbers with every decimal.

    Args:
        rows: Rows or their records; read once, never all in memory.
        path: The file; replaced only when all is written. ``.gz`` compresses.

    Returns:
        How many rows were written.

    Raises:
        InvalidInputError: A row cannot be read or written; the message names it.
        OSError: The file cannot be written.
    """
    encoder, count = msgspec.json.Encoder(decimal_format="number"), 0
    with written_whole(path) as file:
        for count, row in enumerate(catalog_rows(rows), start=1):  # noqa: B007
            try:
                file.write(encoder.encode(row.to_record()) + b"\n")
            except UnicodeEncodeError as error:
                raise unwritable(row.sku, error) from error
    return count


class _Cells:
    """Turns rows into cells, by column; knows what each handle's first row said."""

    def __init__(self, *, formulas: bool) -> None:
        self._formulas = formulas
        self._heads: dict[str, dict[str, str]] = {}
        self._encoder = msgspec.json.Encoder(decimal_format="number")

    def records(self, row: CatalogRow) -> Iterator[dict[str, str]]:
        """The row's own record, then one for each of its further images."""
        cells = {key: text for key, text in self._plain(row).items() if text}
        more: dict[str, JSON] = {}
        images: list[dict[str, str]] = []
        for key, value in row.extra.items():
            if key == "published" and _contradicts(value, row.status):
                cells["published"] = str(value)
            elif key == IMAGES and row.handle and row.handle.strip() and _are_images(value):
                images = cast("list[dict[str, str]]", value)
            elif isinstance(value, str) and (key in _KNOWN_EXTRA or is_plain_key(key)):
                if value:
                    cells[key] = self._text(value)
            else:
                more[key] = value
        if more:
            cells["more"] = self._json(more)
        yield self._without_shared(row.handle or "", cells)
        for image in images:
            yield {"handle": cells["handle"], **{key: self._text(value) for key, value in image.items()}}

    def _text(self, text: str) -> str:
        return guard(text, formulas=self._formulas)

    def _json(self, value: object) -> str:
        return self._text(self._encoder.encode(value).decode())

    def _plain(self, row: CatalogRow) -> dict[str, str]:
        cells = {
            "handle": self._text(row.handle) if row.handle else "",
            "title": self._text(row.title),
            "vendor": self._text(row.vendor) if row.vendor else "",
            "category": self._text(row.category) if row.category else "",
            "product_type": self._text(row.product_type) if row.product_type else "",
            "tags": self._text(join_tags(row.tags)) if row.tags else "",
            "published": "TRUE" if row.status == "active" else "FALSE",
            "status": row.status,
            "sku": guard(row.sku, formulas=self._formulas, code=True),
            "barcode": guard(row.barcode, formulas=self._formulas, code=True, zeros=self._formulas)
            if row.barcode
            else "",
            "price": _money(row.price) or "'",
            "compare_at_price": _money(row.compare_at_price),
            "cost": _money(row.cost),
            "inventory_quantity": str(row.inventory_quantity),
            "id": self._text(row.id) if row.id else "",
            "created_at": row.created_at.isoformat() if row.created_at else "",
            "custom_fields": self._json(row.custom_fields) if row.custom_fields else "",
            "levels": "" if row.levels is None else self._json(row.levels),
        }
        for number, (name, value) in enumerate(option_cells(row.options, formulas=self._formulas), start=1):
            cells |= {f"Option{number} name": name, f"Option{number} value": value}
        return cells

    def _without_shared(self, handle: str, cells: dict[str, str]) -> dict[str, str]:
        """Leave out what the handle's first row says; say "empty" where only the first row says something."""
        if not handle.strip():
            return cells
        own = {key: text for key, text in cells.items() if _is_inherited(key)}
        head = self._heads.get(handle)
        if head is None:
            self._heads[handle] = own
            return cells
        written = {key: text for key, text in cells.items() if key not in own or head.get(key, "") != text}
        for key in head.keys() - own.keys():
            if head[key] and not _OPTION_NAME.fullmatch(key):
                written[key] = "'"
        if "title" in written:
            # A row with a title of its own is what the rows after it inherit from.
            emptied = {key: "" for key in head.keys() - own.keys() if not _OPTION_NAME.fullmatch(key)}
            self._heads[handle] = {**head, **emptied, **own}
        return written


def _columns(used: Mapping[str, None], dialect: Dialect) -> list[tuple[str, str]]:
    """Key and header of each column: Shopify's in its order, then those that only these rows have."""
    count = max(
        [_OPTIONS, *(int(match.group(1)) for key in used if (match := _OPTION_COLUMN.fullmatch(key)))]
    )
    options = [
        (f"Option{n} {part}", f"Option{n} {part}") for n in range(1, count + 1) for part in ("name", "value")
    ]
    if dialect == "classic":
        options = [(key, key.title()) for key, _ in options]
    before = "price" if dialect == "current" else "sku"
    columns: list[tuple[str, str]] = []
    for column in FIELDS:
        if column.key == before:
            columns += options
        if column.key in _ALWAYS or column.key in used:
            columns.append((column.key, column.header(dialect)))
    if dialect == "current":
        # The new template begins with the title.
        columns[0], columns[1] = columns[1], columns[0]
    known = {key for key, _ in columns}
    return columns + [(key, key) for key in used if key not in known]


def _is_inherited(key: str) -> bool:
    if _OPTION_COLUMN.fullmatch(key):
        return _OPTION_NAME.fullmatch(key) is not None
    return key in inherited_keys() or is_product_wide(key)


def _money(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"


def _contradicts(published: JSON, status: str) -> bool:
    """Whether "published" says something that the status does not, in the words that are read back."""
    return published == ("FALSE" if status == "active" else "TRUE")


def _are_images(value: JSON) -> bool:
    if not isinstance(value, list) or not value:
        return False
    return all(
        isinstance(image, dict)
        and image.get("image_src")
        and all(isinstance(v, str) and v and (k in _KNOWN_EXTRA or is_plain_key(k)) for k, v in image.items())
        for image in value
    )
