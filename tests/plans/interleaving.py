"""Plans applied and taken back while a colleague edits the same products, between any two of our requests."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import attrs

from bulkeditor import UNSET, Hooks, Plan, PlanRow, RetryPolicy, Run, Sandbox
from bulkeditor.errors import PlanStoppedError
from tests.plans.making import document, held

D = Decimal
PRODUCTS = ("p1", "p2", "p3")
POOLS: dict[str, list[Any]] = {
    "price": [D("10.00"), D("11.00"), D("12.50"), None],
    "cost": [D("4.00"), D("5.00"), None],
    "vendor": ["Acme", "Bolt", None],
    "tags": [[], ["a"], ["a", "b"], ["b", "a"]],
    "custom_fields.x": [UNSET, None, "", "x"],
    "custom_fields.y": [UNSET, 1, D("1.50")],
}
FIELDS = tuple(POOLS)
_REQUESTS = 5
"""As many as a small run usually makes: edits come before one of them."""


@attrs.frozen
class Edit:
    """What a colleague writes, right before one of our requests is sent."""

    at: int
    product: str
    field: str
    value: Any


@attrs.define
class Tally:
    """What has happened in all."""

    runs: int = 0
    edits: int = 0
    collisions: int = 0
    """Edits of a field that our plan is about, while it was applied."""
    overwritten: list[str] = attrs.field(factory=list)


class World:
    """A shop with a few products, we and a colleague."""

    def __init__(self, *, readings: Mapping[str, str] | None = None, completions: bool = True) -> None:
        catalog = [
            {
                "id": ident, "sku": ident.upper(), "title": "Something", "price": "10.00", "cost": "4.00",
                "vendor": "Acme", "tags": ["a", "b"], "custom_fields": {"x": "x", "z": [ident]},
            }
            for ident in PRODUCTS
        ]  # fmt: skip
        self.sandbox = Sandbox(catalog=catalog, readings=readings or {}, completions=completions)
        self.tally = Tally()
        self.before_writes = True
        """Whether edits also come between the look at a product and the write that follows."""
        self._pending: list[Edit] = []
        self._by_hand: list[tuple[int, str, str]] = []
        self._problems: list[BaseException] = []
        self._known: set[str] = set()
        self.sent = 0

    @contextmanager
    def open(self) -> Iterator[World]:
        with self.sandbox:
            key = self.sandbox.create_key(["admin:all"], name="colleague")
            with (
                self.sandbox.connect(api_key=key) as self.colleague,
                self.sandbox.connect(
                    concurrency=1,
                    hooks=Hooks(on_request=[self._before_request]),
                    retry=RetryPolicy(max_retries=1, base_delay=1),
                ) as self.shop,
            ):
                self._fresh = self.sandbox.snapshot()
                yield self

    def reset(self) -> None:
        self.sandbox.restore(self._fresh)

    def _before_request(self, event: Any) -> None:
        self.sent += 1
        if event.operation == "products.update" and not self.before_writes:
            return
        for edit in [edit for edit in self._pending if edit.at == self.sent]:
            try:
                self.edit(edit.product, edit.field, edit.value)
            except BaseException as error:  # noqa: BLE001 - a hook's exception reaches nobody
                self._problems.append(error)

    def edit(self, product: str, field: str, value: Any) -> None:
        """What a colleague does, by hand."""
        self.tally.edits += 1
        column, _, entry = field.partition(".")
        if not entry:
            self.colleague.products.update([{"id": product, column: value}])
            return
        row = self.sandbox.products.get(product)
        assert row is not None
        entries = dict(row[column])
        if value is UNSET:
            if entry not in entries:
                return  # as when we have cleared it and not written it anew: nobody could tell
            del entries[entry]
            # By hand, on a server that adds: in the store itself.
            self._write_entries(product, entries)
            self._by_hand.append((len(self.sandbox.journal), product, field))
        else:
            self.colleague.products.update([{"id": product, column: {**entries, entry: value}}])

    def _write_entries(self, product: str, entries: Mapping[str, Any]) -> None:
        shop = self.sandbox._shop
        with shop.store.transaction():
            found = shop.products.find(product)
            assert found is not None
            ordinal, doc = found
            doc["custom_fields"] = dict(entries)
            shop.products.write(ordinal, doc)

    # What we do

    def plan(self, changes: Iterable[tuple[str, str, Any]]) -> Any:
        rows = [
            PlanRow(product=product, field=field, before=before, after=value)
            for product, field, value in changes
            if not _equal(before := held(self.sandbox, product, field), value)
        ]
        return Plan.of(self.shop._core, document(self.sandbox.base_url, rows))

    def apply(self, plan: Any, edits: Iterable[Edit] = (), **options: Any) -> Run:
        return self._watched(lambda: plan.apply(**options), edits)

    def undo(self, run: Run, edits: Iterable[Edit] = ()) -> Run:
        return self._watched(run.undo, edits)

    def _watched(self, work: Any, edits: Iterable[Edit]) -> Run:
        self._pending, self.sent, self._by_hand = list(edits), 0, []
        start = len(self.sandbox.journal)
        try:
            run: Run = work()
        finally:
            self._pending = []
        if self._problems:
            raise self._problems[0]
        if run.id in self._known:
            # What was done already is done once: nothing must have been sent.
            assert not any(
                entry.method == "PUT" for entry in self.sandbox.journal[start:] if self._is_ours(entry)
            )
            return run
        self._known.add(run.id)
        self.tally.runs += 1
        assert run.ledger.balanced
        self._check(run, start)
        return run

    # What must hold

    def _check(self, run: Run, start: int) -> None:
        rows = {(outcome.row.product, outcome.row.field): outcome for outcome in run.report}
        cleared: dict[str, dict[str, Any]] = {}
        touched: set[tuple[str, str]] = set()

        def theirs(product: str, field: str) -> None:
            touched.add((product, field))
            cleared.get(product, {}).pop(field, None)
            self.tally.collisions += (product, field) in rows

        hands = list(self._by_hand)
        for number, entry in enumerate(list(self.sandbox.journal)):
            while hands and hands[0][0] <= number:
                theirs(*hands.pop(0)[1:])
            if number < start:
                continue
            for effect in entry.effects:
                for field, old, new in _changes(effect):
                    if not self._is_ours(entry):
                        theirs(effect.id, field)
                    else:
                        entries = cleared.setdefault(effect.id, {})
                        self._ours(rows.get((effect.id, field)), effect, (field, old, new), entries)
        for _, product, field in hands:
            theirs(product, field)
        for product, entries in cleared.items():
            for field, value in entries.items():
                if not _equal(held(self.sandbox, product, field), value):
                    self.tally.overwritten.append(f"{product}.{field}: {value!r} was cleared and is not back")
        for (product, field), outcome in rows.items():
            if outcome.status == "updated" and (product, field) not in touched:
                assert _equal(held(self.sandbox, product, field), outcome.row.after), outcome

    def _ours(self, outcome: Any, effect: Any, change: tuple[str, Any, Any], entries: dict[str, Any]) -> None:
        """One field that we have changed; ``entries`` are those that were cleared and must come back."""
        field, old, new = change
        if outcome is not None and _equal(new, outcome.row.after):
            forced = outcome.code == "forced"
            if not _equal(old, outcome.found if forced else outcome.row.before) and field not in entries:
                self.tally.overwritten.append(f"{effect.id}.{field}: {old!r} became {new!r}")
            entries.pop(field, None)
        elif field.startswith("custom_fields.") and effect.after["custom_fields"] == {}:
            entries[field] = old
        elif field in entries and _equal(entries[field], new):
            del entries[field]
        else:
            self.tally.overwritten.append(f"{effect.id}.{field}: {old!r} became {new!r}, which no row says")

    def _is_ours(self, entry: Any) -> bool:
        return bool(entry.credential != self._colleague_id())

    def _colleague_id(self) -> str:
        if not hasattr(self, "_colleague"):
            start = len(self.sandbox.journal)
            self.colleague.products.list(limit=1).first()
            self._colleague = self.sandbox.journal[start].credential
        assert self._colleague is not None
        return self._colleague


def _changes(effect: Any) -> Iterator[tuple[str, Any, Any]]:
    for column, new in effect.after.items():
        old = effect.before[column]
        if column != "custom_fields":
            yield column, old, new
            continue
        for entry in {**old, **new}:
            one, other = old.get(entry, UNSET), new.get(entry, UNSET)
            if not _equal(one, other):
                yield f"custom_fields.{entry}", one, other


def _equal(one: Any, other: Any) -> bool:
    if one is UNSET or other is UNSET:
        return one is other
    numbers = isinstance(one, int | Decimal) and isinstance(other, int | Decimal)
    return bool(one == other) and (numbers or type(one) is type(other))


def play(world: World, rnd: random.Random) -> None:
    """One random plan, applied, and perhaps taken back, and perhaps that too, among random edits."""
    world.reset()
    fields = [(product, field) for product in PRODUCTS for field in FIELDS if rnd.random() < 0.5]
    plan = world.plan([(product, field, rnd.choice(POOLS[field])) for product, field in fields])
    on_stale = rnd.choice(["skip", "skip", "fail", "force"])
    on_error = rnd.choice(["best_effort", "reject_rows"])
    try:
        run = world.apply(plan, _edits(rnd), on_stale=on_stale, on_error=on_error)
    except PlanStoppedError:
        return
    if rnd.random() < 0.6:
        undo = world.undo(run, _edits(rnd))
        if rnd.random() < 0.4:
            world.undo(undo, _edits(rnd))


def _edits(rnd: random.Random) -> list[Edit]:
    fields = [rnd.choice(FIELDS) for _ in range(rnd.choice([0, 1, 1, 2, 3]))]
    return [
        Edit(rnd.randint(1, _REQUESTS), rnd.choice(PRODUCTS), field, rnd.choice(POOLS[field]))
        for field in fields
    ]


__all__ = ["FIELDS", "POOLS", "PRODUCTS", "Edit", "Tally", "World", "play"]
