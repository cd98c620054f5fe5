"""Begin to apply a plan: what is checked before the first write, and which run it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, cast

import attrs

from bulkeditor.api._bulk import MAX_BYTES, MAX_ROWS
from bulkeditor.api.products import listing
from bulkeditor.engine import Ledger, RunRow, Workflow
from bulkeditor.errors import (
    FieldError,
    InvalidInputError,
    PlanError,
    UnsupportedByServerError,
)
from bulkeditor.http import Exchange, ServerFacts
from bulkeditor.models import UNSET, encode
from bulkeditor.plans._decide import ON_ERROR, ON_STALE, OnError, OnStale
from bulkeditor.plans._document import PlanDocument
from bulkeditor.plans._exact import CUSTOM, column_of, entry_of
from bulkeditor.plans._reading import FEW
from bulkeditor.plans._rows import PlanRow, Value
from bulkeditor.plans._stored import Given, state_of
from bulkeditor.plans._values import check_fields

UNDONE: Final = "plans/undone"
"""The space that notes the runs which take others back: their keys under ``run/what``."""

_ROOM: Final = 200
"""Bytes of a row beside its values: its id, its names."""


def check_options(on_stale: object, on_error: object, undoable_for: timedelta) -> None:
    """Refuse options that there are not.

    Raises:
        InvalidInputError: The text names the option and the choices.
    """
    for name, value, choices in (("on_stale", on_stale, ON_STALE), ("on_error", on_error, ON_ERROR)):
        if value not in choices:
            problem = f"must be one of {', '.join(choices)}, got {value!r:.60}"
            raise InvalidInputError(
                f"{name} {problem}.", errors=[FieldError(field=name, message=problem, code="invalid_value")]
            )
    if undoable_for < timedelta(0):
        problem = "must not be negative"
        raise InvalidInputError(
            f"undoable_for {problem}.",
            errors=[FieldError(field="undoable_for", message=problem, code="invalid_value")],
        )


def check_rows(rows: Sequence[PlanRow]) -> None:
    """Refuse rows that contradict each other, and what no plan of this library holds: a file can be forged.

    Raises:
        PlanError: Two rows are about the same field of the same product, or the whole of a product's custom
            fields is one row, or a field that always has a value is to have none.
        InvalidInputError: A field cannot be changed.
    """
    check_fields((row.field for row in rows), "The plan")
    for row in rows:
        absent = row.before is UNSET or row.after is UNSET
        if row.field == CUSTOM or (absent and entry_of(row.field) is None):
            raise PlanError(
                f"The plan has a row for {row.field} of {row.product} that no rule makes.",
                hint="Make the plan again.",
            )
    twice = [key for key, times in Counter((row.product, row.field) for row in rows).items() if times > 1]
    if twice:
        product, field = twice[0]
        raise PlanError(
            f"The plan has more than one row for {field} of {product}, and so on {len(twice)} times.",
            hint="Make the plan again.",
        )


# All or nothing


def check_atomic(rows: Sequence[PlanRow], facts: ServerFacts) -> Exchange[None]:
    """Make sure that rows can be written all or none.

    Raises:
        PlanError: A row is expected to be refused.
        InvalidInputError: They do not fit into one request.
        UnsupportedByServerError: The server writes row by row.
    """
    problems = [row for row in rows if row.problem is not None]
    if problems:
        row = problems[0]
        raise PlanError(
            f"{len(problems)} rows would be refused, so with on_error='all_or_nothing' nothing was written; "
            f"the first: {row.sku or row.product}.{row.field}: {row.problem and row.problem.message}."
        )
    _check_size(rows)
    if not facts.features:
        walk = listing(fields=("id",), limit=1).walk()
        if (asked := walk.ask()) is not None:
            yield from asked
    if "atomic" not in facts.features:
        raise UnsupportedByServerError(
            "This server writes a batch row by row and cannot write all of it or nothing.",
            operation="products.update",
            hint="Use on_error='reject_rows', which writes each product whole or not at all.",
        )


def _check_size(rows: Sequence[PlanRow]) -> None:
    products = {row.product for row in rows}
    size = sum(_ROOM + _size(row.before) + _size(row.after) for row in rows)
    removed = next((row for row in rows if row.after is UNSET), None)
    if removed is not None:
        problem = f"{removed.field} of {removed.product} is taken away, which can need several requests"
    elif len(products) > MAX_ROWS:
        problem = f"it is about {len(products)} products, and a request holds {MAX_ROWS}"
    elif size > MAX_BYTES:
        problem = f"it is about {size:,} bytes, and a request holds {MAX_BYTES:,}"
    else:
        return
    raise InvalidInputError(
        f"on_error='all_or_nothing' needs a plan that fits into one request: {problem}.",
        errors=[FieldError(field="on_error", message=problem, code="too_large")],
        hint="Apply it with on_error='reject_rows', or make smaller plans.",
    )


def _size(value: Value) -> int:
    return 0 if value is UNSET else len(encode(value))


# Beginning


def start_apply(
    ledger: Ledger,
    workflow: Workflow,
    plan: PlanDocument,
    *,
    on_stale: OnStale,
    on_error: OnError,
    attempt: int,
    undoable_for: timedelta,
) -> str:
    """Begin to apply a plan, or find the run that did.

    Args:
        ledger: Where it will stand.
        workflow: What carries it out.
        plan: The plan, checked.
        on_stale: As given.
        on_error: As given.
        attempt: Tells deliberate repeats apart.
        undoable_for: How long it can be taken back.

    Returns:
        The run's id.

    Raises:
        PlanError: It was applied with other options, or taken back since.
    """
    given = given_for(plan.rows, plan=plan.id, title=plan.title, shop=plan.shop, undoable_for=undoable_for)
    given = attrs.evolve(given, on_stale=on_stale, on_error=on_error, ids=ids_of(plan.rows, on_error))
    key = f"apply/{plan.id}/{attempt}"
    known = ledger.find(key)
    if known is not None:
        _check_known(ledger, known, given, attempt)
        return known.id
    return ledger.start_run(key, workflow, given.to_json(), state=tuple(state_of(plan.rows)))


def given_for(
    rows: Sequence[PlanRow], *, plan: str, title: str | None, shop: str, undoable_for: timedelta
) -> Given:
    """What a run of some rows is started with.

    Args:
        rows: The rows.
        plan: The plan's id.
        title: What it is called.
        shop: The shop's address.
        undoable_for: How long it can be taken back.
    """
    return Given(
        plan=plan,
        title=title,
        shop=shop,
        rows=len(rows),
        products=len({row.product for row in rows}),
        columns=sorted({column_of(row.field) for row in rows}),
        on_stale="skip",
        on_error="best_effort",
        ids=ids_of(rows, "best_effort"),
        undoable_for=int(undoable_for.total_seconds()),
    )


def ids_of(rows: Sequence[PlanRow], on_error: OnError) -> Sequence[str] | None:
    """The products of some rows, where they are few or must be written together; else None."""
    ids = list(dict.fromkeys(row.product for row in rows))
    return ids if len(ids) <= FEW or on_error == "all_or_nothing" else None


def taken_back(ledger: Ledger, run: str) -> RunRow | None:
    """The run that took one back, wholly or in part, and was not taken back in turn.

    Args:
        ledger: Where they stand.
        run: The run's id.
    """
    for _, key in ledger.entries(UNDONE, f"{run}/"):
        undo = ledger.find(cast("str", key))
        if undo is not None and undo.status == "done" and taken_back(ledger, undo.id) is None:
            return undo
    return None


def _check_known(ledger: Ledger, known: RunRow, given: Given, attempt: int) -> None:
    before = Given.of(known.input)
    hint = f"Give attempt={attempt + 1} to apply it once more."
    if (before.on_stale, before.on_error) != (given.on_stale, given.on_error):
        raise PlanError(
            f"The plan {given.plan} was applied before, with on_stale={before.on_stale!r} and "
            f"on_error={before.on_error!r} (run {known.id}).",
            hint=hint,
        )
    undo = taken_back(ledger, known.id)
    if undo is not None:
        raise PlanError(
            f"The plan {given.plan} was applied (run {known.id}) and taken back (run {undo.id}).", hint=hint
        )


__all__ = [
    "UNDONE",
    "check_atomic",
    "check_options",
    "check_rows",
    "given_for",
    "ids_of",
    "start_apply",
    "taken_back",
]
