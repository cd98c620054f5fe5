"""Processes of the command line, an application to forward to, and a state folder of the test's own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bulkeditor.cli import cli

PATIENCE = 20.0


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands keep their state: not where the user does."""
    for name in [
        name for name in os.environ if name.startswith("BULKEDITOR_") and name != "BULKEDITOR_SHARED"
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "bulkeditor"


class Process:
    """A command that runs; its lines are waited for, not slept for."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-W", "error", "-m", "bulkeditor", *arguments]
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, pattern: str, count: int = 1) -> re.Match[str]:
        """The first group of the count-th line that matches."""

        def found() -> list[re.Match[str]]:
            return [match for line in self.lines if (match := re.search(pattern, line))]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count or self._ended, PATIENCE), self.lines
            assert len(found()) >= count, f"{pattern!r} not in {self.lines}"
            return found()[count - 1]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; answers the exit code."""
        self.popen.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end; answers the exit code."""
        code = self.popen.wait(PATIENCE)
        self._reader.join()
        return code

    def close(self) -> None:
        self.popen.kill()
        self.popen.wait()
        self._reader.join()
        assert self.popen.stdout is not None
        self.popen.stdout.close()


Start = Callable[..., Process]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a command; what still runs at the end of the test is killed."""
    running: list[Process] = []

    def started(*arguments: str) -> Process:
        running.append(Process(*arguments))
        return running[-1]

    yield started
    for process in running:
        process.close()


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run a command in this process."""

    def ran(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments)

    return ran


class Application:
    """What somebody develops: it keeps what it gets, and answers what it is told to."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[tuple[str, list[tuple[str, str]], bytes]] = []
        self.answers: list[int] = []
        self._arrived = threading.Condition()
        application = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with application._arrived:
                    application.requests.append((self.path, list(self.headers.items()), body))
                    status = application.answers.pop(0) if application.answers else 200
                    application._arrived.notify_all()
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere/")
                if status == 503:
                    self.send_header("Retry-After", "77")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_port
        self.url = f"http://localhost:{self.port}/hooks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def wait(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.requests) >= count, PATIENCE), self.requests
            return [({k.lower(): v for k, v in headers}, body) for _, headers, body in self.requests]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def application() -> Iterator[Application]:
    it = Application()
    yield it
    it.close()
