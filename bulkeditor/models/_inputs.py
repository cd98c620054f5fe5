"""What people give: converters that keep every digit, and errors that name the field and the fix."""

import math
import operator
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NoReturn, SupportsIndex, TypeAlias, cast

import attrs
from msgspec import UNSET, UnsetType

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models._base import JSON

MAX_EXPONENT: Final = 30
"""Powers of ten that money may span in either direction; beyond it a number is an attack or a mistake."""

Money: TypeAlias = Decimal | str | int | float
"""What is accepted as money; see :func:`money` for the rule on floats."""

_PLAIN: Final = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})", re.ASCII)
_FLOAT: Final = re.compile(r"-?\d{1,15}\.\d{1,6}", re.ASCII)

if TYPE_CHECKING:
    Field: TypeAlias = attrs.Attribute[Any]
else:
    Field = attrs.Attribute


def refuse(field: str, message: str, fix: str, *, code: str = "invalid") -> NoReturn:
    """Raise the one error for what cannot be sent.

    Args:
        field: Which field.
        message: What is wrong with it.
        fix: What to give instead.
        code: Machine-readable name of the problem.
    """
    raise InvalidInputError(
        f"{field}: {message}.", errors=(FieldError(field=field, message=message, code=code),), hint=fix
    )


def _name(field: Field | str | None) -> str:
    return field if isinstance(field, str) else "value" if field is None else field.name


def finite(value: float | Decimal) -> bool:
    """Whether a number is one; ``math.isfinite`` raises for a signalling NaN.

    Args:
        value: Any number.
    """
    return value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)


def sane(value: Decimal) -> bool:
    """Whether a number is finite and of a size that can be printed and calculated with.

    Args:
        value: Any Decimal.
    """
    if not value.is_finite():
        return False
    exponent = cast("int", value.as_tuple().exponent)
    return value.adjusted() <= MAX_EXPONENT and exponent >= -MAX_EXPONENT


def money(value: Money, field: Field | str | None = None) -> Decimal:
    """An exact amount.

    A float is accepted only when its shortest text is a plain price of at most six decimals: then the digits
    are the ones that somebody wrote. ``0.1 + 0.2`` is not.

    Args:
        value: Decimal, int, text, or a float as above.
        field: Names the field in the error.

    Raises:
        InvalidInputError: It is not an exact, finite amount of reasonable size.
    """
    name = _name(field)
    given = cast("object", value)  # callers are not all typed
    if isinstance(given, Decimal):
        amount = given
    elif isinstance(given, float):
        amount = _from_float(given, name)
    elif isinstance(given, str):
        amount = _from_text(given, name)
    elif isinstance(given, SupportsIndex) and not isinstance(given, bool):  # int, and those of numpy
        amount = Decimal(operator.index(given))
    else:
        refuse(name, f"expected an amount, got {given!r:.60}", "Give a Decimal, or text such as '12.50'.")
    if not sane(amount):
        refuse(
            name, f"{amount!s:.60} is not an amount of money", f"Give a finite number below 1E{MAX_EXPONENT}."
        )
    return amount


def _from_float(value: float, name: str) -> Decimal:
    if math.isnan(value):
        refuse(name, "NaN is not an amount", "Give None for no amount, or leave the field out.")
    text = float.__repr__(value)  # numpy's own repr is not a number
    if not _FLOAT.fullmatch(text):
        refuse(
            name,
            f"the float {text} is not exactly an amount",
            "Give a Decimal or text: Decimal('12.50') or '12.50'. Or round it first.",
        )
    # The ".0" is the interpreter's, not the writer's.
    return Decimal(text.removesuffix(".0"))


def _from_text(value: str, name: str) -> Decimal:
    text = value.strip()
    if not _PLAIN.fullmatch(text):
        fix = "Write it as digits with a point: '1234.50'."
        refuse(name, f"{value!r:.60} is not an amount", fix)
    return Decimal(text)


def to_money(value: Money | UnsetType | None, field: Field | None = None) -> Decimal | UnsetType | None:
    """Converter: an amount, None to clear it, UNSET to leave it.

    Args:
        value: What was given.
        field: The attribute, for the error.
    """
    return value if value is None or isinstance(value, UnsetType) else money(value, field)


def to_text(value: str | UnsetType, field: Field | None = None) -> str | UnsetType:
    """Converter: text; numbers are refused, because ``00042`` would have lost its zeros.

    Args:
        value: What was given.
        field: The attribute, for the error.
    """
    given = cast("object", value)
    if isinstance(given, str | UnsetType):
        return given
    if given is None:
        refuse(_name(field), "it cannot be cleared", "Leave the field out to keep its value.")
    refuse(_name(field), f"expected text, got {given!r:.60}", f"Give text: {str(given)!r:.60}.")


def to_word(value: str, field: Field | None = None) -> str:
    """Converter: text that must be there.

    Args:
        value: What was given.
        field: The attribute, for the error.
    """
    text = to_text(value, field)
    if isinstance(text, UnsetType):
        refuse(_name(field), "it is required", "Give text.", code="required")
    return text


