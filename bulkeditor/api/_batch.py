"""Send one batch of rows, whatever comes back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, cast

import attrs

from bulkeditor.api._compare import differences
from bulkeditor.api._lookup import find
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

_ROW_OF_FIELD: Final = re.compile(r"products(?:\[(\d+)\]|\.(\d+))\.?(.*)", re.ASCII)
_TOO_LARGE: Final = 413
_NOT_THE_ROWS: Final = frozenset({"route_not_found", "method_not_allowed", "invalid_json"})


class BatchSender:
    """Sends batches, and remembers what concerns all of them.

    Args:
        policy: Bounds how often a lost batch is sent again after reading.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self.silent: set[Row] = set()
        """Rows that a successful reply did not mention."""
        self.fatal: BulkEditorError | None = None
        """The first failure that has nothing to do with rows."""
        self.answered = False
        """Whether any request may have written something, or was answered row by row."""
        self._policy = policy

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
            response = yield build("products.update", content=_body(rows))
            replies = rows_of(response)
        except BulkEditorError as error:
            failure = error
        else:
            self.answered = True
            self._take(rows, replies)
            return
        if not lost(failure):
            yield from self._refused(rows, failure)
            return
        self.answered = True
        again = yield from self._settle(rows, failure, attempt)
        if again:
            yield Sleep(self._policy.bound(attempt))
            yield from self.send(again, attempt + 1)

    @property
    def _stopped(self) -> BulkEditorError | None:
        # Without a valid credential nothing else can succeed. A 403 may concern some rows only (stock).
        error = self.fatal
        return None if error is None or isinstance(error, PermissionDeniedError | TransportError) else error

    # Replies

    def _take(self, rows: Sequence[Row], replies: dict[str, RowReply]) -> None:
        for row in rows:
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
        if named and len(named) < len(rows):
            for row, errors in named.items():
                _fail(row, errors)
            yield from self.send([row for row in rows if row not in named])
        elif len(rows) == 1:
            errors = next(iter(named.values())) if named else ()
            _fail(rows[0], errors or (_as_error(cast("APIError", failure)),))
        else:
            for part in _halves(rows, by_size=cast("APIError", failure).status == _TOO_LARGE):
                yield from self.send(part)

    # Lost answers

    def _settle(self, rows: Sequence[Row], failure: BulkEditorError, attempt: int) -> Exchange[Sequence[Row]]:
        """Read the rows of a lost batch; what is left is to be sent again."""
        fields = {name for row in rows for name in row.wanted}
        try:
            found = yield from find("id", [cast("str", row.id) for row in rows], fields=fields)
        except BulkEditorError as error:
            reason = (
                f"It was sent, no answer came ({failure.message}); reading it back failed ({error.message})"
            )
            for row in rows:
                row.end("unknown", code="answer_lost", message=reason)
            return ()
        again: list[Row] = []
        for row in rows:
            products = found.rows[cast("str", row.id)]
            if products and not differences(row.wanted, products[0]):
                row.end("updated", verified=True)
            elif not products and row.id not in found.uncertain:
                row.end("failed", code="unknown_id", message=f"No product has the id {row.id!r}.")
            else:
                again.append(row)
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


def _body(rows: Sequence[Row]) -> bytes:
    return b'{"products":[' + b",".join(row.content for row in rows) + b"]}"


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


__all__ = ["BatchSender"]
