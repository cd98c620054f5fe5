"""Rules for texts: replace a part, put something around them, fill a template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import attrs

from bulkeditor.models import UNSET
from bulkeditor.plans._amounts import refused
from bulkeditor.plans._draft import Draft
from bulkeditor.plans._exact import CUSTOM, column_of, entry_of
from bulkeditor.plans._rows import Value
from bulkeditor.plans._rule import Changes, Skip
from bulkeditor.query import PRODUCT_SCHEMA

TEXTS: Final = ("sku", "title", "handle", "vendor", "product_type", "category", "barcode")
"""Fields that hold a text."""

# A field's name in braces, or a brace that is meant as one.
_PART: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_MAX_TEMPLATE: Final = 10_000


@attrs.frozen
class Replace:
    """Replace each occurrence of a text within a field.

    Args:
        field: The field.
        old: What to look for; upper and lower case differ.
        new: What to put in its place.
    """

    field: str
    old: str
    new: str

    @property
    def reads(self) -> frozenset[str]:
        """Names of the fields that it reads or changes."""
        return frozenset({column_of(self.field)})

    def apply(self, row: Draft, /) -> Changes | Skip:
        """The new text; nothing where there is none, or the old one does not occur."""
        value = row[self.field]
        return {self.field: value.replace(self.old, self.new)} if isinstance(value, str) else {}

    def __str__(self) -> str:
        return f"{self.field}: {self.old!r} → {self.new!r}"


@attrs.frozen
class Affix:
    """Put a text before or after a field's, where it does not stand there already.

    Args:
        field: The field.
        prefix: What it shall begin with.
        suffix: What it shall end with.
    """

    field: str
    prefix: str = ""
    suffix: str = ""

    @property
    def reads(self) -> frozenset[str]:
        """Names of the fields that it reads or changes."""
        return frozenset({column_of(self.field)})

    def apply(self, row: Draft, /) -> Changes | Skip:
        """The new text, or that there is none."""
        value = row[self.field]
        if not isinstance(value, str):
            return Skip(f"blank_{self.field}", f"The product has no {self.field}", self.field)
        value = value if value.startswith(self.prefix) else self.prefix + value
        return {self.field: value if value.endswith(self.suffix) else value + self.suffix}

    def __str__(self) -> str:
        return f"{self.field}: {self.prefix}…{self.suffix}"


@attrs.frozen
class Template:
    """Make a field out of others.

    Args:
        field: The field.
        template: Text with fields' names in braces.
        names: The fields that it names.
    """

    field: str
    template: str
    names: tuple[str, ...]

    @property
    def reads(self) -> frozenset[str]:
        """Names of the fields that it reads or changes."""
        return frozenset(map(column_of, (self.field, *self.names)))

    def apply(self, row: Draft, /) -> Changes | Skip:
        """The text, or which field is blank."""
        values: dict[str, str] = {}
        for name in self.names:
            text = _plain(row[name])
            if text is None:
                return Skip(f"blank_{name}", f"The product has no {name}, or it is no plain text", self.field)
            values[name] = text
        return {self.field: _filled(self.template, values)}

    def __str__(self) -> str:
        return f"{self.field}: {self.template}"


@attrs.frozen
class TextField:
    """Rules that change one text; made by :func:`text`.

    Args:
        field: The field's name.
    """

    field: str

    def replace(self, old: str, new: str) -> Replace:
        """Replace each occurrence of a text.

        Args:
            old: What to look for, letter by letter; upper and lower case differ.
            new: What to put in its place; empty takes it away.

        Raises:
            InvalidInputError: ``old`` is empty.
        """
        if not _text(old, "old"):
            raise refused("old", "is empty, which stands between all letters")
        return Replace(self.field, old, _text(new, "new"))

    def affix(self, *, prefix: str = "", suffix: str = "") -> Affix:
        """Put a text before or after it, where it does not stand there already: doing it twice does it once.

        Args:
            prefix: What it shall begin with.
            suffix: What it shall end with.

        Raises:
            InvalidInputError: Both are empty.
        """
        if not _text(prefix, "prefix") and not _text(suffix, "suffix"):
            raise refused("affix", "needs a text", "Give prefix=, suffix= or both.")
        return Affix(self.field, prefix, suffix)

    def template(self, template: str) -> Template:
        """Make it out of other fields: ``"{vendor} {title}"``.

        A product in which one of them is blank is skipped. ``{{`` and ``}}`` are braces that are meant as
        such. Nothing but names can stand in braces.

        Args:
            template: Text with names of fields in braces; an entry is ``{custom_fields.season}``.

        Raises:
            InvalidInputError: A brace is alone, or a name is no field of a product.
        """
        if len(_text(template, "template")) > _MAX_TEMPLATE:
            raise refused("template", f"is longer than {_MAX_TEMPLATE:,} characters")
        names: dict[str, None] = {}
        for match in _PART.finditer(template):
            name = match[1]
            if match[0] in {"{", "}"}:
                raise refused("template", f"has a lone brace in {template!r:.60}", "Write {{ or }} for one.")
            if name is not None:
                names[_named(name)] = None
        return Template(self.field, template, tuple(names))


def text(field: str) -> TextField:
    """Rules that change a text.

    Args:
        field: ``title``, ``vendor``, ``handle``, ``product_type``, ``category``, ``sku``, ``barcode``, or an
            entry such as ``custom_fields.season``.

    Raises:
        InvalidInputError: The field holds no text.
    """
    if field not in TEXTS and not (column_of(field) == CUSTOM and entry_of(field)):
        raise refused("field", f"must hold a text, got {field!r:.60}", f"There are {', '.join(TEXTS)}.")
    return TextField(field)


def _named(name: str) -> str:
    problem = PRODUCT_SCHEMA.problem(name)
    if problem is not None:
        raise refused("template", f"names {name!r:.60}: {problem.message}", code=problem.code)
    if PRODUCT_SCHEMA.fields.get(name) in {"list", "object"}:
        raise refused("template", f"names {name!r}, which is no plain text")
    return name


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise refused(name, f"must be text, got {value!r:.60}")
    return value


def _plain(value: Value) -> str | None:
    """What stands in a text for a value; None for blank ones, lists and objects."""
    if value is UNSET or isinstance(value, bool):
        return None
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value) if isinstance(value, str | int) else None


def _filled(template: str, values: Mapping[str, str]) -> str:
    return _PART.sub(lambda match: match[0][0] if match[1] is None else values[match[1]], template)


__all__ = ["TEXTS", "Affix", "Replace", "Template", "TextField", "text"]
