"""Between a connector's flow and the wire: allowed hosts, refusals inside of 200, repeats by its codes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import SplitResult, urlsplit

import attrs

from bulkeditor.connectors._classify import LOGIN_PAGE
from bulkeditor.errors import (
    APIError,
    AuthenticationError,
    BulkEditorError,
    ConfigurationError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    VendorError,
)
from bulkeditor.http import Request, Response, RetryPolicy, Sleep

if TYPE_CHECKING:
    from bulkeditor.connectors.base import Connector

_USUAL_PORT: Final[Mapping[str, str]] = MappingProxyType({"http": ":80", "https": ":443"})

R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T")


def guarded(
    connector: Connector,
    flow: Generator[Request | Sleep | S, Response, R],
    policy: RetryPolicy,
    take: Callable[[S], Iterable[T]],
    *,
    heard: Callable[[Response], object] = id,
) -> Generator[Request | Sleep | T, Response, R]:
    """The same flow, each of its requests checked, its answer looked into and repeated where that can help.

    Args:
        connector: Knows the hosts and what refusals mean.
        flow: What to do; closed in any case.
        policy: Bounds the repeats.
        take: What becomes of everything that is neither a request nor a pause.
        heard: Told about each answer.
    """

    def ask(request: Request) -> Generator[Request | Sleep, Response, Response]:
        response = yield from _ask(connector, request, policy)
        heard(response)
        return response

    return relay(flow, take, ask)


def relay(
    flow: Generator[Request | Sleep | S, Response, R],
    take: Callable[[S], Iterable[T]],
    ask: Callable[[Request], Generator[Request | Sleep, Response, Response]] | None = None,
) -> Generator[Request | Sleep | T, Response, R]:
    """A flow within a flow: its requests go out, its answers and errors come back in, the rest is taken.

    Args:
        flow: The inner one; closed in any case.
        take: What is passed on for each thing that is neither a request nor a pause.
        ask: Sends a request; None = as it is.
    """
    send = ask or _as_it_is
    try:
        step = next(flow)
        while True:
            if isinstance(step, Request):
                try:
                    response = yield from send(step)
                except BulkEditorError as error:
                    problem = error
                else:
                    step = flow.send(response)
                    continue
                step = flow.throw(problem)
            else:
                if isinstance(step, Sleep):
                    yield step
                else:
                    yield from take(step)
                step = next(flow)
    except StopIteration as stop:
        result: R = stop.value
        return result
    finally:
        flow.close()


def _as_it_is(request: Request) -> Generator[Request | Sleep, Response, Response]:
    return (yield request)


def _ask(
    connector: Connector, request: Request, policy: RetryPolicy
) -> Generator[Request | Sleep, Response, Response]:
    allowed = _within_hosts(connector, request)
    attempt = 0
    while True:
        attempt += 1
        try:
            response = yield allowed
            problem = _inside(connector, response)
            if problem is None:
                return response
        except BulkEditorError as error:
            problem = error
            if isinstance(error, APIError):
                _word(connector, error)
        verdict = connector.classify(problem)
        # 429, lost answers, and 5xx to what can be repeated were repeated by the driver already; here it is
        # what the system's own codes say, among them that a 5xx did nothing.
        again = request.idempotent and isinstance(problem, ServerError)
        repeated = again or isinstance(problem, RateLimitError) or not isinstance(problem, APIError)
        late = verdict.after is not None and verdict.after * 1000 > policy.max_retry_after
        if verdict.action != "retry" or repeated or late or attempt > policy.max_retries:
            raise problem
        yield Sleep(verdict.after if verdict.after is not None else policy.bound(attempt))


def _word(connector: Connector, error: APIError) -> None:
    """Say what the system says: only the connector knows where it says it."""
    told = connector.explain(error.json())
    if told is not None:
        error.message, error.code = told.message or error.message, told.code or error.code
    if isinstance(error, AuthenticationError):
        error.message = f"the credentials were refused: {error.message}"
        _name_credentials(connector, error)
    elif isinstance(error, PermissionDeniedError):
        error.message = f"these credentials may not do this: {error.message}"
        _name_credentials(connector, error)


def _name_credentials(connector: Connector, error: APIError) -> None:
    """Name the connector's own settings in place of this library's."""
    own = f"Check {connector.credentials()}."
    other = error.hint if error.hint != type(error).default_hint else None
    error.hint = f"{own} {other}" if other else own


def _inside(connector: Connector, response: Response) -> BulkEditorError | None:
    """The failure that an answer of success holds."""
    if response.web_page:
        return AuthenticationError(
            "a web page came instead of data; most likely it asks to log in",
            status=response.status,
            code=LOGIN_PAGE,
            operation=response.request.operation,
            hint="Check the credentials, and that base_url leads to the API, not to its user interface.",
        )
    # A body that is none, or that went to a file, says nothing.
    if not connector.errors_in_success or not response.content:
        return None
    if "json" not in response.headers.get("content-type", ""):
        return None
    found = connector.explain(response.json())
    if found is None:
        return None
    action = connector.refusals.get(found.code or "", "dead_letter")
    return VendorError(
        found.message or found.code or "the system refused",
        action=action,
        status=response.status,
        code=found.code,
        retry_after=found.after,
        request_id=response.request_id,
        operation=response.request.operation,
    )


def _within_hosts(connector: Connector, request: Request) -> Request:
    if not request.path.startswith(("http://", "https://")):
        return request
    target, own = urlsplit(request.path), urlsplit(connector.base_url or "")
    if _origin(target) == _origin(own):
        return request
    if target.scheme == "https" and (target.hostname or "") in connector.hosts:
        # Allowed, and still a stranger: it does not get the credential.
        return attrs.evolve(request, authenticated=False)
    raise ConfigurationError(
        f"{request.operation} would lead to {target.hostname or target.path!r}, which is neither the address"
        f" of {connector.name} nor one of its allowed hosts; nothing was sent there.",
        hint="Check base_url; a host that is right belongs into the connector's hosts.",
    )


def _origin(url: SplitResult) -> tuple[str, str]:
    """Scheme and host, the usual port left out; a user name in front of the host is no part of ours."""
    return url.scheme, url.netloc.lower().removesuffix(_USUAL_PORT.get(url.scheme, ":"))


__all__ = ["guarded", "relay"]
