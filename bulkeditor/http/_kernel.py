"""What both drivers share: one call's bookkeeping, from the first check to the last event. Waits for nothing, sends nothing."""

from __future__ import annotations

import random
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from logging import DEBUG, WARNING
from typing import TYPE_CHECKING, Final

import attrs

from bulkeditor.errors import (
    AuthenticationError,
    BulkEditorError,
    ConfigurationError,
    DeadlineExceededError,
    PermissionDeniedError,
    RateLimitError,
    ReadOnlyError,
    RequestTimeoutError,
    TransportError,
)
from bulkeditor.http._facts import ServerFacts
from bulkeditor.http._hooks import (
    Complaints,
    ErrorEvent,
    RequestEvent,
    ResponseEvent,
    RetryEvent,
    logger,
    tell,
)
from bulkeditor.http._limiter import Limiter
from bulkeditor.http._refusals import refusal
from bulkeditor.http._retry import GiveUp, Wait, decide
from bulkeditor.http._types import Request, Response

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime
    from concurrent.futures import Future

    from bulkeditor.http._config import SessionConfig
    from bulkeditor.http.auth import Token

_TOO_MANY: Final = 429


class Credential:
    """One credential's token, limiter and renewal in flight; shared by all sessions that use it."""

    __slots__ = ("flight", "limiter", "lock", "renewal", "token")

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self.token: Token | None = None
        self.lock = threading.Lock()
        self.flight: Future[Token] | None = None
        self.renewal: asyncio.Task[Token] | None = None


class Call:
    """One request on its way, through all its attempts."""

    __slots__ = ("attempts", "dead", "expires", "judged", "lost", "request", "started", "token", "verdict")

    def __init__(self, request: Request, started: float, expires: float | None) -> None:
        self.request = request
        self.started = started
        self.expires = expires
        self.attempts = 0
        self.token: Token | None = None
        # The token that was refused; a call gets one new token, not two.
        self.dead: Token | None = None
        # Whether an attempt may have reached the server without an answer that settles it.
        self.lost = False
        self.judged: Response | BulkEditorError | None = None
        self.verdict: GiveUp | Wait = GiveUp(reason="")


class Sharing:
    """Counts the open sessions over one pool, so that the last one to close closes it."""

    __slots__ = ("__weakref__", "_lock", "_open", "closed", "complained", "used")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Weak: a session that was merely dropped must not keep the pool open for ever.
        self._open: weakref.WeakSet[object] = weakref.WeakSet()
        self.closed = False
        self.used = False
        self.complained: Complaints = set()

    def join(self, session: object) -> None:
        """Count one more session."""
        with self._lock:
            self._open.add(session)

    def leave(self, session: object) -> bool:
        """Count one session less; True for the one that has to close the pool."""
        with self._lock:
            self._open.discard(session)
            if self._open or self.closed:
                return False
            self.closed = True
            return True


# Values are immutable, so a context that was copied for a thread or a task sees the lists of its origin.
_captures: ContextVar[tuple[tuple[Sharing, list[Response]], ...]] = ContextVar(
    "bulkeditor_captures", default=()
)


