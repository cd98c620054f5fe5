"""How a session over a connector begins: address, credential, settings; everything missing named at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bulkeditor.connectors._settings import MissingSettingsError, env_name, settings_of
from bulkeditor.errors import ConfigurationError
from bulkeditor.http import Auth, SessionConfig
from bulkeditor.http.auth import Demanding

if TYPE_CHECKING:
    from bulkeditor.connectors._options import SessionOptions
    from bulkeditor.connectors.base import Connector

# What never leaves this machine, such as a file, still has a clock and a retry policy.
_NOWHERE: Final = "http://localhost"


def prepared(connector: Connector, options: SessionOptions) -> tuple[Connector, SessionConfig]:
    """The connector at its address, and the settings of the HTTP session.

    Raises:
        MissingSettingsError: The address or credentials are missing; each is named.
        ConfigurationError: A setting cannot work.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if name != "history"}
    missing: list[str] = []
    address = given.pop("base_url", None) or _found(connector, missing)
    if address is not None:
        connector = connector.at(address)
    auth = _credential(connector, missing)
    if missing:
        raise MissingSettingsError(connector.name, missing)
    connector.selected()  # names that are unknown are found now, not with the first page
    if connector.batch_limit() < 1:
        raise ConfigurationError(f"batch_size must be 1 or more, not {connector.batch_size}.")
    limits = connector.limits
    given.setdefault("retry", connector.retry)
    config = SessionConfig(
        base_url=address or _NOWHERE,
        auth=auth,
        rate_limit=limits.rate,
        max_connections=limits.concurrency,
        **given,
    )
    return connector, config


def _found(connector: Connector, missing: list[str]) -> str | None:
    try:
        address = connector.address()
    except MissingSettingsError as error:
        missing.extend(error.missing)
        return None
    if address is None and connector.speaks_http:
        missing.append(f"endpoint ({env_name(connector.name, settings_of(type(connector))['endpoint'])})")
    return address


def _credential(connector: Connector, missing: list[str]) -> Auth | None:
    try:
        auth = connector.authenticate()
    except MissingSettingsError as error:
        missing.extend(error.missing)
        return None
    demanding: object = auth
    if isinstance(demanding, Demanding):
        missing.extend(demanding.missing())
    return auth


__all__ = ["prepared"]
