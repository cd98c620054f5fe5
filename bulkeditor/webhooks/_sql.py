"""The inbox in SQL, the same statements for each database; what differs is in the subclasses."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Literal, get_args

import attrs

from bulkeditor.errors import ConfigurationError, LeaseLostError
from bulkeditor.signature import is_message_id
from bulkeditor.webhooks._inbox import Arrival, Claim, Effect, InboxEntry, Status

MICROSECONDS: Final = 1_000_000
LEAVE_IT: Final = "Leave COMMIT, ROLLBACK and close() to the inbox, which commits after the handler."
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Lanes of events that stand alone; entities are quoted and begin otherwise.
_ALONE: Final = "event:"
_LONGEST_LANE: Final = 1000

# Times are microseconds since the epoch: whole numbers compare exactly, in every database.
_ADD: Final = """
INSERT INTO bulkeditor_inbox_events
  (id, identified, digest, name, lane, version, rank, body, signed_by, received_at, status)
SELECT :id, :identified, :digest, :name, :lane, :version, :rank, :body, :signed_by, {now}, 'pending'
WHERE NOT EXISTS (
  SELECT 1 FROM bulkeditor_inbox_events WHERE digest = :digest AND (identified = 0 OR :identified = 0)
)
ON CONFLICT (id) DO NOTHING
"""
# A lane that is held, or that waits for a retry, keeps its time.
_WAKE: Final = """
INSERT INTO bulkeditor_inbox_lanes (lane, due_at, touched_at) VALUES (:lane, {now}, {now})
ON CONFLICT (lane) DO UPDATE SET due_at = coalesce(bulkeditor_inbox_lanes.due_at, excluded.due_at)
"""
# due_at is when somebody may take the lane: at once, after a retry's wait, or when the lease has run out.
_TAKE_LANE: Final = """
UPDATE bulkeditor_inbox_lanes SET fence = fence + 1, due_at = {now} + :lease
WHERE lane = (
  SELECT lane FROM bulkeditor_inbox_lanes WHERE due_at <= {now} ORDER BY due_at LIMIT 1 {skip_locked}
)
RETURNING lane, fence, version, rank, begun
"""
# What was begun comes first: its effects may be there already, and an older event must not follow them.
_TAKE_EVENT: Final = """
UPDATE bulkeditor_inbox_events SET attempts = attempts + 1
WHERE seq = coalesce(:begun, (
  SELECT seq FROM bulkeditor_inbox_events WHERE lane = :lane AND status = 'pending'
  ORDER BY version, rank, seq LIMIT 1
))
RETURNING id, body, signed_by, attempts, failures, error, version, rank, forced, seq
"""
_BEGIN: Final = "UPDATE bulkeditor_inbox_lanes SET begun = :begun WHERE lane = :lane"
_HOLD: Final = (
    "UPDATE bulkeditor_inbox_lanes SET due_at = {now} + :wait WHERE lane = :lane AND fence = :fence"
)
# A row that is locked is being brought to its end by its holder: there is nothing to wait for.
_RENEW: Final = """
UPDATE bulkeditor_inbox_lanes SET due_at = {now} + :wait
WHERE lane = (
  SELECT lane FROM bulkeditor_inbox_lanes WHERE lane = :lane AND fence = :fence {skip_locked}
)
"""
# No handler is given an event that is older than one that it is done with: a newer one may be a dead letter
# because of another handler.
_PASSED: Final = """
SELECT h.handler FROM bulkeditor_inbox_events AS e JOIN bulkeditor_inbox_handled AS h ON h.event = e.id
WHERE e.lane = :lane AND e.status = 'dead' AND (e.version, e.rank) > (:version, :rank)
"""
# Rows compare as pairs: by version, then by rank.
_ADVANCE: Final = """
UPDATE bulkeditor_inbox_lanes SET version = e.version, rank = e.rank
FROM bulkeditor_inbox_events AS e
WHERE bulkeditor_inbox_lanes.lane = :lane AND e.id = :id
  AND (bulkeditor_inbox_lanes.version IS NULL
       OR (bulkeditor_inbox_lanes.version, bulkeditor_inbox_lanes.rank) < (e.version, e.rank))
"""
_END: Final = """
UPDATE bulkeditor_inbox_events SET status = :status, error = :error, finished_at = {now},
  failures = failures + :failed, forced = 0
