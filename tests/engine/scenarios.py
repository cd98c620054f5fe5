"""Small workflows that write products: a right one, and wrong ones that the crash harness must catch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from bulkeditor.api import products
from bulkeditor.engine import Done, Put, Step
from bulkeditor.http import Request
from bulkeditor.testing import WorkflowScenario

BATCH = 10
PRICE = "5.00"


def write(ids: Sequence[str], key: str) -> Request:
    return put([{"id": product, "price": 5} for product in ids], key)


def put(rows: Any, key: str) -> Request:
    return Request(
        method="PUT",
        path="/api/v1/products/bulk",
        operation="products.bulk_update",
        headers={"content-type": "application/json"},
        content=msgspec.json.Encoder(decimal_format="number").encode({"products": rows}),
        write=True,
        idempotent=False,
        idempotency_key=key,
    )


class Reprice:
    """Steps that set the price of ten products each; a last one counts them."""

    name = "reprice"
    version = 1

    def first(self, input: Any) -> list[Step]:  # noqa: A002
        batches = [input[start : start + BATCH] for start in range(0, len(input), BATCH)]
        steps = [Step(key=f"write-{n}", kind="write", params={"ids": ids}) for n, ids in enumerate(batches)]
        return [*steps, Step(key="count", kind="count", stage=1)]

    def handler(self, kind: str) -> Any:
        return {"write": self.write, "count": self.count}[kind]

    def write(self, ctx: Any, step: Step) -> Any:
        ids: Any = step.params["ids"]
        if ctx.attempt > 1:
            ids = yield from self.unwritten(ids)
        if ids:
            yield write(ids, ctx.idempotency_key())
        return self.written(step)

    def unwritten(self, ids: Sequence[str]) -> Any:
        found = []
        for product in ids:
            row = yield from products.get(product, fields=["price"])
            if str(row.price) not in {"5", PRICE}:
                found.append(product)
        return found

    def written(self, step: Step) -> Done:
        ids: Any = step.params["ids"]
        total = Put(space="reprice", key=step.key, value=len(ids), expect=None)
        return Done(result=dict.fromkeys(ids, "updated"), state=[total])

    def count(self, ctx: Any, step: Step) -> Any:
        yield from ()
        return Done(result=sum(int(number) for _, number in ctx.entries("reprice")))


class RepriceEverything(WorkflowScenario):
    """The right one."""

    def workflows(self) -> Sequence[Any]:
        return [Reprice()]

    def prepare(self, sandbox: Any) -> Any:
        return [row["id"] for row in sandbox.products.rows()]

    def outcomes(self, ledger: Any, run: str) -> Iterable[tuple[str, Any]]:
        for _, result in ledger.results(run, "write"):
            yield from result.items()
        yield "total", ledger.result(run, "count")


class RepriceInLanes(RepriceEverything):
    """The same, several steps at once."""

    lanes = 3


class Relative(Reprice):
    """Adds one to each price, also to those that an earlier attempt has raised already."""

    def write(self, ctx: Any, step: Step) -> Any:
        ids: Any = step.params["ids"]
        rows = []
        for product in ids:
            row = yield from products.get(product, fields=["price"])
            rows.append({"id": product, "price": row.price + 1})
        yield put(rows, ctx.idempotency_key())
        return self.written(step)


class Creating(Reprice):
    """Creates a product for each step, and does not look whether an earlier attempt did."""

    def write(self, ctx: Any, step: Step) -> Any:
        yield Request(
            method="POST",
            path="/api/v1/products",
            operation="products.create",
            headers={"content-type": "application/json"},
            content=msgspec.json.encode({"title": f"Made by {step.key}", "price": 1, "sku": step.key}),
            write=True,
            idempotent=False,
        )
        return self.written(step)


class Trusting(Reprice):
    """Takes it for granted that an earlier attempt has sent everything."""

    def write(self, ctx: Any, step: Step) -> Any:
        if ctx.attempt == 1:
            yield write(step.params["ids"], ctx.idempotency_key())
        return self.written(step)


class Forgetful(Reprice):
    """Keeps its result in a transaction of its own, before the one that finishes the step."""

    def __init__(self, ledger: Any) -> None:
        self.ledger = ledger

    def write(self, ctx: Any, step: Step) -> Any:
        done = yield from super().write(ctx, step)
        ids: Any = step.params["ids"]
        before = self.ledger.state("reprice", "sum") or 0
        self.ledger.put([Put(space="reprice", key="sum", value=before + len(ids))])
        return Done(result=done.result)


class Doubling(Reprice):
    """Reports its rows once more for each attempt."""

    def write(self, ctx: Any, step: Step) -> Any:
        done = yield from super().write(ctx, step)
        again = Step(key=f"{step.key}-{ctx.attempt}", kind="again", params={"result": done.result})
        return Done(result=done.result, then=[again] if ctx.attempt > 1 else [], state=done.state)

    def handler(self, kind: str) -> Any:
        return self.again if kind == "again" else super().handler(kind)

    def again(self, ctx: Any, step: Step) -> Any:
        yield from ()
        return Done(result=step.params["result"])


class Wrong(RepriceEverything):
    """A scenario with one of the wrong ones."""

    def __init__(self, workflow: type[Reprice]) -> None:
        self.workflow = workflow

    def workflows(self) -> Sequence[Any]:
        return [self.workflow()]

    def outcomes(self, ledger: Any, run: str) -> Iterable[tuple[str, Any]]:
        yield from super().outcomes(ledger, run)
        for _, result in ledger.results(run, "again"):
            yield from result.items()

    def state(self, sandbox: Any) -> object:
        # Not by id: which new product gets which id depends on the order of the steps, and may.
        return sorted((row["title"], str(row["price"])) for row in sandbox.products.rows())


class WrongWithLedger(RepriceEverything):
    """The same for a workflow that writes to the ledger by itself."""

    def drive(self, rig: Any, prepared: Any) -> str:
        self.ledger = rig.ledger
        return super().drive(rig, prepared)

    def workflows(self) -> Sequence[Any]:
        return [Forgetful(self.ledger)]
