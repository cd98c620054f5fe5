"""What every resource needs: a session, and the flows' view of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from bulkeditor.client._options import Tuning
from bulkeditor.errors import BulkEditorError
from bulkeditor.http import AsyncSession, Exchange, RetryPolicy, read_ahead_async, run_many_async

if TYPE_CHECKING:
    from bulkeditor.api._page import Page
    from bulkeditor.api._paging import Walk
    from bulkeditor.models import Model

T = TypeVar("T")
M = TypeVar("M", bound="Model")


class AsyncCore:
    """Runs flows for the resources of one client.

    Args:
        session: What sends requests.
        tuning: How much happens at once.
    """

    def __init__(self, session: AsyncSession, tuning: Tuning) -> None:
        self.session = session
        self.tuning = tuning

    async def run(self, flow: Exchange[T]) -> T:
        """Run one flow to its end."""
        return await self.session.run(flow)

    async def run_side_by_side(self, flows: Iterable[Exchange[None]]) -> None:
        """Run flows that give nothing back, several at a time."""
        async with aclosing(run_many_async(self.session, flows, self.tuning.concurrency)) as results:
            async for result in results:
                if isinstance(result, BulkEditorError):
                    raise result

    async def pages(self, walk: Walk[M]) -> AsyncGenerator[Page[M], None]:
        """The pages of a listing, some read ahead."""
        async with aclosing(read_ahead_async(self.session, walk, self.tuning.read_ahead)) as pages:
            async for page in pages:
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


__all__ = ["AsyncCore"]
