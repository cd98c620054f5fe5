"""What a client can be given, checked before it is used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypedDict, cast
from urllib.parse import urlsplit

import attrs

from bulkeditor._secret import Secret
from bulkeditor.errors import ConfigurationError
from bulkeditor.http import Hooks, RateLimit, RetryPolicy, SessionConfig
from bulkeditor.http.auth import APIKey, Auth, Bearer

if TYPE_CHECKING:
    from os import PathLike

    from bulkeditor.engine import Ledger
    from bulkeditor.http import Clock

BASE_URL: Final = "BULKEDITOR_BASE_URL"
API_KEY: Final = "BULKEDITOR_API_KEY"
ACCESS_TOKEN: Final = "BULKEDITOR_ACCESS_TOKEN"  # noqa: S105 - the variable's name
_API: Final = "/api/v1"


class Options(TypedDict, total=False):
    """Options of a client that can be changed later; the client's docstring explains each."""

    timeout: float
    deadline: float | None
    retry: RetryPolicy
    read_only: bool
    hooks: Hooks
    rate_limit: RateLimit | None
    concurrency: int
    read_ahead: int
    clock: Clock
    store: str | PathLike[str] | Ledger | None


@attrs.frozen(kw_only=True)
class Tuning:
    """What a client itself needs to know, apart from its session.

    Args:
        concurrency: Batches of one update that are under way at the same time.
        read_ahead: Pages of one list that are asked for before they are needed.
    """

    concurrency: int
    read_ahead: int

    def __attrs_post_init__(self) -> None:
        _whole("concurrency", self.concurrency, 1)
        _whole("read_ahead", self.read_ahead, 0)

    def changed(self, options: Mapping[str, object]) -> Tuning:
        """A copy with the options given."""
        known = {name: value for name, value in options.items() if name != "store"}
        return attrs.evolve(self, **cast("dict[str, int]", known))


def _whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"{name} must be a whole number from {least} on, got {value!r}.")


def tuning_changes(options: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """Options split into those of the session and those of the client itself.

    Raises:
        ConfigurationError: An option does not exist.
    """
    unknown = options.keys() - Options.__annotations__.keys()
    if unknown:
        raise ConfigurationError(
            f"{min(unknown)!r} is not an option that can be changed.",
            hint=f"There are {', '.join(Options.__annotations__)}; another server or key needs a new client.",
        )
    own = {"concurrency", "read_ahead", "store"}
    session = {name: value for name, value in options.items() if name not in own}
    return session, {name: value for name, value in options.items() if name in own}


def server_address(base_url: str | None) -> str:
    """The server's address, from the argument or the environment; ``/api/v1`` at its end is taken off.

    Raises:
        ConfigurationError: There is none, or it is no http or https address.
    """
    given = base_url if base_url is not None else os.environ.get(BASE_URL, "")
    source = "base_url" if base_url is not None else BASE_URL
    if not given.strip():
        raise ConfigurationError(
            "The server's address is missing.",
            hint=f"Pass base_url='https://…' or set {BASE_URL}; BulkEditor.sandbox() needs none.",
        )
    address = given.strip()
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{source} must be an http or https address, got {address!r:.100}.")
    if parts.query or parts.fragment:
        raise ConfigurationError(
            f"{source} must not hold a query or a fragment; leave out what follows ? or #."
        )
    return address.rstrip("/").removesuffix(_API).rstrip("/")


def credential(api_key: str | Secret | None, access_token: str | Secret | None, auth: Auth | None) -> Auth:
    """The one credential that was given, or that the environment holds.

    Raises:
        ConfigurationError: None was given, or several were.
    """
    given = {"api_key": api_key, "access_token": access_token, "auth": auth}
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise ConfigurationError(f"{' and '.join(names)} were given; a client uses one credential.")
    if auth is not None:
        return auth
    if api_key is not None:
        return APIKey(api_key)
    if access_token is not None:
        return Bearer(access_token)
    return _from_environment()


def _from_environment() -> Auth:
    key, token = os.environ.get(API_KEY), os.environ.get(ACCESS_TOKEN)
    if key and token:
        raise ConfigurationError(f"{API_KEY} and {ACCESS_TOKEN} are both set; a client uses one credential.")
    if key:
        return APIKey(key)
    if token:
        return Bearer(token)
    raise ConfigurationError(
        "The credential is missing.",
        hint=f"Pass api_key=, access_token= or auth=, or set {API_KEY} or {ACCESS_TOKEN}.",
    )


def session_config(
    base_url: str | None,
    *,
    api_key: str | Secret | None,
    access_token: str | Secret | None,
    auth: Auth | None,
    **settings: object,
) -> SessionConfig:
    """The session's settings; those that are ``None`` keep their defaults."""
    given = {name: value for name, value in settings.items() if value is not None}
    return SessionConfig(
        base_url=server_address(base_url),
        auth=credential(api_key, access_token, auth),
        **given,  # type: ignore[arg-type]  # the client's signature has typed each of them
    )


__all__ = ["Options", "Tuning", "credential", "server_address", "session_config", "tuning_changes"]
