"""The blocking driver."""

from __future__ import annotations

import copy
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import EllipsisType, TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

import httpx

from bulkeditor.errors import BulkEditorError
from bulkeditor.http._clock import SystemClock
from bulkeditor.http._config import SessionConfig
from bulkeditor.http._facts import ServerFacts
from bulkeditor.http._guard import Guard, current_stop, guard
from bulkeditor.http._kernel import Kernel
from bulkeditor.http._limiter import Limiter
from bulkeditor.http._pipe import BlockingPipe
from bulkeditor.http._state import (
    Call,
    Credential,
    closed_error,
    dated,
    given_up,
    no_connection,
    same_pipe,
    shareable,
)
from bulkeditor.http._types import Exchange, Request, Response, Sleep
from bulkeditor.http._wire import FAILURES, TooLargeError, Wire, failure, too_large
from bulkeditor.http.auth import Attempt, Auth, Token

if TYPE_CHECKING:
    from concurrent.futures import Future

    from tenacity import RetryCallState

T = TypeVar("T")


class Session:
    """Drives exchanges in the calling thread: sends, waits, repeats, and hands answers to the flow.

    It is thread-safe. After ``os.fork()`` a child must make a session of its own: connections cannot be
    shared between processes.

    Args:
        config: All settings.
    """

    def __init__(self, config: SessionConfig) -> None:
        pipe = BlockingPipe(config)
        self._set_up(
            Kernel(config, pipe.sharing, Credential(Limiter(config.rate_limit)), ServerFacts()), pipe
        )

    def _set_up(self, kernel: Kernel, pipe: BlockingPipe) -> None:
        self._kernel = kernel
        self._pipe = pipe
        self._clock = kernel.config.clock
        self._wire = Wire(kernel.config)
        self._closed = False
        pipe.sharing.join(self)

    @property
    def config(self) -> SessionConfig:
        """The settings."""
        return self._kernel.config

    @property
    def facts(self) -> ServerFacts:
        """What was learned about the server; shared with derived sessions."""
        return self._kernel.facts

    @property
    def token(self) -> Token | None:
        """The credential in use; None before the first request that needed one."""
        return self._kernel.credential.token

    def mask(self, text: str) -> str:
        """A text with this session's credentials masked, as far as they were used yet.

        Args:
            text: Anything that is shown or kept, such as the text of an exception.
        """
        return self._kernel.mask(text)

    def with_config(self, **changes: Any) -> Self:
        """A session with other settings over the same connections, limiter, token and facts.

        A change of ``auth`` gets its own limiter and token, one of ``base_url`` its own facts too, one of
        ``http_client``, ``transport``, ``ssl_context`` or ``max_connections`` its own connections. The
        connections close with the last session that uses them.

        Args:
            changes: Settings of :class:`SessionConfig` by name.

        Raises:
            ConfigurationError: A name is unknown, a value cannot work, or this session is closed.
        """
        if self._closed:
            raise closed_error()
        config = self.config.evolve(**changes)
        pipe = self._pipe if same_pipe(config, self.config) else BlockingPipe(config)
        other = type(self).__new__(type(self))
        other._set_up(self._kernel.vary(config, pipe.sharing), pipe)  # noqa: SLF001 - of the same class
        return other

    @contextmanager
    def responses(self) -> Generator[list[Response]]:
        """Collect every :class:`Response` of the calls within the block, its threads and refusals included.

        Yields:
            The list; it grows as answers come. The last answer of each request is in it, not those that were
            repeated.
        """
        with self._kernel.capturing() as collected:
            yield collected

    def close(self) -> None:
        """Close the session; the connections close with the last session over them."""
        if not self._closed:
            self._closed = True
            if self._pipe.sharing.leave(self):
                self._pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config.base_url!r}{', closed' if self._closed else ''})"

    def run(self, flow: Exchange[T], *, deadline: float | EllipsisType | None = ...) -> T:
        """Drive one exchange to its end.

        Args:
            flow: What to do; it is closed in any case.
            deadline: Seconds for all of it, in place of the session's own; None = no limit.

        Returns:
            What the flow returns.

        Raises:
            BulkEditorError: What the flow did not handle.
        """
        try:
            if self._closed:
                raise closed_error()
            expires = self._kernel.expiry(self.config.deadline if deadline is ... else deadline)
            step = next(flow)
            while True:
                try:
                    response = self._step(step, expires)
                except BulkEditorError as error:
                    problem = error
                else:
                    step = next(flow) if response is None else flow.send(response)
                    continue
                step = flow.throw(problem)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            flow.close()

    def _step(self, step: Request | Sleep, expires: float | None) -> Response | None:
        if isinstance(step, Request):
            return self._request(step, expires)
        late = self._kernel.overslept(step.seconds, expires)
        if late is not None:
            raise late
        self._sleep(step.seconds)
        return None

    def _request(self, request: Request, expires: float | None) -> Response:
        kernel = self._kernel
        call = kernel.open(request, expires)
        try:
            outcome = self._attempt(call)
            if kernel.again(call, outcome):
                outcome = self._repeat(call, outcome)
        except BulkEditorError as error:
            problem = kernel.failed(call, error)
        else:
            return kernel.settle(call, outcome)
        raise problem

    def _repeat(self, call: Call, outcome: Response | BulkEditorError) -> Response | BulkEditorError:
        # Imported by the first call that fails in a process, and by no other.
        from tenacity import Retrying  # noqa: PLC0415

        kernel = self._kernel
        outcomes = iter((outcome,))
        retrying = Retrying(
            sleep=self._sleep,
            retry=lambda state: not self._ended() and kernel.again(call, _result(state)),
            wait=lambda _: kernel.pause(call),
            before_sleep=lambda _: kernel.announce(call),
        )
        # tenacity's first attempt is the one that was made already.
        return retrying(lambda: next(outcomes, None) or self._attempt(call))

    def _attempt(self, call: Call) -> Response | BulkEditorError:
        """Send once; and once more with a new token when the one it carried turns out to be dead."""
        kernel = self._kernel
        while True:
            request = self._signed(call) if call.request.authenticated else call.request
            while wait := kernel.admit(call):
                self._sleep(wait)
                if self._ended():
                    # The sleep was cut short; asking again would spin until the limit lets go.
                    return given_up(call.request)
            kernel.sending(call)
            outcome = self._send(call, request)
            if not isinstance(outcome, Response):
                return outcome
            kernel.answered(call, outcome)
            if not kernel.dead_token(call, outcome):
                return outcome

    def _send(self, call: Call, request: Request) -> Response | BulkEditorError:
        if self._pipe.sharing.closed:
            raise closed_error()
        timeout = self._kernel.timeout(call)
        stop = current_stop.get()
        if stop is not None and stop.is_set:
            return given_up(call.request)
        guarded = call.expires is not None or stop is not None
        reset = guard.set(Guard(lambda: self._kernel.left(call), stop)) if guarded else None
        gate = self._pipe.gate
        if gate is not None and not gate.acquire(timeout=timeout):
            return no_connection(call.request, timeout)
        try:
            return self._exchange(call, self._wire.build(request, timeout), timeout)
        finally:
            if gate is not None:
                gate.release()
            if reset is not None:
                guard.reset(reset)

    def _exchange(self, call: Call, request: httpx.Request, timeout: float) -> Response | BulkEditorError:
        started = time.perf_counter()
        status = 0
        problem: Exception
        try:
            answer = self._pipe.client.send(request, auth=None, stream=True, follow_redirects=False)
            try:
                status = answer.status_code
                body = self._body(call.request, answer)
            finally:
                answer.close()
        except FAILURES as error:
            problem = error
        except TooLargeError as error:
            return too_large(call.request, error, status)
        else:
            elapsed = time.perf_counter() - started
            return self._wire.respond(call.request, answer, body, elapsed, call.attempts)
        # Made outside of the except block: no __context__, see failure().
        return self._kernel.punctual(call, failure(call.request, problem, timeout))

    def _body(self, request: Request, answer: httpx.Response) -> bytes | IO[bytes]:
        sink = self._wire.sink(request, answer)
        try:
            for chunk in answer.iter_bytes():
                sink.write(chunk)
        except BaseException:
            sink.close()
            raise
        return sink.body()

    def _sleep(self, seconds: float) -> None:
        stop = current_stop.get()
        if stop is not None and isinstance(self._clock, SystemClock):
            stop.wait(seconds)
        else:
            self._clock.sleep(seconds)

    def _ended(self) -> bool:
        """Whether nobody waits for repeats any more."""
        return self._pipe.sharing.closed or _stopping()

    def _signed(self, call: Call) -> Request:
        auth = self.config.auth
        if auth is None:
            return call.request
        token = self._kernel.credential.token
        if token is None or token is call.dead or auth.stale(token, self._clock.now()):
            token = self._fresh(auth, call)
        call.token = token
        attempt = Attempt(self._clock.now(), lambda: self._wire.url(call.request))
        return auth.sign(call.request, token, attempt)

    def _fresh(self, auth: Auth, call: Call) -> Token:
        """A token that is neither stale nor the one just refused; one thread fetches it for all."""
        credential = self._kernel.credential
        while True:
            with credential.lock:
                token = credential.token
                if token is not None and token is not call.dead and not auth.stale(token, self._clock.now()):
                    return token
                flight = credential.flight
                leads = flight is None
                if flight is None:
                    from concurrent.futures import Future  # noqa: PLC0415 - needed by one call in a thousand

                    flight = credential.flight = Future()
            if leads:
                return self._renew(auth, call, token, flight)
            shared = self._joined(flight, call)
            if shared is not None:
                return shared

    def _renew(self, auth: Auth, call: Call, token: Token | None, flight: Future[Token]) -> Token:
        credential = self._kernel.credential
        try:
            now = self._clock.now()
            fresh = dated(now, self.run(auth.renew(token, now), deadline=self._kernel.left(call)))
        except BaseException as error:
            with credential.lock:
                credential.flight = None
            if shareable(error) and not _stopping():
                flight.set_exception(error)
            else:
                # This thread's own reason to stop is not the others': one of them tries next.
                flight.cancel()
            raise
        with credential.lock:
            credential.token = fresh
            credential.flight = None
        flight.set_result(fresh)
        return fresh

    def _joined(self, flight: Future[Token], call: Call) -> Token | None:
        """The token that another thread fetches; None when it gave up for reasons of its own."""
        from concurrent.futures import CancelledError  # noqa: PLC0415 - as above

        try:
            return flight.result(timeout=self._kernel.left(call))
        except CancelledError:
            return None
        except BulkEditorError as error:
            # A copy for each thread: a shared exception would collect the tracebacks of all of them. First,
            # because some of ours are TimeoutErrors as well.
            problem = copy.copy(error)
        except TimeoutError:
            problem = self._kernel.late(call.request, sent=False)
        raise problem


def _stopping() -> bool:
    stop = current_stop.get()
    return stop is not None and stop.is_set


def _result(state: RetryCallState) -> Response | BulkEditorError | None:
    """An attempt's outcome; None when it ended in an exception that nobody here handles."""
    if state.outcome is None or state.outcome.failed:
        return None
    outcome: Response | BulkEditorError = state.outcome.result()
    return outcome


__all__ = ["Session"]
