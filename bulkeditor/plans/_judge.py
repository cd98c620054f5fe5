"""Judge what became of the rows of a write: pure, from the outcome of the product it was sent for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import attrs

from bulkeditor.api._outcomes import RowOutcome
from bulkeditor.api._rows import Row
from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models import UNSET, Product, encode
from bulkeditor.plans._decide import Numbered, OnError, RowResult, Write, forced, groups, show
from bulkeditor.plans._exact import CUSTOM, alike, column_of, column_value, identical, value_in
from bulkeditor.plans._rows import Value

CHANGED: Final = "changed"
"""The server's code for a row whose product is no longer as the row expects."""

_COLUMN: Final = re.compile(r"[.\[]")

Again: TypeAlias = Literal["look", "send", "clear"]
"""What is left to do for rows without an outcome: look at the product again, send them by themselves, or take
custom fields away from a server that only ever adds to them."""


@attrs.frozen(kw_only=True)
class Verdict:
    """What became of the rows of one write.

    Args:
        results: Rows that have their outcome.
        again: What is left to do with the others.
        rest: The others; None when there are none.
    """

    results: tuple[RowResult, ...]
    again: Again | None = None
    rest: Write | None = None


@attrs.define(eq=False)
class Sending(Row):
    """A write on its way through :class:`~bulkeditor.api._batch.BatchSender`.

    Args:
        write: What is written.
    """

    write: Write = attrs.field(kw_only=True)

    @classmethod
    def of(cls, index: int, write: Write, *, expects: bool) -> Sending:
        """A write made ready to be sent.

        Args:
            index: Its place in the batch.
            write: What is written.
            expects: Whether the server compares what the product holds in the transaction that writes.
        """
        values = dict(write.values)
        given: dict[str, object] = {"id": write.product, **values}
        sending = cls(index, given, id=write.product, wanted=dict(values), write=write, verify=write.doubtful)
        if CUSTOM in values and not values[CUSTOM]:
            # Merging an empty object in would change nothing.
            given[CUSTOM] = None
        try:
            sending.content = encode({**given, "expected": dict(write.seen)} if expects else given)
        except InvalidInputError as error:
            sending.end("failed", code="not_json", message=str(error))
        return sending

    def differences(self, product: Product) -> list[FieldError]:
        """Rows of the plan whose value a product does not hold."""
        return [
            FieldError(
                field=item.row.field,
                message=f"should be {show(item.row.after)}, the server holds {show(_held(product, item))}",
                code="not_applied",
            )
            for item in self.write.rows
            if not alike(item.row.field, item.row.after, _held(product, item))
        ]

    def overtaken(self, product: Product) -> bool:
        """Whether a column is no longer as it was seen before the write."""
        return any(
            not identical(column, value, column_value(product, column))
            for column, value in self.write.seen.items()
        )


def judge(sending: Sending, *, on_error: OnError, silent: bool, last: bool) -> Verdict:
    """What became of the rows of a write that has been sent.

    Args:
        sending: The write, with the outcome of its product.
        on_error: What stands or falls together.
        silent: Whether the server's reply did not mention it.
        last: Whether it must not be tried again.
    """
    outcome, write = sending.outcome, sending.write
    assert outcome is not None
    if outcome.ok:
        if sending.repeated:
            # The first request got no answer; that it was so already is its doing.
            outcome = attrs.evolve(outcome, status="updated")
        return Verdict(results=tuple(_done(write, item, outcome) for item in write.rows))
    if outcome.code == "overtaken":
        return _overtaken(sending, on_error, last=last)
    if outcome.code == "not_applied" and sending.held is not None:
        return _not_applied(sending, sending.held, silent=silent, last=last)
    if any(error.code == CHANGED for error in outcome.errors):
        return _changed(write, sent=sending.repeated, last=last)
    if any(error.code == "not_found" and error.field == "id" for error in outcome.errors):
        outcome = attrs.evolve(outcome, code="unknown_id")
    elif outcome.status == "failed" and outcome.errors:
        return _refused(write, outcome, on_error)
    return Verdict(results=tuple(_like(item, outcome) for item in write.rows))


def _held(product: Product, item: Numbered) -> Value:
    column = column_of(item.row.field)
    return value_in({column: column_value(product, column)}, item.row.field)


def _done(write: Write, item: Numbered, outcome: RowOutcome) -> RowResult:
    if outcome.status == "updated":
        return _updated(write, item, verified=outcome.verified)
    return RowResult(number=item.number, status="unchanged", verified=outcome.verified)


def _updated(write: Write, item: Numbered, *, verified: bool) -> RowResult:
    if write.forced(item.row):
        return forced(item.number, item.row, write.found(item.row), verified=verified)
    return RowResult(number=item.number, status="updated", verified=verified)


def _like(item: Numbered, outcome: RowOutcome) -> RowResult:
    return RowResult(number=item.number, status=outcome.status, code=outcome.code, message=outcome.message)


def _rest(write: Write, results: list[RowResult], rows: list[Numbered], again: Again) -> Verdict:
    if not rows:
        return Verdict(results=tuple(results))
    sent = again == "look"
    return Verdict(results=tuple(results), again=again, rest=attrs.evolve(write.only(rows), sent=sent))


# The answer was lost, and somebody else has written since