WHERE id = :id
"""
_FREE: Final = """
UPDATE bulkeditor_inbox_lanes
SET touched_at = {now}, fence = fence + 1, begun = NULL, due_at = CASE WHEN EXISTS (
  SELECT 1 FROM bulkeditor_inbox_events WHERE lane = :lane AND status = 'pending') THEN {now} END
WHERE lane = :lane
"""
# Whoever gives a lane back raises its fence: a renewal that comes late must not hold what nobody has.
_POSTPONE: Final = """
UPDATE bulkeditor_inbox_lanes SET due_at = {now} + :wait, fence = fence + 1
WHERE lane = :lane AND fence = :fence
"""
_FAILED: Final = "UPDATE bulkeditor_inbox_events SET failures = failures + 1, error = :error WHERE id = :id"
_REPLAY: Final = """
UPDATE bulkeditor_inbox_events
SET status = 'pending', attempts = 0, failures = 0, finished_at = NULL, forced = :forced
WHERE id = :id AND status <> 'pending' RETURNING lane
"""
_PRUNE_EVENTS: Final = """
DELETE FROM bulkeditor_inbox_events WHERE status IN ('done', 'stale') AND finished_at < {now} - :keep
"""
_PRUNE_LANES: Final = """
DELETE FROM bulkeditor_inbox_lanes WHERE due_at IS NULL AND touched_at < {now} - :keep
  AND NOT EXISTS (
    SELECT 1 FROM bulkeditor_inbox_events AS e
    WHERE e.lane = bulkeditor_inbox_lanes.lane AND e.status = 'pending')
  AND NOT EXISTS (
    SELECT 1 FROM bulkeditor_inbox_events AS e
    WHERE e.lane = bulkeditor_inbox_lanes.lane AND e.status = 'dead')
"""
_ENTRY: Final = """
SELECT id, name, lane, status, version, received_at, finished_at, failures, error, body, signed_by, seq
FROM bulkeditor_inbox_events
"""
_PAGE: Final = 200
_STATUS: Final[Mapping[Status, str]] = {name: name for name in get_args(Status)}


class Transaction(ABC):
    """An open transaction: runs statements written with named parameters."""

    @abstractmethod
    def run(self, sql: str, values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """Run one statement.

        Args:
            sql: With ``:name`` for parameters and ``{now}`` for the store's time.
            values: The parameters.

        Returns:
            The rows that it gives.
        """

    @abstractmethod
    def change(self, sql: str, values: Mapping[str, object]) -> int:
        """Run one statement, and tell how many rows it touched."""

    failed: BaseException | None = None
    """What a handler's effect raised: its own error, not the store's."""

    def apply(self, effect: Effect) -> None:
        """Run a handler's effect with the connection itself; it cannot end the transaction."""
        try:
            self._apply(effect)
        except BaseException as error:
            self.failed = error
            raise

    @abstractmethod
    def _apply(self, effect: Effect) -> None: ...


