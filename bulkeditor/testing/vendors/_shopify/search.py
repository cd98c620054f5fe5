r"""Shopify's search syntax: ``updated_at:>='2026-01-31T00:00:00Z' AND (sku:A OR sku:"B 1")``.

https://shopify.dev/docs/api/usage/search-syntax: terms stand side by side (and), ``OR``, ``NOT`` or ``-``,
parentheses, comparators, quotes, ``\`` before a special character, ``*`` at the end of a word. A field that
there is none of is left out of account, with a warning in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias, cast

import attrs

Facts: TypeAlias = Mapping[str, object]
"""What can be searched for of one record: numbers, texts, times, lists of texts."""

Test: TypeAlias = Callable[[Facts], bool]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<bracket>[()])
    |(?P<minus>-)?(?:(?P<field>[A-Za-z_][\w.]*):(?P<how><=|>=|<|>)?)?
     (?:'(?P<single>(?:\\.|[^'\\])*)'|"(?P<double>(?:\\.|[^"\\])*)"|(?P<word>(?:\\.|[^\s()'"\\])+)))""",
    re.VERBOSE,
)
_ESCAPED: Final = re.compile(r"\\(.)")
_COMPARE: Final[Mapping[str, Callable[[int], bool]]] = {
    "": lambda order: order == 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


@attrs.define
class Search:
    """A search, read once and asked for each record.

    Args:
        query: The text.
        fields: What can be searched for; a list splits at commas where the field takes one.
    """

    query: str
    fields: frozenset[str]
    warnings: list[dict[str, str]] = attrs.field(factory=list, init=False)
    _tokens: list[re.Match[str]] = attrs.field(factory=list, init=False)
    _at: int = attrs.field(default=0, init=False)

    def test(self) -> Test:
        """Whether a record is found.

        Raises:
            ValueError: The text cannot be read.
        """
        place = 0
        text = self.query.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise ValueError(f"cannot read the search at {text[place : place + 20]!r}")
            self._tokens.append(found)
            place = found.end()
        test = self._any()
        if self._at < len(self._tokens):
            raise ValueError("a closing bracket stands alone")
        return test

    def _word(self) -> str | None:
        if self._at >= len(self._tokens):
            return None
        token = self._tokens[self._at]
        return token["bracket"] or (token["word"] if token["field"] is None else None) or ""

    def _any(self) -> Test:
        parts = [self._all()]
        while self._word() == "OR":
            self._at += 1
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda facts: any(part(facts) for part in parts)

    def _all(self) -> Test:
        parts: list[Test] = []
        while (word := self._word()) not in (None, "OR", ")"):
            if word == "AND":
                self._at += 1
            else:
                parts.append(self._one())
        return lambda facts: all(part(facts) for part in parts)

    def _one(self) -> Test:
        word = self._word()
        token = self._tokens[self._at]
        self._at += 1
        if word == "NOT":
            inner = self._one()
            return lambda facts: not inner(facts)
        if word == "(":
            inner = self._any()
            if self._word() != ")":
                raise ValueError("a bracket is not closed")
            self._at += 1
            return inner
        test = self._term(token)
        return (lambda facts: not test(facts)) if token["minus"] else test

    def _term(self, token: re.Match[str]) -> Test:
        quoted = token["single"] if token["single"] is not None else token["double"]
        raw = token["word"] if quoted is None else quoted
        value = _ESCAPED.sub(r"\1", raw)
        prefix = quoted is None and value.endswith("*") and not raw.endswith("\\*")
        name, how = token["field"], token["how"] or ""
        if name is None:
            return lambda facts: any(value.casefold() in str(fact).casefold() for fact in facts.values())
        if name not in self.fields:
            self.warnings.append(
                {"field": name, "message": "Invalid search field for this query.", "code": "invalid_field"}
            )
            return lambda _facts: True
        if prefix:
            return lambda facts: str(facts.get(name, "")).casefold().startswith(value[:-1].casefold())
        return lambda facts: _holds(facts.get(name), how, value, split=quoted is None)


def _holds(fact: object, how: str, value: str, *, split: bool) -> bool:
    if isinstance(fact, datetime):
        return _COMPARE[how](_order(fact, _time(value)))
    if isinstance(fact, int):
        return value.lstrip("-").isdecimal() and _COMPARE[how](_order(fact, int(value)))
    # Texts are found whatever their letter case.
    wanted = [value.casefold(), *(value.casefold().split(",") if split else ())]
    facts = cast("Sequence[object]", fact if isinstance(fact, list) else [] if fact is None else [fact])
    return any(str(one).casefold() in wanted for one in facts)


def _order(one: int | datetime, other: int | datetime) -> int:
    return (one > other) - (one < other)  # type: ignore[operator]  # both of one kind: the caller saw to it


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


__all__ = ["Facts", "Search", "Test"]
