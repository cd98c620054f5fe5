"""Settle writes whose answer was lost: read what became of them, and never repeat blindly.

A POST that creates something is sent once. When its answer is lost, what is there now is compared with what
was there before it: exactly one new thing that is as it was asked for is the one. In every other case the
outcome is unknown, and said so. It is not sent again even when nothing new is to be seen: a server may keep
what it was sent in another form (trimmed, rounded, or shown without these fields), and a discount would be
given twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, Protocol, TypeVar

from bulkeditor.api._request import answered, ask, lost, unknown
from bulkeditor.errors import (
    APIError,
    BulkEditorError,
    NotFoundError,
    OutcomeUnknownError,
    RequestTimeoutError,
    ServerError,
    UnsupportedByServerError,
)
from bulkeditor.http import Exchange, Request, Response, RetryPolicy, Sleep

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_FINISHED: Final = frozenset({500, 501, 503, 507})
"""Failures that the server itself reports; 502 and 504 come from a gateway that knows as little as we do."""


class Finder(Protocol[T_co]):
    """Finds what a lost POST created."""

    def before(self) -> Exchange[None]:
        """Remember what is there."""
        ...

    def after(self) -> Exchange[Sequence[T_co]]:
        """New things that are as the POST asked for."""
        ...


def post(
    request: Request,
    *,
    read: Callable[[Response], T],
    finder: Finder[T],
    honoured: bool,
    instead: str | None = None,
) -> Exchange[T]:
    """Send a POST that creates something, exactly once.

    Args:
        request: The POST.
        read: Reads the answer.
        finder: Finds what it created when the answer is lost.
        honoured: Whether the server is known to honour idempotency keys: repeating is safe then, and nothing
            has to be read before.
        instead: The way without this operation, where a server lacks it.

    Raises:
        OutcomeUnknownError: The answer was lost, and reading could not settle what became of it.
    """
    ready = None if honoured else (yield from _ready(finder))
    try:
        return (yield from answered(request, read=read, honoured=honoured, instead=instead))
    except BulkEditorError as error:
        if not lost(error):
            raise
        failure = error
    found = yield from _found(ready, request, failure)
    if len(found) == 1:
        return found[0]
    raise unknown(request, failure) from failure


def _ready(finder: Finder[T]) -> Exchange[Finder[T] | None]:
    try:
        yield from finder.before()
    except (APIError, UnsupportedByServerError):
        # What cannot be read before cannot settle anything after; the write itself may still be allowed.
        return None
    return finder


def _found(finder: Finder[T] | None, request: Request, failure: BulkEditorError) -> Exchange[Sequence[T]]:
    if finder is None:
        raise unknown(request, failure) from failure
    try:
        return (yield from finder.after())
    except OutcomeUnknownError:
        raise  # the finder knows more than we do
    except BulkEditorError as error:
        raise unknown(request, failure) from error


def delete_once(request: Request, *, policy: RetryPolicy, instead: str | None = None) -> Exchange[None]:
    """Send a DELETE; when its answer is lost, again, and then "not found" means that it is done.

    Raises:
        NotFoundError: The first answer says that there is no such thing.
        OutcomeUnknownError: No answer came, however often it was sent.
    """
    for attempt in count(1):
        try:
            yield from ask(request, instead=instead)
        except NotFoundError:
            if attempt == 1:
                raise
        except BulkEditorError as error:
            if not lost(error):
                raise
            if not may_repeat(error, policy, attempt):
                raise unknown(request, error) from error
            yield Sleep(policy.bound(attempt))
            continue
        return


def finished(failure: BulkEditorError) -> bool:
    """Whether the server itself said that it failed, so that nothing of the request is still under way."""
    return isinstance(failure, ServerError) and failure.status in _FINISHED


def may_repeat(failure: BulkEditorError, policy: RetryPolicy, attempt: int) -> bool:
    """Whether the policy allows one more attempt after this kind of failure."""
    if attempt > policy.max_retries:
        return False
    if isinstance(failure, RequestTimeoutError):
        return "timeout" in policy.retry_on
    return ("server_error" if isinstance(failure, APIError) else "network_error") in policy.retry_on


__all__ = ["Finder", "delete_once", "finished", "may_repeat", "post"]
