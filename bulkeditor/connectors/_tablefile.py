"""What CSV and Excel files have in common: a heading, rows below it, read in pages, rewritten as a whole."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, tzinfo
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal, Protocol, TypeAlias

import attrs

from bulkeditor.connectors._convert import Converter, DateTime, Number, Text
from bulkeditor.connectors._declare import Capabilities, Limits
from bulkeditor.connectors._fields import Field, known_converter
from bulkeditor.connectors._filelock import locked
from bulkeditor.connectors._layout import Layout
from bulkeditor.connectors._settings import setting
from bulkeditor.connectors._types import Batch, Change, Outcome, Outcomes, Query, Reading, Records, Writing
from bulkeditor.connectors.base import Connector
from bulkeditor.errors import ConfigurationError, PaginationError

Cells: TypeAlias = Mapping[str, object] | list[object]
"""A row by column; as a list where it has more cells than the heading."""

_PAGE: Final = 1000
_NO_COLUMNS: Final[Mapping[str, str]] = MappingProxyType({})


def _names(columns: Mapping[str, object]) -> Mapping[str, str]:
    """Converter: columns are named, and how their texts are written is said for the whole file."""
    found: dict[str, str] = {}
    for name, given in columns.items():
        if not isinstance(given, str):
            raise ConfigurationError(
                f"columns: {name!r} must be the name of a column, got {type(given).__name__}.",
                hint=f"Write {{{name!r}: 'Its heading'}}; how numbers and times are written is said by the"
                " file's decimal, group and zone.",
            )
        found[name] = given
    return found


class Table(Protocol):
    """An open file."""

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        ...

    def rows(self, *, marked: bool = False) -> Iterator[Cells]:
        """The rows below the heading that hold anything; null for an empty cell.

        Args:
            marked: Cells that compute come as :class:`Formula`.
        """
        ...


class Edit(Protocol):
    """Decides on one row: the columns to change, or None to leave it as it is."""

    def __call__(self, row: Cells) -> Mapping[str, object] | None:
        """Look at a row."""
        ...


class TableFile(Connector):
    """A table in a file.

    Settings:
        path: The file.
        key: Our field, or the column, that identifies a row.
        cursor: Our field, or the column, that says when a row last changed; None = every read brings all
            rows.
        columns: Our field names to columns; without it every column is a field of its own name.
        decimal: The decimal mark in texts.
        group: The mark between thousands in texts (``1.234,50``); numbers without it are read as well, and it
            is not written.
        zone: The zone of times that carry none.
        append: Whether a change to a key that is not there makes a new row.
    """

    capabilities: ClassVar[Capabilities] = Capabilities(by_key=True, deletions="full_scan")
    limits: ClassVar[Limits] = Limits(batch_size=100_000, concurrency=1)
    speaks_http: ClassVar[bool] = False
    blocking: ClassVar[bool] = True
    unique_keys: ClassVar[bool] = True
    texts: ClassVar[bool] = False

    path: str | os.PathLike[str] = attrs.field(kw_only=False, metadata={"positional": True})
    key_name: str = setting(alias="key", json="key", default="sku")
    cursor_name: str | None = setting(alias="cursor", json="cursor", default=None)
    columns: Mapping[str, str] = setting(default=_NO_COLUMNS, converter=_names)
    decimal: Literal[".", ","] = setting(default=".")
    group: str = setting(default="")
    zone: tzinfo | None = setting(default=None)
    append: bool = setting(default=False)

    @abstractmethod
    def opened(self) -> AbstractContextManager[Table]:
        """The file, to be read.

        Raises:
            ConfigurationError: It cannot be read, or has no heading.
        """

    @abstractmethod
    def rewritten(self, edit: Edit, added: list[Mapping[str, object]]) -> None:
        """Write the file anew, whole or not at all.

        Args:
            edit: Asked about each row, in order.
            added: Rows to append, known only after the last row was looked at.
        """

    def layout(self) -> Layout:
        """How rows become records."""
        at = DateTime(zone=self.zone)
        return Layout.declared(self.key_name, self.cursor_name, self.read_fields(), cursor_type=at)

    def read_fields(self) -> Mapping[str, Field]:
        """The columns, or what ``columns`` makes of them."""
        names = dict(self.columns) or {name: name for name in self._names()}
        return {name: Field(column, self._converter(name)) for name, column in names.items()}

    def creates(self) -> bool:
        """As ``append`` says."""
        return self.append

    def written_fields(self) -> Mapping[str, Field]:
        """All fields but the key."""
        return {name: field for name, field in self.read_fields().items() if name != self.key_name}

    def read(self, query: Query) -> Reading:
        """Read the rows, in the order of the file."""
        key, wanted = self.layout().key, frozenset(query.keys)
        size = query.page_size or _PAGE
        at = query.resume.get("row", 0)
        version = self.version()
        if query.resume and query.resume.get("version") != version:
            raise PaginationError(
                f"{self.path} has changed since the page that you go on after; read it anew."
            )
        whole = query.since is None and not wanted
        with self.opened() as table:
            self._ensure_columns(table.names)
            page: list[Cells] = []
            for number, row in enumerate(table.rows(), start=1):
                if isinstance(at, int) and number <= at:
                    continue
                if len(page) == size:
                    yield Records(page, resume={"row": number - 1, "version": version})
                    page = []
                if not wanted or _key(key, row) in wanted:
                    page.append(row)
            yield Records(page, complete=whole)

    def write(self, batch: Batch) -> Writing:
        """Write the changes into the file, in one go: all rows that can be, or, when that fails, none."""
        # Nothing is yielded while the lock is held.
        yield Outcomes(self._written(batch))

    def probes(self) -> Mapping[str, Generator[Any, Any, str]]:
        """The heading can be read, and its columns are there."""
        return {"read": self._probe()}

    def version(self) -> str:
        """What changes whenever the file does."""
        try:
            status = Path(self.path).stat()
        except OSError as error:
            raise self.unreadable(error) from error
        return f"{status.st_mtime_ns}-{status.st_size}"

    def unreadable(self, error: Exception) -> ConfigurationError:
        """The error for a file that cannot be read."""
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return ConfigurationError(f"{self.path} cannot be read: {reason}.", hint="Check the path.")

    def _names(self) -> list[str]:
        """The columns, read again only when the file has changed."""
        version = self.version()
        known: tuple[str, list[str]] | None = self.__dict__.get("_known")
        if known is None or known[0] != version:
            with self.opened() as table:
                known = (version, table.names)
            # Beside the settings, which are frozen: it is remembered, not set.
            self.__dict__["_known"] = known
        return known[1]

    def _converter(self, name: str) -> Converter:
        found = known_converter(name) or Text()
        if isinstance(found, Number):
            return attrs.evolve(found, decimal=self.decimal, group=self.group, as_text=self.texts)
        if isinstance(found, DateTime):
            return attrs.evolve(found, zone=self.zone)
        if name == self.cursor_name:
            return DateTime(zone=self.zone)
        return found

    def _ensure_columns(self, names: list[str]) -> None:
        layout = self.layout()
        used = [str(field.source) for field in (layout.key, layout.cursor) if field is not None]
        wanted = dict.fromkeys([*self.columns.values(), *used])
        missing = [column for column in wanted if column not in names]
        if missing:
            raise ConfigurationError(
                f"{self.path} has no column {', '.join(map(repr, missing))}.",
                hint=f"There are {', '.join(map(repr, names))}.",
            )

    def _probe(self) -> Generator[Any, Any, str]:
        yield from ()
        with self.opened() as table:
            self._ensure_columns(table.names)
            return f"{len(table.names)} columns: {', '.join(table.names)}"

    def _written(self, batch: Batch) -> list[Outcome]:
        with locked(Path(self.path)):
            plan = _Plan(self, batch)
            with self.opened() as table:
                self._ensure_columns(table.names)
                for row in table.rows(marked=True):
                    plan.look(row)
            plan.decide()
            if plan.edits or plan.added:
                self.rewritten(plan.edit, plan.added)
        return list(plan.outcomes.values())


class _Plan:
    """What becomes of each change, found by looking at every row once, before anything is written."""

    def __init__(self, file: TableFile, batch: Batch) -> None:
        self._file = file
        self._key = file.layout().key
        self._fields = file.read_fields()
        self._changes = {change.key: change for change in batch}
        self._found: dict[str, list[Cells]] = {}
        self.edits: dict[str, Mapping[str, object]] = {}
        self.added: list[Mapping[str, object]] = []
        self.outcomes: dict[str, Outcome] = {}

    def look(self, row: Cells) -> None:
        key = _key(self._key, row)
        if key in self._changes:
            self._found.setdefault(key, []).append(row)

    def decide(self) -> None:
        for key, change in self._changes.items():
            self.outcomes[key] = self._outcome(change, self._found.get(key, []))

    def edit(self, row: Cells) -> Mapping[str, object] | None:
        key = _key(self._key, row)
        return None if key is None else self.edits.get(key)

    def _outcome(self, change: Change, rows: list[Cells]) -> Outcome:
        if len(rows) > 1:
            message = f"the key stands in {len(rows)} rows; none was changed"
            return change.outcome("dead_lettered", message, code="duplicate_key")
        cells = {str(self._fields[name].source): value for name, value in self._wire(change).items()}
        if not rows:
            return self._new(change, cells)
        row = rows[0]
        assert isinstance(row, Mapping)
        moved = [name for name, value in (change.expected or {}).items() if not self._holds(row, name, value)]
        if moved:
            message = f"not as expected any more: {', '.join(moved)}"
            return change.outcome("conflicted", message, code="changed")
        if all(self._holds(row, name, value) for name, value in change.values.items()):
            return change.outcome("unchanged", "it holds these values already")
        computed = [column for column in cells if isinstance(row.get(column), Formula)]
        if computed:
            message = f"a formula stands in {', '.join(computed)}, and is not overwritten"
            return change.outcome("dead_lettered", message, code="formula")
        self.edits[change.key] = cells
        return change.outcome("updated")

    def _holds(self, row: Mapping[str, object], name: str, value: object) -> bool:
        field = self._fields.get(name)
        if field is None:
            return True
        cell = row.get(str(field.source))
        held = cell.value if isinstance(cell, Formula) else cell
        return field.typed(held) == field.typed(value)

    def _new(self, change: Change, cells: Mapping[str, object]) -> Outcome:
        if not self._file.append:
            return change.outcome("skipped", "there is no row of this key", code="not_found")
        self.added.append({str(self._key.source): change.key, **cells})
        return change.outcome("created")

    def _wire(self, change: Change) -> Mapping[str, object]:
        return {name: self._fields[name].write(value) for name, value in change.values.items()}


@attrs.frozen
class Formula:
    """A cell whose value is computed.

    Args:
        text: The formula.
        value: What it came to when it was last computed.
    """

    text: str
    value: object = None


@attrs.frozen
class Broken:
    """A cell that shows an error (``#N/A``) instead of a value; no field can be read from it.

    Args:
        text: The error.
    """

    text: str


def _key(field: Field, row: Cells) -> str | None:
    if not isinstance(row, Mapping):
        return None
    try:
        found = field.read(row)
    except ValueError:
        return None
    return found if isinstance(found, str) else None


def cell_text(value: object) -> str:
    """A value as the text of a cell."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat()
        case _:
            return str(value)


def columns_of(path: str | os.PathLike[str], names: list[str]) -> list[str]:
    """Names of columns, checked; one without a name is known by its place.

    Raises:
        ConfigurationError: There are none, or one stands twice.
    """
    found = [name.strip() or f"column {place}" for place, name in enumerate(names, start=1)]
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise ConfigurationError(
            f"{path}: the heading names {', '.join(map(repr, twice))} more than once.",
            hint="Rename one of them.",
        )
    if not any(name.strip() for name in names):
        raise ConfigurationError(f"{path} has no heading.", hint="Its first row must name the columns.")
    return found


__all__ = ["Broken", "Cells", "Edit", "Formula", "Table", "TableFile", "cell_text", "columns_of"]
