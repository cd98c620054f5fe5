"""Sessions as web servers have them: a login that hands out cookies, and tokens against forged requests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from bulkeditor._secret import Secret
from bulkeditor._secret import secret as as_secret
from bulkeditor.errors import APIError, AuthenticationError, ConfigurationError
from bulkeditor.http._types import Exchange, Request, Response
from bulkeditor.http.auth._endpoint import REFUSALS, not_issued
from bulkeditor.http.auth._types import UNAUTHORIZED, Attempt, Auth, Demanding, Discreet, Token

_FORBIDDEN: Final = 403
# Cookies share one header field in our responses; the comma inside of a date is none between cookies.
_BETWEEN: Final = re.compile(r",\s*(?=[^;,=\s]+=)")


class SessionLogin:
    """A login that is answered with cookies, which then stand for the user.

    Args:
        path: Where to log in: a path below base_url.
        body: What is sent there, as JSON; every value is kept secret.
        cookies: Names of the cookies to send back; empty = all.
        lifetime: Seconds that a session lives; None = until the server refuses it.
        logout: Where to log out when the session ends; None = nowhere.

    Raises:
        ConfigurationError: The path or the body is empty.
    """

    __slots__ = ("_body", "_cookies", "_lifetime", "_logout", "path")

    def __init__(
        self,
        path: str,
        body: Mapping[str, str | Secret],
        *,
        cookies: Sequence[str] = (),
        lifetime: float | None = None,
        logout: str | None = None,
    ) -> None:
        if not path or not body:
            raise ConfigurationError("SessionLogin needs the path of the login, and what to send there.")
        self.path = path
        self._body = {name: as_secret(value) for name, value in body.items()}
        self._cookies = tuple(cookies)
        self._lifetime = lifetime
        self._logout = logout

    def stale(self, token: Token | None, now: datetime) -> bool:
        """No session yet, or one about to end."""
        return token is None or token.expired(now)

    def renew(self, token: Token | None, now: datetime) -> Exchange[Token]:  # noqa: ARG002 - the protocol's
        """Log in.

        Raises:
            AuthenticationError: The server refuses, or sends no session.
        """
        refusal: AuthenticationError
        try:
            response = yield self._login()
        except REFUSALS as error:
            refusal = _not_logged_in(error)
        else:
            cookies = read_cookies(response, self._cookies)
            if cookies:
                return Token(value=cookies, expires_in=self._lifetime)
            refusal = AuthenticationError(
                "the login was answered without a session cookie",
                status=response.status,
                code="no_session",
                request_id=response.request_id,
                operation=response.request.operation,
                hint="Check the address, and that the user may use the API.",
            )
        raise refusal

    def sign(self, request: Request, token: Token, attempt: Attempt) -> Request:  # noqa: ARG002 - as above
        """Send the cookies back."""
        return with_cookies(request, token.value)

    def refused(self, response: Response) -> bool:
        """Whether the session is over: 401, a redirect, or a page that asks to log in."""
        redirect = 300 <= response.status < 400  # noqa: PLR2004 - the redirect class
        return response.status == UNAUTHORIZED or redirect or is_web_page(response)

    def leave(self, token: Token) -> Exchange[None]:
        """Log out, so that the server need not keep the session until it ends by itself."""
        if self._logout is not None:
            request = Request(
                method="POST", path=self._logout, operation="logout", authenticated=False, idempotent=True
            )
            yield with_cookies(request, token.value)

    def secrets(self) -> tuple[Secret, ...]:
        """What is sent to log in; cookies are the session's to mask."""
        return tuple(self._body.values())

    def _login(self) -> Request:
        from bulkeditor.models import encode  # noqa: PLC0415 - only for those who log in

        return Request(
            method="POST",
            path=self.path,
            operation="login",
            headers={"Content-Type": "application/json"},
            # Revealed in the innermost call, so that no frame of a traceback holds the plain text.
            content=encode({name: value.reveal() for name, value in self._body.items()}),
            authenticated=False,
            idempotent=True,
        )

    def __repr__(self) -> str:
        return f"SessionLogin({self.path!r}, ***)"


@attrs.frozen(kw_only=True)
class CSRFToken(Token):
    """A token against forged requests, with the cookies of the session that it belongs to.

    Args:
        cookies: What must be sent with it.
    """

    cookies: Secret

    def secrets(self) -> tuple[Secret, ...]:
        """Everything in it that must never be shown."""
        return (self.cookies, *Token.secrets(self))


