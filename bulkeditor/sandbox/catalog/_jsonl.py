"""Reading JSON Lines: our own records, and others' through a mapping."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import msgspec

from bulkeditor.sandbox.catalog._columns import RECORD_FIELDS, check_mapping
from bulkeditor.sandbox.catalog._csvfile import REMARKS
from bulkeditor.sandbox.catalog._report import Recorder, Refused, Remark
from bulkeditor.sandbox.catalog._rows import CatalogRow, build
from bulkeditor.sandbox.catalog._text import BrokenFileError, Line, SourceText

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Names that other catalogs use. A record of ours has the first one of each line, so nothing changes for it.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "sku": ("sku", "SKU"),
    "title": ("title", "name", "mpn"),
    "category": ("category",),
    "inventory_quantity": ("inventory_quantity", "stock", "quantity", "qty"),
    # Price breaks [[from, to, price], …]: the first one is what a single piece costs.
    "price": ("price", "price.0.2"),
}


_Path: TypeAlias = tuple[str | int, ...]


class JsonlReader:
    """Reads a file of one JSON object a line.

    Args:
        source: The text.
        mapping: Field to path (``price.0.2`` goes into lists by number), or to several of which the first one
            with a value counts.

    Raises:
        InvalidInputError: The mapping names a field that a row does not have.
    """

    def __init__(self, source: SourceText, mapping: Mapping[str, str | Sequence[str]] | None = None) -> None:
        self._source = source
        given = {
            field: (path,) if isinstance(path, str) else tuple(path)
            for field, path in (mapping or {}).items()
        }
        check_mapping(given, RECORD_FIELDS)
        paths = {**_NAMES, **given}
        self._paths = {
            field: [(path, tuple(int(p) if p.isdigit() else p for p in path.split("."))) for path in names]
            for field, names in paths.items()
        }
        self._decoder = msgspec.json.Decoder(dict[str, object], float_hook=Decimal)

    def rows(self, recorder: Recorder) -> Iterator[CatalogRow]:
        """Yield the rows; everything else goes to the recorder."""
        try:
            for line in self._source.lines():
                if line.remark == "too_long" or line.text.strip():
                    recorder.row()
                    row = self._row(line, recorder)
                    if row is not None:
                        yield row
        except BrokenFileError as broken:
            recorder.row()
            recorder.problem(broken.line, [Remark("broken_file", broken.reason)])

    def _row(self, line: Line, recorder: Recorder) -> CatalogRow | None:
        if line.remark == "too_long":
            recorder.problem(line.number, [Remark("malformed", "the line is longer than 64 MiB")])
            return None
        try:
            record, remarks = self._mapped(self._decoded(line.text))
            row, notes = build(record)
        except Refused as refused:
            recorder.problem(line.number, refused.remarks)
            return None
        if line.remark:
            recorder.note(line.number, Remark(line.remark, REMARKS[line.remark]))
        if row.price is None:
            notes.append(
                Remark("no_price", "the record has no price; it is kept without one", "price", row.sku)
            )
        for remark in (*remarks, *notes):
            recorder.note(line.number, remark)
        recorder.product(line.number, row.sku, generated=any(note.code == "generated_sku" for note in notes))
        return row

    def _decoded(self, text: str) -> dict[str, object]:
        try:
            return self._decoder.decode(text)
        except (msgspec.DecodeError, RecursionError, ArithmeticError) as error:
            raise Refused(
                [Remark("bad_json", f"this is no JSON object: {error}", None, text.strip())]
            ) from error

    def _mapped(self, found: dict[str, object]) -> tuple[dict[str, object], list[Remark]]:
        """A record of ours out of anyone's; what no field takes stays there, and so goes into ``extra``."""
        record = dict(found)
        values: dict[str, object] = {}
        remarks: list[Remark] = []
        for field, names in self._paths.items():
            chosen = _first_value(found, field, names)
            if chosen is None:
                continue
            position, name, values[field] = chosen
            if field == "title":
                if position:
                    reason = f"no title: {name} stands for it"
                    remarks.append(Remark("generated_title", reason, "title", str(values[field])))
            elif name != field:
                # A name within another one's value leaves that one as it is.
                record.pop(name, None)
        for field in self._paths:
            _put_aside(record, field, values)
        return {**record, **values}, remarks


def _first_value(
    found: dict[str, object], field: str, names: list[tuple[str, _Path]]
) -> tuple[int, str, object] | None:
    """The first name that has a value of a kind that the field can take: its position, itself, the value."""
    for position, (name, path) in enumerate(names):
        value = _follow(found, path)
        blank = value is None or (isinstance(value, str) and not value.strip())
        if not blank and (field in _STRUCTURED or not isinstance(value, (list, dict))):
            return position, name, value
    return None


def _put_aside(record: dict[str, object], field: str, values: dict[str, object]) -> None:
    """Take what a record has under a field's own name out of the way, without losing it."""
    left = record.pop(field, None)
    if field in values:
        if isinstance(left, (list, dict)) and left is not values[field]:
            record[f"source_{field}"] = cast("object", left)
    elif field == "price" and isinstance(left, list):
        # Price breaks, of which there are none.
        record["source_price"] = cast("object", left)
    elif left is not None:
        values[field] = left


_STRUCTURED: Final = frozenset({"tags", "options", "custom_fields", "levels"})


def _follow(found: object, path: _Path) -> object:
    for step in path:
        if isinstance(found, dict):
            found = cast("dict[str, object]", found).get(str(step))
        elif isinstance(found, list) and isinstance(step, int):
            items = cast("list[object]", found)
            found = items[step] if step < len(items) else None
        else:
            return None
    return found
