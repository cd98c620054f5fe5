"""What a reading did with every record: the accounting that a caller can check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

# A file in which everything is wrong must not fill the memory with complaints; the counts stay exact.
KEEP: Final = 10_000
_SHOWN: Final = 200


@attrs.frozen(kw_only=True)
class RowProblem:
    """One remark on one place of a file.

    Args:
        file: Name of the file as it was given.
        line: Physical line in the file, from 1; a record of several lines is named by its first.
        column: The column's header or the JSON field; ``None`` when the record as a whole is meant.
        reason: What is wrong and what becomes of it, in a sentence.
        value: The text that was found (its beginning, if it is long).
        code: A stable machine-readable name (``bad_number``, ``no_price``, ``malformed`` …).
    """

    file: str
    line: int
    reason: str
    column: str | None = None
    value: str | None = None
    code: str = "invalid"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" + (f", column {self.column!r}" if self.column else "")
        found = f" (found {self.value!r})" if self.value else ""
        return f"{place}: {self.reason}{found}"


@attrs.define(kw_only=True)
class ImportReport:
    """The accounting of one reading: every record is a product, an image row, skipped, or a problem.

    Args:
        file: Name of the file as it was given.
        format: ``shopify-csv``, ``inventory-csv`` or ``jsonl``.
        encoding: How the text is encoded; ``cp1252`` when some lines are not UTF-8.
        delimiter: Of a CSV file.
        rows: Records in the file, without the header and without empty lines.
        products: Records that became rows.
        image_rows: Records that only add an image to a product (kept in its ``extra["images"]``).
        skipped_rows: Records that are readable but no product; see ``skipped``.
        problem_rows: Records that could not be read; see ``problems``.
        skipped: Why each skipped record was skipped.
        problems: What could not be read; one record may have several.
        notes: What was read, but not as it stands: separators, repaired text, generated values …
        counts: How often each code occurred; exact even where the lists were cut off.
        generated_skus: SKUs made for rows without one, with their lines.
        duplicate_skus: SKUs that several rows share, with the lines of the second row and those after it.
        truncated: True if a list was cut off after 10,000 entries.
    """

    file: str
    format: str
    encoding: str = "utf-8"
    delimiter: str | None = None
    rows: int = 0
    products: int = 0
    image_rows: int = 0
    skipped_rows: int = 0
    problem_rows: int = 0
    skipped: list[RowProblem] = attrs.field(factory=list[RowProblem])
    problems: list[RowProblem] = attrs.field(factory=list[RowProblem])
    notes: list[RowProblem] = attrs.field(factory=list[RowProblem])
    counts: dict[str, int] = attrs.field(factory=dict[str, int])
    generated_skus: dict[str, int] = attrs.field(factory=dict[str, int])
    duplicate_skus: dict[str, list[int]] = attrs.field(factory=dict[str, list[int]])
    truncated: bool = False

    @property
    def balanced(self) -> bool:
        """Whether every record is accounted for."""
        return self.rows == self.products + self.image_rows + self.skipped_rows + self.problem_rows

    def __str__(self) -> str:
        parts = [f"{self.file}: {self.rows} records, {self.products} products"]
        parts += [
            f"{count} {name}"
            for count, name in (
                (self.image_rows, "image rows"),
                (self.skipped_rows, "skipped"),
                (self.problem_rows, "unreadable"),
                (self.counts.get("generated_sku", 0), "generated SKUs"),
                (self.counts.get("duplicate_sku", 0), "duplicate SKUs"),
            )
            if count
        ]
        return ", ".join(parts)


@attrs.frozen
class Remark:
    """What a parser has to say about one cell, before it is known where in the file the cell stands."""

    code: str
    reason: str
    column: str | None = None
    value: str | None = None


class Refused(Exception):  # noqa: N818 - never leaves this package
    """A record that cannot become a row."""

    def __init__(self, remarks: Iterable[Remark]) -> None:
        self.remarks = tuple(remarks)
        super().__init__("; ".join(remark.reason for remark in self.remarks))


class Recorder:
    """Fills a report, one record at a time."""

    def __init__(self, report: ImportReport) -> None:
        self.report = report
        self._seen: set[str] = set()

    def row(self) -> None:
        """Count one more record."""
        self.report.rows += 1

    def problem(self, line: int, remarks: Iterable[Remark]) -> None:
        """Count the record as unreadable."""
        self.report.problem_rows += 1
        for remark in remarks:
            self._add(self.report.problems, line, remark)

    def skip(self, line: int, remark: Remark) -> None:
        """Count the record as skipped."""
        self.report.skipped_rows += 1
        self._add(self.report.skipped, line, remark)

    def image(self) -> None:
        """Count the record as an image row."""
        self.report.image_rows += 1

    def note(self, line: int, remark: Remark) -> None:
        """Remark on a record without changing what it counts as."""
        self._add(self.report.notes, line, remark)

    def product(self, line: int, sku: str, *, generated: bool) -> None:
        """Count the record as a product; find SKUs that came before."""
        report = self.report
        report.products += 1
        if generated:
            if len(report.generated_skus) < KEEP:
                report.generated_skus[sku] = line
            else:
                report.truncated = True
        if sku in self._seen:
            self._count("duplicate_sku")
            if len(report.duplicate_skus) < KEEP:
                report.duplicate_skus.setdefault(sku, []).append(line)
            else:
                report.truncated = True
        else:
            self._seen.add(sku)

    def _count(self, code: str) -> None:
        self.report.counts[code] = self.report.counts.get(code, 0) + 1

    def _add(self, target: list[RowProblem], line: int, remark: Remark) -> None:
        self._count(remark.code)
        if len(target) >= KEEP:
            self.report.truncated = True
            return
        value = remark.value
        if value is not None and len(value) > _SHOWN:
            value = value[:_SHOWN] + "…"
        target.append(
            RowProblem(
                file=self.report.file,
                line=line,
                column=remark.column,
                reason=remark.reason,
                value=value,
                code=remark.code,
            )
        )
