"""A condition as a function: for one row, and for many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bulkeditor.errors import NotLoadedError
from bulkeditor.query._code import Code
from bulkeditor.query._read import TAGS

if TYPE_CHECKING:
    from bulkeditor.models import Product
    from bulkeditor.query._condition import Condition

Row = TypeVar("Row", bound="Product | Mapping[str, Any]")

_ONE: Final = """\
def run(row, SLOTS):
    return EXPRESSION
"""
# A row of another kind, or one that lacks a field, is looked at again with all the care that takes time.
_SELECT: Final = """\
def run(rows, SLOTS):
    chosen = []
    add = chosen.append
    for row in rows:
        try:
            if EXPRESSION:
                add(row)
        except (AttributeError, KeyError, TypeError):
            if matches(row):
                add(row)
    return chosen
"""
_MASK: Final = """\
def run(rows, SLOTS):
    answers = []
    add = answers.append
    for row in rows:
        try:
            add(EXPRESSION)
        except (AttributeError, KeyError, TypeError):
            add(matches(row))
    return answers
"""


class Compiled:
    """A condition made ready for many rows; :meth:`Condition.compile` makes it.

    Args:
        condition: The condition.
    """

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self._columns = condition.columns
        self._batches: dict[tuple[str, bool], Callable[..., Any]] = {}

    def matches(self, row: Product | Mapping[str, Any]) -> bool:
        """Whether the condition definitely holds for a row; as :meth:`Condition.matches`.

        Args:
            row: A product, or plain data with the same field names.
        """
        # The first test is the quick one; the second knows every other mapping.
        if not (type(row) is dict or isinstance(row, Mapping)):
            return self._on_model(row)
        try:
            return self._on_mapping(row)  # pyright: ignore[reportUnknownArgumentType] -- a dict of anything
        except KeyError as error:
            values: Mapping[str, Any] = row  # pyright: ignore[reportUnknownVariableType] -- as above
            if TAGS in values or TAGS not in self._columns:
                raise NotLoadedError(str(error.args[0]), model="row") from None
        return self.matches({**values, TAGS: []})

    def select(self, rows: Iterable[Row]) -> list[Row]:
        """The rows for which the condition definitely holds, in their order.

        Args:
            rows: Products, or plain data with the same field names.

        Raises:
            NotLoadedError: A row lacks a field that the condition names.
            InvalidInputError: Values of a row cannot be compared.
        """
        chosen: list[Row] = self._run(_SELECT, rows)
        return chosen

    def mask(self, rows: Iterable[Product | Mapping[str, Any]]) -> list[bool]:
        """For each row whether the condition definitely holds; raises as :meth:`select`.

        Args:
            rows: Products, or plain data with the same field names.
        """
        answers: list[bool] = self._run(_MASK, rows)
        return answers

    def __repr__(self) -> str:
        return f"<Compiled {self.condition}>"

    def __reduce__(self) -> tuple[object, ...]:
        # Functions made here cannot travel; they are made again.
        return Compiled, (self.condition,)

    @cached_property
    def _on_mapping(self) -> Callable[[object], bool]:
        return self._make(_ONE, model=False)

    @cached_property
    def _on_model(self) -> Callable[[object], bool]:
        return self._make(_ONE, model=True)

    def _run(self, body: str, rows: Iterable[object]) -> Any:
        batch = rows if isinstance(rows, list | tuple) else list(rows)
        model = bool(batch) and not isinstance(batch[0], Mapping)
        made = self._batches.get((body, model))
        if made is None:
            made = self._batches[body, model] = self._make(body, model=model)
        return made(batch)

    def _make(self, body: str, *, model: bool) -> Callable[..., Any]:
        code = Code(model=model)
        expression = self.condition._emit(code, negated=False)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] -- the nodes' own part of compiling
        return code.define(body.replace("EXPRESSION", expression), matches=self.matches)


__all__ = ["Compiled"]
