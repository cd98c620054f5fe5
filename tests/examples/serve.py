"""Serve one example on a free port of loopback: ``python serve.py KIND FILE``; a process of its own."""

from __future__ import annotations

import importlib.util
import logging
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Django finds the URLs of a module by its name.
    sys.modules["example"] = module
    spec.loader.exec_module(module)
    return module


def listening(port: int) -> None:
    sys.stdout.write(f"listening {port}\n")


def uvicorn(app: Any) -> None:
    import uvicorn as server  # noqa: PLC0415

    sock = socket.create_server(("127.0.0.1", 0))
    listening(sock.getsockname()[1])
    server.Server(server.Config(app, log_level="warning", lifespan="on")).run(sockets=[sock])


def wsgiref(app: Any) -> None:
    class Quiet(WSGIRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        listening(server.server_port)
        server.serve_forever()


def werkzeug(app: Any) -> None:
    from werkzeug.serving import make_server as make  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make("127.0.0.1", 0, app, threaded=True)
    listening(server.server_port)
    server.serve_forever()


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    {"uvicorn": uvicorn, "wsgiref": wsgiref, "werkzeug": werkzeug}[sys.argv[1]](load(Path(sys.argv[2])).app)
