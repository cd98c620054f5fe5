"""One read, from a connector's rows to pages of records: mapped, counted, each once, bounded, complete."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Generator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

import attrs
import msgspec

from bulkeditor.connectors._asking import guarded
from bulkeditor.connectors._bookmark import Bookmark, cursor_json, cursor_of, cursor_value
from bulkeditor.connectors._ledger import Filtered, ReadLedger
from bulkeditor.connectors._shape import Shape
from bulkeditor.connectors._types import (
    NOWHERE,
    CursorValue,
    DeadLetter,
    Page,
    Place,
    Query,
    Record,
    Records,
)
from bulkeditor.connectors._wish import Wish, ensure_possible, page_of, rows_of, understood
from bulkeditor.errors import FieldError, InvalidInputError, PaginationError
from bulkeditor.http import Request, Response, RetryPolicy, Sleep

if TYPE_CHECKING:
    from bulkeditor.connectors.base import Connector

_MARK_BYTES: Final = 12
_MOST_EMPTY: Final = 1000
_BOUNDS: Final = ("high", "until")
_NO_PLACE: Final = "resume= must be the resume of a page that was read before."


class Reader:
    """The rules of one read; pure.

    Args:
        connector: What is read.
        wish: What the caller asks for.
        now: When the read begins.

    Raises:
        ConfigurationError: The connector cannot do what is asked.
        InvalidInputError: What is asked contradicts itself.
    """

    def __init__(self, connector: Connector, wish: Wish, now: datetime) -> None:
        self.ledger = ReadLedger()
        self.dead_letters: list[DeadLetter] = []
        self.shape = Shape()
        self._connector = connector
        ensure_possible(connector, wish)
        self._before = wish.since if isinstance(wish.since, Bookmark) else None
        self._of = _wish_mark(connector, wish)
        token = self._token_of(wish)
        self._query = self._make_query(wish, token, now)
        self._layout = connector.layout().select(self._query.fields, connector.name)
        self._high = cursor_value(token.get("high"))
        bound = self._query.since
        self._timed = isinstance(self._high if bound is None else bound, datetime)
        self._missed = None if wish.known is None else set(wish.known)
        self._keys = frozenset(wish.keys)
        self._edge: dict[str, CursorValue] = {}
        self._from: CursorValue | None = None
        self._recent: list[tuple[Record, CursorValue]] = []
        # What each key said last, to leave out what comes a second time.
        self._last: dict[int, int] = {}
        self._spelled: dict[int, int] = {}
        self._pages: set[bytes] = set()
        self._places: set[bytes] = set()
        self._finished = False
        self._empty = 0
        # A connector's word that rows come in the order of the cursor, until one of them does not.
        self._ordered = connector.cursor_order == "ascending" and not wish.keys

    def pages(self, policy: RetryPolicy) -> Generator[Request | Sleep | Page, Response, None]:
        """The read itself.

        Args:
            policy: Bounds the repeats that the system's own codes ask for.

        Raises:
            PaginationError: A page or a place came twice.
            UnexpectedResponseError: An answer is not what the connector was written for.
        """
        flow = understood(self._connector, self._connector.read(self._query))
        yield from guarded(self._connector, flow, policy, self._page)
        if self._missed and self.ledger.complete and not self.ledger.dead_lettered:
            yield self._gone(sorted(self._missed))
        self._finished = True

    @property
    def finished(self) -> bool:
        """Whether the read came to its end."""
        return self._finished

    @property
    def part(self) -> str:
        """Which rows these are, for comparing their shape: the address and the fields."""
        return f"{self._connector.base_url or ''} {' '.join(sorted(self._query.fields))}"

    @property
    def bookmark(self) -> Bookmark | None:
        """Where the next incremental read begins.

        None without a cursor, and before this read is finished; but where rows come in the order of the
        cursor, what was read so far counts also when the read was broken off.
        """
        if self._high is None:
            return self._before if self._finished else None
        if not self._finished and not self._ordered:
            return None
        edge = _back(self._high, self._connector.look_back)
        seen = {mark for mark, cursor in self._edge.items() if not _less(cursor, edge)}
        if self._before is not None and not _less(self._before.cursor, edge):
            seen |= self._before.seen
        return Bookmark(cursor=self._high, seen=frozenset(seen))

    def _make_query(self, wish: Wish, token: Place, now: datetime) -> Query:
        connector = self._connector
        place = token.get("place", {})
        since = wish.since
        if isinstance(since, Bookmark):
            since = _back(since.cursor, connector.look_back)
        until = wish.until
        if until is None and not wish.keys and connector.layout().timed:
            # Fixed once, also for a read that goes on later: a busy system would never come to an end.
            until = cursor_value(token.get("until")) or now
        return Query(
            fields=tuple(dict.fromkeys(wish.fields)) or connector.selected_reads(),
            since=since,
            until=until,
            resume=cast("Place", place),
            keys=tuple(wish.keys),
            page_size=wish.page_size or connector.limits.page_size,
            now=now,
        )

    def _token_of(self, wish: Wish) -> Place:
        """The token to go on with; nothing of it is used before it is known to be of this very read."""
        token = cast("object", wish.resume or NOWHERE)
        if not isinstance(token, Mapping):
            raise InvalidInputError(_NO_PLACE)
        known = cast("Place", token)
        whole = not known or (isinstance(known.get("of"), str) and isinstance(known.get("place"), Mapping))
        if not whole or any(known.get(n) is not None and cursor_value(known[n]) is None for n in _BOUNDS):
            raise InvalidInputError(_NO_PLACE)
        if known and known["of"] != self._of:
            raise InvalidInputError(
                f"This resume belongs to another read than this one of {self._connector.name}.",
                hint="Give the same fields, since, until and keys as for the page it is of.",
            )
        return known

    def _page(self, step: Records) -> tuple[Page]:
        step = page_of(self._connector, step)
        place, rows = _place(step.resume), rows_of(self._connector, step)
        self._ensure_new(step, place)
        filtered = self.ledger.filtered
        records: list[Record] = []
        dead: list[DeadLetter] = []
        for row in rows:
            self.shape.add(row)
            read = self._layout.record(row)
            if isinstance(read, DeadLetter):
                dead.append(read)
                continue
            kept = self._keep(read)
            if isinstance(kept, DeadLetter):
                dead.append(kept)
            elif kept is not None:
                records.append(kept)
        for key in step.deleted:
            gone = _tombstone(key)
            if isinstance(gone, DeadLetter):
                dead.append(gone)
            else:
                records.append(gone)
        self._trim()
        count = len(rows) + len(step.deleted)
        self.ledger.count(read=count, emitted=len(records), dead_lettered=len(dead))
        self.ledger.complete = step.complete
        self.dead_letters.extend(dead)
        page = Page(
            records=records,
            dead_letters=dead,
            resume=self._token(place),
            read=count,
            filtered=self.ledger.filtered - filtered,
        )
        return (page,)

    def _keep(self, record: Record) -> Record | DeadLetter | None:
        """The record, or None for one that is counted and left out."""
        if self._missed is not None:
            self._missed.discard(record.key)
        record = self._comparable(record)
        reason = self._unwanted(record)
        if reason is not None:
            self.ledger.leave_out(reason)
            return None
        if record.cursor is not None:
            self._advance(record, record.cursor)
        key, said = hash(record.key), hash(_said(record))
        last = self._last.get(key)
        if said == last or self._read_before(record):
            self.ledger.leave_out("duplicate")
            return None
        self._last[key] = said
        if self._connector.unique_keys and last is not None:
            return DeadLetter(raw=record.raw, code="duplicate_key", message=f"{record.key!r} stood before")
        return self._spelt(record)

    def _comparable(self, record: Record) -> Record:
        """The record; without a cursor that cannot be compared with others: it would spoil the bookmark."""
        if record.cursor is None:
            return record
        cursor = cursor_of(record.cursor)
        if cursor is None:
            return _without_cursor(record, "which is no time, number or text")
        if cursor is not record.cursor:
            record = attrs.evolve(record, cursor=cursor)
        if isinstance(cursor, datetime):
            if not self._timed:
                self._timed, self._high = True, None
                self._edge.clear()
                self._recent.clear()
            return record
        if self._timed:
            return _without_cursor(record, "and the cursors of other rows are times")
        if self._high is not None and isinstance(self._high, str) != isinstance(cursor, str):
            return _without_cursor(record, "and other rows have texts where it has a number, or numbers")
        return record

    def _advance(self, record: Record, cursor: CursorValue) -> None:
        if self._high is None or _less(self._high, cursor):
            self._high = cursor
        elif _less(cursor, self._high):
            self._ordered = False
        self._recent.append((record, cursor))

    def _read_before(self, record: Record) -> bool:
        """Whether the read that the bookmark is of has brought it, with the same values."""
        before = self._before
        if before is None or (record.cursor is not None and _less(before.cursor, record.cursor)):
            return False
        return _mark(record) in before.seen

    def _unwanted(self, record: Record) -> Filtered | None:
        """Why a record is left out; None for one that is wanted."""
        if not self._connector.selects(record):
            return "not_selected"
        if self._keys and record.key not in self._keys:
            # A system's search is often laxer than a comparison.
            return "other_key"
        cursor, since, until = record.cursor, self._query.since, self._query.until
        if cursor is None:
            return None
        if until is not None and _less(until, cursor):
            return "later"
        return "before" if since is not None and _less(cursor, since) else None

    def _spelt(self, record: Record) -> Record:
        """The record, with a problem where its key differs from another's in letter case only."""
        key, plain = hash(record.key), record.key
        if not plain.isascii():
            plain = unicodedata.normalize("NFC", plain)
        if self._spelled.setdefault(hash(plain.casefold()), key) == key:
            return record
        problem = FieldError(
            field=self._connector.key,
            message=f"another key differs from {record.key!r} in letter case only, or looks the same",
            code="case_differs",
        )
        return attrs.evolve(record, problems=(*record.problems, problem))

    def _ensure_new(self, step: Records, place: Place | None) -> None:
        name = self._connector.name
        self._empty = 0 if step.rows or step.deleted else self._empty + 1
        if self._empty > _MOST_EMPTY:
            raise PaginationError(
                f"{name}: {_MOST_EMPTY} empty pages came in a row; the read was stopped, it would not come to"
                " an end."
            )
        # A file or a table does not lead in circles, and equal rows in it are rows.
        if step.rows and self._connector.speaks_http:
            digest = hashlib.blake2b(_encoded(step.rows), digest_size=_MARK_BYTES).digest()
            if digest in self._pages:
                raise PaginationError(
                    f"{name}: a page came a second time; the read was stopped, it would not come to an end."
                )
            self._pages.add(digest)
        if place is not None:
            there = _encoded(place)
            if there in self._places:
                raise PaginationError(
                    f"{name}: the read came to {place!r:.200} a second time; it was stopped."
                )
            self._places.add(there)

    def _token(self, place: Place | None) -> Place | None:
        if place is None:
            return None
        return {
            "of": self._of,
            "place": dict(place),
            "high": cursor_json(self._high),
            "until": cursor_json(self._query.until),
        }

    def _trim(self) -> None:
        """Keep the fingerprints of the rows at the edge, and of no others."""
        recent, self._recent = self._recent, []
        if self._high is None:
            return
        edge = _back(self._high, self._connector.look_back)
        if self._edge and (self._from is None or _less(self._from, edge)):
            self._edge = {mark: at for mark, at in self._edge.items() if not _less(at, edge)}
        self._from = edge
        self._edge.update((_mark(record), at) for record, at in recent if not _less(at, edge))

    def _gone(self, keys: Collection[str]) -> Page:
        self.ledger.inferred = len(keys)
        return Page(records=[Record(key=key, deleted=True, inferred=True) for key in keys])


