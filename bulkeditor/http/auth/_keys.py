"""Credentials that stay as they are: an API key, a bearer token, user name and password."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from bulkeditor._secret import Secret
from bulkeditor._secret import secret as as_secret
from bulkeditor.errors import ConfigurationError
from bulkeditor.http._types import Exchange, Request, Response
from bulkeditor.http.auth._types import UNAUTHORIZED, Attempt, Token, checked


class APIKey:
    """An API key in a header of its own.

    Args:
        key: The key; or a callable that fetches it (from a vault), asked again when the server refuses the
            old one.
        env: Environment variable to read it from, when ``key`` is left out; read again likewise.
        header: The header's name.
        prefix: Stands before the key in the header, such as ``"Klaviyo-API-Key "``.

    Raises:
        ConfigurationError: Neither is given, or the key cannot be sent in a header.
    """

    __slots__ = ("_env", "_header", "_key", "_prefix")
    _what: ClassVar = "API key"

    def __init__(
        self,
        key: str | Secret | Callable[[], str | Secret] | None = None,
        *,
        env: str | None = None,
        header: str = "X-API-Key",
        prefix: str = "",
    ) -> None:
        self._header = header
        self._prefix = prefix
        self._env = env
        self._key: Secret | Callable[[], str | Secret] | None
        if isinstance(key, str | Secret):
            self._key = checked(key, "The API key")
        elif key is None and env is None:
            raise ConfigurationError(
                "APIKey needs a key.", hint="Pass key=…, or env= with the name of a variable."
            )
        else:
            self._key = key

    def stale(self, token: Token | None, now: datetime) -> bool:  # noqa: ARG002 - the protocol's signature
        """A key is read once, before the first request."""
        return token is None

    def renew(self, token: Token | None, now: datetime) -> Exchange[Token]:  # noqa: ARG002 - as above
        """Read the key from where it comes from; sends nothing."""
        yield from ()  # a conversation without a word: reading a key needs no request
        return Token(value=self._read())

    def sign(self, request: Request, token: Token, attempt: Attempt) -> Request:  # noqa: ARG002 - as above
        """Add the header."""
        return request.with_header(self._header, self._prefix + token.value.reveal())

    def refused(self, response: Response) -> bool:
        """A 401 is worth another try only where the key can be read anew."""
        return response.status == UNAUTHORIZED and not isinstance(self._key, Secret)

    def missing(self) -> tuple[str, ...]:
        """The environment variable that it is to be read from, where that is not set."""
        unset = self._key is None and not os.environ.get(self._env or "")
        return (f"{self._what} ({self._env})",) if unset else ()

    def _read(self) -> Secret:
        if isinstance(self._key, Secret):
            return self._key
        if self._key is not None:
            return checked(self._key(), "The API key from the callable")
        name = self._env or ""
        value = os.environ.get(name)
        if not value:
            raise ConfigurationError(
                f"The environment variable {name} is not set.", hint="Set it to the API key."
            )
        return checked(value, f"The API key in {name}")

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
        super().__init__(token, env=env, header="Authorization", prefix="Bearer ")

    def __repr__(self) -> str:
        return f"Bearer(env={self._env!r})" if self._key is None else "Bearer(***)"


class Basic:
    """User name and password, with every request (RFC 7617).

    Args:
        user: The user's name; it may hold no colon.
        password: The password.

    Raises:
        ConfigurationError: One is empty, or the name holds a colon.
    """

    __slots__ = ("_password", "user")

    def __init__(self, user: str, password: str | Secret) -> None:
        if not user or ":" in user:
            raise ConfigurationError(
                "Basic needs a user name without a colon.", hint="The colon ends the name on the wire."
            )
        self.user = user
        self._password = as_secret(password)
        if not self._password:
            raise ConfigurationError(f"The password of {user!r} is empty.")

    def stale(self, token: Token | None, now: datetime) -> bool:  # noqa: ARG002 - the protocol's signature
        """Encoded once, before the first request."""
        return token is None

    def renew(self, token: Token | None, now: datetime) -> Exchange[Token]:  # noqa: ARG002 - as above
        """Encode; sends nothing."""
        yield from ()
        return Token(value=Secret(basic(self.user, self._password)))

    def sign(self, request: Request, token: Token, attempt: Attempt) -> Request:  # noqa: ARG002 - as above
        """Add the header."""
        return request.with_header("Authorization", "Basic " + token.value.reveal())

    def refused(self, response: Response) -> bool:  # noqa: ARG002 - as above
        """Another try would send the same password again, and may lock the account."""
        return False

    def secrets(self) -> tuple[Secret, ...]:
        """The password; its encoded form is the session's to mask."""
        return (self._password,)

    def __repr__(self) -> str:
        return f"Basic(user={self.user!r}, ***)"


def basic(user: str, password: Secret) -> str:
    """User name and password as ``Authorization: Basic`` carries them."""
    return base64.b64encode(f"{user}:{password.reveal()}".encode()).decode("ascii")


__all__ = ["APIKey", "Basic", "Bearer", "basic"]
