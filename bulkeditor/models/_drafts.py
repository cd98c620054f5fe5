"""Rows on their way from the decoder to the model: the same slots without the model's manners."""

import decimal
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, Final, cast, get_args

import attrs
import msgspec

from bulkeditor.models._base import ABSENT, Model, ModelT, storage_of
from bulkeditor.models._inputs import MAX_EXPONENT, sane


class NotStrictError(Exception):
    """A page holds something that the fast path must not accept; it is read row by row."""


def drain(iterator: Iterable[object]) -> None:
    """Run an iterator to its end without a loop of Python code.

    Args:
        iterator: Called for its effects.
    """
    deque(iterator, maxlen=0)


set_class: Final = cast("Callable[[Model, type[Model]], None]", object.__dict__["__class__"].__set__)
"""Changes a row's class: a C call that can be mapped over rows, and that knows nothing of frozen classes."""


def draft_of(model: type[ModelT], names: Collection[str], *, patchy: bool) -> type[ModelT]:
    """What the decoder makes in the model's place: the same slots, the wanted fields, no manners.

    The decoder asks by reading an attribute whether the row brought it. Where many fields may be absent
    (``patchy``), reading one always succeeds: ``callable(name)`` is the cheapest call there is. So the
    decoder builds no exception and fills in no default, and empty slots stay empty.

    Args:
        model: The class.
        names: The fields that are read.
        patchy: Whether many of them may be absent.
    """
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", model))
    wanted = tuple(
        # The decoder does not know raw fields by their type when their default comes from a factory.
        field.evolve(default=ABSENT) if is_model(field.type) else field
        for field in fields
        if field.name in names
    )
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


class Money:
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
            attrgetter(name) if plain else slot_of(model, name).__get__ for name in self._names
        ]
        # A context of our own: the program's may round or trap. This one traps what a sane sum cannot meet.
        self._context = decimal.Context(
            prec=4 * MAX_EXPONENT,
            Emax=2 * MAX_EXPONENT,
            Emin=-2 * MAX_EXPONENT,
            traps=[decimal.Overflow, decimal.InvalidOperation, decimal.Rounded, decimal.Subnormal],
        )

    def __bool__(self) -> bool:
        return bool(self._names)

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

    def check_one(self, row: Model) -> None:
        """The same for a single row, of which a sum would be more work.

        Args:
            row: Fresh from the decoder.

        Raises:
            NotStrictError: An amount is not finite or of monstrous size; the row is of no use.
        """
        # Of a class without manners the interpreter can ask for an attribute with a default, and builds no
        # exception for an empty slot.
        set_class(row, self._storage)
        for name in self._names:
            amount: decimal.Decimal | None = getattr(row, name, None)
            if amount and not sane(amount):
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
        drain(map(set_class, rows, repeat(self._storage)))
        try:
            columns = (map(getattr, rows, repeat(name), repeat(None)) for name in self._names)
            return _sum(chain.from_iterable(columns))
        finally:
            drain(map(set_class, rows, repeat(self._draft)))


def _sum(amounts: Iterable[decimal.Decimal | None]) -> decimal.Decimal:
    return sum(filter(None, amounts), decimal.Decimal())


def is_model(hint: Any) -> bool:
    """Whether a field holds a model of its own.

    Args:
        hint: The field's type.
    """
    return isinstance(hint, type) and issubclass(hint, Model)


def slot_of(model: type[Model], name: str) -> Any:
    """The descriptor of a field's slot.

    Args:
        model: The class.
        name: The field.
    """
    return next(cls.__dict__[name] for cls in model.__mro__ if name in cls.__dict__)


def _is_money(hint: Any) -> bool:
    return hint is decimal.Decimal or decimal.Decimal in get_args(hint)


__all__: list[str] = []