class Kernel:
    """The rules of one session, apart from waiting and sending."""

    __slots__ = ("_hooks", "_monotonic", "config", "credential", "facts", "sharing")

    def __init__(
        self, config: SessionConfig, sharing: Sharing, credential: Credential, facts: ServerFacts
    ) -> None:
        self.config = config
        self.sharing = sharing
        self.credential = credential
        self.facts = facts
        self._hooks = config.hooks
        self._monotonic = config.clock.monotonic

    def vary(self, config: SessionConfig, sharing: Sharing) -> Kernel:
        """A kernel with other settings, sharing what still is the same: server facts, limiter, token."""
        same_server = config.base_url == self.config.base_url
        same_credential = (
            same_server and config.auth is self.config.auth and config.rate_limit == self.config.rate_limit
        )
        return Kernel(
            config,
            sharing,
            self.credential if same_credential else Credential(Limiter(config.rate_limit)),
            self.facts if same_server else ServerFacts(),
        )

    def expiry(self, deadline: float | None) -> float | None:
        """The moment at which a call that starts now must be over."""
        return None if deadline is None else self._monotonic() + deadline

    def open(self, request: Request, expires: float | None) -> Call:
        """Begin a call.

        Raises:
            ReadOnlyError: It is a write, and the session is read-only.
        """
        if request.write and self.config.read_only:
            raise ReadOnlyError(
                f"{request.operation} is a write, and this client is read-only; nothing was sent."
            )
        return Call(request, self._monotonic(), expires)

    def left(self, call: Call) -> float | None:
        """Seconds until the call's deadline; None when it has none."""
        return None if call.expires is None else call.expires - self._monotonic()

    def timeout(self, call: Call) -> float:
        """The timeout of the attempt that starts now.

        Raises:
            DeadlineExceededError: No time is left.
        """
        left = self.left(call)
        if left is None:
            return self.config.timeout
        if left <= 0:
            raise self.late(call.request, sent=False)
        return min(self.config.timeout, left)

    def late(self, request: Request, *, sent: bool) -> DeadlineExceededError:
        """The error of a call that ran out of time."""
        return DeadlineExceededError(
            f"{request.operation}: the call's deadline has passed.", sent=sent, operation=request.operation
        )

    def punctual(self, call: Call, error: BulkEditorError) -> BulkEditorError:
        """A timeout that came about because the call's time was up is the deadline's."""
        left = self.left(call)
        if left is None or left > 0 or not isinstance(error, RequestTimeoutError):
            return error
        return self.late(call.request, sent=error.sent)

    def overslept(self, seconds: float, expires: float | None) -> DeadlineExceededError | None:
        """The error of a pause that a flow asks for and the deadline does not allow."""
        if expires is None or self._monotonic() + seconds <= expires:
            return None
        return DeadlineExceededError(
            f"A pause of {seconds:g} s would run past the call's deadline.", sent=False
        )

    def admit(self, call: Call) -> float:
        """Ask the limiter; seconds to sleep before asking again, 0 to go ahead.

        Raises:
            RateLimitError: The wait would break a limit of the caller; nothing was sent.
        """
        wait = self.credential.limiter.reserve(self._monotonic())
        if wait <= 0:
            return 0.0
        left = self.left(call)
        if wait * 1000 > self.config.retry.max_retry_after or (left is not None and wait > left):
            raise RateLimitError(
                f"the rate limit allows the next request in {wait:.3g} s, and that is too long to wait; nothing was sent",
                status=_TOO_MANY,
                code="rate_limited",
                retry_after=wait,
                operation=call.request.operation,
            )
        return wait

    def sending(self, call: Call) -> None:
        """Count the attempt and tell the hooks."""
        call.attempts += 1
        self.sharing.used = True
        if self._hooks.on_request:
            request = call.request
            tell(
                self._hooks.on_request,
                RequestEvent(
                    operation=request.operation,
                    method=request.method,
                    path=_bare(request.path),
                    attempt=call.attempts,
                ),
                self.sharing.complained,
            )

    def answered(self, call: Call, response: Response) -> None:
        """Learn from an answer, and tell the hooks and the log."""
        headers = response.headers
        request = call.request
        self.facts.learn(request, response.status, headers)
        if "x-ratelimit-remaining" in headers:
            self.credential.limiter.observe(headers, self._monotonic())
        if self._hooks.on_response:
            tell(self._hooks.on_response, _response_event(call, response), self.sharing.complained)
        if logger.isEnabledFor(DEBUG):
            logger.debug(
                "%s %s %s: %s in %.3f s (attempt %s)",
                request.operation,
                request.method,
                _bare(request.path),
                response.status,
                response.elapsed,
                call.attempts,
                extra=_log_fields(call, response),
            )

    def dead_token(self, call: Call, response: Response) -> bool:
        """Whether a new token should be fetched and the request sent once more.

        A 401 says that nothing was done, so this holds for writes as well; once for each call.
        """
        auth = self.config.auth
        if call.dead is not None or auth is None or call.token is None or not auth.refused(response):
            return False
        call.dead = call.token
        self._retrying(call, response, Wait(seconds=0.0, reason="unauthenticated"))
        return True

    def judge(self, call: Call, outcome: Response | BulkEditorError) -> GiveUp | Wait:
        """Decide on one outcome, once; both the driver and tenacity read the same decision."""
        if call.judged is outcome:
            return call.verdict
        if isinstance(outcome, Response):
            call.lost |= outcome.status >= 500  # noqa: PLR2004 - the server-error class
        elif isinstance(outcome, TransportError):
            call.lost |= outcome.sent
        config = self.config
        verdict = decide(
            call.attempts,
            call.request,
            outcome,
            config.retry,
            random.random(),  # noqa: S311 - jitter
            honoured=self.facts.honours_idempotency,
            now=config.clock.now(),
        )
        if isinstance(outcome, Response) and outcome.status == _TOO_MANY:
            asked = verdict.seconds if isinstance(verdict, Wait) else verdict.retry_after
            self.credential.limiter.pause(asked or 0.0, self._monotonic())
        if isinstance(verdict, Wait):
            left = self.left(call)
            if left is not None and verdict.seconds >= left:
                verdict = GiveUp(
                    reason="deadline", retry_after=verdict.seconds if verdict.retry_after else None
                )
        call.judged, call.verdict = outcome, verdict
        return verdict

    def again(self, call: Call, outcome: Response | BulkEditorError | None) -> bool:
        """tenacity's ``retry``: whether this outcome is to be followed by another attempt."""
        return outcome is not None and isinstance(self.judge(call, outcome), Wait)

    def pause(self, call: Call) -> float:
        """tenacity's ``wait``: seconds, off the decision just taken."""
        return call.verdict.seconds if isinstance(call.verdict, Wait) else 0.0

    def announce(self, call: Call) -> None:
        """tenacity's ``before_sleep``: tell the hooks and the log about the repeat."""
        if isinstance(call.verdict, Wait) and call.judged is not None:
            self._retrying(call, call.judged, call.verdict)

    def _retrying(self, call: Call, outcome: Response | BulkEditorError, wait: Wait) -> None:
        request = call.request
        status = outcome.status if isinstance(outcome, Response) else None
        if self._hooks.on_retry:
            event = RetryEvent(
                operation=request.operation,
                method=request.method,
                path=_bare(request.path),
                attempt=call.attempts,
                wait=wait.seconds,
                reason=wait.reason,
                status=status,
            )
            tell(self._hooks.on_retry, event, self.sharing.complained)
        if logger.isEnabledFor(WARNING):
            logger.warning(
                "%s %s %s: %s, attempt %s; again in %.2f s",
                request.operation,
                request.method,
                _bare(request.path),
                wait.reason if status is None else f"{wait.reason} (HTTP {status})",
                call.attempts,
                wait.seconds,
                extra={**_log_fields(call, outcome), "wait": wait.seconds, "reason": wait.reason},
            )

    def settle(self, call: Call, outcome: Response | BulkEditorError) -> Response:
        """The end of a call: the response, or the exception for its failure.

        Raises:
            BulkEditorError: Whatever the outcome means.
        """
        if isinstance(outcome, Response):
            self._capture(call, outcome)
            if 200 <= outcome.status < 300:  # noqa: PLR2004 - the success class
                return outcome
        raise self.failed(call, self._error(call, outcome))

    def failed(self, call: Call, error: BulkEditorError) -> BulkEditorError:
        """Tell the hooks about an error that ends a call, and hand it back to be raised."""
        error = _honest(call, error)
        if self._hooks.on_error:
            request = call.request
            event = ErrorEvent(
                operation=request.operation,
                method=request.method,
                path=_bare(request.path),
                attempts=call.attempts,
                elapsed=self._monotonic() - call.started,
                error=error,
            )
            tell(self._hooks.on_error, event, self.sharing.complained)
        return error

    def _error(self, call: Call, outcome: Response | BulkEditorError) -> BulkEditorError:
        verdict = self.judge(call, outcome)
        reason = verdict.reason
        error: BulkEditorError
        if isinstance(outcome, Response):
            secrets = () if call.token is None else (call.token.value.reveal(),)
            error = refusal(
                outcome,
                now=self.config.clock.now(),
                secrets=secrets,
                retry_after=verdict.retry_after if isinstance(verdict, GiveUp) else None,
            )
        elif reason == "deadline" and isinstance(outcome, TransportError):
            error = DeadlineExceededError(
                f"{outcome.message} No time is left for another attempt.",
                sent=outcome.sent,
                operation=call.request.operation,
            )
        else:
            error = outcome
        if call.attempts > 1 or reason == "deadline":
            times = "once" if call.attempts == 1 else f"{call.attempts} times"
            error.add_note(f"{call.request.operation} was sent {times}; given up: {reason}.")
        return error

    def _capture(self, call: Call, response: Response) -> None:
        captures = _captures.get()
        # The token endpoint's answer is a credential: it is nobody's raw response.
        if captures and call.request.authenticated:
            for sharing, responses in captures:
                if sharing is self.sharing:
                    responses.append(response)

    @contextmanager
    def capturing(self) -> Iterator[list[Response]]:
        """Collect the responses of all calls within the block, those of its threads and tasks included."""
        collected: list[Response] = []
        reset = _captures.set((*_captures.get(), (self.sharing, collected)))
        try:
            yield collected
        finally:
            _captures.reset(reset)


