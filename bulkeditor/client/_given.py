"""Rows that are given to a client: whatever can be gone through, also what only comes under asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from bulkeditor.plans._wanted import WantedRow

Rows: TypeAlias = "Iterable[WantedRow]"
AsyncRows: TypeAlias = "Iterable[WantedRow] | AsyncIterable[WantedRow]"


def collected(rows: Rows) -> Rows:
    """The rows as they are."""
    return rows


async def collected_async(rows: AsyncRows) -> Rows:
    """The rows; those that come one by one, waited for."""
    return [row async for row in rows] if isinstance(rows, AsyncIterable) else rows


__all__ = ["AsyncRows", "Rows", "collected", "collected_async"]
