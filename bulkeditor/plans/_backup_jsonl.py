"""Backups as JSON Lines: everything that the server sent, and a last line that proves it."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Final, cast

import attrs
import msgspec

from bulkeditor._files import Writable
from bulkeditor.errors import BackupFileError, InvalidInputError, MalformedDataError, NotLoadedError
from bulkeditor.models import JSON, Product
from bulkeditor.models.codec import decode_one, encode
from bulkeditor.plans._backup import Backup, Ending
from bulkeditor.plans._rows import PRICES
from bulkeditor.plans._values import WRITABLE

if TYPE_CHECKING:
    from hashlib import _Hash as Hash  # pyright: ignore[reportPrivateUsage] - hashlib names it nowhere else

FORMAT: Final = "bulkeditor.backup"
VERSION: Final = 1

_EMPTY: Final[Mapping[str, JSON]] = MappingProxyType({"tags": [], "custom_fields": {}, "options": {}})
_ZIPPED: Final = b"\x1f\x8b"


class JsonlBody:
    """Writes products as lines.

    Args:
        file: Where to.
        shop: The address of the shop.
        now: The time: aware.
    """

    def __init__(self, file: Writable, *, shop: str, now: datetime) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        # The fields that this version knows: what a later version adds is not empty in this file, but unsaid.
        head = {"format": FORMAT, "version": VERSION, "shop": shop, "started_at": now, "fields": WRITABLE}
        self._line(head)

    def add(self, product: Product) -> None:
        """Write one product.

        Raises:
            InvalidInputError: It holds half a character, which no file can.
        """
        record = product.to_dict()
        # Text, so that whatever reads the file later cannot take an amount for a float.
        for name in PRICES & record.keys():
            value: object = record[name]
            record[name] = str(value) if isinstance(value, Decimal) else value
        try:
            self._line(record)
        except InvalidInputError as error:
            raise InvalidInputError(
                f"Product {product.id} cannot be written to a file: {error.message}", errors=error.errors
            ) from error

    def end(self, ending: Ending) -> str:
        """Write the last line; gives the checksum."""
        facts = attrs.asdict(ending)
        checksum = _checksum(self._hash, facts)
        self._line({"end": {**facts, "sha256": checksum}})
        return checksum

    def _line(self, data: Mapping[str, object]) -> None:
        line = encode(data) + b"\n"
        self._hash.update(line)
        self._file.write(line)


def read_jsonl(path: Path) -> Backup:
    """Read a backup of lines and check it.

    Args:
        path: The file; compressed or not, whatever its name.

    Raises:
        BackupFileError: It is no backup, was cut off or edited, or is newer than this version.
        OSError: It cannot be read.
    """
    try:
        with path.open("rb") as raw:
            return _Reader(path.name, _unzipped(raw)).read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BackupFileError(f"{path.name} is cut off or damaged: {error}.") from error


def _unzipped(raw: IO[bytes]) -> Iterator[bytes]:
    start = raw.read(len(_ZIPPED))
    raw.seek(0)
    return iter(gzip.GzipFile(fileobj=raw)) if start == _ZIPPED else iter(raw)


class _Reader:
    """Reads the lines of one file, once, from first to last."""

    def __init__(self, name: str, lines: Iterator[bytes]) -> None:
        self._name = name
        self._lines = lines
        self._hash = hashlib.sha256()
        self._products: dict[str, Product] = {}

    def read(self) -> Backup:
        head = self._head(next(self._lines, b""))
        columns = tuple(name for name in cast("list[str]", head["fields"]) if name in WRITABLE)
        # The last line is another thing than the ones before it, and only its place tells which it is.
        last: bytes | None = None
        for number, line in enumerate(self._lines, start=2):
            if last is not None:
                self._product(number - 1, last)
            last = line
        self._check(last or b"")
        return Backup(
            name=self._name, shop=cast("str", head["shop"]), columns=columns, products=self._products
        )

    def _head(self, line: bytes) -> Mapping[str, object]:
        self._hash.update(line)
        head = _object(line)
        if head is None or head.get("format") != FORMAT:
            raise BackupFileError(f"{self._name} is no backup: its first line does not say so.")
        if head.get("version") != VERSION:
            raise BackupFileError(
                f"{self._name} is a backup of version {head.get('version')!r:.20}; "
                f"this library reads version {VERSION}.",
                hint="Install the version of bulkeditor that wrote it.",
            )
        if not isinstance(head.get("fields"), list) or not isinstance(head.get("shop"), str):
            raise BackupFileError(f"{self._name} is damaged: its first line is incomplete.")
        return head

    def _product(self, number: int, line: bytes) -> None:
        self._hash.update(line)
        try:
            product = decode_one(line, Product)
            ident = product.id
        except (MalformedDataError, NotLoadedError) as error:
            raise BackupFileError(f"{self._name}, line {number} is damaged: {error.message}") from error
        left_out = [name for name in WRITABLE if name not in product.loaded]
        if left_out:
            # What the server left out is empty; what it sent and nobody could read stays unknown.
            unread = product.extra.keys() & left_out
            product = product.replace(**{name: _EMPTY.get(name) for name in left_out if name not in unread})
        self._products[ident] = product

    def _check(self, line: bytes) -> None:
        data = _object(line) or {}
        end = cast("Mapping[str, object]", data.get("end")) if data.keys() == {"end"} else None
        if not isinstance(end, Mapping):
            raise BackupFileError(
                f"{self._name} is cut off: its last line, with the counts and the checksum, is missing."
            )
        facts = {name: value for name, value in end.items() if name != "sha256"}
        whole = end.get("sha256") == _checksum(self._hash, facts) and facts["products"] == len(self._products)
        if not whole:
            raise BackupFileError(
                f"{self._name} was edited, or lines are missing: its content does not fit its checksum.",
                hint="Use the file as it was saved; to change products by hand, save and edit a .csv.",
            )


def _checksum(lines: Hash, facts: Mapping[str, object]) -> str:
    """SHA-256 over all lines but the last one, and what the last one says beside the checksum."""
    copy = lines.copy()
    copy.update(encode(facts))
    return copy.hexdigest()


def _object(line: bytes) -> Mapping[str, object] | None:
    try:
        data: object = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return cast("Mapping[str, object]", data) if isinstance(data, dict) else None


__all__ = ["FORMAT", "VERSION", "JsonlBody", "read_jsonl"]
