"""The sandbox as its user holds it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from bulkeditor.errors import ConfigurationError
from bulkeditor.sandbox._clock import Clock
from bulkeditor.sandbox._connect import Connecting
from bulkeditor.sandbox._delivery import TIMEOUT, Courier
from bulkeditor.sandbox._faults import Faults
from bulkeditor.sandbox._inventory import LOCATIONS
from bulkeditor.sandbox._journal import Journal
from bulkeditor.sandbox._keys import check_scopes
from bulkeditor.sandbox._limits import RateLimit
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._rows import to_us
from bulkeditor.sandbox._server import HOST, Server
from bulkeditor.sandbox._shop import CatalogSource, Shop
from bulkeditor.sandbox._snapshot import Snapshot
from bulkeditor.sandbox._subscriptions import EVENTS
from bulkeditor.sandbox.catalog import ImportReport, write_products_csv

if TYPE_CHECKING:
    from bulkeditor.sandbox._app import App


class ProductStore:
    """The products of a sandbox, read directly, without HTTP."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def count(self) -> int:
        """How many products there are."""
        return self._shop.products.count()

    __len__ = count

    def get(self, product_id: str) -> dict[str, Any] | None:
        """One product as plain data (money as Decimal or int), or None.

        Args:
            product_id: The product's id.
        """
        found = self._shop.products.find(product_id)
        return None if found is None else found[1]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every product in the order of listing, read as it is asked for."""
        return self._shop.products.rows()

    __iter__ = rows


class Sandbox(Connecting):
    """An embedded server with the whole API, for trying things out and for tests.

    Use it as a context manager; or :meth:`start` and :meth:`close` it. Everything it does is the same for the
    same seed: ids, keys, the catalog.

    Args:
        products: How many products to generate.
        seed: Chooses ids, keys and the generated catalog.
        catalog: Products instead of the generated ones: a file (Shopify CSV, JSON Lines), an imported
            catalog, or rows.
        readings: How to read the documentation where it leaves a choice; see :data:`READINGS`.
        completions: False serves the documented operations only.
        clock: ``"real"``, ``"frozen"`` (now), or an aware datetime to stand still at.
        rate_limit: Requests a minute for each credential, or (requests, seconds); None is unlimited.
        port: Where to listen on 127.0.0.1; 0 takes a free port.
        locations: Stock locations, the default one first: ``id``, ``name``, ``sync_enabled``.
        webhook_hosts: Where webhooks are delivered besides this machine's loopback: names of hosts, or
            patterns such as ``"*.test"``. Deliveries to any other host fail without a packet sent.
        webhook_timeout: Real seconds that a receiver has to answer.

    Raises:
        InvalidInputError: An option or a catalog row cannot be used.
    """

    def __init__(
        self,
        *,
        products: int = 1000,
        seed: int = 7,
        catalog: CatalogSource | None = None,
        readings: Mapping[str, object] | None = None,
        completions: bool = True,
        clock: str | datetime = "real",
        rate_limit: RateLimit | None = None,
        port: int = 0,
        locations: Sequence[Mapping[str, object]] = LOCATIONS,
        webhook_hosts: Collection[str] = (),
        webhook_timeout: float = TIMEOUT,
    ) -> None:
        self._shop = Shop(
            seed=seed,
            readings=Readings.choose(readings or {}, completions=completions),
            completions=completions,
            clock=clock,
            limits=rate_limit,
            courier=Courier(timeout=webhook_timeout, hosts=webhook_hosts),
        )
        try:
            self._key = self._shop.fill(catalog=catalog, products=products, seed=seed, locations=locations)
        except BaseException:
            self._shop.store.close()
            raise
        self._port = port
        self._server: Server | None = None

    # Life

    def start(self) -> Self:
        """Listen, and let scheduled work run. A stopped sandbox starts again with its port and data."""
        if self._server is None:
            server = Server(self._shop.app, self._port)
            server.start()
            self._server, self._port = server, server.port
            self._shop.timers.start()
        return self

    def stop(self) -> None:
        """Stop listening and end every thread; the data stays, and :meth:`start` goes on."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()
        self._shop.stop()

    def close(self) -> None:
        """Stop, and delete the data."""
        self.stop()
        self._shop.store.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = "stopped" if self._server is None else self.base_url
        return f"<Sandbox {where}>"

    # Reaching it

    @property
    def base_url(self) -> str:
        """Where the server listens, for example ``http://127.0.0.1:40123``.

        Raises:
            ConfigurationError: It does not listen.
        """
        if self._server is None:
            raise ConfigurationError(
                "The sandbox is not running.", hint="Call start(), or use it in a with block."
            )
        return f"http://{HOST}:{self._server.port}"

    @property
    def api_key(self) -> str:
        """The seeded key, with ``admin:all``."""
        return self._key

    @property
    def app(self) -> App:
        """The ASGI application, for an in-process transport; scheduled work runs from here on."""
        self._shop.timers.start()
        return self._shop.app

    def create_key(
        self, scopes: Iterable[str], *, name: str = "test", expires_in: timedelta | None = None
    ) -> str:
        """Make an API key.

        Args:
            scopes: What it may do, for example ``["read:products"]``.
            name: Its name.
            expires_in: How long it works; None does not end.

        Returns:
            The key.

        Raises:
            InvalidInputError: An unknown scope.
        """
        expires_at = None if expires_in is None else to_us(self.clock.now() + expires_in)
        with self._shop.store.transaction():
            return self._shop.keys.create(name, check_scopes(scopes), expires_at)[1]

    def oauth_client(self, scopes: Iterable[str]) -> tuple[str, str]:
        """Register an OAuth client for ``/oauth/token``.

        Args:
            scopes: The most that its tokens may do.

        Returns:
            Client id and client secret.

        Raises:
            InvalidInputError: An unknown scope.
        """
        with self._shop.store.transaction():
            return self._shop.oauth.create_client(check_scopes(scopes))

    def create_token(self, scopes: Iterable[str]) -> str:
        """Make an OAuth access token without asking ``/oauth/token``; it works for an hour.

        Args:
            scopes: What it may do.

        Returns:
            The token.

        Raises:
            InvalidInputError: An unknown scope.
        """
        client, _ = self.oauth_client(scopes)
        with self._shop.store.transaction():
            return str(self._shop.oauth.issue(client, check_scopes(scopes))["access_token"])

    def add_webhook(
        self, endpoint: str, events: Sequence[str] = EVENTS, *, secret: str | None = None
    ) -> tuple[str, str]:
        """Register a webhook as the product's settings page would, without HTTP.

        Args:
            endpoint: An absolute http or https URL.
            events: Names of events; all when left out.
            secret: What to sign with; made up when left out.

        Returns:
            The webhook's id and its secret.

        Raises:
            InvalidInputError: An unknown event.
        """
        return self._shop.subscriptions.subscribe(endpoint, events, secret=secret)

    # Watching and steering it

    @property
    def clock(self) -> Clock:
        """The server's time: ``now()``, ``freeze()``, ``unfreeze()``, ``advance("3d")``."""
        return self._shop.clock

    @property
    def faults(self) -> Faults:
        """What goes wrong: ``add(route=…)``, ``clear()``."""
        return self._shop.faults

    @property
    def journal(self) -> Journal:
        """Each request, and what it changed."""
        return self._shop.journal

    @property
    def products(self) -> ProductStore:
        """The products, read directly."""
        return ProductStore(self._shop)

    @property
    def catalog_report(self) -> ImportReport | None:
        """What became of each record of the catalog file; None when there was no file."""
        return self._shop.report

    @property
    def readings(self) -> Readings:
        """How this server reads the documentation."""
        return self._shop.readings

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until every job and delivery that is due has run.

        Args:
            timeout: Real seconds to wait at most.

        Raises:
            TimeoutError: Something is still at work.
        """
        if not self._shop.timers.settle(timeout):
            raise TimeoutError(f"The sandbox was still at work after {timeout:g} s.")

    def assert_no_duplicate_effects(self) -> None:
        """Check that no write took effect twice.

        One logical write is: requests with one idempotency key; or, without a key, the same body sent again
        to an operation whose repeat adds to the first (create, adjust, rotate).

        Raises:
            AssertionError: It did; the entries are named.
        """
        groups = self.journal.duplicates()
        if groups:
            text = "\n".join("\n".join(f"  {entry}" for entry in group) for group in groups)
            raise AssertionError(f"{len(groups)} write(s) took effect more than once:\n{text}")

    def snapshot(self) -> Snapshot:
        """Keep the whole state (data, keys, jobs, deliveries, journal, clock) for :meth:`restore`.

        Returns:
            The snapshot; it lives as long as this sandbox.
        """
        self._shop.timers.pause()
        try:
            self._shop.keys.flush()
            return Snapshot(
                at=self.clock.now(),
                path=self._shop.store.copy(),
                clock=self.clock.state(),
                owner=id(self._shop),
            )
        finally:
            self._shop.timers.resume()

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot; faults in force stay.

        Args:
            snapshot: From :meth:`snapshot` of this sandbox; it can be restored any number of times.

        Raises:
            ConfigurationError: It belongs to another sandbox.
        """
        if snapshot.owner != id(self._shop):
            raise ConfigurationError(
                "The snapshot belongs to another sandbox.",
                hint="Restore it where it was taken, while that is open.",
            )
        self._shop.timers.pause()
        try:
            self._shop.store.load_copy(snapshot.path)
            self.clock.set_state(snapshot.clock)
        finally:
            self._shop.timers.resume()

    def export_csv(self, path: str | PathLike[str]) -> int:
        """Write the products as a Shopify product CSV.

        Args:
            path: The file.

        Returns:
            How many products were written.
        """
        return write_products_csv(self.products.rows(), path)
