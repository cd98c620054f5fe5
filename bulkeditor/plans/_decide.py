"""Decide what to write to one product: pure, from the plan's rows and the product as it is now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final, Literal, cast

import attrs

from bulkeditor.models import JSON, UNSET, Product
from bulkeditor.plans._exact import CUSTOM, column_of, column_value, entry_of, identical, value_in
from bulkeditor.plans._rows import OutcomeStatus, PlanRow, Value, group_of

OnStale = Literal["skip", "fail", "force"]
"""What happens to rows whose product is no longer as the plan saw it."""

OnError = Literal["best_effort", "reject_rows", "all_or_nothing"]
"""What a refusal of one field means for the others."""

ON_STALE: Final[tuple[OnStale, ...]] = ("skip", "fail", "force")
ON_ERROR: Final[tuple[OnError, ...]] = ("best_effort", "reject_rows", "all_or_nothing")

_SHOWN: Final = 60


@attrs.frozen
class Numbered:
    """A row with its place in the plan, by which its outcome is found again.

    Args:
        number: Its place, from 0.
        row: The row.
        shown: Whether its values are what the shop shows and shall show, instead of what the plan saw and
            wants: they differ where temporary changes lie on the field.
    """

    number: int
    row: PlanRow
    shown: bool = False


@attrs.frozen(kw_only=True)
class RowResult:
    """What became of a numbered row; :class:`ChangeOutcome` without the row."""

    number: int
    status: OutcomeStatus
    code: str | None = None
    message: str | None = None
    found: Value = UNSET
    verified: bool = False


@attrs.frozen(kw_only=True, eq=False)
class Write:
    """One product's rows that are to be written together.

    Args:
        product: The product's id.
        seen: The whole columns that they change, as they were read before the write.
        rows: The rows.
        sent: Whether a request may have written them already: what is as wanted then is our doing.
    """

    product: str
    seen: Mapping[str, JSON]
    rows: tuple[Numbered, ...]
    sent: bool = False

    @cached_property
    def values(self) -> Mapping[str, JSON]:
        """The whole columns as they are to be afterwards; entries that no row is about stay as they were."""
        values: dict[str, JSON] = {}
        for row in (numbered.row for numbered in self.rows):
            column, entry = column_of(row.field), entry_of(row.field)
            if entry is None:
                values[column] = cast("JSON", row.after)
                continue
            entries = cast("dict[str, JSON]", values.setdefault(column, dict(self._entries(column))))
            if row.after is UNSET:
                entries.pop(entry, None)
            else:
                entries[entry] = row.after
        return values

    def _entries(self, column: str) -> Mapping[str, JSON]:
        return cast("Mapping[str, JSON]", self.seen[column] or {})

    @property
    def doubtful(self) -> bool:
        """Whether servers that read the documentation differently would make different things of it.

        One server replaces tags and custom fields by what it is sent, another adds to what it has.
        """
        removes = any(numbered.row.after is UNSET for numbered in self.rows)
        return removes or ("tags" in self.values and not self._appends_tags())

    def _appends_tags(self) -> bool:
        old, new = self.seen["tags"], self.values["tags"]
        if not isinstance(old, list) or not isinstance(new, list):
            # What a rule gave goes out as it is; the server refuses it.
            return False
        return new[: len(old)] == old and not any(tag in old for tag in new[len(old) :])

    def found(self, row: PlanRow) -> Value:
        """What the product held in a row's field before the write."""
        return value_in(self.seen, row.field)

    def forced(self, row: PlanRow) -> bool:
        """Whether a row is written over something that the plan did not see."""
        return not identical(row.field, row.before, self.found(row))

    def apart(self) -> tuple[Write, Write]:
        """What should be taken, and what is expected to be refused: two writes that share no column."""
        bad = {group_of(item.row.field) for item in self.rows if item.row.problem is not None}
        columns = {column_of(item.row.field) for item in self.rows if group_of(item.row.field) in bad}
        refused = [item for item in self.rows if column_of(item.row.field) in columns]
        return self.only(item for item in self.rows if item not in refused), self.only(refused)

    def only(self, rows: Iterable[Numbered]) -> Write:
        """The same with some of its rows."""
        kept = tuple(rows)
        columns = {column_of(numbered.row.field) for numbered in kept}
        seen = {name: value for name, value in self.seen.items() if name in columns}
        return attrs.evolve(self, seen=seen, rows=kept)


