"""One write, from changes to outcomes: each change has exactly one, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from bulkeditor.connectors._admission import Admission, batches, derived
from bulkeditor.connectors._asking import guarded, relay
from bulkeditor.connectors._ledger import WriteLedger
from bulkeditor.connectors._reading import Reader
from bulkeditor.connectors._types import (
    STATUS,
    Batch,
    Change,
    Outcome,
    Outcomes,
    Page,
    Record,
    Verdict,
)
from bulkeditor.connectors._wish import Wish
from bulkeditor.errors import BulkEditorError, ReadOnlyError
from bulkeditor.http import Request, Response, RetryPolicy, Sleep
from bulkeditor.http._hooks import logger

if TYPE_CHECKING:
    from bulkeditor.connectors.base import Connector

Steps: TypeAlias = Generator[Request | Sleep | Outcomes, Response, None]

_NOTHING: Final[Mapping[str, Record]] = MappingProxyType({})
_ENDING: Final = frozenset({"fatal", "refresh"})


class Writer:
    """The rules of one write; pure.

    Args:
        connector: What is written to.
        changes: What to write.
        policy: Bounds the repeats that the system's own codes ask for.
        now: When the write begins.
        look: Read the records first, where the system can be asked for them: superfluous and conflicting
            changes are then not sent.
        idempotency_key: A UUID for the whole write; the same changes under the same key can be sent again.

    Raises:
        ReadOnlyError: The connector's direction is ``inbound``.
    """

    def __init__(
        self,
        connector: Connector,
        changes: Sequence[Change],
        *,
        policy: RetryPolicy,
        now: datetime,
        look: bool = True,
        idempotency_key: str | None = None,
    ) -> None:
        if connector.direction == "inbound":
            raise ReadOnlyError(f"{connector.name} is not written to: its direction is 'inbound'.", hint="")
        self.ledger = WriteLedger()
        self._connector = connector
        self._changes = changes
        self._policy = policy
        self._now = now
        self._look = look and connector.capabilities.by_key
        self._key = idempotency_key
        self._fields = connector.read_fields()
        # Changes that were given and have no outcome yet, by identity: equal ones may be given twice.
        self._open: dict[int, Change] = {}
        self._unknown: list[Outcome] = []
        self._end: Verdict | None = None

    def outcomes(self) -> Steps:
        """The write itself."""
        self.ledger.given = len(self._changes)
        self._open = {id(change): change for change in self._changes}
        accepted: list[Change] = []
        refused: list[Outcome] = []
        admission = Admission(self._connector)
        for change in self._changes:
            outcome = admission.judge(change)
            if outcome is None:
                accepted.append(change)
            else:
                refused.append(outcome)
        if refused:
            yield self._settled(refused)
        for batch in batches(self._connector, accepted, self._key, self._now):
            if self._end is not None:
                yield self._settled([_not_sent(change, self._end) for change in batch])
            else:
                yield from self._batch(batch)

    def _batch(self, batch: Batch) -> Steps:
        if self._look:
            try:
                found = yield from self._found(batch)
            except BulkEditorError as error:
                # Nothing was written; whether a repeat may help is what the read's own failure says.
                verdict = self._connector.classify(error)
                yield self._settled([_unseen(change, verdict) for change in batch])
                return
            superfluous = [out for change in batch if (out := self._superfluous(change, found)) is not None]
            if superfluous:
                yield self._settled(superfluous)
            batch = attrs.evolve(batch, changes=tuple(c for c in batch if id(c) in self._open))
        if batch:
            yield from self._send(batch)
        if self._unknown:
            yield from self._read_back()

    def _send(self, batch: Batch) -> Steps:
        """Let the connector write, and account for every change that it has said nothing about."""
        verdict: Verdict | None = None
        try:
            yield from guarded(self._connector, self._connector.write(batch), self._policy, self._take)
        except BulkEditorError as error:
            verdict = self._connector.classify(error)
        except Exception as error:  # noqa: BLE001 - logged, counted, and told
            # A bug in a connector must not take the outcomes of the other changes with it.
            logger.exception("%s: write() raised %s", self._connector.name, type(error).__name__)
            self.ledger.defects.append(f"write() raised {type(error).__name__}: {error}")
            verdict = Verdict("unknown", code="connector_error", message=f"{type(error).__name__}: {error}")
        left = [change for change in batch if id(change) in self._open]
        if not left:
            return
        if verdict is None:
            self.ledger.defects.append(f"write() said nothing about {len(left)} changes")
            verdict = Verdict("unknown", code="no_outcome", message="the connector said nothing about it")
        if verdict.action == "dead_letter" and len(left) == len(batch) > 1:
            # Refused as a whole: one row spoils the others, so it is looked for.
            half = len(batch) // 2
            for part, changes in (("a", batch.changes[:half]), ("b", batch.changes[half:])):
                if self._end is None:
                    yield from self._send(
                        attrs.evolve(
                            batch, changes=changes, idempotency_key=derived(batch.idempotency_key, part)
                        )
                    )
            left = [change for change in batch if id(change) in self._open]
            if self._end is not None:
                yield self._settled([_not_sent(change, self._end) for change in left])
            return
        yield self._settled([self._failed(change, verdict) for change in left])

    def _take(self, step: Outcomes) -> tuple[Outcomes]:
        return (self._settled(step.rows),)

    def _settled(self, outcomes: Sequence[Outcome]) -> Outcomes:
        """Those that can be told now; unknown ones are kept back until they were read back."""
        told: list[Outcome] = []
        for outcome in outcomes:
            if self._open.pop(id(outcome.change), None) is None:
                self.ledger.defects.append(f"an outcome ({outcome.status}) for a change that has none open")
            elif outcome.status == "unknown" and self._readable(outcome.change):
                self._unknown.append(outcome)
            else:
                self.ledger.count(outcome.status)
                told.append(outcome)
        return Outcomes(told)

    def _failed(self, change: Change, verdict: Verdict) -> Outcome:
        if verdict.action in _ENDING:
            self._end = verdict
        status = STATUS[verdict.action]
        return change.outcome(status, verdict.message, code=verdict.code, retryable=verdict.action == "retry")

    # Reading before and after ------------------------------------------------------------------------------

    def _readable(self, change: Change) -> bool:
        """Whether a read by key shows if the change took effect."""
        absolute = bool(change.values) and not change.delta and change.location is None
        by_key = self._connector.capabilities.by_key
        return by_key and absolute and all(name in self._fields for name in change.values)

    def _found(self, changes: Sequence[Change]) -> Generator[Request | Sleep, Response, Mapping[str, Record]]:
        """The records of some changes as they are now."""
        found: dict[str, Record] = {}
        asked = [change for change in changes if self._readable(change)]
        if not asked:
            return found
        names = [name for change in asked for name in (*change.values, *(change.expected or ()))]
        wish = Wish(
            keys=[change.key for change in asked],
            fields=[name for name in dict.fromkeys(names) if name in self._fields],
        )

        def keep(page: Page) -> tuple[()]:
            found.update((record.key, record) for record in page.records if not record.deleted)
            return ()

        reader = Reader(self._connector, wish, self._now)
        yield from relay(reader.pages(self._policy), keep)
        return found

    def _superfluous(self, change: Change, found: Mapping[str, Record]) -> Outcome | None:
        """The outcome of a change that the record holds already, or that it contradicts."""
        record = found.get(change.key)
        if record is None or not self._readable(change):
            return None
        if self._holds(record, change):
            return change.outcome("unchanged", "it holds these values already")
        expected = change.expected or {}
        moved = [
            name
            for name, value in expected.items()
            if name in record.values and record.values[name] != self._fields[name].typed(value)
        ]
        if moved:
            return change.outcome(
                "conflicted", f"not as expected any more: {', '.join(moved)}", code="changed", raw=record.raw
            )
        return None

    def _holds(self, record: Record, change: Change) -> bool:
        return all(
            name in record.values and record.values[name] == self._fields[name].typed(value)
            for name, value in change.values.items()
        )

    def _read_back(self) -> Steps:
        """Settle what can be settled; whatever does not show yet stays unknown, and is not sent again."""
        waiting, self._unknown = self._unknown, []
        try:
            found = yield from self._found([outcome.change for outcome in waiting])
        except BulkEditorError:
            found = _NOTHING
        told: list[Outcome] = []
        for outcome in waiting:
            record = found.get(outcome.change.key)
            if record is not None and self._holds(record, outcome.change):
                outcome = attrs.evolve(  # noqa: PLW2901 - the same one, settled
                    outcome, status="updated", message="no answer came; read back, it is there"
                )
            self.ledger.count(outcome.status)
            told.append(outcome)
        yield Outcomes(told)


def _unseen(change: Change, verdict: Verdict) -> Outcome:
    message = f"not sent, because the record could not be read first: {verdict.message or verdict.code}"
    return change.outcome(
        "failed", message, code=verdict.code, retryable=verdict.action in ("retry", "unknown")
    )


def _not_sent(change: Change, verdict: Verdict) -> Outcome:
    message = f"not sent, because nothing further can work: {verdict.message or verdict.code}"
    return change.outcome("failed", message, code="not_sent", retryable=True)


__all__ = ["Writer"]
