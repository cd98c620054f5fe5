"""An embedded server with the whole contract: real HTTP, a clock to turn, faults to order, a journal."""

from __future__ import annotations

try:
    import starlette as _starlette
    import uvicorn as _uvicorn
except ImportError as error:
    from bulkeditor.errors import MissingExtraError

    raise MissingExtraError("sandbox", feature="The sandbox server") from error

from bulkeditor.sandbox._clock import Clock
from bulkeditor.sandbox._faults import Fault, Faults
from bulkeditor.sandbox._http import Effect
from bulkeditor.sandbox._journal import Journal, JournalEntry
from bulkeditor.sandbox._readings import READINGS
from bulkeditor.sandbox._samples import sample_event
from bulkeditor.sandbox._sandbox import ProductStore, Sandbox
from bulkeditor.sandbox._snapshot import Snapshot

del _starlette, _uvicorn

__all__ = [
    "READINGS",
    "Clock",
    "Effect",
    "Fault",
    "Faults",
    "Journal",
    "JournalEntry",
    "ProductStore",
    "Sandbox",
    "Snapshot",
    "sample_event",
]
