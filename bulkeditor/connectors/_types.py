"""What passes between a connector, its session and the caller: queries, records, changes, outcomes."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, TypeVar, get_args, overload

import attrs

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.http import Request, Response, Sleep
from bulkeditor.models import JSON

T = TypeVar("T")

Row: TypeAlias = Mapping[str, object]
"""One record as the other system sent it."""

Place: TypeAlias = Mapping[str, JSON]
"""Where a read goes on: plain data that the connector made up and understands."""

CursorValue: TypeAlias = datetime | Decimal | int | str
"""What a record's cursor may be: a time, a number that rises, a text that sorts."""

NOWHERE: Final[Place] = MappingProxyType({})
_NO_VALUES: Final[Mapping[str, object]] = MappingProxyType({})
_NO_DELTA: Final[Mapping[str, Decimal | int]] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class Query:
    """What to read.

    Args:
        fields: Our field names; empty = all that the connector reads.
        since: Lower bound of the cursor, inclusive; what is to be looked back over is taken off already.
        until: Upper bound, inclusive, fixed when the read began.
        resume: Where to go on; empty = at the beginning.
        keys: Only these records, where the connector declares ``by_key``; empty = all.
        page_size: Rows for each page; None = the connector's own choice.
        now: When the read began, for systems whose values have a time at which they hold; None in a probe.
    """

    fields: tuple[str, ...] = ()
    since: CursorValue | None = None
    until: CursorValue | None = None
    resume: Place = NOWHERE
    keys: tuple[str, ...] = ()
    page_size: int | None = None
    now: datetime | None = None

    def wants(self, *names: str) -> bool:
        """Whether any of these fields is asked for, to spare the requests that others would cost."""
        return not self.fields or any(name in self.fields for name in names)


@attrs.frozen
class Records:
    """A page of rows, as a connector yields it.

    Args:
        rows: As the system sent them; what cannot be read becomes a dead letter, so nothing is left out here.
        resume: Where the read goes on after this page; None, or only None inside, where nothing follows.
        complete: On the last page of a scan that saw everything there is: what is missing was deleted.
        deleted: Keys that the system says are gone (tombstones).
    """

    rows: Sequence[object]
    resume: Place | None = attrs.field(default=None, kw_only=True)
    complete: bool = attrs.field(default=False, kw_only=True)
    deleted: Sequence[str] = attrs.field(default=(), kw_only=True)


@attrs.frozen(kw_only=True)
class Record:
    """One record of another system, in our words.

    Args:
        key: What identifies it, text: leading zeros and letter case are kept.
        values: Our field names to typed values; a field that the system did not send is not in it, null is
            None.
        raw: The row as it was sent.
        cursor: When or where it last changed.
        deleted: A tombstone: the record is gone there.
        inferred: Gone because a complete scan did not find it, not because the system said so.
        problems: Fields that could not be read; they are not in ``values``.
    """

    key: str
    values: Mapping[str, object] = _NO_VALUES
    raw: Row = attrs.field(default=_NO_VALUES, repr=False)
    cursor: CursorValue | None = None
    deleted: bool = False
    inferred: bool = False
    problems: tuple[FieldError, ...] = ()

    def __getitem__(self, field: str) -> object:
        return self.values[field]

    def get(self, field: str, default: object = None) -> object:
        """The value of a field, or the default where the system did not send it."""
        return self.values.get(field, default)


@attrs.frozen(kw_only=True)
class DeadLetter:
    """A row that could not be read as a record at all.

    Args:
        raw: What came.
        code: Machine-readable: ``no_key``, ``not_an_object`` …
        message: The same in a sentence.
    """

    raw: object
    code: str
    message: str


@attrs.frozen(kw_only=True)
class Page:
    """A page of records, as a session hands it out.

    Args:
        records: In the order of the system; tombstones at the end.
        dead_letters: Rows that are no records.
        resume: Give it to ``pages(resume=…)`` to go on after this page, also in another process; None on the
            last page.
        read: Rows that came, tombstones included.
        filtered: Rows left out: seen already, or outside of the bounds.
    """

    records: Sequence[Record]
    dead_letters: Sequence[DeadLetter] = ()
    resume: Place | None = None
    read: int = 0
    filtered: int = 0


