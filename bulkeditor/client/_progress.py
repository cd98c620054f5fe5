"""Show how far a job or a run is: a bar on a terminal, tqdm in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol, TextIO, TypeVar

import attrs

from bulkeditor.models import Job

if TYPE_CHECKING:
    from bulkeditor.plans._watch import RunProgress

T = TypeVar("T")

_WIDTH: Final = 30


@attrs.frozen(kw_only=True)
class Standing:
    """How far something is.

    Args:
        percent: 0 to 100.
        done: What is done.
        total: Of how much; None when it is not known.
        status: In a word.
        errors: What of it went wrong.
    """

    percent: float
    done: int | None
    total: int | None
    status: str
    errors: int


def of_job(job: Job) -> Standing:
    """How far a job is."""
    return Standing(
        percent=job.progress or 0.0,
        done=getattr(job, "processed_products", None),
        total=getattr(job, "total_products", None),
        status=getattr(job, "status", ""),
        errors=job.error_count or 0,
    )


def of_run(run: RunProgress) -> Standing:
    """How far a run is."""
    return Standing(percent=run.progress, done=run.done, total=run.rows, status=run.status, errors=run.failed)


class _Bar(Protocol):
    """What shows progress."""

    def show(self, now: Standing) -> None:
        """Draw how far it is."""
        ...

    def close(self) -> None:
        """Leave the last state standing."""
        ...


@contextmanager
def showing(
    progress: bool | Callable[[T], object],  # noqa: FBT001 - private
    standing: Callable[[T], Standing],
) -> Generator[Callable[[T], object] | None]:
    """What to call with the job or the run each time it has moved.

    Args:
        progress: As the caller gave it: False, True, or a callable.
        standing: Says how far it is.
    """
    if callable(progress):
        yield progress
        return
    if not progress:
        yield None
        return
    bar = _notebook_bar() or _TerminalBar(sys.stderr)
    try:
        yield lambda moved: bar.show(standing(moved))
    finally:
        bar.close()


class _TerminalBar:
    """One line on stderr, drawn anew in a terminal; elsewhere a line for each change of status."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._status = ""

    def show(self, now: Standing) -> None:
        """Draw the line."""
        if self._live:
            self._stream.write(f"\r{line(now)}\033[K")
        elif now.status != self._status:
            self._stream.write(f"{line(now)}\n")
        self._status = now.status
        self._stream.flush()

    def close(self) -> None:
        """End the line."""
        if self._live:
            self._stream.write("\n")
            self._stream.flush()


def line(now: Standing) -> str:
    """One line: bar, percent, counts, status, errors."""
    filled = round(_WIDTH * now.percent / 100)
    counts = "" if now.done is None or now.total is None else f" {now.done}/{now.total}"
    errors = f", {now.errors} errors" if now.errors else ""
    bar = "█" * filled + "·" * (_WIDTH - filled)
    return f"{bar} {now.percent:3.0f} %{counts} {now.status}{errors}"


class _NotebookBar:
    """tqdm's notebook widget."""

    def __init__(self, tqdm: Callable[..., _Tqdm]) -> None:
        self._bar = tqdm(total=100, unit="%")

    def show(self, now: Standing) -> None:
        """Move the widget."""
        self._bar.n = now.percent
        self._bar.set_description(now.status)
        self._bar.refresh()

    def close(self) -> None:
        """Close the widget."""
        self._bar.close()


class _Tqdm(Protocol):
    """The part of tqdm that is used."""

    n: float

    def set_description(self, desc: str) -> object:
        """Set the text before the bar."""
        ...

    def refresh(self) -> object:
        """Draw."""
        ...

    def close(self) -> object:
        """Close."""
        ...


def _notebook_bar() -> _Bar | None:
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    if running is None or type(running).__name__ != "ZMQInteractiveShell":
        return None
    try:
        from tqdm.notebook import tqdm  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        return None
    return _NotebookBar(tqdm)


__all__ = ["Standing", "line", "of_job", "of_run", "showing"]
