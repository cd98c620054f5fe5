"""Random sale schedules on a sandbox, and what must come of them, by the diary's oracle."""

from __future__ import annotations

import random
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import httpx

import bulkeditor as be
from tests.plans.layer_oracle import End, Event, Foreign, Look, Permanent, Sale, base_after, price_after
from tests.plans.making import Making, held

Field = tuple[str, str]

PRODUCTS = tuple(f"product_id_{number}" for number in range(1, 7))
VALUES: dict[str, list[Any]] = {
    "price": [Decimal(number) for number in (50, 60, 70, 80, 90)],
    "vendor": ["Acme", "Bolt & Co", None, "Cobalt"],
    "tags": [["sale"], ["new", "sale"], [], ["last chance"]],
    "custom_fields.season": ["summer", "winter", None, "", be.UNSET],
}
DAYS = 20


class Death(BaseException):
    """The process is gone."""


class Mortal(httpx.BaseTransport):
    """Dies at a request, before or after it was carried out.

    Args:
        lives: How many requests it lives; None = for ever.
        after: Whether the last one is still carried out.
    """

    def __init__(self, lives: int | None, *, after: bool) -> None:
        self.inner = httpx.HTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # all is on loopback
        self.lives = lives
        self.after = after

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        dying = self.lives == 0
        if self.lives is not None:
            self.lives -= 1
        if dying and not self.after:
            raise Death
        response = self.inner.handle_request(request)
        if dying:
            response.read()
            raise Death
        return response

    def close(self) -> None:
        self.inner.close()


@attrs.define
class Planned:
    """A plan that was scheduled, as the oracle knows it."""

    number: int
    at: datetime
    revert_at: datetime | None
    rows: list[be.PlanRow]
    force: bool
    run: str
    begun: bool = False
    over: bool = False

    @property
    def name(self) -> str:
        return f"run {self.number}"


