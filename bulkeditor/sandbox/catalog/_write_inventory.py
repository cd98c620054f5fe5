"""Writing stock by location as Shopify's inventory CSV, in the forms it has had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import attrs

from bulkeditor._spreadsheet import guard
from bulkeditor.sandbox.catalog._inventory import HEADERS, NOT_STOCKED, TEXTS, InventoryRow
from bulkeditor.sandbox.catalog._options import option_cells
from bulkeditor.sandbox.catalog._output import Spool, unwritable, write_table
from bulkeditor.sandbox.catalog._rows import CatalogRow

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping

InventoryDialect: TypeAlias = Literal["current", "classic", "columns"]


def write_inventory_csv(
    rows: Iterable[InventoryRow | CatalogRow | Mapping[str, object]],
    path: str | os.PathLike[str],
    *,
    dialect: InventoryDialect = "current",
    locations: Mapping[str, str] | None = None,
    formula_guard: bool = True,
    delimiter: str = ",",
    bom: bool = False,
) -> int:
    """Write stock by location as an inventory CSV.

    Args:
        rows: Inventory rows; or catalog rows or records, whose ``levels`` are written. Those without levels
            have their ``inventory_quantity`` at the first location.
        path: The file; replaced only when all is written. ``.gz`` compresses.
        dialect: ``current`` (with ``On hand (new)``), ``classic`` (``On hand``), or ``columns`` (the oldest
            form: one column for each location, with the pieces on hand).
        locations: Location id to the name that is written; ids without a name stand for themselves.
        formula_guard: Put an apostrophe before text that a spreadsheet would run as a formula.
        delimiter: Between cells.
        bom: Begin with a byte order mark, by which Excel knows UTF-8.

    Returns:
        How many records were written.

    Raises:
        InvalidInputError: A row cannot be read or written; the message names it.
        OSError: The file cannot be written.
    """
    names = locations or {}
    spool, count = Spool(), 0
    try:
        for row in _wide(_levels(rows, names)) if dialect == "columns" else _levels(rows, names):
            try:
                spool.add(_cells_of(row, formulas=formula_guard))
            except UnicodeEncodeError as error:
                who = row[0].sku if isinstance(row, list) else row.sku
                raise unwritable(who, error) from error
            count += 1
        columns = _columns(list(spool.columns), dialect)
        header = [guard(name, formulas=formula_guard) for _, name in columns]
        table = ([cells.get(key, "") for key, _ in columns] for cells in spool.records())
        write_table(path, header, table, delimiter=delimiter, bom=bom)
    finally:
        spool.close()
    return count


def _levels(
    rows: Iterable[InventoryRow | CatalogRow | Mapping[str, object]], names: Mapping[str, str]
) -> Iterator[InventoryRow]:
    for row in rows:
        if isinstance(row, InventoryRow):
            yield attrs.evolve(row, location=names.get(row.location, row.location))
            continue
        product = row if isinstance(row, CatalogRow) else CatalogRow.from_record(row)
        levels = product.levels
        if levels is None:
            levels = {next(iter(names), "Main Warehouse"): product.inventory_quantity}
        for location, count in levels.items():
            yield InventoryRow(
                sku=product.sku,
                location=names.get(location, location),
                on_hand=count,
                available=count,
                committed=0,
                unavailable=0,
                incoming=0,
                handle=product.handle,
                title=product.title,
                options=product.options,
            )


def _wide(rows: Iterable[InventoryRow]) -> Iterator[list[InventoryRow]]:
    """Neighbouring rows of one product, to be written as one record."""
    group: list[InventoryRow] = []
    for row in rows:
        same = group and (row.sku, row.handle, row.options) == (
            group[0].sku,
            group[0].handle,
            group[0].options,
        )
        if group and (not same or row.location in {other.location for other in group}):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _cells_of(row: InventoryRow | list[InventoryRow], *, formulas: bool) -> dict[str, str]:
    first = row[0] if isinstance(row, list) else row
    texts: dict[str, str | None] = {name: cast("str | None", getattr(first, name)) for name in TEXTS}
    cells = {name: guard(text, formulas=formulas, code=name == "sku") for name, text in texts.items() if text}
    for number, (name, value) in enumerate(option_cells(first.options, formulas=formulas), start=1):
        cells |= {f"option{number}_name": name, f"option{number}_value": value}
    if isinstance(row, list):
        cells.pop("location", None)
        return cells | {f"@{each.location}": _count(each.on_hand) for each in row}
    if not first.stocked:
        return cells | dict.fromkeys(
            ("incoming", "unavailable", "committed", "available", "on_hand"), NOT_STOCKED
        )
    for name in ("incoming", "unavailable", "committed", "available", "on_hand"):
        count = cast("int | None", getattr(first, name))
        cells[name] = "" if count is None else str(count)
    return cells


def _count(count: int | None) -> str:
    return NOT_STOCKED if count is None else str(count)


def _columns(used: list[str], dialect: InventoryDialect) -> list[tuple[str, str]]:
    columns = [(key, names[0 if dialect == "current" else 1]) for key, names in HEADERS.items()]
    columns = [(key, name) for key, name in columns if name]
    known = {key for key, _ in columns}
    further = [
        (key, f"Option{key[6:-5]} Name" if key.endswith("_name") else f"Option{key[6:-6]} Value")
        for key in used
        if key.startswith("option") and key not in known
    ]
    at = [key for key, _ in columns].index("sku")
    columns[at:at] = further
    if dialect == "columns":
        columns = columns[: [key for key, _ in columns].index("location")]
        columns += [(key, key[1:]) for key in used if key.startswith("@")]
    return columns