class CSRF:
    """Another credential, and beside it the token that a server wants for every write (SAP's gateway).

    The token is fetched with a GET, and belongs to the cookies of that answer: both go out together, and are
    fetched once more when the server says that a write needs another one.

    Args:
        inner: The credential itself.
        path: What to GET for the token: the service's root, with the slash at its end.
        header: The header's name.

    Raises:
        ConfigurationError: The path is empty.
    """

    __slots__ = ("_header", "inner", "path")

    def __init__(self, inner: Auth, path: str, *, header: str = "X-CSRF-Token") -> None:
        if not path:
            raise ConfigurationError("CSRF needs the path at which a token is fetched.")
        self.inner = inner
        self.path = path
        self._header = header

    def stale(self, token: Token | None, now: datetime) -> bool:
        """No token yet, or the inner credential is about to end."""
        return token is None or self.inner.stale(token.inner, now)

    def renew(self, token: Token | None, now: datetime) -> Exchange[Token]:
        """Renew the inner credential, and fetch a token with it.

        Raises:
            AuthenticationError: The server refuses, or answers with a page that asks to log in.
        """
        inner, response = yield from self._fetched(token.inner if token is not None else None, now)
        if is_web_page(response):
            raise AuthenticationError(
                "a web page came instead of a token; most likely it asks to log in",
                status=response.status,
                code="login_page",
                operation="csrf.fetch",
                hint="Use a communication user, not a dialog user, and the address of the API.",
            )
        # A service without this protection sends none, and wants none.
        value = Secret(response.headers.get(self._header.lower(), ""))
        return CSRFToken(value=value, inner=inner, cookies=read_cookies(response, ()))

    def _fetched(self, token: Token | None, now: datetime) -> Exchange[tuple[Token, Response]]:
        """A fresh inner token, and the answer that it got."""
        fetch = Request(
            method="GET",
            path=self.path,
            operation="csrf.fetch",
            headers={self._header: "Fetch"},
            authenticated=False,
        )
        last = False
        while True:
            fresh = yield from self.inner.renew(token, now)
            token = attrs.evolve(fresh, obtained_at=fresh.obtained_at or now)
            try:
                response = yield self.inner.sign(fetch, token, Attempt(now, lambda: self.path))
            except AuthenticationError as error:
                refusal = Response(
                    status=error.status or UNAUTHORIZED, headers={}, content=b"", request=fetch
                )
                # Another token helps where this one died on the way; a password is not tried twice.
                if last or not self.inner.refused(refusal):
                    raise
                last = True
            else:
                return token, response

    def sign(self, request: Request, token: Token, attempt: Attempt) -> Request:
        """Sign with the inner credential; writes carry the token as well."""
        assert token.inner is not None
        signed = self.inner.sign(request, token.inner, attempt)
        if isinstance(token, CSRFToken) and token.cookies:
            signed = with_cookies(signed, token.cookies)
        if request.write and token.value:
            signed = signed.with_header(self._header, token.value.reveal())
        return signed

    def refused(self, response: Response) -> bool:
        """Whether the server wants another token, or refuses the inner credential."""
        wanted = response.headers.get(self._header.lower(), "").lower() == "required"
        return (response.status == _FORBIDDEN and wanted) or self.inner.refused(response)

    def secrets(self) -> tuple[Secret, ...]:
        """The inner credential's; tokens and cookies are the session's to mask."""
        inner: object = self.inner
        return inner.secrets() if isinstance(inner, Discreet) else ()

    def missing(self) -> tuple[str, ...]:
        """What the inner credential lacks."""
        inner: object = self.inner
        return inner.missing() if isinstance(inner, Demanding) else ()

    def __repr__(self) -> str:
        return f"CSRF({self.inner!r}, {self.path!r})"


def read_cookies(response: Response, names: Sequence[str]) -> Secret:
    """The cookies of an answer, as they are sent back; names and values only.

    Args:
        response: The answer.
        names: Which; empty = all.
    """
    pairs: dict[str, str] = {}
    for cookie in _BETWEEN.split(response.headers.get("set-cookie", "")):
        name, equals, value = cookie.partition(";")[0].strip().partition("=")
        if equals and (not names or name in names):
            pairs[name] = value
    return Secret("; ".join(f"{name}={value}" for name, value in pairs.items()))


def with_cookies(request: Request, cookies: Secret) -> Request:
    """The request with cookies added to those that it carries."""
    own = [value for name, value in request.headers.items() if name.lower() == "cookie"]
    return request.with_header("Cookie", "; ".join([*own, cookies.reveal()]))


def is_web_page(response: Response) -> bool:
    """Whether an answer of success is a web page, where data was asked for."""
    return 200 <= response.status < 300 and response.web_page  # noqa: PLR2004 - the success class


def _not_logged_in(error: APIError) -> AuthenticationError:
    refusal = not_issued(error, "Check the user, the password, and the company or account.")
    refusal.message = f"the login was refused: {error.message}"
    return refusal


__all__ = ["CSRF", "SessionLogin"]
