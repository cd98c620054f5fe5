"""Token endpoints: what they are asked, what they answer, and what their refusals mean (RFC 6749)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import urlencode

from bulkeditor._secret import Secret
from bulkeditor.errors import (
    APIError,
    AuthenticationError,
    InvalidRequestError,
    PermissionDeniedError,
    UnexpectedResponseError,
)
from bulkeditor.http._types import Request, Response
from bulkeditor.http.auth._keys import basic
from bulkeditor.http.auth._types import Token, problem_of

ClientAuth: TypeAlias = Literal["body", "basic"]
"""Where a client's id and secret stand: in the form, or in ``Authorization: Basic``."""

REFUSALS: Final = (AuthenticationError, InvalidRequestError, PermissionDeniedError)
"""What a token endpoint answers when it refuses a grant."""

_FOREVER: Final = 100 * 365 * 86_400.0


def token_request(
    url: str, plain: Mapping[str, str], hidden: Mapping[str, Secret], *, idempotent: bool
) -> Request:
    """A request to a token endpoint.

    Args:
        url: The endpoint.
        plain: Form fields that may be seen.
        hidden: Form fields that may not.
        idempotent: Whether it can be sent twice.
    """
    return Request(
        method="POST",
        path=url,
        operation="oauth.token",
        headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        # Revealed in the innermost call, so that no frame of a traceback holds the plain text.
        content=urlencode(
            [*plain.items(), *((name, value.reveal()) for name, value in hidden.items())]
        ).encode(),
        authenticated=False,
        idempotent=idempotent,
    )


def client_request(
    url: str,
    plain: Mapping[str, str],
    hidden: Mapping[str, Secret],
    *,
    client_id: str,
    client_secret: Secret | None,
    client_auth: ClientAuth,
    idempotent: bool,
) -> Request:
    """A request of a client that names itself.

    Args:
        url: The endpoint.
        plain: Form fields that may be seen.
        hidden: Form fields that may not.
        client_id: The client's id.
        client_secret: Its secret; None for a public client.
        client_auth: Where both stand.
        idempotent: Whether it can be sent twice.
    """
    if client_auth == "basic" and client_secret is not None:
        request = token_request(url, plain, hidden, idempotent=idempotent)
        return request.with_header("Authorization", "Basic " + basic(client_id, client_secret))
    own = {} if client_secret is None else {"client_secret": client_secret}
    return token_request(url, {**plain, "client_id": client_id}, {**hidden, **own}, idempotent=idempotent)


def read_token(response: Response) -> Token:
    """Read RFC 6749 §5.1.

    Raises:
        UnexpectedResponseError: It is no token.
    """
    token = _read(response)
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


def _read(response: Response) -> Token | str:
    """The token, or what is wrong; raises nothing, because its variables are plain credentials."""
    import msgspec  # noqa: PLC0415 - only for those who use OAuth

    try:
        answer = msgspec.json.decode(response.content, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "it is no JSON object"
    value, refresh, scope = (answer.get(name) for name in ("access_token", "refresh_token", "scope"))
    problem = problem_of(Secret(value)) if isinstance(value, str) else "is missing"
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


def not_issued(error: APIError, hint: str) -> AuthenticationError:
    """The error of a session for which no token was issued.

    Args:
        error: The endpoint's refusal.
        hint: What to check.
    """
    return AuthenticationError(
        f"the token endpoint refused the client: {error.message}",
        status=error.status,
        code=error.code,
        request_id=error.request_id,
        operation=error.operation,
        hint=hint,
    )


__all__ = ["REFUSALS", "ClientAuth", "client_request", "not_issued", "read_token", "token_request"]
