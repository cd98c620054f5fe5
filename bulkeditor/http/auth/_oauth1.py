"""OAuth 1.0a: each request is signed by itself (RFC 5849)."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, Final

from bulkeditor._secret import Secret
from bulkeditor._secret import secret as as_secret
from bulkeditor.errors import ConfigurationError, MissingExtraError
from bulkeditor.http._redact import discreet_logs
from bulkeditor.http._types import Exchange, Request, Response
from bulkeditor.http.auth._types import Attempt, Token

_FORM: Final = "application/x-www-form-urlencoded"


class OAuth1:
    """OAuth 1.0a with HMAC-SHA256: a new nonce and timestamp for every attempt, repeats included.

    Args:
        consumer_key: The integration's key.
        consumer_secret: Its secret.
        token: The access token.
        token_secret: Its secret.
        realm: Names the account, where the server wants it.

    Raises:
        ConfigurationError: A value is empty.
        MissingExtraError: The extra ``vendors`` is not installed.
    """

    __slots__ = ("_consumer_secret", "_token", "_token_secret", "consumer_key", "realm")

    def __init__(
        self,
        consumer_key: str,
        consumer_secret: str | Secret,
        token: str | Secret,
        token_secret: str | Secret,
        *,
        realm: str | None = None,
    ) -> None:
        _client_class()
        discreet_logs()
        self.consumer_key = consumer_key
        self._consumer_secret = as_secret(consumer_secret)
        self._token = as_secret(token)
        self._token_secret = as_secret(token_secret)
        self.realm = realm
        if not all((consumer_key, self._consumer_secret, self._token, self._token_secret)):
            raise ConfigurationError("OAuth1 needs consumer_key, consumer_secret, token and token_secret.")

    def stale(self, token: Token | None, now: datetime) -> bool:  # noqa: ARG002 - the protocol's signature
        """The token is the one that was given."""
        return token is None

    def renew(self, token: Token | None, now: datetime) -> Exchange[Token]:  # noqa: ARG002 - as above
        """Nothing to fetch; sends nothing."""
        yield from ()
        return Token(value=self._token)

    def sign(self, request: Request, token: Token, attempt: Attempt) -> Request:  # noqa: ARG002 - as above
        """Sign what is sent: method, URL, and the body where it is a form."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        form = (request.content or b"").decode() if headers.get("content-type") == _FORM else None
        header = self.authorization(
            request.method,
            attempt.url,
            timestamp=int(attempt.now.timestamp()),
            nonce=secrets.token_hex(16),
            form=form,
        )
        return request.with_header("Authorization", header)

    def authorization(
        self, method: str, url: str, *, timestamp: int, nonce: str, form: str | None = None
    ) -> str:
        """The header for one request.

        Args:
            method: HTTP method.
            url: The absolute URL as it is sent, query included.
            timestamp: Seconds since 1970.
            nonce: Never used before with this timestamp.
            form: The body, where it is a form; any other body is not signed.
        """
        client = _client_class()(
            self.consumer_key,
            client_secret=self._consumer_secret.reveal(),
            resource_owner_key=self._token.reveal(),
            resource_owner_secret=self._token_secret.reveal(),
            signature_method="HMAC-SHA256",
            realm=self.realm,
            timestamp=str(timestamp),
            nonce=nonce,
        )
        headers = {} if form is None else {"Content-Type": _FORM}
        _, signed, _ = client.sign(url, http_method=method, body=form, headers=headers)
        return str(signed["Authorization"])

    def refused(self, response: Response) -> bool:  # noqa: ARG002 - as above
        """There is no other token to try."""
        return False

    def secrets(self) -> tuple[Secret, ...]:
        """Both secrets, and the token."""
        return (self._consumer_secret, self._token, self._token_secret)

    def __repr__(self) -> str:
        return f"OAuth1(consumer_key={self.consumer_key!r}, realm={self.realm!r}, ***)"


def _client_class() -> Any:
    try:
        from oauthlib.oauth1 import Client  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("vendors", feature="OAuth1") from error
    return Client


__all__ = ["OAuth1"]
