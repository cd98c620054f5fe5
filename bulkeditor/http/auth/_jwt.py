"""Access by a signed assertion instead of a shared secret (RFC 7523)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from bulkeditor._secret import Secret
from bulkeditor._secret import secret as as_secret
from bulkeditor.errors import ConfigurationError, MissingExtraError
from bulkeditor.http._types import Exchange, Request, Response
from bulkeditor.http.auth._endpoint import REFUSALS, not_issued, read_token, token_request
from bulkeditor.http.auth._types import UNAUTHORIZED, Attempt, Token

Algorithm: TypeAlias = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"
]
Grant: TypeAlias = Literal["jwt-bearer", "client_credentials"]
"""``jwt-bearer``: the assertion is the grant (Google, Salesforce). ``client_credentials``: the assertion
says who the client is (NetSuite)."""

_NO_CLAIMS: Final[Mapping[str, object]] = MappingProxyType({})
_HINT: Final = "Check the key, its id, the issuer, the audience and this machine's clock."


class JWTBearer:
    """OAuth 2 by a JWT that is signed with a private key: nothing secret ever travels.

    Args:
        issuer: ``iss``: the client's id, or the service account.
        key: The private key, PEM.
        token_url: The token endpoint: a path below base_url or an absolute URL.
        audience: ``aud``; by default the token endpoint, where that is absolute.
        algorithm: What it is signed with; the key must fit.
        key_id: ``kid``: which certificate the server is to check it with.
        subject: ``sub``: on whose behalf.
        scopes: ``scope``, separated by spaces.
        claims: Further claims; they win over those above.
        lifetime: Seconds that an assertion is valid.
        grant: What the assertion stands for.

    Raises:
        ConfigurationError: A value is missing.
        MissingExtraError: The extra ``vendors`` is not installed.
    """

    __slots__ = ("_claims", "_grant", "_headers", "_key", "_lifetime", "algorithm", "token_url")

    def __init__(
        self,
        *,
        issuer: str,
        key: str | Secret,
        token_url: str,
        audience: str | None = None,
        algorithm: Algorithm = "RS256",
        key_id: str | None = None,
        subject: str | None = None,
        scopes: Sequence[str] = (),
        claims: Mapping[str, object] = _NO_CLAIMS,
        lifetime: float = 300,
        grant: Grant = "jwt-bearer",
    ) -> None:
        _jwt()
        self._key = as_secret(key)
        if not issuer or not self._key:
            raise ConfigurationError("JWTBearer needs an issuer and a private key.")
        if audience is None and not token_url.startswith(("http://", "https://")):
            raise ConfigurationError(
                "JWTBearer needs an audience.", hint="Most servers want the token endpoint's absolute URL."
            )
        self.token_url = token_url
        self.algorithm: Algorithm = algorithm
        self._headers = {} if key_id is None else {"kid": key_id}
        self._lifetime = lifetime
        self._grant: Grant = grant
        scope = {"scope": " ".join([scopes] if isinstance(scopes, str) else scopes)} if scopes else {}
        own = {} if subject is None else {"sub": subject}
        self._claims = {"iss": issuer, "aud": audience or token_url, **own, **scope, **claims}

    def stale(self, token: Token | None, now: datetime) -> bool:
        """No token yet, or one about to end."""
        return token is None or token.expired(now)

    def renew(self, token: Token | None, now: datetime) -> Exchange[Token]:  # noqa: ARG002 - the protocol's
        """Sign an assertion, and trade it for an access token.

        Raises:
            AuthenticationError: The token endpoint refuses it.
            ConfigurationError: The key is no private key, or does not fit the algorithm.
        """
        try:
            response = yield self._request(self.assertion(now))
        except REFUSALS as error:
            refusal = not_issued(error, _HINT)
        else:
            return read_token(response)
        raise refusal

    def assertion(self, now: datetime) -> Secret:
        """A signed assertion.

        Args:
            now: The time at which it is made, aware.

        Raises:
            ConfigurationError: The key is no private key, or does not fit the algorithm.
        """
        issued = int(now.timestamp())
        claims = {"iat": issued, "exp": issued + int(self._lifetime), **self._claims}
        # Every library below has exceptions of its own, and each of them may quote the key.
        with suppress(Exception):
            return Secret(
                _jwt().encode(claims, self._key.reveal(), algorithm=self.algorithm, headers=self._headers)
            )
        raise ConfigurationError(
            f"The private key cannot sign with {self.algorithm}.",
            hint="It must be a PEM text (-----BEGIN PRIVATE KEY-----), RSA for RS… and PS…, EC for ES….",
        )

    def sign(self, request: Request, token: Token, attempt: Attempt) -> Request:  # noqa: ARG002 - as above
        """Add the bearer token."""
        return request.with_header("Authorization", "Bearer " + token.value.reveal())

    def refused(self, response: Response) -> bool:
        """Whether the API refuses the access token."""
        return response.status == UNAUTHORIZED

    def secrets(self) -> tuple[Secret, ...]:
        """The private key; tokens are the session's to mask."""
        return (self._key,)

    def _request(self, assertion: Secret) -> Request:
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        if self._grant == "client_credentials":
            plain = {"grant_type": "client_credentials", "client_assertion_type": kind}
            return token_request(self.token_url, plain, {"client_assertion": assertion}, idempotent=True)
        plain = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
        return token_request(self.token_url, plain, {"assertion": assertion}, idempotent=True)

    def __repr__(self) -> str:
        shown = f"issuer={self._claims['iss']!r}, token_url={self.token_url!r}"
        return f"JWTBearer({shown}, {self.algorithm}, ***)"


def _jwt() -> Any:
    try:
        import jwt  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("vendors", feature="JWTBearer") from error
    return jwt


__all__ = ["JWTBearer"]
