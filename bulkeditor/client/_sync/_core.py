# Generated from ../_async by scripts/unasync.py; change that, not this.
"""What every resource needs: a session, and the flows' view of it."""

from __future__ import annotations

from collections.abc import Generator, Callable, Iterable
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from bulkeditor.client._options import Tuning
from bulkeditor.client._store import Store
from bulkeditor.errors import BulkEditorError, ReadOnlyError
from bulkeditor.http import Session, Exchange, RetryPolicy, read_ahead, run_many

if TYPE_CHECKING:
    from bulkeditor.api._page import Page
    from bulkeditor.api._paging import Walk
    from bulkeditor.models import Model

T = TypeVar("T")
M = TypeVar("M", bound="Model")


class Core:
    """Runs flows for the resources of one client.

    Args:
        session: What sends requests.
        tuning: How much happens at once.
        store: Where runs live.
    """

    def __init__(self, session: Session, tuning: Tuning, store: Store) -> None:
        self.session = session
        self.tuning = tuning
        self.store = store

    def refuse_read_only(self, what: str) -> None:
        """Refuse what writes, before anything is read or noted.

        Raises:
            ReadOnlyError: The client is read-only.
        """
        if self.session.config.read_only:
            raise ReadOnlyError(f"{what} writes, and this client is read-only.")

    def run(self, flow: Exchange[T]) -> T:
        """Run one flow to its end."""
        return self.session.run(flow)

    def run_until(self, end: float | None, flow: Exchange[T]) -> T:
        """Run one flow of a call that must be over at a moment of :attr:`monotonic`."""
        return self.session.run(flow, deadline=self._left(end))

    def run_side_by_side(self, end: float | None, flows: Iterable[Exchange[None]]) -> None:
        """Run flows of such a call that give nothing back, several at a time."""
        with (
            self.session.with_config(deadline=self._left(end)) as session,
            closing(run_many(session, flows, self.tuning.concurrency)) as results,
        ):
            for result in results:
                if isinstance(result, BulkEditorError):
                    raise result

    def end(self) -> float | None:
        """The moment at which a call that starts now must be over; ``None`` = never."""
        deadline = self.session.config.deadline
        return None if deadline is None else self.monotonic() + deadline

    def end_of_wait(self, timeout: float | None) -> float | None:
        """The moment at which waiting must be over: the deadline of a call is added for the last question."""
        config = self.session.config
        if timeout is None:
            return None
        return self.monotonic() + timeout + (config.deadline or config.timeout)

    def _left(self, end: float | None) -> float | None:
        # Never 0: what is late is refused by the driver, with its own words.
        return None if end is None else max(end - self.monotonic(), 0.001)

    def pages(self, walk: Walk[M]) -> Generator[Page[M], None, None]:
        """The pages of a listing, some read ahead."""
        with closing(read_ahead(self.session, walk, self.tuning.read_ahead)) as pages:
            for page in pages:
                yield page

    @property
    def policy(self) -> RetryPolicy:
        """What bounds repeats."""
        return self.session.config.retry

    @property
    def honoured(self) -> bool:
        """Whether the server is known to honour idempotency keys."""
        return self.session.facts.honours_idempotency is True

    @property
    def monotonic(self) -> Callable[[], float]:
        """The session's clock in seconds."""
        return self.session.config.clock.monotonic

    def now(self) -> datetime:
        """The session's time of day, in UTC."""
        return self.session.config.clock.now()


__all__ = ["Core"]
