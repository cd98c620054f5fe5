"""A subset of SuiteQL, run by SQLite: what a query may say, and what is refused, as NetSuite refuses it.

https://docs.oracle.com/en/cloud/saas/netsuite/ns-online-help/section_156257770590.html
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias

import attrs

# What a cell holds; True and False are T and F, as everywhere in SuiteQL.
Cell: TypeAlias = str | int | Decimal | bool | datetime | None

_Plain: TypeAlias = str | int | float | None
# A moment is text that sorts, marked so that it is told from what TO_CHAR made.
_MOMENT: Final = "\x01"
_TOKENS: Final = re.compile(
    r"""(?P<space>\s+)|(?P<text>'(?:[^']|'')*')|(?P<quoted>"[^"]*")|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<name>[A-Za-z_][A-Za-z0-9_$]*)|(?P<other><=|>=|<>|!=|\|\||[-+*/(),.=<>])"""
)
# There is no LIMIT: the page is in the address, at most 1000 rows of it.
_REFUSED: Final = re.compile(
    "limit|offset|fetch|insert|update|delete|create|drop|alter|attach|pragma|into|with", re.IGNORECASE
)
# What may stand before a bracket: the functions that there are here, and words of the language.
_CALLED: Final = re.compile(
    "to_date|to_timestamp|to_char|nvl|coalesce|nullif|upper|lower|trim|length|substr|replace|round|abs"
    "|count|sum|min|max|avg|in|and|or|not|on|where|having|by|select|from|exists|when|then|else|as|union|all",
    re.IGNORECASE,
)
_MASKS: Final[Mapping[str, str]] = {
    "YYYY": "%Y",
    "MM": "%m",
    "DD": "%d",
    "HH24": "%H",
    "MI": "%M",
    "SS": "%S",
}
_MASK: Final = re.compile(r"YYYY|MM|DD|HH24|MI|SS|\"([^\"]*)\"|[^A-Za-z\"]+")


class InvalidQueryError(Exception):
    """A query that NetSuite would refuse.

    Args:
        detail: Its sentence.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = f"Invalid search query. Detailed unprocessed description follows. {detail}"


@attrs.frozen
class Table:
    """A table as a role sees it.

    Args:
        columns: Names, lower case.
        rows: Cells in the order of the columns.
    """

    columns: Sequence[str]
    rows: Iterable[Sequence[Cell]]


class Database:
    """Answers SuiteQL about some tables.

    Args:
        tables: By name, lower case.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.execute("PRAGMA case_sensitive_like = ON")
        for name, (arguments, function) in _OWN.items():
            self._connection.create_function(name, arguments, function, deterministic=True)
        for name, table in tables.items():
            columns = ", ".join(f'"{column}"' for column in table.columns)
            self._connection.execute(f'CREATE TABLE "{name}" ({columns})')
            marks = ", ".join("?" * len(table.columns))
            rows = [[_stored(cell) for cell in row] for row in table.rows]
            self._connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)  # noqa: S608 - our own names

    def rows(self, text: str) -> list[dict[str, str]]:
        """What a query answers: every value is text, names are lower case, null is left out.

        Args:
            text: The query.

        Raises:
            InvalidQueryError: It is no SuiteQL, or names what is not there.
        """
        try:
            cursor = self._connection.execute(_translated(text))
            found = cursor.fetchall()
        except sqlite3.Error as error:
            raise InvalidQueryError(_sentence(str(error))) from error
        names = [_named(column[0], place) for place, column in enumerate(cursor.description, 1)]
        return [
            {name: _shown(cell) for name, cell in zip(names, row, strict=True) if cell is not None}
            for row in found
        ]

    def close(self) -> None:
        """Forget the tables."""
        self._connection.close()


def main_table(text: str) -> str:
    """The first table that a query names."""
    found = re.search(r"\bfrom\s+([A-Za-z_]+)", text, re.IGNORECASE)
    return found[1].lower() if found else ""


