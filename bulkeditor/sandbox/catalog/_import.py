"""Opening a catalog file of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox.catalog._jsonl import JsonlReader
from bulkeditor.sandbox.catalog._products import ProductReader
from bulkeditor.sandbox.catalog._report import ImportReport, Recorder
from bulkeditor.sandbox.catalog._text import SourceText

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from bulkeditor.sandbox.catalog._rows import CatalogRow

Format = Literal["shopify-csv", "jsonl"]

_SUFFIXES: Final[Mapping[str, Format]] = {
    ".csv": "shopify-csv",
    ".tsv": "shopify-csv",
    ".txt": "shopify-csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


class _Reader(Protocol):
    def rows(self, recorder: Recorder) -> Iterator[CatalogRow]: ...


class CatalogImport:
    """A catalog file that is read as its rows are asked for.

    ``for row in imported`` and ``imported.rows`` may be used any number of times; each time the file is read
    anew. Rows come in the file's order. What is kept in memory are the SKUs, and of a CSV file the cells that
    variants inherit; a JSONL file may be of any size.

    Args:
        path: The file.
        format: How it is written.
    """

    def __init__(self, path: Path, format: Format, encoding: str, reader: _Reader) -> None:  # noqa: A002
        self.path = path
        self.format: Format = format
        self._encoding = encoding
        self._reader = reader
        self._report: ImportReport | None = None

    @property
    def rows(self) -> Iterator[CatalogRow]:
        """The rows, from the first one."""
        return iter(self)

    @property
    def report(self) -> ImportReport:
        """What became of every record. The file is read to its end for it, if it was not yet."""
        if self._report is None:
            for _ in self:
                pass
        if self._report is None:  # pragma: no cover - the loop above ends with it
            raise AssertionError("reading to the end makes the report")
        return self._report

    def __iter__(self) -> Iterator[CatalogRow]:
        report = ImportReport(file=str(self.path), format=self.format, encoding=self._encoding)
        yield from self._reader.rows(Recorder(report))
        if report.counts.get("cp1252"):
            report.encoding = "cp1252"
        self._report = report


def read_catalog(
    path: str | os.PathLike[str],
    *,
    mapping: Mapping[str, str | Sequence[str]] | None = None,
    format: Format | None = None,  # noqa: A002 - the word a reader looks for
) -> CatalogImport:
    """Open a catalog: a Shopify product CSV in any of its spellings, or JSON Lines; either may be gzipped.

    A record that cannot be read is reported with its line and column, and the rest goes in.

    Args:
        path: The file.
        mapping: Field to the file's own name for it (or to several, the first one with a value counts),
            for files that are neither Shopify's nor ours:
            ``{"inventory_quantity": "stock", "price": "price.0.2"}``.
        format: How the file is written; found out by its name and content if not given.

    Returns:
        The rows and the accounting.

    Raises:
        InvalidInputError: The file is of no such kind, or a CSV file has no price column.
        OSError: The file cannot be opened.
    """
    file = Path(path)
    source = SourceText(file)
    kind = format or _format(file, source)
    reader = ProductReader(source, mapping) if kind == "shopify-csv" else JsonlReader(source, mapping)
    return CatalogImport(file, kind, source.encoding, reader)


def _format(path: Path, source: SourceText) -> Format:
    name = path.name.lower().removesuffix(".gz")
    known = _SUFFIXES.get(Path(name).suffix)
    if known:
        return known
    first = next((line.text.lstrip() for line in source.lines() if line.text.strip()), "")
    if first.startswith("{"):
        return "jsonl"
    if first and not first.startswith(("[", "<")) and any(mark in first for mark in ",;\t|"):
        return "shopify-csv"
    raise InvalidInputError(
        f"{path.name} is neither CSV nor JSON Lines.",
        hint="Give format='shopify-csv' or format='jsonl' if it is one all the same.",
    )
