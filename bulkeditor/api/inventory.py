"""Inventory: locations, stock by location, setting and adjusting it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, cast

import attrs

from bulkeditor.api import _answers
from bulkeditor.api._lists import MAX_LIMIT, Listing, by_id, check_limit, collect
from bulkeditor.api._replies import entries_of, reply_of
from bulkeditor.api._request import ask, ask_once, build, ensure_text, lost, refused, unknown
from bulkeditor.errors import BulkEditorError, FieldError
from bulkeditor.http import Exchange, Request, Response
from bulkeditor.models import InventoryLevel, Location, encode

MAX_ROWS: Final = 250
_LOCATIONS: Final = "The documented API knows one quantity for each product: inventory_quantity."
_LEVELS: Final = f"{_LOCATIONS} Read it with products.list(fields=['sku', 'inventory_quantity'])."
_WRITE: Final = f"{_LOCATIONS} Write it with products.update([{{'id': …, 'inventory_quantity': …}}])."


@attrs.frozen(kw_only=True)
class LevelOutcome:
    """What became of one row of stock.

    Args:
        index: Place among the rows given.
        status: ``updated``, ``unchanged``, ``failed``, or ``unknown`` where the reply does not say.
        product_id: The product.
        sku: The SKU that the row was given by.
        location_id: The location.
        errors: Its problems.
        level: The stock afterwards, where the reply shows it.
    """

    index: int
    status: Literal["updated", "unchanged", "failed", "unknown"]
    product_id: str | None = None
    sku: str | None = None
    location_id: str
    errors: tuple[FieldError, ...] = ()
    level: InventoryLevel | None = None

    @property
    def ok(self) -> bool:
        """Whether the stock is as wanted."""
        return self.status in {"updated", "unchanged"}


def locations(*, limit: int = MAX_LIMIT, page: int | None = None) -> Listing[Location]:
    """The places that hold stock."""
    check_limit(limit, page)
    return Listing(
        operation="inventory.locations",
        model=Location,
        plural="locations",
        key=by_id,
        limit=limit,
        page=page,
        instead=_LOCATIONS,
    )


def levels(
    *,
    product_id: str | None = None,
    sku: str | None = None,
    location_id: str | None = None,
    limit: int = MAX_LIMIT,
    page: int | None = None,
) -> Listing[InventoryLevel]:
    """Stock by product and location; all of it, or of one product or location."""
    check_limit(limit, page)
    given = {"product_id": product_id, "sku": sku, "location_id": location_id}
    params = tuple((name, ensure_text(value, name)) for name, value in given.items() if value is not None)
    return Listing(
        operation="inventory.levels",
        model=InventoryLevel,
        plural="levels",
        key=_level_key,
        limit=limit,
        page=page,
        params=params,
        instead=_LEVELS,
    )


def _level_key(level: InventoryLevel) -> tuple[str | None, str | None]:
    return getattr(level, "product_id", None), getattr(level, "location_id", None)


def set_levels(rows: Iterable[Mapping[str, object]]) -> Exchange[tuple[LevelOutcome, ...]]:
    """Set stock to absolute quantities.

    A lost answer is settled by reading the stock: rows that are as wanted are updated, the others unknown.

    Args:
        rows: Mappings with ``product_id`` or ``sku``, ``location_id`` and ``on_hand`` (whole pieces).

    Returns:
        One outcome for each row, in the order given.

    Raises:
        InvalidInputError: A row is malformed; nothing was sent.
        UnsupportedByServerError: The server has only the documented API.
    """
    checked = _checked(rows, "levels", "on_hand", ())
    outcomes: list[LevelOutcome] = []
    for start in range(0, len(checked), MAX_ROWS):
        part = checked[start : start + MAX_ROWS]
        request = build("inventory.set", body={"levels": part})
        try:
            response = yield from ask(request, instead=_WRITE)
            outcomes += _outcomes(response, part, start)
        except BulkEditorError as error:
            if lost(error):
                outcomes += yield from _read_back(part, start, request, error)
            elif not outcomes:
                raise
            else:
                reason = FieldError(message=error.message, code=getattr(error, "code", None) or "not_sent")
                outcomes += [
                    _outcome(index, row, "failed", (reason,)) for index, row in enumerate(part, start)
                ]
    return tuple(outcomes)


def adjust(rows: Iterable[Mapping[str, object]], *, honoured: bool) -> Exchange[tuple[LevelOutcome, ...]]:
    """Change stock by differences, in one request.

    A difference is never sent twice: when the answer is lost, the outcome is unknown.

    Args:
        rows: At most 250 mappings with ``product_id`` or ``sku``, ``location_id``, ``delta`` (whole pieces)
            and perhaps ``reason``.
        honoured: Whether the server is known to honour idempotency keys.

    Returns:
        One outcome for each row, in the order given.

    Raises:
        InvalidInputError: A row is malformed, or there are too many; nothing was sent.
        OutcomeUnknownError: The answer was lost.
        UnsupportedByServerError: The server has only the documented API.
    """
    checked = _checked(rows, "adjustments", "delta", ("reason",))
    if len(checked) > MAX_ROWS:
        raise refused(
            "adjustments",
            f"are {len(checked)} rows, more than the {MAX_ROWS} of one request",
            "Send them in several calls: when an answer is lost, you then know which rows it is about.",
        )
    if not checked:
        return ()
    return (
        yield from ask_once(
            build("inventory.adjust", body={"adjustments": checked}),
            read=lambda response: tuple(_outcomes(response, checked, 0)),
            honoured=honoured,
            instead=_WRITE,
        )
    )


def _checked(
    rows: Iterable[Mapping[str, object]], what: str, quantity: str, optional: Sequence[str]
) -> list[dict[str, object]]:
    given: object = rows
    if isinstance(given, str | bytes | Mapping):
        kind = type(cast("object", given)).__name__
        raise refused(what, f"must be a list of rows, got one {kind}", "Write [row].")
    return [_check(row, f"{what}[{index}]", quantity, optional) for index, row in enumerate(rows)]


def _check(row: object, where: str, quantity: str, optional: Sequence[str]) -> dict[str, object]:
    if not isinstance(row, Mapping):
        raise refused(where, f"must be a mapping, got {type(row).__name__}")
    members = dict(cast("Mapping[str, object]", row))
    unknown_names = members.keys() - {"product_id", "sku", "location_id", quantity, *optional}
    if unknown_names:
        raise refused(where, f"has no field {min(unknown_names)!r}", code="unknown_field")
    keys = [name for name in ("product_id", "sku") if members.get(name) is not None]
    if len(keys) != 1:
        raise refused(where, "needs either product_id or sku")
    for name in (*keys, "location_id"):
        ensure_text(members.get(name), f"{where}.{name}")
    pieces = members.get(quantity)
    if not isinstance(pieces, int) or isinstance(pieces, bool):
        raise refused(f"{where}.{quantity}", f"must be a whole number of pieces, got {pieces!r}")
    return {name: value for name, value in members.items() if value is not None}


def _outcomes(response: Response, rows: Sequence[Mapping[str, object]], start: int) -> list[LevelOutcome]:
    """Outcomes from a reply: by place, or by name where it has another order; else nothing is assumed."""
    entries = entries_of(response)
    if len(entries) != len(rows):
        return [_outcome(index, row, "unknown") for index, row in enumerate(rows, start)]
    pairs: list[tuple[Mapping[str, object], Mapping[str, object] | None]] = list(
        zip(rows, entries, strict=True)
    )
    if not all(_about(row, entry) for row, entry in zip(rows, entries, strict=True)):
        named = [[entry for entry in entries if _about(row, entry)] for row in rows]
        pairs = [(row, found[0] if len(found) == 1 else None) for row, found in zip(rows, named, strict=True)]
    return [
        _outcome(index, row, "unknown") if entry is None else _replied(response, index, row, entry)
        for index, (row, entry) in enumerate(pairs, start)
    ]


def _about(row: Mapping[str, object], entry: Mapping[str, object]) -> bool:
    """Whether a reply's row may be about this one: it names no other product, SKU or location."""
    return all(
        entry.get(name) in (None, row[name]) for name in ("product_id", "sku", "location_id") if name in row
    )


