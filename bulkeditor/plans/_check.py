"""The reading half of a run: look at products, decide, and leave the writes that follow.

The listing is read once for the whole run, one page a step, and the writes of a page come before the next
page. Where fewer products are left than pages, they are looked up by their ids, a few at a time. What was
never seen is looked up at the end, so that nothing is called gone that has only moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, cast

import attrs

from bulkeditor.api._lookup import Found, find
from bulkeditor.engine import Done, Put, Step
from bulkeditor.http import Exchange
from bulkeditor.models import JSON, Product
from bulkeditor.plans._decide import Numbered, RowResult, Write, groups
from bulkeditor.plans._exact import column_of, unreadable
from bulkeditor.plans._layers_steps import Layers, Picked
from bulkeditor.plans._reading import ListPage, read_page
from bulkeditor.plans._stored import Given, result_to_json
from bulkeditor.plans._work import GATE, READS, STARTED, SURVEY, LookParams, Pass, Work, results

_AT_ONCE: Final = 100
"""Products that one step looks up."""

_LEFT: Final = re.compile(r"/left\d+$", re.ASCII)

_DONE: Final = frozenset({"updated", "unchanged"})

UNREADABLE: Final = "unreadable"
"""The code of a row whose product holds something there that could not be read."""

_OTHERWISE: Final = frozenset({"stale", "group_stale", "unknown_id", "not_found_for_certain", UNREADABLE})
"""Codes of rows whose product is no longer as the plan saw it."""


@attrs.frozen(kw_only=True)
class PageParams:
    """Where the pass over the listing stands.

    Args:
        rest: Products that were not seen yet.
        token: The page to read; None = the first.
        last: Tells what was on the page before: a server may answer with its last page for ever.
        pages: Pages that were read.
        filters: Whether the server filters by id; None when that did not come up.
        of: The pass.
    """

    rest: int
    token: str | None = None
    last: str | None = None
    pages: int = 0
    filters: bool | None = None
    of: Pass = "apply"


@attrs.frozen(kw_only=True)
class MissingParams:
    """The products that no page had; which ones they are stands in the ledger."""

    of: Pass = "apply"


def beginning(given: Given) -> Sequence[Step]:
    """The steps that a run begins with."""
    if not given.rows:
        return ()
    survey = given.on_stale == "fail" and given.on_error != "all_or_nothing"
    if not survey:
        return (_main(given),)
    gate = Step(key="gate", kind="gate", stage=GATE)
    return (entrance("survey", given.ids, given.products, SURVEY), gate)


def _main(given: Given) -> Step:
    """The first step of the pass that writes."""
    return entrance("apply" if given.ends is None else "start", given.ids, given.products, READS)


def entrance(of: Pass, ids: Sequence[str] | None, products: int, stage: int) -> Step:
    """The first step of a pass.

    Args:
        of: The pass.
        ids: The products, where they are few or must be written together; else None.
        products: How many they are.
        stage: The stage of the pass.
    """
    if ids is not None:
        look = attrs.asdict(LookParams(ids=ids, of=of))
        return Step(key=of, kind="look", params=look, stage=stage)
    params = attrs.asdict(PageParams(rest=products, of=of))
    return Step(key=of, kind="page", params=params, stage=stage)


class Check:
    """A step that reads and decides.

    Args:
        work: The step.
        of: The pass.
        products: The products that it may be about; None = any of the plan's.
        rows: The numbers of the rows that it is about, whose products were dealt with before; None = all rows
            of products that were not.
        sent: The numbers of rows that a request may have written already.
    """

    def __init__(
        self,
        work: Work,
        of: Pass,
        products: Iterable[str] | None,
        *,
        rows: Sequence[int] | None = None,
        sent: Sequence[int] = (),
    ) -> None:
        self._work = work
        self._of: Pass = of
        self._only = None if rows is None else frozenset(rows)
        self._sent = frozenset(sent)
        self._layers = Layers(work, of, products)
        self._results: list[RowResult] = []
        self._picked: list[Picked] = []
        self._unsendable: list[RowResult] = []
        self._state: list[Put] = []
        self.decided = 0
        """Products that this step has dealt with."""

    def open(self, product: str) -> bool:
        """Whether a product was not dealt with yet."""
        return self._only is not None or not self._work.marked(product, self._of)

    def unseen(self) -> list[str]:
        """The products that this pass has not dealt with."""
        return list(self._work.unmarked(self._of))

    def gone(self, ids: Iterable[str], uncertain: frozenset[str]) -> None:
        """Products that do not exist, or of which that cannot be said for certain."""
        for product in ids:
            code, message = "unknown_id", f"No product has the id {product!r}."
            if product in uncertain:
                code = "not_found_for_certain"
                message = f"The list changed while it was searched for the id {product!r}."
            self._mark(product)
            self._results += [
                RowResult(number=item.number, status="failed", code=code, message=message)
                for item in self._rows(product)
            ]
            if product not in uncertain and self._of != "survey":
                self._state += self._layers.taken_off(product)

    def _rows(self, product: str) -> Sequence[Numbered]:
        rows = self._work.rows(product)
        only = self._work.started(product) if self._of == "end" and self._only is None else self._only
        return rows if only is None else [item for item in rows if item.number in only]

    def take(self, products: Iterable[Product], *, page: str | None, turn: int) -> list[Step]:
        """Decide what to do with products that were read; the writes that follow.

        Args:
            products: The products; those that the plan is not about are passed over.
            page: The page of the listing on which they were.
            turn: How often they were looked at before.
        """
        writes = [write for product in products if (write := self._decide(product)) is not None]
        if self._of == "survey":
            return []
        steps: list[Step] = []
        left: list[Write] = []
        for name, chosen in self._apart(writes):
            if steps and not self._work.server.expects:
                left += chosen
                continue
            batches = self._work.writes(chosen, of=self._of, page=page, turn=turn, name=name)
            steps += batches.steps
            left += batches.left
            self._unsendable += batches.unsendable
        if left:
            again = LookParams.again(left, turn, of=self._of, page=page)
            steps.append(self._work.follow("look", "others", again))
        self._results += self._unsendable
        return [] if self.stopped else steps

    def _apart(self, writes: Sequence[Write]) -> Iterable[tuple[str, Sequence[Write]]]:
        """What is expected to be refused goes in requests of its own, and takes nothing else with it."""
        if self._work.on_error(self._of) != "best_effort":
            return (("write", writes),)
        pairs = [write.apart() for write in writes]
        return (
            ("write", [good for good, _ in pairs if good.rows]),
            ("doubt", [bad for _, bad in pairs if bad.rows]),
        )

    def _decide(self, product: Product) -> Write | None:
        rows = self._rows(product.id)
        if not rows or not self.open(product.id):
            return None
        self._mark(product.id)
        rows = self._readable(rows, product)
        if not rows:
            return None
        picked = self._layers.pick(rows, product)
        self._picked.append(picked)
        self._results += map(self._ours, picked.choice.results)
        return picked.choice.write

    def _readable(self, rows: Sequence[Numbered], product: Product) -> Sequence[Numbered]:
        """The rows that can be compared with what a product holds; the others have their outcome."""
        unread = unreadable(product, {column_of(item.row.field) for item in rows})
        if not unread:
            return rows
        kept: list[Numbered] = []
        message = f"The server's value of {', '.join(sorted(unread))} could not be read; it was left alone."
        for group in groups(rows, self._work.on_error(self._of)):
            if not any(column_of(item.row.field) in unread for item in group):
                kept += group
                continue
            self._results += [
                RowResult(number=item.number, status="failed", code=UNREADABLE, message=message)
                for item in group
            ]
        return kept

    def _ours(self, result: RowResult) -> RowResult:
        # What is as wanted after it was sent is the doing of this run, and its undo takes it back.
        ours = result.status == "unchanged" and result.number in self._sent
        return attrs.evolve(result, status="updated") if ours else result

    def _mark(self, product: str) -> None:
        if self._only is None:
            self.decided += 1
            self._state.append(self._work.mark(product, self._of))

    @property
    def stopped(self) -> bool:
        """Whether the run ends here: with all or nothing, one row that cannot be written keeps back all."""
        atomic = self._work.on_error(self._of) == "all_or_nothing"
        return atomic and any(result.status not in _DONE for result in self._results)

    def done(self, then: Iterable[Step]) -> Done:
        """What the step leaves behind."""
        if self._of == "survey":
            bad = [result for result in self._results if result.code in _OTHERWISE]
            found: JSON = {"survey": [result_to_json(result) for result in bad]}
        elif self.stopped:
            # What would have been done to the others is not.
            left = [result for result in self._results if result.status != "updated"]
            found = results(left, of=self._of, stopped=True)
            for picked in self._picked:
                product = picked.stacks.product
                self._state += self._layers.taken_off(product)
                self._state.append(Put(space=self._work.ctx.own(STARTED), key=product, value=None))
        else:
            found = results(self._results, of=self._of)
            for picked in self._picked:
                self._state += self._layers.noted(picked, self._unsendable_of(picked))
        return Done(result=found, then=tuple(then), state=tuple(self._state))

    def _unsendable_of(self, picked: Picked) -> list[RowResult]:
        write = picked.choice.write
        numbers = frozenset(item.number for item in write.rows) if write is not None else frozenset[int]()
        return [result for result in self._unsendable if result.number in numbers]


def read_one_page(work: Work) -> Exchange[Done]:
    """Read one page of the listing; the writes of what is on it, and then the next."""
    params = work.params(PageParams)
    check = Check(work, params.of, None)
    page = yield from read_page(work.given.columns, params.token)
    steps = check.take(page.products, page=page.token, turn=0)
    after = attrs.evolve(
        params,
        token=page.next,
        last=page.mark,
        pages=params.pages + 1,
        rest=params.rest - check.decided,
    )
    return check.done([*steps, *_onward(work, page, params, after)])


def _onward(work: Work, page: ListPage, before: PageParams, after: PageParams) -> Sequence[Step]:
    """Where the pass goes on."""
    if not after.rest:
        return ()
    if page.next is None or page.mark == before.last:
        return (work.follow("missing", "missing", MissingParams(of=after.of)),)
    dear = after.pages >= after.rest if page.left is None else page.left > after.rest
    if dear and after.filters is not False:
        return (_next(work, "probe", after),)
    return (_next(work, "page", after),)


def _next(work: Work, kind: str, params: PageParams) -> Step:
    # The keys of a pass do not grow with its length.
    key = f"{params.of}/{kind}{params.pages}"
    return Step(key=key, kind=kind, params=attrs.asdict(params), stage=work.step.stage)


def probe(work: Work) -> Exchange[Done]:
    """Look up one product, to see whether the server filters by id; if it does, look up the others so."""
    params = work.params(PageParams)
    check = Check(work, params.of, ())
    ids = check.unseen()
    found = yield from find("id", ids[:1], fields=("id",))
    if found.server_filters:
        return check.done(_looks(work, ids, params.of, one_by_one=True))
    return check.done([_next(work, "page", attrs.evolve(params, filters=False))])


def _looks(work: Work, ids: Sequence[str], of: Pass, *, one_by_one: bool = False) -> Iterable[Step]:
    for start in range(0, len(ids), _AT_ONCE):
        params = LookParams(ids=ids[start : start + _AT_ONCE], of=of, one_by_one=one_by_one)
        yield work.follow("look", f"look{start}", params)


def look(work: Work) -> Exchange[Done]:
    """Look at products by their ids; the writes that follow, and then those that were not looked at yet."""
    params = work.params(LookParams)
    check = Check(work, params.of, params.ids, rows=params.rows, sent=params.sent)
    ids = [product for product in params.ids if check.open(product)]
    seen, left = yield from _seen(work, params, ids)
    check.gone((product for product in seen.rows if not seen.rows[product]), seen.uncertain)
    there = [products[0] for products in seen.rows.values() if products]
    steps = check.take(there, page=params.page, turn=params.turn)
    if left:
        # Keys of looks at one product after the other do not grow with their number.
        key = f"{_LEFT.sub('', work.step.key)}/left{len(left)}"
        following = work.follow("look", "", attrs.evolve(params, ids=left, page=None))
        steps.append(attrs.evolve(following, key=key))
    return check.done(steps)


def _seen(work: Work, params: LookParams, ids: Sequence[str]) -> Exchange[tuple[Found, Sequence[str]]]:
    """What was looked at, and which products are left for another step.

    Where the server does not compare what it holds with what was seen, one request is all that may lie
    between a look and a write: so all are seen on one page, or one is looked up.
    """
    fields = ["id", *work.given.columns]
    if params.page is not None:
        page = yield from read_page(fields, params.page)
        there = {product.id: (product,) for product in page.products if product.id in ids}
        return Found(rows=there), [product for product in ids if product not in there]
    found = yield from find("id", ids[:1], fields=fields, one_by_one=params.one_by_one)
    together = params.of == "survey" or work.on_error(params.of) == "all_or_nothing"
    if len(ids) <= 1 or not (together or work.server.expects):
        return found, ids[1:]
    others = yield from find("id", ids[1:], fields=fields, one_by_one=params.one_by_one)
    rows, uncertain = {**found.rows, **others.rows}, found.uncertain | others.uncertain
    return attrs.evolve(found, rows=rows, uncertain=uncertain), ()


def missing(work: Work) -> Exchange[Done]:
    """Look for the products that no page had: gone, or only moved."""
    params = work.params(MissingParams)
    check = Check(work, params.of, None)
    ids = check.unseen()
    found = yield from find("id", ids, fields=("id",))
    moved = [product for product in ids if found.rows[product]]
    check.gone((product for product in ids if not found.rows[product]), found.uncertain)
    return check.done(_looks(work, moved, params.of))


def gate(work: Work) -> Exchange[Done]:
    """After a survey: go on when every row was as the plan saw it, and stop otherwise."""
    yield from ()
    found: list[JSON] = []
    for kind in ("page", "look", "missing"):
        for _, result in work.ctx.results(kind):
            found += cast("dict[str, list[JSON]]", result).get("survey", [])
    if found:
        return Done(result={"rows": found, "stopped": True})
    return Done(result=results(()), then=(_main(work.given),))


__all__ = ["Check", "beginning", "entrance", "gate", "look", "missing", "probe", "read_one_page"]
