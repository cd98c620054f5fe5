"""What is configured on a connector: its settings, wherever they come from, and its address."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar, Self, cast

import attrs

from bulkeditor._secret import Secret
from bulkeditor.connectors._config import config_of, from_environment, hash_of, load, text_of
from bulkeditor.connectors._declare import DIRECTIONS, FREQUENCIES
from bulkeditor.connectors._settings import (
    Declared,
    MissingSettingsError,
    env_name,
    evolved,
    expand,
    references,
    setting,
    settings_of,
)


class Configured(Declared):
    """The part of a connector that knows its settings."""

    name: ClassVar[str]

    base_url: str | None = setting(default=None, json="endpoint")
    sync_fields: tuple[str, ...] = setting(default=(), converter=tuple)
    sync_frequency: str | None = setting(default=None, choices=tuple(FREQUENCIES))
    direction: str = setting(default="bidirectional", choices=DIRECTIONS)
    batch_size: int | None = setting(default=None)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """A connector of this class, from JSON as it is documented.

        Args:
            config: Its settings by their names in JSON; texts may refer to environment variables:
                ``${NAME}``.

        Raises:
            InvalidInputError: Keys are unknown or missing, or values cannot work; each is named.
        """
        return load(cls, config)

    @classmethod
    def from_env(cls) -> Self:
        """A connector whose settings all come from environment variables: ``MY_ERP_BASE_URL``.

        Raises:
            InvalidInputError: A value cannot work.
        """
        return from_environment(cls)

    def config(self) -> dict[str, object]:
        """The settings as JSON; defaults are left out, credentials masked."""
        return config_of(self)

    def config_hash(self) -> str:
        """What this configuration is known by: the same for the same settings, whatever the credentials."""
        return hash_of(text_of(self.config()))

    def interval(self) -> timedelta | None:
        """The time between two scheduled reads; None where nothing is configured."""
        return None if self.sync_frequency is None else FREQUENCIES[self.sync_frequency]

    def at(self, base_url: str) -> Self:
        """The same connector at another address."""
        return evolved(self, base_url=base_url)

    def address(self) -> str | None:
        """The system's address; a subclass may make it of other settings.

        Raises:
            MissingSettingsError: Such settings are missing.
        """
        return self.value("base_url") if self.has("base_url") else None

    def value(self, name: str) -> str:
        """A text setting, with ``${NAME}`` expanded, or its environment variable.

        Raises:
            MissingSettingsError: It is missing.
        """
        return self._given(name)

    def secret(self, name: str) -> Secret:
        """A credential, from where :meth:`value` has it.

        Raises:
            MissingSettingsError: It is missing.
        """
        return Secret(self._given(name))

    def credentials(self) -> str:
        """The credentials by the names of their settings and variables, those that are given before all."""
        secrets = {
            field.name: field for field in settings_of(type(self)).values() if field.metadata.get("secret")
        }
        given = [name for name in secrets if self.has(name)] or list(secrets)
        words = [f"{name} ({env_name(self.name, secrets[name])})" for name in given]
        return " and ".join(words) if words else "the credential"

    def need(self, *names: str) -> None:
        """Make sure that settings are there, and name all that are not.

        Raises:
            MissingSettingsError: Some are missing.
        """
        missing = [problem for name in names if (problem := self._missing(name))]
        if missing:
            raise MissingSettingsError(self.name, missing)

    def has(self, *names: str) -> bool:
        """Whether settings are there."""
        return not any(self._missing(name) for name in names)

    def _given(self, name: str) -> str:
        self.need(name)
        value = cast("object", getattr(self, name))
        text = value.reveal() if isinstance(value, Secret) else str(value) if value is not None else None
        if not text:
            return os.environ[env_name(self.name, self._setting(name))]
        return expand(text)

    def _missing(self, name: str) -> str | None:
        value = cast("object", getattr(self, name))
        text = value.reveal() if isinstance(value, Secret) else str(value) if value is not None else ""
        if text:
            unset = references(text)
            return f"{name} ({', '.join(unset)})" if unset else None
        variable = env_name(self.name, self._setting(name))
        return None if os.environ.get(variable) else f"{name} ({variable})"

    def _setting(self, name: str) -> attrs.Attribute[object]:
        return next(field for field in settings_of(type(self)).values() if field.name == name)


__all__ = ["Configured"]
