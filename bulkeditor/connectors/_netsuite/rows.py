"""What NetSuite's SuiteQL gives and takes: rows, names, ids, literals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias, cast

from bulkeditor.connectors._convert import Number
from bulkeditor.connectors._fields import MISSING
from bulkeditor.connectors._types import StockLevel
from bulkeditor.errors import ConfigurationError, PaginationError
from bulkeditor.http import Response

Rows: TypeAlias = Sequence[Mapping[str, object]]

_TIME: Final = "YYYY-MM-DD HH24:MI:SS"
_LEVELS: Final = "item, location, quantityonhand, quantityavailable, quantitycommitted, quantityonorder"

_BETWEEN: Final = " : "
_NUMBER: Final = Number()


# Settings


def account_name(given: str) -> str:
    """An account's id in lower case, checked: it becomes part of a host's name.

    Raises:
        ConfigurationError: It is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]+", given, re.ASCII):
        raise ConfigurationError(f"account_id is {given!r:.60}; it is such as 1234567 or 1234567_SB1.")
    return given.lower().replace("-", "_")


def an_id(value: object) -> str:
    """Converter: an internal id, which is a number; it becomes part of a question.

    Raises:
        ConfigurationError: It is none.
    """
    text = str(value)
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise ConfigurationError(f"{text!r:.60} is no internal id of NetSuite, which is a number.")
    return text


def custom_names(value: Iterable[str]) -> tuple[str, ...]:
    """Converter: ids of custom fields; they become part of a question.

    Raises:
        ConfigurationError: One is none.
    """
    names = tuple(value)
    for name in names:
        if not re.fullmatch(r"custitem\w*", name, re.ASCII):
            raise ConfigurationError(f"custom_fields: {name!r:.60} is no id such as custitem_season.")
    return names


# What is sent: SuiteQL has no parameters over REST, so names and ids are checked, and texts are quoted


def items_of(columns: Iterable[str], condition: str, since: datetime | None) -> str:
    """The question for items, in the order of their ids.

    Args:
        columns: Of the table ``item``, besides id, name and time of the last change.
        condition: Which items.
        since: Only what changed since then, in the account's zone.
    """
    wanted = ["i.id", "i.itemid", f"TO_CHAR(i.lastmodifieddate, '{_TIME}') AS updated_at"]
    wanted += [f"i.{column}" for column in columns]
    where = ["i.itemtype = 'InvtPart'", condition]
    if since is not None:
        where.append(f"i.lastmodifieddate >= TO_DATE('{since:%Y-%m-%d %H:%M:%S}', '{_TIME}')")
    return f"SELECT {', '.join(wanted)} FROM item i WHERE {' AND '.join(where)} ORDER BY i.id"  # noqa: S608 - see above


def prices_of(level: str, items: Sequence[str] = ()) -> str:
    """The question for prices of a level; of some items, or of any."""
    return _select(
        "item, quantity, unitprice", "pricing", [f"pricelevel = {level}", *_within(items)], "quantity"
    )


def stock_of(location: str | None, items: Sequence[str] = ()) -> str:
    """The question for stock at a place, or at all; of some items, or of any."""
    place = [f"location = {location}"] if location else []
    return _select(_LEVELS, "inventoryitemlocations", [*place, *_within(items)], "location")


def _within(items: Sequence[str]) -> list[str]:
    return [f"item IN ({', '.join(items)})"] if items else []


def _select(columns: str, table: str, conditions: Sequence[str], order: str) -> str:
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {columns} FROM {table}{where} ORDER BY item, {order}"  # noqa: S608 - see above


def named(keys: Iterable[str]) -> str:
    """The condition for items of these names: as they are, or behind those of their parents."""
    names = list(keys)
    ends = " OR ".join(f"i.itemid LIKE {_quoted('%' + _BETWEEN + name)}" for name in names)
    children = f"(i.itemid LIKE {_quoted('%' + _BETWEEN + '%')} AND ({ends}))"
    return f"(i.itemid IN ({', '.join(map(_quoted, names))}) OR {children})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def present(body: Mapping[str, object]) -> dict[str, object]:
    """A body without what is not given."""
    return {name: value for name, value in body.items() if value is not None}


def number(place: object) -> int:
    """A number of a place where a read goes on."""
    return place if isinstance(place, int) else 0


# What comes


def mappings(rows: Iterable[object]) -> list[Mapping[str, object]]:
    """Rows that are records at all."""
    return [cast("Mapping[str, object]", row) for row in rows if isinstance(row, Mapping)]


def rows_of(response: Response) -> tuple[Sequence[object], bool]:
    """The rows of a page, and whether more follow.

    Raises:
        UnexpectedResponseError: It is no page.
    """
    page: object = response.json()
    if isinstance(page, Mapping):
        told = cast("Mapping[str, object]", page)
        rows = told.get("items")
        if isinstance(rows, list):
            return cast("list[object]", rows), told.get("hasMore") is True
    raise response.unexpected("the answer is no page of SuiteQL")


