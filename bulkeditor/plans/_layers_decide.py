"""Decide what to write to a product that temporary changes lie on, or shall: pure, like :mod:`._decide`.

A plan's rows are always about what lies below the layers. So a plan is compared with that, whoever shows
what above it, and what is written is what the stack says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import attrs

from bulkeditor.models import JSON, Product
from bulkeditor.plans._decide import (
    Numbered,
    OnError,
    OnStale,
    RowResult,
    Write,
    decide,
    forced,
    groups,
    show,
)
from bulkeditor.plans._exact import alike, column_of, column_value, identical, value_in
from bulkeditor.plans._layers import Layer, Stack
from bulkeditor.plans._layers_state import Stacks, overlaid
from bulkeditor.plans._rows import PlanRow, Value

BELOW = "below_layers"
"""Code of a permanent change that shows when the temporary changes above it are over."""

COVERED = "covered"
"""Code of a temporary change that lies below another one."""

GIVEN_UP = "given_up"
"""Code of a temporary change that somebody else's edit has ended."""

MakeLayer: TypeAlias = Callable[[Value], Layer]


@attrs.frozen(kw_only=True)
class Choice:
    """What is to be done with one product.

    Args:
        results: Rows that have their outcome.
        write: The rows that are to be written; None when there are none.
        stacks: Stacks that become others, by field.
        started: Numbers of the rows whose layers lie on their fields now.
    """

    results: tuple[RowResult, ...] = ()
    write: Write | None = None
    stacks: Mapping[str, Stack] = attrs.field(factory=dict[str, Stack])
    started: tuple[int, ...] = ()


