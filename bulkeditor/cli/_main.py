"""The commands of ``python -m bulkeditor``: options in, exit codes out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

import bulkeditor as be
from bulkeditor._version import __version__
from bulkeditor.cli._catalog import Catalog
from bulkeditor.cli._demo import run_demo
from bulkeditor.cli._faults import FAULTS
from bulkeditor.cli._hooks import events, listen, trigger
from bulkeditor.cli._options import catalog_options, plain_errors
from bulkeditor.cli._screen import Screen
from bulkeditor.cli._signals import until_stopped
from bulkeditor.cli._state import StateFolder


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="bulkeditor", prog_name="bulkeditor")
def cli() -> None:
    """Try the Bulk Product Editor's API with no account: everything runs on this machine."""


cli.add_command(listen)
cli.add_command(trigger)
cli.add_command(events)


@cli.command()
@catalog_options
@click.option(
    "--erp",
    type=click.Choice(["sap"]),
    help="Take prices over from an ERP instead: a stand-in for SAP S/4HANA, on this machine.",
)
@click.option("--fault", type=click.Choice(sorted(FAULTS)), hidden=True)
@plain_errors
def demo(catalogs: tuple[Path, ...], products: int, seed: int, erp: str | None, fault: str | None) -> None:
    """Take 20 % off a part of a catalog, and prove it.

    Starts the sandbox, lists and filters, previews, runs a bulk job, receives its signed webhook, reads every
    row back and checks it in exact arithmetic. With --erp sap it reads the prices of an ERP, shows what they
    would change in the shop as a plan, applies it, and compares every product with what the ERP holds. Exits
    with 0 only if everything held.
    """
    catalog = Catalog(catalogs, products=products, seed=seed)
    with catalog.sandbox() as server:
        if fault:
            FAULTS[fault](server)
        if not _demo_of(erp)(server, catalog):
            raise SystemExit(1)


def _demo_of(erp: str | None) -> Callable[[be.Sandbox, Catalog], bool]:
    if erp is None:
        return lambda server, catalog: run_demo(server, Screen(), catalog=catalog).ok
    from bulkeditor.cli._erp_demo import run_erp_demo  # noqa: PLC0415 - loads the connectors

    return lambda server, catalog: run_erp_demo(server, Screen(), catalog=catalog).ok


@cli.command()
@click.option(
    "--port", default=8787, show_default=True, type=click.IntRange(0, 65535), help="0 takes any free one."
)
@catalog_options
@click.option(
    "--reading",
    "readings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Answer as another server might; see the docs.",
)
@click.option("--documented-only", is_flag=True, help="Offer the four documented endpoints and nothing else.")
@click.option(
    "--webhook-host",
    "webhook_hosts",
    multiple=True,
    metavar="HOST",
    help="Deliver webhooks to this host, too; without it to this machine only.",
)
@plain_errors
def sandbox(
    *,
    port: int,
    catalogs: tuple[Path, ...],
    products: int,
    seed: int,
    readings: tuple[str, ...],
    documented_only: bool,
    webhook_hosts: tuple[str, ...],
) -> None:
    """Serve the API on this machine until Ctrl-C."""
    with until_stopped() as wait:
        chosen = dict(_reading(text) for text in readings)
        catalog = Catalog(catalogs, products=products, seed=seed)
        with (
            catalog.sandbox(
                port=port, readings=chosen, completions=not documented_only, webhook_hosts=webhook_hosts
            ) as server,
            StateFolder.default().announced(server.base_url, server.api_key),
        ):
            _introduce(server)
            wait()
    click.echo("Stopped.")


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
