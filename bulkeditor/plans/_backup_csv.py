"""Backups as CSV: a row for each product, a column for each field that can be changed, for spreadsheets.

An empty cell is "no value". Text that a spreadsheet would run as a formula, or whose zeros it would eat,
stands behind an apostrophe; a lone apostrophe is a text of no length. Tags are separated by commas; tags that
hold commas, custom fields and options are JSON.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec

from bulkeditor._files import Writable
from bulkeditor._spreadsheet import guard, unguard
from bulkeditor.errors import BackupFileError, InvalidInputError
from bulkeditor.models import JSON, Product, encode
from bulkeditor.models._base import build, did_you_mean
from bulkeditor.models._inputs import money
from bulkeditor.plans._backup import Backup, Ending
from bulkeditor.plans._rows import PRICES, SkippedRow
from bulkeditor.plans._values import WRITABLE

_CODES: Final = frozenset({"id", "sku", "barcode"})
_OBJECTS: Final = frozenset({"custom_fields", "options"})
_SHOWN: Final = ("created_at", "updated_at")
"""Columns that are there to be read; what stands in them is not restored."""
_COLUMNS: Final = ("id", *WRITABLE, *_SHOWN)
_DELIMITERS: Final = ",;\t"
_SHORTENED: Final = re.compile(r"[0-9]([.,][0-9]+)?E\+[0-9]+")
"""What a spreadsheet makes of a long number, whose last digits are then lost."""

_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)


class CsvBody:
    """Writes products as rows.

    Args:
        file: Where to.
    """

    def __init__(self, file: Writable) -> None:
        self._file = file
        self._write(_COLUMNS)

    def add(self, product: Product) -> None:
        """Write one product.

        Raises:
            InvalidInputError: It holds half a character, which no file can.
        """
        cells = {name: _cell(name, getattr(product, name, None)) for name in _COLUMNS}
        for name, cell in cells.items():
            if len(cell) > csv.field_size_limit():
                raise InvalidInputError(
                    f"{name} of product {product.id} has {len(cell)} characters, too many for a CSV cell.",
                    hint="Make the backup as .jsonl.gz, which has no such limit.",
                )
        try:
            self._write(list(cells.values()))
        except UnicodeEncodeError as error:
            raise InvalidInputError(
                f"Product {product.id} holds half a character, which no file can hold.",
                hint="Correct its text; the backup was not written.",
            ) from error

    def end(self, ending: Ending) -> None:
        """Nothing follows: the file is meant to be edited."""
        del ending

    def _write(self, cells: Sequence[str]) -> None:
        line = io.StringIO()
        csv.writer(line).writerow(cells)
        self._file.write(line.getvalue().encode())


def _cell(name: str, value: Any) -> str:
    return "" if value is None else _WRITERS.get(name, guard)(value)


def _amount_cell(amount: Decimal) -> str:
    return f"{amount:f}"


def _code_cell(text: str) -> str:
    return guard(text, code=True, zeros=True)


def _tags_cell(tags: list[str]) -> str:
    if not tags:
        return ""
    text = ", ".join(tags)
    plain = not text.startswith("[") and _split(text) == tags
    return guard(text if plain else encode(tags).decode())


def _split(text: str) -> list[str]:
    return [tag for part in text.split(",") if (tag := part.strip())]


def _object_cell(members: Mapping[str, JSON]) -> str:
    return encode(members).decode() if members else ""


_WRITERS: Final[Mapping[str, Callable[[Any], str]]] = MappingProxyType(
    {
        **dict.fromkeys(PRICES, _amount_cell),
        **dict.fromkeys(_CODES, _code_cell),
        **dict.fromkeys(_OBJECTS, _object_cell),
        **dict.fromkeys(_SHOWN, datetime.isoformat),
        "tags": _tags_cell,
        "inventory_quantity": str,
    }
)


def read_csv(path: Path) -> Backup:
    """Read a backup that was saved, and perhaps edited, as CSV.

    Args:
        path: The file; compressed or not.

    Raises:
        BackupFileError: It is no such table.
        OSError: It cannot be read.
    """
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
        text = content.decode("utf-8-sig")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BackupFileError(f"{path.name} is cut off or damaged: {error}.") from error
    except UnicodeDecodeError as error:
        raise BackupFileError(
            f"{path.name} is not UTF-8 (byte {error.start}).", hint="Save it as 'CSV UTF-8'."
        ) from error
    try:
        return _Table(path.name, text).read()
    except csv.Error as error:
        raise BackupFileError(f"{path.name} is no CSV file: {error}.") from error


class _Table:
    """Reads one file's rows."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        start = text[: text.find("\n")] if "\n" in text else text
        delimiter = max(_DELIMITERS, key=start.count)
        self._rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        self._products: dict[str, Product] = {}
        self._problems: list[SkippedRow] = []

    def read(self) -> Backup:
        header: list[str] = next(self._rows, list[str]())
        columns = self._columns(header)
        for cells in self._rows:
            if any(cell.strip() for cell in cells):
                self._row(columns, cells, self._rows.line_num)
        return Backup(
            name=self._name,
            shop=None,
            columns=tuple(name for name in columns if name in WRITABLE),
            products=self._products,
            problems=tuple(self._problems),
        )

    def _columns(self, header: Sequence[str]) -> list[str]:
        names = [cell.strip() for cell in header]
        if "id" not in names:
            raise BackupFileError(
                f"{self._name} is no backup: it has no column 'id'.",
                hint="Its first row must hold the names of fields, 'id' among them.",
            )
        for name in names:
            if name not in _COLUMNS:
                raise BackupFileError(
                    f"{self._name} has a column {name!r:.60}, which is no field of products."
                    f"{did_you_mean(name, _COLUMNS)}",
                    hint="Correct its name, or remove the column.",
                )
        if twice := {name for name in names if names.count(name) > 1}:
            raise BackupFileError(f"{self._name} has the column {min(twice)!r} twice.")
        return names

    def _row(self, columns: Sequence[str], cells: Sequence[str], line: int) -> None:
        record = dict(zip(columns, cells, strict=False))
        try:
            product = _text("id", record.pop("id", "").strip())
        except ValueError as error:
            self._skip(None, None, f"line {line}, id: {error}")
            return
        if product is None:
            self._skip(None, None, f"line {line}: the id is missing")
        elif len(cells) != len(columns):
            self._skip(product, None, f"line {line}: it has {len(cells)} cells, not {len(columns)}")
        elif product in self._products:
            self._skip(product, None, f"line {line}: the id came before; the first row counts")
        else:
            self._products[product] = build(
                Product, {"id": product, **self._values(product, record, line)}, {}
            )

    def _values(self, product: str, record: Mapping[str, str], line: int) -> dict[str, object]:
        values: dict[str, object] = {}
        for name, text in record.items():
            if name not in WRITABLE:
                continue
            try:
                values[name] = _READERS.get(name, _text)(name, text)
            except (InvalidInputError, ValueError) as error:
                reason = error.errors[0].message if isinstance(error, InvalidInputError) else str(error)
                self._skip(product, name, f"line {line}, {name}: {reason}")
        return values

    def _skip(self, product: str | None, field: str | None, reason: str) -> None:
        self._problems.append(SkippedRow(product=product, field=field, code="unreadable", reason=reason))