@attrs.frozen(kw_only=True)
class StockLevel:
    """Stock of one record at one place, a value of the field ``inventory_levels``.

    Args:
        location: The place's id in that system.
        on_hand: Pieces that lie there.
        reserved: Of these, promised to somebody; None where the system does not say.
        available: Left to sell; None where the system does not say.
        incoming: On order; None where the system does not say.
    """

    location: str
    on_hand: Decimal | None = None
    reserved: Decimal | None = None
    available: Decimal | None = None
    incoming: Decimal | None = None


@attrs.frozen(kw_only=True, eq=False)
class Change:
    """What to write to one record.

    Args:
        key: Which record.
        values: Our field names to absolute values; None clears.
        delta: Our field names to differences, for systems whose stock is only moved:
            ``{"inventory_quantity": -2}``.
        reason: Why, in words; some systems want one for each movement.
        expected: What the fields should hold before; a record that holds something else is ``conflicted``.
        location: The place whose stock is meant.
        delete: Delete the record.
    """

    key: str
    values: Mapping[str, object] = _NO_VALUES
    delta: Mapping[str, Decimal | int] = _NO_DELTA
    reason: str | None = None
    expected: Mapping[str, object] | None = None
    location: str | None = None
    delete: bool = False

    def outcome(  # noqa: D417 - the rest as in Outcome
        self,
        status: OutcomeStatus,
        message: str | None = None,
        *,
        code: str | None = None,
        retryable: bool = False,
        raw: object = None,
    ) -> Outcome:
        """What became of this change.

        Args:
            status: See :data:`OutcomeStatus`.
        """
        return Outcome(change=self, status=status, code=code, message=message, retryable=retryable, raw=raw)


