"""Tables as data frames, CSV and Excel files."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, cast

from bulkeditor._files import Writable, written_whole
from bulkeditor._spreadsheet import guard
from bulkeditor.errors import InvalidInputError, MissingExtraError
from bulkeditor.models import UNSET
from bulkeditor.notebook import _frames
from bulkeditor.plans._cells import ABSENT, in_file
from bulkeditor.plans._rows import Value
from bulkeditor.plans._table import Column, Table

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_SHEET_ROWS: Final = 1_048_576
_CELL: Final = 32_767
"""Characters that a cell of Excel holds."""
_DIGITS: Final = 15
"""Significant digits that a number of Excel holds."""
_NO_XML: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def to_pandas(table: Table) -> pd.DataFrame:
    """A table as a pandas data frame.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    return _frames.pandas_of([_frames.column(item.name, _there(item)) for item in table.columns])


def to_polars(table: Table) -> pl.DataFrame:
    """A table as a polars data frame.

    Raises:
        MissingExtraError: polars is not installed.
    """
    columns = [_frames.column(item.name, _there(item)) for item in table.columns]
    texts = [
        _frames.column(item.name, list(map(in_file, item.cells))) if column.kind == "json" else column
        for item, column in zip(table.columns, columns, strict=True)
    ]
    return _frames.polars_of(texts)


def _there(column: Column) -> list[Any]:
    return [ABSENT if cell is UNSET else cell for cell in column.cells]


class _Encoded:
    """What csv.writer writes to."""

    def __init__(self, file: Writable) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode())


def to_csv(table: Table, path: str | PathLike[str]) -> None:
    """Write a table to a CSV file.

    Raises:
        InvalidInputError: A text holds half a character, which no file can hold.
    """
    with written_whole(path) as file:
        writer = csv.writer(_Encoded(file))
        writer.writerow([column.name for column in table.columns])
        try:
            writer.writerows(_guarded(table))
        except UnicodeEncodeError as error:
            half = error.object[error.start : error.end]
            raise InvalidInputError(
                f"A text holds half a character ({half!r}), which no file can hold.",
                hint="Correct it; the file was not written.",
            ) from error


def _guarded(table: Table) -> Iterator[list[str]]:
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        yield [_csv_cell(cell, column) for cell, column in zip(cells, table.columns, strict=True)]


def _csv_cell(value: Value, column: Column) -> str:
    text = in_file(value)
    if text is None:
        return ""
    # A number that begins with a minus is no formula; a text that does might be one.
    code = column.kind != "note"
    return guard(text, code=code, zeros=code) if isinstance(value, str) else text


def to_xlsx(table: Table, path: str | PathLike[str]) -> None:
    """Write a table to an Excel workbook.

    Raises:
        InvalidInputError: There are more rows than a sheet holds.
        MissingExtraError: openpyxl is not installed.
    """
    try:
        import openpyxl  # noqa: PLC0415 - an extra
        from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("dataframe", feature="to_xlsx()") from error
    if len(table) >= _SHEET_ROWS:
        raise InvalidInputError(
            f"A sheet of Excel holds {_SHEET_ROWS - 1:,} rows and a heading, and there are {len(table):,}.",
            hint="Use to_csv(), or plan with a narrower filter.",
        )
    book: Any = openpyxl.Workbook(write_only=True)
    sheet: Any = book.create_sheet("plan")
    sheet.freeze_panes = "A2"
    sheet.append([column.name for column in table.columns])
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        sheet.append([_xlsx_cell(WriteOnlyCell(sheet), cell) for cell in cells])
    with written_whole(path) as file:
        book.save(file)


def _xlsx_cell(cell: Any, value: Value) -> Any:
    if value is None:
        return None
    if isinstance(value, bool):
        cell.value = value
    elif isinstance(value, int | Decimal) and len(Decimal(value).as_tuple().digits) <= _DIGITS:
        cell.value = value
        places = max(0, -cast("int", Decimal(value).as_tuple().exponent))
        cell.number_format = f"0.{'0' * places}" if places else "0"
    else:
        text = _NO_XML.sub("\ufffd", in_file(value) or "")
        if len(text) > _CELL:
            mark = f"… (cut, {len(text):,} characters)"
            text = text[: _CELL - len(mark)] + mark
        cell.value = text
        # Set by hand, because openpyxl takes a text that begins with "=" for a formula.
        cell.data_type = "s"
        cell.number_format = "@"
    return cell


__all__ = ["to_csv", "to_pandas", "to_polars", "to_xlsx"]
