"""One step of a flow, for both sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from datetime import datetime
from typing import TYPE_CHECKING, Final, Never, TypeAlias, TypeVar

from bulkeditor.connectors._history import History
from bulkeditor.connectors._reading import Reader
from bulkeditor.connectors._shape import Drift
from bulkeditor.connectors._types import PlacedOrder, PurchaseOrder
from bulkeditor.errors import BulkEditorError, OutcomeUnknownError
from bulkeditor.http import Exchange, Request, Response, Sleep
from bulkeditor.http._hooks import logger

if TYPE_CHECKING:
    from bulkeditor.connectors.base import Connector

T = TypeVar("T")

Flow: TypeAlias = Generator[Request | Sleep | T, Response, object]
"""Yields requests and pauses, and things of a kind to the caller."""


class End:
    """Comes where a flow has ended."""


END: Final = End()


def advance(
    flow: Flow[T],
    answer: Response | BulkEditorError | None,
    *,
    blocking: bool,  # noqa: ARG001 - the twin's
) -> Request | Sleep | T | End:
    """Hand a flow what it waits for, and take what it wants next.

    Args:
        flow: The flow.
        answer: An answer, an error to be thrown, or None for its first step and after everything else.
        blocking: Whether the flow itself reads files or databases.
    """
    try:
        if isinstance(answer, BulkEditorError):
            return flow.throw(answer)
        return next(flow) if answer is None else flow.send(answer)
    except StopIteration:
        return END


async def advance_async(
    flow: Flow[T],
    answer: Response | BulkEditorError | None,
    *,
    blocking: bool,
) -> Request | Sleep | T | End:
    """The same; a flow that blocks does so in a thread."""
    if blocking:
        return await asyncio.to_thread(advance, flow, answer, blocking=True)
    return advance(flow, answer, blocking=False)


def remember(history: History, name: str, reader: Reader, at: datetime) -> list[Drift]:
    """Compare the shape of a finished read with the last one; differences are logged as well."""
    drift = history.read(name, reader.part, reader.shape, at)
    for difference in drift:
        logger.warning("%s: the rows have another shape: %s", name, difference)
    return drift


async def remember_async(history: History, name: str, reader: Reader, at: datetime) -> list[Drift]:
    """The same, in a thread: it writes a file."""
    return await asyncio.to_thread(remember, history, name, reader, at)


def one(step: Request) -> Exchange[Response]:
    """A flow of one request."""
    return (yield step)


def pause(step: Sleep) -> Exchange[None]:
    """A flow of one pause."""
    yield step


def placed(connector: Connector, order: PurchaseOrder) -> Exchange[PlacedOrder]:
    """Order goods; what nobody can tell is an error of its own.

    Raises:
        OutcomeUnknownError: No answer tells whether the order was taken.
    """
    try:
        return (yield from connector.create_purchase_order(order))
    except BulkEditorError as error:
        if connector.classify(error).action != "unknown":
            raise
        raise OutcomeUnknownError(
            f"{connector.name}: no answer tells whether the order was taken: {error.message}",
            operation="create_purchase_order",
        ) from error
    except Exception as error:
        # It may be the answer to the order itself that could not be read: then the order was taken.
        raise OutcomeUnknownError(
            f"{connector.name}: an answer could not be read ({type(error).__name__}: {error}),"
            " so nobody can tell whether the order was taken.",
            operation="create_purchase_order",
        ) from error


def nothing(_: Never) -> tuple[()]:
    """What is taken where nothing can come."""
    return ()


__all__ = [
    "END",
    "End",
    "Flow",
    "advance",
    "advance_async",
    "nothing",
    "one",
    "pause",
    "placed",
    "remember",
    "remember_async",
]
