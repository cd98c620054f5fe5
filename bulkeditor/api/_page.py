"""One page of a listing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, overload

import attrs

from bulkeditor.api._token import Position, write_token
from bulkeditor.models import RowProblem

M = TypeVar("M")


@attrs.frozen(kw_only=True, eq=False)
class Page(Generic[M]):
    """One page of a listing; a sequence of its items.

    Args:
        items: What the page holds, after filtering here.
        number: The page's number as the server counts; 1 for a first page that does not say.
        has_next: False when the listing is known to end here; True when more comes or may come.
        total: Items in the whole listing as the server counts them, before filtering here; ``None`` when it
            does not say.
        problems: Rows that could not be read; they are in no page's items.
    """

    items: Sequence[M]
    number: int
    has_next: bool
    total: int | None = None
    problems: Sequence[RowProblem] = ()
    _listing: str = attrs.field(repr=False, alias="listing")
    _limit: int = attrs.field(repr=False, alias="limit")
    _here: Position = attrs.field(repr=False, alias="here")
    _next: Position = attrs.field(repr=False, alias="next")

    @property
    def token(self) -> str:
        """Text from which ``resume()`` reads this page again, and all that follow."""
        return write_token(self._here, listing=self._listing, limit=self._limit)

    @property
    def next_token(self) -> str | None:
        """Text from which ``resume()`` goes on after this page; ``None`` at the end."""
        return write_token(self._next, listing=self._listing, limit=self._limit) if self.has_next else None

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[M]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> M: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[M]: ...
    def __getitem__(self, index: int | slice) -> M | Sequence[M]:
        return self.items[index]


__all__ = ["Page"]
