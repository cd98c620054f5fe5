"""How a stored event is handled: flows that decide and never wait."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from bulkeditor.errors import LeaseLostError, MalformedDataError
from bulkeditor.http import RetryPolicy
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
    """Call a coroutine function, and wait for it."""

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

    def run(self, going: Callable[[], bool]) -> Work[int]:
        """Handle events, one after the other, until none can be handled now.

        Args:
            going: Asked before each; False ends it.

        Returns:
            How many were taken, whatever became of them.
        """
        number = 0
        claim: Claim | None = yield from self._claim(going)
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
        except Exception as error:  # noqa: BLE001 - handlers are not ours, and may raise anything
            yield from self._failed(claim, event, error)
        return (yield from self._claim(going))

    def _call_all(self, claim: Claim, event: Event, going: Callable[[], bool]) -> Work[Claim | None]:
        handlers = [
            handler
            for handler in self._handlers.of(event, stale=claim.stale)
            if _key(handler) not in claim.handled
        ]
        for handler in handlers[:-1]:
            effect = yield from _call(handler, event)
            yield Run(partial(self._store.record, claim, _key(handler), effect))
        effect = (yield from _call(handlers[-1], event)) if handlers else None
        following: Claim | None = yield Run(
            partial(
                self._store.finish,
                claim,
                "stale" if claim.stale else "done",
                effect,
                claim_next=self._lease if going() else None,
            )
        )
        return following

    def _failed(self, claim: Claim, event: Event, error: Exception) -> Work[None]:
        text = f"{type(error).__name__}: {error}"
        failures = claim.failures + 1
        if failures > self._retry.max_retries:
            yield from self._bury(claim, text, error)
            return
        # At least half of the bound: a handler that fails at once must not use up its retries at once.
        delay = self._retry.bound(failures) * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing
        _LOG.warning(
            "Handling webhook event %s (%s) failed; again in %.1f s.", claim.id, event.name, delay,
            exc_info=error, extra={"event_id": claim.id, "event": event.name, "failures": failures},
        )  # fmt: skip
        yield Run(lambda: self._store.retry(claim, text, delay))

    def _bury(self, claim: Claim, text: str, error: Exception | None = None) -> Work[None]:
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


def _key(handler: Handler) -> str:
    return f"{handler.wanted} {handler.name}"


def _call(handler: Handler, event: Event) -> Work[Callable[[object], None] | None]:
    """Let a handler do its work; what it does within the store's transaction is the result, done later."""
    if handler.shares:
        return partial(handler.call, event)
    yield Await(partial(handler.call, event)) if handler.waits else Run(partial(handler.call, event))
    return None


__all__ = ["Await", "Handling", "Idle", "Run", "Work"]
