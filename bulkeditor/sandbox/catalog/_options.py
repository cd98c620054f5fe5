"""Options in CSV cells: names and values side by side, and Shopify's way of saying that there are none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bulkeditor._spreadsheet import guard, unguard
from bulkeditor.sandbox.catalog._report import Remark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkeditor.sandbox.catalog._columns import Layout

_TITLE: Final = re.compile(r"\s*title\s*\Z", re.IGNORECASE)
_ESCAPED_TITLE: Final = re.compile(r"'+\s*title\s*\Z", re.IGNORECASE)


def read_options(layout: Layout, cells: list[str]) -> tuple[dict[str, str], list[Remark]]:
    """A row's option names with its values; also what is wrong with them."""
    options: dict[str, str] = {}
    faults: list[Remark] = []
    for number, name_at, value_at in layout.options:
        value = cells[value_at]
        name = "" if name_at is None else cells[name_at]
        if not value.strip() or _says_none(name, value):
            continue
        plain = _name(name) if name.strip() else f"Option{number}"
        if plain in options:
            column = layout.header[value_at]
            faults.append(Remark("duplicate_option", "two options have one name", column, plain))
        options[plain] = unguard(value)
    return options, faults


def option_cells(options: Mapping[str, str], *, formulas: bool) -> list[tuple[str, str]]:
    """The cells of names and values; :func:`read_options` gives the options back."""
    if not options:
        return [("Title", "Default Title")]
    return [
        (_name_cell(name, value, formulas), guard(value, formulas=formulas))
        for name, value in options.items()
    ]


def _says_none(name: str, value: str) -> bool:
    return _TITLE.match(name) is not None and value.strip().lower() == "default title"


def _name(cell: str) -> str:
    return cell[1:] if _ESCAPED_TITLE.match(cell) else unguard(cell)


def _name_cell(name: str, value: str, formulas: bool) -> str:  # noqa: FBT001
    # An option that is really called so must not read as "no options".
    if _says_none(name, value) or _ESCAPED_TITLE.match(name):
        return "'" + name
    return guard(name, formulas=formulas)
