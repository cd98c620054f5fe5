"""Tables of plans and runs: printed, shown in a notebook, handed to data frames, written to files."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from os import PathLike
from typing import TYPE_CHECKING, Final, Literal

import attrs

from bulkeditor.plans._cells import cut, on_screen, padded, width_of
from bulkeditor.plans._rows import Value

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_GAP: Final = 2
_NARROWEST: Final = 8
"""Columns are not cut to less; others are left out instead."""
_WIDEST: Final = 160


@attrs.frozen(kw_only=True)
class Column:
    """One column of a table.

    Args:
        name: Its heading.
        cells: What stands in it, from the first row to the last.
        kind: ``value``: of a product, where a blank says something; ``code``: an identifier; ``note``: words
            about the row.
        rank: Columns of the highest rank are left out first where there is no room for all.
    """

    name: str
    cells: Sequence[Value]
    kind: Literal["value", "code", "note"] = "note"
    rank: int = 0

    @property
    def texts(self) -> list[str]:
        """The cells as they are shown."""
        if self.kind == "value":
            return list(map(on_screen, self.cells))
        return ["" if cell in {None, ""} else on_screen(cell) for cell in self.cells]


@attrs.frozen
class Table:
    """Columns of the same length.

    Args:
        columns: The columns.
    """

    columns: tuple[Column, ...]

    def __len__(self) -> int:
        return len(self.columns[0].cells)

    def head(self, count: int) -> Table:
        """The first rows."""
        return Table(tuple(attrs.evolve(column, cells=column.cells[:count]) for column in self.columns))


class Tabular:
    """What has a table; see :class:`Table`."""

    __slots__ = ()

    def table(self) -> Table:
        """Every row, with every column."""
        raise NotImplementedError

    def summary(self) -> Sequence[str]:
        """What stands above the rows, line by line."""
        raise NotImplementedError

    def remarks(self) -> Sequence[str]:
        """What stands below the rows, line by line."""
        return ()

    def to_text(self, *, width: int | None = None, rows: int = 10) -> str:
        """The table as text, with what stands above and below it.

        Args:
            width: Columns of the terminal; None = as many as this one has.
            rows: How many rows to show.
        """
        width = shutil.get_terminal_size().columns if width is None else width
        table = self.table()
        lines = [cut(line, max(width, 20)) for line in self.summary()]
        if len(table):
            lines += ["", *_lines(table.head(rows), min(width, _WIDEST))]
        if len(table) > rows:
            lines.append(f"… and {len(table) - rows:,} more rows")
        below = self.remarks()
        return "\n".join([*lines, *([""] if below else []), *(cut(line, max(width, 20)) for line in below)])

    def to_html(self, *, rows: int = 20) -> str:
        """The table as HTML, all text escaped.

        Args:
            rows: How many rows to show.
        """
        table = self.table()
        more = [f"… and {len(table) - rows:,} more rows"] if len(table) > rows else []
        above = "<br>".join(map(escape, self.summary()))
        below = "<br>".join(map(escape, [*more, *self.remarks()]))
        body = _html(table.head(rows)) if len(table) else ""
        return f"<p>{above}</p>{body}" + (f"<p>{below}</p>" if below else "")

    def to_pandas(self) -> pd.DataFrame:
        """Every row as a pandas data frame; amounts stay Decimal, tags stay lists.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from bulkeditor.plans._export import to_pandas  # noqa: PLC0415 - an extra

        return to_pandas(self.table())

    def to_polars(self) -> pl.DataFrame:
        """Every row as a polars data frame; a column that holds values of several kinds is text.

        Raises:
            MissingExtraError: polars is not installed.
        """
        from bulkeditor.plans._export import to_polars  # noqa: PLC0415 - an extra

        return to_polars(self.table())

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write every row to a CSV file (UTF-8), whole or not at all.

        Text that a spreadsheet would run as a formula, or whose leading zeros it would eat, gets an
        apostrophe in front. A blank is an empty cell, an empty text a lone apostrophe.

        Args:
            path: The file; ``.gz`` compresses.

        Raises:
            InvalidInputError: A text holds half a character.
            OSError: It cannot be written.
        """
        from bulkeditor.plans._export import to_csv  # noqa: PLC0415 - loaded when used

        to_csv(self.table(), path)

    def to_xlsx(self, path: str | PathLike[str]) -> None:
        """Write every row to an Excel workbook, whole or not at all.

        Text stays text, whatever it looks like. Amounts are numbers; those of more than 15 digits, which
        Excel does not hold, are text.

        Args:
            path: The file.

        Raises:
            InvalidInputError: There are more rows than a sheet holds.
            MissingExtraError: openpyxl is not installed.
            OSError: It cannot be written.
        """
        from bulkeditor.plans._export import to_xlsx  # noqa: PLC0415 - an extra

        to_xlsx(self.table(), path)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()


def _lines(table: Table, width: int) -> list[str]:
    columns = [column for column in table.columns if any(column.texts)]
    while len(columns) > 1 and width < len(columns) * (_NARROWEST + _GAP) - _GAP:
        columns.remove(max(columns, key=lambda column: column.rank))
    texts = [[column.name, *column.texts] for column in columns]
    widths = _widths([max(map(width_of, cells)) for cells in texts], width - _GAP * (len(columns) - 1))
    shown = (
        [padded(cut(text, size), size, right=right) for text, right in zip(cells, rights, strict=True)]
        for cells, rights, size in zip(texts, map(_rights, columns), widths, strict=True)
    )
    return [(" " * _GAP).join(cells).rstrip() for cells in zip(*shown, strict=True)]


def _rights(column: Column) -> list[bool]:
    numbers = list(map(_is_number, column.cells))
    return [any(numbers) and numbers.count(True) * 2 > len(numbers), *numbers]


def _is_number(value: Value) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _widths(natural: list[int], room: int) -> list[int]:
    """Widths that fit into the room: the widest give way first."""
    widths = list(natural)
    while sum(widths) > room:
        widest = max(widths)
        if widest <= _NARROWEST:
            break
        widths[widths.index(widest)] -= 1
    return widths


def _html(table: Table) -> str:
    columns = [column for column in table.columns if any(column.texts)]
    names = "".join(f"<th>{escape(column.name)}</th>" for column in columns)
    cells = ([*map(_html_cell, column.texts, _rights(column)[1:])] for column in columns)
    rows = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True))
    return f"<table><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>"


def _html_cell(text: str, right: bool) -> str:  # noqa: FBT001 - mapped over cells
    style = ' style="text-align:right"' if right else ""
    return f"<td{style}>{escape(cut(text, _WIDEST))}</td>"


__all__ = ["Column", "Table", "Tabular"]
