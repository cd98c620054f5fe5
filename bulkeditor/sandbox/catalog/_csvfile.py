"""A CSV file whose delimiter and header had to be found out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from bulkeditor.sandbox.catalog._columns import Layout
from bulkeditor.sandbox.catalog._records import Record, records
from bulkeditor.sandbox.catalog._text import BrokenFileError, Line, SourceText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

DELIMITERS: Final = (",", ";", "\t", "|")
# A header is one line, unless the names of its columns have line ends in them.
_HEADER_LINES: Final = 200
_WIDEST: Final = 1 << 16

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
        first = next(records(iter(head[begins:]), delimiter, _WIDEST), None)
        if first is None or first.fault:
            continue
        layout = arrange(first.cells)
        if best is None or layout.known > best.layout.known:
            best = CsvFile(source, delimiter, layout, begins)
    return best