def _overtaken(sending: Sending, on_error: OnError, *, last: bool) -> Verdict:
    product, write = sending.held, sending.write
    assert product is not None
    results: list[RowResult] = []
    open_: list[Numbered] = []
    for group in groups(write.rows, on_error):
        there = [item for item in group if alike(item.row.field, item.row.after, _held(product, item))]
        as_before = [item for item in group if item not in there and _untouched(write, product, item)]
        moved = [item for item in group if item not in there and item not in as_before]
        results += [_updated(write, item, verified=True) for item in there]
        results += [_unknown(item, _held(product, item)) for item in moved]
        if moved:
            message = "It was not sent again, because other fields of its group have changed since."
            results += [
                RowResult(number=item.number, status="skipped", code="group_stale", message=message)
                for item in as_before
            ]
        elif last:
            results += [_unknown(item, _held(product, item)) for item in as_before]
        else:
            open_ += as_before
    return _rest(write, results, open_, "look")


def _untouched(write: Write, product: Product, item: Numbered) -> bool:
    return identical(item.row.field, write.found(item.row), _held(product, item))


def _unknown(item: Numbered, found: Value) -> RowResult:
    message = (
        f"It was sent and no answer came; {item.row.field} is {show(found)} now, which somebody else wrote "
        "before or after."
    )
    return RowResult(number=item.number, status="unknown", code="overtaken", message=message, found=found)


# The server took it, and the product is otherwise


def _not_applied(sending: Sending, product: Product, *, silent: bool, last: bool) -> Verdict:
    write = sending.write
    there = [item for item in write.rows if alike(item.row.field, item.row.after, _held(product, item))]
    results = [_updated(write, item, verified=True) for item in there]
    open_: list[Numbered] = []
    # A reply that leaves the row out, and nothing of it applied: the server has dropped it.
    dropped = silent and not there and not last
    for item in write.rows:
        if item in there:
            continue
        if not _untouched(write, product, item):
            results.append(_otherwise(write, item, _held(product, item), silent=silent))
        elif dropped or item.row.after is UNSET:
            open_.append(item)
        else:
            results.append(_failed(item, _held(product, item)))
    if dropped:
        return _rest(write, results, open_, "look")
    now = {column: column_value(product, column) for column in write.seen}
    return _rest(attrs.evolve(write, seen=now), results, open_, "clear")


def _otherwise(write: Write, item: Numbered, found: Value, *, silent: bool) -> RowResult:
    if item.row.field == "tags" and _added(write, found):
        return _failed(item, found)
    if silent:
        return _unknown(item, found)
    message = f"The server wrote it; {item.row.field} is {show(found)} now."
    return RowResult(number=item.number, status="updated", code="changed_since", message=message, found=found)


def _added(write: Write, found: Value) -> bool:
    old, new = write.seen["tags"], write.values["tags"]
    if not isinstance(old, list) or not isinstance(new, list):
        return False
    return found == [*old, *(tag for tag in new if tag not in old)]


def _failed(item: Numbered, found: Value) -> RowResult:
    message = f"The server took it and did not apply it: {item.row.field} is {show(found)}."
    return RowResult(number=item.number, status="failed", code="not_applied", message=message, found=found)


# The server refused it


def _changed(write: Write, *, sent: bool, last: bool) -> Verdict:
    if not last:
        return Verdict(results=(), again="look", rest=attrs.evolve(write, sent=sent))
    message = "The product changed each time between the look at it and the write; it was left alone."
    return Verdict(
        results=tuple(
            RowResult(number=item.number, status="stale", code="keeps_changing", message=message)
            for item in write.rows
        )
    )


def _refused(write: Write, outcome: RowOutcome, on_error: OnError) -> Verdict:
    named = _named(write, outcome.errors)
    if not named:
        return Verdict(results=tuple(_like(item, outcome) for item in write.rows))
    results: list[RowResult] = []
    open_: list[Numbered] = []
    for group in groups(write.rows, on_error):
        if not any(item.number in named for item in group):
            open_ += group
            continue
        bad = ", ".join(item.row.field for item in group if item.number in named)
        for item in group:
            error = named.get(item.number)
            if error is not None:
                results.append(
                    RowResult(number=item.number, status="failed", code=error.code, message=error.message)
                )
            else:
                message = f"It was not written, because {bad} of the same product was refused."
                results.append(
                    RowResult(number=item.number, status="skipped", code="group_rejected", message=message)
                )
    return _rest(write, results, open_, "send")


def _named(write: Write, errors: tuple[FieldError, ...]) -> Mapping[int, FieldError]:
    """The rows that a refusal is about; none when a problem is about no row of the plan."""
    named: dict[int, FieldError] = {}
    for error in errors:
        rows = _rows_of(write, error.field or "")
        if not rows:
            return {}
        for number in rows:
            named.setdefault(number, error)
    return named


def _rows_of(write: Write, field: str) -> list[int]:
    """The rows that a field of the server's means: that very entry, or all in its column."""
    exact = [item.number for item in write.rows if item.row.field == field]
    column = _COLUMN.split(field)[0]
    return exact or [item.number for item in write.rows if column_of(item.row.field) == column]


__all__ = ["CHANGED", "Again", "Sending", "Verdict", "judge"]
