"""What a session over a connector can be given when it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from bulkeditor.connectors._history import History
from bulkeditor.http import Clock, Hooks, RetryPolicy

if TYPE_CHECKING:
    import ssl

    import httpx


class SessionOptions(TypedDict, total=False):
    """Options of ``open()`` and ``open_async()``; what is left out has the defaults of the HTTP session.

    ``base_url`` and ``transport`` point a connector at a stand-in; ``clock`` replaces the time in tests;
    ``read_only`` refuses writes before anything is sent; ``history`` keeps the configurations that were in
    use and notices when the system's rows change their shape; the others are those of
    :class:`bulkeditor.http.SessionConfig`.
    """

    base_url: str
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport
    http_client: httpx.Client | httpx.AsyncClient
    clock: Clock
    retry: RetryPolicy
    timeout: float
    deadline: float
    hooks: Hooks
    read_only: bool
    ssl_context: ssl.SSLContext
    history: History


__all__ = ["SessionOptions"]
