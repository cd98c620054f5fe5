"""What became of each row of an update."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Final, Literal, Self, overload

import attrs

from bulkeditor.errors import FieldError, UpdateFailedError
from bulkeditor.models import ProductUpdate

OutcomeStatus = Literal["updated", "unchanged", "failed", "skipped", "unknown"]

STATUSES: Final[tuple[OutcomeStatus, ...]] = ("updated", "unchanged", "failed", "skipped", "unknown")
_SHOWN: Final = 10


@attrs.frozen(kw_only=True)
class RowOutcome:
    """What became of one row.

    Args:
        index: Place of the row among those given, from 0.
        status: ``updated``; ``unchanged`` (it was so already); ``failed`` (refused, or not applied);
            ``skipped`` (never sent); ``unknown`` (sent, and nobody can say whether it took effect).
        id: The product, once known.
        sku: The SKU that the row was given by, or that the product has, where known.
        code: Machine-readable name of the problem.
        message: The problem, in a sentence.
        errors: One entry for each field.
        verified: Whether the product was read afterwards and is as wanted.
        row: What was given.
    """

    index: int
    status: OutcomeStatus
    id: str | None = None
    sku: str | None = None
    code: str | None = None
    message: str | None = None
    errors: tuple[FieldError, ...] = ()
    verified: bool = False
    row: ProductUpdate | Mapping[str, object] = attrs.field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the product is as the row wants it."""
        return self.status in {"updated", "unchanged"}

    def __str__(self) -> str:
        name = self.id or self.sku or "?"
        if self.sku and self.id:
            name = f"{self.id} ({self.sku})"
        text = f"row {self.index}, {name}: {self.status}"
        if self.message:
            text += f": {self.message}"
        elif self.verified:
            text += ", verified"
        return text + "".join(f"\n    {error}" for error in self.errors)


class Outcomes(Sequence[RowOutcome]):
    """Outcomes of rows, in the order given: exactly one for each row.

    Args:
        outcomes: The outcomes.
    """

    def __init__(self, outcomes: Sequence[RowOutcome]) -> None:
        self.outcomes = tuple(outcomes)

    def _only(self, *statuses: OutcomeStatus) -> Self:
        return self._selected([outcome for outcome in self.outcomes if outcome.status in statuses])

    def _selected(self, outcomes: Sequence[RowOutcome]) -> Self:
        return type(self)(outcomes)

    @property
    def updated(self) -> Self:
        """Rows that changed their product."""
        return self._only("updated")

    @property
    def unchanged(self) -> Self:
        """Rows whose product was as wanted before."""
        return self._only("unchanged")

    @property
    def failed(self) -> Self:
        """Rows that were refused, or that did not take effect."""
        return self._only("failed")

    @property
    def skipped(self) -> Self:
        """Rows that were never sent."""
        return self._only("skipped")

    @property
    def unknown(self) -> Self:
        """Rows of which nobody can say whether they took effect."""
        return self._only("unknown")

    @property
    def unfinished(self) -> Self:
        """Failed, skipped and unknown rows together."""
        return self._only("failed", "skipped", "unknown")

    @property
    def ok(self) -> bool:
        """Whether every product is as its row wants it."""
        return all(outcome.ok for outcome in self.outcomes)

    @property
    def counts(self) -> Mapping[OutcomeStatus, int]:
        """How many rows ended in which way."""
        counter = Counter(outcome.status for outcome in self.outcomes)
        return MappingProxyType({status: counter[status] for status in STATUSES})

    def raise_for_failures(self) -> None:
        """Do nothing when every row succeeded.

        Raises:
            UpdateFailedError: Some rows failed, were skipped, or are unknown; the text names the first of
                them.
        """
        bad = self.unfinished.outcomes
        if bad:
            errors = [
                FieldError(field=error.field, message=f"row {row.index}: {error.message}", code=error.code)
                for row in bad
                for error in row.errors
            ]
            lines = "".join(f"\n  {outcome}" for outcome in bad[:_SHOWN])
            more = f"\n  … and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
            raise UpdateFailedError(
                f"{self._headline()}{lines}{more}\n",
                errors=errors,
                failed=self.counts["failed"],
                skipped=self.counts["skipped"],
                unknown=self.counts["unknown"],
            )

    def __len__(self) -> int:
        return len(self.outcomes)

    def __iter__(self) -> Iterator[RowOutcome]:
        return iter(self.outcomes)

    @overload
    def __getitem__(self, index: int) -> RowOutcome: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RowOutcome]: ...
    def __getitem__(self, index: int | slice) -> RowOutcome | Sequence[RowOutcome]:
        return self.outcomes[index]

    def _headline(self) -> str:
        parts = [f"{count} {status}" for status, count in self.counts.items() if count]
        rows = "1 row" if len(self) == 1 else f"{len(self)} rows"
        return f"{rows}: {', '.join(parts)}" if parts else rows

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._headline()}>"

    def __str__(self) -> str:
        bad = self.unfinished.outcomes
        lines = [self._headline(), *(f"  {outcome}" for outcome in bad[:_SHOWN])]
        if len(bad) > _SHOWN:
            lines.append(f"  … and {len(bad) - _SHOWN} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        bad = self.unfinished.outcomes
        shown = (bad or self.outcomes)[:_SHOWN]
        cells = "".join(
            f"<tr><td>{row.index}</td><td>{escape(row.id or '')}</td><td>{escape(row.sku or '')}</td>"
            f"<td>{row.status}</td><td>{escape(row.message or '')}</td></tr>"
            for row in shown
        )
        return (
            f"<p>{escape(self._headline())}</p><table><thead><tr><th>row</th><th>id</th><th>sku</th>"
            f"<th>status</th><th>message</th></tr></thead><tbody>{cells}</tbody></table>"
        )


__all__ = ["STATUSES", "OutcomeStatus", "Outcomes", "RowOutcome"]
