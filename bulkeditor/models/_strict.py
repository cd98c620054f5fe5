"""The fast path: a whole page in one pass of the decoder, finished by loops that run in C.

Four things cannot be left to the decoder: a slot whose field was not sent must stay empty, a row must know
where its unknown fields are, ``"NaN"`` is no price although it is a Decimal, and a projection must not pay
for the fields it leaves out.
"""

import decimal
import functools
from collections.abc import Collection, Iterable
from itertools import count, repeat
from typing import Any, Final, Generic, TypeVar, cast

import attrs
import msgspec

from bulkeditor._secret import Secret
from bulkeditor.models._base import ABSENT, Model, ModelT, RowSource, absences_left, absent, sweep
from bulkeditor.models._drafts import Money, draft_of, drain, is_model, set_class, slot_of

SPACE: Final = b" \t\r\n"
"""JSON's white space."""


def read_special(kind: type, value: object) -> object:
    """Decoder hook for the types of models that are not JSON's.

    Args:
        kind: The type wanted.
        value: What the decoder found.
    """
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"Expected {kind.__name__}, got {type(value).__name__}")


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


class _Inner:
    """The models that rows of a model hold.

    Args:
        model: The class of the rows.
        names: The fields that are read.
    """

    def __init__(self, model: type[Model], names: Collection[str]) -> None:
        fields = attrs.fields(cast("type[attrs.AttrsInstance]", model))
        self._plans = [
            (slot_of(model, field.name), Plan(field.type, "", None))
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
                if raw is not ABSENT:
                    slot.__set__(row, inner.one(raw))

    def __bool__(self) -> bool:
        return bool(self._plans)


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
        self._variant = draft_of(model, self.names, patchy=fields is None and not has_defaults)
        self._money = Money(model, self._variant, self.names)
        self._inner = _Inner(model, self.names)
        self._picky = bool(self._money or self._inner)
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

    @property
    def draft_type(self) -> type[ModelT]:
        """What :meth:`finish_one` takes, for a decoder of one's own; not of a model that renames fields."""
        return self._variant

    def one(self, content: bytes | msgspec.Raw) -> ModelT:
        """The only row of an answer.

        Args:
            content: The body.
        """
        left = absences_left()
        row = self.draft(content)
        return self.finish_one(row, RowSource(content, single=True), gaps=absences_left() != left)

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
        if gaps or self._inner:
            # Models with true defaults; other threads leave a false alarm at times; and all models, should
            # msgspec change how it finds absent fields.
            drain(map(sweep, rows, repeat(self.names)))
        if self.wants_extra:
            # A loop of Python code, because the interpreter does this one faster than map() calls a setter.
            for row, place in zip(rows, count() if places is None else places, strict=False):
                row._page = source  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the models' other half
                row._index = place  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as above
        drain(map(set_class, rows, repeat(self.model)))

    def finish_one(self, row: ModelT, source: RowSource, *, gaps: bool) -> ModelT:
        """Make the draft of the only row of an answer into an object of the model.

        Args:
            row: Fresh from the decoder.
            source: Where its unknown fields are.
            gaps: Whether a slot may hold the mark of an absent value.

        Raises:
            NotStrictError: An amount is none; the row is of no use.
        """
        if self.wants_extra:
            row._page = source  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the models' other half
            row._index = 0  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as above
        if self._picky:
            self._inner.fill((row,))
            self._money.check_one(row)
        if gaps or self._inner:
            sweep(row, self.names)
        set_class(row, self.model)
        return row

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
