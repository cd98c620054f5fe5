"""Take custom fields away from a server that only adds to those it has.

Such a server removes an entry in one way alone: all of them are cleared, and those that stay are written
anew. What is to be written anew stands in the ledger before anything is cleared, so a crash in between is
made good when the run goes on. Entries that somebody else writes in the meantime stay as they wrote them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

import attrs

from bulkeditor.api._outcomes import RowOutcome
from bulkeditor.api._rows import Row
from bulkeditor.engine import Done, Ledger, Step
from bulkeditor.errors import FieldError, OutcomeUnknownError
from bulkeditor.http import Exchange
from bulkeditor.models import JSON, UNSET, Product, encode
from bulkeditor.plans._check import LookParams
from bulkeditor.plans._decide import Numbered, RowResult, Write, show
from bulkeditor.plans._exact import CUSTOM, column_value, identical, value_in
from bulkeditor.plans._judge import CHANGED
from bulkeditor.plans._reading import near
from bulkeditor.plans._send import deliver, sender_of
from bulkeditor.plans._stored import columns_of, columns_to_json
from bulkeditor.plans._work import ROUNDS, Pass, Work, WriteParams, results

_TRIES: Final = 20
"""So often what was cleared is written anew while others keep changing the product."""


@attrs.frozen(kw_only=True)
class ClearParams:
    """Products whose custom fields are cleared, and what is written anew afterwards.

    Args:
        products: For each product its id, its custom fields as they were read, those that stay, and the
            numbers of the rows that take the others away.
        of: The pass that they are part of.
        expects: Whether the server compares what it holds with what was seen.
        page: The page of the listing on which they were.
        turn: How often they were looked at before; later, how often they were written anew.
    """

    products: Sequence[JSON]
    of: Pass = "apply"
    expects: bool
    page: str | None
    turn: int

    @classmethod
    def following(cls, writes: Iterable[Write], params: WriteParams) -> ClearParams:
        """What follows a write that took nothing away."""
        products: list[JSON] = [
            [
                write.product,
                columns_to_json(write.seen),
                columns_to_json(write.values),
                [item.number for item in write.rows],
            ]
            for write in writes
        ]
        return cls(
            products=products, of=params.of, expects=params.expects, page=params.page, turn=params.turn
        )

    def takes(self) -> Iterator[_Take]:
        """The products."""
        for values in self.products:
            product, seen, kept, numbers = cast("list[Any]", values)
            yield _Take(
                product=product,
                seen=cast("dict[str, JSON]", columns_of(seen)[CUSTOM] or {}),
                kept=cast("dict[str, JSON]", columns_of(kept)[CUSTOM] or {}),
                numbers=tuple(numbers),
            )


@attrs.frozen(kw_only=True)
class _Take:
    """What is taken from one product."""

    product: str
    seen: Mapping[str, JSON]
    kept: Mapping[str, JSON]
    numbers: tuple[int, ...]


@attrs.define(eq=False)
class _Clearing(Row):
    """One product whose custom fields are cleared."""

    take: _Take = attrs.field(kw_only=True)

    @classmethod
    def of(cls, index: int, take: _Take, *, expects: bool) -> _Clearing:
        given: dict[str, object] = {"id": take.product, CUSTOM: None}
        row = cls(index, given, id=take.product, wanted={CUSTOM: {}}, take=take, verify=True)
        row.content = encode({**given, "expected": {CUSTOM: take.seen}} if expects else given)
        return row

    def differences(self, product: Product) -> list[FieldError]:
        held = cast("Mapping[str, JSON]", column_value(product, CUSTOM))
        return [
            FieldError(field=f"{CUSTOM}.{name}", message="is still there", code="not_applied")
            for name, value in self.take.seen.items()
            if identical("", value, held.get(name, UNSET))
        ]

    def overtaken(self, product: Product) -> bool:
        return not identical("", dict(self.take.seen), column_value(product, CUSTOM))


def clear(work: Work) -> Exchange[Done]:
    """Clear custom fields; what stays is written anew by the step that follows."""
    params = work.params(ClearParams)
    rows = [_Clearing.of(index, take, expects=params.expects) for index, take in enumerate(params.takes())]
    sender = sender_of(work, page=params.page)
    yield from deliver(work, sender, rows)
    cleared: list[JSON] = []
    again: list[_Take] = []
    found: list[RowResult] = []
    for row, values in zip(rows, params.products, strict=True):
        outcome = row.outcome
        assert outcome is not None
        if outcome.ok:
            cleared.append(values)
        elif _moved(outcome) or row in sender.silent:
            again.append(row.take)
        elif outcome.status == "unknown":
            # It may still take effect, and then it has to be made good: the step is not over.
            raise OutcomeUnknownError(
                f"{row.take.product}: its custom fields may be cleared or not: {outcome.message}",
                operation="products.update",
            )
        else:
            found += _not_removable(row.take, outcome)
    return _after_clear(work, params, cleared, again, found)


def _moved(outcome: RowOutcome) -> bool:
    return outcome.code == "overtaken" or any(error.code == CHANGED for error in outcome.errors)


def _after_clear(
    work: Work, params: ClearParams, cleared: list[JSON], again: list[_Take], found: list[RowResult]
) -> Done:
    then: list[Step] = []
    if cleared:
        then.append(work.follow("restore", "restore0", attrs.evolve(params, products=cleared, turn=0)))
    if again and params.turn < ROUNDS:
        look = LookParams(
            ids=[take.product for take in again],
            rows=[number for take in again for number in take.numbers],
            turn=params.turn + 1,
            of=params.of,
        )
        then.append(work.follow("look", "look", look))
    elif again:
        message = "The product kept changing while its custom field was to be taken away; it was left alone."
        found += [
            RowResult(number=number, status="stale", code="keeps_changing", message=message)
            for take in again
            for number in take.numbers
        ]
    return Done(result=results(found), then=tuple(then))


def _not_removable(take: _Take, outcome: RowOutcome) -> list[RowResult]:
    message = f"The server adds custom fields to those it has, and did not clear them: {outcome.message}"
    return [
        RowResult(number=number, status="failed", code="not_removable", message=message)
        for number in take.numbers
    ]


def restore(work: Work) -> Exchange[Done]:
    """Write anew what is missing, until nothing is."""
    params = work.params(ClearParams)
    takes = list(params.takes())
    held = yield from near(params.page)([take.product for take in takes], (CUSTOM,))
    found: list[RowResult] = []
    rows: list[Row] = []
    left: list[JSON] = []
    for take, values in zip(takes, params.products, strict=True):
        products = held.rows[take.product]
        if not products:
            found += _lost(take, f"No product has the id {take.product!r}.", "unknown_id")
            continue
        now = cast("Mapping[str, JSON]", column_value(products[0], CUSTOM))
        missing = {name: value for name, value in take.kept.items() if name not in now}
        if not missing:
            found += [
                _taken(item, products[0]) for item in work.rows(take.product) if item.number in take.numbers
            ]
        elif params.turn >= _TRIES:
            text = encode(missing).decode()
            found += _lost(
                take, f"The server does not take back what was there before: {text}", "not_restored"
            )
        else:
            rows.append(_restoring(len(rows), take.product, missing, now, expects=params.expects))
            left.append(values)
    if not rows:
        return Done(result=results(found))
    sender = sender_of(work, page=params.page)
    yield from deliver(work, sender, rows, read=True)
    following = attrs.evolve(params, products=left, turn=params.turn + 1)
    step = attrs.evolve(work.follow("restore", "", following), key=_next_key(work.step.key, params.turn))
    return Done(result=results(found), then=(step,))


def _next_key(key: str, turn: int) -> str:
    return f"{key.removesuffix(str(turn))}{turn + 1}"


def _restoring(
    index: int, product: str, missing: Mapping[str, JSON], now: Mapping[str, JSON], *, expects: bool
) -> Row:
    """What is missing alone: this server adds it to what others have written since."""
    given: dict[str, object] = {"id": product, CUSTOM: dict(missing)}
    row = Row(index, given, id=product, wanted={CUSTOM: dict(missing)})
    row.content = encode({**given, "expected": {CUSTOM: dict(now)}} if expects else given)
    return row


def _taken(item: Numbered, product: Product) -> RowResult:
    held = value_in({CUSTOM: column_value(product, CUSTOM)}, item.row.field)
    if held is UNSET:
        return RowResult(number=item.number, status="updated", verified=True)
    message = f"It was taken away; somebody else has written {show(held)} since."
    return RowResult(number=item.number, status="updated", code="changed_since", message=message, found=held)


def _lost(take: _Take, message: str, code: str) -> list[RowResult]:
    return [RowResult(number=number, status="failed", code=code, message=message) for number in take.numbers]


def half_cleared(ledger: Ledger, run: str) -> bool:
    """Whether custom fields of a product may be cleared and are still to be written anew.

    Args:
        ledger: Where the run stands.
        run: Its id.
    """
    return any(
        step.kind == "restore" or (step.kind == "clear" and attempts)
        for step, attempts in ledger.unfinished(run)
    )


__all__ = ["ClearParams", "clear", "half_cleared", "restore"]
