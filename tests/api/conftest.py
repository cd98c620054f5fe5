"""Drive flows by hand: requests in, answers out, no I/O and no clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from bulkeditor.errors import APIError, BulkEditorError, InvalidRequestError, NotFoundError, ServerError
from bulkeditor.http import Exchange, Request, Response, Sleep

Answer = Response | BulkEditorError
Serve = Callable[[Request], Any]

REFUSALS: dict[int, type[APIError]] = {400: InvalidRequestError, 404: NotFoundError, 413: InvalidRequestError}


def answer(
    request: Request, body: Any = None, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers=headers or {}, content=content, request=request)


def refusal(request: Request, status: int, code: str | None = None, **more: Any) -> APIError:
    kind = REFUSALS.get(status, ServerError if status >= 500 else APIError)
    return kind(f"refused with {status}", status=status, code=code, operation=request.operation, **more)


@attrs.define
class Drive:
    """Runs a flow against a function that plays the server; remembers requests and pauses."""

    requests: list[Request] = attrs.field(factory=list)
    pauses: list[float] = attrs.field(factory=list)

    def __call__(self, flow: Exchange[Any], serve: Serve) -> Any:
        try:
            step = next(flow)
            while True:
                if isinstance(step, Sleep):
                    self.pauses.append(step.seconds)
                    step = next(flow)
                    continue
                self.requests.append(step)
                reply = serve(step)
                if isinstance(reply, BulkEditorError):
                    step = flow.throw(reply)
                else:
                    step = flow.send(reply if isinstance(reply, Response) else answer(step, reply))
        except StopIteration as stop:
            return stop.value
        finally:
            flow.close()

    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    def pages(self) -> list[str | None]:
        return [dict(request.params).get("page") for request in self.requests]


@pytest.fixture
def drive() -> Drive:
    return Drive()


@pytest.fixture
def reply() -> Callable[..., Response]:
    return answer


@pytest.fixture
def refuse() -> Callable[..., APIError]:
    return refusal
