"""Servers and plain HTTP for the sandbox's own tests: no client of ours takes part."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from bulkeditor.sandbox import Sandbox


class Http(httpx.Client):
    """httpx with the sandbox's key, and the answers' JSON close at hand."""

    def products(self, **params: Any) -> list[dict[str, Any]]:
        if "filter" in params:
            params["filter"] = json.dumps(params["filter"])
        answer = self.get("/api/v1/products", params=params)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return body if isinstance(body, list) else body["products"]

    def update(self, *rows: dict[str, Any], key: str | None = None) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.put("/api/v1/products/bulk", json={"products": list(rows)}, headers=headers)

    def job(self, **body: Any) -> dict[str, Any]:
        answer = self.post("/api/v1/bulk-jobs", json={"operation": "update", "filter": {}, **body})
        assert answer.status_code == 201, answer.text
        return answer.json()


Open = Callable[..., tuple[Sandbox, Http]]


@pytest.fixture
def serve() -> Iterator[Open]:
    """Start a sandbox with options; it and its HTTP client end with the test."""
    running: list[tuple[Sandbox, Http]] = []

    def start(**options: Any) -> tuple[Sandbox, Http]:
        if "catalog" not in options:
            options.setdefault("products", 60)
        sandbox = Sandbox(**options).start()
        http = Http(base_url=sandbox.base_url, headers={"X-API-Key": sandbox.api_key}, timeout=10)
        running.append((sandbox, http))
        return sandbox, http

    yield start
    for sandbox, http in running:
        http.close()
        sandbox.close()


@pytest.fixture
def opened(serve: Open) -> tuple[Sandbox, Http]:
    return serve()


@pytest.fixture
def http(opened: tuple[Sandbox, Http]) -> Http:
    return opened[1]


@pytest.fixture
def sandbox(opened: tuple[Sandbox, Http]) -> Sandbox:
    return opened[0]


class Receiver:
    """A webhook endpoint that keeps what it gets and answers what it is told to."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self._arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver._arrived:
                    receiver.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
                    status = receiver.answers.pop(0) if receiver.answers else 204
                    receiver._arrived.notify_all()
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks?shop=1"

    def wait(self, count: int) -> list[dict[str, Any]]:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.requests) >= count, 5), self.requests
        return self.bodies()

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]

    def events(self) -> list[str]:
        return [body["event"] for body in self.bodies()]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    it = Receiver()
    yield it
    it.close()
