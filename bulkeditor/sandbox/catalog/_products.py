"""Reading product CSV files: two passes, the first one for what a row can only know from the rows after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import attrs
import msgspec

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox.catalog import _cells
from bulkeditor.sandbox.catalog._columns import IMAGES, Layout, lay_out
from bulkeditor.sandbox.catalog._records import Record, records
from bulkeditor.sandbox.catalog._report import Recorder, Refused, Remark
from bulkeditor.sandbox.catalog._rows import JSON, CatalogRow, build, generated_sku
from bulkeditor.sandbox.catalog._text import BrokenFileError, Line, SourceText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from bulkeditor.sandbox.catalog._cells import DecimalMark

DELIMITERS: Final = (",", ";", "\t", "|")
_HEADER_LINES: Final = 50

REMARKS: Final[Mapping[str, str]] = {
    "cp1252": "the line is not UTF-8; it was read as Windows-1252",
    "nul": "NUL bytes were left out",
    "replaced": "the text holds U+FFFD: it was damaged before it came here",
}


@attrs.frozen
class CsvFile:
    """A CSV file whose delimiter and header are known.

    Args:
        source: The text.
        delimiter: Between cells.
        layout: What the columns mean.
        begins: Physical lines before the header (``sep=;``).
    """

    source: SourceText
    delimiter: str
    layout: Layout
    begins: int

    def records(self) -> Iterator[Record]:
        """All records after the header."""
        lines = (line for line in self.source.lines() if line.number > self.begins)
        found = records(lines, self.delimiter, len(self.layout.header))
        next(found, None)
        yield from found


def open_csv(source: SourceText, arrange: Callable[[Sequence[str]], Layout]) -> CsvFile | None:
    """Find out a file's delimiter: the one with which the most columns of its header are known.

    Args:
        source: The text.
        arrange: Says what a header means.

    Returns:
        The file, or ``None`` if it is empty.
    """
    head: list[Line] = []
    try:
        for line in source.lines():
            head.append(line)
            if len(head) >= _HEADER_LINES:
                break
    except BrokenFileError:
        # The reading itself will come to it and report it, after what is good.
        pass
    begins, given = 0, None
    if head and head[0].text.lower().startswith("sep=") and len(head[0].text.rstrip("\r\n")) == len("sep=;"):
        begins, given = 1, head[0].text[4]
    best: CsvFile | None = None
    for delimiter in [given] if given else DELIMITERS:
        # A width of zero: a header's quoted cell may run over lines, but not for ever.
        first = next(records(iter(head[begins:]), delimiter, _HEADER_LINES), None)
        if first is None or first.fault:
            continue
        layout = arrange(first.cells)
        if best is None or layout.known > best.layout.known:
            best = CsvFile(source, delimiter, layout, begins)
    return best


@attrs.define
class _Scan:
    """What the first pass learned.

    Args:
        skus: All SKUs that the file gives.
        late: Inherited cells for handles whose first row has no title.
        images: Image-only rows by the number of the record that they belong to.
        early: Image-only rows that stand before any other row of their handle.
        handles: All handles that have more than image-only rows.
        mark: The decimal mark that all prices agree on, if they show one.
    """

    skus: set[str] = attrs.field(factory=set[str])
    late: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])
    images: dict[int, list[dict[str, JSON]]] = attrs.field(factory=dict[int, list[dict[str, JSON]]])
    early: dict[str, list[dict[str, JSON]]] = attrs.field(factory=dict[str, list[dict[str, JSON]]])
    handles: dict[str, int] = attrs.field(factory=dict[str, int])
    mark: DecimalMark | None = None


class ProductReader:
    """Reads a product CSV file.

    Args:
        source: The text.
        mapping: Field to header, for files that are not Shopify's.

    Raises:
        InvalidInputError: The file has no column of prices, or none that identifies a row.
    """

    def __init__(self, source: SourceText, mapping: Mapping[str, str | Sequence[str]] | None = None) -> None:
        file = open_csv(source, lambda header: lay_out(header, mapping))
        if file is None:
            raise InvalidInputError(
                f"{source.path.name} holds no records.", hint="Give a CSV file with a header."
            )
        fields = file.layout.fields
        if "price" not in fields or not {"sku", "handle", "title"} & fields.keys():
            missing = "a price" if "price" not in fields else "an SKU, handle or title"
            raise InvalidInputError(
                f"{source.path.name} has no column with {missing}; its header is {file.layout.header[:12]!r}.",
                hint="Give mapping={'sku': '<header>', 'price': '<header>', …} for files that are not Shopify's.",
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
        fields = self.layout.fields
        marks: set[DecimalMark] = set()
        titled: set[str] = set()
        try:
            for number, record in enumerate(self.file.records()):
                if record.fault or len(record.cells) > len(self.layout.header):
                    continue
                cells = padded(record.cells, self.layout)
                kind = classify(cells, self.layout)
                handle = _cells.unguard(cell(cells, fields, "handle"))
                if kind == "image":
                    owner = scan.handles.get(handle)
                    pictures = image_of(cells, self.layout)
                    (
                        scan.early.setdefault(handle, [])
                        if owner is None
                        else scan.images.setdefault(owner, [])
                    ).append(pictures)
                if kind not in {"product", "unpriced"}:
                    continue
                if kind == "product":
                    scan.handles[handle] = number
                marks.update(
                    mark
                    for index in self._price_columns
                    if (mark := _cells.decimal_mark(cells[index])) is not None
                )
                if sku := cell(cells, fields, "sku").strip():
                    scan.skus.add(_cells.unguard(sku, code=True))
                if handle and handle not in titled and cell(cells, fields, "title").strip():
                    titled.add(handle)
                    if handle in scan.late:
                        scan.late[handle] = [cells[index] for index in self.layout.inherited]
                elif handle and handle not in titled:
                    scan.late.setdefault(handle, [])
        except BrokenFileError:
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
            reason = f"{len(record.cells)} cells, but the header has {len(self._layout.header)}: a delimiter too many"
            remark = Remark("ragged", reason, None, record.cells[-1])
            self._recorder.problem(record.line, [remark])
            return None
        cells = padded(record.cells, self._layout)
        kind = classify(cells, self._layout)
        handle = _cells.unguard(cell(cells, self._layout.fields, "handle"))
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
        """Fill empty cells from the handle's first row; a row with a title of its own is the next such row."""
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
        reading = _Reading(self._layout, cells, self._scan.mark, remarks)
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
            "extra": reading.extra(images),
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


