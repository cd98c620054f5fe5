"""The command line: thin commands over the public client and the sandbox. Needs the ``sandbox`` extra."""

from __future__ import annotations

from bulkeditor.cli._main import cli

__all__ = ["cli"]
