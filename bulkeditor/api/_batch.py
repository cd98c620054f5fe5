"""Send one batch of rows, whatever comes back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import accumulate
from typing import Final, TypeAlias, cast

import attrs

from bulkeditor.api._lookup import Found, find
from bulkeditor.api._outcomes import OutcomeStatus
from bulkeditor.api._replies import RowReply, rows_of
from bulkeditor.api._request import build, lost
from bulkeditor.api._rows import Row
from bulkeditor.api._settle import finished, may_repeat
from bulkeditor.errors import (
    APIError,
    AuthenticationError,
    BulkEditorError,
    ConflictError,
    FieldError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    TransportError,
)
from bulkeditor.http import Exchange, RetryPolicy, Sleep
from bulkeditor.http._retry import pause_after

_ROW_OF_FIELD: Final = re.compile(r"products(?:\[(\d+)\]|\.(\d+))\.?(.*)", re.ASCII)
_TOO_LARGE: Final = 413
_NOT_THE_ROWS: Final = frozenset({"route_not_found", "method_not_allowed", "invalid_json"})


Reader: TypeAlias = Callable[[Sequence[str], Collection[str]], Exchange[Found]]
"""Reads products by id: the ids, and the fields to load."""


def by_id(ids: Sequence[str], fields: Collection[str]) -> Exchange[Found]:
    """Read products wherever they are listed."""
    return find("id", ids, fields=fields)


@attrs.frozen
class Left:
    """Rows of a batch that are to be sent again.

    Args:
        rows: The rows.
        failed: Whether that is because the request failed, and not because it is divided.
        sent: Whether they may have been written all the same.
    """

    rows: Sequence[Row]
    failed: bool = False
    sent: bool = False


class BatchSender:
    """Sends batches, and remembers what concerns all of them.

    Args:
        policy: Bounds how often a lost batch is sent again after reading.
        read: Reads back what became of rows.
        key: Idempotency key for a body and the number of its attempt, where it has to be the same after a
            crash; None = a new one each.
        atomic: Ask the server to write all rows of a batch or none; such a batch is never divided.
        turn: How often these rows were sent before, where each request rests on what was read right before
            it: then one is sent, and what would be sent again is ``left``. None = it is sent again.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        read: Reader = by_id,
        key: Callable[[bytes, int], str] | None = None,
        atomic: bool = False,
        turn: int | None = None,
    ) -> None:
        self.silent: set[Row] = set()
        """Rows that a successful reply did not mention."""
        self.fatal: BulkEditorError | None = None
        """The first failure that has nothing to do with rows."""
        self.unread: BulkEditorError | None = None
        """Why a lost batch could not be read back."""
        self.left: list[Left] = []
        """Rows that have to be read anew before they are sent again."""
        self.answered = False
        """Whether any request may have written something, or was answered row by row."""
        self._policy = policy
        self._read = read
        self._key = key
        self._atomic = atomic
        self._turn = turn

    def send(self, rows: Sequence[Row], attempt: int = 1) -> Exchange[None]:
        """Send rows until each has an outcome, or is known to be in doubt (``silent``).

        Args:
            rows: The batch.
            attempt: How many times these rows were sent, this time included.
        """
        if self._stopped is not None:
            _end(rows, "skipped", self._stopped, "It was not sent, because another request was refused")
            return
        try:
            body = self._body(rows)
            key = None if self._key is None else self._key(body, attempt)
            response = yield build("products.update", content=body, key=key, once=self._turn is not None)
            replies = rows_of(response)
        except BulkEditorError as error:
            failure = error
        else:
            self.answered = True
            self._take(rows, replies, repeated=response.attempts > 1)
            return
        tried = attempt + (self._turn or 0)
        if not lost(failure):
            pause = None if self._turn is None else pause_after(failure, tried, self._policy)
            if pause is None:
                yield from self._refused(rows, failure)
            else:
                yield Sleep(pause)
                self.left.append(Left(rows, failed=True))
            return
        self.answered = True
        again = yield from self._settle(rows, failure, tried)
        if again:
            yield Sleep(self._policy.bound(tried))
            yield from self._again(again, attempt + 1, sent=True)

    def _again(self, rows: Sequence[Row], attempt: int = 1, *, sent: bool = False) -> Exchange[None]:
        if self._turn is None:
            yield from self.send(rows, attempt)
        else:
            self.left.append(Left(rows, failed=sent, sent=sent))

    def send_again(self, rows: Sequence[Row]) -> Exchange[None]:
        """Send rows that may have been sent before a crash: only what is still as it was.

        Args:
            rows: The batch.

        Raises:
            BulkEditorError: They could not be read; nothing was sent.
        """
        left = yield from self._unsettled(rows)
        self.answered = True
        if left:
            yield from self.send(left)

    def _body(self, rows: Sequence[Row]) -> bytes:
        end = b'],"atomic":true}' if self._atomic else b"]}"
        return b'{"products":[' + b",".join(row.content for row in rows) + end

    @property
    def _stopped(self) -> BulkEditorError | None:
        # Without a valid credential nothing else can succeed. A 403 may concern some rows only (stock).
        error = self.fatal
        return None if error is None or isinstance(error, PermissionDeniedError | TransportError) else error

    # Replies

    def _take(self, rows: Sequence[Row], replies: dict[str, RowReply], *, repeated: bool) -> None:
        for row in rows:
            row.repeated = repeated
            reply = replies.get(cast("str", row.id))
            if reply is None or reply.status is None:
                self.silent.add(row)
            elif reply.status == "failed":
                _fail(row, reply.errors)
            else:
                row.end(reply.status)

    # Refusals

    def _refused(self, rows: Sequence[Row], failure: BulkEditorError) -> Exchange[None]:
        if not _about_rows(failure):
            self.fatal = self.fatal or failure
            _end(
                rows,
                "failed",
                failure,
                "It was refused" if isinstance(failure, APIError) else "It was not sent",
            )
            return
        self.answered = True
        named = _rows_named(rows, cast("APIError", failure))
        if self._atomic:
            for row in rows:
                if row in named or not named:
                    _fail(row, named.get(row) or (_as_error(cast("APIError", failure)),))
            _end([row for row in rows if row.open], "skipped", failure, "It was not written")
        elif named and len(named) < len(rows):
            for row, errors in named.items():
                _fail(row, errors)
            yield from self._again([row for row in rows if row not in named])
        elif len(rows) == 1:
            errors = next(iter(named.values())) if named else ()
            _fail(rows[0], errors or (_as_error(cast("APIError", failure)),))
        else:
            for part in _halves(rows, by_size=cast("APIError", failure).status == _TOO_LARGE):
                yield from self._again(part)

    # Lost answers

    def _settle(self, rows: Sequence[Row], failure: BulkEditorError, attempt: int) -> Exchange[Sequence[Row]]:
        """Read the rows of a lost batch; what is left is to be sent again."""
        try:
            again = yield from self._unsettled(rows)
        except BulkEditorError as error:
            self.unread = error
            reason = (
                f"It was sent, no answer came ({failure.message}); reading it back failed ({error.message})"
            )
            for row in rows:
                row.end("unknown", code="answer_lost", message=reason)
            return ()
        if not again or may_repeat(failure, self._policy, attempt):
            return again
        if finished(failure):
            # The server failed, said so, and the product is as it was.
            _end(again, "failed", failure, "The server failed, and the product is not as wanted")
        else:
            _end(
                again, "unknown", failure, "It was sent, no answer came, and the product is not as wanted yet"
            )
        return ()

    def _unsettled(self, rows: Sequence[Row]) -> Exchange[list[Row]]:
        """Read rows that may have been written; those that were not, as far as can be seen, are left over."""
        fields = {name for row in rows for name in row.wanted}
        found = yield from self._read([cast("str", row.id) for row in rows], fields)
        again: list[Row] = []
        for row in rows:
            products = found.rows[cast("str", row.id)]
            row.held = products[0] if products else None
            if row.held is not None and not row.differences(row.held):
                row.end("updated", verified=True)
            elif row.held is not None and row.overtaken(row.held):
                message = "It was sent, no answer came, and the product holds what somebody else wrote"
                row.end("unknown", code="overtaken", message=message)
            elif row.held is None and row.id not in found.uncertain:
                row.end("failed", code="unknown_id", message=f"No product has the id {row.id!r}.")
            else:
                again.append(row)
        return again

    # Answers that leave doubt

    def confirm(self, rows: Iterable[Row]) -> Exchange[None]:
        """Read what no reply has settled, once, and compare.

        Args:
            rows: Rows that were sent.
        """
        doubtful = [row for row in rows if row in self.silent or (row.verify and _done(row))]
        if not doubtful:
            return
        fields = {name for row in doubtful for name in row.wanted}
        try:
            found = yield from self._read([cast("str", row.id) for row in doubtful], fields)
        except (APIError, TransportError) as error:
            self.unread = error
            _unread(doubtful, error)
            return
        for row in doubtful:
            _judge(row, found)