def _text(name: str, cell: str) -> str | None:
    if not cell:
        return None
    if name in _CODES and _SHORTENED.fullmatch(cell):
        raise ValueError(f"a spreadsheet has shortened it to {cell!r:.40}; its last digits are lost")
    return unguard(cell, code=name in _CODES)


def _money(name: str, cell: str) -> Decimal | None:
    return money(cell.strip(), name) if cell.strip() else None


def _quantity(name: str, cell: str) -> int | None:
    number = _money(name, cell)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise ValueError(f"{cell!r:.40} is no whole number")
    return int(number)


def _tags(_name: str, cell: str) -> list[str]:
    text = unguard(cell)
    if not text.startswith("["):
        return _split(text)
    data = _json(text)
    if not isinstance(data, list):
        raise ValueError("it must be a JSON list")  # noqa: TRY004 - a value in a file, not a type of ours
    return cast("list[str]", data)


def _object(_name: str, cell: str) -> dict[str, JSON]:
    if not cell.strip():
        return {}
    data = _json(cell)
    if not isinstance(data, dict):
        raise ValueError("it must be a JSON object")  # noqa: TRY004 - as above
    return cast("dict[str, JSON]", data)


def _json(text: str) -> object:
    try:
        return cast("object", _decoder.decode(text))
    except (msgspec.DecodeError, RecursionError, ArithmeticError) as error:
        raise ValueError(f"it is not JSON ({error})") from error


_READERS: Final[Mapping[str, Callable[[str, str], object]]] = MappingProxyType(
    {
        **dict.fromkeys(PRICES, _money),
        **dict.fromkeys(_OBJECTS, _object),
        "tags": _tags,
        "inventory_quantity": _quantity,
    }
)

__all__ = ["CsvBody", "read_csv"]
