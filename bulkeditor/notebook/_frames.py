# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeStubs=false
# pyarrow ships no types.
"""Rows of models as data frames; the libraries are an extra, imported when they are needed.

Only fields that are loaded in some row become columns. Amounts stay exact: Decimal objects in pandas, decimal
columns in polars and Arrow. Times are aware (UTC). Objects (``custom_fields``, ``options``) are dicts in
pandas and JSON text in polars and Arrow, whose columns have one fixed shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import attrs

from bulkeditor._secret import Secret
from bulkeditor.errors import MissingExtraError
from bulkeditor.models import Model, encode

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types

Kind: TypeAlias = Literal["text", "whole", "number", "money", "flag", "time", "texts", "json"]

_DIGITS: Final = 38
"""Digits that decimal columns of Arrow and polars hold."""


@attrs.frozen
class Column:
    """A column of a frame.

    Args:
        name: Its name.
        kind: What its cells are.
        cells: They.
    """

    name: str
    kind: Kind
    cells: list[Any]


def to_pandas(rows: Sequence[Model], model: type[Model]) -> pd.DataFrame:
    """Rows as a pandas data frame.

    Args:
        rows: The rows.
        model: What they are; names the columns when there are no rows.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    return pandas_of(_columns(rows, model))


def pandas_of(columns: Sequence[Column]) -> pd.DataFrame:
    """Columns as a pandas data frame.

    Args:
        columns: The columns.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("dataframe", feature="to_pandas()") from error
    series: dict[str, Any] = {}
    for column in columns:
        if column.kind == "time":
            series[column.name] = pd.to_datetime(pd.Series(column.cells, dtype="object"), utc=True)
        elif column.kind == "whole":
            # Int64 has a place for "no value"; plain integers would become floats.
            series[column.name] = pd.Series(column.cells, dtype="Int64" if None in column.cells else "int64")
        elif column.kind == "flag" and None not in column.cells:
            series[column.name] = pd.Series(column.cells, dtype="bool")
        else:
            series[column.name] = pd.Series(column.cells, dtype="object")
    return pd.DataFrame(series)


def to_polars(rows: Sequence[Model], model: type[Model]) -> pl.DataFrame:
    """Rows as a polars data frame.

    Args:
        rows: The rows.
        model: What they are; names the columns when there are no rows.

    Raises:
        MissingExtraError: polars is not installed.
    """
    return polars_of(_columns(rows, model))


def polars_of(columns: Sequence[Column]) -> pl.DataFrame:
    """Columns as a polars data frame.

    Args:
        columns: The columns.

    Raises:
        MissingExtraError: polars is not installed.
    """
    try:
        import polars as pl  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("dataframe", feature="to_polars()") from error
    kinds: Mapping[Kind, Any] = {
        "text": pl.String,
        "json": pl.String,
        "whole": pl.Int64,
        "number": pl.Float64,
        "flag": pl.Boolean,
        "time": pl.Datetime("us", "UTC"),
        "texts": pl.List(pl.String),
    }
    series: list[pl.Series] = []
    for column in columns:
        scale = _scale(column)
        kind = (
            pl.String if scale is None else pl.Decimal(_DIGITS, scale) if scale >= 0 else kinds[column.kind]
        )
        series.append(pl.Series(column.name, _flat(column, scale), dtype=kind))
    return pl.DataFrame(series)


def to_arrow(rows: Sequence[Model], model: type[Model]) -> pa.Table:
    """Rows as an Arrow table.

    Args:
        rows: The rows.
        model: What they are; names the columns when there are no rows.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    return arrow_of(_columns(rows, model))


def arrow_of(columns: Sequence[Column]) -> pa.Table:
    """Columns as an Arrow table.

    Args:
        columns: The columns.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("dataframe", feature="to_arrow()") from error
    kinds: Mapping[Kind, Any] = {
        "text": pa.string(),
        "json": pa.string(),
        "whole": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "texts": pa.list_(pa.string()),
    }
    arrays: dict[str, Any] = {}
    for column in columns:
        scale = _scale(column)
        kind = (
            pa.string()
            if scale is None
            else pa.decimal128(_DIGITS, scale)
            if scale >= 0
            else kinds[column.kind]
        )
        arrays[column.name] = pa.array(_flat(column, scale), type=kind)
    return pa.table(arrays)


def _columns(rows: Sequence[Model], model: type[Model]) -> list[Column]:
    fields = attrs.fields(model)  # type: ignore[arg-type]  # models are attrs classes
    loaded: set[str] = set()
    for row in rows:
        loaded |= row.loaded
    columns: list[Column] = []
    for field in fields:
        if rows and field.name not in loaded:
            continue
        values: list[Any] = [getattr(row, field.name, None) for row in rows]
        # A key's text must not wander into a frame that is printed and saved.
        if "Secret" not in str(field.type) and not any(isinstance(value, Secret) for value in values):
            columns.append(Column(field.name, _kind(str(field.type), values), values))
    return columns


def column(name: str, cells: list[Any]) -> Column:
    """A column that is what its cells are.

    Args:
        name: Its name.
        cells: Plain values; None where there is none.
    """
    return Column(name, _kind("str", cells), cells)


def _kind(declared: str, values: Sequence[object]) -> Kind:
    """What a column holds: by its values, because servers differ, and by its type where it has none."""
    present = [value for value in values if value is not None]
    if not present:
        return _declared(declared)
    kinds: set[Kind] = {_kind_of(value) for value in present}
    if kinds == {"whole", "money"}:
        return "money"
    only: Kind = kinds.pop()
    return "json" if kinds else only


def _declared(text: str) -> Kind:
    names: tuple[tuple[str, Kind], ...] = (
        ("Decimal", "money"),
        ("datetime", "time"),
        ("Timestamp", "time"),
        ("dict", "json"),
        ("list[str]", "texts"),
        ("bool", "flag"),
        ("int", "whole"),
    )
    for word, kind in names:
        if word in text:
            return kind
    return "text"


def _kind_of(value: object) -> Kind:  # noqa: PLR0911 - a table of types
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return "whole"
    if isinstance(value, float):
        return "number"
    if isinstance(value, Decimal):
        return "money"
    if isinstance(value, datetime):
        return "time"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list) and all(isinstance(item, str) for item in cast("list[object]", value)):
        return "texts"
    return "json"


def _scale(column: Column) -> int | None:
    """Decimal places of a money column; -1 for other columns, ``None`` when the digits do not fit."""
    if column.kind != "money":
        return -1
    amounts = [Decimal(value) for value in column.cells if value is not None]
    scale = max([2, *(-int(amount.as_tuple().exponent) for amount in amounts)])
    before = max([1, *(amount.adjusted() + 1 for amount in amounts)])
    return scale if before + scale <= _DIGITS else None


def _flat(column: Column, scale: int | None) -> list[Any]:
    if column.kind == "json":
        return [None if value is None else encode(value).decode() for value in column.cells]
    if scale is None:
        return [None if value is None else str(value) for value in column.cells]
    if scale >= 0:
        return [None if value is None else Decimal(value) for value in column.cells]
    return column.cells


__all__ = ["Column", "arrow_of", "column", "pandas_of", "polars_of", "to_arrow", "to_pandas", "to_polars"]
