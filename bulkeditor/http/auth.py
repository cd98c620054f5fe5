"""Credentials: an API key, a bearer token, or OAuth 2 client credentials.

An :class:`Auth` holds only what is pure: whether a token is stale, the conversation that fetches another one,
how a request is signed, and which answer means "refused". The session owns the token, the lock and the single
flight, so a renewal happens once however many threads or tasks need it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final, Protocol, runtime_checkable
from urllib.parse import urlencode

import attrs

from bulkeditor._secret import Secret
from bulkeditor._secret import secret as as_secret
from bulkeditor.errors import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    PermissionDeniedError,
    UnexpectedResponseError,
)
from bulkeditor.http._types import Exchange, Request, Response

_UNAUTHORIZED: Final = 401
# Renewed this long before the end, so that a request in flight does not arrive with a dead token.
_LEEWAY: Final = 30.0
_FOREVER: Final = 100 * 365 * 86_400.0


@attrs.frozen(kw_only=True)
class Token:
    """A credential in use.

    Args:
        value: The key or access token.
        expires_in: Seconds it is valid, from ``obtained_at``; None when it does not say.
        obtained_at: When it was asked for; the session fills it in.
        refresh_token: For the next renewal.
        scopes: What it may do, as far as the server says.
    """

    value: Secret
    expires_in: float | None = None
    obtained_at: datetime | None = None
    refresh_token: Secret | None = None
    scopes: tuple[str, ...] = ()

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


@runtime_checkable
class Auth(Protocol):
    """What a session needs to know about a credential; all of it pure."""

    def stale(self, token: Token | None, now: datetime) -> bool:
        """Whether a token must be fetched before the next request."""
        ...

    def renew(self, token: Token | None) -> Exchange[Token]:
        """The conversation that yields a new token; the old one may be refused or None."""
        ...

    def sign(self, request: Request, token: Token) -> Request:
        """The request with the credential added."""
        ...

    def refused(self, response: Response) -> bool:
        """Whether an answer says that the token is dead, so that a new one may help."""
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


def _checked(value: str | Secret, what: str) -> Secret:
    held = as_secret(value)
    problem = _problem(held)
    if problem:
        # The value itself never appears in the text.
        raise ConfigurationError(
            f"{what} {problem}.", hint="Copy it again, without spaces or line breaks around it."
        )
    return held


def _problem(value: Secret) -> str | None:
    if not value:
        return "is empty"
    shown = value.reveal()
    if not shown.isascii() or not shown.isprintable() or shown.strip() != shown:
        return "holds what an HTTP header cannot carry (a line break, a space at an end, a non-ASCII letter)"
    return None


class APIKey:
    """An API key in a header of its own.

    Args:
        key: The key; or a callable that fetches it (from a vault), asked again when the server refuses the
            old one.
        env: Environment variable to read it from, when ``key`` is left out; read again likewise.
        header: The header's name.

    Raises:
        ConfigurationError: Neither is given, or the key cannot be sent in a header.
    """

    __slots__ = ("_env", "_header", "_key")
    _what: ClassVar = "API key"

    def __init__(
        self,
        key: str | Secret | Callable[[], str | Secret] | None = None,
        *,
        env: str | None = None,
        header: str = "X-API-Key",
    ) -> None:
        self._header = header
        self._env = env
        self._key: Secret | Callable[[], str | Secret] | None
        if isinstance(key, str | Secret):
            self._key = _checked(key, "The API key")
        elif key is None and env is None:
            raise ConfigurationError(
                "APIKey needs a key.", hint="Pass key=…, or env= with the name of a variable."
            )
        else:
            self._key = key

    def stale(self, token: Token | None, now: datetime) -> bool:  # noqa: ARG002 - the protocol's signature
        """A key is read once, before the first request."""
        return token is None

    def renew(self, token: Token | None) -> Exchange[Token]:  # noqa: ARG002 - the protocol's signature
        """Read the key from where it comes from; sends nothing."""
        yield from ()  # a conversation without a word: reading a key needs no request
        return Token(value=self._read())

    def sign(self, request: Request, token: Token) -> Request:
        """Add the header."""
        return request.with_header(self._header, token.value.reveal())

    def refused(self, response: Response) -> bool:
        """A 401 is worth another try only where the key can be read anew."""
        return response.status == _UNAUTHORIZED and not isinstance(self._key, Secret)

    def missing(self) -> tuple[str, ...]:
        """The environment variable that it is to be read from, where that is not set."""
        unset = self._key is None and not os.environ.get(self._env or "")
        return (f"{self._what} ({self._env})",) if unset else ()

    def _read(self) -> Secret:
        if isinstance(self._key, Secret):
            return self._key
        if self._key is not None:
            return _checked(self._key(), "The API key from the callable")
        name = self._env or ""
        value = os.environ.get(name)
        if not value:
            raise ConfigurationError(
                f"The environment variable {name} is not set.", hint="Set it to the API key."
            )
        return _checked(value, f"The API key in {name}")

    def __repr__(self) -> str:
        source = f"env={self._env!r}" if self._key is None else "***"
        return f"APIKey({source}, header={self._header!r})"


class Bearer(APIKey):
    """A bearer token in ``Authorization``.

    Args:
        token: The access token; or a callable that fetches it, asked again when the server refuses the old
            one.
        env: Environment variable to read it from, when ``token`` is left out.

    Raises:
        ConfigurationError: Neither is given, or the token cannot be sent in a header.
    """

    __slots__ = ()
    _what: ClassVar = "access token"

    def __init__(
        self, token: str | Secret | Callable[[], str | Secret] | None = None, *, env: str | None = None
    ) -> None:
        super().__init__(token, env=env, header="Authorization")

    def sign(self, request: Request, token: Token) -> Request:
        """Add the header."""
        return request.with_header("Authorization", "Bearer " + token.value.reveal())

    def __repr__(self) -> str:
        return f"Bearer(env={self._env!r})" if self._key is None else "Bearer(***)"


class OAuth2:
    """OAuth 2 client credentials, with refresh tokens where the server hands them out (RFC 6749 §4.4, §6).

    Args:
        client_id: The client's id.
        client_secret: Its secret.
        token_url: The token endpoint: a path below base_url (``/oauth/token``) or an absolute URL. Another
            host there gets these credentials only, never the API's.
        scopes: Scopes to ask for.
        refresh_token: One to begin with.

    Raises:
        ConfigurationError: A value is missing.
    """

    __slots__ = ("_client_secret", "_refresh_token", "client_id", "scopes", "token_url")

    def __init__(
        self,
        client_id: str,
        client_secret: str | Secret,
        token_url: str,
        scopes: Sequence[str] = (),
        refresh_token: str | Secret | None = None,
    ) -> None:
        if not client_id or not token_url:
            raise ConfigurationError("OAuth2 needs client_id, client_secret and token_url.")
        self.client_id = client_id
        self._client_secret = as_secret(client_secret)
        if not self._client_secret:
            raise ConfigurationError("The OAuth2 client_secret is empty.")
        self.token_url = token_url
        self.scopes = (scopes,) if isinstance(scopes, str) else tuple(scopes)
        self._refresh_token = as_secret(refresh_token) if refresh_token else None

    def stale(self, token: Token | None, now: datetime) -> bool:
        """No token yet, or one about to end."""
        return token is None or token.expired(now)

    def renew(self, token: Token | None) -> Exchange[Token]:
        """Refresh, or start from the client's own credentials when there is nothing to refresh with.

        Raises:
            AuthenticationError: The token endpoint refuses the client.
        """
        # Once a token was issued only its own refresh token counts: the first one may have been spent.
        refresh = token.refresh_token if token is not None else self._refresh_token
        if refresh is not None:
            try:
                response = yield self._refresh(refresh)
            except (AuthenticationError, InvalidRequestError, PermissionDeniedError):
                pass  # spent, expired or revoked: the client's own credentials still count
            else:
                renewed = _token(response)
                # RFC 6749 §6: a server that sends no new refresh token means the old one to go on.
                return renewed if renewed.refresh_token else attrs.evolve(renewed, refresh_token=refresh)
        try:
            response = yield self._client_credentials()
        except (AuthenticationError, InvalidRequestError, PermissionDeniedError) as error:
            refusal = _not_issued(error)
        else:
            return _token(response)
        raise refusal

    def sign(self, request: Request, token: Token) -> Request:
        """Add the bearer token."""
        return request.with_header("Authorization", "Bearer " + token.value.reveal())

    def refused(self, response: Response) -> bool:
        """Whether the API refuses the access token."""
        return response.status == _UNAUTHORIZED

    def secrets(self) -> tuple[Secret, ...]:
        """The client secret and the first refresh token; tokens are the session's to mask."""
        first = () if self._refresh_token is None else (self._refresh_token,)
        return (self._client_secret, *first)

    def _refresh(self, refresh: Secret) -> Request:
        # Not idempotent: a server that rotates refresh tokens takes each of them once.
        return self._request({"grant_type": "refresh_token"}, {"refresh_token": refresh}, idempotent=False)

    def _client_credentials(self) -> Request:
        scope = {"scope": " ".join(self.scopes)} if self.scopes else {}
        return self._request({"grant_type": "client_credentials", **scope}, {}, idempotent=True)

    def _request(
        self, plain: Mapping[str, str], hidden: Mapping[str, Secret], *, idempotent: bool
    ) -> Request:
        return Request(
            method="POST",
            path=self.token_url,
            operation="oauth.token",
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            # Revealed in the innermost call, so that no frame of a traceback holds the plain text.
            content=urlencode(
                [
                    *plain.items(),
                    ("client_id", self.client_id),
                    *((name, value.reveal()) for name, value in hidden.items()),
                    ("client_secret", self._client_secret.reveal()),
                ]
            ).encode(),
            authenticated=False,
            idempotent=idempotent,
        )

    def __repr__(self) -> str:
        shown = f"token_url={self.token_url!r}, scopes={self.scopes!r}"
        return f"OAuth2(client_id={self.client_id!r}, client_secret=***, {shown})"


