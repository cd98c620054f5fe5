"""limit and page, and the envelope of a list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import attrs

from bulkeditor.sandbox._http import Answer, Call, invalid_parameter, ok
from bulkeditor.sandbox._json import JSON
from bulkeditor.sandbox._readings import Readings

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 250
MAX_PAGE: Final = 2**31 - 1
_DIGITS: Final = re.compile(r"\d{1,10}", re.ASCII)


@attrs.frozen
class Page:
    """Which rows a request is about: ``number`` as the caller counts, ``index`` from 0."""

    limit: int
    number: int
    index: int

    @property
    def start(self) -> int:
        """Position of the first row."""
        return self.limit * self.index


def page_of(call: Call, readings: Readings) -> Page:
    """Read limit and page; the fault ``repeat_page`` shows the page before."""
    first = int(readings.first_page)
    limit = _whole(call, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    number = _whole(call, "page", first, first, MAX_PAGE)
    index = number - first
    if call.fault is not None and call.fault.repeat_page:
        index = max(0, index - 1)
    return Page(limit, number, index)


def _whole(call: Call, name: str, default: int, low: int, high: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if _DIGITS.fullmatch(text) is None or not low <= int(text) <= high:
        raise invalid_parameter(name, f"{name} must be a whole number from {low} to {high}.")
    return int(text)


def listing(key: str, rows: Sequence[JSON], page: Page, total: int, **more: JSON) -> Answer:
    """One page of a list."""
    return ok({key: rows, **more, "page": page.number, "limit": page.limit, "total": total})