def ids_of(rows: Iterable[object]) -> list[str]:
    """Ids of those rows that have one."""
    found = [str(row["id"]) for row in mappings(rows) if row.get("id") is not None]
    return [one for one in found if one.isascii() and one.isdigit()]


def href(record: Mapping[str, object], rel: str) -> str:
    """A link of a record; empty where it has none."""
    for link in mappings(cast("Iterable[object]", record.get("links", ()))):
        if link.get("rel") == rel:
            return str(link.get("href"))
    return ""


def tail(itemid: object) -> object:
    """The name of an item itself: that of a child stands behind those of its parents."""
    return itemid.rpartition(_BETWEEN)[2] if isinstance(itemid, str) else itemid


def by_item(lines: Rows) -> Mapping[str, list[Mapping[str, object]]]:
    """Lines of another table by the item that they belong to.

    Raises:
        PaginationError: They belong to none: the answer to another question came again.
    """
    found: dict[str, list[Mapping[str, object]]] = {}
    for line in lines:
        if "item" not in line:
            raise PaginationError("netsuite: an answer came a second time, to another question.")
        found.setdefault(str(line["item"]), []).append(line)
    return found


def first_prices(lines: Rows) -> Mapping[str, object]:
    """Price by item: that of the smallest quantity, where there are several.

    Where this quantity has several prices (of several currencies, say), they all stand there: no number, so
    that the field is reported and none of them is taken for the price.
    """
    found: dict[str, object] = {}
    for item, mine in by_item(lines).items():
        least = min(map(_quantity, mine))
        prices: list[object] = []
        for line in mine:
            if _quantity(line) == least and line.get("unitprice") not in prices:
                prices.append(line.get("unitprice"))
        found[item] = prices[0] if len(prices) == 1 else prices
    return found


def _quantity(line: Mapping[str, object]) -> Decimal:
    """From which quantity on a price holds; one that cannot be read comes last, and stops nothing."""
    try:
        return _NUMBER.read(line.get("quantity") or 0)
    except ValueError:
        return Decimal("Infinity")


def completed(
    rows: Iterable[object],
    columns: Iterable[str],
    prices: Mapping[str, object] | None,
    stock: Mapping[str, Rows] | None,
) -> list[object]:
    """Rows of items with prices and stock, and with the nulls that SuiteQL leaves out.

    A column that no row of the page holds may be one that the role cannot see, so it stays left out: nothing
    is taken for null that is only hidden.

    Args:
        rows: As they came.
        columns: What was asked for.
        prices: Price by item; None where it was not asked for.
        stock: Lines by item; None where they were not asked for.
    """
    there = {name for row in mappings(rows) for name in row}
    nulls = dict.fromkeys(column for column in columns if column in there)
    found: list[object] = []
    for row in rows:
        given = mappings([row])
        if not given or given[0].get("id") is None:
            found.append(row)
            continue
        whole: dict[str, object] = {**nulls, **given[0]}
        item = str(whole["id"])
        if prices:
            whole["price"] = prices.get(item)
        if stock:
            whole["locations"] = list(stock.get(item, ()))
        found.append(whole)
    return found


def status(inactive: object) -> str:
    """Our word for whether an item is in use."""
    return "archived" if inactive in ("T", True) else "active"


def total(lines: object) -> object:
    """What can be sold at all places together; None where there is no place."""
    if lines is MISSING:
        return MISSING
    amounts = [level.available for level in levels(lines) if level.available is not None]
    return sum(amounts, Decimal(0)) if amounts else None


def levels(lines: object) -> tuple[StockLevel, ...]:
    """Stock at each place.

    Raises:
        ValueError: A quantity is no number.
    """
    return tuple(_level(line) for line in mappings(cast("Iterable[object]", lines)))


def _level(line: Mapping[str, object]) -> StockLevel:
    def amount(name: str) -> Decimal | None:
        value = line.get(name)
        return None if value is None else _NUMBER.read(value)

    return StockLevel(
        location=str(line.get("location")),
        on_hand=amount("quantityonhand"),
        reserved=amount("quantitycommitted"),
        available=amount("quantityavailable"),
        incoming=amount("quantityonorder"),
    )


__all__ = [
    "Rows",
    "account_name",
    "an_id",
    "by_item",
    "completed",
    "custom_names",
    "first_prices",
    "href",
    "ids_of",
    "items_of",
    "levels",
    "mappings",
    "named",
    "number",
    "present",
    "prices_of",
    "rows_of",
    "status",
    "stock_of",
    "tail",
    "total",
]
