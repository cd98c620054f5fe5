# Generated from ../_async by scripts/unasync.py; change that, not this.
"""What every resource needs: a session, and the flows' view of it."""

from __future__ import annotations

from collections.abc import Generator, Callable, Iterable
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from bulkeditor.client._options import Tuning
from bulkeditor.errors import BulkEditorError
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
    """

    def __init__(self, session: Session, tuning: Tuning) -> None:
        self.session = session
        self.tuning = tuning

    def run(self, flow: Exchange[T]) -> T:
        """Run one flow to its end."""
        return self.session.run(flow)

    def run_side_by_side(self, flows: Iterable[Exchange[None]]) -> None:
        """Run flows that give nothing back, several at a time."""
        with closing(run_many(self.session, flows, self.tuning.concurrency)) as results:
            for result in results:
                if isinstance(result, BulkEditorError):
                    raise result

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
