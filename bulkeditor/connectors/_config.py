"""From the documented JSON to a connector, and back to a text that can be compared, without credentials."""

from __future__ import annotations

import hashlib
import json
import types
import typing
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from bulkeditor._secret import Secret
from bulkeditor.connectors._registry import available, find
from bulkeditor.connectors._settings import expand, is_reference, settings_of
from bulkeditor.errors import BulkEditorError, FieldError, InvalidInputError
from bulkeditor.models import structure
from bulkeditor.models._base import did_you_mean

if TYPE_CHECKING:
    from bulkeditor.connectors._configured import Configured
    from bulkeditor.connectors.base import Connector

C = TypeVar("C", bound="Configured")

MASK = "***"


def from_config(config: Mapping[str, object], *, connectors: Iterable[type[Connector]] = ()) -> Connector:
    """The connector that a configuration describes.

    Texts may refer to environment variables as ``${NAME}``. A configuration without credentials loads;
    ``open()`` names what is missing.

    Args:
        config: The documented JSON, read: ``integration`` names the connector, the rest are its settings.
        connectors: Classes of your own that are in no package.

    Raises:
        InvalidInputError: Keys are unknown or missing, or values cannot work; each is named, with the
            choices.
        ConfigurationError: There is no such integration.
    """
    classes, config = tuple(connectors), _object(config)
    name = config.get("integration")
    if not isinstance(name, str):
        stock = "locations" in config or "sync_rules" in config
        choices = ", ".join(available(classes)) or "your connectors"
        raise InvalidInputError(
            f"integration must name one of {choices}, not {name!r:.60}.",
            errors=[FieldError(field="integration", message="it is required", code="required")],
            hint="This reads as stock rules: MultiLocation.from_config takes them." if stock else None,
        )
    return load(find(name, classes), config)


def load(cls: type[C], config: Mapping[str, object]) -> C:
    """A connector of a class, from JSON.

    Args:
        cls: The class.
        config: Its settings by their names in JSON; ``integration``, where it is given, must be its name.

    Raises:
        InvalidInputError: Keys are unknown or missing, or values cannot work; each is named, with the
            choices.
    """
    config = _object(config)
    named = config.get("integration", cls.name)
    settings = settings_of(cls)
    hints = _hints(cls)
    errors: list[FieldError] = []
    if named != cls.name:
        errors.append(FieldError(field="integration", message=f"it is {named!r:.60}, not {cls.name!r}"))
    given = {key: value for key, value in config.items() if key != "integration"}
    errors += [_unknown(key, settings) for key in given if key not in settings]
    errors += [
        FieldError(field=key, message="it is required", code="required")
        for key, field in settings.items()
        if key not in given and field.default is attrs.NOTHING
    ]
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in settings:
            continue
        try:
            values[settings[key].alias or key] = _typed(value, settings[key], hints)
        except BulkEditorError as error:
            errors += _under(key, error)
        except Exception:  # noqa: BLE001 - the library below raises whatever it trips over
            errors.append(FieldError(field=key, message=f"it cannot be {_written(value)}", code="invalid"))
    if not errors:
        try:
            return cls(**values)
        except BulkEditorError as error:
            errors += _under(None, error)
    text = "; ".join(map(str, errors))
    raise InvalidInputError(f"{cls.name}: {text}", errors=errors, hint=f"It may hold {', '.join(settings)}.")


def _object(config: object) -> Mapping[str, object]:
    if isinstance(config, Mapping):
        return {str(key): value for key, value in cast("Mapping[object, object]", config).items()}
    raise InvalidInputError(f"A configuration is an object of settings, not {type(config).__name__}.")


def _written(value: object) -> str:
    return f"{value!r:.60}".encode(errors="backslashreplace").decode()


def _hints(cls: type[Configured]) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(cls)
    except NameError:
        # A class within a function, whose annotations name what only that function knows: taken as it comes.
        return {}


def _typed(value: object, field: attrs.Attribute[Any], hints: Mapping[str, Any]) -> object:
    if field.metadata.get("secret"):
        if value is None or isinstance(value, str | Secret):
            return value  # expanded when it is needed, so that it never stands in a configuration
        raise InvalidInputError("expected text")  # without the value: it may be the secret
    hint = hints.get(field.name, object)
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    wanted = typing.get_args(hint) if union else (hint,)
    given = _expanded(value)
    if isinstance(given, str) and str in wanted:
        return given
    if isinstance(given, str) and tzinfo in wanted:
        return _zone(given)
    return given if hint is object else structure(given, hint)


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - few configurations name one

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidInputError(
            f"there is no time zone {name!r:.60}", hint="Such as Europe/Berlin."
        ) from error


def _expanded(value: object) -> object:
    if isinstance(value, str):
        value.encode()  # half a character stands in no configuration
        return expand(value)
    if isinstance(value, Mapping):
        return {key: _expanded(item) for key, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list):
        return [_expanded(item) for item in cast("list[object]", value)]
    return value


def _unknown(key: str, settings: Mapping[str, object]) -> FieldError:
    return FieldError(
        field=key, message=f"there is no such key.{did_you_mean(key, settings)}", code="unknown_field"
    )


def _under(key: str | None, error: BulkEditorError) -> list[FieldError]:
    if isinstance(error, InvalidInputError) and error.errors:
        return [
            attrs.evolve(inner, field=".".join(part for part in (key, inner.field) if part) or None)
            for inner in error.errors
        ]
    return [FieldError(field=key, message=error.message)]


def config_of(connector: Configured) -> dict[str, object]:
    """The settings of a connector as JSON, those left at their defaults left out; credentials masked.

    A credential that is a reference to the environment (``${NAME}``) is shown: it is none.
    """
    found: dict[str, object] = {"integration": connector.name}
    for key, field in settings_of(type(connector)).items():
        value: object = getattr(connector, field.name)
        if value == field.default or value is None:
            continue
        found[key] = _shown(value) if isinstance(value, Secret) else _plain(value)
    return found


def _shown(value: Secret) -> str:
    text = value.reveal()
    return text if is_reference(text) else MASK


def _plain(value: object) -> object:
    if attrs.has(type(value)):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in attrs.fields(cast("type[attrs.AttrsInstance]", type(value)))
        }
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[object]", value)]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in cast("Mapping[object, object]", value).items()}
    return value if isinstance(value, str | int | bool) or value is None else str(value)


def text_of(config: Mapping[str, object]) -> str:
    """A configuration as canonical text: the same settings give the same text."""
    return json.dumps(config, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def hash_of(text: str) -> str:
    """What a configuration's text is known by."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def from_environment(cls: type[C]) -> C:
    """A connector whose settings all come from environment variables.

    Raises:
        InvalidInputError: A value cannot work.
    """
    import os  # noqa: PLC0415 - beside its only use

    from bulkeditor.connectors._settings import env_name  # noqa: PLC0415 - as above

    found: dict[str, object] = {}
    hints = _hints(cls)
    for key, field in settings_of(cls).items():
        text = os.environ.get(env_name(cls.name, field))
        if text:
            found[key] = _from_text(text, hints.get(field.name))
    return load(cls, found)


def _from_text(text: str, hint: object) -> object:
    wanted = typing.get_args(hint) or (hint,)
    if typing.get_origin(hint) is tuple:
        return [part for item in text.split(",") if (part := item.strip())]
    if bool in wanted and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if int in wanted and text.isdecimal():
        return int(text)
    return text


__all__ = ["config_of", "from_config", "from_environment", "hash_of", "load", "text_of"]
