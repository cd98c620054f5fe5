"""Who handles which event."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs

from bulkeditor.errors import InvalidInputError
from bulkeditor.models import EventName
from bulkeditor.models._base import did_you_mean
from bulkeditor.webhooks._events import Event

ALL: Final = "*"

HandlerT = TypeVar("HandlerT", bound=Callable[..., object])


@attrs.frozen(kw_only=True)
class Handler:
    """A function that handles events.

    Args:
        name: Stable, because the inbox keeps which handlers are done with an event.
        wanted: A name, ``product.*``, or ``*``.
        call: The function.
        shares: Whether it works within the inbox's transaction, whose connection is its second argument.
        waits: Whether it is a coroutine function.
        stale: Whether it handles what came too late.
    """

    name: str
    wanted: str
    call: Callable[..., Any]
    shares: bool
    waits: bool
    stale: bool = False

    @property
    def key(self) -> str:
        """What it is called where the inbox notes that it is done with an event."""
        return f"{'stale ' if self.stale else ''}{self.wanted} {self.name}"

    def takes(self, event: str) -> bool:
        """Whether it handles events of this name.

        Args:
            event: The event's name.
        """
        if self.wanted.endswith(ALL):
            return event.startswith(self.wanted.removesuffix(ALL))
        return event == self.wanted


class Handlers:
    """The handlers of one receiver, in the order in which they were added."""

    def __init__(self) -> None:
        self._handlers: list[Handler] = []
        self._stale: list[Handler] = []

    def __bool__(self) -> bool:
        return bool(self._handlers)

    @property
    def any_waits(self) -> bool:
        """Whether one of them is a coroutine function."""
        return any(handler.waits for handler in (*self._handlers, *self._stale))

    def add(self, wanted: str, call: Callable[..., Any], name: str | None) -> None:
        """Add a handler for events.

        Args:
            wanted: A name, ``product.*``, or ``*``.
            call: The function.
            name: What it is called in the inbox; its module and qualified name when left out.

        Raises:
            InvalidInputError: The name of the event is misspelt, or that of the handler is taken.
        """
        _check_event(wanted)
        self._handlers.append(self._made(wanted, call, name, self._handlers))

    def add_stale(self, call: Callable[..., Any], name: str | None) -> None:
        """Add a handler for stale events.

        Args:
            call: The function.
            name: As above.

        Raises:
            InvalidInputError: The handler's name is taken.
        """
        self._stale.append(attrs.evolve(self._made(ALL, call, name, self._stale), stale=True))

    def of(self, event: Event, *, stale: bool) -> list[Handler]:
        """Who handles an event; a function that was registered for several things takes it once.

        Args:
            event: The event.
            stale: Whether it is older than what was handled before.
        """
        found: list[Handler] = []
        for handler in self._stale if stale else self._handlers:
            if handler.takes(event.name) and all(handler.call != other.call for other in found):
                found.append(handler)
        return found

    def _made(
        self, wanted: str, call: Callable[..., Any], name: str | None, others: list[Handler]
    ) -> Handler:
        name = name or f"{call.__module__}.{getattr(call, '__qualname__', type(call).__qualname__)}"
        if any(handler.name == name and handler.wanted == wanted for handler in others):
            raise InvalidInputError(
                f"There is a handler {name!r} for {wanted!r} already.",
                hint="Give each handler a name of its own: @receiver.on(…, name='…').",
            )
        if _is(inspect.isgeneratorfunction, call) or _is(inspect.isasyncgenfunction, call):
            raise InvalidInputError(
                f"The handler {name!r} is a generator: to call it does nothing.",
                hint="Take yield out of it, or work in a function that it calls.",
            )
        waits = _is(inspect.iscoroutinefunction, call)
        shares = _wants_transaction(call)
        if waits and shares:
            raise InvalidInputError(
                f"The handler {name!r} is a coroutine function and asks for the inbox's transaction.",
                hint="Make it a plain function: a transaction must not stay open while something waits.",
            )
        return Handler(name=name, wanted=wanted, call=call, shares=shares, waits=waits)


def _is(kind: Callable[[object], bool], call: Callable[..., Any]) -> bool:
    """Whether a function, or what an object does when it is called, is of a kind."""
    return kind(call) or kind(getattr(call, "__call__", None))  # noqa: B004 - not whether it can be called


def _check_event(wanted: str) -> None:
    family = wanted.removesuffix(ALL)
    if family != wanted:
        if family and not any(name.startswith(family) for name in EventName.ALL):
            raise InvalidInputError(
                f"No event begins with {family!r}.", hint=f"There are {', '.join(EventName.ALL)}."
            )
    elif wanted not in EventName.ALL and (near := did_you_mean(wanted, EventName.ALL)):
        # A name that resembles none may be an event that this version does not know.
        raise InvalidInputError(f"There is no event {wanted!r}.{near}")


def _wants_transaction(call: Callable[..., Any]) -> bool:
    """Whether a function has a second argument that must be given."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [
        parameter
        for parameter in inspect.signature(call).parameters.values()
        if parameter.kind in positional and parameter.default is inspect.Parameter.empty
    ]
    if len(needed) > 2:  # noqa: PLR2004 - the event, and the transaction
        raise InvalidInputError(
            "A handler takes the event, and perhaps the inbox's transaction: (event) or (event, tx)."
        )
    return len(needed) == 2  # noqa: PLR2004 - as above


__all__ = ["Handler", "HandlerT", "Handlers"]
