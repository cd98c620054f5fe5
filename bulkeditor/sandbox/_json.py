"""JSON as the server reads and writes it: decimals exact, hostile input refused with one error type."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | Decimal | bool | None"
Doc: TypeAlias = dict[str, JSON]

MAX_DEPTH: Final = 64

# float_hook keeps 0.1 what the sender wrote: no number here ever passes through a float.
_decoder: Final = msgspec.json.Decoder(float_hook=Decimal)
_encoder: Final = msgspec.json.Encoder(decimal_format="number")
_sorting_encoder: Final = msgspec.json.Encoder(decimal_format="number", order="deterministic")
_raw_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class JSONError(ValueError):
    """The bytes are not JSON that this server accepts."""


def decode(raw: bytes | str) -> JSON:
    """Read JSON; numbers with a fraction or an exponent become Decimal."""
    try:
        value: JSON = _decoder.decode(raw)
    except RecursionError:
        raise JSONError(f"nested deeper than {MAX_DEPTH} levels") from None
    except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
        raise JSONError(str(error)) from None
    _check_depth(value)
    return value


def _check_depth(value: JSON) -> None:
    level: list[JSON] = [value]
    for _ in range(MAX_DEPTH):
        below: list[JSON] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return
        level = below
    raise JSONError(f"nested deeper than {MAX_DEPTH} levels")


def decode_doc(raw: bytes | str) -> Doc:
    """Read a document that this server wrote itself."""
    value: Doc = _decoder.decode(raw)
    return value


def decode_fields(raw: bytes | str) -> dict[str, msgspec.Raw]:
    """Split an own document into its fields without parsing the values."""
    return _raw_fields.decode(raw)


def encode(value: object) -> bytes:
    """Write JSON; Decimals become number literals, digit for digit."""
    return _encoder.encode(value)


def encode_sorted(value: object) -> bytes:
    """As :func:`encode`, with the keys of objects in order: for comparing."""
    return _sorting_encoder.encode(value)


def encode_text(value: object) -> str:
    """Write JSON as text, for a TEXT column."""
    return _encoder.encode(value).decode()
