"""JSON to models and back.

A page is decoded strictly in one pass. When anything in it is not as the contract says, it is read again row by
row, and what could not be read is reported beside the rows, never dropped.
"""

import gc
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any, Final, Literal, TypeVar, cast

import msgspec

from bulkeditor.errors import FieldError, MalformedDataError
from bulkeditor.models._base import DECODE_FAILURES, JSON, ModelT, RowSource, split_rows
from bulkeditor.models._encode import encode
from bulkeditor.models._lenient import UnreadableError, parse_row, read_row
from bulkeditor.models._page import DecodedPage, RowProblem
from bulkeditor.models._structure import structure
from bulkeditor.models._strict import Envelope, NotStrictError, Plan, attach, plan

T = TypeVar("T")

_REFUSALS: Final = (*DECODE_FAILURES, NotStrictError)
_LIST_NAMES: Final = ("items", "data", "results", "records", "rows")
_SPACE: Final = b" \t\r\n"


def decode_page(
    content: bytes,
    model: type[ModelT],
    key: str,
    *,
    fields: Collection[str] | None = None,
    pause_gc: bool = True,
) -> DecodedPage[ModelT]:
    """Read one page of a list.

    Args:
        content: The body: an object that holds the list, or a bare list.
        model: What the rows are.
        key: Name of the list; when it is missing, the usual other names and a sole list are accepted.
        fields: The only fields to read, when others were not asked for. Others that the server sends all the
            same are skipped; fields that the model does not know stay in ``extra``.
        pause_gc: Keep the garbage collector from running within the decoder: it would find nothing there.

    Returns:
        The rows, what the envelope says, and what could not be read.

    Raises:
        MalformedDataError: The body is not JSON, or holds no list of rows.
    """
    reader = plan(model, key, None if fields is None else frozenset(fields))
    try:
        if content[:64].lstrip(_SPACE)[:1] == b"[":
            rows = _run(reader.array, content, pause_gc=pause_gc)
            attach(rows, RowSource(content))
            return DecodedPage(items=rows)
        envelope = _run(reader.envelope, content, pause_gc=pause_gc)
    except _REFUSALS as error:
        return _leniently(content, reader, error)
    if isinstance(envelope.rows, msgspec.UnsetType):
        other = _list_name(content, key)
        return decode_page(content, model, other, fields=fields, pause_gc=pause_gc)
    attach(envelope.rows, RowSource(content, key=key))
    return _page(envelope, envelope.rows)


def _run(decode: Callable[[bytes], T], content: bytes, *, pause_gc: bool) -> T:
    if not pause_gc or not gc.isenabled():
        return decode(content)
    gc.disable()
    try:
        return decode(content)
    finally:
        gc.enable()


def decode_one(content: bytes, model: type[ModelT]) -> ModelT:
    """Read one object.

    Args:
        content: The body.
        model: What it is.

    Returns:
        The object. A field that cannot be read is not loaded; its raw value is in ``extra``.

    Raises:
        MalformedDataError: The body is not a JSON object, or its ``id`` cannot be read.
    """
    try:
        return _row(plan(model, "", None), content, 0, RowSource(content, single=True))
    except _REFUSALS:
        pass
    try:
        return read_row(model, parse_row(content))[0]
    except UnreadableError as error:
        raise MalformedDataError(f"The answer is no {model.__name__}: {error}.") from error


def _row(reader: Plan[ModelT], content: bytes | msgspec.Raw, index: int, source: RowSource) -> ModelT:
    row = reader.row(content)
    attach([row], source, start=index)
    return row


def _leniently(content: bytes, reader: Plan[ModelT], cause: Exception) -> DecodedPage[ModelT]:
    try:
        envelope, rows = _split(content, reader.key)
    except DECODE_FAILURES as error:
        raise MalformedDataError(f"The answer is not a page of JSON: {error}.") from cause
    source = RowSource(content, rows=rows)
    items: list[ModelT] = []
    bad: list[RowProblem] = []
    unread: list[RowProblem] = []
    for index, raw in enumerate(rows):
        try:
            items.append(_row(reader, raw, index, source))
            continue
        except _REFUSALS:
            pass
        fields: dict[str, JSON] = {}
        try:
            fields = parse_row(raw)
            row, problems = read_row(reader.model, fields, reader.names)
        except UnreadableError as error:
            bad.append(RowProblem(index=index, id=_identity(fields), message=str(error)))
        else:
            items.append(row)
            unread.extend(_problem(index, fields, problem) for problem in problems)
    return _page(envelope, items, path="lenient", bad=tuple(bad), unread=tuple(unread))


def _problem(index: int, fields: dict[str, JSON], error: FieldError) -> RowProblem:
    return RowProblem(index=index, id=_identity(fields), field=error.field, message=error.message)


def _identity(fields: dict[str, JSON]) -> str | None:
    value = fields.get("id", fields.get("product_id"))
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _split(content: bytes, key: str) -> tuple[Envelope[Any], list[msgspec.Raw]]:
    if content.lstrip(_SPACE)[:1] == b"[":
        return Envelope(), split_rows(content, None)
    members = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    if key not in members:
        key = _list_name(content, key)
    rows = msgspec.json.decode(members.pop(key), type=list[msgspec.Raw] | None) or []
    facts: dict[str, Any] = {}
    for name, raw in members.items():
        if name in Envelope.__struct_fields__ and name != "rows":
            facts[name] = msgspec.json.decode(raw)
    return Envelope(**facts), rows


def _list_name(content: bytes, key: str) -> str:
    """Where the rows are when they are not under their own name."""
    members = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    lists = [name for name, raw in members.items() if bytes(raw[:1]) == b"["]
    for name in _LIST_NAMES:
        if name in lists:
            return name
    if len(lists) == 1:
        return lists[0]
    found = ", ".join(sorted(members)) or "nothing"
    raise MalformedDataError(f"The answer has no list {key!r}; it has: {found:.200}.")


def _page(
    envelope: Envelope[ModelT],
    items: list[ModelT],
    *,
    path: Literal["strict", "lenient"] = "strict",
    bad: tuple[RowProblem, ...] = (),
    unread: tuple[RowProblem, ...] = (),
) -> DecodedPage[ModelT]:
    places = [envelope.meta, envelope.pagination]
    more = [cast("dict[str, Any]", place) for place in places if isinstance(place, dict)]

    def find(*names: str) -> Any:
        for name in names:
            for value in (getattr(envelope, name), *(place.get(name) for place in more)):
                if value is not None:
                    return value
        return None

    has_next = find("has_next", "has_more")
    return DecodedPage(
        items=items,
        page=_count(find("page")),
        limit=_count(find("limit")),
        total=_count(find("total", "total_count")),
        has_next=has_next if isinstance(has_next, bool) else None,
        path=path,
        bad=bad,
        unread=unread,
    )


def _count(value: Any) -> int | None:
    """A count, also as text; None for what is no count: it is a convenience, not worth losing a page."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:  # noqa: PLR2004
        return int(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float | Decimal)
        or value < 0
        or value != int(value)
    ):
        return None
    return int(value)


__all__ = ["DecodedPage", "RowProblem", "decode_one", "decode_page", "encode", "structure"]
