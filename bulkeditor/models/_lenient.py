"""The slow path: one row, one field at a time, from whatever the server sent.

Each reader gives the value or says what is wrong. What is wrong with one field costs that field, not the row.
"""

import functools
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, TypeAlias, Union, cast, get_args, get_origin

import attrs
import msgspec

from bulkeditor._secret import Secret
from bulkeditor.errors import FieldError
from bulkeditor.models._base import DECODE_FAILURES, JSON, Model, ModelT, Timestamp, build
from bulkeditor.models._inputs import sane

Reader: TypeAlias = Callable[[Any], object]


class UnreadableError(Exception):
    """One value cannot be read; the text says why.

    Args:
        message: The problem.
        field: The field it is about.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


def read_row(
    model: type[ModelT],
    fields: Mapping[str, JSON],
    only: Collection[str] | None = None,
    *,
    keep_extra: bool = True,
) -> tuple[ModelT, list[FieldError]]:
    """One object from plain data, with the fields that could not be read.

    Args:
        model: The class.
        fields: The row, names as in JSON.
        only: The only fields to read; None for all.
        keep_extra: Whether unknown fields are kept. Raw values of known ones are in any case.

    Returns:
        The object, and one problem for each field that is not loaded for it; its raw value is in ``extra``.

    Raises:
        UnreadableError: What identifies the row cannot be read.
    """
    values: dict[str, object] = {}
    extra = dict(fields) if keep_extra else {}
    problems: list[FieldError] = []
    for name, (wire, reader, default) in readers(model).items():
        if wire not in fields or (only is not None and name not in only):
            extra.pop(wire, None)
            if default is not None:
                values[name] = default[0]
            continue
        try:
            values[name] = reader(fields[wire])
            extra.pop(wire, None)
        except UnreadableError as error:
            if name == "id":
                raise UnreadableError(str(error), name) from error
            extra[wire] = fields[wire]
            problems.append(FieldError(field=wire, message=str(error)))
    return build(model, values, extra), problems


def readers(model: type[Model]) -> Mapping[str, tuple[str, Reader, tuple[object] | None]]:
    """For each field its name in JSON, how to read it, and its default if it has one.

    Args:
        model: The class.
    """
    return _readers(cast("Any", model))


@functools.lru_cache(maxsize=64)
def _readers(model: Any) -> Mapping[str, tuple[str, Reader, tuple[object] | None]]:
    table: dict[str, tuple[str, Reader, tuple[object] | None]] = {}
    for field in attrs.fields(cast("type[attrs.AttrsInstance]", model)):
        default = None if field.default is attrs.NOTHING or _is_factory(field.default) else (field.default,)
        table[field.name] = (model.__wire__.get(field.name, field.name), _reader(field.type), default)
    return MappingProxyType(table)


def _is_factory(default: object) -> bool:
    return isinstance(default, cast("type", attrs.Factory))


def _reader(hint: Any) -> Reader:
    if get_origin(hint) not in (Union, UnionType):
        if isinstance(hint, type) and issubclass(hint, Model):
            return functools.partial(_model, hint)
        return _READERS.get(hint, _anything)
    options = get_args(hint)
    inner = [_READERS.get(option, _anything) for option in options if option is not NoneType]

    def read(value: Any) -> object:
        if value is None and NoneType in options:
            return None
        for reader in inner[:-1]:
            try:
                return reader(value)
            except UnreadableError:
                continue
        return inner[-1](value)

    return read


def _anything(value: Any) -> object:
    return value


def _refuse(wanted: str, value: object) -> UnreadableError:
    return UnreadableError(f"expected {wanted}, got {value!r:.80}")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)  # an identifier that the server keeps as a number
    raise _refuse("text", value)


def _amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise _refuse("an amount", value)
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise _refuse("an amount", value) from None
    if not sane(amount):
        raise _refuse("a finite amount of reasonable size", value)
    return amount


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str | Decimal):
        number = _amount(value)
        if number == number.to_integral_value():
            return int(number)
    raise _refuse("a whole number", value)


def moment(value: Any) -> datetime:
    """A point in time from its text.

    Args:
        value: What was sent.

    Raises:
        UnreadableError: It is not one, or it has no offset from UTC.
    """
    try:
        return msgspec.convert(value, Timestamp)
    except msgspec.ValidationError:
        if isinstance(value, str) and _is_naive(value):
            raise UnreadableError(f"{value!r} has no offset from UTC, so it is no point in time") from None
        raise _refuse("a time such as 2024-06-01T00:00:00Z", value) from None


def _is_naive(value: str) -> bool:
    try:
        return msgspec.convert(value, datetime).tzinfo is None
    except msgspec.ValidationError:
        return False


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise _refuse("true or false", value)


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _refuse("a list of texts", value)
    return [_text(item) for item in cast("list[object]", value)]


def _object(value: Any) -> dict[str, JSON]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _refuse("an object", value)
    return cast("dict[str, JSON]", value)


def _text_object(value: Any) -> dict[str, str]:
    return {name: _text(item) for name, item in _object(value).items()}


def _model(kind: type[Model], value: Any) -> Model:
    if not isinstance(value, dict):
        raise _refuse("an object", value)
    return read_row(kind, cast("dict[str, JSON]", value))[0]


def _list(value: Any) -> list[JSON]:
    if not isinstance(value, list):
        raise _refuse("a list", value)
    return cast("list[JSON]", value)


def _secret(value: Any) -> Secret:
    if not isinstance(value, str):
        raise UnreadableError("expected text")  # without the value: it may be the secret
    return Secret(value)


_READERS: Final[Mapping[Any, Reader]] = MappingProxyType(
    {
        str: _text,
        int: _whole,
        bool: _truth,
        Decimal: _amount,
        Timestamp: moment,
        list[str]: _texts,
        list[JSON]: _list,
        dict[str, JSON]: _object,
        dict[str, str]: _text_object,
        Secret: _secret,
    }
)


def parse_row(content: bytes | msgspec.Raw) -> dict[str, JSON]:
    """The plain data of one row.

    Args:
        content: Its bytes.

    Raises:
        UnreadableError: It is no JSON object.
    """
    try:
        fields = msgspec.json.Decoder(float_hook=Decimal).decode(content)
    except DECODE_FAILURES as error:
        raise UnreadableError(f"not valid JSON: {error}") from error
    if not isinstance(fields, dict):
        raise _refuse("an object", fields)
    return cast("dict[str, JSON]", fields)
