"""What both drivers share: one call's bookkeeping, from the first check to the last event.

It waits for nothing and sends nothing.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from bulkeditor._secret import Secret
from bulkeditor.errors import (
    AuthenticationError,
    BulkEditorError,
    ConflictError,
    DeadlineExceededError,
    PermissionDeniedError,
    RateLimitError,
    ReadOnlyError,
    RequestTimeoutError,
    TransportError,
)
from bulkeditor.http._facts import ServerFacts
from bulkeditor.http._limiter import Limiter
from bulkeditor.http._redact import scrub
from bulkeditor.http._reporter import reporter
from bulkeditor.http._retry import GiveUp, Wait, decide
from bulkeditor.http._state import Call, Credential, Sharing
from bulkeditor.http._types import Request, Response
from bulkeditor.http.auth import Discreet

if TYPE_CHECKING:
    from bulkeditor.http._config import SessionConfig

_TOO_MANY: Final = 429


# Values are immutable, so a context that was copied for a thread or a task sees the lists of its origin.
_captures: ContextVar[tuple[tuple[Sharing, list[Response]], ...]] = ContextVar(
    "bulkeditor_captures", default=()
)


class Kernel:
    """The rules of one session, apart from waiting and sending."""

    __slots__ = ("_monotonic", "_reporter", "config", "credential", "facts", "sharing")

    def __init__(
        self, config: SessionConfig, sharing: Sharing, credential: Credential, facts: ServerFacts
    ) -> None:
        self.config = config
        self.sharing = sharing
        self.credential = credential
        self.facts = facts
        self._reporter = reporter(config.hooks, sharing.complained)
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
                f"nothing was sent: the rate limit allows the next request in {wait:.3g} s, too long to wait",
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
        self._reporter.sending(call)

    def answered(self, call: Call, response: Response) -> None:
        """Learn from an answer, and tell the hooks and the log."""
        request = call.request
        self.facts.learn(request, response.status, response.headers)
        # The token endpoint may be another server, with limits of its own.
        if request.authenticated and "x-ratelimit-remaining" in response.headers:
            self.credential.limiter.observe(response.headers, self._monotonic())
        self._reporter.answered(call, response)

    def dead_token(self, call: Call, response: Response) -> bool:
        """Whether a new token should be fetched and the request sent once more.

        A 401 says that nothing was done, so this holds for writes as well; once for each call.
        """
        auth = self.config.auth
        if call.dead is not None or auth is None or call.token is None or not auth.refused(response):
            return False
        call.dead = call.token
        self._reporter.retrying(call, response, Wait(seconds=0.0, reason="unauthenticated"))
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
        if isinstance(outcome, Response) and outcome.status == _TOO_MANY and call.request.authenticated:
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
        """Whether this outcome is to be followed by another attempt."""
        if outcome is None or (isinstance(outcome, Response) and outcome.status < 300):  # noqa: PLR2004 - success
            return False
        return isinstance(self.judge(call, outcome), Wait)

    def pause(self, call: Call) -> float:
        """Seconds to wait, off the decision just taken."""
        return call.verdict.seconds if isinstance(call.verdict, Wait) else 0.0

    def announce(self, call: Call) -> None:
        """Tell the hooks and the log about the repeat."""
        if isinstance(call.verdict, Wait) and call.judged is not None:
            self._reporter.retrying(call, call.judged, call.verdict)

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
        self._reporter.failed(call, error, self._monotonic() - call.started)
        return error

    def _error(self, call: Call, outcome: Response | BulkEditorError) -> BulkEditorError:
        verdict = self.judge(call, outcome)
        reason = verdict.reason
        error: BulkEditorError
        if isinstance(outcome, Response):
            from bulkeditor.http._refusals import refusal  # noqa: PLC0415 - most programs never need it

            error = refusal(
                outcome,
                now=self.config.clock.now(),
                secrets=self._secrets(call),
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

    def mask(self, text: str) -> str:
        """A text with the credentials of this session masked."""
        return scrub(text, self._secrets())

    def _secrets(self, call: Call | None = None) -> tuple[Secret, ...]:
        """Everything that a server could quote of what it was sent."""
        token = self.credential.token if call is None else call.token or self.credential.token
        auth: object = self.config.auth
        own = auth.secrets() if isinstance(auth, Discreet) else ()
        return own if token is None else (*own, *token.secrets())

    def _capture(self, call: Call, response: Response) -> None:
        captures = _captures.get()
        # The token endpoint's answer is a credential: it is nobody's raw response.
        if captures and call.request.authenticated:
            for sharing, responses in captures:
                if sharing is self.sharing:
                    responses.append(response)

    @contextmanager
    def capturing(self) -> Generator[list[Response]]:
        """Collect the responses of all calls within the block, those of its threads and tasks included."""
        collected: list[Response] = []
        reset = _captures.set((*_captures.get(), (self.sharing, collected)))
        try:
            yield collected
        finally:
            _captures.reset(reset)


def _honest(call: Call, error: BulkEditorError) -> BulkEditorError:
    """The error, corrected for what earlier attempts may have done.

    A repeat that was refused at the door (429, 401, no connection) says nothing about the attempt before it.
    """
    if call.request.idempotent:
        return error
    # Still running under the same key: the server itself says that it is not over.
    running = isinstance(error, ConflictError) and error.code == "idempotency_in_progress"
    if not call.lost and not running:
        return error
    if isinstance(error, TransportError):
        error.sent = True
    elif running or isinstance(error, RateLimitError | AuthenticationError | PermissionDeniedError):
        operation = call.request.operation
        return TransportError(
            f"{operation}: an attempt got no answer, and its repeat was refused: {error.message}",
            sent=True,
            operation=operation,
        )
    return error


__all__ = ["Kernel"]
