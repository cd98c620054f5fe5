"""What hooks are told. Events never carry a credential, a body or a query."""

from __future__ import annotations

import attrs

from bulkeditor.errors import BulkEditorError


@attrs.frozen(kw_only=True)
class RequestEvent:
    """A request is about to be sent.

    Args:
        operation: The operation's name in openapi.yaml.
        method: HTTP method.
        path: Path without the query.
        attempt: 1 for the first.
    """

    operation: str
    method: str
    path: str
    attempt: int


@attrs.frozen(kw_only=True)
class ResponseEvent:
    """An answer came, of any status.

    Args:
        operation: The operation's name in openapi.yaml.
        method: HTTP method.
        path: Path without the query.
        attempt: 1 for the first.
        status: HTTP status.
        elapsed: Seconds from sending to the last byte.
        request_id: The server's ``X-Request-Id``.
        size: Bytes of the body.
    """

    operation: str
    method: str
    path: str
    attempt: int
    status: int
    elapsed: float
    request_id: str | None
    size: int


@attrs.frozen(kw_only=True)
class RetryEvent:
    """A request failed and will be sent again.

    Args:
        operation: The operation's name in openapi.yaml.
        method: HTTP method.
        path: Path without the query.
        attempt: The attempt that failed; 1 for the first.
        wait: Seconds until the next one.
        reason: ``network_error``, ``timeout``, ``rate_limit``, ``server_error``, ``in_progress`` or
            ``unauthenticated``.
        status: HTTP status, when there was an answer.
    """

    operation: str
    method: str
    path: str
    attempt: int
    wait: float
    reason: str
    status: int | None


@attrs.frozen(kw_only=True)
class ErrorEvent:
    """A request failed for good.

    Args:
        operation: The operation's name in openapi.yaml.
        method: HTTP method.
        path: Path without the query.
        attempts: How many times it was sent.
        elapsed: Seconds since the first attempt, waits included.
        error: What is raised.
    """

    operation: str
    method: str
    path: str
    attempts: int
    elapsed: float
    error: BulkEditorError


__all__ = ["ErrorEvent", "RequestEvent", "ResponseEvent", "RetryEvent"]