def _translated(text: str) -> str:
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        found = _TOKENS.match(text, at)
        if found is None or found.lastgroup is None:
            raise InvalidQueryError(f"Search error occurred: Invalid character '{text[at]}'.")
        if found.lastgroup != "space":
            tokens.append((found.lastgroup, found[0]))
        at = found.end()
    if not tokens or tokens[0][1].lower() != "select":
        raise InvalidQueryError("Search error occurred: Only SELECT statements are supported.")
    return " ".join(_words(tokens))


def _words(tokens: list[tuple[str, str]]) -> list[str]:
    words: list[str] = []
    most: str | None = None
    place = 0
    while place < len(tokens):
        kind, word = tokens[place]
        after = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        low = word.lower()
        if kind == "name" and _REFUSED.fullmatch(word):
            raise InvalidQueryError(f"Search error occurred: Invalid or unsupported search: '{word}'.")
        if kind == "name" and low == "top" and after.isdecimal():
            most = after
            place += 2
            continue
        if kind == "name" and after == "(" and not _CALLED.fullmatch(word):
            raise InvalidQueryError(f"Search error occurred: Unknown function '{word}'.")
        # A word of SQLite's own, and a table of NetSuite's.
        words.append('"transaction"' if low == "transaction" else word)
        place += 1
    return [*words, "LIMIT", most] if most else words


def _sentence(error: str) -> str:
    what, _, name = error.partition(": ")
    if what == "no such column":
        return f"Search error occurred: Unknown identifier '{name.rpartition('.')[2]}'."
    if what == "no such table":
        return f"Search error occurred: Record '{name}' was not found."
    return "Search error occurred: Invalid or unsupported search."


def _named(column: str, place: int) -> str:
    return column.lower() if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", column) else f"expr{place}"


def _stored(cell: Cell) -> str | int | float | None:
    if isinstance(cell, bool):
        return "T" if cell else "F"
    if isinstance(cell, datetime):
        return _MOMENT + cell.isoformat(" ", "seconds")
    # The engine's numbers are double precision as well; 15 digits of an amount come back as they were.
    return float(cell) if isinstance(cell, Decimal) else cell


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return format(Decimal(repr(cell)).normalize(), "f")
    text = str(cell)
    if text.startswith(_MOMENT):
        # A date that is not formatted comes in the account's date format, and without its time.
        moment = datetime.fromisoformat(text[1:])
        return f"{moment.month}/{moment.day}/{moment.year}"
    return text


def _to_date(text: str | None, mask: str) -> str | None:
    if text is None:
        return None
    moment = datetime.strptime(text, _format(mask))  # noqa: DTZ007 - a wall clock's, as the column is
    return _MOMENT + moment.isoformat(" ", "seconds")


def _to_char(value: object, mask: str) -> str | None:
    if value is None:
        return None
    text = str(value)
    if not text.startswith(_MOMENT):
        return text
    return datetime.fromisoformat(text[1:]).strftime(_format(mask))


def _nvl(value: _Plain, otherwise: _Plain) -> _Plain:
    return otherwise if value is None else value


def _format(mask: str) -> str:
    """Oracle's format model in Python's words."""
    at, parts = 0, list[str]()
    while at < len(mask):
        found = _MASK.match(mask, at)
        if found is None:
            raise ValueError(f"date format not recognized: {mask}")
        parts.append(_MASKS.get(found[0]) or (found[1] if found[0].startswith('"') else found[0]))
        at = found.end()
    return "".join(parts)


_OWN: Final[Mapping[str, tuple[int, Callable[..., _Plain]]]] = {
    "TO_DATE": (2, _to_date),
    "TO_TIMESTAMP": (2, _to_date),
    "TO_CHAR": (2, _to_char),
    "NVL": (2, _nvl),
}

__all__ = ["Cell", "Database", "InvalidQueryError", "Table", "main_table"]