class Table:
    """One product with its layers, as it was just read.

    Args:
        rows: The plan's rows of this product.
        product: The product.
        stacks: Its layers.
        run: The run.
    """

    def __init__(self, rows: Sequence[Numbered], product: Product, stacks: Stacks, run: str) -> None:
        self._rows = rows
        self._product = product
        self._run = run
        names = {column_of(item.row.field) for item in rows}
        self._columns: dict[str, JSON] = {name: column_value(product, name) for name in names}
        fields = {item.row.field for item in rows}
        # Of these rows no request is under way any more; what one would have written is still to be written.
        self._tried = frozenset(
            name
            for name, stack in stacks.stacks.items()
            if name in fields and run in stack.sending and stack.ours(value_in(self._columns, name))
        )
        self._stacks = {
            name: stack.withdrew(run) if name in fields else stack
            for name, stack in stacks.seen(self._columns).items()
        }

    def _found(self, item: Numbered) -> Value:
        return value_in(self._columns, item.row.field)

    def _stack(self, item: Numbered) -> Stack | None:
        stack = self._stacks.get(item.row.field)
        return None if stack is None or stack.idle else stack

    def _decide(self, rows: Sequence[Numbered], on_stale: OnStale, on_error: OnError) -> Choice:
        """As if nothing temporary lay on the product."""
        below = overlaid(self._columns, {name: stack.base for name, stack in self._stacks.items()})
        decision = decide(rows, self._product.replace(**below), on_stale=on_stale, on_error=on_error)
        return Choice(results=decision.results, write=decision.write, stacks=self._stacks)

    def _write(self, rows: Iterable[Numbered]) -> Write | None:
        chosen = tuple(rows)
        if not chosen:
            return None
        return Write(product=self._product.id, seen=self._columns, rows=chosen).only(chosen)

    def _showing(self, item: Numbered, value: Value) -> Numbered:
        return Numbered(
            item.number, attrs.evolve(item.row, before=self._found(item), after=value), shown=True
        )

    def survey(self, *, on_stale: OnStale, on_error: OnError) -> Choice:
        """Look only."""
        return Choice(results=self._decide(self._rows, on_stale, on_error).results)

    # A permanent change

    def edit(self, *, on_stale: OnStale, on_error: OnError) -> Choice:
        """A permanent change: what lies below the layers becomes another.

        A field under layers is written as it shows, which changes nothing, so that the rows of a group still
        stand or fall together; when the product's other rows have no need of that, it is not written at all.
        """
        choice = self._decide(self._rows, on_stale, on_error)
        if choice.write is None:
            return choice
        open_ = choice.write.rows
        under = [item for item in open_ if (stack := self._stack(item)) is not None and stack.layers]
        if len(under) == len(open_) and on_error != "all_or_nothing":
            return self._below(choice, under)
        stacks = dict(self._stacks)
        sent: list[Numbered] = []
        for item in open_:
            stack = self._stack(item)
            if item in under and stack is not None:
                sent.append(self._showing(item, self._found(item)))
            elif stack is not None:
                # No layer any more, but a request that takes the last one off may be under way.
                stacks[item.row.field] = stack.sends(self._run, item.row.after)
                sent.append(self._showing(item, item.row.after))
            else:
                sent.append(item)
        return attrs.evolve(choice, write=self._write(sent), stacks=stacks)

    def _below(self, choice: Choice, under: Iterable[Numbered]) -> Choice:
        stacks = dict(self._stacks)
        results = list(choice.results)
        for item in under:
            stack = stacks[item.row.field]
            results.append(edited_below(item.number, item.row, stack.base))
            stacks[item.row.field] = stack.edited(item.row.after)
        return Choice(results=tuple(results), stacks=stacks)

    # A temporary change

    def start(self, layer: MakeLayer, *, on_stale: OnStale, on_error: OnError) -> Choice:
        """A temporary change begins: its layers are put where its time says."""
        lying = [item for item in self._rows if self._holds(item)]
        choice = self._decide([item for item in self._rows if item not in lying], on_stale, on_error)
        left = {result.number for result in choice.results if result.status != "unchanged"}
        chosen = [
            item
            for group in groups(self._rows, on_error)
            if not left.intersection(item.number for item in group)
            for item in group
        ]
        results = [result for result in choice.results if result.number in left]
        stacks = dict(self._stacks)
        sent: list[Numbered] = []
        for item in chosen:
            field, found = item.row.field, self._found(item)
            stack = (self._stack(item) or Stack.over(field, found)).started(layer(item.row.after))
            if stack.layers[-1].run != self._run:
                results.append(_covered(item))
            elif alike(field, stack.visible, found):
                results.append(RowResult(number=item.number, status="unchanged", verified=True))
            else:
                stack = stack.sends(self._run, stack.visible)
                sent.append(self._showing(item, stack.visible))
            stacks[field] = stack
        return Choice(
            results=tuple(results),
            write=self._write(sent),
            stacks=stacks,
            started=tuple(item.number for item in chosen),
        )

    def _holds(self, item: Numbered) -> bool:
        stack = self._stack(item)
        return stack is not None and stack.holds(self._run)

    def end(self) -> Choice:
        """A temporary change ends: its layers are taken off, and what is below them then is written."""
        results: list[RowResult] = []
        stacks = dict(self._stacks)
        sent: list[Numbered] = []
        for item in self._rows:
            field, found = item.row.field, self._found(item)
            stack = self._stacks.get(field)
            if stack is None or not (stack.holds(self._run) or field in self._tried):
                results.append(_given_up(item, found))
                continue
            stack = stack.reverted(self._run)
            if alike(field, stack.visible, found):
                results.append(RowResult(number=item.number, status="unchanged", verified=True))
            else:
                stack = stack.sends(self._run, stack.visible)
                sent.append(self._showing(item, stack.visible))
            stacks[field] = stack
        return Choice(results=tuple(results), write=self._write(sent), stacks=stacks)

    # What the shop should show

    def tidy(self) -> Choice:
        """Write what the stacks say by now, where nobody else is about to."""
        stacks = dict(self._stacks)
        sent: list[Numbered] = []
        for item in self._rows:
            stack = self._stack(item)
            if stack is None or not unsettled(stack):
                continue
            stacks[stack.field] = stack.sends(self._run, stack.visible)
            sent.append(self._showing(item, stack.visible))
        return Choice(write=self._write(sent), stacks=stacks)


def unsettled(stack: Stack) -> bool:
    """Whether somebody has to see to it that the shop shows what a stack says: nobody is about to write.

    Args:
        stack: The stack.
    """
    return not stack.sending and not alike(stack.field, stack.visible, stack.shown)


def edited_below(number: int, row: PlanRow, base: Value) -> RowResult:
    """The outcome of a permanent change below layers.

    Args:
        number: The row's place in the plan.
        row: The row.
        base: What was below the layers before.
    """
    if not identical(row.field, row.before, base):
        return forced(number, row, base, verified=True)
    message = f"{row.field} shows it when the temporary changes above it are over."
    return RowResult(number=number, status="updated", code=BELOW, message=message, verified=True)


def _covered(item: Numbered) -> RowResult:
    message = (
        f"{item.row.field} shows a temporary change that began later; it shows this one when that is over."
    )
    return RowResult(number=item.number, status="updated", code=COVERED, message=message)


def _given_up(item: Numbered, found: Value) -> RowResult:
    message = (
        f"{item.row.field} is {show(found)}: somebody else has changed it meanwhile, and it was left alone."
    )
    return RowResult(number=item.number, status="stale", code=GIVEN_UP, message=message, found=found)


__all__ = [
    "BELOW",
    "COVERED",
    "GIVEN_UP",
    "Choice",
    "MakeLayer",
    "Table",
    "edited_below",
    "unsettled",
]
