# Generated from ../_async by scripts/unasync.py; change that, not this.
"""The client: options, resources, life cycle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, Unpack

import attrs

from bulkeditor._secret import Secret
from bulkeditor.client._sync._core import Core
from bulkeditor.client._embedded import start_sandbox
from bulkeditor.client._given import Rows, collected
from bulkeditor.client._options import Options, Tuning, session_config, tuning_changes
from bulkeditor.client._store import Store
from bulkeditor.http import Session, Clock, Hooks, RateLimit, Response, RetryPolicy
from bulkeditor.http.auth import Auth

if TYPE_CHECKING:
    import httpx

    from bulkeditor.api._filters import Filter
    from bulkeditor.client._sync._analytics import Analytics
    from bulkeditor.client._sync._bulk_jobs import BulkJobs
    from bulkeditor.client._sync._inventory import Inventory
    from bulkeditor.client._sync._keys import Keys
    from bulkeditor.client._sync._plan import Plan
    from bulkeditor.client._sync._products import Products
    from bulkeditor.client._sync._run import Runs
    from bulkeditor.client._sync._webhooks import Webhooks
    from bulkeditor.engine import Ledger
    from bulkeditor.plans import BackupReport, Guard, Rule
    from bulkeditor.sandbox import Sandbox


class BulkEditor:
    """A shop, spoken to through its API.

    Use it in a ``with`` block, or call its closing method: it holds connections.

    Args:
        base_url: The server's address; ``None`` = the environment variable BULKEDITOR_BASE_URL.
        api_key: Sent as ``X-API-Key``; without any credential, BULKEDITOR_API_KEY or BULKEDITOR_ACCESS_TOKEN.
        access_token: Sent as ``Authorization: Bearer``.
        auth: Any other credential, such as ``be.auth.OAuth2(…)``.
        timeout: Seconds for each wait of one attempt.
        deadline: Seconds for a whole call with its repeats and pauses; ``None`` = no limit.
        retry: When failed requests are repeated.
        read_only: Refuse writes before anything is sent.
        hooks: Callables that are told about requests, answers, repeats and errors.
        rate_limit: A rate of your own; the server's limits are observed in any case.
        concurrency: Batches of one update that are under way at the same time.
        read_ahead: Pages of one list that are asked for before they are needed; 0 = none.
        clock: The time; for tests.
        store: The file that keeps plans that are applied, made when it is missing: a run that was killed goes
            on from it, and can be taken back later. None keeps them in this process alone. Or a ledger, which
            whoever made it closes.
        http_client: An httpx client to send through; whoever made it closes it.
        transport: An httpx transport to send through; whoever made it closes it.

    Raises:
        ConfigurationError: An option is missing, wrong or contradicts another; the text names it.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | Secret | None = None,
        access_token: str | Secret | None = None,
        auth: Auth | None = None,
        timeout: float = 30,
        deadline: float | None = None,
        retry: RetryPolicy | None = None,
        read_only: bool = False,
        hooks: Hooks | None = None,
        rate_limit: RateLimit | None = None,
        concurrency: int = 4,
        read_ahead: int = 4,
        clock: Clock | None = None,
        store: str | PathLike[str] | Ledger | None = None,
        http_client: httpx.Client | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        tuning = Tuning(concurrency=concurrency, read_ahead=read_ahead)
        config = session_config(
            base_url,
            api_key=api_key,
            access_token=access_token,
            auth=auth,
            timeout=timeout,
            deadline=deadline,
            retry=retry,
            read_only=read_only,
            hooks=hooks,
            rate_limit=rate_limit,
            clock=clock,
            http_client=http_client,
            transport=transport,
        )
        self._server: Sandbox | None = None
        self._build(Session(config), tuning, Store(store, config.clock.now))

    def _build(self, session: Session, tuning: Tuning, store: Store) -> None:
        self._core = Core(session, tuning, store)
        store.join(self)

    @cached_property
    def products(self) -> Products:
        """Products: list, get, create, update, delete."""
        from bulkeditor.client._sync._products import Products  # noqa: PLC0415 - loaded when used

        return Products(self._core)

    @cached_property
    def bulk_jobs(self) -> BulkJobs:
        """Bulk jobs: create, get, list, wait, cancel, errors."""
        from bulkeditor.client._sync._bulk_jobs import BulkJobs  # noqa: PLC0415 - loaded when used

        return BulkJobs(self._core)

    @cached_property
    def webhooks(self) -> Webhooks:
        """Webhooks: configure, rotate secrets, look at deliveries."""
        from bulkeditor.client._sync._webhooks import Webhooks  # noqa: PLC0415 - loaded when used

        return Webhooks(self._core)

    @cached_property
    def inventory(self) -> Inventory:
        """Locations and stock levels."""
        from bulkeditor.client._sync._inventory import Inventory  # noqa: PLC0415 - loaded when used

        return Inventory(self._core)

    @cached_property
    def analytics(self) -> Analytics:
        """Analytics by product."""
        from bulkeditor.client._sync._analytics import Analytics  # noqa: PLC0415 - loaded when used

        return Analytics(self._core)

    @cached_property
    def keys(self) -> Keys:
        """API keys: create, list, revoke, rotate."""
        from bulkeditor.client._sync._keys import Keys  # noqa: PLC0415 - loaded when used

        return Keys(self._core)

    @cached_property
    def runs(self) -> Runs:
        """Plans that are being applied or were: list, get, resume."""
        from bulkeditor.client._sync._run import Runs  # noqa: PLC0415 - loaded when used

        return Runs(self._core)

    def plan(
        self,
        *,
        updates: Rule | Iterable[Rule],
        filter: Filter | None = None,  # noqa: A002 - the API's own name
        guards: Guard | Iterable[Guard] = (),
        all_products: bool = False,
        currency: str | None = None,
        title: str | None = None,
    ) -> Plan:
        """See what updates would change, before anything is changed.

        The products are read, and relative updates become absolute values, so that a repeat cannot discount
        twice. Nothing is written.

        Args:
            updates: The rules, in the order in which they are applied: ``be.price.percentage(-20)``,
                ``be.tags.add("sale")`` …
            filter: Which products: a condition (``F.vendor == "X"``), its text, or the API's JSON filter.
            guards: Limits that the plan must keep: ``be.guards.floor("cost")`` …
            all_products: Confirms that no filter is meant: the plan is about every product.
            currency: Code of the shop's currency (``JPY``): prices get as many decimals as it has. None = as
                many as the old price has, at least two.
            title: What the plan is called.

        Returns:
            The plan: ``.rows``, ``.skipped``, ``.violations``, ``.counts``.

        Raises:
            InvalidInputError: An argument is wrong; the text names it.
        """
        from bulkeditor.client._sync._plan import build_plan  # noqa: PLC0415 - loaded when used
        from bulkeditor.plans._planner import Planner  # noqa: PLC0415 - loaded when used

        planner = Planner(
            filter=filter, updates=updates, guards=guards, all_products=all_products, currency=currency
        )
        return build_plan(self._core, planner, title=title)

    def plan_from_rows(
        self,
        rows: Rows,
        *,
        guards: Guard | Iterable[Guard] = (),
        custom_fields: Literal["merge", "replace"] = "merge",
        title: str | None = None,
    ) -> Plan:
        """See what absolute values would change, before anything is changed; nothing is written.

        Args:
            rows: Updates, or mappings with ``id`` or ``sku`` and the fields that the product shall have. A
                field left out stays as it is, None clears it; ``tags`` is the full list. Or what a
                connector's session reads: records are found by their SKU; what is null or could not be read
                clears nothing and stands in ``.skipped``.
            guards: Limits that the plan must keep.
            custom_fields: Those that a row does not name: ``merge`` leaves them, ``replace`` takes them away.
            title: What the plan is called.

        Returns:
            The plan; empty where the shop holds all of it already. Rows whose product is not found are in
            ``.skipped``.

        Raises:
            InvalidInputError: A row names no product, or a field that cannot be changed; the text says which.
        """
        from bulkeditor.client._sync._plan import build_plan_from_rows  # noqa: PLC0415 - loaded when used
        from bulkeditor.plans._wanted import WantedRows  # noqa: PLC0415 - loaded when used

        wanted = WantedRows(collected(rows), entries=custom_fields, guards=guards)
        return build_plan_from_rows(self._core, wanted, title=title)

    def load_plan(self, path: str | PathLike[str], *, any_shop: bool = False) -> Plan:
        """Read a plan that was saved with ``plan.save(path)``.

        Args:
            path: The file.
            any_shop: Take a plan that was made under another address, which then becomes this shop's: its
                products must have the same ids here.

        Raises:
            PlanFileError: It is no plan, was edited or cut off, or was written by a newer version.
            PlanError: It was made for another shop.
            OSError: It cannot be read.
        """
        from bulkeditor.client._sync._plan import Plan  # noqa: PLC0415 - loaded when used
        from bulkeditor.plans import PlanDocument  # noqa: PLC0415 - loaded when used

        document = PlanDocument.load(path)
        shop = self._core.session.config.base_url
        if any_shop:
            document = attrs.evolve(document, shop=shop)
        document.check_shop(shop)
        return Plan.of(self._core, document)

    def backup(self, path: str | PathLike[str]) -> BackupReport:
        """Write every product to a file, page by page; the file is there whole, or not at all.

        Args:
            path: ``.jsonl`` or ``.jsonl.gz`` keep everything, exactly, with a checksum; ``.csv`` or
                ``.csv.gz`` is for people and spreadsheets. A file that is there is replaced.

        Returns:
            What the file holds. Look at ``.complete``: the list may have changed while it was read.

        Raises:
            InvalidInputError: The path has another ending, or a product holds what no file can.
            PaginationError: The server's pages have no end.
            OSError: The file cannot be written.
        """
        from bulkeditor.client._sync._backup import write_backup  # noqa: PLC0415 - loaded when used

        return write_backup(self._core, path)

    def restore(
        self,
        path: str | PathLike[str],
        *,
        fields: Iterable[str] | None = None,
        filter: Filter | None = None,  # noqa: A002 - the API's own name
        any_shop: bool = False,
        title: str | None = None,
    ) -> Plan:
        """See what would make products as they are in a backup; nothing is written.

        Products that are no longer in the shop, and those that are not in the backup, are listed in
        ``.skipped``: nothing is created or deleted. So are rows and cells of an edited CSV that cannot be
        read.

        Args:
            path: A file that :meth:`backup` wrote; a CSV may have been edited since.
            fields: Names of the fields to bring back; ``None`` = all that can be changed. Without
                ``inventory_quantity``, what was sold since stays sold.
            filter: Only products for which this holds in the shop now.
            any_shop: Take a backup that was made under another address: its products must have the same ids
                here.
            title: What the plan is called.

        Raises:
            BackupFileError: It is no backup, was cut off or edited, or was written by a newer version.
            PlanError: It is of another shop, or does not hold the fields.
            InvalidInputError: An argument is wrong; the text names it.
            OSError: The file cannot be read.
        """
        from bulkeditor.client._sync._plan import build_plan  # noqa: PLC0415 - loaded when used
        from bulkeditor.plans._backup import read_backup  # noqa: PLC0415 - loaded when used
        from bulkeditor.plans._backup_restore import Restorer  # noqa: PLC0415 - loaded when used

        shop = self._core.session.config.base_url
        restorer = Restorer(read_backup(path), fields=fields, filter=filter, shop=shop, any_shop=any_shop)
        return build_plan(self._core, restorer, title=title)

    @classmethod
    def sandbox(
        cls,
        *,
        catalog: str | Path | None = None,
        products: int = 1000,
        seed: int = 7,
        readings: Mapping[str, str] | None = None,
        completions: bool = True,
        **options: Unpack[Options],
    ) -> Self:
        """A client of a server of its own, which runs in this process on the loopback interface.

        It speaks real HTTP, and it ends when the client is closed. To have the server in hand (clock, faults,
        journal), use ``be.Sandbox(…).connect()`` instead.

        Args:
            catalog: Products to begin with: a Shopify export or another catalog file; ``None`` = made up.
            products: How many products to make up.
            seed: What they are made up from.
            readings: Readings of the documentation that the server shall follow.
            completions: False = only the documented API.
            **options: Options of the client.

        Raises:
            MissingExtraError: The sandbox extra is not installed.
        """
        server = start_sandbox(
            catalog=catalog, products=products, seed=seed, readings=readings, completions=completions
        )
        try:
            shop = cls(server.base_url, api_key=server.api_key, **options)
        except BaseException:
            server.close()
            raise
        shop._server = server
        return shop

    def with_options(self, **options: Unpack[Options]) -> Self:
        """A client with some options changed; it shares connections, token and rate limit with this one.

        Args:
            **options: ``timeout``, ``deadline``, ``retry``, ``read_only``, ``hooks``, ``rate_limit``,
                ``concurrency``, ``read_ahead``, ``clock``, ``store``.

        Raises:
            ConfigurationError: An option does not exist or is wrong.
        """
        session, own = tuning_changes(options)
        tuning = self._core.tuning.changed(own)
        shop = object.__new__(type(self))
        shop._server = None
        changed = self._core.session.with_config(**session)
        store = self._core.store
        if "store" in options:
            store = Store(options["store"], changed.config.clock.now)
        shop._build(changed, tuning, store)
        return shop

    @property
    def session(self) -> Session:
        """What sends requests; runs flows of one's own: ``shop.session.run(flow)``."""
        return self._core.session

    def responses(self) -> AbstractContextManager[list[Response]]:
        """Collect the raw responses of calls within a ``with`` block: status, headers, bytes, attempts."""
        return self._core.session.responses()

    def close(self) -> None:
        """Close the connections and the store, and the sandbox if the client has one of its own."""
        self._core.session.close()
        self._core.store.leave(self)
        if self._server is not None:
            self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        config = self._core.session.config
        notes = ", read-only" if config.read_only else ""
        return f"<{type(self).__name__} {config.base_url}{notes}>"


__all__ = ["BulkEditor"]
