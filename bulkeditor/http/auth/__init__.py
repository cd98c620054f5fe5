"""Credentials, from an API key to signed assertions.

Names are loaded when they are first used; what needs the extra ``vendors`` says so when it is made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkeditor.http.auth._jwt import JWTBearer
    from bulkeditor.http.auth._keys import APIKey, Basic, Bearer
    from bulkeditor.http.auth._login import CSRF, SessionLogin
    from bulkeditor.http.auth._oauth1 import OAuth1
    from bulkeditor.http.auth._oauth2 import OAuth2, OAuth2Refresh
    from bulkeditor.http.auth._store import TokenFile, TokenLease, TokenStore
    from bulkeditor.http.auth._types import Attempt, Auth, Demanding, Discreet, Leaving, Token

_HOMES = {
    "_jwt": ("JWTBearer",),
    "_keys": ("APIKey", "Basic", "Bearer"),
    "_login": ("CSRF", "SessionLogin"),
    "_oauth1": ("OAuth1",),
    "_oauth2": ("OAuth2", "OAuth2Refresh"),
    "_store": ("TokenFile", "TokenLease", "TokenStore"),
    "_types": ("Attempt", "Auth", "Demanding", "Discreet", "Leaving", "Token"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(f"bulkeditor.http.auth.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'bulkeditor.http.auth' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "CSRF",
    "APIKey",
    "Attempt",
    "Auth",
    "Basic",
    "Bearer",
    "Demanding",
    "Discreet",
    "JWTBearer",
    "Leaving",
    "OAuth1",
    "OAuth2",
    "OAuth2Refresh",
    "SessionLogin",
    "Token",
    "TokenFile",
    "TokenLease",
    "TokenStore",
]
