"""What a refusal means: from statuses, a vendor's codes and lost answers to one verdict."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, cast

import attrs

from bulkeditor.connectors._types import Action, Verdict
from bulkeditor.errors import (
    APIError,
    AuthenticationError,
    BulkEditorError,
    ConflictError,
    InvalidInputError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
    UnexpectedResponseError,
    VendorError,
)

LOGIN_PAGE: Final = "login_page"

# Refusals that say nothing about the row. 408: how much had arrived by then, nobody says.
_PASSING: Final[Mapping[int, Action]] = MappingProxyType(
    {
        HTTPStatus.REQUEST_TIMEOUT: "unknown",
        HTTPStatus.LOCKED: "retry",
        HTTPStatus.TOO_EARLY: "retry",
    }
)

# The first class that fits counts.
_BY_CLASS: Final[tuple[tuple[type[BulkEditorError], Action], ...]] = (
    (AuthenticationError, "fatal"),
    (PermissionDeniedError, "fatal"),
    (RateLimitError, "retry"),
    (NotFoundError, "skip_row"),
    (ConflictError, "conflict"),
    (InvalidRequestError, "dead_letter"),
    (InvalidInputError, "dead_letter"),
    (ServerError, "unknown"),
    (UnexpectedResponseError, "unknown"),
)


def _seconds(value: object) -> float | None:
    """A pause as an answer's JSON has it; None for one that says nothing, as nonsense does."""
    try:
        seconds = float(value) if isinstance(value, int | float | str | Decimal) else -1.0
    except (ValueError, OverflowError):
        return None
    return seconds if seconds >= 0 else None


@attrs.frozen
class Problem:
    """What a system says is wrong.

    Args:
        code: Its own name for it.
        message: Its sentence.
        after: Seconds after which a repeat is welcome.
    """

    code: str | None
    message: str | None = None
    after: float | None = attrs.field(default=None, kw_only=True, converter=_seconds)


def explain(body: object) -> Problem | None:
    """The problem in the usual forms of an error's body; None where there is none to be seen."""
    if not isinstance(body, Mapping):
        return None
    members = cast("Mapping[str, object]", body)
    inner = members.get("error")
    if isinstance(inner, Mapping):
        members = cast("Mapping[str, object]", inner)
    code = _text(members.get("code")) or (inner if isinstance(inner, str) else None)
    message = _text(members.get("message")) or _text(members.get("detail")) or _text(members.get("title"))
    return Problem(code, message) if code or message else None


def _text(value: object) -> str | None:
    if isinstance(value, Mapping):
        # OData V2: {"lang": "en", "value": "…"}.
        value = cast("Mapping[str, object]", value).get("value")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def classify(
    error: BulkEditorError, problem: Problem | None, declared: Mapping[int | str, Action]
) -> Verdict:
    """What follows from an error.

    Args:
        error: What the call ended with.
        problem: What the body says.
        declared: The connector's own meanings, by code or by status; a code counts before a status.
    """
    if isinstance(error, VendorError):
        return Verdict(
            cast("Action", error.action), code=error.code, message=error.message, after=error.retry_after
        )
    status = error.status if isinstance(error, APIError) else None
    own = error.code if isinstance(error, APIError) else None
    code = (problem.code if problem else None) or own
    message = (problem.message if problem else None) or error.message
    after = (problem.after if problem else None) or (
        error.retry_after if isinstance(error, APIError) else None
    )
    action = declared.get(code) if code is not None else None
    if action is None and status is not None:
        action = declared.get(status)
    return Verdict(action or _action(error), code=code, message=message, after=after)


def _action(error: BulkEditorError) -> Action:
    if isinstance(error, TransportError):
        return "unknown" if error.sent else "retry"
    if isinstance(error, APIError) and error.status in _PASSING:
        return _PASSING[error.status]
    for kind, action in _BY_CLASS:
        if isinstance(error, kind):
            return action
    return "dead_letter" if isinstance(error, APIError) else "fatal"


__all__ = ["LOGIN_PAGE", "Problem", "classify", "explain"]
