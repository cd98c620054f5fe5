"""A conversation with another system: read, write, check."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable
from contextlib import aclosing, suppress
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from bulkeditor.connectors._admission import given
from bulkeditor.connectors._asking import guarded
from bulkeditor.connectors._bookmark import Bookmark
from bulkeditor.connectors._checking import checks
from bulkeditor.connectors._config import hash_of, text_of
from bulkeditor.connectors._declare import FREQUENCIES
from bulkeditor.connectors._ledger import ReadLedger, WriteLedger
from bulkeditor.connectors._opening import prepared
from bulkeditor.connectors._reading import Reader
from bulkeditor.connectors._shape import Drift
from bulkeditor.connectors._steps import End, Flow, advance_async, nothing, one, pause, placed, remember_async
from bulkeditor.connectors._types import (
    Change,
    CheckRow,
    CursorValue,
    DeadLetter,
    Outcome,
    Page,
    Place,
    PlacedOrder,
    PurchaseOrder,
    Record,
)
from bulkeditor.connectors._wish import Wish
from bulkeditor.connectors._writing import Writer
from bulkeditor.errors import BulkEditorError, ConfigurationError
from bulkeditor.http import AsyncSession, Exchange, Request, Response, Sleep
from bulkeditor.http.auth import Leaving

if TYPE_CHECKING:
    from bulkeditor.connectors._options import SessionOptions
    from bulkeditor.connectors.base import Connector

T = TypeVar("T")


class AsyncConnectorSession:
    """An open connector; made by :meth:`Connector.open_async`.

    Args:
        connector: What to talk to.
        options: See :class:`SessionOptions`.

    Raises:
        MissingSettingsError: The address or credentials are missing; each is named.
    """

    def __init__(self, connector: Connector, **options: Unpack[SessionOptions]) -> None:
        self._connector, config = prepared(connector, options)
        self._http = AsyncSession(config)
        self._closed = False
        self._drift: list[Drift] = []
        self._history = options.get("history")
        if self._history is not None:
            text = text_of(self._connector.config())
            self._history.opened(self._connector.name, text, hash_of(text), config.clock.now())
        self._reader: Reader | None = None
        self._writer: Writer | None = None

    @property
    def connector(self) -> Connector:
        """The connector, at the address of this session."""
        return self._connector

    @property
    def ledger(self) -> ReadLedger:
        """What became of the rows of the last read."""
        return self._reader.ledger if self._reader else ReadLedger()

    @property
    def written(self) -> WriteLedger:
        """What became of the changes of the last write."""
        return self._writer.ledger if self._writer else WriteLedger()

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """Rows of the last read that are no records."""
        return self._reader.dead_letters if self._reader else []

    @property
    def bookmark(self) -> Bookmark | None:
        """Where the next incremental read begins; None before the last one has ended, or without a cursor."""
        return self._reader.bookmark if self._reader else None

    @property
    def drift(self) -> list[Drift]:
        """How the rows of the last finished read differ in shape from those before; needs ``history``."""
        return self._drift

    async def read(
        self,
        *,
        fields: Collection[str] = (),
        since: CursorValue | Bookmark | None = None,
        until: CursorValue | None = None,
        keys: Collection[str] = (),
        known: Collection[str] | None = None,
        page_size: int | None = None,
    ) -> AsyncGenerator[Record, None]:
        """Read records, page by page as they are consumed.

        Args:
            fields: Our names; empty = what ``sync_fields`` selects, or everything.
            since: A value of the cursor, inclusive, or the :attr:`bookmark` of the read before: then what was
                read already does not come again. None = everything.
            until: Upper bound of the cursor, inclusive; None = now, where the cursor is a time.
            keys: Only these records.
            known: Keys that should be there; those that a complete scan does not find come last, as inferred
                tombstones.
            page_size: Rows of a page; None = the connector's choice.

        Raises:
            ConfigurationError: The connector cannot do this.
            PaginationError: A page came twice.
            BulkEditorError: The system refuses, or cannot be reached.
        """
        pages = self.pages(
            fields=fields, since=since, until=until, keys=keys, known=known, page_size=page_size
        )
        async with aclosing(pages) as read:
            async for page in read:
                for record in page.records:
                    yield record

    async def pages(
        self,
        *,
        fields: Collection[str] = (),
        since: CursorValue | Bookmark | None = None,
        until: CursorValue | None = None,
        keys: Collection[str] = (),
        resume: Place | None = None,
        known: Collection[str] | None = None,
        page_size: int | None = None,
    ) -> AsyncGenerator[Page, None]:
        """Read pages, each with its dead letters and the place at which to go on.

        Args:
            fields: As for :meth:`read`.
            since: As for :meth:`read`.
            until: As for :meth:`read`.
            keys: As for :meth:`read`.
            resume: ``page.resume`` of a page, perhaps of another process: goes on behind it.
            known: As for :meth:`read`.
            page_size: As for :meth:`read`.

        Raises:
            BulkEditorError: As for :meth:`read`.
        """
        wish = Wish(
            fields=fields,
            since=since,
            until=until,
            keys=keys,
            resume=resume,
            known=known,
            page_size=page_size,
        )
        clock, retry = self._http.config.clock, self._http.config.retry
        reader = self._reader = Reader(self._connector, wish, clock.now())
        async with aclosing(self._drive(reader.pages(retry))) as pages:
            async for page in pages:
                yield page
        if self._history is not None:
            self._drift = await remember_async(self._history, self._connector.name, reader, clock.now())

    async def follow(
        self, *, fields: Collection[str] = (), since: CursorValue | Bookmark | None = None
    ) -> AsyncGenerator[Page, None]:
        """Read again and again what has changed, as often as ``sync_frequency`` says; it ends when you stop.

        Args:
            fields: As for :meth:`read`.
            since: Where the first read begins.

        Raises:
            ConfigurationError: No frequency is configured, or ``realtime``, which needs events and no reads.
            BulkEditorError: As for :meth:`read`.
        """
        interval = (self._connector.interval() or timedelta()).total_seconds()
        if not interval:
            raise ConfigurationError(
                f"{self._connector.name} has no sync_frequency to follow, or one of events.",
                hint=f"Choose from {', '.join(name for name, time in FREQUENCIES.items() if time)}.",
            )
        monotonic = self._http.config.clock.monotonic
        while True:
            began = monotonic()
            async with aclosing(self.pages(fields=fields, since=since)) as pages:
                async for page in pages:
                    yield page
            since = self.bookmark or since
            left = max(began + interval - monotonic(), 0.0)
            await self._http.run(pause(Sleep(left)), deadline=None)

    async def write(
        self, changes: Iterable[Change], *, look: bool = True, idempotency_key: str | None = None
    ) -> list[Outcome]:
        """Write changes; exactly one outcome for each, in the order in which they were given.

        Args:
            changes: What to write.
            look: Read the records first, where the system can be asked for single ones: changes that they
                hold already are ``unchanged``, those that find something else than expected are
                ``conflicted``.
            idempotency_key: A UUID for the whole write, kept by the caller so that the same changes can be
                sent again after a crash, where the system honours such keys.

        Raises:
            ReadOnlyError: The connector's direction is ``inbound``.
        """
        own = given(changes)
        found: dict[int, list[Outcome]] = {}
        async with aclosing(self.outcomes(own, look=look, idempotency_key=idempotency_key)) as outcomes:
            async for outcome in outcomes:
                found.setdefault(id(outcome.change), []).append(outcome)
        return [found[id(change)].pop(0) for change in own]

    async def outcomes(
        self, changes: Iterable[Change], *, look: bool = True, idempotency_key: str | None = None
    ) -> AsyncGenerator[Outcome, None]:
        """As :meth:`write`; each outcome as soon as it is known.

        Args:
            changes: What to write.
            look: As for :meth:`write`.
            idempotency_key: As for :meth:`write`.

        Raises:
            ReadOnlyError: The connector's direction is ``inbound``.
        """
        config = self._http.config
        writer = self._writer = Writer(
            self._connector,
            given(changes),
            policy=config.retry,
            now=config.clock.now(),
            look=look,
            idempotency_key=idempotency_key,
        )
        async with aclosing(self._drive(writer.outcomes())) as steps:
            async for step in steps:
                for outcome in step.rows:
                    yield outcome

    async def check(self) -> list[CheckRow]:
        """How each capability is: a row for each; nothing is changed."""
        async with aclosing(self._drive(checks(self._connector, self._http.config.retry))) as rows:
            return [row async for row in rows]

    async def create_purchase_order(self, order: PurchaseOrder) -> PlacedOrder:
        """Order goods, where the system takes orders.

        Raises:
            OutcomeUnknownError: No answer tells whether the order was taken.
            BulkEditorError: The system refuses.
        """
        return await self.run(placed(self._connector, order))

    async def run(self, flow: Exchange[T]) -> T:
        """Carry out a flow of the connector's own.

        Args:
            flow: What one of its methods returned.

        Raises:
            BulkEditorError: What the flow did not handle.
        """
        return await self._http.run(guarded(self._connector, flow, self._http.config.retry, nothing))

    async def _drive(self, flow: Flow[T]) -> AsyncGenerator[T, None]:
        answer: Response | BulkEditorError | None = None
        blocking = self._connector.blocking
        try:
            while True:
                step = await advance_async(flow, answer, blocking=blocking)
                answer = None
                if isinstance(step, End):
                    return
                if isinstance(step, Request):
                    try:
                        answer = await self._http.run(one(step))
                    except BulkEditorError as error:
                        answer = error
                elif isinstance(step, Sleep):
                    await self._http.run(pause(step))
                else:
                    yield step
        finally:
            flow.close()

    async def aclose(self) -> None:
        """Log out where the system wants that, and close the connections."""
        await self._leave()
        await self._http.aclose()

    async def _leave(self) -> None:
        auth: object = self._http.config.auth
        token = self._http.token
        if self._closed or token is None or not isinstance(auth, Leaving):
            return
        self._closed = True
        # The session ends in any case; a system that does not hear of it will find out by itself.
        with suppress(BulkEditorError):
            await self._http.run(auth.leave(token))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._connector.name!r}, {self._http.config.base_url!r})"


__all__ = ["AsyncConnectorSession"]
