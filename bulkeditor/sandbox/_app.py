"""The ASGI application: read a request, run it in a thread, send the answer or what a fault makes of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final, TypeVar

from starlette.types import Receive, Scope, Send

from bulkeditor.sandbox._clock import Clock
from bulkeditor.sandbox._faults import Fault, Faults
from bulkeditor.sandbox._http import Answer, Call, Refusal
from bulkeditor.sandbox._journal import Journal
from bulkeditor.sandbox._pipeline import Outcome, Pipeline
from bulkeditor.sandbox._routing import Router, parse_query
from bulkeditor.sandbox._store import Store

T = TypeVar("T")
MAX_BODY: Final = 1024 * 1024
# Where in a scope a server puts its Link.
LINK: Final = "bulkeditor.sandbox.link"
# A larger body is read and thrown away, so that the sender gets to see the 413; up to here.
_MAX_DRAINED: Final = 64 * MAX_BODY


class Disconnected(Exception):  # noqa: N818 -- the caller went away; nobody is left to tell
    """The caller closed the connection while sending."""


class Link:
    """What the application can do to the connection of a request; as it stands, for one without a socket."""

    async def pause(self, seconds: float) -> None:
        """Sleep; a server that stops ends it early."""
        await asyncio.sleep(seconds)

    def cut(self, *, flush: bool) -> bool:
        """Close the connection, after what was written or at once; False where there is none."""
        del flush
        return False


class App:
    """What uvicorn, or an in-process ASGI transport, calls."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        router: Router,
        pipeline: Pipeline,
        faults: Faults,
        journal: Journal,
        executor: Callable[[], Executor],
    ) -> None:
        self._store = store
        self._clock = clock
        self._router = router
        self._pipeline = pipeline
        self._faults = faults
        self._journal = journal
        self._executor = executor
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request_id = f"req_{next(self._numbers)}"
        try:
            body = await _read(receive)
        except Disconnected:
            return
        method, raw_path = scope["method"], _raw_path(scope)
        match = self._router.match(method, raw_path)
        if isinstance(match, Refusal):
            refusal = match
            fault = self._faults.for_request(method, raw_path, None)
            outcome = await self._in_thread(
                lambda: self._unrouted(method, raw_path, request_id, refusal, fault)
            )
        else:
            fault = self._faults.for_request(method, raw_path, match.route)
            call = Call(
                method=method,
                path=raw_path,
                headers=_headers(scope),
                body=body or b"",
                request_id=request_id,
                now_us=self._clock.now_us(),
                route=match.route,
                arguments=match.arguments,
                query={},
                fault=fault,
            )
            link: Link = scope.get(LINK) or Link()
            outcome = await self._answer(call, scope["query_string"], link, too_large=body is None)
        await self._send(scope, receive, send, outcome=outcome, fault=fault, request_id=request_id)

    async def _answer(self, call: Call, query: bytes, link: Link, *, too_large: bool) -> Outcome:
        fault = call.fault
        before = 0.0 if fault is None or fault.after_commit else fault.latency
        after = fault.latency if fault is not None and fault.after_commit else 0.0
        try:
            if before:
                # The key is claimed first: whoever repeats the request meanwhile finds it under way.
                outcome = await self._in_thread(lambda: self._pipeline.admit(call))
                if outcome is None:
                    await link.pause(before)
                    outcome = await self._in_thread(lambda: self._carry_out(call, query, too_large=too_large))
            else:
                outcome = await self._in_thread(
                    lambda: self._pipeline.admit(call) or self._carry_out(call, query, too_large=too_large)
                )
            if after:
                await link.pause(after)
        finally:
            self._pipeline.leave(call)
        return outcome

    def _carry_out(self, call: Call, query: bytes, *, too_large: bool) -> Outcome:
        handler = call.route.handler

        def checked(call: Call) -> Answer:
            if too_large:
                raise Refusal(413, "too_large", f"The body holds more than {MAX_BODY:,} bytes.")
            call.query = parse_query(query, call.route.query)
            return handler(call)

        return self._pipeline.carry_out(call, checked)

    def _unrouted(
        self, method: str, path: str, request_id: str, refusal: Refusal, fault: Fault | None
    ) -> Outcome:
        answer: Answer | None = refusal.answer(request_id)
        if fault is not None and (fault.refuses or fault.conceals):
            answer = None if fault.drop else fault.answer(request_id)
        with self._store.transaction():
            self._journal.record_unrouted(
                at=self._clock.now_us(),
                request_id=request_id,
                method=method,
                path=path,
                status=None if answer is None else answer.status,
                fault=None if fault is None else fault.describe() or None,
            )
        return Outcome(None if answer is None else self._pipeline.finished(answer))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor(), work)

    async def _send(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        outcome: Outcome,
        fault: Fault | None,
        request_id: str,
    ) -> None:
        link: Link = scope.get(LINK) or Link()
        answer = outcome.answer
        if answer is None:
            await _hang_up(link, receive, flush=False)
            return
        body = answer.body
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": _wire(answer, request_id)}
        )
        if fault is not None and fault.truncate is not False and body:
            kept = len(body) // 2 if fault.truncate is True else min(fault.truncate, len(body) - 1)
            await send({"type": "http.response.body", "body": body[:kept], "more_body": True})
            await _hang_up(link, receive, flush=True)
            return
        if fault is not None and fault.drip:
            for position in range(len(body)):
                await send(
                    {"type": "http.response.body", "body": body[position : position + 1], "more_body": True}
                )
                await link.pause(fault.drip)
            body = b""
        await send({"type": "http.response.body", "body": body})


async def _hang_up(link: Link, receive: Receive, *, flush: bool) -> None:
    """Close the connection; without one (in-process), the caller gets what a closed one feels like."""
    if not link.cut(flush=flush):
        raise ConnectionResetError("The sandbox closed the connection on purpose (an injected fault).")
    # Only once the server has noticed does it not answer 500 for us.
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(receive: Receive) -> bytes | None:
    """The body; None when it is too large."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY:
            chunks.append(chunk)
        else:
            chunks.clear()
        if not message.get("more_body", False) or size > _MAX_DRAINED:
            return b"".join(chunks) if size <= MAX_BODY else None


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _raw_path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("latin-1")


def _headers(scope: Scope) -> dict[str, str]:
    # A header that stands twice is joined, as HTTP has it; none that is read here may be a list.
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _wire(answer: Answer, request_id: str) -> list[tuple[bytes, bytes]]:
    headers = [*answer.headers, ("X-Request-Id", request_id)]
    if answer.status != 204:  # noqa: PLR2004
        headers.append(("Content-Length", str(len(answer.body))))
        if answer.body:
            headers.append(("Content-Type", answer.content_type))
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
