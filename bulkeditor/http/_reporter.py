"""Tells hooks and the log what happens to a call; what is not listened to is not built."""

from __future__ import annotations

from logging import DEBUG, WARNING
from typing import TYPE_CHECKING

from bulkeditor.errors import BulkEditorError
from bulkeditor.http._hooks import Complaints, Hooks, logger, tell
from bulkeditor.http._retry import Wait
from bulkeditor.http._state import Call
from bulkeditor.http._types import Response

if TYPE_CHECKING:
    from bulkeditor.http._events import ErrorEvent, RequestEvent, ResponseEvent, RetryEvent


class Reporter:
    """The hooks and the log of one session.

    Args:
        hooks: Whom to tell.
        complained: Memory of hooks that failed.
    """

    __slots__ = ("_complained", "_hooks")

    def __init__(self, hooks: Hooks, complained: Complaints) -> None:
        self._hooks = hooks
        self._complained = complained

    def sending(self, call: Call) -> None:
        """An attempt is about to be made."""
        if self._hooks.on_request:
            tell(self._hooks.on_request, _request_event(call), self._complained)

    def answered(self, call: Call, response: Response) -> None:
        """An answer came."""
        request = call.request
        if self._hooks.on_response:
            tell(self._hooks.on_response, _response_event(call, response), self._complained)
        if logger.isEnabledFor(DEBUG):
            logger.debug(
                "%s %s %s: %s in %.3f s (attempt %s)",
                request.operation,
                request.method,
                _bare(request.path),
                response.status,
                response.elapsed,
                call.attempts,
                extra=_log_fields(call, response),
            )

    def retrying(self, call: Call, outcome: Response | BulkEditorError, wait: Wait) -> None:
        """The call failed and will be sent again."""
        request = call.request
        status = outcome.status if isinstance(outcome, Response) else None
        if self._hooks.on_retry:
            tell(self._hooks.on_retry, _retry_event(call, status, wait), self._complained)
        if logger.isEnabledFor(WARNING):
            logger.warning(
                "%s %s %s: %s, attempt %s; again in %.2f s",
                request.operation,
                request.method,
                _bare(request.path),
                wait.reason if status is None else f"{wait.reason} (HTTP {status})",
                call.attempts,
                wait.seconds,
                extra={**_log_fields(call, outcome), "wait": wait.seconds, "reason": wait.reason},
            )

    def failed(self, call: Call, error: BulkEditorError, elapsed: float) -> None:
        """The call failed for good."""
        if self._hooks.on_error:
            tell(self._hooks.on_error, _error_event(call, error, elapsed), self._complained)


def _bare(path: str) -> str:
    return path.partition("?")[0]


# The events are imported by the first one that somebody listens to: building their classes takes as long as a
# good part of this package, and most programs have no hooks.


def _request_event(call: Call) -> RequestEvent:
    from bulkeditor.http._events import RequestEvent  # noqa: PLC0415 - see above

    request = call.request
    return RequestEvent(
        operation=request.operation,
        method=request.method,
        path=_bare(request.path),
        attempt=call.attempts,
    )


def _response_event(call: Call, response: Response) -> ResponseEvent:
    from bulkeditor.http._events import ResponseEvent  # noqa: PLC0415 - see above

    request = call.request
    return ResponseEvent(
        operation=request.operation,
        method=request.method,
        path=_bare(request.path),
        attempt=call.attempts,
        status=response.status,
        elapsed=response.elapsed,
        request_id=response.request_id,
        size=len(response.content),
    )


def _retry_event(call: Call, status: int | None, wait: Wait) -> RetryEvent:
    from bulkeditor.http._events import RetryEvent  # noqa: PLC0415 - see above

    request = call.request
    return RetryEvent(
        operation=request.operation,
        method=request.method,
        path=_bare(request.path),
        attempt=call.attempts,
        wait=wait.seconds,
        reason=wait.reason,
        status=status,
    )


def _error_event(call: Call, error: BulkEditorError, elapsed: float) -> ErrorEvent:
    from bulkeditor.http._events import ErrorEvent  # noqa: PLC0415 - see above

    request = call.request
    return ErrorEvent(
        operation=request.operation,
        method=request.method,
        path=_bare(request.path),
        attempts=call.attempts,
        elapsed=elapsed,
        error=error,
    )


def _log_fields(call: Call, outcome: Response | BulkEditorError) -> dict[str, object]:
    fields: dict[str, object] = {
        "operation": call.request.operation,
        "method": call.request.method,
        "path": _bare(call.request.path),
        "attempt": call.attempts,
    }
    if isinstance(outcome, Response):
        fields |= {"status": outcome.status, "duration": outcome.elapsed, "request_id": outcome.request_id}
    return fields


__all__ = ["Reporter"]
