"""Backups of one shop."""

from __future__ import annotations

from contextlib import aclosing
from os import PathLike

from bulkeditor.api.products import listing
from bulkeditor.client._async._core import AsyncCore
from bulkeditor.client._async._layers import beneath_layers
from bulkeditor.plans._backup import BackupReport, backup_file


async def write_backup(core: AsyncCore, path: str | PathLike[str]) -> BackupReport:
    """Write every product of a shop to a file.

    Args:
        core: The shop.
        path: The file.
    """
    walk = listing().walk()
    below = await beneath_layers(core)
    with backup_file(path, shop=core.session.config.base_url, now=core.now()) as writer:
        async with aclosing(core.pages(walk)) as pages:
            async for page in pages:
                writer.add(below(page.items), page.total)
        return writer.finish(walk, core.now())


__all__ = ["write_backup"]
