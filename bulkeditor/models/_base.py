"""What every model shares: slots that may be empty, unknown fields, equality, pickling."""

import difflib
import functools
import itertools
import operator
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, NoReturn, Self, TypeAlias, TypeVar, cast

import attrs
import msgspec
from msgspec import UNSET, UnsetType

from bulkeditor._secret import Secret
from bulkeditor.errors import MalformedDataError, NotLoadedError

if TYPE_CHECKING:
    JSON: TypeAlias = bool | int | float | Decimal | str | list["JSON"] | dict[str, "JSON"] | None
    """Plain JSON data. Numbers with a fraction are read as Decimal, so no digit is lost."""
else:
    JSON = Any  # the decoder cannot follow a recursive alias, and needs not

Timestamp: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""A point in time; a text without an offset is refused, because nobody can say which hour it means."""

DECODE_FAILURES: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError)
"""All that decoding foreign bytes has been seen to raise; msgspec's own class covers only the first."""


class _Absent(tuple[()]):
    """Stands in a slot from the decoder's pass to the sweep after it; users never see it.

    An empty tuple, because that is false without a call of Python code.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
# An iterator that always gives the same value: calling it is a C call, and what is left of its length
# tells how often it was called. So a page without gaps is known as such without looking at a row.
_absences: Final = itertools.repeat(ABSENT, sys.maxsize)

if TYPE_CHECKING:

    def absent() -> Any:
        """Factory of a field that the server may not have sent."""
        raise NotImplementedError

else:
    absent = _absences.__next__


def absences_left() -> int:
    """A count that falls by one each time any model field is left empty, in any thread."""
    return operator.length_hint(_absences)


class RowSource:
    """The bytes of one answer, shared by its rows; decoded again only when unknown fields are wanted.

    Args:
        content: The body.
        key: Name of the list, or of the single object, in the envelope; ``None`` for a bare one.
        rows: The rows' own bytes, when they were split already.
        single: Whether it is one object instead of a list.
    """

    __slots__ = ("_content", "_key", "_rows", "_single")

    def __init__(
        self,
        content: bytes | msgspec.Raw,
        *,
        key: str | None = None,
        rows: Sequence[msgspec.Raw] | None = None,
        single: bool = False,
    ) -> None:
        self._content = content
        self._key = key
        self._rows = rows
        self._single = single

    def unknown_fields(self, index: int, known: Collection[str]) -> dict[str, JSON]:
        """The fields of one row that its model does not have.

        Args:
            index: Which row.
            known: Names to leave out.
        """
        try:
            fields = _fields(self._row(index))
            read = msgspec.json.Decoder(float_hook=Decimal)
            return {name: read.decode(raw) for name, raw in fields.items() if name not in known}
        except DECODE_FAILURES as error:
            raise MalformedDataError(
                f"An unknown field of row {index} is not valid JSON: {error}."
            ) from error

    def _row(self, index: int) -> bytes | msgspec.Raw:
        if self._single:
            return self._content if self._key is None else _fields(self._content)[self._key]
        rows = self._rows
        if rows is None:
            self._rows = rows = split_rows(self._content, self._key)
        return rows[index]


def _fields(content: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(content, type=dict[str, msgspec.Raw])


def split_rows(content: bytes | msgspec.Raw, key: str | None) -> list[msgspec.Raw]:
    """The rows of an answer as undecoded slices of it.

    Args:
        content: The body.
        key: Name of the list in the envelope; ``None`` for a bare array.
    """
    if key is None:
        return msgspec.json.decode(content, type=list[msgspec.Raw])
    envelope = _fields(content)
    return msgspec.json.decode(envelope[key], type=list[msgspec.Raw])


ModelT = TypeVar("ModelT", bound="Model")


class _Layered(type):
    """Makes two classes of each model: one that only has the slots, and above it the one that people see.

    Manners cost time where rows are made by the hundred: a class that is frozen or has a ``__getattr__``
    leaves the interpreter's fast ways. So rows are filled while they belong to a class without manners, and
    become models by assigning their class, which is possible because the upper class adds no slots.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
        slots: object = namespace.get("__slots__")
        if not slots or not bases:
            return super().__new__(cls, name, bases, namespace)
        storage = super().__new__(cls, f"{name}Slots", bases, {"__slots__": slots, "__module__": __name__})
        return super().__new__(cls, name, (storage,), {**namespace, "__slots__": ()})


def storage_of(model: type[ModelT]) -> type[ModelT]:
    """The class without manners below a model; the model itself where it has no slots of its own.

    Args:
        model: The class.
    """
    below = model.__base__
    has_own = below is not None and below.__name__ == f"{model.__name__}Slots"
    return cast("type[ModelT]", below) if has_own else model


