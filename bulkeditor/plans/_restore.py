"""Write anew what was cleared to take a custom field away: read what is missing, write it, look again.

Only what is missing is written, which this kind of server adds to what it has: entries that somebody else
writes in the meantime stay as they wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import attrs

from bulkeditor.api._rows import Row
from bulkeditor.engine import Done, Ledger
from bulkeditor.errors import OutcomeUnknownError
from bulkeditor.http import Exchange
from bulkeditor.models import JSON, UNSET, Product, encode
from bulkeditor.plans._clear import ClearParams, Take, concluded, layers_of
from bulkeditor.plans._decide import Numbered, RowResult, forced, show
from bulkeditor.plans._exact import CUSTOM, column_value, identical, value_in
from bulkeditor.plans._reading import near
from bulkeditor.plans._send import deliver, sender_of
from bulkeditor.plans._stored import columns_of, columns_to_json
from bulkeditor.plans._work import Work, results

_TRIES: Final = 20
"""So often what is missing is written while others keep changing the product."""


@attrs.frozen(kw_only=True)
class MendParams:
    """What is missing, to be written exactly so.

    Args:
        products: For each product its id, its custom fields as they were read, and those that are missing.
        cleared: What was cleared: the parameters of the look that follows.
    """

    products: Sequence[JSON]
    cleared: Mapping[str, JSON]


@attrs.define(eq=False)
class _Mending(Row):
    """One product to which entries are added."""

    now: Mapping[str, JSON] = attrs.field(kw_only=True)

    @classmethod
    def of(cls, index: int, values: JSON, *, expects: bool) -> _Mending:
        product, now, missing = cast("list[Any]", values)
        seen, wanted = columns_of(now), columns_of(missing)
        row = cls(
            index, {"id": product, **wanted}, id=product, wanted=dict(wanted), now=cast("Any", seen[CUSTOM])
        )
        row.content = encode({"id": product, **wanted, **({"expected": seen} if expects else {})})
        return row

    def overtaken(self, product: Product) -> bool:
        return not identical("", dict(self.now), column_value(product, CUSTOM))


def restore(work: Work) -> Exchange[Done]:
    """See what is missing; its writing follows, and another look."""
    params = work.params(ClearParams)
    layers = layers_of(work, params)
    takes = list(params.takes())
    held = yield from near(params.page)([take.product for take in takes], (CUSTOM,))
    found: list[RowResult] = []
    left: list[JSON] = []
    gaps: list[JSON] = []
    for take, values in zip(takes, params.products, strict=True):
        product = next(iter(held.rows[take.product]), None)
        if product is None:
            found += _gone(take, uncertain=take.product in held.uncertain)
            continue
        now = cast("dict[str, JSON]", column_value(product, CUSTOM))
        missing: JSON = {name: value for name, value in take.kept.items() if name not in now}
        if not missing:
            rows = [item for item in work.rows(take.product) if item.number in take.numbers]
            force = params.of == "apply" and work.given.on_stale == "force"
            found += [_taken(item, take, product, force=force) for item in rows]
        elif params.turn >= _TRIES:
            found += _given_up(take, missing)
        else:
            gaps.append([take.product, columns_to_json({CUSTOM: now}), columns_to_json({CUSTOM: missing})])
            left.append(values)
    if not gaps:
        return concluded(work, params, layers, found)
    cleared = attrs.asdict(attrs.evolve(params, products=left, turn=params.turn + 1))
    following = work.follow("mend", "mend", MendParams(products=gaps, cleared=cleared))
    return concluded(work, params, layers, found, (following,))


def mend(work: Work) -> Exchange[Done]:
    """Write what is missing, and look again: whatever came of it, the look decides."""
    params = work.params(MendParams)
    cleared = ClearParams(**cast("Any", params.cleared))
    rows = [
        _Mending.of(index, values, expects=cleared.expects) for index, values in enumerate(params.products)
    ]
    yield from deliver(
        work, sender_of(work, page=cleared.page, turn=None if cleared.expects else cleared.turn), rows
    )
    return Done(result=results((), of=cleared.of), then=(work.follow("restore", "look", cleared),))


def _gone(take: Take, *, uncertain: bool) -> list[RowResult]:
    if uncertain:
        # What was cleared may still have to be written anew: the step is not over.
        raise OutcomeUnknownError(
            f"{take.product}: its custom fields were cleared, and the list changed while it was searched.",
            operation="products.list",
        )
    return _lost(take, f"No product has the id {take.product!r}.", "unknown_id")


def _given_up(take: Take, missing: JSON) -> list[RowResult]:
    text = encode(missing).decode()
    return _lost(take, f"The server does not take back what was there before: {text}", "not_restored")


def _lost(take: Take, message: str, code: str) -> list[RowResult]:
    return [RowResult(number=number, status="failed", code=code, message=message) for number in take.numbers]


def _taken(item: Numbered, take: Take, product: Product, *, force: bool) -> RowResult:
    held = value_in({CUSTOM: column_value(product, CUSTOM)}, item.row.field)
    if held is UNSET:
        seen = value_in({CUSTOM: dict(take.seen)}, item.row.field)
        if force and not identical(item.row.field, item.row.before, seen):
            return forced(item.number, item.row, seen, verified=True)
        return RowResult(number=item.number, status="updated", verified=True)
    message = f"It was taken away; somebody else has written {show(held)} since."
    return RowResult(number=item.number, status="updated", code="changed_since", message=message, found=held)


def half_cleared(ledger: Ledger, run: str) -> bool:
    """Whether custom fields of a product may be cleared and are still to be written anew.

    Args:
        ledger: Where the run stands.
        run: Its id.
    """
    return any(
        step.kind in {"restore", "mend"} or (step.kind == "clear" and attempts)
        for step, attempts in ledger.unfinished(run)
    )


__all__ = ["half_cleared", "mend", "restore"]
