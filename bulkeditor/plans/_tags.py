"""Rules for tags. Tags differ when any letter differs, upper and lower case too, as on the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, cast

import attrs

from bulkeditor.errors import InvalidInputError
from bulkeditor.models.validation import validate_update
from bulkeditor.plans._amounts import refused
from bulkeditor.plans._draft import Draft
from bulkeditor.plans._rule import Changes, Skip


@attrs.frozen
class TagRule:
    """One change of the tags; made by :data:`tags`.

    Args:
        kind: How.
        tags: The tags that it is about, each once.
    """

    kind: Literal["add", "remove", "replace"]
    tags: tuple[str, ...]

    @property
    def reads(self) -> frozenset[str]:
        """Names of the fields that it reads or changes."""
        return frozenset({"tags"})

    def apply(self, row: Draft, /) -> Changes | Skip:
        """All tags of the product afterwards: those that stay keep their order, new ones follow."""
        old = cast("list[str]", row["tags"])
        if self.kind == "add":
            return {"tags": list(dict.fromkeys((*old, *self.tags)))}
        if self.kind == "remove":
            return {"tags": list(dict.fromkeys(tag for tag in old if tag not in self.tags))}
        return {"tags": list(self.tags)}

    def __str__(self) -> str:
        signs = {"add": "+", "remove": "-", "replace": "= "}
        return f"tags: {signs[self.kind]}{', '.join(self.tags) or 'none'}"


class Tags:
    """Rules that change the tags."""

    __slots__ = ()

    def add(self, *names: str) -> TagRule:
        """Add tags at the end, where they are not there yet.

        Args:
            names: The tags.

        Raises:
            InvalidInputError: None are given, or one is blank or too long.
        """
        return TagRule("add", _checked(names))

    def remove(self, *names: str) -> TagRule:
        """Take tags away, where they are there; exactly these: ``sale`` is not ``Sale``.

        Args:
            names: The tags.

        Raises:
            InvalidInputError: None are given, or one is no tag.
        """
        return TagRule("remove", _checked(names))

    def replace(self, *names: str) -> TagRule:
        """These tags and no others.

        Args:
            names: The tags; none at all take every tag away.

        Raises:
            InvalidInputError: One is blank or too long, or there are too many.
        """
        return TagRule("replace", _checked(names) if names else ())


def _checked(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        raise refused("tags", "are missing", "Name at least one tag.")
    problems = validate_update({"tags": list(names)})
    if problems:
        raise InvalidInputError("; ".join(map(str, problems)), errors=problems)
    return tuple(dict.fromkeys(names))


tags: Final = Tags()
"""Rules that change the tags."""

__all__ = ["TagRule", "Tags", "tags"]
