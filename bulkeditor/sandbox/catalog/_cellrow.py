"""The cells of one record as values, and what kind of record they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from bulkeditor._spreadsheet import unguard
from bulkeditor.sandbox.catalog import _cells
from bulkeditor.sandbox.catalog._columns import IMAGES, Layout
from bulkeditor.sandbox.catalog._options import read_options
from bulkeditor.sandbox.catalog._report import Refused, Remark
from bulkeditor.sandbox.catalog._rows import JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from bulkeditor.sandbox.catalog._cells import DecimalMark


class Reading:
    """The cells of one row as values; what is wrong with them is collected."""

    def __init__(
        self, layout: Layout, cells: list[str], mark: DecimalMark | None, notes: list[Remark]
    ) -> None:
        self._layout = layout
        self._cells = cells
        self._mark: DecimalMark | None = mark
        self._notes = notes
        self.faults: list[Remark] = []

    def header(self, field: str) -> str:
        """The header of a field's column."""
        index = self._layout.fields.get(field)
        return field if index is None else self._layout.header[index]

    def text(self, field: str, *, code: bool = False) -> str:
        """A text, without a spreadsheet's apostrophe."""
        return unguard(cell(self._cells, self._layout.fields, field), code=code)

    def _read(self, field: str, parse: Callable[[str, str], tuple[object, Remark | None]]) -> object:
        found = cell(self._cells, self._layout.fields, field)
        if not found.strip():
            return None
        try:
            value, remark = parse(found, self.header(field))
        except Refused as refused:
            self.faults.extend(refused.remarks)
            return None
        if remark:
            self._notes.append(remark)
        return value

    def money(self, field: str) -> Decimal | None:
        """A price; ``None`` for an empty cell, or one that says it is empty on purpose."""
        if not self.text(field).strip():
            return None
        return cast(
            "Decimal | None", self._read(field, lambda found, name: _cells.money(found, name, self._mark))
        )

    def quantity(self) -> int | None:
        """The stock; ``None`` for an empty cell."""
        return cast("int | None", self._read("inventory_quantity", _cells.quantity))

    def status(self) -> str:
        """The status, or else what "published" says."""
        given = cast("str | None", self._read("status", _cells.status_of))
        return given or ("draft" if self._published() is False else "active")

    def _published(self) -> bool | None:
        word = cell(self._cells, self._layout.fields, "published").strip().lower()
        return True if word in _cells.TRUE_WORDS else False if word in _cells.FALSE_WORDS else None

    def barcode(self) -> str:
        """The barcode, with a remark if a spreadsheet has ruined it."""
        text = self.text("barcode", code=True)
        if _cells.RUINED.fullmatch(text):
            reason = "a spreadsheet has rounded this barcode; its digits are lost"
            self._notes.append(Remark("ruined_barcode", reason, self.header("barcode"), text))
        return text

    def options(self) -> dict[str, str]:
        """Option names with this row's values; "Title"/"Default Title" says that there are none."""
        options, faults = read_options(self._layout, self._cells)
        self.faults.extend(faults)
        return options

    def json(self, field: str) -> object:
        """A cell of ours that holds JSON."""
        return self._read(field, lambda found, name: (_decoded(found, name), None))

    def rest(self, images: list[dict[str, JSON]]) -> dict[str, JSON]:
        """All columns that are no fields: a row's ``extra``."""
        extra: dict[str, JSON] = {}
        for column in self._layout.extras:
            found = self._cells[column.index]
            if found.strip() and (text := unguard(found)):
                extra[column.key] = text
        # Kept only where it says something: "active" and published go together.
        published = self._published()
        if (
            published is not None
            and "status" in self._layout.fields
            and published != (self.status() == "active")
        ):
            extra["published"] = "TRUE" if published else "FALSE"
        if images:
            extra[IMAGES] = cast("JSON", images)
        more = self.json("more")
        if isinstance(more, dict):
            extra.update(cast("dict[str, JSON]", more))
        elif more is not None:
            self.faults.append(
                Remark("bad_json", "a JSON object was expected", self.header("more"), str(more))
            )
        return extra


def _decoded(found: str, column: str) -> JSON:
    try:
        # Text as it is in the cell: JSON never begins with an apostrophe of its own.
        return cast("JSON", msgspec.json.Decoder(float_hook=_cells.exact).decode(unguard(found)))
    except (msgspec.DecodeError, RecursionError, ArithmeticError) as error:
        raise Refused([Remark("bad_json", f"this is no JSON: {error}", column, found)]) from error


def cell(cells: list[str], fields: Mapping[str, int], field: str) -> str:
    """A field's cell as it stands; empty if the file has no such column."""
    index = fields.get(field)
    return "" if index is None else cells[index]


def padded(cells: list[str], layout: Layout) -> list[str]:
    """As many cells as the header has."""
    missing = len(layout.header) - len(cells)
    return cells + [""] * missing if missing > 0 else cells


def classify(cells: list[str], layout: Layout) -> str:
    """What a record is: ``product``, ``unpriced``, ``image``, ``blank`` or ``header``."""
    fields = layout.fields
    price = cells[fields["price"]]
    if price.strip():
        return (
            "header" if price == layout.header[fields["price"]] and _is_header(cells, layout) else "product"
        )
    if not any(text and not text.isspace() for text in cells):
        return "blank"
    own = [cells[fields[f]] for f in ("title", "sku", "inventory_quantity") if f in fields]
    own += [cells[value] for _, _, value in layout.options]
    image = next((cells[extra.index] for extra in layout.extras if extra.key == "image_src"), "")
    return "image" if image.strip() and not any(text.strip() for text in own) else "unpriced"


def _is_header(cells: list[str], layout: Layout) -> bool:
    return [text.strip() for text in cells] == layout.header


def image_of(cells: list[str], layout: Layout) -> dict[str, JSON]:
    """What an image-only row says."""
    return {
        column.key: unguard(cells[column.index]) for column in layout.extras if cells[column.index].strip()
    }
