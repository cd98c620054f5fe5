"""Tells the log what happens to a call, and the hooks where there are any."""

from __future__ import annotations

from logging import DEBUG, WARNING

from bulkeditor.errors import BulkEditorError
from bulkeditor.http._hooks import Complaints, Hooks, logger
from bulkeditor.http._retry import Wait
from bulkeditor.http._state import Call
from bulkeditor.http._types import Response


def reporter(hooks: Hooks, complained: Complaints) -> Reporter:
    """The reporter of one session.

    Args:
        hooks: Whom to tell.
        complained: Memory of hooks that failed.
    """
    if not (hooks.on_request or hooks.on_response or hooks.on_retry or hooks.on_error):
        return Reporter()
    # Building the events' classes takes as long as a good part of this package; most programs have no hooks.
    from bulkeditor.http._teller import Teller  # noqa: PLC0415 - see above

    return Teller(hooks, complained)


class Reporter:
    """The log alone."""

    __slots__ = ()

    def sending(self, call: Call) -> None:
        """An attempt is about to be made."""

    def answered(self, call: Call, response: Response) -> None:
        """An answer came."""
        if logger.isEnabledFor(DEBUG):
            request = call.request
            logger.debug(
                "%s %s %s: %s in %.3f s (attempt %s)",
                request.operation,
                request.method,
                bare(request.path),
                response.status,
                response.elapsed,
                call.attempts,
                extra=_log_fields(call, response),
            )

    def retrying(self, call: Call, outcome: Response | BulkEditorError, wait: Wait) -> None:
        """The call failed and will be sent again."""
        if logger.isEnabledFor(WARNING):
            request = call.request
            status = outcome.status if isinstance(outcome, Response) else None
            logger.warning(
                "%s %s %s: %s, attempt %s; again in %.2f s",
                request.operation,
                request.method,
                bare(request.path),
                wait.reason if status is None else f"{wait.reason} (HTTP {status})",
                call.attempts,
                wait.seconds,
                extra={**_log_fields(call, outcome), "wait": wait.seconds, "reason": wait.reason},
            )

    def failed(self, call: Call, error: BulkEditorError, elapsed: float) -> None:
        """The call failed for good; its exception says so, the log need not."""


def bare(path: str) -> str:
    """A path without its query, which may hold what nobody else should read."""
    return path.partition("?")[0]


def _log_fields(call: Call, outcome: Response | BulkEditorError) -> dict[str, object]:
    fields: dict[str, object] = {
        "operation": call.request.operation,
        "method": call.request.method,
        "path": bare(call.request.path),
        "attempt": call.attempts,
    }
    if isinstance(outcome, Response):
        fields |= {"status": outcome.status, "duration": outcome.elapsed, "request_id": outcome.request_id}
    return fields


__all__ = ["Reporter", "bare", "reporter"]
