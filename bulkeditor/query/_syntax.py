"""What is wrong with a condition's text: where, and what would have been right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.query._grammar import MisplacedError, UnexpectedError
from bulkeditor.query._values import quoted

_METHODS: Final = ("contains", "starts_with", "ends_with", "matches")
_WORDS: Final = ("AND", "OR", "NOT", "IN", "BETWEEN", "IS", *_METHODS)
_AROUND: Final = 48
"""Characters of the text shown on each side."""

# What to call the tokens that may come next; the first of a group stands for all of it.
_EXPECTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "NAME": "a field or a value",
        "_NULL": "NULL",
        "COMPARE": "a comparison (=, <, IN, BETWEEN, IS NULL, contains …)",
        "WORD": "contains, starts_with, ends_with, matches",
        "IN": "IN",
        "BETWEEN": "BETWEEN",
        "_NOT": "NOT",
        "TEXT": "a text in quotes",
        "_AND": "AND",
        "_OR": "OR",
        "COMMA": "a comma",
        "LPAR": '"("',
        "RPAR": '")"',
        "RSQB": '"]"',
        "$END": "the end",
    }
)
_FOREIGN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "&": "Write AND.",
        "|": "Write OR.",
        "!": "Write NOT, or != between two values.",
        "~": "Write NOT.",
        "“": 'Write texts in straight quotes: "…".',
        "”": 'Write texts in straight quotes: "…".',
        "„": 'Write texts in straight quotes: "…".',
        "\N{LEFT SINGLE QUOTATION MARK}": "Write texts in straight quotes: '…'.",
        "\N{RIGHT SINGLE QUOTATION MARK}": "Write texts in straight quotes: '…'.",
        "≤": "Write <=.",
        "≥": "Write >=.",
        "≠": "Write !=.",
    }
)


def unexpected(text: str, label: str, error: UnexpectedError) -> InvalidInputError:
    """The error for a text that the grammar does not allow.

    Args:
        text: The text.
        label: What it is called in the error.
        error: What the parser says.
    """
    if error.kind is None:
        problem = _about_character(error.found)
    elif error.kind == "$END":
        problem = f"the text ends too early; expected {_expected(error.accepted)}"
    else:
        problem = _about(text[: error.position], error)
    return _error(text, label, error.position, problem)


def misplaced(text: str, label: str, error: MisplacedError) -> InvalidInputError:
    """The error for what can be read but not meant.

    Args:
        text: The text.
        label: What it is called in the error.
        error: What is wrong.
    """
    said = str(error.problem).removesuffix(".")
    return _error(text, label, error.position, f"the{said[3:]}" if said.startswith("The ") else said)


def _error(text: str, label: str, position: int, problem: str) -> InvalidInputError:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    where = f"character {column}" if "\n" not in text.rstrip() else f"line {line}, character {column}"
    message = f"{label}, {where}: {problem}.\n{_pointed(text, position)}"
    return InvalidInputError(
        message, errors=[FieldError(field=label, message=f"{where}: {problem}", code="invalid_condition")]
    )


def _pointed(text: str, position: int) -> str:
    """The line around a position, and a caret below it."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : len(text) if end < 0 else end]
    column = position - start
    first, last = max(0, column - _AROUND), column + _AROUND
    before = "…" if first else ""
    shown = before + line[first:last] + ("…" if last < len(line) else "")
    # What has no width of one would move the caret away from what it points at.
    plain = "".join(char if char.isprintable() else " " for char in shown)
    return f"    {plain}\n    {' ' * (len(before) + column - first)}^"


def _about(before: str, error: UnexpectedError) -> str:
    if error.kind == "LPAR" and (advice := _no_function(before)):
        return advice
    word = (
        error.found if error.kind == "TEXT" and len(error.found) <= _AROUND else quoted(error.found[:_AROUND])
    )
    found = f"found {word}, expected {_expected(error.accepted)}"
    if error.kind == "NAME" and "NAME" not in error.accepted:
        return found + _meant(error.found)
    if error.kind == "COMPARE" and "_AND" in error.accepted:
        return f"{found}; comparisons are joined with AND: 1 < price AND price < 9"
    return found


def _meant(name: str) -> str:
    """Advice where a name stands instead of one of the language's words."""
    if name.upper() == "LIKE":
        return "; for LIKE write contains, starts_with, ends_with or matches"
    words = {word.upper(): word for word in _WORDS}
    near = difflib.get_close_matches(name.upper(), words, n=1)
    return f"; did you mean {words[near[0]]}?" if near else ""


def _no_function(before: str) -> str | None:
    """Advice where a parenthesis calls what cannot be called."""
    found = re.search(r"(\.?)(\w+)\s*$", before)
    if found is None or found[2].upper() in _WORDS:
        return None
    if not found[1]:
        return f"there is no function {found[2]}"
    near = difflib.get_close_matches(found[2].lower(), _METHODS, n=1)
    return f"there is no .{found[2]}(…); " + (
        f"did you mean .{near[0]}?" if near else f"there are {', '.join(_METHODS)}"
    )


def _about_character(char: str) -> str:
    if char in "\"'":
        return "the text that begins here is not closed"
    if char == "`":
        return "the name that begins here is not closed"
    advice = _FOREIGN.get(char)
    named = quoted(char) if char.isprintable() else f"U+{ord(char):04X}"
    return f"{named} has no meaning here" + (f"; {advice[0].lower()}{advice[1:-1]}" if advice else "")


def _expected(accepted: Collection[str]) -> str:
    names = list(_names(accepted))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _names(accepted: Collection[str]) -> Iterator[str]:
    for token, name in _EXPECTED.items():
        # What may begin a value is one thing, and so is what may follow one.
        covered = ("NAME" in accepted and token in {"TEXT", "LPAR", "_NOT", "_NULL"}) or (
            "COMPARE" in accepted and token in {"WORD", "IN", "BETWEEN", "_NOT"}
        )
        if token in accepted and not covered:
            yield name


__all__ = ["misplaced", "unexpected"]
