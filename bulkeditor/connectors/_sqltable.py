"""Any table of a SQL database, read and written through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Final

import attrs

from bulkeditor._secret import Secret
from bulkeditor._secret import secret as as_secret
from bulkeditor.connectors._bookmark import cursor_json, cursor_value
from bulkeditor.connectors._convert import Boolean, Converter, DateTime, Number, Raw, Text
from bulkeditor.connectors._declare import Capabilities, Limits
from bulkeditor.connectors._fields import BROKEN, Field, known_converter
from bulkeditor.connectors._layout import Layout
from bulkeditor.connectors._settings import setting
from bulkeditor.connectors._types import (
    Batch,
    Change,
    CursorValue,
    Outcome,
    Outcomes,
    OutcomeStatus,
    Place,
    Query,
    Reading,
    Records,
    Writing,
)
from bulkeditor.connectors.base import Connector
from bulkeditor.errors import ConfigurationError, InvalidInputError, MissingExtraError, ServerError

_PAGE: Final = 1000
_NO_COLUMNS: Final[Mapping[str, str]] = MappingProxyType({})


class SQLTable(Connector):
    """A table, or a view, of a SQL database.

        erp = SQLTable("postgresql+psycopg://…", table="items", key="sku", cursor="changed_at")

    Rows are read in pages by key, so a read can go on anywhere and holds no transaction between its pages.
    Each change is an UPDATE of its own within one transaction for each batch; ``expected`` values are
    compared by the database itself, and a ``delta`` is added by it.

    Settings:
        database: SQLAlchemy's URL of the database (``url`` in JSON); a secret, because it holds the password.
        table: The table, or ``schema.table``.
        key: Our field, or the column, that identifies a row; it must be unique.
        cursor: Our field, or the column, that says when a row last changed; None = every read brings all
            rows.
        columns: Our field names to columns; without it every column is a field of its own name.
        zone: The zone of times that carry none; UTC when it is left out.
        insert: Whether a change to a key that is not there makes a new row.
    """

    name: ClassVar[str] = "sql"
    capabilities: ClassVar[Capabilities] = Capabilities(
        by_key=True,
        delete=True,
        deletions="full_scan",
        delta={"inventory_quantity"},
        compare_and_swap={"price", "cost", "inventory_quantity"},
    )
    limits: ClassVar[Limits] = Limits(batch_size=500, concurrency=1)
    look_back: ClassVar[timedelta] = timedelta(minutes=5)
    speaks_http: ClassVar[bool] = False
    blocking: ClassVar[bool] = True
    unique_keys: ClassVar[bool] = True

    database: str | Secret = attrs.field(
        kw_only=False, converter=as_secret, metadata={"positional": True, "secret": True, "json": "url"}
    )
    table: str
    key_name: str = setting(alias="key", json="key", default="sku")
    cursor_name: str | None = setting(alias="cursor", json="cursor", default=None)
    columns: Mapping[str, str] = setting(default=_NO_COLUMNS)
    zone: tzinfo = setting(default=UTC)
    insert: bool = setting(default=False)

    def layout(self) -> Layout:
        """How rows become records."""
        name, columns = self.cursor_name, self._table.columns
        kind = self._converter(name, columns[name]) if name is not None and name in columns else None
        layout = Layout.declared(self.key_name, name, self.read_fields(), cursor_type=kind)
        if layout.cursor is not None and isinstance(self._column(layout.cursor).type, _sqlalchemy().Date):
            return attrs.evolve(layout, cursor=Field(layout.cursor.source, _Day(zone=self.zone)))
        return layout

    def read_fields(self) -> Mapping[str, Field]:
        """The columns, or what ``columns`` makes of them."""
        table = self._table
        names = dict(self.columns) or {column.name: column.name for column in table.columns}
        missing = [column for column in names.values() if column not in table.columns]
        if missing:
            raise ConfigurationError(
                f"{self.table} has no column {', '.join(map(repr, missing))}.",
                hint=f"There are {', '.join(column.name for column in table.columns)}.",
            )
        return {
            name: Field(column, self._converter(name, table.columns[column]))
            for name, column in names.items()
        }

    def written_fields(self) -> Mapping[str, Field]:
        """All fields but the key."""
        return {name: field for name, field in self.read_fields().items() if name != self.key_name}

    def read(self, query: Query) -> Reading:
        """Read the rows, by cursor and key where only what changed is wanted, else by key."""
        self._ensure_unique()
        size = query.page_size or _PAGE
        place: Place = query.resume
        whole = query.since is None and not query.keys
        while True:
            rows = self._page(query, place, size)
            place = self._place(query, place, rows) if len(rows) == size else {}
            yield Records(rows, resume=place or None, complete=whole and not place)
            if not place:
                return

    def write(self, batch: Batch) -> Writing:
        """Write one batch in one transaction; a row that is refused does not keep the others from it."""
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - an extra

        outcomes: list[Outcome] = []
        try:
            with self._connection() as connection, connection.begin():
                outcomes.extend(self._write(connection, change) for change in batch)
        except SQLAlchemyError as error:
            # Until the commit is through nothing is; and whether a broken commit is, nobody can say.
            outcomes = [change.outcome("unknown", _said(error), code="commit") for change in batch]
        yield Outcomes(outcomes)

    def probes(self) -> Mapping[str, Generator[Any, Any, str]]:
        """The table is there, with its columns, and its key is unique."""
        return {"read": self._probe()}

    @cached_property
    def _table(self) -> Any:
        sql = _sqlalchemy()
        schema, _, name = self.table.rpartition(".")
        with self._connection() as connection:
            try:
                table = sql.Table(name, sql.MetaData(), schema=schema or None, autoload_with=connection)
            except sql.exc.NoSuchTableError as error:
                raise ConfigurationError(f"There is no table {self.table!r}.") from error
            for column in table.columns if connection.dialect.name == "sqlite" else ():
                if isinstance(column.type, sql.Numeric):
                    # SQLite keeps floats: their shortest text is exact, the ten digits of SQLAlchemy are not.
                    column.type = sql.Numeric(asdecimal=False)
        return table

    @contextmanager
    def _connection(self) -> Generator[Any]:
        sql = _sqlalchemy()
        engine, problem = None, "it names no database"
        try:
            engine = sql.create_engine(self.secret("database").reveal(), poolclass=sql.pool.NullPool)
        except (sql.exc.ArgumentError, ValueError):
            pass  # its text may quote the password
        except ImportError as error:
            problem = f"there is no module {error.name}"
        if engine is None:
            raise ConfigurationError(
                f"The url of {self.table!r} cannot be used: {problem}.",
                hint="It looks like postgresql+psycopg://user:password@host/database.",
            )
        try:
            with engine.connect() as connection:
                yield connection
        except sql.exc.OperationalError as error:
            failure = ServerError(
                _said(error), status=503, operation=f"sql {self.table}", hint="Try again later."
            )
        else:
            return
        finally:
            engine.dispose()
        raise failure

    def _probe(self) -> Generator[Any, Any, str]:
        yield from ()
        fields = self.read_fields()
        self._ensure_unique()
        return f"{len(fields)} columns: {', '.join(fields)}"

    def _ensure_unique(self) -> None:
        """A key that is not unique would lose rows at the edges of pages."""
        sql, key = _sqlalchemy(), self._key_column
        if self._known_unique():
            return
        twice = sql.select(key).where(key.is_not(None)).group_by(key).having(sql.func.count() > 1).limit(1)
        with self._connection() as connection:
            found = connection.execute(twice).first()
        if found is not None:
            raise ConfigurationError(
                f"The key {key.name!r} of {self.table} is not unique: {found[0]!r} stands in several rows.",
                hint="Name a column that is, or a view that makes it so.",
            )

    def _known_unique(self) -> bool:
        sql, key = _sqlalchemy(), self._key_column
        unique = [list(index.columns) for index in self._table.indexes if index.unique]
        unique += [
            list(constraint.columns)
            for constraint in self._table.constraints
            if isinstance(constraint, sql.PrimaryKeyConstraint | sql.UniqueConstraint)
        ]
        return [key] in unique

    @property
    def _key_column(self) -> Any:
        return self._column(self.layout().key)

    @property
    def _cursor_column(self) -> Any:
        cursor = self.layout().cursor
        assert cursor is not None
        return self._column(cursor)

    def _column(self, field: Field) -> Any:
        columns = self._table.columns
        if str(field.source) not in columns:
            raise ConfigurationError(
                f"{self.table} has no column {field.source!r}.",
                hint=f"There are {', '.join(column.name for column in columns)}.",
            )
        return columns[str(field.source)]

    def _page(self, query: Query, place: Place, size: int) -> list[Mapping[str, object]]:
        sql, key = _sqlalchemy(), self._key_column
        select = sql.select(self._table).limit(size)
        if query.keys:
            select = select.where(key.in_(query.keys))
        if query.since is None:
            # Rows without a key stand behind all others: they are reported, not lost.
            select = select.order_by(key.is_(None), key)
            if "keyless" in place:
                select = select.where(key.is_(None)).offset(place["keyless"])
            elif place:
                select = select.where(sql.or_(key > place["key"], key.is_(None)))
        else:
            cursor = self._cursor_column
            select = select.where(cursor >= self._bound(query.since)).order_by(cursor, key)
            if query.until is not None:
                select = select.where(cursor <= self._bound(query.until))
            if place:
                at = self._bound(cursor_value(place["cursor"]))
                select = select.where(sql.or_(cursor > at, sql.and_(cursor == at, key > place["key"])))
        with self._connection() as connection:
            return [dict(row) for row in connection.execute(select).mappings()]

    def _place(self, query: Query, place: Place, rows: Sequence[Mapping[str, object]]) -> Place:
        """Behind the last row of a full page."""
        name = self._key_column.name
        key = rows[-1][name]
        if key is None:
            before = place.get("keyless", 0)
            assert isinstance(before, int)
            return {"keyless": before + sum(row[name] is None for row in rows)}
        if query.since is None:
            return {"key": _plain(key)}
        layout = self.layout()
        assert layout.cursor is not None
        at: Any = layout.cursor.read(rows[-1])
        return {"key": _plain(key), "cursor": cursor_json(at)}

    def _bound(self, value: CursorValue | None) -> object:
        """A bound as the column has it: a time without a zone where it keeps none."""
        sql, kind = _sqlalchemy(), self._cursor_column.type
        if not isinstance(value, datetime):
            return value
        if isinstance(kind, sql.String):
            raise InvalidInputError(
                f"The cursor of {self.table} is a text: since and until must be such texts, too.",
                hint="Better still, give the table a column that is a time.",
            )
        if isinstance(kind, sql.Date):
            return value.astimezone(self.zone).date()
        return value if getattr(kind, "timezone", False) else value.astimezone(self.zone).replace(tzinfo=None)

    def _converter(self, name: str, column: Any) -> Converter:
        sql = _sqlalchemy()
        found = known_converter(name)
        if found is not None and not isinstance(found, DateTime):
            return found
        for kind, converter in (
            (sql.DateTime, _Moment(zone=self.zone, aware=getattr(column.type, "timezone", False))),
            (sql.Boolean, Boolean()),
            (sql.Numeric, Number()),
            (sql.Float, Number()),
            (sql.String, Text()),
        ):
            if isinstance(column.type, kind):
                return converter
        return Raw()

    def _write(self, connection: Any, change: Change) -> Outcome:
        sql = _sqlalchemy()
        try:
            with connection.begin_nested():
                return self._apply(connection, change)
        except BROKEN as error:
            # Such as a number that the driver cannot send, or a value that no column can hold.
            return change.outcome("dead_lettered", str(error), code="unwritable_value")
        except (sql.exc.IntegrityError, sql.exc.DataError, sql.exc.StatementError) as error:
            # A deadlock or a lock: this very row may be taken the next time.
            retryable = isinstance(error, sql.exc.OperationalError)
            status: OutcomeStatus = "failed" if retryable else "dead_lettered"
            return change.outcome(status, _said(error), code=type(error).__name__, retryable=retryable)

    def _apply(self, connection: Any, change: Change) -> Outcome:
        sql, fields = _sqlalchemy(), self.read_fields()
        key, columns = self._key_column, self._table.columns
        # A database would take "007" for 7.
        foreign = isinstance(key.type, sql.Integer) and not _same_number(change.key)
        same = sql.false() if foreign else key == change.key
        strange = [name for name in change.delta if name not in fields]
        if strange:
            return change.outcome(
                "dead_lettered", f"not written there: {', '.join(strange)}", code="unsupported"
            )
        if change.delete:
            gone = connection.execute(sql.delete(self._table).where(same)).rowcount
            return change.outcome("deleted") if gone else _nowhere(change)
        values: dict[str, Any] = {
            str(fields[name].source): fields[name].write(value) for name, value in change.values.items()
        }
        for name, difference in change.delta.items():
            column = columns[str(fields[name].source)]
            values[column.name] = column + difference
        moved = [columns[str(fields[name].source)] for name in change.delta]
        # Nothing and a difference make nothing.
        where = [same, *(column.is_not(None) for column in moved)]
        for name, value in (change.expected or {}).items():
            column = columns[str(fields[name].source)]
            where.append(column.is_(None) if value is None else column == fields[name].write(value))
        if connection.execute(sql.update(self._table).where(*where).values(values)).rowcount:
            return change.outcome("updated")
        if connection.execute(sql.select(key).where(same)).first() is not None:
            other = ", or holds no number that could be moved" if moved else ""
            return change.outcome("conflicted", f"it is not as expected any more{other}", code="changed")
        if not self.insert or change.delta:
            return _nowhere(change)
        connection.execute(sql.insert(self._table).values({key.name: change.key, **values}))
        return change.outcome("created")


@attrs.frozen(kw_only=True)
class _Moment(DateTime):
    """A time as a column takes it: with a zone, or without one in the table's."""

    aware: bool = False

    def write(self, value: object) -> object:
        time = self.read(value)
        return time if self.aware else time.astimezone(self.zone).replace(tzinfo=None)


@attrs.frozen(kw_only=True)
class _Day(DateTime):
    """A day as a cursor: the time at which it begins."""

    def read(self, value: object) -> datetime:
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=self.zone)
        return DateTime.read(self, value)


def _same_number(key: str) -> bool:
    return key.removeprefix("-").isdecimal() and key == str(int(key))


def _nowhere(change: Change) -> Outcome:
    return change.outcome("skipped", "there is no row of this key", code="not_found")


def _said(error: Exception) -> str:
    """What the database itself said, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip()


def _plain(value: object) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _sqlalchemy() -> Any:
    try:
        import sqlalchemy  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("sql", feature="SQLTable") from error
    return sqlalchemy


__all__ = ["SQLTable"]
