"""The HTTP kernel: requests and responses, drivers, retries, limits, credentials, redaction, hooks.

Names are loaded when they are first used: httpx is imported by the sessions only, tenacity by the first call
that fails.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkeditor.http import auth
    from bulkeditor.http._async_read_ahead import read_ahead_async
    from bulkeditor.http._async_run_many import run_many_async
    from bulkeditor.http._async_session import AsyncSession
    from bulkeditor.http._clock import Clock, FollowingClock, SystemClock
    from bulkeditor.http._config import SessionConfig
    from bulkeditor.http._events import ErrorEvent, RequestEvent, ResponseEvent, RetryEvent
    from bulkeditor.http._facts import ServerFacts
    from bulkeditor.http._hooks import Hooks
    from bulkeditor.http._limiter import RateLimit
    from bulkeditor.http._read_ahead import Walk, read_ahead
    from bulkeditor.http._refusals import refusal
    from bulkeditor.http._retry import GiveUp, RetryPolicy, Wait, decide
    from bulkeditor.http._retry_after import parse_retry_after
    from bulkeditor.http._run_many import run_many
    from bulkeditor.http._session import Session
    from bulkeditor.http._types import Exchange, Request, Response, Sleep
    from bulkeditor.http.auth import APIKey, Auth, Bearer, OAuth2, Token

_HOMES = {
    "_async_read_ahead": ("read_ahead_async",),
    "_async_run_many": ("run_many_async",),
    "_async_session": ("AsyncSession",),
    "_clock": ("Clock", "FollowingClock", "SystemClock"),
    "_config": ("SessionConfig",),
    "_facts": ("ServerFacts",),
    "_events": ("ErrorEvent", "RequestEvent", "ResponseEvent", "RetryEvent"),
    "_hooks": ("Hooks",),
    "_limiter": ("RateLimit",),
    "_read_ahead": ("Walk", "read_ahead"),
    "_refusals": ("refusal",),
    "_retry": ("GiveUp", "RetryPolicy", "Wait", "decide"),
    "_retry_after": ("parse_retry_after",),
    "_run_many": ("run_many",),
    "_session": ("Session",),
    "_types": ("Exchange", "Request", "Response", "Sleep"),
    "auth": ("APIKey", "Auth", "Bearer", "OAuth2", "Token"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(f"bulkeditor.http.{home}"), name)
            break
    else:
        if name != "auth":
            raise AttributeError(f"module 'bulkeditor.http' has no attribute {name!r}")
        value = import_module("bulkeditor.http.auth")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "APIKey",
    "AsyncSession",
    "Auth",
    "Bearer",
    "Clock",
    "ErrorEvent",
    "Exchange",
    "FollowingClock",
    "GiveUp",
    "Hooks",
    "OAuth2",
    "RateLimit",
    "Request",
    "RequestEvent",
    "Response",
    "ResponseEvent",
    "RetryEvent",
    "RetryPolicy",
    "ServerFacts",
    "Session",
    "SessionConfig",
    "Sleep",
    "SystemClock",
    "Token",
    "Wait",
    "Walk",
    "auth",
    "decide",
    "parse_retry_after",
    "read_ahead",
    "read_ahead_async",
    "refusal",
    "run_many",
    "run_many_async",
]
