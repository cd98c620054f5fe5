"""Which changes are sent at all, and in which batches; decided before anything goes out."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from bulkeditor.connectors._types import Batch, Change, Outcome
from bulkeditor.errors import InvalidInputError
from bulkeditor.models import encode

if TYPE_CHECKING:
    from bulkeditor.connectors.base import Connector


class Admission:
    """Decides which changes are not sent, and what becomes of them.

    Args:
        connector: Knows what it can write.
    """

    def __init__(self, connector: Connector) -> None:
        self._able = connector.capabilities
        self._fields = connector.written_fields()
        self._selected = connector.selected()

    def judge(self, change: Change) -> Outcome | None:
        """The outcome of a change that is not to be sent; None for one that is."""
        if not change.key.strip():
            return change.outcome("dead_lettered", "it has no key, or a blank one", code="no_key")
        if change.delete:
            return None if self._able.delete else _unsupported(change, "nothing can be deleted there")
        return self._strange(change) or self._unwritable(change) or _idle(change)

    def _strange(self, change: Change) -> Outcome | None:
        able, names = self._able, (*change.values, *change.delta)
        strange = [name for name in change.values if name not in self._fields]
        strange += [name for name in change.delta if name not in able.delta]
        if strange:
            return _unsupported(change, f"not written there: {', '.join(strange)}")
        left_out = [name for name in names if self._selected and name not in self._selected]
        if left_out:
            message = f"not among sync_fields: {', '.join(left_out)}"
            return change.outcome("skipped", message, code="not_selected")
        if change.location is not None and not able.per_location.intersection(names):
            return _unsupported(change, "none of these fields is kept for each location")
        return None

    def _unwritable(self, change: Change) -> Outcome | None:
        for name, value in change.values.items():
            try:
                self._fields[name].write(value)
            except (ValueError, TypeError) as error:
                return change.outcome("dead_lettered", f"{name}: {error}", code="unwritable_value")
        return None


def _unsupported(change: Change, message: str) -> Outcome:
    return change.outcome("dead_lettered", message, code="unsupported")


def _idle(change: Change) -> Outcome | None:
    if not change.values and not change.delta:
        return change.outcome("unchanged", "there is nothing to write")
    expected = change.expected
    if change.delta or expected is None:
        return None
    if all(name in expected and expected[name] == value for name, value in change.values.items()):
        return change.outcome("unchanged", "it is expected to hold these values already")
    return None


def batches(
    connector: Connector, changes: Sequence[Change], idempotency_key: str | None, now: datetime
) -> Iterator[Batch]:
    """The changes in batches: within the limits of rows and bytes, and no key twice in one.

    Args:
        connector: Knows the limits.
        changes: What is to be sent.
        idempotency_key: Of the whole write; each batch gets one of its own, made of it. None = random ones.
        now: When the write began.
    """
    rows, most = connector.batch_limit(), connector.limits.batch_bytes
    root = idempotency_key or str(uuid.uuid4())
    batch: list[Change] = []
    keys: set[str] = set()
    size, number = 0, 0
    for change in changes:
        weight = connector.weight(change) if most is not None else 0
        full = len(batch) >= rows or change.key in keys or (most is not None and size + weight > most)
        if batch and full:
            yield Batch(tuple(batch), idempotency_key=derived(root, str(number)), now=now)
            number += 1
            batch, size = [], 0
            keys = set()
        batch.append(change)
        keys.add(change.key)
        size += weight
    if batch:
        yield Batch(tuple(batch), idempotency_key=derived(root, str(number)), now=now)


def derived(key: str, part: str) -> str:
    """A UUID made of another and a part: always the same for the same."""
    digest = hashlib.sha256(f"{key}\0{part}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def size_of(body: object) -> int:
    """Bytes that a body takes as JSON; 0 for what cannot be written, which is found out elsewhere."""
    try:
        return len(encode(body))
    except InvalidInputError:
        return 0


__all__ = ["Admission", "batches", "derived", "size_of"]
