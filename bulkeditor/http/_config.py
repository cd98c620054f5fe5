"""Everything that can be set on a session, checked once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import attrs

from bulkeditor._version import __version__
from bulkeditor.errors import ConfigurationError
from bulkeditor.http._clock import Clock, SystemClock
from bulkeditor.http._hooks import Hooks
from bulkeditor.http._limiter import RateLimit
from bulkeditor.http._retry import RetryPolicy
from bulkeditor.http.auth import Auth

if TYPE_CHECKING:
    import ssl

    import httpx

_MIB: Final = 1 << 20


def _base_url(value: str) -> str:
    parts = urlsplit(value.strip())
    try:
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ConfigurationError(
            f"base_url {value!r} is not an HTTP address.", hint="It looks like https://editor.example.com."
        )
    if parts.username is not None or parts.password is not None:
        # Not quoted: it holds a password, and httpx would send it to every URL below.
        raise ConfigurationError(
            "base_url holds a user name or password.", hint="Pass credentials as auth= instead."
        )
    if parts.query or parts.fragment:
        raise ConfigurationError(
            f"base_url {value!r} has a query or a fragment.", hint="Leave everything after ? or # out."
        )
    return value.strip().rstrip("/")


def _positive(_instance: SessionConfig, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None and attribute.name == "deadline":
        return
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        raise ConfigurationError(f"{attribute.name} must be a number of seconds above 0, not {value!r}.")


def _count(_instance: SessionConfig, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{attribute.name} must be a whole number above 0, not {value!r}.")


def _user_agent(value: str | None) -> str:
    own = f"bulkeditor-python/{__version__}"
    if value is None:
        return own
    if not value.isascii() or not value.isprintable():
        raise ConfigurationError("user_agent must be printable ASCII.")
    return f"{value} {own}"


@attrs.frozen(kw_only=True)
class SessionConfig:
    """Settings of a session; immutable, see :meth:`Session.with_config` for a variation.

    Args:
        base_url: The API's address; may end in a path prefix.
        auth: The credential; None sends none.
        timeout: Seconds for each wait within one attempt: connecting, each read, each write.
        deadline: Seconds for a whole call: its repeats, its sleeps and the bodies included. None = no limit.
            With ``http_client=`` or ``transport=`` of your own it holds between attempts and shortens their
            timeouts, but cannot cut a body that drips in the blocking session.
        retry: When failed requests are repeated.
        read_only: Refuse writes before anything is sent.
        hooks: Callables told about requests, answers, repeats and errors.
        rate_limit: A rate of your own; the server's limits are observed in any case.
        user_agent: Put in front of the library's own.
        clock: The time; tests put an InstantClock here.
        max_connections: Connections open at once.
        max_body_bytes: An answer larger than this is refused instead of filling the memory (decompressed
            bytes); ``spool=True`` requests are exempt.
        ssl_context: For servers with certificates of their own; the shared default otherwise.
        transport: An httpx transport to send through, blocking or async to fit the session; the caller closes
            it.
        http_client: An httpx client to send through, blocking or async to fit the session; the caller closes
            it. Its own auth, headers and cookies are not used; its event hooks, proxies and transports are.

    Raises:
        ConfigurationError: A value cannot work; the text names it.
    """

    base_url: str = attrs.field(converter=_base_url)
    auth: Auth | None = None
    timeout: float = attrs.field(default=30.0, validator=_positive)
    deadline: float | None = attrs.field(default=None, validator=_positive)
    retry: RetryPolicy = attrs.field(factory=RetryPolicy)
    read_only: bool = False
    hooks: Hooks = attrs.field(factory=Hooks)
    rate_limit: RateLimit | None = None
    user_agent: str = attrs.field(default=None, converter=_user_agent)
    clock: Clock = attrs.field(factory=SystemClock)
    max_connections: int = attrs.field(default=100, validator=_count)
    max_body_bytes: int = attrs.field(default=256 * _MIB, validator=_count)
    ssl_context: ssl.SSLContext | None = attrs.field(default=None, repr=False)
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = attrs.field(default=None, repr=False)
    http_client: httpx.Client | httpx.AsyncClient | None = attrs.field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.transport is not None and self.http_client is not None:
            raise ConfigurationError(
                "transport and http_client exclude each other.", hint="Give the transport to the client."
            )

    def evolve(self, **changes: Any) -> SessionConfig:
        """A copy with some settings changed.

        Args:
            changes: Settings by name.

        Raises:
            ConfigurationError: A name is unknown or a value cannot work.
        """
        known = [field.name for field in attrs.fields(type(self))]
        unknown = [name for name in changes if name not in known]
        if unknown:
            raise ConfigurationError(f"Unknown settings: {', '.join(unknown)}; there are {', '.join(known)}.")
        own = f" bulkeditor-python/{__version__}"
        if "user_agent" not in changes:
            # The converter runs again and would append the library's own name twice.
            kept = self.user_agent.removesuffix(own)
            changes["user_agent"] = kept if kept != self.user_agent else None
        return attrs.evolve(self, **changes)


__all__ = ["SessionConfig"]
