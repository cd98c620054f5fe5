"""How a stored event is handled: flows that decide and never wait."""

from __future__ import annotations

import inspect
import logging
import random
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from bulkeditor.errors import LeaseLostError, MalformedDataError
from bulkeditor.http import RetryPolicy
from bulkeditor.webhooks._call import HandlerError, call, call_within, described, place, wait_for
from bulkeditor.webhooks._decode import decode_stored
from bulkeditor.webhooks._events import Event
from bulkeditor.webhooks._handlers import Handler, Handlers
from bulkeditor.webhooks._inbox import Claim, InboxStore
from bulkeditor.webhooks._lease import LeaseKeeper

_LOG: Final = logging.getLogger("bulkeditor.webhooks")
# An event whose worker was killed this often while it was handled is likely to be what kills it.
_MAX_LOST: Final = 20

T = TypeVar("T")


@attrs.frozen
class Run:
    """Call something that blocks; under asyncio in a thread."""

    call: Callable[[], object]


@attrs.frozen
class Await:
    """Wait for a coroutine, in an event loop."""

    call: Callable[[], Awaitable[object]]


@attrs.frozen
class Idle:
    """Wait until something happens, or for some seconds."""

    since: int
    seconds: float


Work: TypeAlias = Generator[Run | Await | Idle, Any, T]


class Handling:
    """Takes events from the inbox and brings each to its end.

    Args:
        store: The inbox.
        handlers: Who handles what.
        retry: How often a failing handler is tried, and after which waits.
        lease: Seconds for which a lane is held; renewed while a handler works.
    """

    def __init__(self, store: InboxStore, handlers: Handlers, retry: RetryPolicy, lease: float) -> None:
        self._store = store
        self._handlers = handlers
        self._retry = retry
        self._lease = lease
        self._keeper = LeaseKeeper(store, lease)

    def close(self) -> None:
        """Stop renewing leases."""
        self._keeper.close()

    @property
    def ready(self) -> bool:
        """Whether there are handlers; without any, all events would be done with nothing done."""
        return bool(self._handlers)

    def run(self, going: Callable[[], bool]) -> Work[int]:
        """Handle events, one after the other, until none can be handled now.

        Args:
            going: Asked before each; False ends it.

        Returns:
            How many were taken, whatever became of them.
        """
        number = 0
        claim: Claim | None = (yield from self._claim(going)) if self.ready else None
        while claim is not None:
            number += 1
            try:
                with self._keeper.holding(claim):
                    claim = yield from self._handle(claim, going)
            except LeaseLostError as error:
                _LOG.warning("%s", error)
                claim = yield from self._claim(going)
        return number

    def _claim(self, going: Callable[[], bool]) -> Work[Claim | None]:
        claim: Claim | None = (yield Run(partial(self._store.claim, self._lease))) if going() else None
        return claim

    def _handle(self, claim: Claim, going: Callable[[], bool]) -> Work[Claim | None]:
        """Bring one event to its end; the next one is the result."""
        try:
            event = _event(claim)
        except MalformedDataError as error:
            yield from self._bury(claim, str(error))
            return (yield from self._claim(going))
        try:
            return (yield from self._call_all(claim, event, going))
        except LeaseLostError:
            raise
        except HandlerError as failure:
            yield from self._failed(claim, event, failure.error)
        except Exception as error:  # noqa: BLE001 - the store's; where that is away, this fails as well
            yield from self._failed(claim, event, error)
        return (yield from self._claim(going))

    def _call_all(self, claim: Claim, event: Event, going: Callable[[], bool]) -> Work[Claim | None]:
        handlers, stale = self._left(claim, event)
        for handler in handlers[:-1]:
            effect = yield from _call(handler, event)
            yield Run(partial(self._store.record, claim, handler.key, effect))
        effect = (yield from _call(handlers[-1], event)) if handlers else None
        following: Claim | None = yield Run(
            partial(
                self._store.finish,
                claim,
                "stale" if stale else "done",
                effect,
                claim_next=self._lease if going() else None,
            )
        )
        return following

    def _left(self, claim: Claim, event: Event) -> tuple[list[Handler], bool]:
        """Who is still to handle an event, and whether that is because it came too late."""
        if not claim.stale:
            left = [one for one in self._handlers.of(event, stale=False) if one.key not in claim.handled]
            fresh = [one for one in left if one.key not in claim.passed]
            # Too late for each of them, it is as stale as if the newer one had not failed elsewhere.
            if fresh or not left:
                return fresh, False
        return [one for one in self._handlers.of(event, stale=True) if one.key not in claim.handled], True

    def _failed(self, claim: Claim, event: Event, error: BaseException) -> Work[None]:
        text = described(error)
        failures = claim.failures + 1
        if failures > self._retry.max_retries:
            yield from self._bury(claim, text, error)
            return
        # At least half of the bound: a handler that fails at once must not use up its retries at once.
        delay = self._retry.bound(failures) * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing
        facts = {"event_id": claim.id, "event": event.name, "failures": failures}
        # One line: an event fails often before it is given up, and then its traceback is shown.
        _LOG.warning(
            "Handling webhook event %s (%s) failed; again in %.1f s: %s (%s)",
            claim.id, event.name, delay, text, place(error), extra=facts,
        )  # fmt: skip
        _LOG.debug("Where webhook event %s failed:", claim.id, exc_info=error, extra=facts)
        yield Run(lambda: self._store.retry(claim, text, delay))

    def _bury(self, claim: Claim, text: str, error: BaseException | None = None) -> Work[None]:
        _LOG.error(
            "Webhook event %s is a dead letter: %s", claim.id, text,
            exc_info=error, extra={"event_id": claim.id},
        )  # fmt: skip
        yield Run(lambda: self._store.bury(claim, text))


def _event(claim: Claim) -> Event:
    lost = claim.attempts - claim.failures - 1
    if lost >= _MAX_LOST:
        raise MalformedDataError(f"Its worker died {lost} times while it was handled.")
    return decode_stored(claim.id, claim.body, claim.signed_by)


def _call(handler: Handler, event: Event) -> Work[Callable[[object], None] | None]:
    """Let a handler do its work; what it does within the store's transaction is the result, done later."""
    if handler.shares:
        return partial(call_within, handler.call, event)
    if handler.waits:
        yield Await(partial(wait_for, partial(handler.call, event)))
        return None
    result = yield Run(partial(call, handler.call, event))
    if inspect.isawaitable(result):
        # A function around a coroutine function: it has only made what does the work.
        yield Await(partial(wait_for, lambda: result))
    return None


__all__ = ["Await", "Handling", "Idle", "Run", "Work"]
