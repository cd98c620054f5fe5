"""From physical lines to CSV records.

Python's csv module has a process-wide field limit, lets one lost quote swallow the rest of a file, and does
not say where a record began; this reader is written for files that people edited by hand. On well-formed
files both give the same cells.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bulkeditor.sandbox.catalog._text import Line

MAX_RECORD: Final = 1 << 25


class Record(NamedTuple):
    """One CSV record.

    Args:
        line: Physical line on which it begins.
        cells: Its cells, without quotes.
        fault: Why it could not be read; ``cells`` then ends with the cell where that showed.
        remarks: The remarks of its lines (see :class:`Line`).
    """

    line: int
    cells: list[str]
    fault: str | None = None
    remarks: tuple[str, ...] = ()


def records(lines: Iterator[Line], delimiter: str, width: int) -> Iterator[Record]:
    """Yield the records of a CSV text; empty lines are none.

    After a record that is broken, reading goes on with the line after the one on which it began.

    Args:
        lines: The physical lines.
        delimiter: One character.
        width: Columns of the header: a quoted text that runs over more cells than that has lost its end.
    """
    waiting: deque[Line] = deque()

    def fetch() -> Line | None:
        return waiting.popleft() if waiting else next(lines, None)

    while (line := fetch()) is not None:
        if line.remark == "too_long":
            yield Record(line.number, [], "the line is longer than 64 MiB")
        elif '"' not in line.text:
            text = line.text.rstrip("\r\n")
            if text:
                yield Record(line.number, text.split(delimiter), None, (line.remark,) if line.remark else ())
        else:
            scan = _Scan(line, fetch, delimiter, width)
            record = scan.record()
            if record.fault:
                waiting.extendleft(reversed(scan.consumed))
            yield record


class _Scan:
    """Reads one record that has quotes in it, over as many lines as it takes."""

    def __init__(self, first: Line, fetch: Callable[[], Line | None], delimiter: str, width: int) -> None:
        self._first = first
        self._fetch = fetch
        self._delimiter = delimiter
        self._width = width
        self._text = first.text
        self._position = 0
        self._size = len(first.text)
        self._cells: list[str] = []
        self._remarks = [first.remark] if first.remark else []
        self.consumed: list[Line] = []

    def record(self) -> Record:
        """The record; ``consumed`` then holds the further lines that it took."""
        more = True
        while more:
            if self._text.startswith('"', self._position):
                fault = self._quoted()
                if fault:
                    return Record(self._first.number, self._cells, fault)
                more = self._follows()
            else:
                end = self._text.find(self._delimiter, self._position)
                more = end >= 0
                cell = (
                    self._text[self._position : end] if more else self._text[self._position :].rstrip("\r\n")
                )
                self._cells.append(cell)
                self._position = end + 1
        return Record(self._first.number, self._cells, None, tuple(self._remarks))

    def _quoted(self) -> str | None:
        """Read a quoted cell; say what is wrong with it."""
        parts: list[str] = []
        self._position += 1
        while True:
            quote = self._text.find('"', self._position)
            if quote < 0:
                parts.append(self._text[self._position :])
                if not self._next_line():
                    self._cells.append("".join(parts))
                    return "the cell's opening quote has no closing one"
                continue
            parts.append(self._text[self._position : quote])
            self._position = quote + 1
            if not self._text.startswith('"', self._position):
                break
            parts.append('"')
            self._position += 1
        self._cells.append("".join(parts))
        end = self._text.find(self._delimiter, self._position)
        after = self._text[self._position :] if end < 0 else self._text[self._position : end]
        # Blanks between a quote and a delimiter are common and harmless.
        if after.strip(" \r\n"):
            return "text follows the cell's closing quote (a quote inside a cell is doubled)"
        return None

    def _follows(self) -> bool:
        """Go on to the next cell, if there is one."""
        end = self._text.find(self._delimiter, self._position)
        self._position = end + 1
        return end >= 0

    def _next_line(self) -> bool:
        line = self._fetch()
        if line is None:
            return False
        self.consumed.append(line)
        self._text, self._position, self._size = line.text, 0, self._size + len(line.text)
        if line.remark:
            self._remarks.append(line.remark)
        return line.remark != "too_long" and self._size <= MAX_RECORD and len(self._cells) <= self._width
