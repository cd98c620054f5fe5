"""From a file's bytes to its physical lines: gzip, encodings, every kind of line end, bounded memory."""

from __future__ import annotations

import codecs
import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase

_CHUNK: Final = 1 << 18
MAX_LINE: Final = 1 << 26
_GZIP: Final = b"\x1f\x8b"
# The longer marks first: UTF-32's begins with UTF-16's.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Line(NamedTuple):
    """One physical line.

    Args:
        number: From 1.
        text: With its line end.
        remark: What happened to its text: ``cp1252``, ``nul``, ``replaced``, ``too_long``, or nothing.
    """

    number: int
    text: str
    remark: str | None = None


class BrokenFileError(Exception):
    """The file's compression breaks off; what came before it is good."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class SourceText:
    """A text file that can be read line by line, any number of times.

    Args:
        path: The file; gzip is recognised by its content, whatever the name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as stream:
            try:
                start = stream.read(4)
            except (EOFError, zlib.error, gzip.BadGzipFile):
                start = b""
        self.encoding = _encoding(start)

    def lines(self) -> Iterator[Line]:
        """Yield every physical line, split at CRLF, LF or a lone CR.

        Raises:
            BrokenFileError: The gzip stream is damaged.
        """
        number = 0
        try:
            for number, (raw, complete) in enumerate(_split(self._chunks()), start=1):
                yield _decoded(number, raw) if complete else Line(number, "", "too_long")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BrokenFileError(
                number + 1, f"the compressed file is damaged or breaks off here: {error}"
            ) from error

    def _open(self) -> BufferedIOBase:
        with self.path.open("rb") as probe:
            compressed = probe.read(2) == _GZIP
        return gzip.open(self.path, "rb") if compressed else self.path.open("rb")

    def _chunks(self) -> Iterator[bytes]:
        """The content as UTF-8, or as bytes that are meant to be."""
        with self._open() as stream:
            if self.encoding in {"utf-8", "utf-8-sig"}:
                first = stream.read(_CHUNK)
                yield first.removeprefix(codecs.BOM_UTF8)
                while chunk := stream.read(_CHUNK):
                    yield chunk
                return
            decoder = codecs.getincrementaldecoder(self.encoding)("replace")
            while chunk := stream.read(_CHUNK):
                yield decoder.decode(chunk).encode()
            yield decoder.decode(b"", final=True).encode()


def _encoding(start: bytes) -> str:
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    # Without a mark, UTF-16 shows itself by the empty halves of its ASCII header.
    if len(start) == 4 and start[0] and not start[1] and start[2] and not start[3]:  # noqa: PLR2004
        return "utf-16-le"
    if len(start) == 4 and not start[0] and start[1] and not start[2] and start[3]:  # noqa: PLR2004
        return "utf-16-be"
    return "utf-8"


def _split(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Physical lines with their ends; False for one that is too long, whose text is dropped."""
    rest, dropping = b"", False
    for chunk in chunks:
        lines = (rest + chunk).splitlines(keepends=True)
        # The last line may go on in the next chunk; a CR may have its LF there.
        rest = b"" if not lines or lines[-1].endswith(b"\n") else lines.pop()
        for line in lines:
            yield (line, True) if not dropping else (b"", False)
            dropping = False
        if len(rest) > MAX_LINE:
            # Keep one byte: a CR at the very end still has to meet its LF.
            rest, dropping = rest[-1:], True
    if rest:
        yield (rest, True) if not dropping else (b"", False)


def _decoded(number: int, raw: bytes) -> Line:
    remark = None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        # Line by line: one bad line must not turn the good ones into mojibake.
        text, remark = raw.decode("cp1252", "replace"), "cp1252"
    if "\x00" in text:
        text, remark = text.replace("\x00", ""), "nul"
    elif remark is None and "\ufffd" in text:
        remark = "replaced"
    return Line(number, text, remark)
