# ruff: noqa: SLF001 -- the parts of an explanation are explanations
"""Why a condition holds for a row or does not, part by part."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

from bulkeditor.errors import InvalidInputError
from bulkeditor.query._code import Verdict
from bulkeditor.query._operands import FieldRef, Operand
from bulkeditor.query._read import Read
from bulkeditor.query._values import shown

_WORDS: Final[Mapping[bool | None, str]] = MappingProxyType({True: "holds", False: "fails", None: "unknown"})
_COLOURS: Final[Mapping[bool | None, str]] = MappingProxyType(
    {True: "#1a7f37", False: "#cf222e", None: "#9a6700"}
)
_WIDTH: Final = 100


@attrs.frozen(kw_only=True, repr=False)
class Explanation:
    """What became of a condition in one row; print it, or show it in a notebook.

    Args:
        text: The condition, or the part of it.
        truth: True, False, or None for unknown.
        parts: What it is joined of; none for a comparison.
        values: What the row holds for the fields of a comparison, and what its arithmetic comes to.
        problem: Why its values cannot be compared; :meth:`Condition.matches` raises this.
    """

    text: str
    truth: bool | None
    parts: tuple[Explanation, ...] = ()
    values: Mapping[str, object] = attrs.field(factory=dict[str, object])
    problem: str | None = None

    @property
    def matched(self) -> bool:
        """Whether the row matches: the condition definitely holds."""
        return self.truth is True

    def __str__(self) -> str:
        return "\n".join(
            f"{'  ' * level}{_WORDS[part.truth]:<8} {_cut(part.text)}{part._facts('   ')}"
            for level, part in self._lines(0)
        )

    def __repr__(self) -> str:
        return f"<Explanation {_WORDS[self.truth]}: {self.text}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td style="color:{_COLOURS[part.truth]}">{_WORDS[part.truth]}</td>'
            f'<td style="text-align:left;padding-left:{1 + 2 * level}em">'
            f"<code>{html.escape(_cut(part.text))}</code></td>"
            f'<td style="text-align:left">{html.escape(part._facts())}</td></tr>'
            for level, part in self._lines(0)
        )
        return f"<table><tbody>{rows}</tbody></table>"

    def _lines(self, level: int) -> Iterator[tuple[int, Explanation]]:
        yield level, self
        for part in self.parts:
            yield from part._lines(level + 1)

    def _facts(self, before: str = "") -> str:
        facts = [f"{name} is {shown(value)}" for name, value in self.values.items()]
        if self.problem is not None:
            facts.append(self.problem)
        return f"{before}[{', '.join(facts)}]" if facts else ""


def explain_leaf(text: str, operands: Sequence[Operand], verdict: Verdict, read: Read) -> Explanation:
    """One comparison and what it says of a row.

    Args:
        text: The comparison.
        operands: What it compares, but constants.
        verdict: Its answer to their values.
        read: Gives the row's values.
    """
    values: dict[str, object] = {}
    try:
        for name in (name for operand in operands for name in operand.names()):
            values[str(FieldRef(name))] = read(name)
        results = [operand.evaluate(read) for operand in operands]
        values.update(zip(map(str, operands), results, strict=True))
        return Explanation(text=text, truth=verdict(*results), values=values)
    except InvalidInputError as error:
        return Explanation(text=text, truth=None, values=values, problem=error.message)


def explain_joined(text: str, parts: Sequence[Explanation], *, decisive: bool) -> Explanation:
    """Parts joined by AND or OR, by SQL's truth tables.

    Args:
        text: The whole.
        parts: The parts.
        decisive: What one part alone decides: False under AND, True under OR.
    """
    truths = {part.truth for part in parts}
    truth = decisive if decisive in truths else None if None in truths else not decisive
    return Explanation(text=text, truth=truth, parts=tuple(parts))


def explain_not(text: str, inner: Explanation) -> Explanation:
    """The opposite of what is explained.

    Args:
        text: The whole, with its NOT.
        inner: The explanation without it.
    """
    truth = None if inner.truth is None else not inner.truth
    if inner.parts:
        return Explanation(text=text, truth=truth, parts=(inner,))
    return attrs.evolve(inner, text=text, truth=truth)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"


__all__ = ["Explanation", "explain_joined", "explain_leaf", "explain_not"]
