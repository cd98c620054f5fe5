"""What stands around the rows of a page, under whatever names."""

from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from bulkeditor.errors import MalformedDataError
from bulkeditor.models._base import DECODE_FAILURES, ModelT
from bulkeditor.models._inputs import MAX_EXPONENT, sane
from bulkeditor.models._page import DecodedPage, RowProblem
from bulkeditor.models._strict import Envelope

LIST_NAMES: Final = ("items", "data", "results", "records", "rows")
"""What servers call the rows when they do not name them after what they are."""

_FACT: Final = msgspec.json.Decoder(float_hook=Decimal)
_NO_ROWS: Final = frozenset({"errors", "warnings", "messages", "links"})  # what an answer lists besides rows


def find_rows(content: bytes, key: str) -> tuple[str, bytes, Envelope[Any]]:
    """Where the rows are when they are not under their own name.

    Args:
        content: The body, an object.
        key: Their own name.

    Returns:
        Their name, the list's bytes, and the envelope without them.

    Raises:
        MalformedDataError: It holds no list, or several that might be meant.
    """
    try:
        members = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        name = _list_name(members, key)
        said = Envelope.__struct_fields__[1:]
        facts = {fact: _FACT.decode(members[fact]) for fact in said if fact in members and fact != name}
    except DECODE_FAILURES as error:
        raise MalformedDataError(f"The answer is not a page of JSON: {error}.") from error
    return name, bytes(members[name]), Envelope[Any](**facts)


def _list_name(members: dict[str, msgspec.Raw], key: str) -> str:
    lists = [name for name, raw in members.items() if bytes(raw)[:1] == b"[" and name not in _NO_ROWS]
    for name in LIST_NAMES:
        if name in lists:
            return name
    if len(lists) == 1:
        return lists[0]
    found = ", ".join(sorted(members)) or "nothing"
    raise MalformedDataError(f"The answer has no list {key!r}; it has: {found:.200}.")


class _Facts:
    """What an envelope says under other names, or inside of ``meta`` or ``pagination``."""

    def __init__(self, envelope: Envelope[Any]) -> None:
        outer: dict[str, Any] = msgspec.structs.asdict(envelope)
        inner: list[Any] = [outer["meta"], outer["pagination"]]
        self._places: list[dict[str, Any]] = [outer, *(place for place in inner if isinstance(place, dict))]
        self.page = self._find("page")
        self.limit = self._find("limit")
        self.total = self._find("total", "total_count")
        self.has_next = self._find("has_next", "has_more")

    def _find(self, *names: str) -> Any:
        found = (place.get(name) for name in names for place in self._places)
        return next((value for value in found if value is not None), None)


def page_from(
    envelope: Envelope[ModelT],
    items: list[ModelT],
    *,
    path: Literal["strict", "lenient"] = "strict",
    bad: tuple[RowProblem, ...] = (),
    unread: tuple[RowProblem, ...] = (),
) -> DecodedPage[ModelT]:
    """The page of an envelope, its totals under whatever names they came."""
    facts: Envelope[ModelT] | _Facts = envelope
    if envelope.total is None:
        facts = _Facts(envelope)
    has_next = facts.has_next
    return DecodedPage(
        items=items,
        page=_count(facts.page),
        limit=_count(facts.limit),
        total=_count(facts.total),
        has_next=has_next if isinstance(has_next, bool) else None,
        path=path,
        bad=bad,
        unread=unread,
    )


def _count(value: Any) -> int | None:
    """A count, also as text; None for what is no count: it is a convenience, not worth losing a page."""
    if type(value) is int:
        return value if value >= 0 else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MAX_EXPONENT:
        return int(value)
    if isinstance(value, Decimal) and sane(value) and value >= 0 and value == value.to_integral_value():
        return int(value)
    return None
