"""What the steps of an applied plan share: the run's options, its rows, and the steps that follow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

import attrs

from bulkeditor.api._bulk import split
from bulkeditor.engine import Context, Put, Step
from bulkeditor.http import RetryPolicy, ServerFacts
from bulkeditor.models import JSON
from bulkeditor.plans._codec import pack_value, unpack_value
from bulkeditor.plans._decide import Numbered, OnError, RowResult, Write
from bulkeditor.plans._judge import Sending
from bulkeditor.plans._rows import PlanRow
from bulkeditor.plans._stored import ROWS, Given, columns_of, columns_to_json, result_to_json, rows_of

T = TypeVar("T")

Kind: TypeAlias = Literal[
    "begin", "end", "page", "probe", "look", "missing", "gate", "write", "clear", "restore", "mend"
]
Pass: TypeAlias = Literal["survey", "apply", "start", "end", "tidy"]
"""A run goes over its products in passes: ``survey`` only looks; ``apply`` writes a permanent change,
``start`` and ``end`` a temporary one; ``tidy`` is for products where runs got in each other's way."""

ROUNDS: Final = 5
"""So often a product is looked at again that changes between the look at it and the write."""

SILENT_ROUNDS: Final = 2
"""So often a row is sent again that a reply left out, and that did not take effect."""

ENDED: Final = "ended"
"""Where the outcomes of the end of a temporary change stand in the result of a step."""

_SEEN: Final = "seen"
"""Spaces of a run in which each pass notes the products that it has dealt with."""

STARTED: Final = "started"
"""The space of a run that holds, by product, the numbers of the rows whose layers it has put there."""

END_KEY: Final = "until"
"""The key of the step that waits for the end of a temporary change."""

PHASE: Final = "phase"
"""The space and the entry of a run that say how far a scheduled one is."""

BEGUN, ENDING, CANCELLED = "begun", "ending", "cancelled"

SURVEY, GATE, READS, END, END_READS = 0, 1, 3, 4, 5
"""Stages: a survey of all rows is over before the first write, and all is written before its end.

Where the server does not compare what it holds with what was seen, writes stand a stage below the reading
steps, so that nothing is read between a look and the write that it led to.
"""

_WRITES: Final = frozenset({"write", "clear", "mend"})


@attrs.frozen(kw_only=True)
class Server:
    """What handlers need to know beside what the ledger holds.

    Args:
        facts: What was learned about the server.
        policy: Bounds how often a lost batch is sent again after reading.
    """

    facts: ServerFacts
    policy: RetryPolicy

    @property
    def expects(self) -> bool:
        """Whether a row may say what it expects to find."""
        return "expected" in self.facts.features


@attrs.frozen(kw_only=True)
class LookParams:
    """Products to look at by their ids.

    Args:
        ids: The products.
        rows: The numbers of their rows that are still open; None = all of them, for the first time.
        sent: The numbers of those rows that a request may have written already.
        turn: How often they were looked at before.
        of: The pass.
        page: The page of the listing on which they may be.
        one_by_one: Whether that is known to be cheaper than a pass over the listing.
    """

    ids: Sequence[str]
    rows: Sequence[int] | None = None
    sent: Sequence[int] = ()
    turn: int = 0
    of: Pass = "apply"
    page: str | None = None
    one_by_one: bool = False

    @classmethod
    def again(cls, writes: Sequence[Write], turn: int, *, of: Pass, page: str | None = None) -> LookParams:
        """Another look at what was to be written.

        Args:
            writes: The rows that have no outcome yet.
            turn: How often their products were looked at in vain.
            of: The pass.
            page: The page of the listing on which they were.
        """
        rows = [item.number for write in writes for item in write.rows]
        sent = [item.number for write in writes if write.sent for item in write.rows]
        ids = list(dict.fromkeys(write.product for write in writes))
        return cls(ids=ids, rows=rows, sent=sent, turn=turn, of=of, page=page)