def same_pipe(one: SessionConfig, other: SessionConfig) -> bool:
    """Whether two sessions can send over the same connections."""
    return (
        one.http_client is other.http_client
        and one.transport is other.transport
        and one.ssl_context is other.ssl_context
        and one.max_connections == other.max_connections
    )


def _honest(call: Call, error: BulkEditorError) -> BulkEditorError:
    """The error, corrected for what earlier attempts may have done.

    A repeat that was refused at the door (429, 401, no connection) says nothing about the attempt before it.
    """
    if not call.lost or call.request.idempotent:
        return error
    if isinstance(error, TransportError):
        error.sent = True
    elif isinstance(error, RateLimitError | AuthenticationError | PermissionDeniedError):
        return TransportError(
            f"{call.request.operation}: an attempt got no answer, and its repeat was refused: {error.message}",
            sent=True,
            operation=call.request.operation,
        )
    return error


def dated(now: datetime, token: Token) -> Token:
    """A token that knows since when it lives."""
    return token if token.obtained_at is not None else attrs.evolve(token, obtained_at=now)


def shareable(error: BaseException) -> bool:
    """Whether a failed renewal is everybody's failure, not just that of the call which led it."""
    return isinstance(error, BulkEditorError) and not isinstance(error, DeadlineExceededError)


