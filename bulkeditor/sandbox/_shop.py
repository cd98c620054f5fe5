"""All parts of one server, put together."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from os import PathLike
from typing import Any, TypeAlias, cast

from bulkeditor.errors import InvalidInputError
from bulkeditor.sandbox._api_inventory import AnalyticsRoutes, InventoryRoutes
from bulkeditor.sandbox._api_jobs import JobRoutes
from bulkeditor.sandbox._api_keys import KeyRoutes
from bulkeditor.sandbox._api_products import FEATURES, ProductRoutes
from bulkeditor.sandbox._api_webhooks import WebhookRoutes
from bulkeditor.sandbox._app import App
from bulkeditor.sandbox._clock import Clock, Timers
from bulkeditor.sandbox._delivery import Courier
from bulkeditor.sandbox._faults import Faults
from bulkeditor.sandbox._http import Route
from bulkeditor.sandbox._inventory import Inventory
from bulkeditor.sandbox._jobs import Jobs
from bulkeditor.sandbox._journal import Journal
from bulkeditor.sandbox._keys import Keys, OAuth
from bulkeditor.sandbox._limits import Limits, RateLimit
from bulkeditor.sandbox._pipeline import Pipeline
from bulkeditor.sandbox._products import Products
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._render import Renderer
from bulkeditor.sandbox._routing import Router
from bulkeditor.sandbox._store import Store
from bulkeditor.sandbox._subscriptions import Subscriptions
from bulkeditor.sandbox._webhooks import Webhooks
from bulkeditor.sandbox._writer import Writer
from bulkeditor.sandbox.catalog import CatalogImport, CatalogRow, ImportReport, generate, read_catalog

CatalogSource: TypeAlias = "str | PathLike[str] | CatalogImport | Iterable[Mapping[str, Any] | CatalogRow]"
_THREADS = 8


class Shop:
    """One server's state and behaviour, without a socket."""

    def __init__(
        self,
        *,
        seed: int,
        readings: Readings,
        completions: bool,
        clock: str | datetime,
        limits: RateLimit | None,
        courier: Courier,
    ) -> None:
        self.store = Store(seed)
        self.clock = _clock(clock)
        self.readings = readings
        self.timers = Timers(self.store, self.clock)
        self.faults = Faults()
        self.report: ImportReport | None = None
        self.journal = Journal(self.store)
        self.products = Products(self.store, readings)
        self.subscriptions = Subscriptions(self.store, self.clock)
        self.webhooks = Webhooks(
            store=self.store,
            clock=self.clock,
            timers=self.timers,
            faults=self.faults,
            readings=readings,
            courier=courier,
            subscriptions=self.subscriptions,
        )
        self.inventory = Inventory(self.store, self.clock, self.products, self.webhooks)
        self.renderer = Renderer(self.products, readings)
        self.writer = Writer(self.clock, self.products, self.inventory, self.webhooks, self.renderer)
        self.jobs = Jobs(
            store=self.store,
            clock=self.clock,
            timers=self.timers,
            faults=self.faults,
            journal=self.journal,
            readings=readings,
            products=self.products,
            writer=self.writer,
            webhooks=self.webhooks,
            completions=completions,
        )
        self.keys = Keys(self.store, self.clock)
        self.oauth = OAuth(self.store, self.clock)
        self._executors = _Executors()
        pipeline = Pipeline(
            store=self.store,
            journal=self.journal,
            keys=self.keys,
            oauth=self.oauth,
            readings=readings,
            limits=None if limits is None else Limits(limits),
            completions=completions,
        )
        self.app = App(
            store=self.store,
            clock=self.clock,
            router=self._router(completions=completions),
            pipeline=pipeline,
            faults=self.faults,
            journal=self.journal,
            executor=self._executors.get,
        )

    def _router(self, *, completions: bool) -> Router:
        rooms = (
            ProductRoutes(
                self.store,
                self.readings,
                self.products,
                self.writer,
                self.renderer,
                features=FEATURES if completions else (),
            ),
            JobRoutes(self.readings, self.jobs),
            WebhookRoutes(self.readings, self.subscriptions, self.webhooks),
            InventoryRoutes(self.readings, self.inventory),
            AnalyticsRoutes(self.store, self.clock, self.readings, self.products),
            KeyRoutes(self.readings, self.clock, self.keys, self.oauth),
        )
        routes = [route for room in rooms for route in room.routes()]

        def exists(route: Route) -> bool:
            if route.name.startswith("webhooks.") and self.readings.webhooks == "absent":
                return False
            return completions or not route.completion

        return Router(
            [route for route in routes if exists(route)], [route for route in routes if not exists(route)]
        )

    def fill(
        self,
        *,
        catalog: CatalogSource | None,
        products: int,
        seed: int,
        locations: Sequence[Mapping[str, object]],
    ) -> str:
        """Load the catalog and make the first key; answers the key."""
        now = self.clock.now_us()
        self.inventory.set_up(locations)
        levels: list[tuple[int, Mapping[str, int]]] = []
        with self.store.transaction():
            self.store.execute("CREATE TEMP TABLE loaded_levels (ord INTEGER, location TEXT, count INTEGER)")
            source = generate(products, seed) if catalog is None else _source(catalog)
            self.products.load(self._with_levels(map(_record, source), levels), now)
            # Read to its end just now, so the report costs nothing.
            self.report = source.report if isinstance(source, CatalogImport) else None
            self._spool(levels)
        self.store.build_indexes()
        self.inventory.stock_up(now)
        with self.store.transaction():
            self.store.execute("DROP TABLE loaded_levels")
            _, key = self.keys.create("sandbox", ["admin:all"])
        return key

    def _with_levels(
        self, rows: Iterable[Mapping[str, Any]], levels: list[tuple[int, Mapping[str, int]]]
    ) -> Iterable[Mapping[str, Any]]:
        """Set the levels of each row aside on its way."""
        for number, row in enumerate(rows, 1):
            known = row.get("levels")
            if known:
                levels.append((number, known))
                if len(levels) >= 2000:  # noqa: PLR2004 -- so many rows wait in memory at most
                    self._spool(levels)
            yield row

    def _spool(self, levels: list[tuple[int, Mapping[str, int]]]) -> None:
        self.store.executemany(
            "INSERT INTO loaded_levels VALUES (?, ?, ?)",
            [(number, name, int(count)) for number, known in levels for name, count in known.items()],
        )
        levels.clear()

    def stop(self) -> None:
        """End every thread; the data stays."""
        self.timers.stop()
        self._executors.stop()


