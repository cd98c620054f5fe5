"""Files of plans and runs: JSON, a row to a line, with a checksum over what they say and not how."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn, TypeVar, cast

import attrs

from bulkeditor._files import written_whole
from bulkeditor.errors import PlanFileError
from bulkeditor.models import JSON
from bulkeditor.plans._codec import Data

# What unpacking raises for data of another shape; a checksum can be forged.
_MALFORMED: Final = (LookupError, TypeError, ValueError, ArithmeticError, RecursionError)

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Seal:
    """One kind of file.

    Args:
        format: What the file says that it is.
        version: Rises when an older library would misread it.
        what: The same in a word, for errors.
        head: Name of the object at the start.
        lists: Names of the lists that follow, whose items stand on lines of their own.
    """

    format: str
    version: int
    what: str
    head: str
    lists: Sequence[str]

    def write(self, path: str | os.PathLike[str], parts: Mapping[str, JSON]) -> None:
        """Write a file; it is there whole, or as it was before.

        Args:
            path: The file.
            parts: The head and the lists.

        Raises:
            OSError: It cannot be written.
        """
        head: Data = {
            "format": self.format,
            "version": self.version,
            "checksum": self._checksum(parts),
            self.head: parts[self.head],
        }
        with written_whole(path) as file:
            file.write(b"{\n")
            for name, value in head.items():
                file.write(f'"{name}": '.encode() + _line(value) + b",\n")
            for name in self.lists:
                file.write(f'"{name}": ['.encode())
                for number, item in enumerate(cast("list[JSON]", parts[name])):
                    file.write((b",\n" if number else b"\n") + _line(item))
                file.write(b"]\n" if name == self.lists[-1] else b"],\n")
            file.write(b"}\n")

    def read(self, path: str | os.PathLike[str], unpack: Callable[[Data], T]) -> T:
        """Read what :meth:`write` wrote.

        Args:
            path: The file.
            unpack: Makes of its parts what they stand for.

        Raises:
            PlanFileError: It is none of these, was changed or cut off, or is newer than this version.
            OSError: It cannot be read.
        """
        name = Path(path).name
        try:
            data: object = json.loads(
                Path(path).read_bytes(), parse_float=_no_float, parse_constant=_no_float
            )
        except (ValueError, RecursionError) as error:
            raise PlanFileError(f"{name} is damaged, cut off, or no {self.what}: {error}.") from error
        if not isinstance(data, dict) or cast("Data", data).get("format") != self.format:
            raise PlanFileError(f"{name} is no {self.what}: it does not say that it is a {self.format}.")
        file = cast("Data", data)
        version = file.get("version")
        if version != self.version:
            raise PlanFileError(
                f"{name} is a {self.what} of version {version!r:.20}; this library reads version "
                f"{self.version}.",
                hint="Install the version of bulkeditor that wrote it.",
            )
        try:
            if file["checksum"] == self._checksum(file):
                return unpack(file)
        except _MALFORMED as error:
            raise PlanFileError(f"{name} is damaged: {type(error).__name__}: {error}.") from error
        raise PlanFileError(
            f"{name} was edited, or rows of it are missing: its content does not fit its checksum."
        )

    def _checksum(self, parts: Mapping[str, JSON]) -> str:
        digest = hashlib.sha256()
        for item in self._items(parts):
            digest.update(json.dumps(item, sort_keys=True, separators=(",", ":")).encode())
            digest.update(b"\n")
        return f"sha256:{digest.hexdigest()}"

    def _items(self, parts: Mapping[str, JSON]) -> Iterator[JSON]:
        yield parts[self.head]
        for name in self.lists:
            yield name
            yield from cast("list[JSON]", parts[name])


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text:.20} is no exact number")


def _line(value: JSON) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Half a character has no UTF-8; as an escape it survives.
        return json.dumps(value).encode()


__all__ = ["Seal"]
