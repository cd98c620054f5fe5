"""OAuth 2: client credentials, and refresh tokens that change with each use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import attrs

from bulkeditor._secret import Secret
from bulkeditor._secret import secret as as_secret
from bulkeditor.errors import ConfigurationError, RequestTimeoutError
from bulkeditor.http._types import Exchange, Request, Response, Sleep
from bulkeditor.http.auth._endpoint import REFUSALS, ClientAuth, client_request, not_issued, read_token
from bulkeditor.http.auth._store import TokenLease, TokenStore
from bulkeditor.http.auth._types import UNAUTHORIZED, Attempt, Token

_HINT: Final = "Check client_id, client_secret, and that the client may have the scopes."
_AGAIN: Final = "Authorise the application again, and pass the new refresh token."
_POLL: Final = 0.05
_PATIENCE: Final = 60.0


class OAuth2:
    """OAuth 2 client credentials, with refresh tokens where the server hands them out (RFC 6749 §4.4, §6).

    Args:
        client_id: The client's id.
        client_secret: Its secret.
        token_url: The token endpoint: a path below base_url (``/oauth/token``) or an absolute URL. Another
            host there gets these credentials only, never the API's.
        scopes: Scopes to ask for.
        refresh_token: One to begin with.
        client_auth: Where the endpoint wants id and secret: ``body`` or ``basic``.

    Raises:
        ConfigurationError: A value is missing.
    """

    __slots__ = ("_client_auth", "_client_secret", "_refresh_token", "client_id", "scopes", "token_url")

    def __init__(
        self,
        client_id: str,
        client_secret: str | Secret,
        token_url: str,
        scopes: Sequence[str] = (),
        refresh_token: str | Secret | None = None,
        *,
        client_auth: ClientAuth = "body",
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
        self._client_auth: ClientAuth = client_auth

    def stale(self, token: Token | None, now: datetime) -> bool:
        """No token yet, or one about to end."""
        return token is None or token.expired(now)

    def renew(self, token: Token | None, now: datetime) -> Exchange[Token]:  # noqa: ARG002 - the protocol's
        """Refresh, or start from the client's own credentials when there is nothing to refresh with.

        Raises:
            AuthenticationError: The token endpoint refuses the client.
        """
        # Once a token was issued only its own refresh token counts: the first one may have been spent.
        refresh = token.refresh_token if token is not None else self._refresh_token
        if refresh is not None:
            try:
                response = yield self._refresh(refresh)
            except REFUSALS:
                pass  # spent, expired or revoked: the client's own credentials still count
            else:
                return kept(read_token(response), refresh)
        try:
            response = yield self._client_credentials()
        except REFUSALS as error:
            refusal = not_issued(error, _HINT)
        else:
            return read_token(response)
        raise refusal

    def sign(self, request: Request, token: Token, attempt: Attempt) -> Request:  # noqa: ARG002 - as above
        """Add the bearer token."""
        return request.with_header("Authorization", "Bearer " + token.value.reveal())

    def refused(self, response: Response) -> bool:
        """Whether the API refuses the access token."""
        return response.status == UNAUTHORIZED

    def secrets(self) -> tuple[Secret, ...]:
        """The client secret and the first refresh token; tokens are the session's to mask."""
        first = () if self._refresh_token is None else (self._refresh_token,)
        return (self._client_secret, *first)

    def _refresh(self, refresh: Secret) -> Request:
        # Not idempotent: a server that rotates refresh tokens takes each of them once.
        return client_request(
            self.token_url,
            {"grant_type": "refresh_token"},
            {"refresh_token": refresh},
            client_id=self.client_id,
            client_secret=self._client_secret,
            client_auth=self._client_auth,
            idempotent=False,
        )

    def _client_credentials(self) -> Request:
        scope = {"scope": " ".join(self.scopes)} if self.scopes else {}
        return client_request(
            self.token_url,
            {"grant_type": "client_credentials", **scope},
            {},
            client_id=self.client_id,
            client_secret=self._client_secret,
            client_auth=self._client_auth,
            idempotent=True,
        )

    def __repr__(self) -> str:
        shown = f"token_url={self.token_url!r}, scopes={self.scopes!r}"
        return f"OAuth2(client_id={self.client_id!r}, client_secret=***, {shown})"


