"""Prices from an ERP: its changes as a plan, the plan applied to the shop, and the proof that it was done.

Written as a program of your own would be: it uses the public client and a connector, and believes neither.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Final, cast

import attrs

import bulkeditor as be
from bulkeditor.cli._catalog import Catalog
from bulkeditor.cli._demo import count, plain, tell_failed
from bulkeditor.cli._screen import Column, Screen
from bulkeditor.connectors import Connector, from_config

if TYPE_CHECKING:
    from bulkeditor.testing import StandIn
    from bulkeditor.testing.vendors.sap_s4 import S4HANA

_FIELDS: Final = ("sku", "cost", "inventory_quantity", "vendor", "category")
# The JSON of the product's documentation, as it stands; the address is put in its place below.
DOCUMENTED: Final[Mapping[str, object]] = {
    "integration": "sap",
    "endpoint": "https://your-sap-instance.com/api",
    "sync_fields": list(_FIELDS),
    "sync_frequency": "hourly",
    "direction": "bidirectional",
}
# One product in so many has another price in the ERP.
_EVERY: Final = 10
_UNKNOWN: Final = "ERP-ONLY-1"
_LIMIT: Final = Decimal(50)
_SAMPLES: Final = 5
_LONGEST: Final = 40
_SMALLEST: Final = Decimal("0.001")


@attrs.frozen(kw_only=True)
class ERPResult:
    """How the demo ended.

    Args:
        problems: A sentence for each thing that did not hold; none means success.
        products: Products of the shop.
        known: Of these, how many the ERP knows.
        changed: Prices that were taken over.
        seconds: How long everything took.
    """

    problems: tuple[str, ...]
    products: int = 0
    known: int = 0
    changed: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return not self.problems


def run_erp_demo(
    sandbox: be.Sandbox, screen: Screen, *, catalog: Catalog | None = None, erp: S4HANA | None = None
) -> ERPResult:
    """Run the demo against a sandbox and a stand-in for SAP, and tell about it.

    Args:
        sandbox: The shop, running.
        screen: Where to tell.
        catalog: What the shop was filled from.
        erp: The stand-in, not started; by default one of its own.

    Returns:
        What was found; it also stands on the screen.
    """
    from bulkeditor.testing.vendors.sap_s4 import S4HANA  # noqa: PLC0415 - for this demo alone

    start = time.monotonic()
    with sandbox.connect() as shop, erp or S4HANA() as standing:
        result = _Demo(screen, shop, standing).run(sandbox, catalog)
    result = attrs.evolve(result, seconds=time.monotonic() - start)
    _summarise(screen, result)
    return result


class _Demo:
    """One run: each method is a step, and tells what it found."""

    def __init__(self, screen: Screen, shop: be.BulkEditor, erp: S4HANA) -> None:
        self._screen = screen
        self._shop = shop
        self._erp = erp

    def run(self, sandbox: be.Sandbox, catalog: Catalog | None) -> ERPResult:
        """All steps, up to the first that makes the next ones pointless."""
        before = self._introduce(sandbox, catalog)
        skus = _usable(before)
        if not skus:
            problem = (
                "No product has a price and a SKU of its own that SAP could have: upper case, at most 40."
            )
            return ERPResult(problems=(problem,), products=len(before))
        self._fill(skus)
        prices = self._read()
        plan = self._plan(prices)
        if not plan.rows:
            return ERPResult(
                problems=("The ERP has no other prices.",), products=len(before), known=len(skus)
            )
        self._screen.heading("4. The plan, applied")
        run = plan.apply()
        told = f"{run.status}: {run.ledger}"
        problems = (
            [] if run.report.counts["updated"] == len(plan.rows) else [f"The run ended otherwise: {told}"]
        )
        self._screen.held(not problems, told)
        problems += self._judge(before, skus)
        return ERPResult(
            problems=tuple(problems), products=len(before), known=len(skus), changed=len(plan.rows)
        )

    def _introduce(self, sandbox: be.Sandbox, catalog: Catalog | None) -> list[be.Product]:
        screen = self._screen
        screen.line(
            "Bulk Product Editor: prices from SAP, as a plan, into the shop, and the proof", bold=True
        )
        screen.heading("1. The two systems")
        screen.fact("shop", f"{sandbox.base_url} (real HTTP, on this machine only)")
        if catalog is not None:
            screen.fact("catalog", catalog.origin)
        screen.fact("SAP", f"{self._erp.base_url} (a stand-in for S/4HANA: OData, tokens, batches)")
        return list(self._shop.products.list())

    def _fill(self, skus: Mapping[str, Decimal]) -> None:
        """Give the ERP the shop's products, some of them at a new price, and one that the shop lacks."""
        records: list[dict[str, object]] = [
            {"sku": sku, "price": _new_price(price) if place % _EVERY == 0 else price}
            for place, (sku, price) in enumerate(skus.items())
        ]
        self._erp.seed([*records, {"sku": _UNKNOWN, "price": Decimal("9.90")}])
        self._screen.fact(
            "prices", f"{count(len(skus), 'product')} in SAP as well, every {_EVERY}th at another price"
        )

    def _connector(self) -> Connector:
        erp = self._erp
        return from_config(
            {
                **DOCUMENTED,
                "endpoint": erp.base_url,
                "sync_fields": [*_FIELDS, "price"],
                "username": erp.user,
                "password": erp.password,
            }
        )

    def _read(self) -> dict[str, Decimal]:
        self._screen.heading("2. What SAP says")
        prices: dict[str, Decimal] = {}
        start = time.monotonic()
        with self._connector().open() as session:
            for row in session.check():
                if row.ok is not None:
                    self._screen.held(row.ok, f"{row.capability}: {row.detail}")
            for record in session.read(fields=["sku", "price"]):
                price = record.get("price")
                if isinstance(price, Decimal):
                    prices[record.key] = price
            ledger = session.ledger
        took = time.monotonic() - start
        self._screen.fact("read", f"{count(ledger.read, 'product')} in {took:.2f} s, none of them lost")
        return prices

    def _plan(self, prices: Mapping[str, Decimal]) -> be.Plan:
        self._screen.heading("3. What would change in the shop")
        plan = self._shop.plan_from_rows(
            [{"sku": sku, "price": price} for sku, price in prices.items()],
            title="Prices from SAP",
            guards=be.guards.max_change(percent=_LIMIT),
        )
        rows = [(row.sku or "", _shown(row.before), _shown(row.after)) for row in islice(plan.rows, _SAMPLES)]
        self._screen.table(
            (Column("SKU", shrinks=True), Column("shop", right=True), Column("SAP", right=True)), rows
        )
        self._screen.fact("plan", f"{count(len(plan.rows), 'price')} of {count(len(prices), 'product')}")
        if plan.skipped:
            self._screen.fact("skipped", f"{count(len(plan.skipped), 'product')} that only SAP knows")
        return plan

    def _judge(self, before: list[be.Product], skus: Mapping[str, Decimal]) -> list[str]:
        """Read the shop back, and compare it with what the ERP holds, not with what was read from it."""
        self._screen.heading("5. Every product, read back and compared")
        problems: list[str] = []
        after = {product.id: product for product in self._shop.products.list()}
        for old in before:
            new = after.get(old.id)
            wanted = _held(self._erp, old.sku) if old.sku in skus else old.price
            if new is None:
                problems.append(f"{old.sku}: it is gone")
            elif new.price != wanted:
                problems.append(f"{old.sku}: {plain(wanted)} was due, {plain(new.price)} is there")
            elif _rest(new) != _rest(old):
                problems.append(f"{old.sku}: a field other than the price changed")
        wrong = f"{count(len(problems), 'product')} not as SAP has it"
        right = f"{count(len(before), 'product')}: SAP's price where SAP has one, all else as before"
        self._screen.held(not problems, wrong if problems else right)
        return problems