def _wish_mark(connector: Connector, wish: Wish) -> str:
    """What a read is known by, so that it is not gone on with as another one."""
    since = wish.since.cursor if isinstance(wish.since, Bookmark) else wish.since
    fields = sorted(dict.fromkeys(wish.fields))
    bounds = [cursor_json(since), cursor_json(wish.until)]
    what = [connector.name, fields, bounds, sorted(wish.keys)]
    return hashlib.blake2b(_encoded(what), digest_size=_MARK_BYTES).hexdigest()


def _tombstone(key: object) -> Record | DeadLetter:
    if isinstance(key, str) and key.strip():
        return Record(key=key, deleted=True)
    return DeadLetter(raw=key, code="no_key", message="a deletion without a key")


def _without_cursor(record: Record, why: str) -> Record:
    problem = FieldError(field="cursor", message=f"it is {record.cursor!r:.60}, {why}", code="unreadable")
    return attrs.evolve(record, cursor=None, problems=(*record.problems, problem))


def _place(resume: Place | None) -> Place | None:
    """A place that leads on; a place of nothing but None is the end."""
    if resume is None or all(value is None for value in resume.values()):
        return None
    return resume


def _said(record: Record) -> str:
    """All that a record says; not its hash, because -1 and -2 have the same."""
    return repr((record.key, record.cursor, sorted(record.values.items(), key=_first_of)))


def _mark(record: Record) -> str:
    """A fingerprint of what a record says, the same in every process."""
    return hashlib.blake2b(_said(record).encode(), digest_size=_MARK_BYTES).hexdigest()


def _first_of(pair: tuple[str, object]) -> str:
    return pair[0]


def _encoded(value: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=repr)


def _back(cursor: CursorValue, look_back: timedelta) -> CursorValue:
    if not isinstance(cursor, datetime):
        return cursor
    try:
        return cursor - look_back
    except OverflowError:
        return datetime.min.replace(tzinfo=cursor.tzinfo)


def _less(one: CursorValue, other: CursorValue) -> bool:
    """Whether a cursor is below another; cursors of different kinds are never."""
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one < other
    if isinstance(one, str) and isinstance(other, str):
        return one < other
    if isinstance(one, datetime | str) or isinstance(other, datetime | str):
        return False
    return one < other


__all__ = ["Reader"]
