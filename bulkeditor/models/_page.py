"""The result of reading a page: its rows, what the envelope says, and what could not be read."""

from typing import Generic, Literal

import attrs

from bulkeditor.models._base import ModelT


@attrs.frozen(kw_only=True)
class RowProblem:
    """One row, or one field of it, that could not be read.

    Args:
        index: Place in the page, from 0.
        id: The row's identifier, when it could be found.
        field: The field; None when the row as a whole is meant.
        message: What is wrong.
    """

    index: int
    id: str | None = None
    field: str | None = None
    message: str

    def __str__(self) -> str:
        place = f"row {self.index}" + (f" (id {self.id})" if self.id else "")
        return f"{place}, {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


@attrs.frozen(kw_only=True, eq=False)
class DecodedPage(Generic[ModelT]):
    """One page of a list. Every row of the answer is either in ``items`` or in ``bad``.

    Args:
        items: The rows that could be read.
        page: The page's number, as the server says.
        limit: Rows in a full page, as the server says.
        total: Rows in all pages, as the server says.
        has_next: Whether there are more, as the server says.
        path: ``strict`` when all rows were read in one pass, ``lenient`` when they were read one by one.
        bad: Rows that could not be read.
        unread: Fields that could not be read, of rows that could: they are not loaded, and their raw values
            are in the row's ``extra``.
    """

    items: list[ModelT]
    page: int | None = None
    limit: int | None = None
    total: int | None = None
    has_next: bool | None = None
    path: Literal["strict", "lenient"] = "strict"
    bad: tuple[RowProblem, ...] = ()
    unread: tuple[RowProblem, ...] = ()

    @property
    def row_count(self) -> int:
        """How many rows the answer had, read or not."""
        return len(self.items) + len(self.bad)


__all__ = ["DecodedPage", "RowProblem"]
