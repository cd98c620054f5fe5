"""The server that a command talks to: the one that is named, or the one that runs on this machine."""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import urlsplit

import bulkeditor as be
from bulkeditor._secret import Secret
from bulkeditor.cli._state import Running, StateFolder
from bulkeditor.errors import ConfigurationError

_BASE_URL: Final = "BULKEDITOR_BASE_URL"
_START: Final = "Start one in another terminal: python -m bulkeditor listen --forward-to URL"


def find_server(base_url: str | None, api_key: str | None, state: StateFolder) -> Running | None:
    """The server that options or the environment name, else the one that runs on this machine."""
    base_url = base_url or os.environ.get(_BASE_URL)
    if not base_url:
        return state.running()
    return Running(base_url=base_url, api_key=Secret(api_key) if api_key else None)


def require_server(base_url: str | None, api_key: str | None, state: StateFolder) -> Running:
    """As :func:`find_server`, where there must be one.

    Raises:
        ConfigurationError: There is none.
    """
    server = find_server(base_url, api_key, state)
    if server is None:
        raise ConfigurationError("No sandbox runs on this machine.", hint=_START)
    return server


def require_local(server: Running, why: str) -> None:
    """Refuse a server on another machine.

    Raises:
        ConfigurationError: It is on another machine.
    """
    # Imported here: naming the sandbox's package is what asks for its extra.
    from bulkeditor.sandbox._delivery import is_loopback  # noqa: PLC0415

    if not is_loopback(urlsplit(server.base_url).hostname or ""):
        raise ConfigurationError(f"{server.base_url} is not on this machine, and {why}.", hint=_START)


def connect(server: Running) -> be.BulkEditor:
    """A client for a server; it asks once, because who waits at a terminal wants to know at once."""
    return be.BulkEditor(
        base_url=server.base_url,
        api_key=None if server.api_key is None else server.api_key.reveal(),
        retry=be.RetryPolicy(max_retries=0),
        timeout=10,
    )
