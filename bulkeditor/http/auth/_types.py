"""What a session needs to know about a credential; all of it pure.

An :class:`Auth` says whether a token is stale, how another one is fetched, how a request is signed, and
which answer means "refused". The session owns the token, the lock and the single flight, so a renewal
happens once however many threads or tasks need it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol, runtime_checkable

import attrs

from bulkeditor._secret import Secret
from bulkeditor._secret import secret as as_secret
from bulkeditor.errors import ConfigurationError
from bulkeditor.http._types import Exchange, Request, Response

# Renewed this long before the end, so that a request in flight does not arrive with a dead token.
_LEEWAY: Final = 30.0


@attrs.frozen(kw_only=True)
class Token:
    """A credential in use.

    Args:
        value: The key or access token.
        expires_in: Seconds it is valid, from ``obtained_at``; None when it does not say.
        obtained_at: When it was asked for; the session fills it in.
        refresh_token: For the next renewal.
        scopes: What it may do, as far as the server says.
        inner: The token of another credential that this one stands on.
    """

    value: Secret
    expires_in: float | None = None
    obtained_at: datetime | None = None
    refresh_token: Secret | None = None
    scopes: tuple[str, ...] = ()
    inner: Token | None = None

    def expires_at(self) -> datetime | None:
        """When it ends; None when unknown."""
        if self.expires_in is None or self.obtained_at is None:
            return None
        return self.obtained_at + timedelta(seconds=self.expires_in)

    def expired(self, now: datetime) -> bool:
        """Whether it should be renewed: shortly before it ends.

        Args:
            now: The current time, aware.
        """
        ends = self.expires_at()
        if ends is None or self.expires_in is None:
            return False
        # A tenth of a short life: with a fixed leeway a one-minute token would be renewed for each request.
        return now >= ends - timedelta(seconds=min(_LEEWAY, self.expires_in / 10))

    def secrets(self) -> tuple[Secret, ...]:
        """Everything in it that must never be shown."""
        refresh = () if self.refresh_token is None else (self.refresh_token,)
        return (self.value, *refresh, *(self.inner.secrets() if self.inner else ()))


@attrs.frozen
class Attempt:
    """The attempt that a request is signed for; each repeat is another one.

    Args:
        now: The session's time of day, aware.
        address: Gives the absolute URL, exactly as it is sent.
    """

    now: datetime
    address: Callable[[], str] = attrs.field(repr=False)

    @property
    def url(self) -> str:
        """The absolute URL, exactly as it is sent."""
        return self.address()


@runtime_checkable
class Auth(Protocol):
    """What a session needs to know about a credential; all of it pure."""

    def stale(self, token: Token | None, now: datetime) -> bool:
        """Whether a token must be fetched before the next request."""
        ...

    def renew(self, token: Token | None, now: datetime) -> Exchange[Token]:
        """The conversation that yields a new token; the old one may be refused or None."""
        ...

    def sign(self, request: Request, token: Token, attempt: Attempt) -> Request:
        """The request with the credential added, for one attempt."""
        ...

    def refused(self, response: Response) -> bool:
        """Whether an answer says that the token is dead and nothing was done, so that a new one may help."""
        ...


@runtime_checkable
class Discreet(Protocol):
    """An :class:`Auth` that also names its own secrets, to be masked where a server quotes them."""

    def secrets(self) -> tuple[Secret, ...]:
        """What must never be shown."""
        ...


@runtime_checkable
class Demanding(Protocol):
    """An :class:`Auth` that can say before the first request what it lacks."""

    def missing(self) -> tuple[str, ...]:
        """What must be set, in words: ``API key (MY_ERP_TOKEN)``."""
        ...


@runtime_checkable
class Leaving(Protocol):
    """An :class:`Auth` whose server wants to be told when a session ends."""

    def leave(self, token: Token) -> Exchange[None]:
        """The conversation that ends the session."""
        ...


UNAUTHORIZED: Final = 401


def checked(value: str | Secret, what: str) -> Secret:
    """A credential that can be sent in a header.

    Args:
        value: The credential.
        what: Names it in the error: ``The API key``.

    Raises:
        ConfigurationError: It is empty, or a header cannot carry it.
    """
    held = as_secret(value)
    problem = problem_of(held)
    if problem:
        # The value itself never appears in the text.
        raise ConfigurationError(
            f"{what} {problem}.", hint="Copy it again, without spaces or line breaks around it."
        )
    return held


def problem_of(value: Secret) -> str | None:
    """Why a header cannot carry it; None when it can."""
    if not value:
        return "is empty"
    shown = value.reveal()
    if not shown.isascii() or not shown.isprintable() or shown.strip() != shown:
        return "holds what an HTTP header cannot carry (a line break, a space at an end, a non-ASCII letter)"
    return None


__all__ = [
    "UNAUTHORIZED",
    "Attempt",
    "Auth",
    "Demanding",
    "Discreet",
    "Leaving",
    "Token",
    "checked",
    "problem_of",
]