class Season:
    """Some weeks of one shop: sales, permanent changes, foreign hands, processes that die."""

    def __init__(self, sandbox: be.Sandbox, folder: Path, seed: int, *, sales: int) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.rng = random.Random(seed)
        self.store = folder / f"store-{seed}.db"
        self.making = Making(folder, sandbox)
        self.sales = sales
        self.planned: list[Planned] = []
        self.mortal: tuple[int | None, bool] = (None, False)
        self.fields = [
            (product, field)
            for product in PRODUCTS
            for field in ("price", self.rng.choice(["vendor", "tags", "custom_fields.season"]))
        ]
        self.first = {field: held(sandbox, *field) for field in self.fields}
        self.diaries: dict[Field, list[Event]] = {field: [] for field in self.fields}
        self.deaths = 0

    @contextmanager
    def shop(self) -> Iterator[be.BulkEditor]:
        """A process of its own, as far as anybody can tell: the store alone outlives it."""
        lives, after = self.mortal
        transport = Mortal(lives, after=after)
        try:
            with self.sandbox.connect(
                store=self.store,
                transport=transport,
                retry=be.RetryPolicy(base_delay=1),
                concurrency=self.rng.choice([1, 2]),
            ) as shop:
                yield shop
        finally:
            transport.close()

    def run(self) -> None:
        start = self.sandbox.clock.now()
        for _ in range(self.sales):
            self.schedule(start, temporary=True)
        for _ in range(self.rng.randint(0, 4)):
            self.schedule(start, temporary=False)
        moments = sorted(self.rng.uniform(0, DAYS) for _ in range(self.rng.randint(10, 25)))
        times = [start + timedelta(days=day) for day in moments]
        times += [time for plan in self.planned for time in (plan.at, plan.revert_at) if time is not None]
        for time in sorted(times):
            self.move_to(time)
            self.act()
        self.move_to(start + timedelta(days=2 * DAYS))
        self.tick(deadly=False)
        self.compare(final=True)

    def move_to(self, time: datetime) -> None:
        self.sandbox.clock.advance(max(timedelta(0), time - self.sandbox.clock.now()))

    def act(self) -> None:
        kind = self.rng.choices(
            ["tick", "foreign", "apply", "revert", "cancel", "nothing"], [12, 3, 3, 1, 1, 2]
        )[0]
        getattr(self, kind)()

    def nothing(self) -> None:
        """Nobody carries anything on: it is due when somebody does."""

    # Plans

    def rows(self) -> list[be.PlanRow]:
        chosen = self.rng.sample(self.fields, self.rng.randint(1, len(self.fields)))
        rows = []
        for product, field in chosen:
            before = self.base((product, field))
            after = self.rng.choice([value for value in VALUES[field] if value != before])
            rows.append(be.PlanRow(product=product, field=field, before=before, after=after))
        return rows

    def schedule(self, start: datetime, *, temporary: bool) -> None:
        # Whole hours, so that some begin or end at the same moment.
        at = start + timedelta(hours=self.rng.randint(1, DAYS * 12))
        revert_at = at + timedelta(hours=self.rng.randint(1, DAYS * 6)) if temporary else None
        rows, force = self.rows(), self.rng.random() < 0.7
        with self.shop() as shop:
            run = self.making(shop, *rows).schedule(
                at=at, revert_at=revert_at, on_stale="force" if force else "skip"
            )
        self.planned.append(Planned(len(self.planned), at, revert_at, rows, force, run.id))

    # What happens

    def tick(self, *, deadly: bool = True) -> None:
        now = self.sandbox.clock.now()
        if deadly:
            self.misfortune()
        while True:
            try:
                with self.shop() as shop:
                    shop.runs.tick()
                break
            except Death:
                self.deaths += 1
            self.mortal = (None, False)
        self.mortal = (None, False)
        self.sandbox.faults.clear()
        due: list[tuple[datetime, int, Planned, bool]] = []
        for plan in self.planned:
            if not plan.begun and plan.at <= now:
                due.append((plan.at, plan.number, plan, True))
            elif plan.begun and not plan.over and plan.revert_at is not None and plan.revert_at <= now:
                due.append((plan.revert_at, plan.number, plan, False))
        for _, _, plan, begins in sorted(due, key=lambda item: item[:2]):
            if not begins:
                self.end(plan)
                continue
            plan.begun = True
            if plan.revert_at is not None and plan.revert_at <= now:
                plan.over = True  # its time passed while nobody looked
            else:
                self.begin(plan)
        self.compare()

    def misfortune(self) -> None:
        what = self.rng.random()
        if what < 0.3:
            self.mortal = (self.rng.randint(0, 5), self.rng.random() < 0.5)
        elif what < 0.4:
            drop = self.rng.choice([{"drop": True}, {"status": 503}])
            skip, late = self.rng.randint(0, 2), self.rng.random() < 0.7
            self.sandbox.faults.add(route="PUT /products/bulk", after_commit=late, times=1, skip=skip, **drop)

    def foreign(self) -> None:
        """Somebody edits in the shop, past the library."""
        product, field = self.rng.choice(self.fields)
        value = self.rng.choice([value for value in VALUES[field] if value is not be.UNSET])
        column, _, entry = field.partition(".")
        with self.sandbox.connect() as other:
            other.products.update([{"id": product, column: {entry: value} if entry else value}])
        self.diaries[product, field].append(Foreign(value))

    def apply(self) -> None:
        """A permanent change, at once."""
        rows, force = self.rows(), self.rng.random() < 0.5
        if self.rng.random() < 0.3:
            rows = [attrs.evolve(row, before=self.rng.choice(VALUES[row.field])) for row in rows]
        with self.shop() as shop:
            self.making(shop, *rows).apply(on_stale="force" if force else "skip")
        for row in rows:
            self.edit(row, force=force)
        self.compare()

    def revert(self) -> None:
        """A sale ends before its time."""
        running = [
            plan for plan in self.planned if plan.begun and not plan.over and plan.revert_at is not None
        ]
        if running:
            plan = self.rng.choice(running)
            with self.shop() as shop:
                shop.runs.get(plan.run).revert()
            self.end(plan)
            self.compare()

    def cancel(self) -> None:
        waiting = [plan for plan in self.planned if not plan.begun]
        if waiting and self.rng.random() < 0.5:
            plan = self.rng.choice(waiting)
            with self.shop() as shop:
                assert shop.runs.get(plan.run).cancel().status == "cancelled"
            plan.begun = plan.over = True

    # The diary

    def base(self, field: Field) -> Any:
        diary = self.diaries[field]
        return base_after(self.first[field], [*diary, Look()])

    def begin(self, plan: Planned) -> None:
        if plan.revert_at is None:
            for row in plan.rows:
                self.edit(row, force=plan.force)
            plan.over = True
            return
        for row in plan.rows:
            field = (row.product, row.field)
            base = self.base(field)
            fresh = plan.force or base in (row.before, row.after)
            self.diaries[field].append(
                Sale(plan.name, (plan.at, plan.number), row.after) if fresh else Look()
            )

    def edit(self, row: be.PlanRow, *, force: bool) -> None:
        field = (row.product, row.field)
        base = self.base(field)
        fresh = force or base in (row.before, row.after)
        self.diaries[field].append(Permanent(row.after) if fresh else Look())

    def end(self, plan: Planned) -> None:
        plan.over = True
        for row in plan.rows:
            field = (row.product, row.field)
            # Whoever has no layer there does not look, either.
            if any(isinstance(event, Sale) and event.name == plan.name for event in self.diaries[field]):
                self.diaries[field].append(End(plan.name))

    def compare(self, *, final: bool = False) -> None:
        for field in self.fields:
            expected = price_after(self.first[field], self.diaries[field])
            found = held(self.sandbox, *field)
            assert found == expected, (
                f"{field} is {found!r}, not {expected!r}{' in the end' if final else ''}: "
                f"{self.first[field]!r}, {self.diaries[field]}"
            )
