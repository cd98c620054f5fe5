"""Take custom fields away from a server that only adds to those it has.

Such a server removes an entry in one way alone: all of them are cleared, and those that stay are written
anew. What is to be written anew stands in the ledger before anything is cleared, so a crash in between is
made good when the run goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

import attrs

from bulkeditor.api._outcomes import RowOutcome
from bulkeditor.api._rows import Row
from bulkeditor.engine import Done, Step
from bulkeditor.errors import FieldError, OutcomeUnknownError
from bulkeditor.http import Exchange
from bulkeditor.models import JSON, Product, encode
from bulkeditor.plans._decide import RowResult, Write
from bulkeditor.plans._exact import CUSTOM, column_value, identical
from bulkeditor.plans._judge import CHANGED
from bulkeditor.plans._layers_steps import Layers
from bulkeditor.plans._send import deliver, sender_of
from bulkeditor.plans._stored import columns_of, columns_to_json
from bulkeditor.plans._work import ROUNDS, LookParams, Pass, Work, WriteParams

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

    def takes(self) -> Iterator[Take]:
        """The products."""
        for values in self.products:
            product, seen, kept, numbers = cast("list[Any]", values)
            yield Take(
                product=product,
                seen=cast("dict[str, JSON]", columns_of(seen)[CUSTOM] or {}),
                kept=cast("dict[str, JSON]", columns_of(kept)[CUSTOM] or {}),
                numbers=tuple(numbers),
            )


@attrs.frozen(kw_only=True)
class Take:
    """What is taken from one product."""

    product: str
    seen: Mapping[str, JSON]
    kept: Mapping[str, JSON]
    numbers: tuple[int, ...]


@attrs.define(eq=False)
class _Clearing(Row):
    """One product whose custom fields are cleared."""

    take: Take = attrs.field(kw_only=True)

    @classmethod
    def of(cls, index: int, take: Take, *, expects: bool) -> _Clearing:
        given: dict[str, object] = {"id": take.product, CUSTOM: None}
        row = cls(index, given, id=take.product, wanted={CUSTOM: {}}, take=take, verify=True)
        row.content = encode({**given, "expected": {CUSTOM: take.seen}} if expects else given)
        return row

    def differences(self, product: Product) -> list[FieldError]:
        """Nothing where an entry is gone: others may have written some of them again by now."""
        held = cast("Mapping[str, JSON]", column_value(product, CUSTOM))
        if any(name not in held for name in self.take.seen):
            return []
        return [FieldError(field=CUSTOM, message="every entry is still there", code="not_applied")]

    def overtaken(self, product: Product) -> bool:
        return not identical("", dict(self.take.seen), column_value(product, CUSTOM))


def clear(work: Work) -> Exchange[Done]:
    """Clear custom fields; what stays is written anew by the step that follows."""
    params = work.params(ClearParams)
    layers = layers_of(work, params)
    rows = [_Clearing.of(index, take, expects=params.expects) for index, take in enumerate(params.takes())]
    sender = sender_of(work, page=params.page, turn=None if params.expects else params.turn)
    yield from deliver(work, sender, rows)
    cleared: list[JSON] = []
    again: list[Take] = []
    found: list[RowResult] = []
    anew = [
        _look(
            work,
            params,
            [cast("_Clearing", row).take for row in left.rows],
            f"anew{number}",
            failed=left.failed,
        )
        for number, left in enumerate(sender.left)
    ]
    for row, values in zip(rows, params.products, strict=True):
        outcome = row.outcome
        if outcome is None:
            # It was not cleared, and the look at it is older than a request that failed.
            continue
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
    return _after_clear(work, params, layers, cleared=cleared, again=again, found=found, then=anew)


def _moved(outcome: RowOutcome) -> bool:
    return outcome.code == "overtaken" or any(error.code == CHANGED for error in outcome.errors)


def _after_clear(
    work: Work,
    params: ClearParams,
    layers: Layers,
    *,
    cleared: list[JSON],
    again: list[Take],
    found: list[RowResult],
    then: list[Step],
) -> Done:
    if cleared:
        then.append(work.follow("restore", "restore", attrs.evolve(params, products=cleared, turn=0)))
    if again and params.turn < ROUNDS:
        then.append(_look(work, params, again, "look", failed=True))
    elif again:
        message = "The product kept changing while its custom field was to be taken away; it was left alone."
        found += [
            RowResult(number=number, status="stale", code="keeps_changing", message=message)
            for take in again
            for number in take.numbers
        ]
    return concluded(work, params, layers, found, then)


def _look(work: Work, params: ClearParams, takes: Sequence[Take], name: str, *, failed: bool) -> Step:
    look = LookParams(
        ids=[take.product for take in takes],
        rows=[number for take in takes for number in take.numbers],
        turn=params.turn + failed,
        of=params.of,
    )
    return work.follow("look", name, look)


def layers_of(work: Work, params: ClearParams) -> Layers:
    """The layers of the products that a step is about, read before it asks the shop anything."""
    return Layers(work, params.of, [take.product for take in params.takes()])


def concluded(
    work: Work,
    params: ClearParams,
    layers: Layers,
    found: Sequence[RowResult],
    then: Sequence[Step] = (),
) -> Done:
    """What a step leaves behind that takes custom fields away.

    Args:
        work: The step.
        params: Its parameters.
        layers: The layers of its products.
        found: The outcomes of rows.
        then: Steps that follow.
    """
    touched = {
        take.product: [item for item in work.rows(take.product) if item.number in take.numbers]
        for take in params.takes()
    }
    return layers.conclude(touched, found, then, turn=params.turn)


def _not_removable(take: Take, outcome: RowOutcome) -> list[RowResult]:
    message = f"The server adds custom fields to those it has, and did not clear them: {outcome.message}"
    return [
        RowResult(number=number, status="failed", code="not_removable", message=message)
        for number in take.numbers
    ]


__all__ = ["ClearParams", "Take", "clear", "concluded", "layers_of"]
