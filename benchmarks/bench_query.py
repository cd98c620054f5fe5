"""Goal 9: the low-stock condition over many rows, beside a comprehension by hand and other languages."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from benchmarks import _pages
from benchmarks._harness import Bench
from bulkeditor.models import Product, decode_page
from bulkeditor.query import parse_condition

LOW_STOCK = 'inventory_quantity < 10 AND status = "active" AND NOT tags.contains("discontinued")'
FIELDS = ("id", "sku", "status", "tags", "inventory_quantity")
PAGES = 1000
UNIT = "ns a row"
MEMORY = "Most of the time is memory's, and a comprehension by hand waits for it as long."
CHECKS = (
    "Looking at the type of each value is nine byte codes; more than a quarter where all is in the cache."
)

Row = dict[str, Any]


def _page(number: int) -> list[dict[str, object]]:
    """One page as a listing with these fields would have it; a quarter of it is low on stock."""
    pick = random.Random(number)
    rows = _pages.rows(start=250 * number, variants=0)
    for row in rows:
        row["status"] = pick.choice(["active", "active", "active", "draft"])
        row["tags"] = pick.sample(["summer", "cotton", "sale", "new", "discontinued"], pick.randrange(4))
        row["inventory_quantity"] = pick.randrange(40)
    return [{name: row[name] for name in FIELDS} for row in rows]


def _plain(pages: int) -> list[Row]:
    # Decoded, as rows are in life: no two of them share their texts and lists.
    decode = msgspec.json.Decoder(float_hook=Decimal).decode
    return [row for number in range(pages) for row in decode(msgspec.json.encode(_page(number)))]


def _models(pages: int) -> list[Product]:
    rows: list[Product] = []
    for number in range(pages):
        rows += decode_page(_pages.body(_page(number)), Product, "products", fields=FIELDS).items
    return rows


def _by_hand(rows: Sequence[Row]) -> list[Row]:
    return [
        row
        for row in rows
        if row["inventory_quantity"] < 10 and row["status"] == "active" and "discontinued" not in row["tags"]
    ]


def _by_hand_with_nulls(rows: Sequence[Row]) -> list[Row]:
    return [
        row
        for row in rows
        if (quantity := row["inventory_quantity"]) is not None
        and quantity < 10
        and row["status"] == "active"
        and "discontinued" not in (row["tags"] or ())
    ]


def _by_hand_on_models(rows: Sequence[Product]) -> list[Product]:
    return [
        row
        for row in rows
        if row.inventory_quantity < 10 and row.status == "active" and "discontinued" not in row.tags
    ]


def _simpleeval(rows: Sequence[Row]) -> Callable[[], list[Row]]:
    from simpleeval import SimpleEval

    text = 'inventory_quantity < 10 and status == "active" and not "discontinued" in tags'
    evaluator = SimpleEval()
    parsed = evaluator.parse(text)

    def run() -> list[Row]:
        chosen: list[Row] = []
        for row in rows:
            evaluator.names = row
            if evaluator.eval(text, parsed):
                chosen.append(row)
        return chosen

    return run


def _rule_engine(rows: Sequence[Row]) -> Callable[[], list[Row]]:
    import rule_engine

    rule = rule_engine.Rule('inventory_quantity < 10 and status == "active" and not ("discontinued" in tags)')
    return lambda: list(rule.filter(rows))


def _for_each(rows: Sequence[object], run: Callable[[], object], repeats: int = 1) -> Callable[[], float]:
    """A case of its own number of rows: its time for each of them."""

    def measured() -> float:
        start = time.process_time()
        for _ in range(repeats):
            run()
        return (time.process_time() - start) / repeats / len(rows) * 1e9

    return measured


def _peers(bench: Bench, rows: Sequence[Row], repeats: int = 1) -> None:
    expected = _by_hand(rows)
    for name, make in (("simpleeval", _simpleeval), ("rule-engine", _rule_engine)):

        def peer(make: Callable[[Sequence[Row]], Callable[[], list[Row]]] = make) -> Callable[[], object]:
            run = make(rows)
            if run() != expected:
                raise AssertionError("the peer was asked something else")
            return _for_each(rows, run, repeats)

        bench.peer(name, peer)


def many_rows() -> Bench:
    """Rows that do not fit into any cache. The peers, which would take minutes, get every tenth of them."""
    bench = Bench(f"9 low stock over {250 * PAGES:,} rows", unit=UNIT, rounds=15)
    rows = _plain(PAGES)
    select = parse_condition(LOW_STOCK).compile().select
    if select(rows) != _by_hand(rows):
        raise AssertionError("ours selects something else")
    bench.case("ours", _for_each(rows, lambda: select(rows)))
    bench.case("comprehension", _for_each(rows, lambda: _by_hand(rows)))
    bench.case("comprehension that minds null", _for_each(rows, lambda: _by_hand_with_nulls(rows)))
    _peers(bench, rows[::10])
    bench.at_most("ours", "comprehension", 1.25)
    bench.at_most("ours", "comprehension that minds null", 1.25)
    bench.faster("ours", "simpleeval", 25, why_not=MEMORY)
    bench.faster("ours", "rule-engine", 60, why_not=MEMORY)
    return bench


def one_page() -> Bench:
    """The same where all of it is in the cache: what the evaluation itself costs."""
    bench = Bench("9 low stock over one page of 250 rows", unit=UNIT, rounds=31)
    page = _plain(1)
    compiled = parse_condition(LOW_STOCK).compile()
    bench.case("ours", _for_each(page, lambda: compiled.select(page), 100))
    bench.case("ours, mask", _for_each(page, lambda: compiled.mask(page), 100))
    bench.case(
        "ours, row by row", _for_each(page, lambda: [row for row in page if compiled.matches(row)], 50)
    )
    bench.case("comprehension", _for_each(page, lambda: _by_hand(page), 100))
    _peers(bench, page, 10)
    bench.at_most("ours", "comprehension", 1.25, why_not=CHECKS)
    bench.faster("ours", "simpleeval", 25)
    bench.faster("ours", "rule-engine", 60)
    return bench


def models() -> Bench:
    """Products instead of plain data; no goal of their own."""
    bench = Bench(f"9 low stock over {250 * PAGES:,} products", unit=UNIT, rounds=15)
    rows = _models(PAGES)
    select = parse_condition(LOW_STOCK).compile().select
    bench.case("ours", _for_each(rows, lambda: select(rows)))
    bench.case("comprehension", _for_each(rows, lambda: _by_hand_on_models(rows)))
    return bench


def benches() -> Iterator[Bench]:
    yield many_rows()
    yield one_page()
    yield models()
