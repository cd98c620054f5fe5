"""Send the rows of a step, in a way that a crash in between cannot double."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from bulkeditor.api._batch import BatchSender
from bulkeditor.api._operations import INVENTORY_FIELD
from bulkeditor.api._rows import Row
from bulkeditor.errors import PermissionDeniedError
from bulkeditor.http import Exchange
from bulkeditor.plans._reading import near
from bulkeditor.plans._work import Work


def sender_of(work: Work, *, page: str | None, turn: int | None, atomic: bool = False) -> BatchSender:
    """Sends a step's batch under keys that can be told again after a crash, and reads back near by.

    Args:
        work: The step.
        page: The page of the listing on which its products were.
        turn: How often its products were looked at, where the server does not compare what it holds with what
            was seen: then it gets one request, and what would need another is looked at anew. Else None.
        atomic: Whether all of it is written or nothing.
    """

    def key(body: bytes, attempt: int) -> str:
        return work.ctx.idempotency_key(f"{attempt}:{hashlib.sha256(body).hexdigest()}")

    return BatchSender(work.server.policy, read=near(page), key=key, atomic=atomic, turn=turn)


def deliver(work: Work, sender: BatchSender, rows: Sequence[Row]) -> Exchange[None]:
    """Send rows until each has its outcome.

    Args:
        work: The step.
        sender: Sends them.
        rows: The batch.

    Raises:
        BulkEditorError: The server cannot be reached, or refuses whatever is sent: the step is not over, and
            is settled by reading when it is taken up again.
    """
    if work.ctx.attempt > 1:
        yield from sender.send_again(rows)
    else:
        yield from sender.send(rows)
    stock = any(INVENTORY_FIELD in row.wanted for row in rows)
    if sender.fatal is not None and not (stock and isinstance(sender.fatal, PermissionDeniedError)):
        raise sender.fatal
    if sender.unread is None:
        yield from sender.confirm(rows)
    if sender.unread is not None:
        raise sender.unread


__all__ = ["deliver", "sender_of"]
