"""Products as an answer shows them: the fields asked for, money as the reading has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from bulkeditor.sandbox._http import Call, invalid_parameter
from bulkeditor.sandbox._json import Doc, decode_fields, encode
from bulkeditor.sandbox._products import Products
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._rows import MONEY

# What a server that "adds its own" adds to the fields asked for.
_EXTRA: Final = ("id", "sku", "updated_at")


class Renderer:
    """Turns stored documents into the bytes of an answer."""

    def __init__(self, products: Products, readings: Readings) -> None:
        self._products = products
        self._readings = readings

    def fields(self, call: Call) -> tuple[str, ...] | None:
        """The fields to show; None shows all.

        Raises:
            Refusal: 400, naming ``fields``.
        """
        text = call.query.get("fields")
        if text is None or self._readings.fields == "ignored":
            return None
        known = self._products.known_fields()
        names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
        for name in names:
            if name not in known:
                raise invalid_parameter("fields", f"{name[:100]!r} is no field of a product.")
        if self._readings.fields == "extra":
            names = tuple(dict.fromkeys((*names, *_EXTRA)))
        return names

    def one(self, body: str, fields: Sequence[str] | None = None) -> bytes:
        """One product."""
        if fields is None and self._readings.money == "number":
            return body.encode()
        parts = decode_fields(body)
        if fields is not None:
            parts = {name: parts[name] for name in fields if name in parts}
        if self._readings.money == "string":
            for name in MONEY & parts.keys():
                literal = bytes(parts[name])
                if literal[:1] not in b'n"':
                    parts[name] = msgspec.Raw(b'"' + literal + b'"')
        return encode(parts)

    def values(self, doc: Doc) -> bytes:
        """Some fields of a product, not stored as such."""
        return self.one(encode(doc).decode())

    def many(self, bodies: Iterable[str], fields: Sequence[str] | None) -> bytes:
        """A JSON array of products."""
        if fields is None and self._readings.money == "number":
            # The stored text is the answer's text: listing a page is joining it.
            return f"[{','.join(bodies)}]".encode()
        return b"[" + b",".join(self.one(body, fields) for body in bodies) + b"]"
