"""Receive webhooks and lose none: verify, store, answer, and only then handle."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, Self

from bulkeditor.errors import ConfigurationError, InvalidInputError
from bulkeditor.http import RetryPolicy
from bulkeditor.webhooks._decode import MAX_AGE, MAX_AHEAD
from bulkeditor.webhooks._drive import Bell, drive, drive_async
from bulkeditor.webhooks._events import UnknownEvent, WebhookEvent
from bulkeditor.webhooks._handlers import Handlers, HandlerT
from bulkeditor.webhooks._inbox import InboxEntry, InboxStore, Status
from bulkeditor.webhooks._intake import Intake, SecretSource, usable
from bulkeditor.webhooks._receipt import Receipt
from bulkeditor.webhooks._verify import Headers
from bulkeditor.webhooks._work import Handling
from bulkeditor.webhooks._workers import Workers

if TYPE_CHECKING:
    from bulkeditor.webhooks._asgi import ASGIApp
    from bulkeditor.webhooks._wsgi import WSGIApp

_DAY: Final = 86_400
# About two hours of retries: 2 s, 4 s … 10 minutes.
_RETRY: Final = RetryPolicy(max_retries=16, base_delay=2000, max_delay=600_000)
# Seconds; senders commonly wait for ten.
_ANSWER_WITHIN: Final = 8.0


class Receiver:
    """Takes deliveries, keeps each event once in a durable inbox, and lets handlers work through it.

    A delivery is answered with 2xx when it is on the disk, and handled afterwards. Handlers that fail are
    tried again, after growing waits; an event that fails too often becomes a dead letter. Events of one
    entity are handled one at a time and in the order of their versions; entities do not wait for each other.

    A handler is called at least once for each event, and again when it failed or its process died before the
    end was noted. ``event.id`` is the key by which it can tell; a handler that takes ``(event, tx)`` works in
    the inbox's own transaction, and its effect there happens exactly once.

    Args:
        secrets: The webhook's secret, several while one is rotated, or a function that gives them.
        store: The inbox: a SQLite file, a ``postgresql://`` address, or a store.
        path: The only path that the applications answer; ``None`` = any, as where they are mounted.
        max_body: Largest body in bytes; a longer one is refused before it is read.
        max_age: Seconds that an event's ``timestamp`` may lie in the past. Senders retry for days.
        max_ahead: Seconds that it may lie in the future.
        retry: How often a failing handler is tried again and after which waits (milliseconds, as everywhere
            in a RetryPolicy).
        lease: Seconds after which another worker takes over from one that died.
        workers: How many events are handled at once; 0 = this process only receives.
        poll: Seconds after which a worker looks for what other processes have stored.
        retention: Seconds for which handled events are remembered, at least ``max_age``: until then a repeat
            is recognised.
        clock: The time of day, aware, when it is not this machine's; for tests.

    Raises:
        ConfigurationError: An option cannot work; the text names it.
    """

    def __init__(
        self,
        *,
        secrets: SecretSource,
        store: str | os.PathLike[str] | InboxStore,
        path: str | None = None,
        max_body: int = 1 << 20,
        max_age: float = MAX_AGE,
        max_ahead: float = MAX_AHEAD,
        retry: RetryPolicy = _RETRY,
        lease: float = 30.0,
        workers: int = 1,
        poll: float = 1.0,
        retention: float = 7 * _DAY,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        if retention < max_age:
            raise ConfigurationError(
                f"retention ({retention:g} s) is shorter than max_age ({max_age:g} s): a delivery could be "
                "repeated after it was forgotten.",
                hint="Make retention at least as long as max_age.",
            )
        for name, value in (("lease", lease), ("poll", poll), ("max_body", max_body)):
            if value <= 0:
                raise ConfigurationError(f"{name} must be more than 0, not {value!r}.")
        self.max_body = max_body
        self.path = path
        self._store = _opened(store)
        self._intake = Intake(
            secrets=usable(secrets),
            store=self._store,
            clock=clock or partial(datetime.now, UTC),
            max_body=max_body,
            max_age=max_age,
            max_ahead=max_ahead,
        )
        self._retention = retention
        self._handlers = Handlers()
        self._handling = Handling(self._store, self._handlers, retry, lease)
        self._bell = Bell()
        self._workers = Workers(
            self._handling, self._store, self._bell, count=workers, poll=poll, retention=retention
        )

    # Handlers

    def on(
        self, *events: str | type[WebhookEvent], name: str | None = None
    ) -> Callable[[HandlerT], HandlerT]:
        """Register a handler: ``@receiver.on("inventory.updated")``.

        Args:
            events: Names (``"product.updated"``), families (``"product.*"``), ``"*"`` for all, or classes
                (``InventoryUpdated``).
            name: What the handler is called in the inbox; its module and qualified name when left out. Keep
                it when the function moves, or events under way are handled by it once more.

        Returns:
            A decorator that gives the function back. The function takes the event; with a second argument
            it also gets the inbox's connection within an open transaction, which commits what it writes
            together with the note that the event is handled. It may be a coroutine function (without ``tx``).

        Raises:
            InvalidInputError: An event's name is misspelt, or there is such a handler already.
        """

        def register(handler: HandlerT) -> HandlerT:
            for event in events or ("*",):
                self._handlers.add(_name_of(event), handler, name)
            return handler

        return register

    def on_stale(self, handler: HandlerT) -> HandlerT:
        """Register a handler for events that came too late: a newer one of the entity was handled already.

        They are not given to the other handlers. It takes what other handlers take.
        """
        self._handlers.add_stale(handler, None)
        return handler

    # Receiving

    def receive(self, body: bytes, headers: Headers) -> Receipt:
        """Check a delivery and store its event; what the applications do with each request.

        Args:
            body: The raw bytes of the request.
            headers: Its headers: a mapping, pairs, or a WSGI environ.

        Returns:
            What became of it; answer with ``receipt.status``. An event that is not stored is never answered
            with 2xx.

        Raises:
            TypeError: ``body`` is no bytes, which can't be verified, or ``headers`` are no headers.
        """
        receipt = self._intake.take(body, headers)
        if receipt.outcome == "accepted":
            self._bell.ring()
        return receipt

    async def receive_async(self, body: bytes, headers: Headers) -> Receipt:
        """:meth:`receive`, awaited: the disk does not hold up the event loop.

        Args:
            body: The raw bytes of the request.
            headers: Its headers.

        Returns:
            What became of it; ``unavailable`` also when that is not known in time for the sender.
        """
        try:
            # However many wait for a disk that does not answer: those that wait for too long are given up.
            async with asyncio.timeout(_ANSWER_WITHIN):
                return await asyncio.to_thread(self.receive, body, headers)
        except TimeoutError as error:
            return Receipt(outcome="unavailable", error=error)

    @cached_property
    def asgi(self) -> ASGIApp:
        """The receiver as an ASGI application; its workers run in the server's event loop."""
        from bulkeditor.webhooks._asgi import ASGIApp  # noqa: PLC0415 - one of the two is used

        return ASGIApp(self)

    @cached_property
    def wsgi(self) -> WSGIApp:
        """The receiver as a WSGI application; its workers run in threads."""
        from bulkeditor.webhooks._wsgi import WSGIApp  # noqa: PLC0415 - as above

        return WSGIApp(self)

    # Handling

    def process_pending(self) -> int:
        """Handle in this thread all that can be handled now.

        Returns:
            How many events were taken, whatever became of them.

        Raises:
            ConfigurationError: A handler is a coroutine function, and an event loop runs in this thread.
        """
        if self._handlers.any_waits and _in_loop():
            raise ConfigurationError(
                "Handlers that are coroutine functions cannot run here: an event loop runs in this thread.",
                hint="Use: await receiver.process_pending_async()",
            )
        return drive(self._handling.run(lambda: True), self._bell)

    async def process_pending_async(self) -> int:
        """Handle in this event loop all that can be handled now; plain functions run in threads.

        Returns:
            How many events were taken, whatever became of them.
        """
        return await drive_async(self._handling.run(lambda: True), self._bell)

    def work(self) -> None:
        """Handle events in this thread until :meth:`stop` is called, by a thread or a signal handler."""
        self._workers.work()

    def start(self) -> None:
        """Start the workers as threads; does nothing where they run."""
        self._workers.start()

    async def start_async(self) -> None:
        """Start the workers as tasks of this event loop; does nothing where they run."""
        await self._workers.start_async()

    def stop(self, timeout: float | None = 30.0) -> bool:
        """Let the workers that are threads finish the events that they are handling, and end.

        Args:
            timeout: Seconds to wait for them; ``None`` = as long as it takes.

        Returns:
            Whether they ended in time. One that did not goes on; its event is handled again by others only
            if it never finishes.
        """
        return self._workers.stop(timeout)

    async def stop_async(self, timeout: float | None = 30.0) -> bool:  # noqa: ASYNC109 - as stop()
        """Let the workers that are tasks finish the events that they are handling; then cancel them.

        Args:
            timeout: Seconds to wait for them; ``None`` = as long as it takes.

        Returns:
            Whether they ended in time.
        """
        return await self._workers.stop_async(timeout)

    def close(self) -> None:
        """Stop the threads and close the inbox."""
        self.stop()
        self._handling.close()
        self._store.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncGenerator[None]:
        """Workers that run while an application runs: ``FastAPI(lifespan=receiver.lifespan)``.

        Args:
            app: The application; not used.
        """
        del app
        await self.start_async()
        try:
            yield
        finally:
            await self.stop_async()

    # Looking into the inbox

    def dead_letters(self) -> Iterator[InboxEntry]:
        """Events that were given up, in the order in which they came."""
        return self._store.entries("dead")

    def events(self, status: Status | None = None) -> Iterator[InboxEntry]:
        """Events in the order in which they came.

        Args:
            status: Only these: ``pending``, ``done``, ``stale`` or ``dead``; ``None`` = all.
        """
        return self._store.entries(status)

    def counts(self) -> Mapping[Status, int]:
        """How many events there are of each status."""
        return self._store.counts()

    def replay(self, event_id: str, *, even_if_stale: bool = False) -> None:
        """Handle an event once more that was given up, or was handled already.

        Handlers that were done with a dead letter are not called again.

        Args:
            event_id: Its id.
            even_if_stale: Handle it as it was meant, though newer ones of its entity were handled since;
                without this it goes to ``on_stale``.

        Raises:
            InvalidInputError: There is no such event, or it still waits.
        """
        if not self._store.replay(event_id, even_if_stale=even_if_stale):
            raise InvalidInputError(
                f"There is no event {event_id!r} in the inbox that is over.",
                hint="receiver.dead_letters() lists those that were given up.",
            )
        self._bell.ring()

    def prune(self) -> int:
        """Forget now what was handled longer ago than ``retention``; workers do so every hour.

        Returns:
            How many events were removed. Dead letters stay.
        """
        return self._store.prune(self._retention)


def _opened(store: str | os.PathLike[str] | InboxStore) -> InboxStore:
    if isinstance(store, str) and store.startswith(("postgresql://", "postgres://")):
        from bulkeditor.webhooks._postgres import PostgresInbox  # noqa: PLC0415 - needs an extra

        return PostgresInbox(store)
    if isinstance(store, str | os.PathLike):
        from bulkeditor.webhooks._sqlite import SQLiteInbox  # noqa: PLC0415 - one of several

        return SQLiteInbox(store)
    return store


def _name_of(event: str | type[WebhookEvent]) -> str:
    if isinstance(event, str):
        return event
    name = getattr(event, "name", None)
    if event is UnknownEvent or not isinstance(name, str):
        raise InvalidInputError(
            f"{event.__name__} is no event with a name.", hint="Register for '*', and tell them apart there."
        )
    return name


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


__all__ = ["Receiver"]
