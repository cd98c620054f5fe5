"""The asyncio driver."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import EllipsisType, TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

import httpx

from bulkeditor.errors import BulkEditorError
from bulkeditor.http._async_network import Sending, sending
from bulkeditor.http._async_pipe import LoopPipe, Outcome, discard
from bulkeditor.http._config import SessionConfig
from bulkeditor.http._facts import ServerFacts
from bulkeditor.http._kernel import Kernel
from bulkeditor.http._limiter import Limiter
from bulkeditor.http._state import Call, Credential, closed_error, dated, given_up, no_connection, same_pipe
from bulkeditor.http._types import Exchange, Request, Response, Sleep
from bulkeditor.http._wire import FAILURES, TooLargeError, Wire, failure, too_large
from bulkeditor.http.auth import Attempt, Auth, Token

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")


class AsyncSession:
    """Drives exchanges on the running event loop: sends, waits, repeats, and hands answers to the flow.

    It belongs to the loop of its first call. A cancelled call lets go of its connection without harm to the
    pool.

    Args:
        config: All settings.
    """

    def __init__(self, config: SessionConfig) -> None:
        pipe = LoopPipe(config)
        self._set_up(
            Kernel(config, pipe.sharing, Credential(Limiter(config.rate_limit)), ServerFacts()), pipe
        )

    def _set_up(self, kernel: Kernel, pipe: LoopPipe) -> None:
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
        pipe = self._pipe if same_pipe(config, self.config) else LoopPipe(config)
        other = type(self).__new__(type(self))
        other._set_up(self._kernel.vary(config, pipe.sharing), pipe)  # noqa: SLF001 - of the same class
        return other

    @contextmanager
    def responses(self) -> Generator[list[Response]]:
        """Collect every :class:`Response` of the calls within the block, its tasks and refusals included.

        Yields:
            The list; it grows as answers come. The last answer of each request is in it, not those that were
            repeated.
        """
        with self._kernel.capturing() as collected:
            yield collected

    async def aclose(self) -> None:
        """Close the session; the connections close with the last session over them, and no task is left.

        Raises:
            ConfigurationError: The connections belong to another event loop.
        """
        if not self._closed:
            self._closed = True
            if self._pipe.sharing.leave(self) and self._pipe.loop is not None:
                self._pipe.bind()
                await self._pipe.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config.base_url!r}{', closed' if self._closed else ''})"

    async def run(self, flow: Exchange[T], *, deadline: float | EllipsisType | None = ...) -> T:
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
            self._pipe.bind()
            expires = self._kernel.expiry(self.config.deadline if deadline is ... else deadline)
            step = next(flow)
            while True:
                try:
                    response = await self._step(step, expires)
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

    async def _step(self, step: Request | Sleep, expires: float | None) -> Response | None:
        if isinstance(step, Request):
            return await self._request(step, expires)
        late = self._kernel.overslept(step.seconds, expires)
        if late is not None:
            raise late
        await self._clock.asleep(step.seconds)
        return None

    async def _request(self, request: Request, expires: float | None) -> Response:
        kernel = self._kernel
        call = kernel.open(request, expires)
        try:
            outcome = await self._attempt(call)
            if kernel.again(call, outcome):
                outcome = await self._repeat(call, outcome)
        except BulkEditorError as error:
            problem = kernel.failed(call, error)
        else:
            return kernel.settle(call, outcome)
        raise problem

    async def _repeat(self, call: Call, outcome: Outcome) -> Outcome:
        # Imported by the first call that fails in a process, and by no other.
        from tenacity import AsyncRetrying  # noqa: PLC0415

        kernel = self._kernel
        outcomes = iter((outcome,))

        async def attempt() -> Outcome:
            # tenacity's first attempt is the one that was made already.
            return next(outcomes, None) or await self._attempt(call)

        retrying = AsyncRetrying(
            sleep=self._clock.asleep,
            retry=lambda state: not self._pipe.sharing.closed and kernel.again(call, _result(state)),
            wait=lambda _: kernel.pause(call),
            before_sleep=lambda _: kernel.announce(call),
        )
        return await retrying(attempt)

    async def _attempt(self, call: Call) -> Outcome:
        """Send once; and once more with a new token when the one it carried turns out to be dead."""
        kernel = self._kernel
        while True:
            request = await self._signed(call) if call.request.authenticated else call.request
            while wait := kernel.admit(call):
                await self._clock.asleep(wait)
            kernel.sending(call)
            outcome = await self._send(call, request)
            if not isinstance(outcome, Response):
                return outcome
            kernel.answered(call, outcome)
            if not kernel.dead_token(call, outcome):
                return outcome

    async def _send(self, call: Call, request: Request) -> Outcome:
        """One attempt, in a task of its own, so that cancelling the caller does not break it off."""
        pipe = self._pipe
        if pipe.sharing.closed:
            raise closed_error()
        timeout = self._kernel.timeout(call)
        message = self._wire.build(request, timeout)
        if not await self._admitted(timeout):
            return no_connection(call.request, timeout)
        state = Sending(lambda: self._kernel.left(call))
        attempt = asyncio.create_task(self._exchange(call, message, timeout, state))
        pipe.start(attempt, state)
        try:
            if call.expires is None:
                return await asyncio.shield(attempt)
            async with asyncio.timeout(self._kernel.left(call)):
                return await asyncio.shield(attempt)
        except TimeoutError:
            if attempt.done():
                raise
            self._let_go(attempt, state)
            return self._kernel.late(call.request, sent=state.written or not pipe.own_transport)
        except asyncio.CancelledError:
            if attempt.cancelled() and not _cancelling():
                # Not the caller was cancelled but the attempt, by aclose().
                return given_up(call.request, sent=True)
            self._let_go(attempt, state)
            raise

    async def _admitted(self, timeout: float) -> bool:  # noqa: ASYNC109 - part of a limit, see the body
        gate = self._pipe.gate
        if gate is None:
            return True
        if not gate.locked():
            return await gate.acquire()
        try:
            async with asyncio.timeout(timeout):
                return await gate.acquire()
        except TimeoutError:
            return False

    @staticmethod
    def _let_go(attempt: asyncio.Task[Outcome], state: Sending) -> None:
        state.abandon()
        if attempt.done():
            discard(attempt)

    async def _exchange(
        self,
        call: Call,
        request: httpx.Request,
        timeout: float,  # noqa: ASYNC109 - only named in the error's text
        state: Sending,
    ) -> Outcome:
        sending.set(state)  # in this task's own context
        started = time.perf_counter()
        status = 0
        problem: Exception
        try:
            answer = await self._pipe.client.send(request, auth=None, stream=True, follow_redirects=False)
            try:
                status = answer.status_code
                body = await self._body(call.request, answer, state)
            finally:
                await answer.aclose()
        except FAILURES as error:
            problem = error
        except TooLargeError as error:
            return too_large(call.request, error, status)
        else:
            elapsed = time.perf_counter() - started
            return self._wire.respond(call.request, answer, body, elapsed, call.attempts)
        # Made outside of the except block: no __context__, see failure().
        return self._kernel.punctual(call, failure(call.request, problem, timeout))

    async def _body(self, request: Request, answer: httpx.Response, state: Sending) -> bytes | IO[bytes]:
        sink = self._wire.sink(request, answer)
        try:
            async for chunk in answer.aiter_bytes():
                state.check()
                sink.write(chunk)
        except BaseException:
            sink.close()
            raise
        return sink.body()

    async def _signed(self, call: Call) -> Request:
        auth = self.config.auth
        if auth is None:
            return call.request
        token = self._kernel.credential.token
        if token is None or token is call.dead or auth.stale(token, self._clock.now()):
            token = await self._fresh(auth, call)
        call.token = token
        attempt = Attempt(self._clock.now(), lambda: self._wire.url(call.request))
        return auth.sign(call.request, token, attempt)

    async def _fresh(self, auth: Auth, call: Call) -> Token:
        """A token that is neither stale nor the one just refused; one task fetches it for all."""
        credential = self._kernel.credential
        renewal = credential.renewal
        if renewal is None:
            renewal = credential.renewal = asyncio.create_task(self._renew(auth))
            self._pipe.renewals.add(renewal)
            renewal.add_done_callback(self._pipe.renewals.discard)
        # wait() leaves the task alone when the caller is cancelled or late: others may wait for it.
        done, _ = await asyncio.wait({renewal}, timeout=self._kernel.left(call))
        if not done:
            raise self._kernel.late(call.request, sent=False)
        if renewal.cancelled():
            raise closed_error()
        error = renewal.exception()
        if error is None:
            return renewal.result()
        # A copy for each task: a shared exception would collect the tracebacks of all of them.
        raise copy.copy(error) if isinstance(error, BulkEditorError) else error

    async def _renew(self, auth: Auth) -> Token:
        credential = self._kernel.credential
        try:
            # Nobody's deadline: it is fetched for all, and each of them waits as long as its own allows.
            now = self._clock.now()
            token = dated(now, await self.run(auth.renew(credential.token, now), deadline=None))
            credential.token = token
        finally:
            credential.renewal = None
        return token


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _result(state: RetryCallState) -> Outcome | None:
    """An attempt's outcome; None when it ended in an exception that nobody here handles."""
    if state.outcome is None or state.outcome.failed:
        return None
    outcome: Outcome = state.outcome.result()
    return outcome


__all__ = ["AsyncSession"]
