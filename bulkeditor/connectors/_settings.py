"""What can be set on a connector: names in JSON and in the environment, choices, what must stay hidden."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast, dataclass_transform

import attrs

from bulkeditor._secret import Secret
from bulkeditor._secret import secret as as_secret
from bulkeditor.errors import ConfigurationError

D = TypeVar("D", bound="Declared")

_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def setting(
    *,
    default: Any = attrs.NOTHING,
    json: str | None = None,
    env: str | None = None,
    choices: Sequence[str] = (),
    converter: Callable[[Any], Any] | None = None,
    alias: str | None = None,
) -> Any:
    """Declare a setting of a connector.

    Args:
        default: Its value when it is left out; without a default it must be given.
        json: Its name in JSON, where that is not the field's.
        env: The environment variable it is read from when it is not given; by default the connector's name
            and the field's (``MY_ERP_COMPANY``).
        choices: The only values it may have.
        converter: As in ``attrs.field``.
        alias: Its name as an argument, where that is not the field's.
    """
    metadata = {"json": json, "env": env, "choices": tuple(choices), "secret": False}
    validator = _one_of(tuple(choices)) if choices else None
    return _field(default=default, metadata=metadata, converter=converter, validator=validator, alias=alias)


def secret(*, default: Any = attrs.NOTHING, json: str | None = None, env: str | None = None) -> Any:
    """Declare a credential: a :class:`~bulkeditor.Secret`, never shown, never part of a configuration's text.

    Args:
        default: None, where it may be left out.
        json: Its name in JSON, where that is not the field's.
        env: The environment variable it is read from when it is not given; by default as for :func:`setting`.
    """
    metadata = {"json": json, "env": env, "choices": (), "secret": True}
    return _field(default=default, metadata=metadata, converter=hidden)


def _field(**arguments: Any) -> Any:
    return cast("Any", attrs.field)(**arguments)


def hidden(value: str | Secret | None) -> Secret | None:
    """Converter: a credential that does not show."""
    return None if value is None else as_secret(value)


def _one_of(choices: tuple[str, ...]) -> Callable[[Any, Any, Any], None]:
    def check(_instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value is not None and value not in choices:
            name = attribute.metadata.get("json") or attribute.name
            raise ConfigurationError(f"{name} is {value!r:.60}; choose from {', '.join(choices)}.")

    return check


class MissingSettingsError(ConfigurationError):
    """Settings that a connector needs and that nobody gave.

    Args:
        connector: The connector's name.
        missing: What to set, in words.
    """

    def __init__(self, connector: str, missing: Sequence[str]) -> None:
        super().__init__(
            f"{connector} cannot be opened; missing: {', '.join(missing)}.",
            hint="Give them to the connector, or set the environment variables.",
        )
        self.connector = connector
        self.missing = tuple(missing)


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(attrs.field, setting, secret)
)
class Declared:
    """A class whose annotated attributes are settings; a subclass becomes a frozen attrs class by itself."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Without slots the class stays the same object, so this may happen before it has a name anywhere.
        attrs.frozen(kw_only=True, slots=False, eq=False, field_transformer=_keywords)(cls)


def _keywords(_cls: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Settings are named when they are given; but for one that a class marks as positional."""
    return [field.evolve(kw_only=not field.metadata.get("positional")) for field in fields]


def settings_of(cls: type[object]) -> Mapping[str, attrs.Attribute[Any]]:
    """A connector's settings by their names in JSON."""
    declared = attrs.fields(cast("type[attrs.AttrsInstance]", cls))
    return MappingProxyType(
        {field.metadata.get("json") or field.name: field for field in declared if field.init}
    )


def env_name(connector: str, field: attrs.Attribute[Any]) -> str:
    """The environment variable of a setting."""
    declared: str | None = field.metadata.get("env")
    return declared or re.sub(r"\W", "_", f"{connector}_{field.name}").upper()


def evolved(declared: D, **changes: object) -> D:
    """The same with some settings changed."""
    return cast("D", attrs.evolve(cast("Any", declared), **changes))


def expand(text: str) -> str:
    """The text with each ``${NAME}`` replaced by that environment variable.

    Raises:
        ConfigurationError: One is not set.
    """

    def value(found: re.Match[str]) -> str:
        given = os.environ.get(found[1])
        if given is None:
            raise ConfigurationError(
                f"The environment variable {found[1]} is not set.", hint="The configuration refers to it."
            )
        return given

    return _REFERENCE.sub(value, text)


def is_reference(text: str) -> bool:
    """Whether a text is a reference to an environment variable, and nothing besides."""
    return _REFERENCE.fullmatch(text) is not None


def references(text: str) -> list[str]:
    """Names of the environment variables that a text refers to and that are not set."""
    return [name for name in _REFERENCE.findall(text) if name not in os.environ]


__all__ = [
    "Declared",
    "MissingSettingsError",
    "env_name",
    "evolved",
    "expand",
    "hidden",
    "is_reference",
    "references",
    "secret",
    "setting",
    "settings_of",
]
