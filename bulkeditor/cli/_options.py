"""What several commands share: options, and errors in one line."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

import bulkeditor as be
from bulkeditor.errors import BulkEditorError, MissingExtraError

P = ParamSpec("P")
CommandT = TypeVar("CommandT", bound=Callable[..., None])

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_CATALOG_HELP = "A product export: Shopify CSV or JSON Lines, plain or .gz. May be given several times."

EVENT = click.Choice(be.EventName.ALL)


def plain_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what the library raises on purpose into one line and an exit code."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except MissingExtraError as error:
            raise click.UsageError(str(error)) from error
        except BulkEditorError as error:
            raise click.ClickException(" ".join(str(error).split())) from error

    return wrapper


def catalog_options(command: CommandT) -> CommandT:
    """What a sandbox is filled with: ``catalogs``, ``products``, ``seed``."""
    options = (
        click.option("--catalog", "catalogs", multiple=True, type=_FILE, metavar="FILE", help=_CATALOG_HELP),
        click.option(
            "--products",
            default=1000,
            show_default=True,
            type=click.IntRange(min=0),
            help="Rows to generate.",
        ),
        click.option("--seed", default=7, show_default=True, help="What the generated rows grow from."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def server_options(command: CommandT) -> CommandT:
    """Which server to talk to: ``base_url``, ``api_key``."""
    options = (
        click.option(
            "--base-url",
            metavar="URL",
            help="The server; by default $BULKEDITOR_BASE_URL, else the sandbox that runs on this machine.",
        ),
        click.option("--api-key", metavar="KEY", help="Its key; by default $BULKEDITOR_API_KEY."),
    )
    for option in reversed(options):
        command = option(command)
    return command