def _replied(
    response: Response, index: int, row: Mapping[str, object], entry: Mapping[str, object]
) -> LevelOutcome:
    reply = reply_of(entry)
    raw = entry.get("level")
    level = (
        _answers.part(response, encode(cast("object", raw)), InventoryLevel)
        if isinstance(raw, Mapping)
        else None
    )
    product = entry.get("product_id")
    named = {**row, "product_id": product} if isinstance(product, str) else row
    return _outcome(index, named, reply.status or "unknown", reply.errors, level)


def _outcome(
    index: int,
    row: Mapping[str, object],
    status: Literal["updated", "unchanged", "failed", "unknown"],
    errors: tuple[FieldError, ...] = (),
    level: InventoryLevel | None = None,
) -> LevelOutcome:
    return LevelOutcome(
        index=index,
        status=status,
        product_id=cast("str | None", row.get("product_id")),
        sku=cast("str | None", row.get("sku")),
        location_id=cast("str", row["location_id"]),
        errors=errors,
        level=level,
    )


def _read_back(
    rows: Sequence[Mapping[str, object]], start: int, request: Request, failure: BulkEditorError
) -> Exchange[list[LevelOutcome]]:
    places = {cast("str", row["location_id"]) for row in rows}
    try:
        held = yield from collect(levels(location_id=places.pop() if len(places) == 1 else None).walk())
    except BulkEditorError as error:
        raise unknown(request, failure) from error
    stock: dict[tuple[object, ...], InventoryLevel] = {}
    for level in held:
        stock["product_id", level.product_id, level.location_id] = level
        stock["sku", getattr(level, "sku", None), level.location_id] = level
    outcomes: list[LevelOutcome] = []
    for index, row in enumerate(rows, start):
        name = "product_id" if "product_id" in row else "sku"
        level_now = stock.get((name, row[name], row["location_id"]))
        done = level_now is not None and level_now.on_hand == row["on_hand"]
        outcomes.append(_outcome(index, row, "updated" if done else "unknown", (), level_now))
    return outcomes


__all__ = ["MAX_ROWS", "LevelOutcome", "adjust", "levels", "locations", "set_levels"]