def given_up(request: Request, *, sent: bool = False) -> TransportError:
    """The outcome of an attempt that nobody waits for any more."""
    return TransportError(
        f"{request.operation}: given up, its iteration or its client has ended.",
        sent=sent,
        operation=request.operation,
    )


def no_connection(request: Request, timeout: float) -> RequestTimeoutError:
    """The outcome of an attempt that found all connections busy."""
    return RequestTimeoutError(
        f"{request.operation}: no connection became free within {timeout:.3g} s.",
        sent=False,
        operation=request.operation,
        hint="Raise max_connections, or make fewer calls at once.",
    )


def closed_error() -> ConfigurationError:
    """The error of a call on a closed session."""
    return ConfigurationError(
        "This client is closed.", hint="Make the call before close(), or inside its with block."
    )


def _bare(path: str) -> str:
    return path.partition("?")[0]


def _response_event(call: Call, response: Response) -> ResponseEvent:
    request = call.request
    return ResponseEvent(
        operation=request.operation,
        method=request.method,
        path=_bare(request.path),
        attempt=call.attempts,
        status=response.status,
        elapsed=response.elapsed,
        request_id=response.request_id,
        size=len(response.content),
    )


def _log_fields(call: Call, outcome: Response | BulkEditorError) -> dict[str, object]:
    fields: dict[str, object] = {
        "operation": call.request.operation,
        "method": call.request.method,
        "path": _bare(call.request.path),
        "attempt": call.attempts,
    }
    if isinstance(outcome, Response):
        fields |= {"status": outcome.status, "duration": outcome.elapsed, "request_id": outcome.request_id}
    return fields


__all__ = [
    "Call",
    "Credential",
    "Kernel",
    "Sharing",
    "closed_error",
    "dated",
    "given_up",
    "no_connection",
    "same_pipe",
    "shareable",
]
