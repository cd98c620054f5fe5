"""Excel workbooks, one sheet of them, read and written."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar, Final, cast

from bulkeditor._files import written_whole
from bulkeditor.connectors._settings import setting
from bulkeditor.connectors._tablefile import Broken, Cells, Edit, Formula, Table, TableFile, columns_of
from bulkeditor.errors import ConfigurationError, InvalidInputError, MissingExtraError

# A number format of nothing but zeros shows 42 as 00042.
_PADDED: Final = re.compile(r"0{2,}")
# Digits that Excel's numbers hold; more of them are kept as text.
_DIGITS: Final = 15
# Characters that a cell holds; the library would cut off the rest.
_LONGEST: Final = 32_767
# Controls, and halves of characters.
_UNHELD: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


class ExcelFile(TableFile):
    """A sheet of an Excel workbook (``.xlsx``, ``.xlsm``).

        erp = ExcelFile("erp.xlsx", key="sku", sheet="Prices")

    Written are values, never formulas, and a cell that holds a formula is never overwritten. Formats,
    formulas and other sheets are kept; pictures and charts are not, because the library below does not read
    them.

    Settings:
        sheet: The sheet's name; the first one when it is left out.
    """

    name: ClassVar[str] = "excel"

    sheet: str | None = setting(default=None)

    @contextmanager
    def opened(self) -> Generator[Table]:
        """The sheet, to be read: formulas as the values that Excel last computed."""
        # Read once: both views are of the same content, whoever replaces the file meanwhile.
        content = self._content()
        values, formulas = self._book(content, data_only=True), self._book(content, data_only=False)
        try:
            yield _Source(self, self._sheet(values), self._sheet(formulas))
        finally:
            values.close()
            formulas.close()

    def rewritten(self, edit: Edit, added: list[Mapping[str, object]]) -> None:
        """Write the workbook anew, whole or not at all."""
        with self.opened() as table:
            assert isinstance(table, _Source)
            names = table.names
            changes = {number: changed for number, row in table.numbered() if (changed := edit(row))}
            end = table.end
        changes.update(enumerate(added, start=end + 1))
        book = self._book(self._content(), data_only=False, read_only=False)
        try:
            sheet = self._sheet(book)
            for number, changed in changes.items():
                for name, value in changed.items():
                    try:
                        _put(sheet.cell(row=number, column=names.index(name) + 1), value)
                    except (AttributeError, ValueError) as error:
                        # A part of a merged cell, or a character that a workbook cannot hold.
                        raise InvalidInputError(f"Row {number}, {name}: it cannot be written.") from error
            saved = BytesIO()
            book.save(saved)
        finally:
            book.close()
        with written_whole(Path(self.path).resolve()) as file:
            file.write(saved.getvalue())

    def _content(self) -> bytes:
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise self.unreadable(error) from error

    def _book(self, content: bytes, *, data_only: bool, read_only: bool = True) -> Any:
        try:
            import openpyxl  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MissingExtraError("dataframe", feature="ExcelFile") from error
        keep = Path(self.path).suffix.lower() == ".xlsm"
        stream = BytesIO(content)
        try:
            return openpyxl.load_workbook(stream, data_only=data_only, read_only=read_only, keep_vba=keep)
        except Exception as error:
            # The library raises whatever its parsers do.
            raise ConfigurationError(f"{self.path} is no Excel workbook: {error}.") from error

    def _sheet(self, book: Any) -> Any:
        if self.sheet is None:
            return book.worksheets[0]
        if self.sheet not in book.sheetnames:
            raise ConfigurationError(
                f"{self.path} has no sheet {self.sheet!r}.", hint=f"There are {', '.join(book.sheetnames)}."
            )
        return book[self.sheet]


class _Source:
    """A sheet with its values, and once more with its formulas."""

    def __init__(self, file: ExcelFile, values: Any, formulas: Any) -> None:
        for sheet in (values, formulas):
            # What a file says of its size is not always so, and what is beyond would be gone without a word.
            sheet.reset_dimensions()
        self._values = values.iter_rows()
        self._formulas = formulas.iter_rows()
        # The last row that holds anything.
        self.end = 1
        heading = [cell.value for cell in next(self._formulas, ())]
        next(self._values, None)
        while heading and heading[-1] is None:
            heading.pop()
        self.names = columns_of(file.path, ["" if name is None else str(name) for name in heading])

    def rows(self, *, marked: bool = False) -> Iterator[Cells]:
        """The rows below the heading that hold anything."""
        for _, row in self.numbered(marked=marked):
            yield row

    def numbered(self, *, marked: bool = False) -> Iterator[tuple[int, Cells]]:
        """The rows below the heading that hold anything, with their numbers in the sheet."""
        pairs = zip(self._values, self._formulas, strict=True)
        for number, (shown, computed) in enumerate(pairs, start=2):
            cells = [_value(*pair, marked=marked) for pair in zip(shown, computed, strict=False)]
            if all(cell is None for cell in cells):
                continue
            self.end = number
            named, beyond = cells[: len(self.names)], cells[len(self.names) :]
            if any(cell is not None for cell in beyond):
                yield number, cells
            else:
                named += [None] * (len(self.names) - len(named))
                yield number, dict(zip(self.names, named, strict=True))


def _value(shown: Any, computed: Any, *, marked: bool) -> object:
    failed = shown.data_type == "e"
    value = Broken(str(shown.value)) if failed else _plain(shown.value, shown.number_format or "")
    # One that Excel has never computed is no empty cell: it stays a formula, which no field can be read from.
    computes = computed.data_type == "f" and (marked or value is None)
    return Formula(str(computed.value), value) if computes else value


def _plain(value: Any, form: str) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and _PADDED.fullmatch(form):
        return str(value).zfill(len(form))
    if isinstance(value, float):
        number = Decimal(repr(value))
        return int(number) if number == number.to_integral_value() and abs(number) < 10**_DIGITS else number
    return value if value != "" else None


def _put(cell: Any, value: object) -> None:
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        number = Decimal(value)
        if len(number.as_tuple().digits) <= _DIGITS:
            cell.value = value
            return
        value = format(number, "f")
    if isinstance(value, datetime):
        # Excel's times carry no zone.
        cell.value = value.replace(tzinfo=None)
        return
    if isinstance(value, list | tuple):
        value = ",".join(map(str, cast("Sequence[object]", value)))
    if isinstance(value, str) and (len(value) > _LONGEST or _UNHELD.search(value)):
        raise ValueError("it is longer than a cell, or holds a character that no workbook can")
    cell.value = value
    if isinstance(value, str):
        # Set by hand, because a text that begins with "=" would be taken for a formula.
        cell.data_type = "s"
        cell.quotePrefix = True


__all__ = ["ExcelFile"]
