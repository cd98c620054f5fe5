"""What a caller asks of a read, and whether the connector can do it."""

from __future__ import annotations

from collections.abc import Collection, Generator
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from bulkeditor.connectors._bookmark import Bookmark, cursor_of
from bulkeditor.connectors._convert import DateTime
from bulkeditor.connectors._types import CursorValue, Place, Reading, Records
from bulkeditor.errors import BulkEditorError, ConfigurationError, InvalidInputError, UnexpectedResponseError

if TYPE_CHECKING:
    from bulkeditor.connectors.base import Connector


@attrs.frozen(kw_only=True)
class Wish:
    """What a caller asks of a read.

    Args:
        fields: Our names; empty = what ``sync_fields`` selects, or everything.
        since: A value of the cursor, or the bookmark of the read before; None = everything.
        until: Upper bound; None = now, where the cursor is a time.
        keys: Only these records.
        resume: Of the page after which to go on.
        known: Keys that should be there: those that a complete scan does not find come as inferred
            tombstones.
        page_size: Rows of a page.
    """

    fields: Collection[str] = ()
    since: CursorValue | Bookmark | None = None
    until: CursorValue | None = None
    keys: Collection[str] = ()
    resume: Place | None = None
    known: Collection[str] | None = None
    page_size: int | None = None


def ensure_possible(connector: Connector, wish: Wish) -> None:
    """Make sure that a connector can do what is asked.

    Raises:
        ConfigurationError: It cannot.
        InvalidInputError: What is asked contradicts itself, or is nothing of the kind.
    """
    if connector.direction == "outbound":
        raise ConfigurationError(f"{connector.name} is not read: its direction is 'outbound'.")
    for name, given in (("keys", wish.keys), ("fields", wish.fields), ("known", wish.known or ())):
        _ensure_names(name, given)
    if wish.page_size is not None and wish.page_size < 1:
        raise InvalidInputError(f"page_size must be 1 or more, not {wish.page_size}.")
    _ensure_bounds(connector, wish)
    if wish.keys and not connector.capabilities.by_key:
        raise ConfigurationError(f"{connector.name} cannot read single records by their keys.")
    if wish.known is not None:
        _ensure_inferable(connector, wish)


def _ensure_names(name: str, given: Collection[object]) -> None:
    if isinstance(given, str) or not all(isinstance(item, str) and item for item in given):
        raise InvalidInputError(f"{name} is a list of texts, none of them empty, not {given!r:.60}.")


def _ensure_bounds(connector: Connector, wish: Wish) -> None:
    cursor = connector.layout().cursor
    if wish.since is not None and cursor is None:
        raise ConfigurationError(
            f"{connector.name} cannot say what changed since then: it has no cursor.",
            hint="Read without since=, and compare with what you have.",
        )
    timed = cursor is not None and isinstance(cursor.converter, DateTime)
    for name, bound in (("since", wish.since), ("until", wish.until)):
        if isinstance(bound, datetime) and bound.tzinfo is None:
            raise InvalidInputError(
                f"The time {bound.isoformat()} has no zone.", hint="Add one: datetime(…, tzinfo=UTC)."
            )
        value = bound.cursor if isinstance(bound, Bookmark) else bound
        if value is None or (cursor_of(value) is not None and (not timed or isinstance(value, datetime))):
            continue
        kind = "a time (datetime)" if timed else "a time, a number or a text"
        raise InvalidInputError(f"{name} must be {kind} for {connector.name}, not {value!r:.60}.")


def _ensure_inferable(connector: Connector, wish: Wish) -> None:
    deletions = connector.capabilities.deletions
    if deletions != "full_scan":
        raise ConfigurationError(
            f"{connector.name} cannot infer deletions from a scan: its deletions are {deletions!r}.",
            hint="Leave known= out.",
        )
    if wish.since is not None or wish.keys or wish.resume:
        # Everything outside of this part of the whole would look deleted.
        raise InvalidInputError(
            "Deletions are inferred from a whole read only: known= excludes since=, keys= and resume=."
        )


def understood(connector: Connector, flow: Reading) -> Reading:
    """The same read; what it trips over in an answer is an error of ours that says so.

    Raises:
        UnexpectedResponseError: An answer is not what the connector was written for.
    """
    _ensure_flow(connector, flow)
    try:
        yield from flow
    except BulkEditorError:
        raise
    except Exception as error:
        raise unexpected(connector, f"{type(error).__name__}: {error}") from error


def _ensure_flow(connector: Connector, given: object) -> None:
    if not isinstance(given, Generator):
        raise _no_flow(connector, f"it returned {type(given).__name__}")


def page_of(connector: Connector, step: object) -> Records:
    """What a read has yielded that is neither a request nor a pause.

    Raises:
        ConfigurationError: It is no page of rows.
    """
    if isinstance(step, Records):
        return step
    raise _no_flow(connector, f"it yielded {type(step).__name__}")


def _no_flow(connector: Connector, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"{connector.name}: read() must be a generator that yields requests and Records; {what}.",
        hint="Yield each page of rows: yield Records(rows).",
    )


def rows_of(connector: Connector, step: Records) -> list[object] | tuple[object, ...]:
    """The rows of a page.

    Raises:
        UnexpectedResponseError: They are no list.
    """
    rows: object = step.rows
    if isinstance(rows, list | tuple):
        return rows
    raise unexpected(connector, f"the rows of a page are {rows!r:.60}")


def unexpected(connector: Connector, what: str) -> UnexpectedResponseError:
    """The error of a read that an answer broke."""
    return UnexpectedResponseError(
        f"{connector.name} answered something else than its connector can read ({what})",
        status=200,
        operation=f"{connector.name} read",
        hint="Check base_url and the settings; if both are right, the system or its connector has changed.",
    )


__all__ = ["Wish", "ensure_possible", "page_of", "rows_of", "understood", "unexpected"]
