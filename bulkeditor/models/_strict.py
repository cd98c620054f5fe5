"""The fast path: a whole page in one pass of the decoder, finished by loops that run in C.

Four things cannot be left to the decoder: a slot whose field was not sent must stay empty, a row must know
where its unknown fields are, ``"NaN"`` is no price although it is a Decimal, and a projection must not pay
for the fields it leaves out.
"""

import decimal
import functools
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain, count, repeat
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar, cast, get_args

import attrs
import msgspec

from bulkeditor._secret import Secret
from bulkeditor.models._base import Model, ModelT, RowSource, absences_left, absent, storage_of, sweep
from bulkeditor.models._inputs import MAX_EXPONENT, sane

SPACE: Final = b" \t\r\n"
"""JSON's white space."""


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
    raise TypeError(f"Expected {kind.__name__}, got {type(value).__name__}")


def drain(iterator: Iterable[object]) -> None:
    """Run an iterator to its end without a loop of Python code.

    Args:
        iterator: Called for its effects.
    """
    deque(iterator, maxlen=0)


# A C call that can be mapped over rows, and that knows nothing of frozen classes.
_set_class: Final = cast("Callable[[Model, type[Model]], None]", object.__dict__["__class__"].__set__)


def _draft(model: type[ModelT], names: Collection[str], *, patchy: bool) -> type[ModelT]:
    """What the decoder makes in the model's place: the same slots, the wanted fields, no manners.

    The decoder asks by reading an attribute whether the row brought it. Where many fields may be absent
    (``patchy``), reading one always succeeds: ``callable(name)`` is the cheapest call there is. So the
    decoder builds no exception and fills in no default, and empty slots stay empty.
    """
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", model))
    wanted = tuple(field for field in fields if field.name in names)
    body: dict[str, object] = {
        "__slots__": (),
        "__attrs_attrs__": wanted,
        # A model within a model is made by its own plan, from its own bytes.
        "__annotations__": {
            field.name: msgspec.Raw if is_model(field.type) else field.type for field in wanted
        },
        "__setattr__": object.__setattr__,  # a model that extends another inherits its manners
        "__delattr__": object.__delattr__,
    }
    if patchy:
        body["__getattribute__"] = callable
    kind = cast("type[type]", type(model))
    return cast("type[ModelT]", kind(model.__name__, (storage_of(model),), body))


class _Money:
    """The amounts of many rows, checked by looking at their sum alone.

    Args:
        model: The class.
        draft: The class of the rows when they come from the decoder.
        names: The fields that are read.
    """

    def __init__(self, model: type[Model], draft: type[Model], names: Collection[str]) -> None:
        fields = attrs.fields(cast("type[attrs.AttrsInstance]", model))
        self._names = [field.name for field in fields if field.name in names and _is_money(field.type)]
        self._draft = draft
        self._storage = storage_of(model)
        plain = draft.__getattribute__ is object.__getattribute__
        self._read: list[Callable[[Model], decimal.Decimal]] = [
            attrgetter(name) if plain else _slot(model, name).__get__ for name in self._names
        ]
        # A context of our own: the program's may round or trap. This one traps what a sane sum cannot meet.
        self._context = decimal.Context(
            prec=4 * MAX_EXPONENT,
            Emax=2 * MAX_EXPONENT,
            Emin=-2 * MAX_EXPONENT,
            traps=[decimal.Overflow, decimal.InvalidOperation, decimal.Rounded, decimal.Subnormal],
        )

    def check(self, rows: Sequence[Model]) -> None:
        """Refuse amounts that are not finite or of monstrous size.

        Args:
            rows: Fresh from the decoder.

        Raises:
            NotStrictError: One of them is such.
        """
        if not self._names:
            return
        try:
            with decimal.localcontext(self._context):
                total = self._sum(rows)
        except ArithmeticError as error:
            raise NotStrictError from error
        # The exact sum has the smallest exponent of all, and is about as large as the largest.
        if total and not sane(total):
            raise NotStrictError

    def _sum(self, rows: Sequence[Model]) -> decimal.Decimal:
        total = decimal.Decimal()
        try:
            for read in self._read:
                total += _sum(map(read, rows))
        except AttributeError:
            pass
        else:
            return total
        # Not within the handler: there each further exception is built in full, to be chained to the first.
        # Of a class without manners the interpreter can ask for an attribute with a default, and builds none.
        drain(map(_set_class, rows, repeat(self._storage)))
        try:
            columns = (map(getattr, rows, repeat(name), repeat(None)) for name in self._names)
            return _sum(chain.from_iterable(columns))
        finally:
            drain(map(_set_class, rows, repeat(self._draft)))


def _sum(amounts: Iterable[decimal.Decimal | None]) -> decimal.Decimal:
    return sum(filter(None, amounts), decimal.Decimal())


def is_model(hint: Any) -> bool:
    """Whether a field holds a model of its own.

    Args:
        hint: The field's type.
    """
    return isinstance(hint, type) and issubclass(hint, Model)


class _Inner:
    """The models that rows of a model hold.

    Args:
        model: The class of the rows.
        names: The fields that are read.
    """

    def __init__(self, model: type[Model], names: Collection[str]) -> None:
        fields = attrs.fields(cast("type[attrs.AttrsInstance]", model))
        self._plans = [
            (_slot(model, field.name), Plan(field.type, "", None))
            for field in fields
            if field.name in names and is_model(field.type)
        ]

    def fill(self, rows: Iterable[Model]) -> None:
        """Put models where their bytes are.

        Args:
            rows: Fresh from the decoder.

        Raises:
            NotStrictError: One of them cannot be read in one pass, or DECODE_FAILURES.
        """
        for slot, inner in self._plans:
            for row in rows:
                try:
                    raw = slot.__get__(row)
                except AttributeError:
                    continue
                slot.__set__(row, inner.one(bytes(raw)))