@attrs.frozen(kw_only=True)
class WriteParams:
    """A batch that is to be written, exactly.

    Args:
        products: For each product its id, the columns as they were seen, and the numbers of its rows; with
            their values where these are not the plan's.
        of: The pass that they are part of.
        expects: Whether the server compares what it holds with what was seen.
        page: The page of the listing on which they were.
        turn: How often they were looked at before.
        atomic: Whether all of it is written or nothing.
    """

    products: Sequence[JSON]
    of: Pass = "apply"
    expects: bool
    page: str | None
    turn: int
    atomic: bool


@attrs.frozen(kw_only=True)
class Batches:
    """Writes made into steps.

    Args:
        steps: The steps.
        unsendable: Outcomes of rows that cannot be sent at all.
        left: Writes that have to be looked at again first: after the first request the look at them is old.
    """

    steps: Sequence[Step]
    unsendable: Sequence[RowResult]
    left: Sequence[Write]


class Work:
    """One step of a run.

    Args:
        server: What is known about the server.
        ctx: What the ledger holds.
        step: The step.
    """

    def __init__(self, server: Server, ctx: Context, step: Step) -> None:
        self.server = server
        self.ctx = ctx
        self.step = step

    @cached_property
    def given(self) -> Given:
        """The run's options."""
        return Given.of(self.ctx.input)

    def params(self, kind: type[T]) -> T:
        """The step's parameters."""
        return kind(**cast("dict[str, Any]", self.step.params))

    def follow(self, kind: Kind, name: str, params: object) -> Step:
        """A step that follows this one.

        Args:
            kind: What it does.
            name: Tells it from others that follow.
            params: An attrs object.
        """
        reads = self.step.stage if self.step.stage in {SURVEY, READS, END_READS} else self.step.stage + 1
        return Step(
            key=f"{self.step.key}/{name}",
            kind=kind,
            params=attrs.asdict(cast("attrs.AttrsInstance", params)),
            stage=reads - 1 if kind in _WRITES and not self.server.expects else reads,
        )

    @property
    def over(self) -> bool:
        """Whether the time of a temporary change has passed, or was cut short."""
        ends = self.given.ends
        if ends is None:
            return False
        return self.ctx.now >= ends or self.ctx.state(self.ctx.own(PHASE), PHASE) == ENDING

    # Rows

    def rows(self, product: str) -> tuple[Numbered, ...]:
        """The plan's rows of a product; none for one that it is not about."""
        entry = self.ctx.state(self.ctx.own(ROWS), product)
        return () if entry is None else rows_of(entry)

    def started(self, product: str) -> Sequence[int]:
        """Numbers of the rows of a product whose layers this run has put there."""
        return cast("list[int]", self.ctx.state(self.ctx.own(STARTED), product) or [])

    def products(self, of: Pass) -> Iterator[str]:
        """The products that a pass is about."""
        space = STARTED if of == "end" else ROWS
        return (product for product, _ in self.ctx.entries(self.ctx.own(space)))

    def marked(self, product: str, of: Pass) -> bool:
        """Whether a product was dealt with in a pass."""
        return self.ctx.state(self.ctx.own(f"{_SEEN}/{of}"), product) is not None

    def mark(self, product: str, of: Pass) -> Put:
        """Notes that a product is dealt with; two steps cannot both do so."""
        return Put(space=self.ctx.own(f"{_SEEN}/{of}"), key=product, value=True, expect=None)

    def unmarked(self, of: Pass) -> Iterator[str]:
        """The products that were not dealt with in a pass."""
        # Two passes over the store, not a look-up for each product: a plan may have a hundred thousand.
        marked = {product for product, _ in self.ctx.entries(self.ctx.own(f"{_SEEN}/{of}"))}
        return (product for product in self.products(of) if product not in marked)

    # Writes

    def on_error(self, of: Pass) -> OnError:
        """What a refusal means in a pass: the end of a temporary change restores whatever it can."""
        return self.given.on_error if of in {"apply", "start"} else "best_effort"

    def writes(
        self,
        chosen: Iterable[Write],
        *,
        of: Pass,
        page: str | None,
        turn: int,
        name: str,
    ) -> Batches:
        """The steps that write.

        Args:
            chosen: What is to be written.
            of: The pass that it is part of.
            page: The page of the listing on which the products were.
            turn: How often they were looked at.
            name: Tells these steps from others that follow.
        """
        expects, atomic = self.server.expects, self.on_error(of) == "all_or_nothing"
        sendings = [Sending.of(index, write, expects=expects) for index, write in enumerate(chosen)]
        # All or nothing is one request; that it fits into one was made sure of before the run began.
        open_ = [sending for sending in sendings if sending.open]
        batches = [open_] if atomic and open_ else list(split(open_))
        fresh, old = (batches, []) if expects else (batches[:1], batches[1:])
        steps: list[Step] = []
        for batch in fresh:
            params = WriteParams(
                products=[_product(cast("Sending", sending).write) for sending in batch],
                of=of,
                expects=expects,
                page=page,
                turn=turn,
                atomic=atomic,
            )
            steps.append(self.follow("write", f"{name}{len(steps)}", params))
        return Batches(
            steps=steps,
            unsendable=[result for sending in sendings for result in unsendable(sending)],
            left=[cast("Sending", sending).write for batch in old for sending in batch],
        )