class _Executors:
    """Threads for requests, made when the first one comes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None

    def get(self) -> Executor:
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="sandbox-request")
            return self._executor

    def stop(self) -> None:
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown()


def _clock(choice: str | datetime) -> Clock:
    if isinstance(choice, datetime):
        if choice.tzinfo is None:
            raise InvalidInputError(
                "clock: the time has no zone.", hint="Give an aware datetime, for example in UTC."
            )
        return Clock(choice)
    if choice not in {"real", "frozen"}:
        raise InvalidInputError(
            f"clock={choice!r} is no clock.", hint='Use "real", "frozen", or an aware datetime.'
        )
    return Clock(datetime.now(UTC) if choice == "frozen" else None)


def _source(catalog: CatalogSource) -> Iterable[object]:
    return read_catalog(catalog) if isinstance(catalog, str | PathLike) else catalog


def _record(row: object) -> Mapping[str, Any]:
    if isinstance(row, CatalogRow):
        return row.to_record()
    if isinstance(row, Mapping):
        return cast("Mapping[str, Any]", row)
    raise InvalidInputError(
        f"catalog: a row must be a CatalogRow or a mapping, not {type(row).__name__} ({str(row)[:80]!r}).",
        hint="For several files: catalog=itertools.chain(*map(read_catalog, paths)).",
    )
