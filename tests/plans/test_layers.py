"""Layers of temporary changes come to what an oracle works out from a diary, whatever the order of things."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bulkeditor import UNSET
from bulkeditor.plans._layers import Layer, Stack
from tests.plans.layer_oracle import End, Event, Foreign, Look, Permanent, Sale, base_after, price_after

START = datetime(2026, 11, 27, tzinfo=UTC)


class Shop:
    """One field of a shop, and what the library does with it."""

    def __init__(self, value: Any, field: str = "price") -> None:
        self.field = field
        self.value = value
        self.stack: Stack | None = None

    def happens(self, event: Event) -> None:
        if isinstance(event, Foreign):
            self.value = event.value
            return
        stack = (self.stack or Stack.over(self.field, self.value)).seen(self.value)
        if isinstance(event, Sale):
            days, number = event.order
            at = START + timedelta(days=days)
            stack = stack.started(Layer(run=event.name, at=at, number=number, value=event.value))
        elif isinstance(event, End):
            stack = stack.reverted(event.name)
        elif isinstance(event, Permanent):
            stack = stack.edited(event.value)
        if stack.visible != self.value:
            stack = stack.sends("worker", stack.visible)
            self.value = stack.visible
            stack = stack.wrote("worker")
        self.stack = None if stack.idle else stack

    @property
    def base(self) -> Any:
        stack = self.stack
        return self.value if stack is None else stack.seen(self.value).base


VALUES = st.sampled_from([Decimal(number) for number in (70, 80, 90, 95, 100)])


@st.composite
def diaries(draw: st.DrawFn) -> list[Event]:
    """Up to six sales that overlap as they like, among permanent and foreign edits."""
    diary: list[Event] = []
    open_: list[str] = []
    begun = 0
    for _ in range(draw(st.integers(0, 20))):
        kind = draw(st.sampled_from(["sale", "sale", "end", "end", "permanent", "foreign", "look"]))
        if kind == "sale" and begun < 6:
            # Not always above the others: a late worker begins what should have begun before.
            diary.append(Sale(f"sale {begun}", (draw(st.integers(0, 3)), begun), draw(VALUES)))
            open_.append(f"sale {begun}")
            begun += 1
        elif kind == "end" and open_:
            diary.append(End(open_.pop(draw(st.integers(0, len(open_) - 1)))))
        elif kind == "permanent":
            diary.append(Permanent(draw(VALUES)))
        elif kind == "foreign":
            diary.append(Foreign(draw(VALUES)))
        elif kind == "look":
            diary.append(Look())
    return diary


@settings(max_examples=400)
@given(VALUES, diaries())
def test_what_the_shop_shows_is_what_the_oracle_says(first: Decimal, diary: list[Event]) -> None:
    shop = Shop(first)
    for number, event in enumerate(diary, start=1):
        shop.happens(event)
        assert shop.value == price_after(first, diary[:number])
    shop.happens(Look())
    assert shop.base == base_after(first, [*diary, Look()])


@settings(max_examples=200)
@given(
    VALUES,
    st.lists(VALUES, max_size=4),
    st.lists(st.tuples(VALUES, st.integers(0, 9)), max_size=4),
    st.data(),
)
def test_sales_and_permanent_edits_commute(
    first: Decimal, edits: list[Decimal], sales: list[tuple[Decimal, int]], data: st.DataObject
) -> None:
    """However beginnings, ends and permanent edits are shuffled, the last edit remains when all is over."""
    lines: list[list[Event]] = [[Permanent(value) for value in edits]]
    for number, (value, day) in enumerate(sales):
        lines.append([Sale(f"sale {number}", (day, number), value), End(f"sale {number}")])
    shop, begun = Shop(first), list[Sale]()
    while left := [line for line in lines if line]:
        event = data.draw(st.sampled_from(left), label="next").pop(0)
        shop.happens(event)
        begun = [sale for sale in begun if not isinstance(event, End) or sale.name != event.name]
        if isinstance(event, Sale):
            begun.append(event)
        if begun:
            # In between, too, only the changes in force count, not the way there.
            assert shop.value == max(begun, key=lambda sale: sale.order).value
    assert shop.value == (edits[-1] if edits else first)
    assert shop.stack is None


@given(VALUES, st.lists(VALUES, min_size=1, max_size=4), VALUES, st.data())
def test_a_foreign_edit_survives_whatever_ends_after_it(
    first: Decimal, sales: list[Decimal], foreign: Decimal, data: st.DataObject
) -> None:
    shop = Shop(first)
    for number, value in enumerate(sales):
        shop.happens(Sale(f"sale {number}", (number, number), value))
    if foreign == shop.value:
        return
    shop.happens(Foreign(foreign))
    for name in data.draw(st.permutations([f"sale {number}" for number in range(len(sales))])):
        shop.happens(End(name))
        assert shop.value == foreign


def test_a_change_that_begins_late_lies_where_its_time_says() -> None:
    shop = Shop(Decimal(100))
    shop.happens(Sale("second", (3, 2), Decimal(70)))
    shop.happens(Sale("first", (1, 1), Decimal(80)))
    assert shop.value == Decimal(70)
    shop.happens(End("second"))
    assert shop.value == Decimal(80)


def test_what_a_request_under_way_may_write_is_not_foreign() -> None:
    stack = Stack.over("price", Decimal(100)).sends("run", Decimal(80))
    assert stack.seen(Decimal(80)).layers == stack.layers
    assert stack.seen(Decimal(80)).base == stack.seen(Decimal(100)).base == Decimal(100)
    assert stack.seen(Decimal(95)).base == Decimal(95)
    assert not stack.idle
    assert stack.withdrew("run").idle
    assert stack.wrote("run").shown == Decimal(80)


def test_absent_null_and_blank_differ() -> None:
    for below, above in ((UNSET, None), (None, ""), ("", UNSET), (UNSET, "sale")):
        shop = Shop(below, "custom_fields.season")
        shop.happens(Sale("sale", (0, 0), above))
        assert shop.value is above or shop.value == above
        shop.happens(Look())
        assert shop.stack is not None
        shop.happens(End("sale"))
        assert shop.value is below or shop.value == below


def test_the_order_of_tags_is_the_servers_own() -> None:
    shop = Shop(["a", "b"], "tags")
    shop.happens(Sale("sale", (0, 0), ["a", "b", "sale"]))
    shop.value = ["sale", "b", "a"]
    shop.happens(End("sale"))
    assert shop.value == ["a", "b"]


def _interleavings(lines: Sequence[Sequence[Event]]) -> list[list[Event]]:
    if not any(lines):
        return [[]]
    return [
        [line[0], *rest]
        for place, line in enumerate(lines)
        if line
        for rest in _interleavings([*lines[:place], line[1:], *lines[place + 1 :]])
    ]


def test_every_way_through_two_sales_a_permanent_and_a_foreign_edit() -> None:
    """All 180 orders, not a sample."""
    sales = [
        [Sale("a", (1, 1), Decimal(80)), End("a")],
        [Sale("b", (2, 2), Decimal(70)), End("b")],
    ]
    ways = _interleavings([*sales, [Permanent(Decimal(110))], [Foreign(Decimal(95))]])
    assert len(ways) == 180
    finals = set()
    for way in ways:
        shop = Shop(Decimal(100))
        for event in way:
            shop.happens(event)
        assert shop.value == price_after(Decimal(100), way)
        assert shop.stack is None
        finals.add(shop.value)
    # The last permanent word remains: ours or the other's.
    assert finals == {Decimal(110), Decimal(95)}
