"""From physical lines to CSV records.

Python's csv module has a process-wide field limit, lets one lost quote swallow the rest of a file, and does not
say where a record began; this reader is written for files that people edited by hand. On well-formed files
both give the same cells.
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
            record, consumed = _scan(line, fetch, delimiter, width)
            if record.fault:
                waiting.extendleft(reversed(consumed))
            yield record


def _scan(
    first: Line, fetch: Callable[[], Line | None], delimiter: str, width: int
) -> tuple[Record, list[Line]]:
    """Read one record with quotes in it; also return the further lines that it took."""
    cells: list[str] = []
    consumed: list[Line] = []
    remarks = [first.remark] if first.remark else []
    text, position, size = first.text, 0, len(first.text)

    def broken(fault: str, cell: str) -> tuple[Record, list[Line]]:
        return Record(first.number, [*cells, cell], fault), consumed

    while True:
        if not text.startswith('"', position):
            end = text.find(delimiter, position)
            if end < 0:
                cells.append(text[position:].rstrip("\r\n"))
                break
            cells.append(text[position:end])
            position = end + 1
            continue
        parts: list[str] = []
        position += 1
        while True:
            quote = text.find('"', position)
            if quote < 0:
                parts.append(text[position:])
                line = fetch()
                if line is not None:
                    consumed.append(line)
                if line is None or line.remark == "too_long" or size > MAX_RECORD or len(cells) > width:
                    return broken("the cell's opening quote has no closing one", "".join(parts))
                if line.remark:
                    remarks.append(line.remark)
                text, position, size = line.text, 0, size + len(line.text)
                continue
            parts.append(text[position:quote])
            position = quote + 1
            if not text.startswith('"', position):
                break
            parts.append('"')
            position += 1
        end = text.find(delimiter, position)
        after = text[position:] if end < 0 else text[position:end]
        if after.strip(" \r\n"):
            return broken(
                "text follows the cell's closing quote (a quote inside a cell is doubled)", "".join(parts)
            )
        cells.append("".join(parts))
        if end < 0:
            break
        position = end + 1
    return Record(first.number, cells, None, tuple(remarks)), consumed