def unsendable(sending: Sending) -> Iterator[RowResult]:
    """The outcomes of rows that JSON cannot hold."""
    if sending.outcome is not None:
        for item in sending.write.rows:
            yield RowResult(
                number=item.number,
                status="failed",
                code=sending.outcome.code,
                message=sending.outcome.message,
            )


def _product(write: Write) -> JSON:
    return [write.product, columns_to_json(write.seen), [_packed(item) for item in write.rows]]


def _packed(item: Numbered) -> JSON:
    if not item.shown:
        return item.number
    row = item.row
    return [item.number, pack_value(row.field, row.before), pack_value(row.field, row.after)]


def _unpacked(entry: JSON, rows: Mapping[int, PlanRow]) -> Numbered:
    if isinstance(entry, int):
        return Numbered(entry, rows[entry])
    number, before, after = cast("list[Any]", entry)
    row = rows[number]
    before, after = unpack_value(row.field, before), unpack_value(row.field, after)
    return Numbered(number, attrs.evolve(row, before=before, after=after), shown=True)


def write_of(values: JSON, rows: tuple[Numbered, ...]) -> Write:
    """A write from its parameters.

    Args:
        values: As they stand in :attr:`WriteParams.products`.
        rows: All rows of its product.
    """
    product, seen, entries = cast("list[Any]", values)
    known = {item.number: item.row for item in rows}
    return Write(
        product=product, seen=columns_of(seen), rows=tuple(_unpacked(entry, known) for entry in entries)
    )


def results(found: Iterable[RowResult], *, of: Pass = "apply", stopped: bool = False) -> JSON:
    """Outcomes of rows as the result of a step.

    Args:
        found: The outcomes.
        of: The pass: the end of a temporary change has outcomes of its own, and tidying up has none.
        stopped: Whether nothing more is written, so that all other rows are skipped.
    """
    if of == "tidy":
        return None
    name = ENDED if of == "end" else "rows"
    return {name: [result_to_json(result) for result in found], "stopped": stopped}


__all__ = [
    "BEGUN",
    "CANCELLED",
    "END",
    "ENDED",
    "ENDING",
    "END_KEY",
    "END_READS",
    "GATE",
    "PHASE",
    "READS",
    "ROUNDS",
    "SILENT_ROUNDS",
    "STARTED",
    "SURVEY",
    "Batches",
    "Kind",
    "LookParams",
    "Pass",
    "Server",
    "Work",
    "WriteParams",
    "results",
    "unsendable",
    "write_of",
]
