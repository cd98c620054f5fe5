"""CSV files, read and written; rows that do not change keep every byte."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final, Literal, TextIO, cast

from bulkeditor._files import written_whole
from bulkeditor._spreadsheet import guard, unguard
from bulkeditor.connectors._settings import setting
from bulkeditor.connectors._tablefile import Cells, Edit, Table, TableFile, cell_text, columns_of
from bulkeditor.errors import ConfigurationError, InvalidInputError

_DELIMITERS: Final = ",;\t|"
_MARK: Final = "\ufeff"


class CSVFile(TableFile):
    """A CSV file.

        erp = CSVFile("erp.csv", key="sku", columns={"sku": "Item", "price": "Price"}, decimal=",")

    Text that a spreadsheet would run as a formula is written behind an apostrophe, which is taken off when
    it is read. The file is replaced whole or not at all, under a lock; a row that does not change keeps
    every byte.

    Settings:
        encoding: The file's; a byte order mark is recognised.
        delimiter: Between cells; found out when it is left out.
    """

    name: ClassVar[str] = "csv"
    texts: ClassVar[bool] = True

    encoding: str = setting(default="utf-8")
    delimiter: str | None = setting(default=None)

    @contextmanager
    def opened(self) -> Generator[Table]:
        """The file, to be read."""
        try:
            with Path(self.path).open(encoding=self.encoding, newline="") as stream:
                yield _Source(self, stream)
        except (OSError, LookupError) as error:
            raise self.unreadable(error) from error
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"{self.path} is not {self.encoding}: byte {error.object[error.start]:#04x} cannot be read.",
                hint="Say which encoding it has: encoding='cp1252' is common.",
            ) from error

    def rewritten(self, edit: Edit, added: list[Mapping[str, object]]) -> None:
        """Write the file anew, whole or not at all."""
        target = Path(self.path).resolve()
        # One encoder for the whole file: each new one would begin with a byte order mark.
        encoder = codecs.getincrementalencoder(self.encoding)()
        with self.opened() as table, written_whole(target) as file:
            assert isinstance(table, _Source)
            file.write(encoder.encode(table.head))
            for raw, row in table.records():
                changed = None if row is None else edit(row)
                text = (
                    raw if row is None or changed is None else table.line({**_mapping(row), **changed}, raw)
                )
                file.write(self._bytes(encoder, text))
            for row in added:
                file.write(self._bytes(encoder, table.line(row, "")))
            file.write(encoder.encode("", final=True))

    def _bytes(self, encoder: codecs.IncrementalEncoder, text: str) -> bytes:
        try:
            return encoder.encode(text)
        except UnicodeEncodeError as error:
            character = error.object[error.start]
            raise InvalidInputError(f"{character!r} cannot be written as {self.encoding}.") from error


class _Source:
    """An open CSV file, its heading read."""

    def __init__(self, file: CSVFile, stream: TextIO) -> None:
        self._lines = _Lines(stream)
        first = next(self._lines, "")
        self._mark = _MARK if first.startswith(_MARK) else ""
        self._delimiter = file.delimiter or _delimiter(first)
        if len(self._delimiter) != 1:
            raise ConfigurationError(f"The delimiter of a CSV file is one character, not {file.delimiter!r}.")
        self._end = "\r\n" if first.endswith("\r\n") else "\n"
        reader = csv.reader(self._lines.again(first.removeprefix(_MARK)), delimiter=self._delimiter)
        self._reader = reader
        self.names = columns_of(file.path, next(reader, list[str]()))
        self.head = self._mark + self._whole(self._lines.taken())

    def rows(self, *, marked: bool = False) -> Iterator[Cells]:  # noqa: ARG002 - nothing computes here
        """The rows below the heading."""
        for _, row in self.records():
            if row is not None:
                yield row

    def records(self) -> Iterator[tuple[str, Cells | None]]:
        """The rows below the heading, each with its text; None for a line that holds nothing."""
        while True:
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                # Such as a cell of megabytes: this row is lost to us, and said so; the next may be fine.
                yield self._whole(self._lines.taken()), [str(error)]
                continue
            raw = self._whole(self._lines.taken())
            if "\n" in raw.rstrip("\r\n") and not self._closed(raw):
                # The lines below would stand in one cell of this row, and be gone without a word.
                yield raw, ["a quote is not closed"]
            else:
                yield raw, self._row(cells) if any(cells) else None

    def _closed(self, raw: str) -> bool:
        """Whether the quotes of a record over several lines are where they belong."""
        reader = csv.reader(raw.splitlines(keepends=True), delimiter=self._delimiter, strict=True)
        try:
            return sum(1 for _ in reader) == 1
        except csv.Error:
            return False

    def line(self, row: Mapping[str, object], before: str) -> str:
        """A row as text; every cell quoted where the row was so before."""
        out = io.StringIO(newline="")
        cells = [_text(row.get(name)) for name in self.names]
        everything = before.startswith('"') and before.count('"') >= 2 * len(self.names)
        # The writer below quotes the line ends that it writes, and no others.
        everything |= any("\r" in cell or "\n" in cell for cell in cells)
        quoting: Literal[0, 1] = csv.QUOTE_ALL if everything else csv.QUOTE_MINIMAL
        writer = csv.writer(out, delimiter=self._delimiter, lineterminator=self._end, quoting=quoting)
        writer.writerow(cells)
        return out.getvalue()

    def _row(self, cells: list[str]) -> Cells:
        if len(cells) > len(self.names):
            return list[object](cells)
        # A row that is cut off says nothing of the fields that it lacks, not that they are empty.
        return {name: _value(cell) for name, cell in zip(self.names, cells, strict=False)}

    def _whole(self, text: str) -> str:
        """A record's text with a line end, so that what is appended stands on a line of its own."""
        return text if not text or text.endswith(("\n", "\r")) else text + self._end


class _Lines:
    """Lines of a file, those since the last look kept."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._first: str | None = None
        self._kept: list[str] = []

    def again(self, line: str) -> _Lines:
        self._first, self._kept = line, []
        return self

    def taken(self) -> str:
        text, self._kept = "".join(self._kept), []
        return text

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line, self._first = (self._first, None) if self._first is not None else (next(self._stream), None)
        self._kept.append(line)
        return line


def _mapping(row: Cells) -> Mapping[str, object]:
    assert isinstance(row, Mapping)
    return row


def _delimiter(heading: str) -> str:
    """The mark that stands most often in the heading, outside of quotes."""
    bare = "".join(heading.split('"')[::2])
    return max(_DELIMITERS, key=bare.count)


def _value(cell: str) -> object:
    return unguard(cell, code=True) if cell else None


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return guard(value, code=True)
    if isinstance(value, list | tuple):
        return guard(",".join(map(str, cast("Sequence[object]", value))))
    # Numbers, flags and times of ours are no formulas: a minus before a digit stays as it is.
    return cell_text(value)


__all__ = ["CSVFile"]