def _token(response: Response) -> Token:
    """Read RFC 6749 §5.1."""
    token = _read_token(response)
    if isinstance(token, Token):
        return token
    # Unlike everywhere else the body is not quoted: it may hold a token.
    raise UnexpectedResponseError(
        f"the token endpoint's answer cannot be used: {token}",
        status=response.status,
        request_id=response.request_id,
        operation=response.request.operation,
        hint="Check token_url: it must be the token endpoint of RFC 6749.",
    )


def _read_token(response: Response) -> Token | str:
    """The token, or what is wrong; raises nothing, because its variables are plain credentials."""
    import msgspec  # noqa: PLC0415 - only for those who use OAuth

    try:
        answer = msgspec.json.decode(response.content, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "it is no JSON object"
    value, refresh, scope = (answer.get(name) for name in ("access_token", "refresh_token", "scope"))
    problem = _problem(Secret(value)) if isinstance(value, str) else "is missing"
    if not isinstance(value, str) or problem:
        return f"access_token {problem}"
    return Token(
        value=Secret(value),
        expires_in=_seconds(answer.get("expires_in")),
        refresh_token=Secret(refresh) if isinstance(refresh, str) and refresh else None,
        scopes=tuple(scope.split()) if isinstance(scope, str) else (),
    )


def _seconds(value: object) -> float | None:
    """A lifetime; None for one that says nothing, as 0 and nonsense do."""
    try:
        seconds = float(value) if isinstance(value, str | int | float) else 0.0
    except ValueError:
        return None
    return seconds if 0 < seconds < _FOREVER else None


def _not_issued(error: APIError) -> AuthenticationError:
    return AuthenticationError(
        f"the token endpoint refused the client: {error.message}",
        status=error.status,
        code=error.code,
        request_id=error.request_id,
        operation=error.operation,
        hint="Check client_id, client_secret, and that the client may have the scopes.",
    )


__all__ = ["APIKey", "Auth", "Bearer", "Demanding", "Discreet", "OAuth2", "Token"]
