"""Pages of one listing, fetched while the caller is still busy with those before.

Reading ahead turns itself off where it cannot help.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from bulkeditor.http._run_many import Workers
from bulkeditor.http._types import Exchange

if TYPE_CHECKING:
    from bulkeditor.http._async_run_many import Tasks
    from bulkeditor.http._session import Session

R = TypeVar("R")
P = TypeVar("P")
R_walk = TypeVar("R_walk")
P_co = TypeVar("P_co", covariant=True)

# Waiting less than this for a page, there is nothing to overlap: handing it to a thread costs as much.
_WORTH_WAITING: Final = 0.008
# Reading ahead must cut the time spent waiting for a page to this part of what it was.
_WORTH_IT: Final = 0.7


class Walk(Protocol[R_walk, P_co]):
    """The rules of going through pages; pure, knows neither threads nor tasks."""

    @property
    def done(self) -> bool:
        """Whether everything was read."""
        ...

    def ask(self) -> Exchange[R_walk] | None:
        """The next request that may start now; None to wait for an answer, or when there is nothing left."""
        ...

    def take(self, result: R_walk, /) -> Sequence[P_co]:
        """Take in an answer, in the order asked; what the caller is to be given."""
        ...


class Pace:
    """Whether reading ahead pays, from what pages cost alone and together.

    Args:
        depth: Pages read ahead at most.
    """

    __slots__ = ("_ahead", "_alone", "_depth", "_pages", "_refuted", "_spent", "_waited", "worth")

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._alone = 0.0
        self._pages = 0
        self._waited = False
        self._ahead = 0
        self._spent = 0.0
        self._refuted = False
        self.worth = False

    def alone(self, wall: float, cpu: float) -> None:
        """A page was fetched by itself.

        Args:
            wall: Seconds it took.
            cpu: Seconds of them in which this thread computed.
        """
        waited = wall - cpu >= _WORTH_WAITING
        # The first page decides at once. Later one slow page may be a hiccup of the machine, two in a row are
        # not.
        self.worth = waited and (self._waited or not self._pages) and self._depth > 0 and not self._refuted
        self._alone, self._waited = wall, waited
        self._pages += 1

    def together(self, waited: float) -> None:
        """A page that was read ahead was taken.

        Args:
            waited: Seconds the caller waited for it.
        """
        self._ahead += 1
        self._spent += waited
        if self._ahead >= 2 * self._depth:
            if self._spent / self._ahead > self._alone * _WORTH_IT:
                # Something else is the bottleneck (a busy processor): not tried again in this walk.
                self._refuted, self.worth = True, False
            self._ahead, self._spent = 0, 0.0


def read_ahead(session: Session, walk: Walk[R, P], depth: int) -> Generator[P]:
    """Go through a walk, up to ``depth`` requests ahead of the caller in threads.

    Page 1 is fetched alone, and nothing is read ahead before it was consumed. At most ``depth`` + 1 pages are
    held. When the iteration ends early, requests under way are let go and no thread is left.

    Args:
        session: What drives the requests.
        walk: The rules.
        depth: Pages read ahead of the one that the caller holds; 0 = one after the other.

    Yields:
        What the walk makes of its answers, in order.

    Raises:
        BulkEditorError: What a request ended with, when its turn has come.
    """
    pace = Pace(depth)
    workers: Workers[R] | None = None
    try:
        while not walk.done:
            if pace.worth:
                workers = workers or Workers(session, depth + 1)
                fill(walk, workers, depth)
            started = time.perf_counter()
            if workers is not None and len(workers):
                items = walk.take(workers.take())
                pace.together(time.perf_counter() - started)
            else:
                computed = time.thread_time()
                flow = walk.ask()
                if flow is None:
                    return
                items = walk.take(session.run(flow))
                pace.alone(time.perf_counter() - started, time.thread_time() - computed)
            yield from items
    finally:
        if workers is not None:
            workers.close()


def fill(walk: Walk[R, P], under_way: Workers[R] | Tasks[R], depth: int) -> None:
    """Ask for as much as may be under way while the caller waits.

    One more than is read ahead: the caller has come back for a page, so it no longer holds one.
    """
    while len(under_way) <= depth:
        flow = walk.ask()
        if flow is None:
            return
        under_way.start(flow)


__all__ = ["Pace", "Walk", "fill", "read_ahead"]
