"""The fast path: a whole page in one pass of the decoder, its gaps emptied by loops that run in C.

Three things cannot be left to the decoder: a slot whose field was not sent must be empty, a row must know where
its unknown fields are, and ``"NaN"`` is no price although it is a Decimal.
"""

import decimal
import functools
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain, compress, count, repeat
from operator import is_
from typing import Any, Final, Generic, cast, get_args

import attrs
import msgspec

from bulkeditor._secret import Secret
from bulkeditor.models._base import ABSENT, Model, ModelT, RowSource, absences_left
from bulkeditor.models._inputs import MAX_EXPONENT, sane


class NotStrictError(Exception):
    """A page holds something that the fast path must not accept; it is read row by row."""


def read_special(kind: type, value: object) -> object:
    """Decoder hook for the types of models that are not JSON's.

    Args:
        kind: The type wanted.
        value: What the decoder found.
    """
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError(f"Expected {kind.__name__}, got {type(value).__name__}")


def drain(iterator: Iterable[object]) -> None:
    """Run an iterator to its end without a loop of Python code.

    Args:
        iterator: Called for its effects.
    """
    deque(iterator, maxlen=0)


_set_page: Final = cast("Callable[[Model, object], None]", Model.__dict__["_page"].__set__)
_set_index: Final = cast("Callable[[Model, int], None]", Model.__dict__["_index"].__set__)


class Columns:
    """One model's fields as columns over many rows.

    Args:
        model: The class.
        names: Its fields that are read at all.
    """

    def __init__(self, model: type[Model], names: Sequence[str]) -> None:
        slots = {name: _slot(model, name) for name in names}
        self._gaps = tuple((slot.__get__, slot.__delete__) for slot in slots.values())
        hints = {field.name: field.type for field in attrs.fields(cast("type[attrs.AttrsInstance]", model))}
        self._money = tuple(slots[name].__get__ for name in names if _is_money(hints[name]))
        # A context of our own: the program's may round or trap. This one traps what a sane sum cannot meet.
        self._context = decimal.Context(
            prec=4 * MAX_EXPONENT,
            Emax=2 * MAX_EXPONENT,
            Emin=-2 * MAX_EXPONENT,
            traps=[decimal.Overflow, decimal.InvalidOperation, decimal.Rounded, decimal.Subnormal],
        )

    def check_money(self, rows: Sequence[Model]) -> None:
        """Refuse amounts that are not finite or of monstrous size, by looking at their sum alone.

        Args:
            rows: Fresh from the decoder.

        Raises:
            NotStrictError: One of them is such.
        """
        if not self._money:
            return
        amounts = filter(None, chain.from_iterable(map(get, rows) for get in self._money))
        try:
            with decimal.localcontext(self._context):
                total = sum(amounts, decimal.Decimal())
        except ArithmeticError as error:
            raise NotStrictError from error
        # The exact sum has the smallest exponent of all, and is about as large as the largest.
        if total and not sane(total):
            raise NotStrictError

    def sweep(self, rows: Sequence[Model]) -> None:
        """Empty the slots of fields that were not sent.

        Args:
            rows: Fresh from the decoder.
        """
        for get, delete in self._gaps:
            drain(map(delete, compress(rows, map(is_, map(get, rows), repeat(ABSENT)))))


def _slot(model: type[Model], name: str) -> Any:
    for cls in model.__mro__:
        if name in cls.__dict__:
            return cls.__dict__[name]
    raise AttributeError(name)


def _is_money(hint: Any) -> bool:
    return hint is decimal.Decimal or decimal.Decimal in get_args(hint)


def attach(rows: Sequence[Model], source: RowSource, *, start: int = 0) -> None:
    """Tell rows where their unknown fields are.

    Args:
        rows: The rows, in the order of the answer.
        source: The answer's bytes.
        start: The first one's place in the answer.
    """
    drain(map(_set_page, rows, repeat(source)))
    drain(map(_set_index, rows, count(start)))


class Envelope(msgspec.Struct, Generic[ModelT]):
    """What stands around the rows. Loosely typed, so that a total sent as text does not refuse a page."""

    rows: list[ModelT] | msgspec.UnsetType = msgspec.UNSET
    page: Any = None
    limit: Any = None
    total: Any = None
    total_count: Any = None
    has_next: Any = None
    has_more: Any = None
    meta: Any = None
    pagination: Any = None


class Plan(Generic[ModelT]):
    """All that is prepared once to read one kind of row under one key.

    Args:
        model: The class.
        key: Name of the list in the envelope.
        fields: The only fields to read; None for all.
    """

    def __init__(self, model: type[ModelT], key: str, fields: frozenset[str] | None) -> None:
        self.model = model
        self.key = key
        self.names = tuple(name for name in model._names if fields is None or name in fields)  # noqa: SLF001
        self.columns = Columns(model, self.names)
        self._renamed = {wire: name for name, wire in model._wire.items()}  # noqa: SLF001
        # The decoder cannot rename fields of attrs classes: the few models that need it go through dicts.
        kind: Any = dict[str, Any] if self._renamed else model
        self._row = cast("msgspec.json.Decoder[ModelT]", _decoder(kind))
        self._rows = cast("msgspec.json.Decoder[list[ModelT]]", _decoder(list[kind]))
        envelope = msgspec.defstruct(
            "Envelope",
            [("rows", list[kind] | msgspec.UnsetType, msgspec.field(name=key, default=msgspec.UNSET))],
            bases=(Envelope,),
        )
        self._envelope = cast("msgspec.json.Decoder[Envelope[ModelT]]", _decoder(envelope))

    def row(self, content: bytes | msgspec.Raw) -> ModelT:
        """One row.

        Args:
            content: Its bytes.
        """
        left = absences_left()
        rows = [self._row.decode(content)]
        self._finish(rows, gaps=absences_left() != left)
        return rows[0]

    def array(self, content: bytes) -> list[ModelT]:
        """The rows of a bare array.

        Args:
            content: The body.
        """
        left = absences_left()
        rows = self._rows.decode(content)
        self._finish(rows, gaps=absences_left() != left)
        return rows

    def envelope(self, content: bytes) -> Envelope[ModelT]:
        """An envelope and the rows in it.

        Args:
            content: The body.
        """
        left = absences_left()
        envelope = self._envelope.decode(content)
        if not isinstance(envelope.rows, msgspec.UnsetType):
            self._finish(envelope.rows, gaps=absences_left() != left)
        return envelope

    def _finish(self, rows: list[ModelT], *, gaps: bool = True) -> None:
        if self._renamed:
            rows[:] = [self._rename(cast("dict[str, Any]", row)) for row in rows]
            gaps = True
        self.columns.check_money(rows)
        if gaps:
            self.columns.sweep(rows)

    def _rename(self, fields: dict[str, Any]) -> ModelT:
        wire = self.model._wire  # noqa: SLF001
        values = {name: fields[wire.get(name, name)] for name in self.names if wire.get(name, name) in fields}
        return msgspec.convert(values, self.model, dec_hook=read_special)


def _decoder(kind: object) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(cast("type[Any]", kind), dec_hook=read_special, float_hook=decimal.Decimal)


@functools.lru_cache(maxsize=64)
def plan(model: type[ModelT], key: str, fields: frozenset[str] | None = None) -> Plan[ModelT]:
    """The plan for one kind of row; made once.

    Args:
        model: The class.
        key: Name of the list in the envelope.
        fields: The only fields to read; None for all.
    """
    return Plan(model, key, fields)


__all__: list[str] = []
