"""The shape of a system's rows, and how it differs from the last one seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, Literal, TypeAlias, cast

import attrs

from bulkeditor.models import JSON

DriftKind: TypeAlias = Literal["vanished", "type_changed", "appeared"]

_DEPTH: Final = 3
# So many rows show what is usual; looking at all of them would cost more than reading them.
_ENOUGH: Final = 200


@attrs.frozen(kw_only=True)
class Drift:
    """One difference between the rows of now and those of before.

    Args:
        path: Where in the row.
        kind: ``vanished``: it was always there, and is nowhere now. ``type_changed``: it holds another kind
            of value. ``appeared``: it is new.
        before: Kinds of value that it held.
        after: Kinds of value that it holds.
    """

    path: str
    kind: DriftKind
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def __str__(self) -> str:
        match self.kind:
            case "vanished":
                return f"{self.path} ({', '.join(self.before)}) is not sent any more"
            case "appeared":
                return f"{self.path} ({', '.join(self.after)}) is new"
            case _:
                return f"{self.path} was {', '.join(self.before)} and is {', '.join(self.after)}"


class Shape:
    """Which fields rows have, how often, and with which kinds of value."""

    __slots__ = ("_kinds", "_times", "rows")

    def __init__(self) -> None:
        self.rows = 0
        self._kinds: dict[str, set[str]] = {}
        self._times: dict[str, int] = {}

    def add(self, row: object) -> None:
        """Look at a row; after some hundreds nothing is learned any more."""
        if self.rows >= _ENOUGH or not isinstance(row, Mapping):
            return
        self.rows += 1
        for path, kind in _walk(cast("Mapping[str, object]", row), "", 0):
            self._kinds.setdefault(path, set()).add(kind)
            self._times[path] = self._times.get(path, 0) + 1

    def against(self, before: Shape) -> list[Drift]:
        """What differs from an earlier shape.

        Args:
            before: Of an earlier read of the same fields.
        """
        if not self.rows or not before.rows:
            return []
        found: list[Drift] = []
        for path in sorted(before._kinds.keys() | self._kinds.keys()):
            was, now = before._sure(path), self._sure(path)
            if path not in self._kinds:
                if before._times[path] == before.rows:
                    found.append(Drift(path=path, kind="vanished", before=was))
            elif path not in before._kinds:
                found.append(Drift(path=path, kind="appeared", after=now))
            elif was and now and not set(was) & set(now):
                found.append(Drift(path=path, kind="type_changed", before=was, after=now))
        return found

    def _sure(self, path: str) -> tuple[str, ...]:
        """Kinds of a field; null is no kind of its own."""
        return tuple(sorted(self._kinds.get(path, set()) - {"null"}))

    def to_json(self) -> dict[str, JSON]:
        """Plain data, to keep it."""
        fields: dict[str, JSON] = {
            path: [self._times[path], *sorted(kinds)] for path, kinds in sorted(self._kinds.items())
        }
        return {"rows": self.rows, "fields": fields}

    @classmethod
    def from_json(cls, data: Mapping[str, JSON]) -> Shape:
        """From what :meth:`to_json` gave."""
        shape = cls()
        shape.rows = cast("int", data["rows"])
        for path, entry in cast("Mapping[str, list[JSON]]", data["fields"]).items():
            shape._times[path] = cast("int", entry[0])
            shape._kinds[path] = set(cast("list[str]", entry[1:]))
        return shape


def _walk(value: object, path: str, depth: int) -> Iterator[tuple[str, str]]:
    kind = _kind(value)
    if kind != "object" or depth >= _DEPTH:
        yield path, kind
        return
    for name, inner in cast("Mapping[str, object]", value).items():
        yield from _walk(inner, f"{path}.{name}" if path else str(name), depth + 1)


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "flag"
        case int() | float() | Decimal():
            return "number"
        case str():
            return "text"
        case list() | tuple():
            return "list"
        case _:
            return "object" if isinstance(value, Mapping) else type(value).__name__


__all__ = ["Drift", "DriftKind", "Shape"]
