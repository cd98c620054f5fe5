"""What is written to one product, and what is left alone: rules alone, no server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkeditor import UNSET, FieldError, PlanRow, Product
from bulkeditor.plans._decide import ON_ERROR, ON_STALE, Decision, Numbered, Write, decide
from bulkeditor.plans._rows import group_of

D = Decimal


def rows(*changes: tuple[str, Any, Any] | tuple[str, Any, Any, str]) -> list[Numbered]:
    return [
        Numbered(
            number,
            PlanRow(
                product="p",
                field=field,
                before=before,
                after=after,
                problem=FieldError(message="bad", field=field, code=code[0]) if code else None,
            ),
        )
        for number, (field, before, after, *code) in enumerate(changes)
    ]


def decided(
    product: Product, *changes: Any, on_stale: Any = "skip", on_error: Any = "best_effort"
) -> Decision:
    return decide(rows(*changes), product, on_stale=on_stale, on_error=on_error)


def fates(decision: Decision) -> dict[int, str]:
    found = {result.number: result.code or result.status for result in decision.results}
    if decision.write is not None:
        found |= {item.number: "written" for item in decision.write.rows}
    return dict(sorted(found.items()))


@pytest.mark.parametrize(
    ("field", "before", "held", "fate"),
    [
        ("price", D("25"), D("25.00"), "written"),  # amounts are numbers
        ("price", D("25"), None, "stale"),
        ("price", None, D("25"), "stale"),
        ("price", None, None, "written"),
        ("title", "A", "A ", "stale"),
        ("tags", ["a", "b"], ["b", "a"], "stale"),  # their order is theirs
        ("tags", ["a", "b"], ["a", "b"], "written"),
        ("custom_fields.x", UNSET, UNSET, "written"),
        ("custom_fields.x", UNSET, None, "stale"),
        ("custom_fields.x", None, UNSET, "stale"),
        ("custom_fields.x", None, "", "stale"),
        ("custom_fields.x", 1, True, "stale"),
        ("custom_fields.x", D("1.5"), D("1.50"), "stale"),  # to the last sign
        ("custom_fields.x", {"a": 1, "b": 2}, {"b": 2, "a": 1}, "written"),
        ("custom_fields.a.b", "old", "old", "written"),  # the entry "a.b"
    ],
)
def test_a_row_is_written_where_the_product_is_as_the_plan_saw_it(
    field: str, before: Any, held: Any, fate: str
) -> None:
    column, _, entry = field.partition(".")
    product = Product(id="p", **{column: ({} if held is UNSET else {entry: held}) if entry else held})
    decision = decided(product, (field, before, D("9") if field == "price" else "after"))
    assert fates(decision) == {0: fate}
    if fate == "stale":
        assert decision.results[0].found == held or decision.results[0].found is held


def test_what_a_server_leaves_out_is_empty() -> None:
    product = Product(id="p")
    decision = decided(
        product,
        ("tags", [], ["a"]),
        ("price", None, D(1)),
        ("custom_fields.x", UNSET, 1),
        ("vendor", None, "V"),
    )
    assert decision.write is not None
    assert decision.write.values == {
        "tags": ["a"], "price": D(1), "custom_fields": {"x": 1}, "vendor": "V"
    }  # fmt: skip


def test_entries_are_changed_within_the_column_as_it_is_now() -> None:
    product = Product(id="p", custom_fields={"keep": D("1.50"), "change": "a", "drop": None})
    decision = decided(
        product,
        ("custom_fields.change", "a", "b"),
        ("custom_fields.drop", None, UNSET),
        ("custom_fields.new", UNSET, None),
    )
    write = decision.write
    assert write is not None
    assert write.values == {"custom_fields": {"keep": D("1.50"), "change": "b", "new": None}}
    assert write.seen == {"custom_fields": product.custom_fields}
    assert write.doubtful
    assert not write.only(write.rows[:1]).doubtful


@pytest.mark.parametrize(
    ("old", "new", "doubtful"),
    [
        (["a"], ["a", "b"], False),  # replaced or added to: the same
        ([], ["b"], False),
        (["a", "b"], ["a"], True),
        (["a", "b"], ["b", "a"], True),
        (["a"], ["b", "a"], True),
        (["a"], ["a", "a"], True),
    ],
)
def test_tags_are_in_doubt_where_adding_is_not_replacing(
    old: list[str], new: list[str], doubtful: bool
) -> None:
    write = decided(Product(id="p", tags=old), ("tags", old, new)).write
    assert write is not None
    assert write.doubtful is doubtful


def test_forced_rows_know_what_they_overwrite() -> None:
    product = Product(id="p", price=D("7"), vendor="V")
    write = decided(product, ("price", D("5"), D("4")), ("vendor", "V", "W"), on_stale="force").write
    assert write is not None
    assert [write.forced(item.row) for item in write.rows] == [True, False]
    assert write.found(write.rows[0].row) == D("7")


# Any rows on any product

VALUES: dict[str, Any] = {
    "price": st.sampled_from([None, D("1"), D("2.00")]),
    "cost": st.sampled_from([None, D("1"), D("2.00")]),
    "vendor": st.sampled_from([None, "A", "B"]),
    "tags": st.sampled_from([[], ["a"], ["a", "b"]]),
    "custom_fields.x": st.sampled_from([UNSET, None, "", 1]),
    "custom_fields.y": st.sampled_from([UNSET, 1, D("1.0")]),
}


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Numbered], Product]:
    fields = draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True, min_size=1))
    held = {field: draw(values) for field, values in VALUES.items()}
    custom = {field[14:]: value for field, value in held.items() if "." in field and value is not UNSET}
    columns = {field: value for field, value in held.items() if "." not in field}
    product = Product(id="p", custom_fields=custom, **columns)
    changes = []
    for field in fields:
        before = draw(st.one_of(st.just(held[field]), VALUES[field]))
        problem = draw(st.sampled_from([(), (), ("bad",)]))
        changes.append((field, before, draw(VALUES[field]), *problem))
    return rows(*changes), product


@given(situations(), st.sampled_from(ON_STALE), st.sampled_from(ON_ERROR))
def test_every_row_has_one_fate_and_groups_are_not_divided(
    situation: tuple[list[Numbered], Product], on_stale: Any, on_error: Any
) -> None:
    numbered, product = situation
    decision = decide(numbered, product, on_stale=on_stale, on_error=on_error)
    written = [] if decision.write is None else [item.number for item in decision.write.rows]
    ended = [result.number for result in decision.results]
    assert sorted(written + ended) == [item.number for item in numbered]
    left = {result.number for result in decision.results if result.status != "unchanged"}
    groups = {item.number: group_of(item.row.field) if on_error == "best_effort" else "" for item in numbered}
    assert not {groups[number] for number in written} & {groups[number] for number in left}
    if on_stale == "force":
        assert not any(result.status == "stale" for result in decision.results)


@given(situations(), st.sampled_from(ON_ERROR))
def test_a_write_changes_what_its_rows_say_and_nothing_else(
    situation: tuple[list[Numbered], Product], on_error: Any
) -> None:
    numbered, product = situation
    write = decide(numbered, product, on_stale="force", on_error=on_error).write
    if write is None:
        return
    entries = {item.row.field[14:]: item.row.after for item in write.rows if "." in item.row.field}
    for column, value in write.values.items():
        assert write.seen[column] == getattr(product, column)
        if column == "custom_fields":
            kept = {name: held for name, held in product.custom_fields.items() if name not in entries}
            new = {name: after for name, after in entries.items() if after is not UNSET}
            assert value == {**kept, **new}
        else:
            assert value == next(item.row.after for item in write.rows if item.row.field == column)


def test_a_write_can_be_told_from_another() -> None:
    write = decided(Product(id="p", price=D(1)), ("price", D(1), D(2))).write
    assert isinstance(write, Write)
    assert write.only(()).values == {}
