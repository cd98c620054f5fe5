"""Rules for tags, texts, custom fields and any field; rules that users write."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bulkeditor as be
from bulkeditor.plans import Draft, Rule, Skip, rule
from bulkeditor.plans._file import PLAN

NAMES = st.sampled_from(["sale", "Sale", "new", "winter", "a,b", " x", "漢字"])
LISTS = st.lists(NAMES, max_size=6)


def row(**values: Any) -> Draft:
    empty = {"tags": [], "custom_fields": {}, "title": None, "vendor": None, "price": None}
    return Draft({"id": "1", "sku": "A-1", **empty, **values})


def tags(rule: Any, *held: str) -> list[str]:
    return rule.apply(row(tags=list(held)))["tags"]


# Tags


@given(held=LISTS, names=st.lists(NAMES, min_size=1, max_size=4))
def test_tags_are_sets_that_keep_their_order(held: list[str], names: list[str]) -> None:
    added = tags(be.tags.add(*names), *held)
    assert set(added) == set(held) | set(names)
    assert added[: len(dict.fromkeys(held))] == list(dict.fromkeys(held))
    removed = tags(be.tags.remove(*names), *held)
    assert removed == [tag for tag in dict.fromkeys(held) if tag not in names]
    replaced = tags(be.tags.replace(*names), *held)
    assert replaced == list(dict.fromkeys(names))
    for one in (be.tags.add(*names), be.tags.remove(*names), be.tags.replace(*names)):
        once = tags(one, *held)
        assert tags(one, *once) == once
        assert len(set(once)) == len(once)


def test_upper_and_lower_case_differ_as_on_the_server() -> None:
    assert tags(be.tags.add("Sale"), "sale") == ["sale", "Sale"]
    assert tags(be.tags.remove("Sale"), "sale") == ["sale"]
    assert tags(be.tags.replace(), "sale") == []


@pytest.mark.parametrize(
    "make",
    [
        be.tags.add,
        be.tags.remove,
        lambda: be.tags.add(""),
        lambda: be.tags.add("  "),
        lambda: be.tags.add("x" * 256),
        lambda: be.tags.replace(*map(str, range(251))),
        lambda: be.tags.add(["sale", "new"]),  # type: ignore[arg-type]
        lambda: be.tags.add("a\x00b"),
    ],
)
def test_tags_that_are_none_are_refused(make: Any) -> None:
    with pytest.raises(be.InvalidInputError):
        make()


def test_what_a_product_has_already_makes_no_row() -> None:
    with be.Sandbox(products=20) as sandbox, sandbox.connect() as shop:
        plan = shop.plan(updates=be.tags.remove("nobody has this"), all_products=True)
        assert (len(plan.rows), plan.counts.unchanged) == (0, 20)


# Texts


def test_replace_takes_every_occurrence_letter_by_letter() -> None:
    one = be.text("title").replace("a.", "b")
    assert one.apply(row(title="a.a.ax A.")) == {"title": "bbax A."}
    assert one.apply(row(title=None)) == {}
    assert one.apply(row(title="none")) == {"title": "none"}


@given(text=st.text(max_size=8), prefix=st.text(max_size=3), suffix=st.text(max_size=3))
def test_an_affix_done_twice_is_done_once(text: str, prefix: str, suffix: str) -> None:
    if not prefix and not suffix:
        return
    one = be.text("title").affix(prefix=prefix, suffix=suffix)
    once = one.apply(row(title=text))["title"]  # type: ignore[index]
    assert once.startswith(prefix)
    assert once.endswith(suffix)
    assert one.apply(row(title=once)) == {"title": once}


def test_a_template_names_fields_and_nothing_else() -> None:
    held = row(title="Shirt", vendor="X", price=Decimal("9.90"), custom_fields={"season": "winter", "n": 3})
    one = be.text("title").template("{vendor} {title}: {price} {{{custom_fields.season}}} {custom_fields.n}")
    assert one.apply(held) == {"title": "X Shirt: 9.90 {winter} 3"}
    assert one.reads == {"title", "vendor", "price", "custom_fields"}


def test_a_template_does_not_fill_in_what_it_filled_in() -> None:
    held = row(title="{vendor} {{}} {price.__class__}", vendor="X")
    assert be.text("title").template("{title}!").apply(held) == {"title": "{vendor} {{}} {price.__class__}!"}


@pytest.mark.parametrize("vendor", [None, ["a"], {"a": 1}, True])
def test_a_template_skips_what_is_blank_or_no_text(vendor: Any) -> None:
    outcome = be.text("title").template("{vendor}").apply(row(vendor=vendor, title="T"))
    assert isinstance(outcome, Skip)
    assert (outcome.code, outcome.field) == ("blank_vendor", "title")
    absent = be.text("title").template("{custom_fields.x}").apply(row(title="T"))
    assert isinstance(absent, Skip)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{vendr}", "did you mean 'vendor'"),
        ("{}", "no field"),
        ("{0}", "no field"),
        ("{title.__class__}", "has no entries"),
        ("{price!r}", "no field 'price!r'"),
        ("{price:.2f}", "no field"),
        ("{title", "lone brace"),
        ("title}", "lone brace"),
        ("{ti{tle}}", "lone brace"),
        ("{tags}", "no plain text"),
        ("{custom_fields}", "no plain text"),
        ("x" * 10_001, "longer than"),
        (7, "must be text"),
    ],
)
def test_templates_with_anything_else_are_refused(template: Any, text: str) -> None:
    with pytest.raises(be.InvalidInputError, match=text):
        be.text("title").template(template)


@pytest.mark.parametrize(
    "make",
    [
        lambda: be.text("price"),
        lambda: be.text("tags"),
        lambda: be.text("id"),
        lambda: be.text("custom_fields"),
        lambda: be.text("custom_fields."),
        lambda: be.text("title").replace("", "x"),
        lambda: be.text("title").replace("x", None),  # type: ignore[arg-type]
        lambda: be.text("title").affix(),
    ],
)
def test_wrong_texts_are_refused(make: Any) -> None:
    with pytest.raises(be.InvalidInputError):
        make()


# Custom fields, and any field


def plan_of(sandbox: be.Sandbox, *updates: Rule) -> dict[str, tuple[Any, Any]]:
    with sandbox.connect() as shop:
        plan = shop.plan(filter={"id": "product_id_1"}, updates=updates)
    return {item.field: (item.before, item.after) for item in plan.rows}


def test_absent_null_and_empty_differ_in_custom_fields() -> None:
    with be.Sandbox(products=1) as sandbox:
        with sandbox.connect() as shop:
            shop.products.update([{"id": "product_id_1", "custom_fields": {"null": None, "empty": ""}}])
        held = sandbox.products.get("product_id_1")["custom_fields"]
        assert plan_of(
            sandbox, be.custom_fields.set({"null": "", "empty": None, "new": None, "same.dot": 1.5}),
        ) == {
            "custom_fields.null": (None, ""),
            "custom_fields.empty": ("", None),
            "custom_fields.new": (be.UNSET, None),
            "custom_fields.same.dot": (be.UNSET, Decimal("1.5")),
        }  # fmt: skip
        assert plan_of(sandbox, be.custom_fields.remove("null", "empty", "nobody")) == {
            "custom_fields.null": (None, be.UNSET),
            "custom_fields.empty": ("", be.UNSET),
        }
        assert plan_of(sandbox, be.custom_fields.set(null=None, empty="")) == {}
        assert plan_of(sandbox, be.set_field("custom_fields", {"empty": ""})) == {
            f"custom_fields.{name}": (value, be.UNSET) for name, value in held.items() if name != "empty"
        }


def test_any_field_can_be_set_or_cleared() -> None:
    with be.Sandbox(products=1) as sandbox:
        held = sandbox.products.get("product_id_1")
        assert plan_of(
            sandbox,
            be.set_field("status", "draft"),
            be.set_field("vendor", None),
            be.set_field("inventory_quantity", 7),
            be.set_field("barcode", "00042"),
            be.set_field("options", {"Size": "M"}),
        ) == {
            "status": ("active", "draft"),
            "vendor": (held["vendor"], None),
            "inventory_quantity": (held["inventory_quantity"], 7),
            "barcode": (held["barcode"], "00042"),
            "options": (held["options"], {"Size": "M"}),
        }


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: be.set_field("status", "actve"), "Did you mean 'active'"),
        (lambda: be.set_field("statsu", "active"), "Did you mean 'status'"),
        (lambda: be.set_field("id", "7"), "no field that can be changed"),
        (lambda: be.set_field("created_at", None), "no field that can be changed"),
        (lambda: be.set_field("options.Size", "M"), "Give the whole of options"),
        (lambda: be.set_field("title", "ab"), "at least 3 characters"),
        (lambda: be.set_field("barcode", 42), "leading zeros are lost"),
        (lambda: be.set_field("price", "-1"), "must be positive"),
        (lambda: be.set_field("vendor", "\ud800"), "cannot be written as JSON"),
        (lambda: be.set_field("custom_fields.x", float("nan")), "no place in JSON"),
        (be.custom_fields.set, "are missing"),
        (be.custom_fields.remove, "are missing"),
        (lambda: be.custom_fields.set({"": 1}), "texts as names"),
        (lambda: be.custom_fields.set({"x" * 256: 1}), "1 to 255 characters"),
    ],
)
def test_values_that_the_server_would_refuse_are_refused_at_once(make: Any, text: str) -> None:
    with pytest.raises(be.InvalidInputError, match=text):
        make()


# Rules of one's own


@rule(reads=["price", "cost"], text="three times the cost")
def thrice(row: Draft) -> Any:
    cost = row.amount("cost")
    return Skip("blank_cost", "no cost", "price") if cost is None else {"price": row.rounded(cost * 3)}


def test_a_function_is_a_rule() -> None:
    assert isinstance(thrice, Rule)
    with be.Sandbox(products=60) as sandbox, sandbox.connect() as shop:
        plan = shop.plan(updates=[thrice, be.price.ending(".95", mode="up")], all_products=True)
        held = {item["id"]: item for item in sandbox.products.rows()}
    planned = {item.product: item for item in plan.rows}
    for ident, item in held.items():
        cost = item["cost"]
        if cost is None:
            assert ident in {skipped.product for skipped in plan.skipped if skipped.code == "blank_cost"}
        else:
            assert 0 <= planned[ident].after - cost * 3 < 1
            assert planned[ident].reason == "three times the cost; ending .95 (up)"


def plan_with(compute: Any, *reads: str) -> Any:
    with be.Sandbox(products=12) as sandbox, sandbox.connect() as shop:
        return shop.plan(updates=rule(reads=reads, text="mine")(compute), all_products=True)


def test_a_rule_that_divides_by_zero_skips_the_product() -> None:
    for compute, text in (
        (lambda row: {"price": Decimal(1 // (row["inventory_quantity"] * 0))}, "mine: division by zero"),
        (lambda row: {"price": Decimal(1) / 0}, "mine: division by zero"),
        (lambda row: {"price": Decimal("Infinity") * 0}, "mine: InvalidOperation"),
        (lambda row: {"price": Decimal(10) ** 10**10}, "mine: Overflow"),
    ):
        plan = plan_with(compute, "price", "inventory_quantity")
        assert plan.rows == ()
        assert {(item.code, item.reason) for item in plan.skipped} == {("arithmetic", text)}
        assert plan.counts.skipped == 12


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("NaN"), "NaN"),
        (float("inf"), "no place in JSON"),
        (object(), "no place in JSON"),
        ("\udc00", "cannot be written as JSON"),
    ],
)
def test_values_that_cannot_be_sent_skip_the_product(value: Any, text: str) -> None:
    plan = plan_with(lambda row: {"vendor": value}, "vendor")
    assert plan.rows == ()
    assert {item.code for item in plan.skipped} == {"invalid_value"}
    assert text in plan.skipped[0].reason


@pytest.mark.parametrize(
    ("value", "after", "code"),
    [
        (12.5, Decimal("12.5"), None),
        ("12.50", Decimal("12.50"), None),
        (7, Decimal(7), None),
        (-1, Decimal(-1), "negative"),
        ("abc", "abc", "invalid"),
        (10**12, Decimal(10**12), "too_large"),
        ("0.1234567", Decimal("0.1234567"), "too_precise"),
        ([], [], "invalid"),
        (None, None, None),
    ],
)
def test_values_that_the_server_refuses_are_planned_with_a_problem(value: Any, after: Any, code: Any) -> None:
    plan = plan_with(lambda row: {"price": value}, "price")
    assert {(repr(item.after), item.problem and item.problem.code) for item in plan.rows} == {
        (repr(after), code)
    }
    assert bool(plan.problems) == (code is not None)


@pytest.mark.parametrize(
    "compute",
    [lambda row: {"price": row["cost"]}, lambda row: {"cost": 1}, lambda row: {"custom_fields.x": 1}],
)
def test_a_rule_that_touches_what_it_did_not_declare_is_told_so(compute: Any) -> None:
    with pytest.raises(be.InvalidInputError, match=r"mine: the rule reads or changes .*Name it.*reads"):
        plan_with(compute, "price")


def test_a_rule_that_changes_what_cannot_be_changed_is_told_so() -> None:
    with pytest.raises(be.InvalidInputError, match="mine: 'updated_at' is no field that can be changed"):
        plan_with(lambda row: {"updated_at": None}, "updated_at")


@pytest.mark.parametrize("updates", [[], [7], ["price"], None, [{"price": 1}]])
def test_updates_must_be_rules(updates: Any) -> None:
    with be.Sandbox(products=1) as sandbox, sandbox.connect() as shop:
        with pytest.raises(be.InvalidInputError, match="updates"):
            shop.plan(updates=updates, all_products=True)
        with pytest.raises(be.InvalidInputError, match="guards"):
            shop.plan(updates=be.tags.add("x"), guards=updates or [0], all_products=True)


# Rules as data


ALL_RULES: tuple[Rule, ...] = (
    be.price.set("12.50"), be.price.clear(), be.price.percentage(-20).ending(".99", mode="down"),
    be.price.fixed("-2.50"), be.price.markup(50), be.price.margin("33.3").ending("95", mode="replace"),
    be.price.ending(".95", mode="up"), be.cost.percentage(1),
    be.compare_at.set_if_blank(), be.compare_at.swap(), be.compare_at.clear(),
    be.tags.add("a", "b"), be.tags.remove("c"), be.tags.replace(),
    be.text("title").replace("a", ""), be.text("custom_fields.x").affix(prefix="("),
    be.text("title").template("{vendor} {{}} {price}"),
    be.set_field("vendor", None), be.set_field("price", "1.50"), be.set_field("options", {"Size": "M"}),
    be.set_field("inventory_quantity", 5), be.custom_fields.remove("z"),
    be.custom_fields.set({"a.b": None, "c": Decimal("1.50"), "d": ["x", {"$y": 1}]}),
)  # fmt: skip


def test_rules_survive_pickling() -> None:
    for one in ALL_RULES:
        again = pickle.loads(pickle.dumps(one))
        assert (again, str(again)) == (one, str(one))


def test_a_saved_plan_can_be_made_anew(shop: Any, tmp_path: Path) -> None:
    condition = 'vendor = "Premium Brand" AND price > 10'
    plan = shop.plan(filter=condition, updates=ALL_RULES)
    assert plan.rules == ALL_RULES
    plan.save(tmp_path / "plan.json")
    loaded = shop.load_plan(tmp_path / "plan.json")
    assert loaded.rules == ALL_RULES
    assert [str(one) for one in loaded.rules] == list(plan.updates)
    shop.products.update([{"id": plan.rows[0].product, "price": "77.77"}])
    today = shop.plan(filter=loaded.filter, updates=loaded.rules)
    assert {old.product for old, _ in plan.diff(today).changed} == {plan.rows[0].product}


def test_a_file_does_not_keep_a_part_of_the_rules(shop: Any, tmp_path: Path) -> None:
    plan = shop.plan(updates=[be.tags.add("x"), thrice], all_products=True)
    assert plan.rules[1] is thrice
    plan.save(tmp_path / "plan.json")
    assert shop.load_plan(tmp_path / "plan.json").rules == ()


@pytest.mark.parametrize(
    "data",
    [
        {"rule": "money", "field": "price", "kind": "__class__", "value": "1"},
        {"rule": "money", "field": "cost", "kind": "markup", "value": "1"},
        {"rule": "money", "field": "title", "kind": "set", "value": "1"},
        {"rule": "money", "field": "price", "kind": "margin", "value": "100"},
        {"rule": "money", "field": "price", "kind": "set", "value": "NaN"},
        {"rule": "money", "field": "price", "kind": "set", "value": "1", "ending": ".99", "mode": "x"},
        {"rule": "tags", "kind": "add", "tags": [""]},
        {"rule": "tags", "kind": "add", "tags": 7},
        {"rule": "template", "field": "title", "template": "{x.__class__}"},
        {"rule": "set", "changes": {"id": "7"}},
        {"rule": "set", "changes": {"vendor": {"$absent": True}}},
        {"rule": "os.system"},
        7,
    ],
)
def test_rules_of_a_forged_file_are_checked_like_any_other(shop: Any, tmp_path: Path, data: Any) -> None:
    path = tmp_path / "plan.json"
    shop.plan(updates=be.tags.add("x"), all_products=True).save(path)
    file = json.loads(path.read_text())
    file["plan"]["rules"] = [data]
    file["checksum"] = PLAN._checksum(file)
    path.write_text(json.dumps(file))
    with pytest.raises(be.PlanFileError, match="damaged"):
        shop.load_plan(path)
