"""Stock by location: Shopify's inventory CSV, in the forms it has had."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from bulkeditor._spreadsheet import unguard
from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox.catalog import _cells
from bulkeditor.sandbox.catalog._columns import OPTION, Extra, Layout, check_mapping, find_mapped, normal
from bulkeditor.sandbox.catalog._csvfile import REMARKS, open_csv
from bulkeditor.sandbox.catalog._options import read_options
from bulkeditor.sandbox.catalog._report import ImportReport, Recorder, Refused, Remark
from bulkeditor.sandbox.catalog._rows import generated_sku
from bulkeditor.sandbox.catalog._text import BrokenFileError, SourceText

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bulkeditor.sandbox.catalog._records import Record

NOT_STOCKED: Final = "not stocked"
TEXTS: Final = ("handle", "title", "sku", "hs_code", "coo", "location", "bin_name")
_Counts: TypeAlias = dict[str, int | None]
_COUNTS: Final = ("incoming", "unavailable", "committed", "available", "on_hand", "on_hand_new")
# https://help.shopify.com/en/manual/products/inventory/getting-started-with-inventory/inventory-csv
HEADERS: Final[Mapping[str, tuple[str, str]]] = {
    "handle": ("Handle", "Handle"),
    "title": ("Title", "Title"),
    **{
        f"option{n}_{part}": (f"Option{n} {part.title()}", f"Option{n} {part.title()}")
        for n in (1, 2, 3)
        for part in ("name", "value")
    },
    "sku": ("SKU", "SKU"),
    "hs_code": ("HS Code", "HS Code"),
    "coo": ("COO", "COO"),
    "location": ("Location", "Location"),
    "bin_name": ("Bin name", ""),
    "incoming": ("Incoming (not editable)", "Incoming"),
    "unavailable": ("Unavailable (not editable)", "Unavailable"),
    "committed": ("Committed (not editable)", "Committed"),
    "available": ("Available (not editable)", "Available"),
    "on_hand": ("On hand (current)", "On hand"),
    "on_hand_new": ("On hand (new)", ""),
}


@attrs.frozen(kw_only=True)
class InventoryRow:
    """How many pieces of one product are at one location.

    Args:
        sku: The product's SKU; of a file without one, the same that :func:`read_catalog` generates.
        location: The location's name.
        on_hand: Pieces there; ``None`` where the product is not stocked at all.
        available: Of these, free for sale.
        committed: Of these, promised to orders.
        unavailable: Of these, damaged, reserved and so on.
        incoming: On the way there; not part of ``on_hand``.
        handle: The product's handle.
        title: Its title.
        options: Option name to value.
        hs_code: Customs tariff number.
        coo: Country of origin.
        bin_name: Place at the location.
    """

    sku: str
    location: str
    on_hand: int | None = None
    available: int | None = None
    committed: int | None = None
    unavailable: int | None = None
    incoming: int | None = None
    handle: str | None = None
    title: str | None = None
    options: dict[str, str] = attrs.field(factory=dict[str, str])
    hs_code: str | None = None
    coo: str | None = None
    bin_name: str | None = None

    @property
    def stocked(self) -> bool:
        """Whether the product is kept at this location at all."""
        return self.on_hand is not None


class InventoryImport:
    """An inventory file that is read as its rows are asked for; see :class:`CatalogImport`.

    Args:
        path: The file.
        source: Its text.
        mapping: Field to header, for files that are not Shopify's.
    """

    def __init__(
        self, path: Path, source: SourceText, mapping: Mapping[str, str | Sequence[str]] | None
    ) -> None:
        check_mapping(mapping or {}, {*TEXTS, *_COUNTS})
        file = open_csv(source, lambda header: _lay_out(header, mapping or {}))
        if file is None:
            raise InvalidInputError(f"{path.name} holds no records.", hint="Give a CSV file with a header.")
        fields = file.layout.fields
        self._wide = {} if "location" in fields else {extra.index: extra.key for extra in file.layout.extras}
        counted = {"on_hand", "on_hand_new", "available"} & fields.keys()
        if not {"sku", "handle"} & fields.keys() or not (self._wide or counted):
            raise InvalidInputError(
                f"{path.name} is no inventory file; its header is {file.layout.header[:12]!r}.",
                hint="It needs SKU or Handle, and either Location and On hand, or a column a location.",
            )
        self.path = path
        self._file = file
        self._layout = file.layout
        self._report: ImportReport | None = None

    @property
    def rows(self) -> Iterator[InventoryRow]:
        """The rows, from the first one."""
        return iter(self)

    @property
    def report(self) -> ImportReport:
        """What became of every record; one that gave rows (one for each location) counts as a product."""
        if self._report is None:
            for _ in self:
                pass
        if self._report is None:  # pragma: no cover - the loop above ends with it
            raise AssertionError("reading to the end makes the report")
        return self._report

    def __iter__(self) -> Iterator[InventoryRow]:
        source = self._file.source
        report = ImportReport(
            file=str(self.path),
            format="inventory-csv",
            encoding=source.encoding,
            delimiter=self._file.delimiter,
        )
        recorder = Recorder(report)
        try:
            for record in self._file.records():
                recorder.row()
                yield from self._rows(record, recorder)
        except BrokenFileError as broken:
            recorder.row()
            recorder.problem(broken.line, [Remark("broken_file", broken.reason)])
        if report.counts.get("cp1252"):
            report.encoding = "cp1252"
        self._report = report

    def _rows(self, record: Record, recorder: Recorder) -> list[InventoryRow]:
        width = len(self._layout.header)
        if record.fault or len(record.cells) > width:
            reason = record.fault or f"{len(record.cells)} cells, but the header has {width}"
            recorder.problem(record.line, [Remark("malformed" if record.fault else "ragged", reason)])
            return []
        cells = record.cells + [""] * (width - len(record.cells))
        notes = [Remark(code, REMARKS[code]) for code in dict.fromkeys(record.remarks)]
        try:
            found = self._found(cells, notes)
        except Refused as refused:
            recorder.problem(record.line, refused.remarks)
            return []
        if not found:
            recorder.skip(record.line, Remark("no_quantity", "the record has no quantity at any location"))
            return []
        for note in notes:
            recorder.note(record.line, note)
        recorder.report.products += 1
        return found

    def _found(self, cells: list[str], notes: list[Remark]) -> list[InventoryRow]:
        fields = self._layout.fields
        texts = {name: unguard(cells[fields[name]], code=name == "sku") for name in TEXTS if name in fields}
        options, faults = read_options(self._layout, cells)
        if faults:
            raise Refused(faults)
        sku = texts.get("sku", "")
        if not sku.strip():
            if not texts.get("handle", "").strip():
                raise Refused([Remark("no_identity", "neither SKU nor handle: which product is this?")])
            sku = generated_sku(texts["handle"], texts.get("title", ""), options)
            notes.append(Remark("generated_sku", "no SKU: one was generated", None, sku))
        return [
            InventoryRow(
                sku=sku,
                location=location,
                on_hand=counts.get("on_hand"),
                available=counts.get("available"),
                committed=counts.get("committed"),
                unavailable=counts.get("unavailable"),
                incoming=counts.get("incoming"),
                handle=texts.get("handle") or None,
                title=texts.get("title") or None,
                options=options,
                hs_code=texts.get("hs_code") or None,
                coo=texts.get("coo") or None,
                bin_name=texts.get("bin_name") or None,
            )
            for location, counts in self._counts(cells, texts.get("location", ""), notes)
        ]

    def _counts(self, cells: list[str], location: str, notes: list[Remark]) -> list[tuple[str, _Counts]]:
        """The quantities at each location.

        Raises:
            Refused: With a remark for each cell that is wrong.
        """
        faults: list[Remark] = []
        indices = self._wide or {
            index: name for name, index in self._layout.fields.items() if name in _COUNTS
        }
        counts: _Counts = {}
        for index, name in indices.items():
            try:
                counts[name] = self._count(index, cells[index].strip(), notes)
            except Refused as refused:
                faults.extend(refused.remarks)
        present = {indices[index]: cells[index].strip().lower() for index in indices if cells[index].strip()}
        if present and not self._wide and not location.strip():
            faults.append(Remark("no_location", "the record names no location", "Location"))
        if faults:
            raise Refused(faults)
        if self._wide:
            return [(name, {"on_hand": counts[name], "available": counts[name]}) for name in present]
        on_hand = _on_hand(counts)
        counted = on_hand is not None or NOT_STOCKED in present.values()
        return [(location, {**counts, "on_hand": on_hand})] if counted else []

    def _count(self, index: int, text: str, notes: list[Remark]) -> int | None:
        if not text or text.lower() == NOT_STOCKED:
            return None
        value, remark = _cells.quantity(text, self._layout.header[index])
        notes.extend([remark] if remark else [])
        return value


def _on_hand(counts: _Counts) -> int | None:
    for name in ("on_hand_new", "on_hand"):
        if (count := counts.get(name)) is not None:
            return count
    if "on_hand" in counts or counts.get("available") is None:
        return None
    # An export without it: Shopify's on hand is the sum of these.
    return sum(counts.get(name) or 0 for name in ("available", "committed", "unavailable"))


def read_inventory(
    path: str | os.PathLike[str], *, mapping: Mapping[str, str | Sequence[str]] | None = None
) -> InventoryImport:
    """Open an inventory CSV: one record for each product and location, or one column for each location.

    ``On hand (new)`` goes before ``On hand (current)``; ``not stocked`` gives a row without a quantity; an
    empty quantity gives none.

    Args:
        path: The file; may be gzipped.
        mapping: Field (``sku``, ``location``, ``on_hand`` …) to header, for files that are not Shopify's.

    Returns:
        The rows and the accounting.

    Raises:
        InvalidInputError: The file is no inventory file.
        OSError: The file cannot be opened.
    """
    file = Path(path)
    return InventoryImport(file, SourceText(file), mapping)


def stock_by_sku(rows: Iterable[InventoryRow]) -> dict[str, dict[str, int]]:
    """SKU to location to pieces on hand, without the locations that do not stock it.

    Args:
        rows: As :func:`read_inventory` gives them; a later row of one SKU and location counts.
    """
    stock: dict[str, dict[str, int]] = {}
    for row in rows:
        levels = stock.setdefault(row.sku, {})
        if row.on_hand is not None:
            levels[row.location] = row.on_hand
    return stock


def _lay_out(header: Sequence[str], mapping: Mapping[str, str | Sequence[str]]) -> Layout:
    layout = Layout([unguard(text.strip()) for text in header])
    known = {normal(re.sub(r"\(.*\)", "", names[1] or names[0])): key for key, names in HEADERS.items()}
    known |= {"variantsku": "sku", "binname": "bin_name", "onhandnew": "on_hand_new", "urlhandle": "handle"}
    known["onhand"] = "on_hand"
    mapped = find_mapped(layout.header, mapping)
    numbers: dict[int, dict[str, int]] = {}
    for index, text in enumerate(layout.header):
        plain = normal(text) if "new" in text.lower() else normal(re.sub(r"\(.*\)", "", text))
        option = OPTION.fullmatch(plain)
        key = mapped.get(index) or known.get(plain)
        if option and option.group(2) != "linkedto":
            numbers.setdefault(int(option.group(1)), {})[option.group(2)] = index
        elif key and key not in layout.fields:
            layout.fields[key] = index
        elif text:
            layout.extras.append(Extra(index, text))
    layout.options = [
        (number, found.get("name"), found["value"])
        for number, found in sorted(numbers.items())
        if "value" in found
    ]
    return layout