class SQLInbox(ABC):
    """An inbox in a database; see :class:`InboxStore`."""

    skip_locked: ClassVar[str] = ""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Transaction]:
        """All or nothing."""

    @abstractmethod
    def close(self) -> None:
        """Close the store."""

    def guard(self, transaction: Transaction, digest: str) -> None:  # noqa: B027 - most need none
        """Keep others from adding the same body meanwhile, where the database does not by itself."""

    def add(self, arrival: Arrival) -> bool:
        """Keep an event; False when it is there already."""
        lane = f"{_ALONE}{arrival.id}" if arrival.entity is None else _lane(arrival.entity)
        values = {
            "id": arrival.id,
            "identified": int(arrival.identified),
            "digest": arrival.digest,
            "name": arrival.name.replace("\0", "\N{SYMBOL FOR NULL}"),
            "lane": lane,
            "version": _micros(arrival.version),
            "rank": arrival.rank,
            "body": arrival.body,
            "signed_by": arrival.signed_by,
        }
        with self.transaction() as transaction:
            self.guard(transaction, arrival.digest)
            if not transaction.change(_ADD, values):
                return False
            transaction.change(_WAKE, {"lane": lane})
        return True

    def claim(self, lease: float) -> Claim | None:
        """Take the next event that may be handled."""
        with self.transaction() as transaction:
            return self._claim(transaction, lease)

    def renew(self, claim: Claim, lease: float) -> None:
        """Hold a lane for longer."""
        with self.transaction() as transaction:
            _hold(transaction, claim, lease, self._for_this(_RENEW))

    def record(self, claim: Claim, handler: str, effect: Effect | None = None) -> None:
        """One of several handlers is done."""
        with self.transaction() as transaction:
            # The lease's time stays as it is; what counts is that the lane is ours, and is locked.
            if not transaction.change(
                "UPDATE bulkeditor_inbox_lanes SET touched_at = {now} WHERE lane = :lane AND fence = :fence",
                {"lane": claim.lane, "fence": claim.fence},
            ):
                raise _lost(claim)
            if effect is not None:
                transaction.apply(effect)
            transaction.change(
                "INSERT INTO bulkeditor_inbox_handled (event, handler) VALUES (:id, :handler) "
                "ON CONFLICT DO NOTHING",
                {"id": claim.id, "handler": handler},
            )

    def finish(
        self,
        claim: Claim,
        status: Literal["done", "stale"],
        effect: Effect | None = None,
        *,
        claim_next: float | None = None,
    ) -> Claim | None:
        """An event is handled; the next one is claimed in the same commit."""
        with self.transaction() as transaction:
            _hold(transaction, claim, 0)
            if effect is not None:
                transaction.apply(effect)
            # Of a stale event, which is older than what is known, this changes nothing.
            transaction.change(_ADVANCE, {"lane": claim.lane, "id": claim.id})
            self._end(transaction, claim, status, None)
            transaction.change("DELETE FROM bulkeditor_inbox_handled WHERE event = :id", {"id": claim.id})
            return None if claim_next is None else self._claim(transaction, claim_next)

    def retry(self, claim: Claim, error: str, delay: float) -> None:
        """Give an event back."""
        with self.transaction() as transaction:
            _hold(transaction, claim, delay, _POSTPONE)
            transaction.change(_FAILED, {"id": claim.id, "error": _printable(error)})

    def bury(self, claim: Claim, error: str) -> None:
        """Give an event up."""
        with self.transaction() as transaction:
            _hold(transaction, claim, 0)
            self._end(transaction, claim, "dead", _printable(error))

    def next_due(self) -> float | None:
        """Seconds until there may be something to claim."""
        with self.transaction() as transaction:
            rows = transaction.run(
                "SELECT min(due_at) - {now} FROM bulkeditor_inbox_lanes WHERE due_at IS NOT NULL", {}
            )
        return None if rows[0][0] is None else max(0.0, float(rows[0][0]) / MICROSECONDS)

    def entries(self, status: Status | None = None) -> Iterator[InboxEntry]:
        """Events in the order in which they came."""
        after = 0
        # A literal, so that the index of dead letters serves.
        only = "" if status is None else f"AND status = '{_STATUS[status]}'"
        while True:
            # A page at a time: no transaction stays open while the caller looks at an event.
            with self.transaction() as transaction:
                rows = transaction.run(
                    f"{_ENTRY} WHERE seq > :after {only} ORDER BY seq LIMIT :page",
                    {"after": after, "page": _PAGE},
                )
            yield from map(_entry, rows)
            if len(rows) < _PAGE:
                return
            after = rows[-1][11]

    def entry(self, event_id: str) -> InboxEntry | None:
        """One event."""
        if not is_message_id(event_id):
            return None  # such a text need not fit the database
        with self.transaction() as transaction:
            rows = transaction.run(f"{_ENTRY} WHERE id = :id", {"id": event_id})
        return _entry(rows[0]) if rows else None

    def replay(self, event_id: str, *, even_if_stale: bool = False) -> bool:
        """Make an event that is over wait again."""
        if not is_message_id(event_id):
            return False
        with self.transaction() as transaction:
            rows = transaction.run(_REPLAY, {"id": event_id, "forced": int(even_if_stale)})
            for (lane,) in rows:
                transaction.change(_WAKE, {"lane": lane})
        return bool(rows)

    def counts(self) -> Mapping[Status, int]:
        """How many events there are of each status."""
        with self.transaction() as transaction:
            rows = transaction.run("SELECT status, count(*) FROM bulkeditor_inbox_events GROUP BY status", {})
        return dict.fromkeys(_STATUS, 0) | {status: number for status, number in rows}  # noqa: C416 - rows of two

    def prune(self, keep: float) -> int:
        """Forget what was over some seconds ago."""
        with self.transaction() as transaction:
            removed = transaction.change(_PRUNE_EVENTS, {"keep": _whole(keep)})
            transaction.change(_PRUNE_LANES, {"keep": _whole(keep)})
        return removed

    def _claim(self, transaction: Transaction, lease: float) -> Claim | None:
        values: dict[str, object] = {"lease": _whole(lease)}
        for lane, fence, version, rank, begun in transaction.run(self._for_this(_TAKE_LANE), values):
            for row in transaction.run(_TAKE_EVENT, {"lane": lane, "begun": begun}):
                transaction.change(_BEGIN, {"lane": lane, "begun": row[9]})
                claim = _claim(row, lane, fence, self._handled(transaction, row[0]))
                if row[8]:
                    return claim  # even if it is stale
                order = {"lane": lane, "version": row[6], "rank": row[7]}
                passed = frozenset(name for (name,) in transaction.run(_PASSED, order))
                stale = version is not None and (row[6], row[7]) < (version, rank)
                return attrs.evolve(claim, stale=stale, passed=passed)
            # Its events went away beside us (somebody deleted rows): nothing waits here.
            transaction.change(_FREE, {"lane": lane})
        return None

    def _for_this(self, sql: str) -> str:
        return sql.replace("{skip_locked}", self.skip_locked)

    def _handled(self, transaction: Transaction, event_id: str) -> frozenset[str]:
        rows = transaction.run(
            "SELECT handler FROM bulkeditor_inbox_handled WHERE event = :id", {"id": event_id}
        )
        return frozenset(row[0] for row in rows)

    def _end(self, transaction: Transaction, claim: Claim, status: Status, error: str | None) -> None:
        transaction.change(
            _END, {"id": claim.id, "status": status, "error": error, "failed": int(error is not None)}
        )
        transaction.change(_FREE, {"lane": claim.lane})


