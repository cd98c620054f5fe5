"""What every condition can do: immutable, comparable, picklable.

A condition holds for a row when it is *definitely* true of it: a comparison with a missing value is unknown,
and neither it nor its negation holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

import attrs

from bulkeditor.errors import FieldError, InvalidInputError
from bulkeditor.models import JSON
from bulkeditor.query._code import Code
from bulkeditor.query._compile import Compiled
from bulkeditor.query._explain import Explanation
from bulkeditor.query._read import Read, reader
from bulkeditor.query._schema import PRODUCT_SCHEMA, Schema

if TYPE_CHECKING:
    from bulkeditor.models import Product

# How tightly the text of a node binds.
OR, AND, NOT, LEAF = range(4)


class Condition:
    """What rows must satisfy; combine with ``&`` (and), ``|`` (or) and ``~`` (not).

    Immutable. Made with :data:`~bulkeditor.query.F`, :meth:`from_filter` or
    :func:`~bulkeditor.query.parse_condition`.
    """

    __slots__ = ("_compiled",)

    _compiled: Compiled
    _binding: ClassVar[int] = LEAF

    @classmethod
    def from_filter(cls, filter: Mapping[str, object]) -> Condition:  # noqa: A002 -- the API's own word
        """Read the API's JSON filter.

        Args:
            filter: ``{"vendor": "X", "price": {"gte": 10}}``; all entries must hold; ``and``, ``or`` and
                ``not`` join further filters. A bare value means equality, null means "has no value", and on
                ``tags`` a bare text means "has this tag".

        Returns:
            The condition; an empty filter holds for every row.

        Raises:
            InvalidInputError: The filter is malformed; the error names the field.
        """
        # The parser builds the nodes, so it stands above this module.
        from bulkeditor.query._filter import parse_filter  # noqa: PLC0415

        return parse_filter(filter)

    def matches(self, row: Product | Mapping[str, Any]) -> bool:
        """Whether the condition definitely holds for a row.

        Args:
            row: A product, or plain data with the same field names.

        Returns:
            False as well where a missing value leaves it unknown.

        Raises:
            NotLoadedError: The row lacks a field that the condition names. Plain data may lack ``tags``: then
                there are none.
            InvalidInputError: Two values cannot be compared, such as a text with a number.
        """
        return self.compile().matches(row)

    def compile(self) -> Compiled:
        """The condition as a function, for one row and for many; made once.

        Returns:
            What :meth:`matches` uses, with :meth:`~bulkeditor.query.Compiled.select` and
            :meth:`~bulkeditor.query.Compiled.mask` for batches.
        """
        try:
            return self._compiled
        except AttributeError:
            # A race between threads makes the same thing twice and keeps one.
            object.__setattr__(self, "_compiled", Compiled(self))
            return self._compiled

    def explain(self, row: Product | Mapping[str, Any]) -> Explanation:
        """Why the condition holds for a row or does not.

        Args:
            row: A product, or plain data with the same field names.

        Returns:
            A tree of its parts: which hold, which fail, which are unknown, and with what values. Where
            :meth:`matches` would raise for values that cannot be compared, the part says so.

        Raises:
            NotLoadedError: The row lacks a field that the condition names.
        """
        return self._explained(reader(row))

    def check(self, schema: Schema = PRODUCT_SCHEMA) -> None:
        """Compare field names and constants with what the rows will hold, before any row is read.

        Args:
            schema: The fields there are.

        Raises:
            InvalidInputError: Some names are unknown (with the nearest known one), or constants cannot be
                compared with what their fields hold; all of them in ``errors``.
        """
        # A word that resembles no name is most often a text that lost its quotes.
        unknown = (schema.problem(name, otherwise="a text stands in quotes") for name in sorted(self.fields))
        errors = [*filter(None, unknown), *self._mismatches(schema)]
        if not errors:
            return
        said = "; ".join(map(str, errors))
        end = "" if said.endswith("?") else "."
        raise InvalidInputError(f"The condition does not fit: {said}{end}", errors=errors)

    def bind(self, schema: Schema) -> Condition:
        """Check the condition against a schema, and read its constants as that has them.

        Args:
            schema: The fields there are: a product's, or a workflow's own values.

        Returns:
            The condition; text that it compares with the schema's times is time in it.

        Raises:
            InvalidInputError: As :meth:`check`.
        """
        self.check(schema)
        return self._bound(schema)

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields that it reads, dotted as they were written."""
        return frozenset(self._names())

    @property
    def columns(self) -> frozenset[str]:
        """Names of the fields to load for it: ``custom_fields`` where it reads ``custom_fields.x``."""
        return frozenset(name.partition(".")[0] for name in self._names())

    def pushdown(self) -> dict[str, JSON]:
        """The part that any server may filter by, as a filter of bare values.

        Returns:
            Equalities of plain columns that all must hold. Every row that satisfies the condition satisfies
            them; the whole condition is still to be evaluated on what comes.
        """
        pushed: dict[str, JSON] = {}
        for name, value in self._pushed():
            pushed.setdefault(name, value)
        return pushed

    def to_filter(self) -> dict[str, JSON]:
        """The whole condition as the API's JSON filter, with operators.

        Returns:
            Plain data that :meth:`from_filter` reads to the same condition; decimals stay Decimal, times are
            text.

        Raises:
            InvalidInputError: It calculates or compares two fields, which a filter cannot say.
        """
        raise NotImplementedError

    # How conditions join stands above this module, as what joins them is one itself.

    def __and__(self, other: Condition) -> Condition:
        from bulkeditor.query._joined import all_of  # noqa: PLC0415

        return all_of((self, _condition(other)))

    def __or__(self, other: Condition) -> Condition:
        from bulkeditor.query._joined import any_of  # noqa: PLC0415

        return any_of((self, _condition(other)))

    def __invert__(self) -> Condition:
        from bulkeditor.query._joined import Not  # noqa: PLC0415

        return Not(self)

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "A condition has no truth value of its own: join conditions with & | ~ (each comparison in "
            "parentheses) instead of and, or, not, and do not chain comparisons like 1 < F.price < 2."
        )

    def __str__(self) -> str:
        return self._text()

    def __repr__(self) -> str:
        return f"<Condition {self}>"

    def __reduce__(self) -> tuple[object, ...]:
        # What was compiled stays behind; it is made again where the condition is used next.
        node = cast("type[attrs.AttrsInstance]", type(self))
        return type(self), tuple(getattr(self, field.name) for field in attrs.fields(node) if field.init)

    def _emit(self, code: Code, *, negated: bool) -> str:
        raise NotImplementedError

    def _explained(self, read: Read) -> Explanation:
        raise NotImplementedError

    def _bound(self, schema: Schema) -> Condition:
        del schema
        return self

    def _names(self) -> Iterator[str]:
        raise NotImplementedError

    def _mismatches(self, schema: Schema) -> Iterator[FieldError]:
        del schema
        yield from ()

    def _pushed(self) -> Iterator[tuple[str, JSON]]:
        yield from ()

    def _text(self) -> str:
        raise NotImplementedError

    def _negated_filter(self) -> dict[str, JSON]:
        return {"not": self.to_filter()}

    def _negated_text(self) -> str:
        return f"NOT {self._inside(NOT)}"

    def _depth(self) -> int:
        return 0

    def _inside(self, level: int) -> str:
        # Equal precedence needs parentheses as well, or the text would read back to another tree.
        text = str(self)
        return text if self._binding > level or text in {"TRUE", "FALSE"} else f"({text})"


def _condition(other: object) -> Condition:
    if not isinstance(other, Condition):
        raise TypeError(
            f"{other!r} is no condition; compare it first, and put each comparison in parentheses: "
            "(F.price < 10) & (F.vendor == 'X')."
        )
    return other


__all__ = ["AND", "LEAF", "NOT", "OR", "Condition"]