def _slot(model: type[Model], name: str) -> Any:
    return next(cls.__dict__[name] for cls in model.__mro__ if name in cls.__dict__)


def _is_money(hint: Any) -> bool:
    return hint is decimal.Decimal or decimal.Decimal in get_args(hint)


RowT = TypeVar("RowT")


class Envelope(msgspec.Struct, Generic[RowT]):
    """What stands around the rows. Loosely typed, so that a total sent as text does not refuse a page."""

    rows: list[RowT] | msgspec.UnsetType | None = msgspec.UNSET
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
        known = model.__names__
        self.names = tuple(name for name in known if fields is None or name in fields)
        self.wants_extra = fields is None or not fields.issubset(known)
        self._wire = {name: model.__wire__.get(name, name) for name in self.names}
        # The decoder cannot rename fields of attrs classes: the few models that need it go through dicts.
        self._renames = bool(model.__wire__)
        fields_of = {field.name: field for field in attrs.fields(cast("type[attrs.AttrsInstance]", model))}
        has_defaults = any(fields_of[name].default != attrs.Factory(absent) for name in self.names)
        # Fields that were asked for by name are there as a rule, and a true default must be filled in.
        self._variant = _draft(model, self.names, patchy=fields is None and not has_defaults)
        self._money = _Money(model, self._variant, self.names)
        self._inner = _Inner(model, self.names)
        kind: Any = dict[str, Any] if self._renames else self._variant
        self._row = cast("msgspec.json.Decoder[ModelT]", decoder(kind))
        self._rows = cast("msgspec.json.Decoder[list[ModelT]]", decoder(list[kind]))
        self._envelope = cast("msgspec.json.Decoder[Envelope[ModelT]]", decoder(envelope_of(kind, key)))

    def draft(self, content: bytes | msgspec.Raw) -> ModelT:
        """One row that is not usable before :meth:`finish`.

        Args:
            content: Its bytes.
        """
        row = self._row.decode(content)
        return self._convert(cast("dict[str, Any]", row)) if self._renames else row

    def one(self, content: bytes) -> ModelT:
        """The only row of an answer.

        Args:
            content: The body.
        """
        left = absences_left()
        rows = [self.draft(content)]
        self.finish(rows, RowSource(content, single=True), gaps=absences_left() != left)
        return rows[0]

    def page(self, content: bytes) -> Envelope[ModelT]:
        """The rows of an answer and their envelope; an empty one for a bare array.

        Args:
            content: The body.
        """
        left = absences_left()
        if content[:64].lstrip(SPACE)[:1] == b"[":
            key, page = None, Envelope[ModelT](rows=self._rows.decode(content))
        else:
            key, page = self.key, self._envelope.decode(content)
        if isinstance(page.rows, list):
            page.rows = self._converted(page.rows)
            self.finish(page.rows, RowSource(content, key=key), gaps=absences_left() != left)
        return page

    def finish(
        self, rows: list[ModelT], source: RowSource, places: Iterable[int] | None = None, *, gaps: bool
    ) -> None:
        """Make drafts into objects of the model.

        Args:
            rows: Fresh from the decoder.
            source: Where their unknown fields are.
            places: Their places in the answer; None when these are all of its rows.
            gaps: Whether a slot may hold the mark of an absent value.

        Raises:
            NotStrictError: An amount is none; the rows are drafts still.
        """
        self._money.check(rows)
        self._inner.fill(rows)
        if gaps:
            # Models with true defaults; other threads leave a false alarm at times; and all models, should
            # msgspec change how it finds absent fields.
            drain(map(sweep, rows, repeat(self.names)))
        if self.wants_extra:
            # A loop of Python code, because the interpreter does this one faster than map() calls a setter.
            for row, place in zip(rows, count() if places is None else places, strict=False):
                row._page = source  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the models' other half
                row._index = place  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as above
        drain(map(_set_class, rows, repeat(self.model)))

    def _converted(self, rows: list[ModelT]) -> list[ModelT]:
        if not self._renames:
            return rows
        return [self._convert(cast("dict[str, Any]", row)) for row in rows]

    def _convert(self, fields: dict[str, Any]) -> ModelT:
        values = {name: fields[wire] for name, wire in self._wire.items() if wire in fields}
        return msgspec.convert(values, self._variant, dec_hook=read_special)


def envelope_of(kind: Any, key: str) -> type[Envelope[Any]]:
    """The envelope of a page whose rows stand under this name.

    Args:
        kind: What the rows are read as.
        key: Name of the list.
    """
    rows = ("rows", list[kind] | msgspec.UnsetType | None, msgspec.field(name=key, default=msgspec.UNSET))
    return cast("type[Envelope[Any]]", msgspec.defstruct("Envelope", [rows], bases=(Envelope,)))


def decoder(kind: object) -> msgspec.json.Decoder[Any]:
    """A decoder with the models' hooks.

    Args:
        kind: What to read.
    """
    return msgspec.json.Decoder(cast("type[Any]", kind), dec_hook=read_special, float_hook=decimal.Decimal)


@functools.lru_cache(maxsize=64)
def _plan(model: Any, key: str, fields: frozenset[str] | None) -> Plan[Any]:
    return Plan(model, key, fields)


def plan(model: type[ModelT], key: str, fields: frozenset[str] | None = None) -> Plan[ModelT]:
    """The plan for one kind of row; made once.

    Args:
        model: The class.
        key: Name of the list in the envelope.
        fields: The only fields to read; None for all.
    """
    return _plan(cast("Any", model), key, fields)


__all__: list[str] = []
