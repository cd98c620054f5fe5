"""Read the reply to a bulk write: outcomes of rows where it has them, nothing assumed where it has not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, cast

import attrs

from bulkeditor.errors import FieldError
from bulkeditor.http import Response

_DONE: Final[Mapping[str, Literal["updated", "unchanged"]]] = {
    "updated": "updated",
    "ok": "updated",
    "success": "updated",
    "unchanged": "unchanged",
    "not_modified": "unchanged",
}
_FAILED: Final = frozenset({"failed", "error", "invalid", "rejected", "not_found"})


@attrs.frozen
class RowReply:
    """What the server says of one row.

    Args:
        status: ``updated``, ``unchanged`` or ``failed``; ``None`` for a word that is not known.
        errors: Its problems.
    """

    status: Literal["updated", "unchanged", "failed"] | None
    errors: tuple[FieldError, ...] = ()


def rows_of(response: Response, key: str = "id") -> dict[str, RowReply]:
    """Replies by row; empty for counts only, for no content, and for anything else without rows.

    Args:
        response: A successful answer.
        key: The member that identifies a row.

    Raises:
        UnexpectedResponseError: The body is not JSON.
    """
    replies: dict[str, RowReply] = {}
    for entry in entries_of(response):
        name = entry.get(key)
        if isinstance(name, int) and not isinstance(name, bool):
            name = str(name)
        if isinstance(name, str):
            reply = reply_of(entry)
            # Two answers for one row that contradict each other are none: the row is read back.
            replies[name] = reply if replies.get(name, reply) == reply else RowReply(None)
    return replies


def entries_of(response: Response) -> list[Mapping[str, object]]:
    """The rows of a reply as plain data.

    Raises:
        UnexpectedResponseError: The body is not JSON.
    """
    if not response.content.strip():
        return []
    body: object = response.json()
    if isinstance(body, Mapping):
        members = cast("Mapping[str, object]", body)
        body = members.get("results", members.get("products"))
    if not isinstance(body, list):
        return []
    return [
        cast("Mapping[str, object]", item) for item in cast("list[object]", body) if isinstance(item, Mapping)
    ]


def reply_of(entry: Mapping[str, object]) -> RowReply:
    """One row of a reply."""
    errors = tuple(_errors(entry.get("errors") or entry.get("error")))
    word = str(entry.get("status", "")).lower()
    if errors or word in _FAILED:
        return RowReply("failed", errors)
    return RowReply(_DONE.get(word))


def _errors(given: object) -> list[FieldError]:
    if isinstance(given, str):
        return [FieldError(message=given)]
    if isinstance(given, Mapping):
        return [_error(cast("Mapping[str, object]", given))]
    if not isinstance(given, list):
        return []
    return [_error(item) for item in cast("list[object]", given)]


def _error(item: object) -> FieldError:
    if not isinstance(item, Mapping):
        return FieldError(message=str(item))
    members = cast("Mapping[str, object]", item)
    field, code = members.get("field"), members.get("code")
    return FieldError(
        message=str(members.get("message") or code or "refused"),
        field=field if isinstance(field, str) else None,
        code=code if isinstance(code, str) else "refused",
    )


__all__ = ["RowReply", "entries_of", "reply_of", "rows_of"]
