"""The contract between the receiver and where it keeps what came: events, claims, the store.

An *event* is stored once, under its id. A *lane* is the queue of one entity: its events are handled one at a
time and in the order of their versions, however they arrived; whoever holds a lane's lease handles its next
event. Events of no known entity have a lane each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

import attrs

from bulkeditor.webhooks._decode import decode_stored
from bulkeditor.webhooks._events import Event

Status: TypeAlias = Literal["pending", "done", "stale", "dead"]
"""``stale``: older than what was handled for its entity before. ``dead``: given up after its retries."""

Effect: TypeAlias = Callable[[object], None]
"""What a handler does within the store's transaction; it is given the store's connection."""


@attrs.frozen(kw_only=True)
class Arrival:
    """What is stored of a delivery.

    Args:
        id: The event's id.
        identified: Whether the sender gave the id; else it is the hash of the body.
        digest: The hash of the body, hex.
        name: The event's name.
        entity: What it is about; None = stands alone.
        version: How new it is.
        rank: Orders events of the same version.
        body: The raw bytes.
        signed_by: Which secret matched.
    """

    id: str
    identified: bool
    digest: str
    name: str
    entity: str | None
    version: datetime
    rank: int
    body: bytes
    signed_by: str


@attrs.frozen(kw_only=True)
class Claim:
    """An event that one worker holds for a while.

    Args:
        id: The event's id.
        body: The raw bytes.
        signed_by: Which secret matched.
        lane: The queue that is held.
        fence: Rises when the lane is taken or given back; what a holder of an older one brings is refused.
        attempts: How often the event was claimed, this time included.
        failures: How often its handlers failed.
        error: Why they failed last.
        stale: Whether a newer event of the entity was handled already.
        handled: Names of the handlers that are done with it.
        passed: Names of the handlers that are done with a newer event, one that is a dead letter because of
            others.
    """

    id: str
    body: bytes
    signed_by: str
    lane: str
    fence: int
    attempts: int
    failures: int
    error: str | None
    stale: bool
    handled: frozenset[str]
    passed: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class InboxEntry:
    """An event as the inbox shows it.

    Args:
        id: The event's id.
        name: The event's name.
        entity: What it is about; None when it stands alone.
        status: Where it stands.
        version: How new it is.
        received_at: When it was stored (UTC).
        finished_at: When it was done, found stale, or given up (UTC).
        failures: How often its handlers failed.
        error: Why they failed last.
        body: The raw bytes.
        signed_by: Which secret matched.
    """

    id: str
    name: str
    entity: str | None
    status: Status
    version: datetime
    received_at: datetime
    finished_at: datetime | None
    failures: int
    error: str | None
    body: bytes = attrs.field(repr=False)
    signed_by: str

    @property
    def event(self) -> Event:
        """The event itself, read from the body.

        Raises:
            MalformedDataError: This version of the library cannot read it.
        """
        return decode_stored(self.id, self.body, self.signed_by)


class InboxStore(Protocol):
    """Where events wait. One suite of tests holds each implementation to it.

    Calls may come from any thread. The store's own clock counts, never a worker's.
    """

    def add(self, arrival: Arrival) -> bool:
        """Keep an event, durably, before anything else happens; False when it is there already.

        A delivery without an id is also known by its body, so that one whose identity was taken off is
        recognised.
        """
        ...

    def claim(self, lease: float) -> Claim | None:
        """Take the next event that may be handled; None when there is none now.

        Args:
            lease: Seconds for which nobody else can take an event of the same lane.
        """
        ...

    def renew(self, claim: Claim, lease: float) -> None:
        """Hold a lane for longer.

        Raises:
            LeaseLostError: Somebody else has taken it since.
        """
        ...

    def record(self, claim: Claim, handler: str, effect: Effect | None = None) -> None:
        """Note in one transaction that one of several handlers is done, together with its effect.

        Raises:
            LeaseLostError: Somebody else has taken the lane since; nothing was committed.
        """
        ...

    def finish(
        self,
        claim: Claim,
        status: Literal["done", "stale"],
        effect: Effect | None = None,
        *,
        claim_next: float | None = None,
    ) -> Claim | None:
        """Note in one transaction that an event is handled, with the last handler's effect, and go on.

        Args:
            claim: Under which it was handled.
            status: Whether it was handled, or was too old.
            effect: What the last handler does within the transaction.
            claim_next: Seconds of lease for the next event, of any lane; None claims none.

        Raises:
            LeaseLostError: Somebody else has taken the lane since; nothing was committed.
        """
        ...

    def retry(self, claim: Claim, error: str, delay: float) -> None:
        """Give an event back, to be handled after some seconds; its lane waits for it.

        Raises:
            LeaseLostError: Somebody else has taken the lane since.
        """
        ...

    def bury(self, claim: Claim, error: str) -> None:
        """Give an event up: a dead letter, which its lane does not wait for.

        Raises:
            LeaseLostError: Somebody else has taken the lane since.
        """
        ...

    def next_due(self) -> float | None:
        """Seconds until there may be something to claim; None when nothing waits."""
        ...

    def entries(self, status: Status | None = None) -> Iterator[InboxEntry]:
        """Events in the order in which they came."""
        ...

    def entry(self, event_id: str) -> InboxEntry | None:
        """One event."""
        ...

    def replay(self, event_id: str, *, even_if_stale: bool = False) -> bool:
        """Make an event that is over wait again; False when there is none such.

        Args:
            event_id: Its id.
            even_if_stale: It is handled as if no newer one of its entity had been.
        """
        ...

    def counts(self) -> Mapping[Status, int]:
        """How many events there are of each status."""
        ...

    def prune(self, keep: float) -> int:
        """Forget what was done or stale more than some seconds ago; dead letters stay.

        Returns:
            How many events were removed.
        """
        ...

    def close(self) -> None:
        """Close the store."""
        ...


__all__ = ["Arrival", "Claim", "Effect", "InboxEntry", "InboxStore", "Status"]
