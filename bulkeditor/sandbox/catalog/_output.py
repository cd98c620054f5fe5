"""Tables as files, and rows twice over without holding them."""

from __future__ import annotations

import csv
import os
import tempfile
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from bulkeditor._files import Writable, written_whole
from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox.catalog._rows import CatalogRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Rows: TypeAlias = Iterable[CatalogRow | Mapping[str, object]]

_MEMORY: Final = 1 << 20


def catalog_rows(rows: Rows) -> Iterator[CatalogRow]:
    """Rows as rows, whatever they came as."""
    for row in rows:
        yield row if isinstance(row, CatalogRow) else CatalogRow.from_record(row)


class Spool:
    """Cells kept on disk until all columns are known."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY)  # noqa: SIM115 - closed by close()
        self._encoder = msgspec.msgpack.Encoder()
        self.columns: dict[str, None] = {}

    def add(self, cells: Mapping[str, str]) -> None:
        """Keep one record.

        Raises:
            UnicodeEncodeError: Its text holds a lone surrogate, which no encoding can write.
        """
        packed = self._encoder.encode(cells)
        self.columns.update(dict.fromkeys(cells))
        self._file.write(len(packed).to_bytes(4, "big") + packed)

    def records(self) -> Iterator[dict[str, str]]:
        """All records, in order."""
        self._file.seek(0)
        decoder = msgspec.msgpack.Decoder(dict[str, str])
        while size := self._file.read(4):
            yield decoder.decode(self._file.read(int.from_bytes(size, "big")))

    def close(self) -> None:
        """Free the disk space."""
        self._file.close()


def unwritable(who: str, error: UnicodeEncodeError) -> InvalidInputError:
    """What to say of text with half a character in it."""
    return InvalidInputError(
        f"The product with SKU {who!r} holds half a character ({error.object[error.start : error.end]!r}), "
        "which no file can hold.",
        hint="Correct its text; the file was not written.",
    )


class _Encoded:
    """What csv.writer writes to."""

    def __init__(self, file: Writable, encoding: str) -> None:
        self._file = file
        self._encoding = encoding

    def write(self, text: str) -> int:
        return self._file.write(text.encode(self._encoding))


def write_table(
    path: str | os.PathLike[str],
    header: Sequence[str],
    records: Iterable[Sequence[str]],
    *,
    delimiter: str,
    bom: bool,
) -> None:
    """Write a CSV file: CRLF, quotes where needed, NUL characters left out."""
    with written_whole(path) as file:
        if bom:
            file.write(b"\xef\xbb\xbf")
        writer = csv.writer(_Encoded(file, "utf-8"), delimiter=delimiter)
        writer.writerow(header)
        for record in records:
            writer.writerow([cell.replace("\x00", "") if "\x00" in cell else cell for cell in record])