def _done(row: Row) -> bool:
    return row.outcome is not None and row.outcome.ok and not row.outcome.verified


def _unread(rows: Iterable[Row], error: BulkEditorError) -> None:
    for row in rows:
        if row.outcome is None:
            message = (
                f"It was sent, the reply does not mention it, and reading it back failed: {error.message}"
            )
            row.end("unknown", code="not_read_back", message=message)


def _judge(row: Row, found: Found) -> None:
    """Set the outcome of a sent row by what the server holds."""
    products = found.rows[cast("str", row.id)]
    replied = row.outcome.status if row.outcome is not None else None
    if not products:
        if row.id in found.uncertain:
            if replied is None:
                message = "It was sent, and could not be found in a list that changes while it is read."
                row.end("unknown", code="not_read_back", message=message)
            return
        row.end("failed", code="unknown_id", message=f"No product has the id {row.id!r}.")
        return
    row.held = products[0]
    errors = row.differences(row.held)
    if errors:
        message = f"The server took it and did not apply it: {'; '.join(map(str, errors))}"
        row.end("failed", code="not_applied", message=message, errors=errors)
    else:
        row.end("unchanged" if replied == "unchanged" else "updated", verified=True)


def _about_rows(failure: BulkEditorError) -> bool:
    if not isinstance(failure, InvalidRequestError | ConflictError | NotFoundError):
        return False
    return failure.code not in _NOT_THE_ROWS and not isinstance(failure, AuthenticationError)