class _Reading:
    """The cells of one row as values; what is wrong with them is collected."""

    def __init__(
        self, layout: Layout, cells: list[str], mark: DecimalMark | None, notes: list[Remark]
    ) -> None:
        self._layout = layout
        self._cells = cells
        self._mark = mark
        self._notes = notes
        self.faults: list[Remark] = []

    def header(self, field: str) -> str:
        """The header of a field's column."""
        index = self._layout.fields.get(field)
        return field if index is None else self._layout.header[index]

    def text(self, field: str, *, code: bool = False) -> str:
        """A text, without a spreadsheet's apostrophe."""
        return _cells.unguard(cell(self._cells, self._layout.fields, field), code=code)

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
        """A price; ``None`` for an empty cell."""
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
        options: dict[str, str] = {}
        for number, name_at, value_at in self._layout.options:
            value = self._cells[value_at]
            name = "" if name_at is None else self._cells[name_at]
            if not value.strip() or (
                name.strip().lower() == "title" and value.strip().lower() == "default title"
            ):
                continue
            plain = _cells.unguard(name) if name.strip() else f"Option{number}"
            if plain in options:
                self.faults.append(
                    Remark(
                        "duplicate_option", "two options have one name", self._layout.header[value_at], plain
                    )
                )
            options[plain] = _cells.unguard(value)
        return options

    def json(self, field: str) -> object:
        """A cell of ours that holds JSON."""
        return self._read(field, lambda found, name: (_decoded(found, name), None))

    def extra(self, images: list[dict[str, JSON]]) -> dict[str, JSON]:
        """All columns that are no fields."""
        extra: dict[str, JSON] = {}
        for column in self._layout.extras:
            found = self._cells[column.index]
            if not found.strip():
                continue
            if not column.json:
                extra[column.key] = _cells.unguard(found)
                continue
            try:
                extra[column.key] = _decoded(found, self._layout.header[column.index])
            except Refused as refused:
                self.faults.extend(refused.remarks)
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
        return extra


def _decoded(found: str, column: str) -> JSON:
    try:
        return cast("JSON", msgspec.json.Decoder(float_hook=_cells.exact).decode(found))
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
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
        column.key: _cells.unguard(cells[column.index])
        for column in layout.extras
        if cells[column.index].strip() and not column.json
    }
