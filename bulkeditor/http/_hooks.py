"""Hooks: one mechanism that feeds logging, metrics and tracing.

Events never carry a credential, a body or a query.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import attrs

if TYPE_CHECKING:
    from bulkeditor.http._events import ErrorEvent, RequestEvent, ResponseEvent, RetryEvent

logger = logging.getLogger("bulkeditor")


@attrs.frozen(kw_only=True)
class Hooks:
    """Callables that are told what happens. An exception in one is logged once and breaks nothing.

    They run in the thread or task of the call, so they should be quick.

    Args:
        on_request: Called with a :class:`RequestEvent` before each attempt.
        on_response: Called with a :class:`ResponseEvent` after each answer.
        on_retry: Called with a :class:`RetryEvent` before each repeat.
        on_error: Called with an :class:`ErrorEvent` when a call fails for good.
    """

    on_request: tuple[Callable[[RequestEvent], object], ...] = ()
    on_response: tuple[Callable[[ResponseEvent], object], ...] = ()
    on_retry: tuple[Callable[[RetryEvent], object], ...] = ()
    on_error: tuple[Callable[[ErrorEvent], object], ...] = ()

    def __or__(self, other: Hooks) -> Hooks:
        """Both sets of hooks, this one's first."""
        return Hooks(
            on_request=(*self.on_request, *other.on_request),
            on_response=(*self.on_response, *other.on_response),
            on_retry=(*self.on_retry, *other.on_retry),
            on_error=(*self.on_error, *other.on_error),
        )


E = TypeVar("E")
Complaints: TypeAlias = set[int]
"""Ids of the hooks that failed already: each is complained about once."""


def tell(hooks: tuple[Callable[[E], object], ...], event: E, complained: Complaints) -> None:
    """Call each hook; a failing one is logged the first time and otherwise ignored.

    Args:
        hooks: Whom to tell.
        event: What happened.
        complained: Memory of failures, kept by the session.
    """
    for hook in hooks:
        try:
            hook(event)
        except Exception:  # a broken metric must not break a price update
            if id(hook) not in complained:
                complained.add(id(hook))
                logger.exception("hook %r failed; this is said once, the calls go on", _name(hook))


def _name(hook: Callable[..., Any]) -> str:
    return str(getattr(hook, "__qualname__", type(hook).__name__))


__all__ = ["Complaints", "Hooks", "logger", "tell"]
