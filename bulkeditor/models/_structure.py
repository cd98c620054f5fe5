"""What people write (configuration, rows of a file) to typed objects, by cattrs, made strict.

cattrs' defaults are wrong here: unknown keys vanish, 1.9 becomes 1, "7" becomes 7 in an int.
"""

import functools
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from bulkeditor._secret import Secret, secret
from bulkeditor.errors import BulkEditorError, FieldError, InvalidInputError
from bulkeditor.models._base import Model, did_you_mean
from bulkeditor.models._inputs import money
from bulkeditor.models._lenient import UnreadableError, moment, read_row

if TYPE_CHECKING:
    import cattrs

T = TypeVar("T")


def structure(data: object, kind: type[T]) -> T:
    """Typed object from plain data that a person wrote.

    Args:
        data: Dicts, lists, texts, numbers.
        kind: A class of attrs, or any type that cattrs understands.

    Raises:
        InvalidInputError: One entry in ``errors`` for each thing wrong, with its path; unknown keys with the
            nearest known one.
    """
    plain = cast("object", kind)  # tuple[str, ...] is no type to the interpreter
    if isinstance(plain, type) and isinstance(data, plain):
        return cast("T", data)
    from cattrs import BaseValidationError  # noqa: PLC0415 - 40 ms that only configuration needs

    try:
        return converter().structure(data, kind)
    except (BaseValidationError, BulkEditorError, ValueError, TypeError, KeyError) as error:
        problems = _problems(error, "", kind)
        text = "; ".join(map(str, problems))
        name = getattr(kind, "__name__", str(kind))
        raise InvalidInputError(f"{name}: {text}", errors=problems, hint=_hint(error)) from error


@functools.cache
def converter() -> "cattrs.Converter":
    """The one converter; hooks for further types belong to a copy of it."""
    import cattrs  # noqa: PLC0415 - as above

    made = cattrs.Converter(forbid_extra_keys=True, prefer_attrib_converters=True)
    made.register_structure_hook(str, _exactly(str, "text"))
    made.register_structure_hook(int, _exactly(int, "a whole number"))
    made.register_structure_hook(float, _exactly(float, "a number"))
    made.register_structure_hook(bool, _exactly(bool, "true or false"))
    made.register_structure_hook(Decimal, lambda value, _: money(value, ""))
    made.register_structure_hook(datetime, lambda value, _: _moment(value))
    made.register_structure_hook(Secret, lambda value, _: _secret(value))
    made.register_structure_hook_factory(_is_attrs, partial(_for_attrs, made))
    made.register_structure_hook_func(_is_model, _model)
    return made


def _is_attrs(kind: Any) -> bool:
    return attrs.has(kind)


def _for_attrs(made: "cattrs.Converter", kind: Any) -> Callable[[Any, Any], Any]:
    by_name = made.gen_structure_attrs_fromdict(kind)

    def read(value: Any, _: Any) -> Any:
        given: object = value
        if not isinstance(given, Mapping):
            raise InvalidInputError(f"expected an object, got {value!r:.60}")
        return by_name(value, kind)

    return read


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model)


def _model(data: Any, kind: type[Model]) -> Model:
    if not isinstance(data, Mapping):
        raise InvalidInputError(f"expected an object, got {data!r:.60}")
    try:
        row, problems = read_row(kind, cast("Mapping[str, Any]", data))
    except UnreadableError as error:
        raise InvalidInputError(str(error)) from error
    if problems:
        raise InvalidInputError("; ".join(map(str, problems)), errors=problems)
    return row


def _exactly(kind: type[T], words: str) -> Callable[[object, Any], T]:
    def read(value: object, _: Any) -> T:
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return cast("T", float(value))
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InvalidInputError(f"expected {words}, got {value!r:.60}")
        return value

    return read


def _secret(value: object) -> Secret:
    if not isinstance(value, str | Secret):
        raise InvalidInputError("expected text")  # without the value: it may be the secret
    return secret(value)


def _moment(value: object) -> datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    try:
        return moment(value.isoformat() if isinstance(value, datetime) else value)
    except UnreadableError as error:
        raise InvalidInputError(str(error)) from error


def _hint(error: BaseException) -> str | None:
    return error.hint if isinstance(error, BulkEditorError) else None


def _problems(error: BaseException, path: str, kind: Any) -> list[FieldError]:
    from cattrs import ForbiddenExtraKeysError  # noqa: PLC0415 - as above

    if isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(error.cl)] if attrs.has(error.cl) else []
        return [
            FieldError(
                field=_join(path, name),
                message=f"there is no such field.{did_you_mean(name, known)}",
                code="unknown_field",
            )
            for name in sorted(map(str, error.extra_fields))
        ]
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return [
            problem
            for inner in group.exceptions
            for problem in _problems(inner, path + _step(inner, path), kind)
        ]
    if isinstance(error, InvalidInputError) and error.errors:
        return [attrs.evolve(inner, field=_nest(path, inner.field)) for inner in error.errors]
    if isinstance(error, KeyError):
        return [FieldError(field=path or str(error.args[0]), message="it is required", code="required")]
    message = error.message if isinstance(error, BulkEditorError) else str(error)
    return [FieldError(field=path or None, message=message)]


def _step(error: BaseException, path: str) -> str:
    """The part of the path that cattrs noted on an error: a name, or an index."""
    from cattrs.errors import AttributeValidationNote, IterableValidationNote  # noqa: PLC0415 - as above

    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return f".{note.name}" if path else note.name
        if isinstance(note, IterableValidationNote):
            return f"[{note.index!r}]"
    return ""


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _nest(path: str, field: str | None) -> str | None:
    if not field or path == field or path.endswith(f".{field}"):
        return path or field
    return _join(path, field)


__all__ = ["converter", "structure"]
