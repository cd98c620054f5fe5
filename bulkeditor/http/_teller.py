"""Tells the hooks what happens to a call; an event that nobody listens to is not built."""

from __future__ import annotations

from bulkeditor.errors import BulkEditorError
from bulkeditor.http._events import ErrorEvent, RequestEvent, ResponseEvent, RetryEvent
from bulkeditor.http._hooks import Complaints, Hooks, tell
from bulkeditor.http._reporter import Reporter, bare
from bulkeditor.http._retry import Wait
from bulkeditor.http._state import Call
from bulkeditor.http._types import Response


class Teller(Reporter):
    """The log and the hooks.

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
            request = call.request
            event = RequestEvent(
                operation=request.operation,
                method=request.method,
                path=bare(request.path),
                attempt=call.attempts,
            )
            tell(self._hooks.on_request, event, self._complained)

    def answered(self, call: Call, response: Response) -> None:
        """An answer came."""
        if self._hooks.on_response:
            request = call.request
            event = ResponseEvent(
                operation=request.operation,
                method=request.method,
                path=bare(request.path),
                attempt=call.attempts,
                status=response.status,
                elapsed=response.elapsed,
                request_id=response.request_id,
                size=len(response.content),
            )
            tell(self._hooks.on_response, event, self._complained)
        super().answered(call, response)

    def retrying(self, call: Call, outcome: Response | BulkEditorError, wait: Wait) -> None:
        """The call failed and will be sent again."""
        if self._hooks.on_retry:
            request = call.request
            event = RetryEvent(
                operation=request.operation,
                method=request.method,
                path=bare(request.path),
                attempt=call.attempts,
                wait=wait.seconds,
                reason=wait.reason,
                status=outcome.status if isinstance(outcome, Response) else None,
            )
            tell(self._hooks.on_retry, event, self._complained)
        super().retrying(call, outcome, wait)

    def failed(self, call: Call, error: BulkEditorError, elapsed: float) -> None:
        """The call failed for good."""
        if self._hooks.on_error:
            request = call.request
            event = ErrorEvent(
                operation=request.operation,
                method=request.method,
                path=bare(request.path),
                attempts=call.attempts,
                elapsed=elapsed,
                error=error,
            )
            tell(self._hooks.on_error, event, self._complained)


__all__ = ["Teller"]
