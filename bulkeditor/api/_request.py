"""Make requests from the table of operations, and name what a refusal or a lost answer means."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar, cast

import attrs

from bulkeditor.api._operations import OPERATIONS, Operation
from bulkeditor.errors import (
    APIError,
    BulkEditorError,
    ConflictError,
    FieldError,
    InvalidInputError,
    NotFoundError,
    OutcomeUnknownError,
    ServerError,
    TransportError,
    UnexpectedResponseError,
    UnsupportedByServerError,
)
from bulkeditor.http import Exchange, Request, Response
from bulkeditor.models import encode

T = TypeVar("T")

_JSON: Final = {"content-type": "application/json"}
_NOT_FOUND: Final = 404
_NOT_OFFERED: Final = frozenset({405, 501})
_SUCCESS: Final = range(200, 300)


def build(
    name: str,
    *,
    path: Mapping[str, str] | None = None,
    params: Iterable[tuple[str, str]] = (),
    body: object = None,
    content: bytes | None = None,
    key: str | None = None,
    once: bool = False,
) -> Request:
    """One request of an operation; a write gets its idempotency key here, once.

    Args:
        name: The operation in openapi.yaml.
        path: Values for the path template.
        params: Query parameters, in order.
        body: What is sent as JSON.
        content: The body when it is encoded already.
        key: The idempotency key of a write that can be told again after a crash; None = a new one.
        once: Whether it is never sent again by itself.

    Returns:
        The request, its body frozen.
    """
    operation = OPERATIONS[name]
    if body is not None:
        content = encode(body)
    return Request(
        method=operation.method,
        path=operation.url_path(**(path or {})),
        operation=name,
        params=tuple(params),
        headers=_JSON if content is not None else {},
        content=content,
        scope=operation.scope,
        write=operation.write,
        # A repeated DELETE is answered with 404, which would read as a failure: the flow repeats it itself.
        idempotent=operation.idempotent and not operation.write,
        idempotency_key=(key or mint_key()) if operation.write else None,
        once=once,
    )


def mint_key() -> str:
    """A new idempotency key; one for each write, the same on each repeat of it."""
    return str(uuid.uuid4())


def renewed(request: Request) -> Request:
    """The same write under a new key: another attempt that was decided after reading."""
    return attrs.evolve(request, idempotency_key=mint_key())


def ask(request: Request, *, instead: str | None = None) -> Exchange[Response]:
    """Send one request; a completion that the server lacks is said so.

    Args:
        request: What to send.
        instead: The way without the completion, where there is one.

    Returns:
        The answer.

    Raises:
        UnsupportedByServerError: The server has only the documented API.
    """
    try:
        response = yield request
    except APIError as error:
        operation = OPERATIONS[request.operation]
        if lacks(error, operation):
            raise unsupported(operation, instead) from error
        raise
    return response


def answered(
    request: Request, *, read: Callable[[Response], T], honoured: bool, instead: str | None = None
) -> Exchange[T]:
    """Send a write and read its answer; an unreadable one is asked for again where the key makes that safe.

    Args:
        request: What to send.
        read: Reads the answer.
        honoured: Whether the server is known to honour idempotency keys.
        instead: The way without this operation, where a server lacks it.
    """
    response = yield from ask(request, instead=instead)
    try:
        return read(response)
    except UnexpectedResponseError:
        if not honoured:
            raise
    # Under the same key the server answers once more, and does nothing more.
    return read((yield from ask(request, instead=instead)))


def ask_once(
    request: Request, *, read: Callable[[Response], T], honoured: bool, instead: str | None = None
) -> Exchange[T]:
    """Send a write that nothing can settle: a lost answer is an unknown outcome.

    Raises:
        OutcomeUnknownError: No readable answer came.
    """
    try:
        return (yield from answered(request, read=read, honoured=honoured, instead=instead))
    except BulkEditorError as error:
        if not lost(error):
            raise
        raise unknown(request, error) from error


def unknown(request: Request, failure: BulkEditorError) -> OutcomeUnknownError:
    """The error for a write of which nobody can say whether it took effect."""
    return OutcomeUnknownError(
        f"{request.operation}: it was sent, but no answer tells whether it took effect ({failure.message}).",
        operation=request.operation,
        idempotency_key=request.idempotency_key,
    )


def lacks(error: APIError, operation: Operation) -> bool:
    """Whether a refusal says that the route itself is missing, not the thing it names."""
    if not operation.completion:
        return False
    if error.code == "route_not_found" or error.status in _NOT_OFFERED:
        return True
    if error.status != _NOT_FOUND:
        return False
    # A collection is always there; below it, 404 may mean the thing that the path names.
    return "{" not in operation.path


def unsupported(operation: Operation, instead: str | None) -> UnsupportedByServerError:
    """The error for a completion that is missing on the server."""
    return UnsupportedByServerError(
        f"This server does not offer {operation.name} ({operation.method} {operation.path}): it is no part "
        "of the product's documented API.",
        operation=operation.name,
        hint=instead or "There is no way to do this through the documented API.",
    )


def lost(error: BulkEditorError) -> bool:
    """Whether a write that ended so may have taken effect all the same."""
    if isinstance(error, TransportError):
        return error.sent
    if isinstance(error, ConflictError):
        # The first attempt under this key is still running.
        return error.code == "idempotency_in_progress"
    if isinstance(error, UnexpectedResponseError):
        return error.status in _SUCCESS or error.status >= 500  # noqa: PLR2004 - 5xx
    return isinstance(error, ServerError)


def gone(error: BulkEditorError) -> bool:
    """Whether the thing that was asked for does not exist."""
    return isinstance(error, NotFoundError)


def ensure_text(value: object, name: str) -> str:
    """An id or name as the API takes it: text that is not blank."""
    if isinstance(value, str) and value.strip():
        return value
    raise refused(name, f"must be a text that is not blank, got {value!r:.60}")


def name_list(given: object, field: str, what: str) -> list[str]:
    """Names as a list, each once; one text alone is a mistake that would be read letter by letter.

    Args:
        given: The names.
        field: The argument's name.
        what: What they name.
    """
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise refused(field, f"must be a list of {what}, got {given!r:.60}")
    names = cast("Iterable[object]", given)
    found = list(dict.fromkeys(ensure_text(name, field) for name in names))
    if not found:
        raise refused(field, f"holds none of the {what}")
    return found


def refused(field: str, problem: str, hint: str | None = None, *, code: str = "invalid") -> InvalidInputError:
    """The error for one wrong argument.

    Args:
        field: Its name.
        problem: What is wrong, as the rest of a sentence that begins with the name.
        hint: What to do.
        code: Machine-readable name of the problem.
    """
    return InvalidInputError(
        f"{field} {problem}.", errors=[FieldError(field=field, message=problem, code=code)], hint=hint
    )


__all__ = [
    "answered",
    "ask",
    "ask_once",
    "build",
    "ensure_text",
    "gone",
    "lacks",
    "lost",
    "mint_key",
    "name_list",
    "refused",
    "renewed",
    "unknown",
    "unsupported",
]
