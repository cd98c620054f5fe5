"""From an HTTP refusal to an exception: the status picks the class, the body is read leniently."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, TypedDict, TypeGuard

import msgspec

from bulkeditor._secret import Secret
from bulkeditor.errors import (
    APIError,
    AuthenticationError,
    ConflictError,
    FieldError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnexpectedResponseError,
)
from bulkeditor.http._redact import excerpt, scrub
from bulkeditor.http._retry_after import parse_retry_after
from bulkeditor.http._types import Response

_CLASSES: Final[Mapping[int, type[APIError]]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    412: ConflictError,
    413: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
}
_HINTS: Final[Mapping[int, str]] = {
    405: "Check base_url: the path is known but does not take this method.",
    407: "A proxy asks for credentials: check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
    408: "The server gave up waiting for the request; repeat it, or send less at once.",
    413: "Send fewer rows, or smaller ones, in one request.",
}
_WEB_PAGE: Final = "A web page answered instead of the API: check base_url, and proxies on the way."
_TITLE: Final = re.compile(rb"<(?:title|h1)[^>]*>\s*([^<]{1,200}?)\s*<", re.IGNORECASE)
_READ: Final = 65_536
_FIELDS: Final = 100
_TEXT: Final = 500


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


class _Facts(TypedDict):
    status: int
    code: str | None
    request_id: str | None
    field_errors: list[FieldError]
    retry_after: float | None
    operation: str
    hint: str | None


class _Body:
    """What could be read from the body of a refusal."""

    __slots__ = ("code", "fields", "html", "message", "request_id", "scope")

    def __init__(self) -> None:
        self.code: str | None = None
        self.message: str | None = None
        self.request_id: str | None = None
        self.scope: str | None = None
        self.fields: list[FieldError] = []
        self.html = False


def refusal(
    response: Response, *, now: datetime, secrets: Collection[Secret] = (), retry_after: float | None = None
) -> APIError:
    """The exception for an answer that is not a success.

    Args:
        response: The answer, of a status outside 200 to 299.
        now: The current time, for a ``Retry-After`` that is a date.
        secrets: Credentials of the call; masked where the server quotes them.
        retry_after: Seconds to name, when the header does not.
    """
    body = read_body(response)
    status = response.status
    if 300 <= status < 400:  # noqa: PLR2004 - the redirect class
        return _redirected(response, secrets)
    cls = _class(status)
    if body.html and cls in (NotFoundError, InvalidRequestError):
        # Not this API's "no such product": the page of a web server that has never heard of the path.
        cls = UnexpectedResponseError
    header = parse_retry_after(response.headers.get("retry-after"), now)
    facts = _Facts(
        status=status,
        code=body.code,
        request_id=response.request_id or body.request_id,
        field_errors=[_scrubbed(item, secrets) for item in body.fields],
        retry_after=header if header is not None else retry_after,
        operation=response.request.operation,
        hint=_WEB_PAGE if body.html and status != 429 else _HINTS.get(status),  # noqa: PLR2004 - Too Many Requests
    )
    message = scrub(body.message or _phrase(status), secrets)
    error: APIError
    if cls is not PermissionDeniedError:
        error = cls(message, **facts)
    else:
        # A server that says nothing more than 403 most likely misses the scope that the operation needs.
        scope = body.scope or (response.request.scope if body.code in (None, "missing_scope") else None)
        error = PermissionDeniedError(message, required_scope=scope, **facts)
    error.location = response.headers.get("location")
    error.body = scrub(response.content[:_READ].decode("utf-8", "replace"), secrets)
    return error


def _scrubbed(item: FieldError, secrets: Collection[Secret]) -> FieldError:
    field = None if item.field is None else scrub(item.field, secrets)
    return FieldError(field=field, message=scrub(item.message, secrets), code=item.code)


def _class(status: int) -> type[APIError]:
    if status == HTTPStatus.FORBIDDEN:
        return PermissionDeniedError
    if status >= 500:  # noqa: PLR2004 - the server-error class
        return ServerError
    return _CLASSES.get(status, APIError if status >= 400 else UnexpectedResponseError)  # noqa: PLR2004 - client errors


def _redirected(response: Response, secrets: Collection[Secret]) -> UnexpectedResponseError:
    # Redirects are never followed: the next host would be handed the credentials of this one, and a
    # redirected POST silently becomes a GET.
    # Without the query: that is where tokens travel.
    location = scrub(excerpt(response.headers.get("location", "nowhere").partition("?")[0], 200), secrets)
    return UnexpectedResponseError(
        f"the server redirects to {location}; that is not followed, so that credentials stay with their host",
        status=response.status,
        request_id=response.request_id,
        operation=response.request.operation,
        hint="Set base_url to the address that the server names.",
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "the server refused the request"


def read_body(response: Response) -> _Body:
    """Whatever the body says about the problem, in any of the forms that servers and gateways use."""
    found = _Body()
    content = response.content[:_READ]
    if response.web_page:
        title = _TITLE.search(content)
        text = excerpt(title[1].decode("utf-8", "replace"), _TEXT) if title else "no title"
        found.html, found.message = True, f"the answer is an HTML page ({text})"
        return found
    try:
        data: object = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found.message = excerpt(content.decode("utf-8", "replace"), _TEXT) or None
        return found
    if _is_object(data):
        _read_object(data, found)
    elif isinstance(data, str):
        found.message = excerpt(data, _TEXT)
    elif _is_list(data):
        _read_fields(data, found)
    return found


def _read_object(data: Mapping[str, Any], found: _Body) -> None:
    error: object = data.get("error")
    inner: Mapping[str, Any]
    if _is_object(error):
        inner = error
    else:
        inner = data
        if isinstance(error, str):
            # RFC 6749 calls its code "error"; others put the sentence there.
            if "error_description" in data or (" " not in error and error):
                found.code = excerpt(error)
            else:
                found.message = excerpt(error, _TEXT)
    found.code = _text(inner, "code", "type") or found.code
    found.message = _text(inner, "message", "error_description", "detail", "title", "reason") or found.message
    found.request_id = _text(inner, "request_id", "requestId")
    found.scope = _text(inner, "required_scope")
    field = _text(inner, "field")
    problems = (
        inner.get("errors") or data.get("errors") or (inner.get("detail") if found.message is None else None)
    )
    if _is_object(problems):
        for name, messages in list(problems.items())[:_FIELDS]:
            for message in messages if _is_list(messages) else [messages]:
                found.fields.append(
                    FieldError(field=excerpt(str(name)), message=excerpt(str(message), _TEXT))
                )
    elif _is_list(problems):
        _read_fields(problems, found)
    if field and not any(item.field == field for item in found.fields):
        found.fields.insert(
            0, FieldError(field=field, message=found.message or "refused", code=found.code or "invalid")
        )
    if found.message is None and found.code:
        found.message = found.code.replace("_", " ")


def _read_fields(problems: Sequence[Any], found: _Body) -> None:
    for problem in problems[:_FIELDS]:
        if _is_object(problem):
            item = problem
            field = _text(item, "field", "path", "name", "pointer")
            where = item.get("loc")
            if field is None and _is_list(where):
                field = ".".join(str(part) for part in where)
            message = _text(item, "message", "msg", "detail", "title") or "refused"
            found.fields.append(
                FieldError(field=field, message=message, code=_text(item, "code", "type") or "invalid")
            )
        elif isinstance(problem, str):
            found.fields.append(FieldError(message=excerpt(problem, _TEXT)))
    if found.message is None and found.fields:
        found.message = str(found.fields[0])


def _text(data: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        value: object = data.get(name)
        if _is_object(value):
            # OData: {"lang": "en", "value": "…"}.
            value = value.get("value")
        if isinstance(value, str) and value.strip():
            return excerpt(value, _TEXT)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


__all__ = ["read_body", "refusal"]
