"""Generate the _sync folders of bulkeditor/client and bulkeditor/connectors from their _async folders.

    python scripts/unasync.py            write the generated files
    python scripts/unasync.py --check    fail when a committed file differs or a rule is idle

The rules work on text, so the two folders stay comparable line by line; the result is committed.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "bulkeditor"
CLIENT, CONNECTORS = PACKAGE / "client", PACKAGE / "connectors"
SOURCE, TARGET = "_async", "_sync"
HEADER = "# Generated from ../_async by scripts/unasync.py; change that, not this.\n"

RULES: Sequence[tuple[str, str]] = (
    (r'"""The (\w+) for asyncio; .*"""', r'"""The blocking \1."""'),
    (r"\bAwaitable, ", ""),
    (r'\bAwaitable\[("\w+")\]', r"\1"),
    (r"\bAsyncGenerator\[(.+), None\]", r"Generator[\1, None, None]"),
    (r"\b(client|connectors)\._async\b", r"\1._sync"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\basync (?=def|for|with)\b", ""),
    (r"\bawait ", ""),
    (r"\b__a(enter|exit|iter)__\b", r"__\1__"),
    (r"\baclos(e|ing)\b", r"clos\1"),
    (r"\basleep\b", "sleep"),
    (r"\b(\w+)_async\b", r"\1"),
)


class Rewriter:
    """Applies the rules, and remembers which of them did anything."""

    def __init__(self, rules: Sequence[tuple[str, str]]) -> None:
        self._rules = [(re.compile(pattern), replacement) for pattern, replacement in rules]
        self._used = [False] * len(rules)

    def rewrite(self, text: str) -> str:
        """The blocking form of a module."""
        for number, (pattern, replacement) in enumerate(self._rules):
            text, count = pattern.subn(replacement, text)
            self._used[number] |= bool(count)
        return HEADER + text

    def unused(self) -> list[str]:
        """Patterns of rules that never matched."""
        return [
            pattern.pattern for (pattern, _), used in zip(self._rules, self._used, strict=True) if not used
        ]


def generate(client: Path, rules: Sequence[tuple[str, str]] = RULES) -> tuple[dict[str, str], list[str]]:
    """The generated modules by file name, and the rules that nothing needed."""
    rewriter = Rewriter(rules)
    sources = sorted((client / SOURCE).glob("*.py"))
    modules = {path.name: rewriter.rewrite(path.read_text("utf-8")) for path in sources}
    return modules, rewriter.unused()


def problems(client: Path, rules: Sequence[tuple[str, str]] = RULES, *, idle: bool = True) -> list[str]:
    """What a check finds wrong, one line for each; ``idle`` rules among it."""
    modules, unused = generate(client, rules)
    found = [f"rule is unused: {pattern}" for pattern in unused if idle]
    there = {path.name: path.read_text("utf-8") for path in (client / TARGET).glob("*.py")}
    for name in sorted(modules.keys() | there.keys()):
        if name not in there:
            found.append(f"{TARGET}/{name} is missing")
        elif name not in modules:
            found.append(f"{TARGET}/{name} has no source in {SOURCE}")
        elif there[name] != modules[name]:
            found.append(f"{TARGET}/{name} differs from what {SOURCE}/{name} generates")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="compare only; exit with 1 when anything differs"
    )
    parser.add_argument("--client", type=Path, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    rooms = [CLIENT, CONNECTORS] if options.client is None else [options.client]
    if options.check:
        # The client needs every rule; the other room need not.
        found = [line for room in rooms for line in problems(room, idle=room is not CONNECTORS)]
        for line in found:
            print(line, file=sys.stderr)
        if found:
            print("Run: python scripts/unasync.py", file=sys.stderr)
        return 1 if found else 0
    for room in rooms:
        modules, _ = generate(room)
        for name, text in modules.items():
            (room / TARGET / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