def _rows_named(rows: Sequence[Row], failure: APIError) -> dict[Row, tuple[FieldError, ...]]:
    """The rows that a refusal of a whole batch names (``products[3].price``)."""
    named: dict[Row, tuple[FieldError, ...]] = {}
    for error in failure.field_errors:
        match = _ROW_OF_FIELD.fullmatch(error.field or "")
        index = int(match[1] or match[2]) if match else len(rows)
        if match is not None and index < len(rows):
            row = rows[index]
            named[row] = (*named.get(row, ()), attrs.evolve(error, field=match[3] or None))
    return named


def _halves(rows: Sequence[Row], *, by_size: bool) -> tuple[Sequence[Row], Sequence[Row]]:
    middle = len(rows) // 2
    if by_size:
        sizes = list(accumulate(len(row.content) for row in rows))
        middle = next(index for index, size in enumerate(sizes, 1) if 2 * size >= sizes[-1])
        middle = min(max(middle, 1), len(rows) - 1)
    return rows[:middle], rows[middle:]


def _as_error(failure: APIError) -> FieldError:
    return FieldError(message=failure.message, code=failure.code or f"http_{failure.status}")


def _fail(row: Row, errors: Sequence[FieldError]) -> None:
    code = errors[0].code if errors else "refused"
    text = "; ".join(error.message for error in errors) or "The server refused the row without saying why."
    row.end("failed", code=code, message=text, errors=errors)


def _end(rows: Sequence[Row], status: OutcomeStatus, failure: BulkEditorError, what: str) -> None:
    code = failure.code if isinstance(failure, APIError) else None
    fallback = "not_sent" if not isinstance(failure, APIError) else f"http_{failure.status}"
    for row in rows:
        row.end(status, code=code or fallback, message=f"{what}: {failure.message}")


__all__ = ["BatchSender", "Left", "Reader", "by_id"]