class Model(metaclass=_Layered):
    """Base of what the API answers with.

    A field that the server did not send is an empty slot: reading it raises :class:`NotLoadedError`,
    while ``None`` always means that the server sent null. Fields that this version of the library does not
    know are kept in :attr:`extra`.
    """

    __slots__ = ("_index", "_page")

    __names__: ClassVar[tuple[str, ...]] = ()
    __wire__: ClassVar[Mapping[str, str]] = MappingProxyType(
        {}
    )  # field → its name in JSON, where they differ
    __known__: ClassVar[frozenset[str]] = frozenset()
    __identity__: ClassVar[tuple[str, ...]] = ("id",)
    __shown__: ClassVar[tuple[str, ...]] = ("id",)

    if TYPE_CHECKING:
        _index: int
        _page: RowSource | dict[str, JSON]

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        names = tuple(field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", cls)))
        cls.__names__ = names
        cls.__known__ = frozenset(cls.__wire__.get(name, name) for name in names)
        generated = cast("Callable[..., None]", cls.__init__)

        @functools.wraps(generated)
        def __init__(self: "Model", *args: object, **values: object) -> None:  # noqa: N807
            generated(self, *args, **values)
            sweep(self, names)

        type.__setattr__(cls, "__init__", __init__)
        # Not on this base, and not for type checkers: those would take each misspelt name for an Any.
        type.__setattr__(cls, "__getattr__", _missing)
        # attrs' own reads every field, also those that are not loaded.
        type.__setattr__(cls, "__replace__", Model.replace)

    @property
    def loaded(self) -> frozenset[str]:
        """Names of the fields that are here."""
        return frozenset(self._values())

    @property
    def extra(self) -> Mapping[str, JSON]:
        """Fields that this version does not know, and raw values that a known field could not take.

        Decoded from the answer's bytes when first asked for.

        Raises:
            MalformedDataError: The bytes of an unknown field are not valid JSON text.
        """
        return MappingProxyType(self._own_extra())

    def _own_extra(self) -> dict[str, JSON]:
        page = page_of(self)
        if isinstance(page, RowSource):
            page = page.unknown_fields(self._index, self.__known__)
            object.__setattr__(self, "_page", page)
        return page

    def detach(self) -> Self:
        """Let go of the answer's bytes, which all its rows share; unknown fields are decoded and stay.

        Returns:
            The same object.
        """
        self._own_extra()
        return self

    def replace(self, **changes: object) -> Self:
        """A copy with some fields changed; fields that are not loaded stay so.

        Args:
            changes: Field names and values, taken as they are.

        Raises:
            TypeError: There is no such field.
        """
        for name in changes:
            if name not in self.__names__:
                raise TypeError(
                    f"{type(self).__name__} has no field {name!r}.{did_you_mean(name, self.__names__)}"
                )
        copy = build(type(self), self._values() | changes, page_of(self))
        if isinstance(page_of(self), RowSource):
            object.__setattr__(copy, "_index", self._index)
        return copy

    def to_dict(self) -> dict[str, Any]:
        """The loaded fields and the unknown ones under their JSON names; values stay Decimal and datetime."""
        wire = self.__wire__
        plain: dict[str, Any] = dict(self._own_extra())
        plain.update(
            (wire.get(name, name), value.to_dict() if isinstance(value, Model) else value)
            for name, value in self._values().items()
        )
        return plain

    def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name in self.__names__:
            try:
                values[name] = object.__getattribute__(self, name)
            except AttributeError:
                continue
        return values

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model) or type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values() and self._own_extra() == other._own_extra()

    def __hash__(self) -> int:
        # Equal objects have equal identities; other fields hold lists and dicts.
        return hash((type(self), *(getattr(self, name, None) for name in self.__identity__)))

    def __reduce__(self) -> tuple[object, ...]:
        return restore, (type(self), self._values(), self._own_extra())

    def __repr__(self) -> str:
        values = self._values()
        shown = [f"{name}={_short(values[name])}" for name in self.__shown__ if name in values]
        if len(shown) < len(values):
            shown.append("…")
        return f"{type(self).__name__}({', '.join(shown)})"


def _missing(row: Model, name: str) -> NoReturn:
    """``__getattr__`` of models: called when a slot is empty, and for names that are none."""
    if name in row.__names__:
        raise NotLoadedError(name, model=type(row).__name__)
    raise AttributeError(_no_such(row, name), name=name, obj=row)


def _no_such(row: Model, name: str) -> str:
    text = f"{type(row).__name__} has no field {name!r}."
    if name.startswith("_"):
        return text
    if name in row.extra:
        return f"{text} The server sent it as an unknown field: .extra[{name!r}]."
    return text + did_you_mean(name, row.__names__)


def _short(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…{text[-1]}"  # noqa: PLR2004 - one line of a terminal


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """The end of a message about a name that does not exist: the nearest one, or nothing.

    Args:
        name: The unknown name.
        choices: The known ones.
    """
    near = difflib.get_close_matches(name, list(choices), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def page_of(row: Model) -> RowSource | dict[str, JSON]:
    """Where the row's unknown fields are: the answer's bytes, or the fields themselves.

    Args:
        row: Any model.
    """
    try:
        return cast("RowSource | dict[str, JSON]", object.__getattribute__(row, "_page"))
    except AttributeError:
        return {}


def sweep(row: Model, names: Iterable[str]) -> None:
    """Empty the slots of one object that hold the mark of an absent value.

    Args:
        row: The new object.
        names: The slots to look at.
    """
    for name in names:
        try:
            if object.__getattribute__(row, name) is ABSENT:
                object.__delattr__(row, name)
        except AttributeError:
            continue


def build(
    model: type[ModelT], values: Mapping[str, object], extra: RowSource | dict[str, JSON] | None = None
) -> ModelT:
    """An object with exactly these fields loaded, past its constructor.

    Args:
        model: The class.
        values: Its loaded fields.
        extra: Unknown fields.
    """
    row = model.__new__(model)
    for name, value in values.items():
        object.__setattr__(row, name, value)
    if extra is not None:
        object.__setattr__(row, "_page", extra)
    return row


def restore(model: type[ModelT], values: Mapping[str, Any], extra: Mapping[str, JSON]) -> ModelT:
    """Unpickle; fields that another version of the library knew become unknown ones.

    Args:
        model: The class.
        values: Its loaded fields.
        extra: Unknown fields.
    """
    names = model.__names__
    known = {name: value for name, value in values.items() if name in names}
    unknown = {name: value for name, value in values.items() if name not in names}
    return build(model, known, {**extra, **unknown})


__all__ = ["JSON", "UNSET", "Model", "Secret", "Timestamp", "UnsetType", "absent"]
