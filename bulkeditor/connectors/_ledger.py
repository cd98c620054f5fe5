"""Counts that must balance: nothing that came is lost without a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal, TypeAlias

from bulkeditor.connectors._types import OutcomeStatus

Filtered: TypeAlias = Literal["duplicate", "before", "later", "not_selected", "other_key"]
"""``duplicate``: seen already; ``before``: older than the lower bound; ``later``: changed after the read
began, so it belongs to the next one; ``not_selected``: the connector is not set to read such records;
``other_key``: a search for keys has found this one as well."""


class ReadLedger:
    """What became of the rows of one read: read = emitted + filtered + dead-lettered."""

    __slots__ = ("_filtered", "complete", "dead_lettered", "emitted", "inferred", "read")

    def __init__(self) -> None:
        self.read = 0
        self.emitted = 0
        self.dead_lettered = 0
        # Deletions that a complete scan showed; no row came for them.
        self.inferred = 0
        # Whether the connector says that it has seen everything there is.
        self.complete = False
        self._filtered: Counter[Filtered] = Counter()

    @property
    def filtered(self) -> int:
        """Rows left out, for reasons that :attr:`reasons` counts."""
        return self._filtered.total()

    @property
    def reasons(self) -> Mapping[Filtered, int]:
        """Rows left out, by reason."""
        return dict(self._filtered)

    @property
    def balanced(self) -> bool:
        """Whether every row that came is accounted for."""
        return self.read == self.emitted + self.filtered + self.dead_lettered

    def count(self, *, read: int, emitted: int, dead_lettered: int) -> None:
        """Count a page."""
        self.read += read
        self.emitted += emitted
        self.dead_lettered += dead_lettered

    def leave_out(self, reason: Filtered) -> None:
        """Count a row that is left out."""
        self._filtered[reason] += 1

    def __repr__(self) -> str:
        return (
            f"ReadLedger(read={self.read}, emitted={self.emitted}, filtered={self.filtered}, "
            f"dead_lettered={self.dead_lettered}, inferred={self.inferred})"
        )


class WriteLedger:
    """What became of the changes of one write: given = the sum of the outcomes."""

    __slots__ = ("_outcomes", "defects", "given")

    def __init__(self) -> None:
        self.given = 0
        self._outcomes: Counter[OutcomeStatus] = Counter()
        # What the connector did that no connector may: outcomes twice, for nothing, or not at all.
        self.defects: list[str] = []

    @property
    def outcomes(self) -> Mapping[OutcomeStatus, int]:
        """Changes by what became of them."""
        return dict(self._outcomes)

    @property
    def balanced(self) -> bool:
        """Whether every change has exactly one outcome, and the connector said so by itself."""
        return self.given == self._outcomes.total() and not self.defects

    def count(self, status: OutcomeStatus) -> None:
        """Count an outcome."""
        self._outcomes[status] += 1

    def __repr__(self) -> str:
        counts = ", ".join(f"{status}={count}" for status, count in sorted(self._outcomes.items()))
        return f"WriteLedger(given={self.given}, {counts})"


__all__ = ["Filtered", "ReadLedger", "WriteLedger"]