@attrs.frozen(kw_only=True)
class Decision:
    """What is to be done with one product.

    Args:
        results: Rows that have their outcome.
        write: The rows that are to be written; None when there are none.
    """

    results: tuple[RowResult, ...]
    write: Write | None


def groups(rows: Sequence[Numbered], on_error: OnError) -> Iterable[tuple[Numbered, ...]]:
    """Rows of one product that stand or fall together."""
    found: dict[str, list[Numbered]] = {}
    for numbered in rows:
        name = group_of(numbered.row.field) if on_error == "best_effort" else ""
        found.setdefault(name, []).append(numbered)
    return (tuple(group) for group in found.values())


def decide(rows: Sequence[Numbered], product: Product, *, on_stale: OnStale, on_error: OnError) -> Decision:
    """What to write to a product, and which of its rows are left alone.

    Args:
        rows: The plan's rows of this product.
        product: The product as it was just read.
        on_stale: What happens where it is no longer as the plan saw it.
        on_error: What stands or falls together.
    """
    columns = {
        column: column_value(product, column) for column in {column_of(item.row.field) for item in rows}
    }
    results: list[RowResult] = []
    chosen: list[Numbered] = []
    for group in groups(rows, on_error):
        ended, open_ = _sort(group, columns, force=on_stale == "force")
        if on_error == "reject_rows" and (refused := _predicted(open_)):
            ended, open_ = (*ended, *refused), ()
        results += ended
        chosen += open_
    if not chosen:
        return Decision(results=tuple(results), write=None)
    write = Write(product=product.id, seen=columns, rows=tuple(chosen))
    return Decision(results=tuple(results), write=write.only(chosen))


def _sort(
    group: tuple[Numbered, ...], columns: Mapping[str, JSON], *, force: bool
) -> tuple[tuple[RowResult, ...], tuple[Numbered, ...]]:
    """The outcomes of a group's rows, and the rows that are to be written."""
    held = {item.number: value_in(columns, item.row.field) for item in group}
    there = [item for item in group if identical(item.row.field, item.row.after, held[item.number])]
    rest = [item for item in group if item not in there]
    done = [RowResult(number=item.number, status="unchanged", verified=True) for item in there]
    moved = [item for item in rest if not identical(item.row.field, item.row.before, held[item.number])]
    if force or not moved:
        return tuple(done), tuple(rest)
    names = ", ".join(item.row.field for item in moved)
    for item in rest:
        if item in moved:
            done.append(_stale(item, held[item.number]))
        else:
            message = (
                f"It was left alone, because {names} of the same product is no longer as the plan saw it."
            )
            done.append(RowResult(number=item.number, status="skipped", code="group_stale", message=message))
    return tuple(done), ()


def _stale(item: Numbered, found: Value) -> RowResult:
    row = item.row
    message = f"{row.field} is {show(found)} now; the plan saw {show(row.before)}."
    return RowResult(number=item.number, status="stale", code="stale", message=message, found=found)


def _predicted(rows: tuple[Numbered, ...]) -> tuple[RowResult, ...]:
    """Outcomes of rows that are not sent, because one of them is expected to be refused; none otherwise."""
    names = ", ".join(item.row.field for item in rows if item.row.problem is not None)
    if not names:
        return ()
    found: list[RowResult] = []
    for item in rows:
        code, message = "row_rejected", f"It was not sent: {names} of the same product would be refused."
        if item.row.problem is not None:
            code = item.row.problem.code
            message = f"It was not sent, because it would be refused: {item.row.problem.message}"
        found.append(RowResult(number=item.number, status="skipped", code=code, message=message))
    return tuple(found)


def forced(number: int, row: PlanRow, found: Value, *, verified: bool) -> RowResult:
    """The outcome of a row that was written over something which the plan did not see.

    Args:
        number: The row's place in the plan.
        row: The row.
        found: What was there.
        verified: Whether it was read afterwards and is as wanted.
    """
    message = f"{row.field} was {show(found)}; the plan saw {show(row.before)}."
    return RowResult(
        number=number, status="updated", code="forced", message=message, found=found, verified=verified
    )


def show(value: Value) -> str:
    """A value in a sentence."""
    if value is UNSET:
        return "not there"
    if value is None:
        return "blank"
    text = str(value) if not isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


__all__ = [
    "CUSTOM",
    "ON_ERROR",
    "ON_STALE",
    "Decision",
    "Numbered",
    "OnError",
    "OnStale",
    "RowResult",
    "Write",
    "decide",
    "forced",
    "groups",
    "show",
]
