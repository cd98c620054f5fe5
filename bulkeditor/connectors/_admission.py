"""Which changes are sent at all, and in which batches; decided before anything goes out."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import attrs

from bulkeditor.connectors._fields import BROKEN
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
        self._known = self._fields.keys() | connector.read_fields().keys() | self._able.delta

    def judge(self, change: Change) -> Outcome | None:
        """The outcome of a change that is not to be sent; None for one that is."""
        problem = _malformed(change)
        if problem is not None:
            return problem
        if change.delete:
            return None if self._able.delete else _unsupported(change, "nothing can be deleted there")
        return self._strange(change) or self._unwritable(change) or _idle(change)

    def _strange(self, change: Change) -> Outcome | None:
        able, names = self._able, (*change.values, *change.delta)
        strange = [name for name in change.values if name not in self._fields]
        strange += [name for name in change.delta if name not in able.delta]
        if strange:
            return _unsupported(change, f"not written there: {', '.join(strange)}")
        unknown = [name for name in change.expected or () if name not in self._known]
        if unknown:
            # Written without the comparison it would overwrite what the caller wanted to keep.
            return _unsupported(change, f"expected names what is no field there: {', '.join(unknown)}")
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
                _ensure_text(self._fields[name].write(value))
            except BROKEN as error:
                return _unwritable(change, name, str(error) or type(error).__name__)
        for name, value in change.delta.items():
            number = cast("object", value)
            if isinstance(number, bool) or not isinstance(number, int | Decimal):
                return _unwritable(change, name, f"a difference is an int or a Decimal, not {number!r:.60}")
            if isinstance(number, Decimal) and not number.is_finite():
                return _unwritable(change, name, f"{number} is no difference")
        return None


def given(changes: Iterable[Change]) -> list[Change]:
    """Changes, each an object of its own: outcomes are told apart by them, and one may be given twice.

    Raises:
        InvalidInputError: Something is no change.
    """
    found: dict[int, Change] = {}
    for place, change in enumerate(changes):
        item = cast("object", change)
        if not isinstance(item, Change):
            raise InvalidInputError(
                f"changes[{place}] is no Change but {type(item).__name__}.",
                hint='Make one: Change(key="…", values={…}).',
            )
        own = attrs.evolve(item) if id(item) in found else item
        found[id(own)] = own
    return list(found.values())


def _malformed(change: Change) -> Outcome | None:
    """The outcome of a change that is none, whatever the system can do."""
    key, parts = cast("object", change.key), (change.values, change.delta, change.expected or {})
    if not isinstance(key, str) or not key.strip():
        return change.outcome("dead_lettered", "it has no key, or a blank one", code="no_key")
    if not all(isinstance(cast("object", part), Mapping) for part in parts):
        return _unwritable(change, "values", "values, delta and expected name fields: {field: value}")
    try:
        _ensure_text(key)
    except UnicodeEncodeError as error:
        return _unwritable(change, "key", str(error))
    return None


def _ensure_text(value: object) -> None:
    """Half a character (a lone surrogate) can be sent nowhere."""
    if isinstance(value, str):
        value.encode()


def _unwritable(change: Change, name: str, message: str) -> Outcome:
    return change.outcome("dead_lettered", f"{name}: {message}", code="unwritable_value")


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


__all__ = ["Admission", "batches", "derived", "given", "size_of"]
