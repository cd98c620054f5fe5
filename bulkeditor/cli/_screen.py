"""Text for a terminal, a pipe or a log file: tables, headings and marks that fit each of them."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence

import attrs
import click

_MIN_WIDTH = 40
_MAX_WIDTH = 100
# What to write where the terminal's encoding lacks a mark.
_PLAIN = {
    "✓": "ok",
    "✗": "FAILED",
    "→": "->",
    "\u2212": "-",
    "\u00d7": "x",
    "·": "-",
    "…": "~",
    "━": "=",
    "─": "-",
}


def cells(text: str) -> int:
    """How many terminal cells a text takes: East Asian wide characters take two, combining ones none."""
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1
        for char in text
    )


def one_line(text: str) -> str:
    """The text with every control character and line end replaced, so that data cannot steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text).strip()


def fit(text: str, width: int) -> str:
    """The text cut or padded to exactly ``width`` cells."""
    text = one_line(text)
    if cells(text) > width:
        while text and cells(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - cells(text))


@attrs.frozen
class Column:
    """One column of a table.

    Args:
        title: Its heading.
        right: Whether its texts are flush right.
        shrinks: Whether it gives way where the terminal is narrow.
    """

    title: str
    right: bool = False
    shrinks: bool = False


class Screen:
    """Writes to standard output through click, as the terminal allows.

    Args:
        width: Columns to use; by default what the terminal has, between 40 and 100.
        color: Whether to style; by default only in a terminal, and never with ``NO_COLOR``.
    """

    def __init__(self, *, width: int | None = None, color: bool | None = None) -> None:
        columns = width if width is not None else shutil.get_terminal_size((88, 24)).columns
        self.width = max(_MIN_WIDTH, min(_MAX_WIDTH, columns))
        # NO_COLOR counts whatever its value, unless it is empty: https://no-color.org
        self._color = False if color is None and os.environ.get("NO_COLOR") else color

    @property
    def live(self) -> bool:
        """Whether a line may be rewritten in place, for progress."""
        return sys.stdout.isatty() and os.environ.get("TERM", "") != "dumb"

    def line(self, text: str = "", *, fg: str | None = None, bold: bool = False) -> None:
        """Write one line."""
        click.echo(self._styled(text, fg=fg, bold=bold), color=self._color)

    def heading(self, text: str) -> None:
        """Write a title with room above it."""
        self.line()
        self.line(text, bold=True)

    def fact(self, name: str, text: str) -> None:
        """Write a named fact, indented under its heading."""
        click.echo(f"  {self._styled(f'{name:<10}', fg='cyan')} {self._encodable(text)}", color=self._color)

    def held(self, ok: bool, text: str) -> None:  # noqa: FBT001 -- the verdict is the point
        """Write the verdict on one check."""
        mark = self._styled("✓", fg="green") if ok else self._styled("✗", fg="red", bold=True)
        click.echo(f"  {mark} {self._encodable(text)}", color=self._color)

    def progress(self, fraction: float, text: str) -> None:
        """Rewrite the current line as a bar; in a pipe only the finished bar is written."""
        done = fraction >= 1
        if not (self.live or done):
            return
        room = max(10, min(30, self.width - cells(text) - 8))
        filled = min(room, int(fraction * room))
        bar = self._styled("━" * filled, fg="green") + self._styled("─" * (room - filled), fg="bright_black")
        start = "\r  " if self.live else "  "
        click.echo(f"{start}{bar} {self._encodable(text)}", color=self._color, nl=done)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """Write rows under headings, in the width there is."""
        widths = self._widths(columns, rows)
        click.echo(
            "  " + self._styled(_row(columns, [column.title for column in columns], widths), fg="cyan"),
            color=self._color,
        )
        for row in rows:
            click.echo("  " + self._encodable(_row(columns, row, widths)), color=self._color)

    def _widths(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
        texts = [[column.title for column in columns], *rows]
        widths = [max(cells(one_line(row[index])) for row in texts) for index in range(len(columns))]
        surplus = sum(widths) + 2 * len(columns) - self.width
        for index in sorted(range(len(columns)), key=lambda i: -widths[i]):
            if surplus > 0 and columns[index].shrinks:
                cut = min(surplus, max(0, widths[index] - 8))
                widths[index] -= cut
                surplus -= cut
        return widths

    def _styled(self, text: str, *, fg: str | None = None, bold: bool = False) -> str:
        return click.style(self._encodable(text), fg=fg, bold=bold or None)

    def _encodable(self, text: str) -> str:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            for mark, plain in _PLAIN.items():
                text = text.replace(mark, plain)
            text = text.encode(encoding, "replace").decode(encoding)
        return text


def _row(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int]) -> str:
    parts: list[str] = []
    for column, text, width in zip(columns, row, widths, strict=True):
        fitted = fit(text, width)
        parts.append(" " * (width - cells(fitted.rstrip())) + fitted.rstrip() if column.right else fitted)
    return "  ".join(parts).rstrip()
