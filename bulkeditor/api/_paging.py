"""Walk over a paged listing, whichever way its server counts and ends pages.

The documentation names ``page`` and ``limit`` and nothing else. So the walk leaves ``page`` out of the first
request. When the answer echoes its page number, that is the base. When it does not, the second request asks
for ``page=1``: if that is what came first, pages count from 1; otherwise it is the second page of a server
that counts from 0. (Asking for ``page=2`` and comparing could not tell a server that counts from 0: its page
2 is its third, and the second was skipped.)

The end is where ``has_next`` or ``total`` says so. Without them it is an empty page twice in a row, or a page
that repeats the one before; a short page alone is no end, and one empty page in the middle is none.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar

from bulkeditor.api._page import Page
from bulkeditor.api._token import Position, digest
from bulkeditor.errors import PaginationError
from bulkeditor.http import Exchange
from bulkeditor.models import DecodedPage, Model, RowProblem

M = TypeVar("M", bound=Model)

_LOG: Final = logging.getLogger("bulkeditor.api")
_EMPTY_PAGES: Final = 2
_HOPELESS: Final = 100
"""Empty pages in a row after which even a server that says "more" is not believed."""


class Walk(Generic[M]):
    """The state of one listing: says what to ask next, and turns answers into pages.

    Pure: it is driven one page at a time, or read ahead by several requests in flight, and answers are handed
        to it in the order in which they were asked for.

    Args:
        fetch: Makes the exchange that reads one page; ``None`` = without a page number.
        operation: The operation's name, for messages.
        listing: Identifies the listing in page tokens.
        limit: Page size that is asked for.
        key: What makes an item the same item on another page; ``None`` = it cannot be told.
        keep: The item as the caller wants it, or ``None`` when the filter drops it.
        start: Where to begin.
        explicit: Whether ``start`` is a page number that the caller chose, rather than a token or the
            beginning.
    """

    def __init__(
        self,
        fetch: Callable[[int | None], Exchange[DecodedPage[M]]],
        *,
        operation: str,
        listing: str,
        limit: int,
        key: Callable[[M], Hashable | None],
        keep: Callable[[M], M | None] = lambda item: item,
        start: Position = Position(),  # noqa: B008 - frozen
        explicit: bool = False,
    ) -> None:
        self.moved = 0
        """Rows that came again on a later page: others changed the listing while it was read."""
        self.missing = 0
        """Rows that the server counts and that were on no page."""
        self.problems: list[RowProblem] = []
        """Rows that could not be read."""
        self.done = False
        self._fetch = fetch
        self._operation = operation
        self._listing = listing
        self._limit = limit
        self._size = limit
        self._key = key
        self._keep = keep
        self._base = start.base
        self._next = start.number
        self._probe = start.probe
        self._explicit = explicit
        self._chosen = start.number
        self._flight: deque[int | None] = deque()
        self._locating = False
        self._read = start.before
        self._unique = start.before
        self._total: int | None = None
        self._says_more: bool | None = None
        self._seen: set[Hashable] = set()
        self._last: frozenset[Hashable] = frozenset()
        self._empties = 0
        self._begun = False

    @property
    def pages_left(self) -> int | None:
        """Pages still to come as far as the server counts them; ``None`` when it does not."""
        if self._total is None:
            return None
        return max(0, -(-(self._total - self._read) // self._size))

    # Asking

    def ask(self) -> Exchange[DecodedPage[M]] | None:
        """The next request that may start now; ``None`` = wait for an answer, or nothing is left to ask."""
        if self.done or (self._flight and not self._foresees()):
            return None
        number = None if self._locating else self._next
        if number is not None:
            self._next = number + 1
        self._flight.append(number)
        return self._fetch(number)

    def _foresees(self) -> bool:
        if not self._last or self._probe is not None or self._next is None or self._locating:
            return False
        return self._total is None or self._read + len(self._flight) * self._size < self._total

    # Taking

    def take(self, result: DecodedPage[M]) -> Sequence[Page[M]]:
        """The pages that an answer completes: one, or none when it is empty or repeats another.

        Raises:
            PaginationError: A page repeats although more must come, pages go round in circles, or the page
                that the caller chose is past the end.
        """
        number = self._flight.popleft()
        if self.done:
            return ()
        if self._locating:
            raise self._past_the_end(result)
        self._note(result, number)
        count = len(result.items) + len(result.bad)
        marks = self._marks(result)
        if self._probe is not None:
            repeats = bool(count) and digest(marks) == self._probe
            self._probe = None
            self._base = 1 if repeats else 0
            if repeats:
                return ()
        here = Position(number=number, base=self._base, before=self._read)
        if number is None:
            self._first(result.page, marks)
        if not count:
            self._empty()
            return ()
        if marks == self._last:
            self._repeated(number)
            return ()
        self._last = marks
        return (self._page(result, number, here),)

    def _note(self, result: DecodedPage[M], number: int | None) -> None:
        if result.total is not None:
            self._total = result.total
        self._says_more = result.has_next
        if result.limit:
            self._size = result.limit
        if not self._begun and self._explicit and number:
            # Counting from 1 is the cautious guess: it leaves more pages to ask for, never fewer.
            self._read = self._unique = (number - 1) * self._size
        self._begun = True

    def _page(self, result: DecodedPage[M], number: int | None, here: Position) -> Page[M]:
        count = len(result.items) + len(result.bad)
        self._empties = 0
        self._read += count
        self.problems += result.bad
        fresh = self._fresh(result.items)
        self._unique += len(fresh) + len(result.bad)
        if self._ends(number, count):
            self._finish()
        else:
            self._guard_circle()
        kept = [item for item in map(self._keep, fresh) if item is not None]
        return Page(
            items=kept,
            number=_number(result.page, number),
            has_next=not self.done,
            total=self._total,
            problems=tuple(result.bad),
            listing=self._listing,
            limit=self._limit,
            here=here,
            next=self._following(number),
        )

    def _first(self, echo: int | None, marks: frozenset[Hashable]) -> None:
        if echo is not None:
            self._base = echo
            self._next = echo + 1
            return
        self._next = 1
        if marks:
            self._probe = digest(marks)
        else:
            self._empties = -1  # page=1 may be this very page: it must not count twice towards the end

    def _following(self, number: int | None) -> Position:
        # With requests in flight self._next is far ahead: the page after this one is what a token means.
        after = self._next if number is None else number + 1
        return Position(number=after, base=self._base, before=self._read, probe=self._probe)

    def _fresh(self, items: Sequence[M]) -> list[M]:
        fresh: list[M] = []
        for item in items:
            key = self._key(item)
            if key is None:
                fresh.append(item)
            elif key in self._seen:
                self.moved += 1
            else:
                self._seen.add(key)
                fresh.append(item)
        return fresh

    def _marks(self, result: DecodedPage[M]) -> frozenset[Hashable]:
        keys = (self._key(item) for item in result.items)
        named = (("id", key) if key is not None else ("at", index) for index, key in enumerate(keys))
        return frozenset(named) | frozenset(("bad", row.id or row.index) for row in result.bad)

    # Ends

    def _ends(self, number: int | None, count: int) -> bool:
        if self._says_more is not None:
            return not self._says_more
        if self._total is None:
            return False
        if self._read >= self._total:
            return True
        # A chosen page of a server that counts from 0: what was read before it was guessed too small.
        chosen = self._explicit and number is not None and count < self._size
        return chosen and number is not None and number * self._size + count == self._total

    def _empty(self) -> None:
        self._empties += 1
        if self._says_more:
            if self._empties >= _HOPELESS:
                raise PaginationError(
                    f"{self._operation}: {_HOPELESS} empty pages in a row, though the server promises more."
                )
        elif (
            self._says_more is False
            or self._empties >= _EMPTY_PAGES
            or (self._total is not None and self._read >= self._total)
        ):
            self._finish()

    def _repeated(self, number: int | None) -> None:
        if self._says_more or (self._total is not None and self._read < self._total):
            raise PaginationError(
                f"{self._operation}: page {number} repeats the page before it, although the server counts "
                f"{self._total if self._total is not None else 'more'} rows and {self._read} were read.",
                hint="The server ignores 'page', or failed; read again later, from the last page's token on.",
            )
        self._finish()

    def _guard_circle(self) -> None:
        if self._total is None and self._read > 2 * self._unique + 4 * self._size:
            raise PaginationError(
                f"{self._operation}: pages go round in circles ({self._read} rows read, {self._unique} of "
                "them different), and the server does not say where they end."
            )

    def _finish(self) -> None:
        chosen = self._chosen or 0
        if self._explicit and chosen > 1 and not self._seen and not self._last:
            self._locating = True
            return
        self.done = True
        if self._total is not None and not self._explicit:
            self.missing = max(0, self._total - self._unique)
        if self.problems:
            _LOG.warning(
                "%s: %d rows could not be read and were left out, the first: %s; .problems has them all",
                self._operation,
                len(self.problems),
                self.problems[0].message,
                extra={"operation": self._operation, "errors": len(self.problems)},
            )
        if self.moved or self.missing:
            _LOG.warning(
                "%s: the list changed while it was read: %d rows came twice (kept once), %d of %s never came",
                self._operation,
                self.moved,
                self.missing,
                self._total,
                extra={"operation": self._operation, "moved": self.moved, "missing": self.missing},
            )

    def _past_the_end(self, first: DecodedPage[M]) -> PaginationError:
        hint = (
            "The server gives no totals, so its last page is not known; leave page out to begin at the first."
        )
        if first.total is not None:
            size = first.limit or self._limit
            base = first.page if first.page is not None else 1
            last = base + max(0, -(-first.total // size) - 1)
            hint = f"The last page is {last} ({first.total} rows, {size} to a page)."
        return PaginationError(f"page: page {self._chosen} is past the end of {self._operation}.", hint=hint)


def _number(echo: int | None, asked: int | None) -> int:
    if asked is not None:
        return asked
    return 1 if echo is None else echo


__all__ = ["Walk"]
