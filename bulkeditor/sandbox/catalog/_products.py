"""Reading product CSV files: two passes, the first for what a row can only know from the rows after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from bulkeditor._spreadsheet import unguard
from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox.catalog import _cells
from bulkeditor.sandbox.catalog._cellrow import Reading, cell, classify, image_of, padded
from bulkeditor.sandbox.catalog._columns import RECORD_FIELDS, Layout, check_mapping, lay_out
from bulkeditor.sandbox.catalog._csvfile import REMARKS, open_csv
from bulkeditor.sandbox.catalog._report import Recorder, Refused, Remark
from bulkeditor.sandbox.catalog._rows import JSON, CatalogRow, build, generated_sku
from bulkeditor.sandbox.catalog._text import BrokenFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bulkeditor.sandbox.catalog._cells import DecimalMark
    from bulkeditor.sandbox.catalog._records import Record
    from bulkeditor.sandbox.catalog._text import SourceText


@attrs.define
class _Scan:
    """What the first pass learned.

    Args:
        skus: All SKUs that the file gives.
        late: Inherited cells for handles whose first row has no title.
        images: Image-only rows by the number of the record that they belong to.
        early: Image-only rows that stand before any other row of their handle.
        handles: Handles with a product row, and the number of the last one so far.
        titled: Handles of which a row with a title was seen.
        mark: The decimal mark that all prices agree on, if they show one.
    """

    skus: set[str] = attrs.field(factory=set[str])
    late: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    images: dict[int, list[dict[str, JSON]]] = attrs.field(factory=dict[int, list[dict[str, JSON]]])
    early: dict[str, list[dict[str, JSON]]] = attrs.field(factory=dict[str, list[dict[str, JSON]]])
    handles: dict[str, int] = attrs.field(factory=dict[str, int])
    titled: set[str] = attrs.field(factory=set[str])
    mark: DecimalMark | None = None

    def image(self, handle: str, cells: list[str], layout: Layout) -> None:
        """Remember an image-only row for the row before it."""
        owner = self.handles.get(handle)
        images = self.early.setdefault(handle, []) if owner is None else self.images.setdefault(owner, [])
        images.append(image_of(cells, layout))

    def row(self, number: int, cells: list[str], layout: Layout, *, sold: bool) -> None:
        """Remember what other rows need to know of this one."""
        handle = unguard(cell(cells, layout.fields, "handle"))
        if sold:
            self.handles[handle] = number
        if (sku := cell(cells, layout.fields, "sku")).strip():
            self.skus.add(unguard(sku, code=True))
        if not handle.strip() or handle in self.titled:
            return
        if cell(cells, layout.fields, "title").strip():
            self.titled.add(handle)
            if handle in self.late:
                self.late[handle] = [cells[index] for index in layout.inherited]
        else:
            self.late.setdefault(handle, [])


class ProductReader:
    """Reads a product CSV file.

    Args:
        source: The text.
        mapping: Field to header, for files that are not Shopify's.

    Raises:
        InvalidInputError: The file has no column of prices, or none that identifies a row.
    """

    def __init__(self, source: SourceText, mapping: Mapping[str, str | Sequence[str]] | None = None) -> None:
        check_mapping(mapping or {}, RECORD_FIELDS | {"published"})
        file = open_csv(source, lambda header: lay_out(header, mapping))
        if file is None:
            raise InvalidInputError(
                f"{source.path.name} holds no records.", hint="Give a CSV file with a header."
            )
        fields = file.layout.fields
        for field, name in (mapping or {}).items():
            if field in fields:
                continue
            raise InvalidInputError(
                f"{source.path.name} has no column {name!r}, which the mapping gives to {field}.",
                hint=f"Its columns: {', '.join(file.layout.header)}.",
            )
        if "price" not in fields or not {"sku", "handle", "title"} & fields.keys():
            missing = "a price" if "price" not in fields else "an SKU, handle or title"
            raise InvalidInputError(
                f"{source.path.name} has no column with {missing}; its header: {file.layout.header[:12]!r}.",
                hint="Give mapping={'sku': '<header>', 'price': '<header>', …} if the file is not Shopify's.",
            )
        self.file = file
        self.layout = file.layout
        self._price_columns = [fields[f] for f in ("price", "compare_at_price", "cost") if f in fields]
        self._scan: _Scan | None = None

    def rows(self, recorder: Recorder) -> Iterator[CatalogRow]:
        """Yield the rows; everything else goes to the recorder."""
        if self._scan is None:
            self._scan = self._first_pass()
        assembly = _Assembly(self.layout, self._scan, recorder)
        recorder.report.delimiter = self.file.delimiter
        for name in self.layout.duplicates:
            reason = "the column stands there twice; the first one counts, this one is kept in extra"
            recorder.note(self.file.begins + 1, Remark("duplicate_column", reason, name))
        try:
            for number, record in enumerate(self.file.records()):
                recorder.row()
                row = assembly.row(number, record)
                if row is not None:
                    yield row
        except BrokenFileError as broken:
            recorder.row()
            recorder.problem(broken.line, [Remark("broken_file", broken.reason)])

    def _first_pass(self) -> _Scan:
        scan = _Scan()
        marks: set[DecimalMark] = set()
        try:
            for number, record in enumerate(self.file.records()):
                if record.fault or len(record.cells) > len(self.layout.header):
                    continue
                cells = padded(record.cells, self.layout)
                kind = classify(cells, self.layout)
                if kind == "image":
                    scan.image(unguard(cell(cells, self.layout.fields, "handle")), cells, self.layout)
                elif kind in {"product", "unpriced"}:
                    scan.row(number, cells, self.layout, sold=kind == "product")
                    marks.update(
                        mark for index in self._price_columns if (mark := _cells.decimal_mark(cells[index]))
                    )
        except BrokenFileError:
            # The second pass comes to the same place and reports it.
            pass
        scan.mark = next(iter(marks)) if len(marks) == 1 else None
        return scan


class _Assembly:
    """Puts rows together in the second pass."""

    def __init__(self, layout: Layout, scan: _Scan, recorder: Recorder) -> None:
        self._layout = layout
        self._scan = scan
        self._recorder = recorder
        self._heads: dict[str, list[str]] = {handle: cells for handle, cells in scan.late.items() if cells}
        self._waiting: dict[str, list[dict[str, JSON]]] = {
            h: list(images) for h, images in scan.early.items()
        }
        self._generated: set[str] = set()

    def row(self, number: int, record: Record) -> CatalogRow | None:
        """Turn a record into a row, or account for it otherwise."""
        if record.fault:
            self._broken(record)
            return None
        if len(record.cells) > len(self._layout.header):
            width = len(self._layout.header)
            reason = f"{len(record.cells)} cells, but the header has {width}: a delimiter too many"
            remark = Remark("ragged", reason, None, record.cells[-1])
            self._recorder.problem(record.line, [remark])
            return None
        cells = padded(record.cells, self._layout)
        kind = classify(cells, self._layout)
        handle = unguard(cell(cells, self._layout.fields, "handle"))
        if kind in {"product", "unpriced"}:
            cells = self._inherit(handle, cells)
        if kind != "product":
            self._account(kind, record.line, handle)
            return None
        images = [*self._waiting.pop(handle, []), *self._scan.images.get(number, [])]
        remarks = [Remark(code, REMARKS[code]) for code in dict.fromkeys(record.remarks)]
        if len(record.cells) < len(self._layout.header):
            remarks.append(Remark("short_row", "the record ends early: the missing cells were read as empty"))
        try:
            row, generated = self._build(handle, cells, images, remarks)
        except Refused as refused:
            self._recorder.problem(record.line, refused.remarks)
            if images:
                self._waiting[handle] = images
            return None
        for remark in remarks:
            self._recorder.note(record.line, remark)
        self._recorder.product(record.line, row.sku, generated=generated)
        return row

    def _broken(self, record: Record) -> None:
        header = self._layout.header
        column = header[len(record.cells) - 1] if 0 < len(record.cells) <= len(header) else None
        value = record.cells[-1] if record.cells else None
        self._recorder.problem(record.line, [Remark("malformed", str(record.fault), column, value)])

    def _account(self, kind: str, line: int, handle: str) -> None:
        if kind == "image" and handle in self._scan.handles:
            self._recorder.image()
            return
        price = self._layout.header[self._layout.fields["price"]]
        remark = {
            "image": Remark(
                "image_without_product", "an image for a handle that has no product row", None, handle
            ),
            "blank": Remark("blank", "the record is empty"),
            "header": Remark("header", "the header is repeated here"),
            "unpriced": Remark("no_price", "the row has no price, so it is nothing that can be sold", price),
        }[kind]
        self._recorder.skip(line, remark)

    def _inherit(self, handle: str, cells: list[str]) -> list[str]:
        """Fill empty cells from the handle's first row; one with a title of its own is the next such row."""
        if not handle.strip():
            return cells
        inherited = self._layout.inherited
        head = self._heads.get(handle)
        titled = bool(cell(cells, self._layout.fields, "title").strip())
        if head is not None:
            for index, text in zip(inherited, head, strict=True):
                if not cells[index].strip():
                    cells[index] = text
        if head is None or titled:
            self._heads[handle] = [cells[index] for index in inherited]
        return cells

    def _build(
        self, handle: str, cells: list[str], images: list[dict[str, JSON]], remarks: list[Remark]
    ) -> tuple[CatalogRow, bool]:
        """Make the row; also say whether its SKU was generated.

        Raises:
            Refused: With a remark for each cell that is wrong.
        """
        reading = Reading(self._layout, cells, self._scan.mark, remarks)
        options = reading.options()
        title = reading.text("title")
        record: dict[str, object] = {
            "handle": handle,
            "title": title,
            "options": options,
            "sku": reading.text("sku", code=True),
            "barcode": reading.barcode(),
            "tags": _cells.split_tags(reading.text("tags")),
            "price": reading.money("price"),
            "compare_at_price": reading.money("compare_at_price"),
            "cost": reading.money("cost"),
            "inventory_quantity": reading.quantity(),
            "status": reading.status(),
            "extra": reading.rest(images),
            **{
                name: reading.text(name)
                for name in ("vendor", "product_type", "category", "id", "created_at")
            },
            **{name: reading.json(name) for name in ("custom_fields", "levels")},
        }
        record["id"] = record["id"] or None
        generated = not str(record["sku"]).strip()
        if not title.strip() and not handle.strip() and generated:
            reading.faults.append(
                Remark("no_identity", "neither SKU nor title nor handle: which product is this?")
            )
        if generated and not reading.faults:
            record["sku"] = self._sku(handle, title, options)
            column = reading.header("sku")
            remarks.append(Remark("generated_sku", "no SKU: one was generated", column, str(record["sku"])))
        if reading.faults:
            raise Refused(reading.faults)
        row, notes = build(record)
        remarks.extend(notes)
        return row, generated

    def _sku(self, handle: str, title: str, options: dict[str, str]) -> str:
        base = generated_sku(handle, title, options)
        sku, number = base, 1
        while sku in self._scan.skus or sku in self._generated:
            number += 1
            sku = f"{base}-{number}"
        self._generated.add(sku)
        return sku