def require_known(version: int, newest: int, where: object) -> None:
    """Refuse an inbox whose tables this version of the library does not know.

    Args:
        version: Of the tables.
        newest: That is known.
        where: The file or database.

    Raises:
        ConfigurationError: It is newer.
    """
    if version > newest:
        raise ConfigurationError(
            f"The inbox {where} was made by a newer version of bulkeditor.",
            hint="Upgrade bulkeditor, or use another one.",
        )


def _hold(transaction: Transaction, claim: Claim, seconds: float, how: str = _HOLD) -> None:
    """Move the lane's time, which also locks it, if it still is ours."""
    values = {"lane": claim.lane, "fence": claim.fence, "wait": _whole(seconds)}
    if not transaction.change(how, values):
        raise _lost(claim)


def _lost(claim: Claim) -> LeaseLostError:
    return LeaseLostError(f"The lease on event {claim.id!r} has run out and another worker has taken over.")


def _claim(row: Sequence[Any], lane: str, fence: int, handled: frozenset[str]) -> Claim:
    return Claim(
        id=row[0],
        body=bytes(row[1]),
        signed_by=row[2],
        lane=lane,
        fence=fence,
        attempts=row[3],
        failures=row[4],
        error=row[5],
        stale=False,
        handled=handled,
    )


def _lane(entity: str) -> str:
    """What an entity's lane is called: an index takes no name of any length, and ids come from elsewhere."""
    if len(entity) <= _LONGEST_LANE:
        return entity
    digest = hashlib.sha256(entity.encode()).hexdigest()
    # A sharp does not occur in what is quoted.
    return f"{entity[: _LONGEST_LANE - len(digest) - 1]}#{digest}"


def _entry(row: Sequence[Any]) -> InboxEntry:
    return InboxEntry(
        id=row[0],
        name=row[1],
        entity=None if row[2].startswith(_ALONE) else row[2],
        status=row[3],
        version=_moment(row[4]),
        received_at=_moment(row[5]),
        finished_at=None if row[6] is None else _moment(row[6]),
        failures=row[7],
        error=row[8],
        body=bytes(row[9]),
        signed_by=row[10],
    )


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _whole(seconds: float) -> int:
    return round(seconds * MICROSECONDS)


def _printable(error: str) -> str:
    # Any exception's text must fit any database.
    return error.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")[:2000]


__all__ = ["LEAVE_IT", "MICROSECONDS", "SQLInbox", "Transaction", "require_known"]