class OAuth2Refresh:
    """OAuth 2 by a refresh token that somebody granted, and that the server replaces at each use.

    A refresh token that rotates is good for one use, by one process. So with a ``store`` a renewal happens
    under its
    lock: it reads what is stored once more (another process may have renewed meanwhile), refreshes, and
        saves the new
    pair in the same transaction.

    Args:
        client_id: The client's id.
        token_url: The token endpoint: a path below base_url or an absolute URL.
        refresh_token: The one that was granted; it counts until a newer one stands in the store.
        client_secret: The client's secret; None for a public client.
        store: Where the current tokens are kept, shared by all processes; None keeps them in this session.
        name: The entry in the store; the client's id when left out.
        client_auth: Where the endpoint wants id and secret: ``body`` or ``basic``.

    Raises:
        ConfigurationError: There is neither a refresh token nor a store.
    """

    __slots__ = (
        "_client_auth",
        "_client_secret",
        "_refresh_token",
        "_store",
        "client_id",
        "name",
        "token_url",
    )

    def __init__(
        self,
        client_id: str,
        token_url: str,
        refresh_token: str | Secret | None = None,
        *,
        client_secret: str | Secret | None = None,
        store: TokenStore | None = None,
        name: str | None = None,
        client_auth: ClientAuth = "body",
    ) -> None:
        if not client_id or not token_url:
            raise ConfigurationError("OAuth2Refresh needs client_id and token_url.")
        if not refresh_token and store is None:
            raise ConfigurationError("OAuth2Refresh needs a refresh_token, or a store that holds one.")
        self.client_id = client_id
        self.token_url = token_url
        self._client_secret = as_secret(client_secret) if client_secret else None
        self._refresh_token = as_secret(refresh_token) if refresh_token else None
        self._store = store
        self.name = name or client_id
        self._client_auth: ClientAuth = client_auth

    def stale(self, token: Token | None, now: datetime) -> bool:
        """No token yet, or one about to end."""
        return token is None or token.expired(now)

    def renew(self, token: Token | None, now: datetime) -> Exchange[Token]:
        """Take over what another process has renewed, or refresh and save.

        Raises:
            AuthenticationError: The refresh token is spent, expired or revoked.
            RequestTimeoutError: Another process has held the store for a minute.
        """
        if self._store is None:
            known = token.refresh_token if token is not None else None
            return (yield from self._refreshed([known or self._refresh_token]))
        lease = yield from self._acquired(self._store)
        try:
            held = lease.token
            if held is not None and not held.expired(now) and (token is None or held.value != token.value):
                return held
            stored = held.refresh_token if held is not None else None
            # The one that was passed in may be newer than a stored one that is refused: authorised again.
            fresh = yield from self._refreshed([stored, self._refresh_token])
            fresh = attrs.evolve(fresh, obtained_at=now)
            lease.save(fresh)
            return fresh
        finally:
            lease.release()

    def sign(self, request: Request, token: Token, attempt: Attempt) -> Request:  # noqa: ARG002 - as above
        """Add the bearer token."""
        return request.with_header("Authorization", "Bearer " + token.value.reveal())

    def refused(self, response: Response) -> bool:
        """Whether the API refuses the access token."""
        return response.status == UNAUTHORIZED

    def secrets(self) -> tuple[Secret, ...]:
        """The client secret and the first refresh token; tokens are the session's to mask."""
        return tuple(held for held in (self._client_secret, self._refresh_token) if held is not None)

    def _acquired(self, store: TokenStore) -> Exchange[TokenLease]:
        # Asked for again and again, and never waited for: a blocked thread would stop a whole event loop.
        for _ in range(int(_PATIENCE / _POLL)):
            lease = store.acquire(self.name)
            if lease is not None:
                return lease
            yield Sleep(_POLL)
        raise RequestTimeoutError(
            f"The token store has been held by somebody else for {_PATIENCE:g} s.",
            sent=False,
            operation="oauth.token",
            hint="Look for a process that hangs while it renews the token.",
        )

    def _refreshed(self, candidates: Sequence[Secret | None]) -> Exchange[Token]:
        refusal = ConfigurationError(
            f"The token store holds no refresh token for {self.name!r}.", hint=_AGAIN
        )
        problem: ConfigurationError | Exception = refusal
        for refresh in dict.fromkeys(candidates):
            if refresh is None:
                continue
            try:
                response = yield self._request(refresh)
            except REFUSALS as error:
                problem = not_issued(error, _AGAIN)
            else:
                return kept(read_token(response), refresh)
        raise problem

    def _request(self, refresh: Secret) -> Request:
        return client_request(
            self.token_url,
            {"grant_type": "refresh_token"},
            {"refresh_token": refresh},
            client_id=self.client_id,
            client_secret=self._client_secret,
            client_auth=self._client_auth,
            # A server that rotates refresh tokens takes each of them once.
            idempotent=False,
        )

    def __repr__(self) -> str:
        return f"OAuth2Refresh(client_id={self.client_id!r}, token_url={self.token_url!r}, ***)"


def kept(renewed: Token, refresh: Secret) -> Token:
    """RFC 6749 §6: a server that sends no new refresh token means the old one to go on."""
    return renewed if renewed.refresh_token else attrs.evolve(renewed, refresh_token=refresh)


__all__ = ["OAuth2", "OAuth2Refresh"]
