"""What layers mean to the steps of a run: read before a decision, changed with what it leaves behind."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from bulkeditor.engine import Done, Put, Step
from bulkeditor.models import JSON, Product
from bulkeditor.plans._decide import Numbered, RowResult, decide
from bulkeditor.plans._layers import Layer, Stack
from bulkeditor.plans._layers_decide import Choice, Table, unsettled
from bulkeditor.plans._layers_settle import Settled, settle
from bulkeditor.plans._layers_state import Stacks, space_of
from bulkeditor.plans._rows import PlanRow, Value
from bulkeditor.plans._work import STARTED, LookParams, Pass, Work, results

_TIDIES: Final = 100
"""So often a product is tidied up while other runs keep changing it; each of them tidies up in turn."""

_REFUSED: Final = frozenset({"failed", "skipped"})


@attrs.frozen(kw_only=True)
class Picked:
    """What a step does with one product.

    Args:
        stacks: Its layers as they were read.
        choice: What to do.
    """

    stacks: Stacks
    choice: Choice


class Layers:
    """The layers of the shop, as one step sees and changes them.

    They are read when this is made, which has to be before the step asks the shop anything; and what the step
    leaves behind is committed only if they are still the same. So whatever the shop shows, the step knows on
    whose account.

    Args:
        work: The step.
        of: The pass.
        products: The products that the step may be about; None = any.
    """

    def __init__(self, work: Work, of: Pass, products: Iterable[str] | None) -> None:
        self._work = work
        self._of: Pass = of
        self._space = space_of(work.given.shop)
        ctx = work.ctx
        self._held: Mapping[str, JSON] = (
            dict(ctx.entries(self._space))
            if products is None
            else {product: ctx.state(self._space, product) for product in products}
        )

    # Before a write

    def pick(self, rows: Sequence[Numbered], product: Product) -> Picked:
        """Decide what to do with a product that was just read.

        Args:
            rows: The plan's rows of this product that are still open.
            product: The product.
        """
        given = self._work.given
        stacks = self._stacks(product.id)
        if stacks.stored is None and self._of in {"survey", "apply"}:
            decision = decide(rows, product, on_stale=given.on_stale, on_error=given.on_error)
            return Picked(stacks=stacks, choice=Choice(results=decision.results, write=decision.write))
        table = Table(rows, product, stacks, self._work.ctx.run)
        return Picked(stacks=stacks, choice=self._choice(table, rows))

    def _choice(self, table: Table, rows: Sequence[Numbered]) -> Choice:
        given = self._work.given
        if self._of == "survey":
            return table.survey(on_stale=given.on_stale, on_error=given.on_error)
        if self._of == "apply":
            return table.edit(on_stale=given.on_stale, on_error=given.on_error)
        if self._of == "end":
            return table.end()
        if self._of == "tidy":
            return table.tidy()
        if self._work.over:
            return Choice(results=tuple(window_passed(rows)))
        return table.start(self._layer, on_stale=given.on_stale, on_error=given.on_error)

    def _layer(self, value: Value) -> Layer:
        given = self._work.given
        assert given.begins is not None
        return Layer(run=self._work.ctx.run, at=given.begins, number=given.number, value=value)

    def _stacks(self, product: str) -> Stacks:
        return Stacks.of(product, self._held.get(product))

    def noted(self, picked: Picked, unsendable: Sequence[RowResult]) -> Iterator[Put]:
        """What the choice about a product changes in the store, before anything is sent.

        Args:
            picked: The choice.
            unsendable: Outcomes of its rows that cannot be sent at all.
        """
        choice, stacks, failed = picked.choice, dict(picked.choice.stacks), frozenset[int]()
        if unsendable:
            settled = self._settle(stacks, unsendable, self._plan_rows(picked.stacks.product), below=())
            stacks, failed = settled.stacks, frozenset(settled.failed)
        put = picked.stacks.changed(self._space, stacks)
        if put is not None:
            yield put
        elif choice.results:
            # What was found holds only if nothing temporary has begun or ended meanwhile.
            yield picked.stacks.unchanged(self._space)
        started = [number for number in choice.started if number not in failed]
        if started:
            product = picked.stacks.product
            known = self._work.started(product)
            value: JSON = [*known, *(number for number in started if number not in known)]
            yield Put(space=self._work.ctx.own(STARTED), key=product, value=value)

    def taken_off(self, product: str) -> Iterator[Put]:
        """Takes all of the run's layers off a product that is gone, or that is left alone after all."""
        stacks, run = self._stacks(product), self._work.ctx.run
        left = {name: stack.reverted(run).withdrew(run) for name, stack in stacks.stacks.items()}
        put = stacks.changed(self._space, left)
        if put is not None:
            yield put

    # After a write

    def conclude(
        self,
        touched: Mapping[str, Sequence[Numbered]],
        found: Sequence[RowResult],
        then: Sequence[Step] = (),
        *,
        turn: int,
        stopped: bool = False,
    ) -> Done:
        """What a step leaves behind that has written.

        Args:
            touched: The rows by product that were written, or tried.
            found: The outcomes of rows.
            then: Steps that follow.
            turn: How often the products were looked at.
            stopped: Whether nothing more is written.
        """
        outcomes: list[RowResult] = []
        state: list[Put] = []
        again: dict[str, list[int]] = {}
        untidy: dict[str, list[int]] = {}
        by_number = {result.number: result for result in found}
        for product, items in touched.items():
            mine = [by_number[item.number] for item in items if item.number in by_number]
            settled = self._after(product, items, mine, state)
            outcomes += settled.results
            if settled.again:
                again[product] = settled.again
            if left := self._untidy(product, settled, mine):
                untidy[product] = left
        steps = [*then, *self._looks(self._of, "again", again, turn)]
        if turn < _TIDIES:
            steps += self._looks("tidy", "tidy", untidy, turn)
        return Done(result=results(outcomes, of=self._of, stopped=stopped), then=steps, state=state)

    def _looks(self, of: Pass, name: str, rows: Mapping[str, Sequence[int]], turn: int) -> Iterator[Step]:
        if rows:
            numbers = [number for open_ in rows.values() for number in open_]
            params = LookParams(ids=list(rows), rows=numbers, turn=turn + 1, of=of)
            yield self._work.follow("look", name, params)

    def _after(
        self, product: str, items: Iterable[Numbered], mine: Sequence[RowResult], state: list[Put]
    ) -> Settled:
        stacks = self._stacks(product)
        shown = frozenset(item.number for item in items if item.shown)
        if stacks.stored is None and not shown:
            state.append(stacks.unchanged(self._space))
            return Settled(stacks={}, results=list(mine))
        rows = self._plan_rows(product)
        settled = self._settle(stacks.stacks, mine, rows, below=shown if self._of == "apply" else ())
        state.append(stacks.changed(self._space, settled.stacks) or stacks.unchanged(self._space))
        if settled.failed:
            left: list[JSON] = [
                number for number in self._work.started(product) if number not in settled.failed
            ]
            state.append(Put(space=self._work.ctx.own(STARTED), key=product, value=left or None))
        return settled

    def _settle(
        self,
        stacks: Mapping[str, Stack],
        mine: Iterable[RowResult],
        rows: Mapping[int, PlanRow],
        *,
        below: Collection[int],
    ) -> Settled:
        run, given = self._work.ctx.run, self._work.given
        return settle(stacks, mine, rows=rows, below=below, run=run, of=self._of, on_stale=given.on_stale)

    def _plan_rows(self, product: str) -> dict[int, PlanRow]:
        return {item.number: item.row for item in self._work.rows(product)}

    def _untidy(self, product: str, settled: Settled, mine: Iterable[RowResult]) -> list[int]:
        """The rows whose fields do not show what the stacks say, and that nobody else is about to write."""
        if not settled.stacks:
            return []
        rows = self._plan_rows(product)
        # What the server has just refused it refuses again.
        refused = {result.number for result in mine if result.status in _REFUSED}
        fields = {name for name, stack in settled.stacks.items() if unsettled(stack)}
        return [
            number
            for number, row in rows.items()
            if number in settled.untidy or (row.field in fields and number not in refused)
        ]


def window_passed(rows: Iterable[Numbered]) -> Iterator[RowResult]:
    """The outcomes of a temporary change that nobody began before its end."""
    message = "Its time was over before anybody carried the run on: nothing was written."
    for item in rows:
        yield RowResult(number=item.number, status="skipped", code="window_passed", message=message)


__all__ = ["Layers", "Picked", "window_passed"]
