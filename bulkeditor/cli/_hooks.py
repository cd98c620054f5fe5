"""Commands for developing with webhooks: ``listen``, ``trigger``, ``events``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

import bulkeditor as be
from bulkeditor._secret import Secret
from bulkeditor.cli._catalog import Catalog
from bulkeditor.cli._forward import Target
from bulkeditor.cli._listen import listen as run_listener
from bulkeditor.cli._log import resend as send_again
from bulkeditor.cli._log import show_deliveries
from bulkeditor.cli._options import EVENT, catalog_options, plain_errors, server_options
from bulkeditor.cli._screen import Screen
from bulkeditor.cli._signals import until_stopped
from bulkeditor.cli._state import StateFolder
from bulkeditor.cli._target import connect, find_server, require_local, require_server
from bulkeditor.cli._trigger import post_sample, read_data
from bulkeditor.cli._trigger import trigger as make_happen
from bulkeditor.errors import ConfigurationError

_SECRET_VARIABLE = "BULKEDITOR_WEBHOOK_SECRET"  # noqa: S105 -- the variable's name
_secret_option = click.option(
    "--secret",
    envvar=_SECRET_VARIABLE,
    metavar="TEXT",
    help=f"Sign with this, not with the secret that is kept; also ${_SECRET_VARIABLE}.",
)


@click.command()
@click.option(
    "--forward-to", metavar="URL", help="Your application's endpoint, as http://localhost:8000/hooks."
)
@click.option(
    "--event",
    "events",
    multiple=True,
    type=EVENT,
    metavar="EVENT",
    help="Only this one. May be given several times.",
)
@click.option(
    "--print-secret", is_flag=True, help="Print the secret that deliveries are signed with, and exit."
)
@_secret_option
@server_options
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help="Of a new sandbox; any free one if left out."
)
@catalog_options
@plain_errors
def listen(
    *,
    forward_to: str | None,
    events: tuple[str, ...],
    print_secret: bool,
    secret: str | None,
    base_url: str | None,
    api_key: str | None,
    port: int,
    catalogs: tuple[Path, ...],
    products: int,
    seed: int,
) -> None:
    """Receive webhook events on this machine and hand them on.

    Registers an endpoint on loopback with the sandbox that runs here, or starts one. Each event is told in a
    line and posted to your application: the same body, the same headers. What your application answers, the
    sandbox gets to hear, and tries again if need be. The secret is the same at each start.
    """
    state = StateFolder.default()
    signing = Secret(secret) if secret else state.secret()
    if print_secret:
        click.echo(signing.reveal())
        return
    target = None if forward_to is None else Target(forward_to)
    screen = Screen()
    with until_stopped() as wait, ExitStack() as open_:
        server = find_server(base_url, api_key, state)
        if server is None:
            sandbox = open_.enter_context(Catalog(catalogs, products=products, seed=seed).sandbox(port=port))
            open_.enter_context(state.announced(sandbox.base_url, sandbox.api_key))
            screen.fact("sandbox", f"{sandbox.base_url}, {sandbox.products.count():,} products")
            screen.fact("API key", sandbox.api_key)
            shop, url = open_.enter_context(sandbox.connect()), sandbox.base_url
        else:
            require_local(server, "it cannot reach an endpoint here")
            if catalogs or port:
                raise ConfigurationError(
                    f"--catalog and --port are for a new sandbox, and there is {server.base_url} already.",
                    hint="Leave them out, or stop that one first.",
                )
            screen.fact("server", server.base_url)
            shop, url = open_.enter_context(connect(server)), server.base_url
        run_listener(
            shop,
            base_url=url,
            events=events or be.EventName.ALL,
            secret=signing,
            target=target,
            screen=screen,
            wait=wait,
        )
    click.echo("Stopped.")


@click.command()
@click.argument("event", type=EVENT)
@click.option("--sku", help="The product to do it to; the first that fits if left out.")
@click.option(
    "--data", multiple=True, metavar="NAME=VALUE", help="A field to write. May be given several times."
)
@click.option("--to", "url", metavar="URL", help="Post a made-up event there, and change nothing.")
@_secret_option
@server_options
@plain_errors
def trigger(
    *,
    event: str,
    sku: str | None,
    data: tuple[str, ...],
    url: str | None,
    secret: str | None,
    base_url: str | None,
    api_key: str | None,
) -> None:
    """Make an event happen in the sandbox.

    Really: product.updated changes a product, bulk_job.failed runs a job that fails, product.deleted deletes
    the product named by --sku, or else one made for it. With --to, a made-up event is posted to a URL
    instead, signed like a real one, and the exit code tells whether it was taken.
    """
    fields = read_data(data)
    state = StateFolder.default()
    if url is not None:
        if sku is not None:
            fields = {"sku": sku, **fields}
        signing = Secret(secret) if secret else state.secret()
        reply = post_sample(Target(url), event, fields, signing)
        if reply.status is None:
            raise click.ClickException(f"{url} did not answer: {reply.problem}.")
        click.echo(f"{event} → {url}: {reply.status}")
        raise SystemExit(not 200 <= reply.status < 300)  # noqa: PLR2004 -- the statuses that take it
    server = require_server(base_url, api_key, state)
    require_local(server, "trigger changes the catalog")
    with connect(server) as shop:
        click.echo(f"{event}: {make_happen(shop, event, sku, fields)}.")
        if not any(event in webhook.events and webhook.enabled for webhook in shop.webhooks.list()):
            click.echo("No webhook wants this event: python -m bulkeditor listen registers one.", err=True)


@click.group()
def events() -> None:
    """Look at deliveries, and send them again."""


@events.command("list")
@click.option("--event", type=EVENT, metavar="EVENT", help="Only this one.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@server_options
@plain_errors
def list_events(*, event: str | None, limit: int, base_url: str | None, api_key: str | None) -> None:
    """The latest deliveries, newest first, and what came of them."""
    with connect(require_server(base_url, api_key, StateFolder.default())) as shop:
        show_deliveries(shop, Screen(), event=event, limit=limit)


@events.command()
@click.argument("delivery_id", metavar="ID")
@server_options
@plain_errors
def resend(*, delivery_id: str, base_url: str | None, api_key: str | None) -> None:
    """Send a delivery again: the same body under the same webhook-id."""
    with connect(require_server(base_url, api_key, StateFolder.default())) as shop:
        delivery = send_again(shop, delivery_id)
    click.echo(f"{delivery.id} ({delivery.event}) is on its way again.")
