"""Backups: every product of a shop in one file, with what proves that the file is whole.

JSON Lines (``.jsonl``, ``.jsonl.gz``) keep everything that the server sent, digit for digit: a line that says
what this is, a line for each product, and a last line with counts and a checksum over all before it. CSV
(``.csv``, ``.csv.gz``) is for people and spreadsheets: the fields that can be changed, without a checksum,
because it is meant to be edited.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Final, Literal, Protocol

import attrs

from bulkeditor._files import written_whole
from bulkeditor.api._paging import Walk
from bulkeditor.api._request import refused
from bulkeditor.models import Product
from bulkeditor.plans._rows import SkippedRow

Form = Literal["jsonl", "csv"]

_ENDINGS: Final[Mapping[str, Form]] = {
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".csv": "csv",
    ".csv.gz": "csv",
}


@attrs.frozen(kw_only=True)
class BackupReport:
    """What a backup holds, and what it does not.

    The products are read page by page while the shop goes on, so each is as it was at some moment between
    ``started_at`` and ``finished_at``.

    Args:
        path: The file.
        shop: The address of the shop.
        started_at: When reading began: aware.
        finished_at: When it ended: aware.
        products: How many products the file holds, each once.
        listed: How many the server counts; None when it does not say.
        moved: Rows that came twice, because others changed the list while it was read.
        missing: Products that the server counts and that were on no page.
        unreadable: Rows that could not be read, in words.
        checksum: SHA-256 over all that the file says; None for CSV.
    """

    path: Path
    shop: str
    started_at: datetime
    finished_at: datetime
    products: int
    listed: int | None = None
    moved: int = 0
    missing: int = 0
    unreadable: tuple[str, ...] = ()
    checksum: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every product that the server counts is in the file."""
        return not self.missing and not self.unreadable and self.listed in {None, self.products}

    def __str__(self) -> str:
        counted = "" if self.listed is None else f" of {self.listed}"
        notes = [
            f"{count} {what}"
            for count, what in (
                (self.missing, "never came"),
                (len(self.unreadable), "could not be read"),
                (self.moved, "came twice and were kept once"),
            )
            if count
        ]
        text = f"{self.path.name}: {self.products}{counted} products"
        return f"{text}; the list changed or was faulty: {', '.join(notes)}" if notes else text


@attrs.frozen(kw_only=True)
class Backup:
    """A backup that was read.

    Args:
        name: The file's name.
        shop: The address of the shop that it was made of; None where the file does not say.
        columns: The fields of products that it holds.
        products: Products by id; a field that could not be read is not loaded.
        problems: Rows and cells that could not be read.
    """

    name: str
    shop: str | None
    columns: tuple[str, ...]
    products: Mapping[str, Product]
    problems: tuple[SkippedRow, ...] = ()


@attrs.frozen(kw_only=True)
class Ending:
    """What is known of a backup when the last product was written."""

    finished_at: datetime
    products: int
    listed: int | None
    moved: int
    missing: int
    unreadable: tuple[str, ...]


class Body(Protocol):
    """Writes the products into an open file."""

    def add(self, product: Product) -> None:
        """Write one."""
        ...

    def end(self, ending: Ending) -> str | None:
        """Write what follows the last one; gives the checksum, where the form has one."""
        ...


class BackupWriter:
    """A backup in the making: takes products page by page.

    Args:
        body: Writes into the file.
        path: The file.
        shop: The address of the shop.
        started_at: When reading began: aware.
    """

    def __init__(self, body: Body, *, path: Path, shop: str, started_at: datetime) -> None:
        self._body = body
        self._path = path
        self._shop = shop
        self._started_at = started_at
        self._count = 0
        self._listed: int | None = None

    def add(self, products: Iterable[Product], total: int | None) -> None:
        """Write a page.

        Args:
            products: Its rows.
            total: How many products there are, as the server says on this page.
        """
        for product in products:
            self._body.add(product)
            self._count += 1
        self._listed = total if total is not None else self._listed

    def finish(self, walk: Walk[Product], now: datetime) -> BackupReport:
        """End the file; it takes its name when its ``with`` block is left.

        Args:
            walk: What was read.
            now: The time: aware.
        """
        ending = Ending(
            finished_at=now,
            products=self._count,
            listed=self._listed,
            moved=walk.moved,
            missing=walk.missing,
            unreadable=tuple(map(str, walk.problems)),
        )
        checksum = self._body.end(ending)
        return BackupReport(
            path=self._path,
            shop=self._shop,
            started_at=self._started_at,
            checksum=checksum,
            **attrs.asdict(ending),
        )


@contextmanager
def backup_file(
    path: str | PathLike[str], *, shop: str, now: datetime
) -> Generator[BackupWriter, None, None]:
    """Open a backup for writing; it takes its name when all is written, and a failure leaves nothing behind.

    Args:
        path: The file; its ending says the form.
        shop: The address of the shop.
        now: The time: aware.

    Raises:
        InvalidInputError: The ending is none of those that are known; or a product holds what no file can.
        OSError: The file cannot be written.
    """
    # Loaded here: one of the two is not needed.
    target = Path(path)
    form = form_of(target)
    with written_whole(target) as file:
        if form == "csv":
            from bulkeditor.plans._backup_csv import CsvBody  # noqa: PLC0415 - see above

            body: Body = CsvBody(file)
        else:
            from bulkeditor.plans._backup_jsonl import JsonlBody  # noqa: PLC0415 - see above

            body = JsonlBody(file, shop=shop, now=now)
        yield BackupWriter(body, path=target, shop=shop, started_at=now)


def read_backup(path: str | PathLike[str]) -> Backup:
    """Read a backup, whole and checked.

    Args:
        path: The file.

    Raises:
        BackupFileError: It is no backup, was cut off or edited, or is newer than this version.
        InvalidInputError: The ending is none of those that are known.
        OSError: It cannot be read.
    """
    if form_of(Path(path)) == "csv":
        from bulkeditor.plans._backup_csv import read_csv  # noqa: PLC0415 - one of the two is not needed

        return read_csv(Path(path))
    from bulkeditor.plans._backup_jsonl import read_jsonl  # noqa: PLC0415 - one of the two is not needed

    return read_jsonl(Path(path))


def form_of(path: Path) -> Form:
    """The form of a backup by its file's ending.

    Raises:
        InvalidInputError: It has another one.
    """
    name = path.name.lower()
    for ending, form in _ENDINGS.items():
        if name.endswith(ending):
            return form
    raise refused("path", f"ends in none of {', '.join(_ENDINGS)}: {path.name!r}", "Name it backup.jsonl.gz.")


__all__ = [
    "Backup",
    "BackupReport",
    "BackupWriter",
    "Body",
    "Ending",
    "backup_file",
    "form_of",
    "read_backup",
]