def _usable(products: list[be.Product]) -> dict[str, Decimal]:
    """Prices by SKU, of products that SAP can have: a SKU of their own, and a price that fits."""
    times = Counter(product.sku for product in products)
    return {
        product.sku: product.price
        for product in products
        if product.sku
        and times[product.sku] == 1
        and len(product.sku) <= _LONGEST
        and product.sku == product.sku.upper()
        and product.price
        and product.price % _SMALLEST == 0
    }


def _shown(price: object) -> str:
    """A price without the zeros that SAP adds."""
    return f"{price.normalize():f}" if isinstance(price, Decimal) else "none"


def _new_price(price: Decimal) -> Decimal:
    return (price * 105 / 100).quantize(Decimal("0.01"))


def _held(erp: StandIn, sku: str) -> Decimal | None:
    record = erp.holds(sku)
    return None if record is None else cast("Decimal | None", record["price"])


def _rest(product: be.Product) -> dict[str, object]:
    return {name: value for name, value in product.to_dict().items() if name not in ("price", "updated_at")}


def _summarise(screen: Screen, result: ERPResult) -> None:
    if not result.ok:
        tell_failed(screen, result.problems)
        return
    screen.heading("Done")
    screen.line(
        f"  {count(result.changed, 'price')} of {count(result.products, 'product')} taken over from SAP,"
        f" every one proved, in {result.seconds:.1f} s."
    )
    screen.heading("Go on")
    screen.line("  docs/reference/connectors/sap.md   your own SAP: users, services, settings")
    screen.line("  docs/guides/connectors.md          other systems, files, and a connector of your own")


__all__ = ["DOCUMENTED", "ERPResult", "run_erp_demo"]
