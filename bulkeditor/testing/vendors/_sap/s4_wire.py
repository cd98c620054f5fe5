"""How S/4HANA's gateway writes and reads values: JSON of OData 2.0.

https://www.odata.org/documentation/odata-version-2-0/json-format/: decimals are strings, times are
``/Date(milliseconds)/``, a DateTimeOffset with its offset, ``__metadata`` and ``__deferred`` beside the
values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, cast
from urllib.parse import quote

from bulkeditor.testing._standin import Answer
from bulkeditor.testing.vendors._sap.odata import EntitySet, ODataError, Prop, Row

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE: Final = re.compile(r"/Date\((-?\d+)([+-]\d{4})?\)/")
_ZERO: Final[Mapping[str, object]] = {"String": "", "Decimal": Decimal(0), "Boolean": False}


def empty_row(entities: EntitySet) -> Row:
    """A row whose properties hold what the system puts where nothing was given."""
    return {name: _ZERO.get(prop.type) for name, prop in entities.props.items()}


def etag_of(row: Mapping[str, object]) -> str:
    """The entity tag of a row."""
    return f"W/\"'{row['ETag']}'\""


def key_predicate(entities: EntitySet, row: Mapping[str, object]) -> str:
    """``('X')``, or ``(A='X',B='Y')``."""
    parts = [(name, _literal(row[name])) for name in entities.keys]
    if len(parts) == 1:
        return f"({parts[0][1]})"
    return "(" + ",".join(f"{name}={value}" for name, value in parts) + ")"


def _literal(value: object) -> str:
    if isinstance(value, datetime):
        return f"datetime'{quote(value.strftime('%Y-%m-%dT%H:%M:%S'))}'"
    return "'" + quote(str(value).replace("'", "''"), safe="") + "'"


def entity(entities: EntitySet, row: Mapping[str, object], root: str) -> Row:
    """A row as it is sent, with its metadata and links.

    Args:
        entities: Its set.
        row: Its values.
        root: The service's address.
    """
    uri = f"{root}/{entities.name}{key_predicate(entities, row)}"
    about: Row = {"id": uri, "uri": uri, "type": entities.type}
    if entities.etag:
        about["etag"] = etag_of(row)
    found: Row = {"__metadata": about}
    found.update({name: wire(prop, row[name]) for name, prop in entities.props.items()})
    found.update({name: {"__deferred": {"uri": f"{uri}/{name}"}} for name in entities.links})
    return found


def wire(prop: Prop, value: object) -> object:
    """A value as it is sent."""
    if isinstance(value, Decimal):
        return format(value.quantize(Decimal(1).scaleb(-prop.scale)), "f")
    if isinstance(value, datetime):
        since = value - _EPOCH
        offset = "+0000" if prop.type == "DateTimeOffset" else ""
        return f"/Date({since // timedelta(milliseconds=1)}{offset})/"
    return value


def read_value(name: str, prop: Prop, value: object) -> object:
    """A value that was sent, checked against its type.

    Raises:
        ODataError: It does not fit.
    """
    if value is None:
        return None
    wanted = {"String": _read_text, "Decimal": _read_decimal, "Boolean": _read_flag}.get(
        prop.type, _read_time
    )
    try:
        return wanted(prop, value)
    except (ValueError, InvalidOperation):
        raise ODataError(
            400, f"Property '{name}' has invalid value '{value}'", "CX_SXML_PARSE_ERROR"
        ) from None


def _read_text(prop: Prop, value: object) -> str:
    if not isinstance(value, str) or len(value) > (prop.size or 0):
        raise ValueError
    return value


def _read_decimal(prop: Prop, value: object) -> Decimal:
    # A number in JSON is refused: Edm.Decimal travels as a string.
    if not isinstance(value, str) or not re.fullmatch(r"-?\d+(\.\d+)?", value):
        raise ValueError
    number = Decimal(value)
    if number != round(number, prop.scale) or abs(number) >= Decimal(10) ** ((prop.size or 0) - prop.scale):
        raise ValueError
    return number


def _read_flag(_: Prop, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - becomes one sentence with all others
    return value


def _read_time(_: Prop, value: object) -> datetime:
    found = _DATE.fullmatch(str(value))
    if found:
        return _EPOCH + timedelta(milliseconds=int(found[1]))
    time = datetime.fromisoformat(str(value))
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def selected(row: Row, names: list[str]) -> Row:
    """What ``$select`` leaves of a row as it is sent; ``to_X/Y`` reaches into what was expanded."""
    found: Row = {"__metadata": row["__metadata"]}
    for name in names:
        first, _, rest = name.partition("/")
        inner = row.get(first)
        if not rest or not isinstance(inner, dict):
            found[first] = inner
            continue
        nested = [part.partition("/")[2] for part in names if part.startswith(f"{first}/")]
        if "results" in inner:
            rows = cast("list[Row]", inner["results"])
            found[first] = {"results": [selected(one, nested) for one in rows]}
        else:
            found[first] = selected(cast("Row", inner), nested)
    return found


def error_answer(error: ODataError) -> Answer:
    """An error as the gateway tells it."""
    code = error.code or "005056A509B11EE1B9A8FEC11C21578E"
    detail: Row = {"code": code, "message": error.message, "target": "", "severity": "error"}
    body: Row = {
        "code": code,
        "message": {"lang": "en", "value": error.message},
        "innererror": {"transactionid": "0000000000000000", "errordetails": [detail]},
    }
    return Answer(status=error.status, body={"error": body}, headers=error.headers)


__all__ = [
    "empty_row",
    "entity",
    "error_answer",
    "etag_of",
    "key_predicate",
    "read_value",
    "selected",
    "wire",
]
