# Generated from ../_async by scripts/unasync.py; change that, not this.
"""Backups of one shop."""

from __future__ import annotations

from contextlib import closing
from os import PathLike

from bulkeditor.api.products import listing
from bulkeditor.client._sync._core import Core
from bulkeditor.client._sync._layers import beneath_layers
from bulkeditor.plans._backup import BackupReport, backup_file


def write_backup(core: Core, path: str | PathLike[str]) -> BackupReport:
    """Write every product of a shop to a file.

    Args:
        core: The shop.
        path: The file.
    """
    walk = listing().walk()
    below = beneath_layers(core)
    with backup_file(path, shop=core.session.config.base_url, now=core.now()) as writer:
        with closing(core.pages(walk)) as pages:
            for page in pages:
                writer.add(below(page.items), page.total)
        return writer.finish(walk, core.now())


__all__ = ["write_backup"]