OutcomeStatus: TypeAlias = Literal[
    "updated",
    "created",
    "deleted",
    "unchanged",
    "skipped",
    "conflicted",
    "failed",
    "dead_lettered",
    "unknown",
]
"""``skipped``: nothing to write it to, or not meant for this system. ``failed``: refused; a repeat may help
where ``retryable``. ``dead_lettered``: this row as it is can never be written. ``unknown``: sent, no answer,
and reading could not tell."""


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of one change; exactly one for each.

    Args:
        change: The change.
        status: What became of it.
        code: Machine-readable name of the reason, the other system's own where it has one.
        message: The reason in a sentence.
        retryable: Whether sending it again later may help.
        raw: What the system said about it.
    """

    change: Change
    status: OutcomeStatus
    code: str | None = None
    message: str | None = None
    retryable: bool = False
    raw: object = attrs.field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        choices = get_args(OutcomeStatus)
        if self.status not in choices:
            raise ValueError(f"status is {self.status!r:.60}; choose from {', '.join(choices)}")

    @property
    def written(self) -> bool:
        """Whether the system holds the change now because of it."""
        return self.status in ("updated", "created", "deleted")


@attrs.frozen
class Outcomes:
    """Outcomes that are known by now, as a connector yields them.

    Args:
        rows: One for each change that was settled.
    """

    rows: Sequence[Outcome]


@attrs.frozen(eq=False)
class Batch(Sequence[Change]):
    """Changes that go out together: never more than the limits allow, and never two with one key.

    Args:
        changes: The changes.
        idempotency_key: A UUID for the request that carries them: the same whenever this batch is sent again.
        now: When the write began, for systems that want a date with what is booked.
    """

    changes: tuple[Change, ...]
    idempotency_key: str = attrs.field(kw_only=True, factory=lambda: str(uuid.uuid4()))
    now: datetime = attrs.field(kw_only=True, factory=lambda: datetime.now(UTC))

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Change]: ...
    def __getitem__(self, index: int | slice) -> Change | Sequence[Change]:
        return self.changes[index]

    def __len__(self) -> int:
        return len(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def key_for(self, part: str) -> str:
        """A further idempotency key, for a batch that takes several requests: the same for the same part."""
        digest = hashlib.sha256(f"{self.idempotency_key}\0{part}".encode()).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))


Action: TypeAlias = Literal["retry", "refresh", "skip_row", "conflict", "dead_letter", "fatal", "unknown"]
"""``retry``: nothing was done, and a repeat may help. ``refresh``: the credential is dead. ``skip_row``:
there is nothing to write to. ``conflict``: the record is not as expected. ``dead_letter``: this row can
never be written. ``fatal``: nothing further can work. ``unknown``: it may have taken effect."""


STATUS: Final[Mapping[Action, OutcomeStatus]] = MappingProxyType(
    {
        "retry": "failed",
        "refresh": "failed",
        "skip_row": "skipped",
        "conflict": "conflicted",
        "dead_letter": "dead_lettered",
        "fatal": "failed",
        "unknown": "unknown",
    }
)
"""What becomes of a change that met such a refusal."""


@attrs.frozen
class Verdict:
    """What a refusal means.

    Args:
        action: What follows from it.
        code: The system's own name for the problem.
        message: Its sentence.
        after: Seconds to wait before a repeat; None = the retry policy's.
    """

    action: Action
    code: str | None = attrs.field(default=None, kw_only=True)
    message: str | None = attrs.field(default=None, kw_only=True)
    after: float | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(kw_only=True)
class CheckRow:
    """How one capability is.

    Args:
        capability: ``read``, ``changed_since``, ``write``, ``purchase_orders`` …
        ok: Whether it works; None = not tried, because that would change something.
        detail: What was found, in a sentence.
        code: Machine-readable name of the problem.
        response_time: Seconds.
    """

    capability: str
    ok: bool | None
    detail: str
    code: str | None = None
    response_time: float | None = None


@attrs.frozen(kw_only=True)
class PurchaseLine:
    """One line of a purchase order.

    Args:
        key: The record to order.
        quantity: How many.
        price: Price of one, where it is to be given.

    Raises:
        InvalidInputError: The quantity is not above 0.
    """

    key: str
    quantity: Decimal | int
    price: Decimal | None = None

    def __attrs_post_init__(self) -> None:
        # Comparing NaN would raise.
        if not Decimal(self.quantity).is_finite() or self.quantity <= 0:
            raise _refused("quantity", f"must be above 0, got {self.quantity}", of=f"{self.key}: ")


@attrs.frozen(kw_only=True)
class PurchaseOrder:
    """An order to a supplier.

    Args:
        supplier: The supplier's id in that system.
        lines: What to order.
        location: Where it is to be delivered.
        reference: Our own number; carried along, so that an order whose answer was lost can be found.
        due: When it is to be delivered; some systems want to know.

    Raises:
        InvalidInputError: It has no line.
    """

    supplier: str
    lines: tuple[PurchaseLine, ...]
    location: str | None = None
    reference: str | None = None
    due: date | None = None

    def __attrs_post_init__(self) -> None:
        if not self.lines:
            raise _refused("lines", "an order needs one line at least")


def _refused(field: str, message: str, *, of: str = "") -> InvalidInputError:
    return InvalidInputError(f"{of}{field}: {message}.", errors=[FieldError(field=field, message=message)])


@attrs.frozen(kw_only=True)
class PlacedOrder:
    """A purchase order that the system has taken.

    Args:
        id: Its id there.
        number: The number that people know it by.
        raw: What the system said.
    """

    id: str
    number: str | None = None
    raw: object = attrs.field(default=None, repr=False)


Reading: TypeAlias = Generator[Request | Sleep | Records, Response, None]
"""A read: yields requests and is handed responses; yields pages of rows to the caller."""

Writing: TypeAlias = Generator[Request | Sleep | Outcomes, Response, None]
"""A write of one batch: yields outcomes as they become known, exactly one for each change."""

__all__ = [
    "NOWHERE",
    "STATUS",
    "Action",
    "Batch",
    "Change",
    "CheckRow",
    "CursorValue",
    "DeadLetter",
    "Outcome",
    "OutcomeStatus",
    "Outcomes",
    "Page",
    "Place",
    "PlacedOrder",
    "PurchaseLine",
    "PurchaseOrder",
    "Query",
    "Reading",
    "Record",
    "Records",
    "Row",
    "StockLevel",
    "Verdict",
    "Writing",
]