def to_optional_text(value: str | UnsetType | None, field: Field | None = None) -> str | UnsetType | None:
    """Converter: text, None to clear it.

    Args:
        value: What was given.
        field: The attribute, for the error.
    """
    return None if value is None else to_text(value, field)


def to_key(value: str | UnsetType | None, field: Field | None = None) -> str | UnsetType:
    """Converter: text that finds a product; None means that another field does.

    Args:
        value: What was given.
        field: The attribute, for the error.
    """
    return UNSET if value is None else to_text(value, field)


def to_quantity(value: int | UnsetType, field: Field | None = None) -> int | UnsetType:
    """Converter: a whole number of pieces.

    Args:
        value: What was given; a float or Decimal only when it is whole.
        field: The attribute, for the error.
    """
    given = cast("object", value)
    if isinstance(given, UnsetType):
        return UNSET
    if isinstance(given, SupportsIndex) and not isinstance(given, bool):
        return operator.index(given)
    if isinstance(given, float | Decimal) and _is_whole(given):
        return int(given)
    refuse(_name(field), f"expected a whole number, got {given!r:.60}", "Give an int.")


def _is_whole(value: float | Decimal) -> bool:
    # The size first: int() of 1E+999999999 would fill the memory with digits.
    number = Decimal(value)
    return sane(number) and number == number.to_integral_value()


def to_tags(value: Sequence[str] | UnsetType | None, field: Field | None = None) -> list[str] | UnsetType:
    """Converter: labels; None clears them.

    Args:
        value: What was given; one text alone is refused, because it is a sequence of letters.
        field: The attribute, for the error.
    """
    if isinstance(value, UnsetType):
        return UNSET
    if value is None:
        return []
    given = cast("object", value)
    if isinstance(given, str | bytes) or not isinstance(given, Sequence | set | frozenset):
        refuse(_name(field), f"expected a list of texts, got {given!r:.60}", "Give a list: ['sale', 'new'].")
    tags = list(cast("Sequence[object]", given))
    for index, tag in enumerate(tags):
        if not isinstance(tag, str):
            refuse(f"{_name(field)}[{index}]", f"expected text, got {tag!r:.60}", "Give a list of texts.")
    return cast("list[str]", tags)


def to_json_object(
    value: Mapping[str, JSON] | UnsetType | None, field: Field | None = None
) -> dict[str, JSON] | UnsetType:
    """Converter: an object of plain JSON data; None empties it.

    Args:
        value: What was given.
        field: The attribute, for the error.
    """
    if isinstance(value, UnsetType):
        return UNSET
    if value is None:
        return {}
    return cast("dict[str, JSON]", plain_json(_mapping(value, _name(field)), _name(field)))


def to_options(
    value: Mapping[str, str] | UnsetType | None, field: Field | None = None
) -> dict[str, str] | UnsetType:
    """Converter: names and values of options, in order; None empties them.

    Args:
        value: What was given.
        field: The attribute, for the error.
    """
    if isinstance(value, UnsetType):
        return UNSET
    name = _name(field)
    options = {} if value is None else _mapping(value, name)
    for key, text in options.items():
        if not isinstance(text, str):
            refuse(f"{name}.{key}", f"expected text, got {text!r:.60}", "Give texts: {'Size': 'M'}.")
    return cast("dict[str, str]", options)


def _mapping(value: object, name: str) -> dict[str, object]:
    if not isinstance(value, Mapping):
        refuse(name, f"expected an object, got {value!r:.60}", "Give a dict.")
    given = cast("Mapping[object, object]", value)
    for key in given:
        if not isinstance(key, str):
            refuse(name, f"the key {key!r:.60} is not text", "Give a dict whose keys are texts.")
    return dict(cast("Mapping[str, object]", given))


def plain_json(value: object, path: str, depth: int = 0) -> JSON:
    """A copy of JSON data; anything that JSON cannot hold is refused by its path.

    Args:
        value: What was given.
        path: Where it stands.
        depth: How deep it is nested.

    Raises:
        InvalidInputError: NaN, infinity, a type that JSON does not have, or nesting beyond 100.
    """
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float | Decimal):
        if not finite(value):
            refuse(path, f"{value} has no place in JSON", "Give None or a finite number.")
        return value
    if depth >= 100:  # noqa: PLR2004 - servers refuse far less
        refuse(path, "it is nested too deeply, or holds itself", "Give flatter data.")
    if isinstance(value, Mapping):
        members = _mapping(cast("object", value), path)
        return {key: plain_json(item, f"{path}.{key}", depth + 1) for key, item in members.items()}
    if isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        return [plain_json(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(items)]
    refuse(
        path,
        f"{type(value).__name__} has no place in JSON",
        "Give texts, numbers, booleans, lists and dicts.",
    )


def named(_cls: type, fields: list[Field]) -> list[Field]:
    """Hand each converter its attribute, so that its errors name the field.

    Type checkers understand a converter only as a plain function; this adds the rest at run time.
    """
    return [_with_attribute(field) for field in fields]


def _with_attribute(field: Field) -> Field:
    converter = cast("Any", field).converter
    if converter is None or isinstance(converter, attrs.Converter):
        return field
    return field.evolve(converter=attrs.Converter(converter, takes_field=True))


__all__ = ["Money", "money"]
