"""The commands of ``python -m bulkeditor``: options in, exit codes out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import ParamSpec

import click

import bulkeditor as be
from bulkeditor._version import __version__
from bulkeditor.cli._catalog import Catalog
from bulkeditor.cli._demo import run_demo
from bulkeditor.cli._faults import FAULTS
from bulkeditor.cli._screen import Screen
from bulkeditor.errors import BulkEditorError, MissingExtraError

P = ParamSpec("P")

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_CATALOG_HELP = "A product export: Shopify CSV or JSON Lines, plain or .gz. May be given several times."


def _plain_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what the library raises on purpose into one line and an exit code."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except MissingExtraError as error:
            raise click.UsageError(str(error)) from error
        except BulkEditorError as error:
            raise click.ClickException(str(error)) from error

    return wrapper


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="bulkeditor", prog_name="bulkeditor")
def cli() -> None:
    """Try the Bulk Product Editor's API with no account: everything runs on this machine."""


@cli.command()
@click.option("--catalog", "catalogs", multiple=True, type=_FILE, metavar="FILE", help=_CATALOG_HELP)
@click.option(
    "--products", default=1000, show_default=True, type=click.IntRange(min=0), help="Rows to generate."
)
@click.option("--seed", default=7, show_default=True, help="What the generated rows grow from.")
@click.option("--fault", type=click.Choice(sorted(FAULTS)), hidden=True)
@_plain_errors
def demo(catalogs: tuple[Path, ...], products: int, seed: int, fault: str | None) -> None:
    """Take 20 % off a part of a catalog, and prove it.

    Starts the sandbox, lists and filters, previews, runs a bulk job, receives its signed webhook, reads every
    row back and checks it in exact arithmetic. Exits with 0 only if everything held.
    """
    catalog = Catalog(catalogs, products=products, seed=seed)
    with catalog.sandbox() as server:
        if fault:
            FAULTS[fault](server)
        result = run_demo(server, Screen(), catalog=catalog)
    if not result.ok:
        raise SystemExit(1)


@cli.command()
@click.option(
    "--port", default=8787, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one."
)
@click.option("--catalog", "catalogs", multiple=True, type=_FILE, metavar="FILE", help=_CATALOG_HELP)
@click.option(
    "--products", default=1000, show_default=True, type=click.IntRange(min=0), help="Rows to generate."
)
@click.option("--seed", default=7, show_default=True, help="What the generated rows grow from.")
@click.option(
    "--reading",
    "readings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Answer as another server might; see the docs.",
)
@click.option("--documented-only", is_flag=True, help="Offer the four documented endpoints and nothing else.")
@_plain_errors
def sandbox(
    *,
    port: int,
    catalogs: tuple[Path, ...],
    products: int,
    seed: int,
    readings: tuple[str, ...],
    documented_only: bool,
) -> None:
    """Serve the API on this machine until Ctrl-C."""
    stop = threading.Event()

    def halt(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    # Before the server starts: whoever stops it early gets a clean end, too.
    previous = {number: signal.signal(number, halt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        chosen = dict(_reading(text) for text in readings)
        catalog = Catalog(catalogs, products=products, seed=seed)
        with catalog.sandbox(port=port, readings=chosen, completions=not documented_only) as server:
            _introduce(server)
            while not stop.wait(1.0):
                pass
        click.echo("Stopped.")
    finally:
        for number, handler in previous.items():
            # None stands for a handler that was not set from Python, and cannot be set back from it.
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _reading(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE.", param_hint="--reading")
    return name.strip(), value.strip()


def _introduce(server: be.Sandbox) -> None:
    screen = Screen()
    screen.line(f"Bulk Product Editor sandbox · {server.products.count():,} products", bold=True)
    screen.line()
    screen.fact("base URL", server.base_url)
    screen.fact("API key", server.api_key)
    screen.heading("Connect from another terminal")
    screen.line(f"  export BULKEDITOR_BASE_URL={server.base_url}")
    screen.line(f"  export BULKEDITOR_API_KEY={server.api_key}")
    code = "import bulkeditor as be; print(be.BulkEditor().products.list().first())"
    screen.line(f'  python -c "{code}"')
    screen.line(f"  curl -H 'X-API-Key: {server.api_key}' '{server.base_url}/api/v1/products?limit=1'")
    screen.line()
    screen.line("Everything is in memory and on loopback only. Stop with Ctrl-C.")
