"""Rules as plain data and back: a plan file keeps them, so that the same plan can be made anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Final, cast

from bulkeditor.models import JSON
from bulkeditor.plans._amounts import EndingMode
from bulkeditor.plans._codec import Data, optional, pack_value, text, unpack_value
from bulkeditor.plans._compare_at import CompareAtRule, compare_at
from bulkeditor.plans._money import MoneyField, MoneyRule, PriceField, cost, price
from bulkeditor.plans._rule import Rule
from bulkeditor.plans._set import SetRule
from bulkeditor.plans._tags import TagRule, tags
from bulkeditor.plans._text import Affix, Replace, Template
from bulkeditor.plans._text import text as text_field

_MONEY: Final[Mapping[str, MoneyField]] = MappingProxyType(
    {field.field: field for field in (price, cost, compare_at)}
)


def pack_rules(rules: Sequence[Rule]) -> list[JSON] | None:
    """Rules as plain data; None when one of them is somebody's own code."""
    packed = [_pack(rule) for rule in rules]
    return None if None in packed else cast("list[JSON]", packed)


def unpack_rules(items: JSON) -> tuple[Rule, ...]:
    """What :func:`pack_rules` packed; none for None.

    Raises:
        ValueError: It is no such data; likewise LookupError, TypeError and ArithmeticError.
    """
    return tuple(_MAKERS[text(item, "rule")](item) for item in cast("list[Data]", items or []))


def _pack(rule: Rule) -> Data | None:  # noqa: PLR0911 - a table of types
    if isinstance(rule, MoneyRule):
        ends: Data = {} if rule.ends is None else {"ending": rule.ends.text, "mode": rule.ends.mode}
        return {"rule": "money", "field": rule.field, "kind": rule.kind, "value": str(rule.value), **ends}
    if isinstance(rule, CompareAtRule):
        return {"rule": "compare_at", "kind": rule.kind}
    if isinstance(rule, TagRule):
        return {"rule": "tags", "kind": rule.kind, "tags": list(rule.tags)}
    if isinstance(rule, Replace):
        return {"rule": "replace", "field": rule.field, "old": rule.old, "new": rule.new}
    if isinstance(rule, Affix):
        return {"rule": "affix", "field": rule.field, "prefix": rule.prefix, "suffix": rule.suffix}
    if isinstance(rule, Template):
        return {"rule": "template", "field": rule.field, "template": rule.template}
    if isinstance(rule, SetRule):
        changes = {name: pack_value(name, value) for name, value in rule.changes.items()}
        return {"rule": "set", "changes": changes}
    return None


def _money(data: Data) -> Rule:
    field, kind, value = _MONEY[text(data, "field")], text(data, "kind"), Decimal(text(data, "value"))
    makers: dict[str, Callable[[Decimal], MoneyRule]] = {
        "set": field.set,
        "clear": lambda _: field.clear(),
        "percentage": field.percentage,
        "fixed": field.fixed,
        "keep": lambda _: MoneyRule(field.field, "keep"),
    }
    if isinstance(field, PriceField):
        makers |= {"markup": field.markup, "margin": field.margin}
    made = makers[kind](value)
    ending = optional(data, "ending")
    return made if ending is None else made.ending(ending, mode=cast("EndingMode", text(data, "mode")))


def _compare_at(data: Data) -> Rule:
    makers = {"set_if_blank": compare_at.set_if_blank, "swap": compare_at.swap}
    return makers[text(data, "kind")]()


def _tags(data: Data) -> Rule:
    makers = {"add": tags.add, "remove": tags.remove, "replace": tags.replace}
    return makers[text(data, "kind")](*cast("list[str]", data["tags"]))


def _replace(data: Data) -> Rule:
    return text_field(text(data, "field")).replace(text(data, "old"), text(data, "new"))


def _affix(data: Data) -> Rule:
    return text_field(text(data, "field")).affix(prefix=text(data, "prefix"), suffix=text(data, "suffix"))


def _template(data: Data) -> Rule:
    return text_field(text(data, "field")).template(text(data, "template"))


def _set(data: Data) -> Rule:
    changes = cast("Data", data["changes"])
    return SetRule.of({name: unpack_value(name, value) for name, value in changes.items()})


_MAKERS: Final[Mapping[str, Callable[[Data], Rule]]] = MappingProxyType(
    {
        "money": _money,
        "compare_at": _compare_at,
        "tags": _tags,
        "replace": _replace,
        "affix": _affix,
        "template": _template,
        "set": _set,
    }
)

__all__ = ["pack_rules", "unpack_rules"]
