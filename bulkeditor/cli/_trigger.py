"""Making events happen: for real in a sandbox, or made up and posted to an address."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final, TypeAlias

import bulkeditor as be
from bulkeditor._secret import Secret
from bulkeditor.cli._forward import Reply, Target
from bulkeditor.errors import InvalidInputError

Data: TypeAlias = Mapping[str, object]
_Deed: TypeAlias = Callable[[be.BulkEditor, str | None, Data], str]


def trigger(shop: be.BulkEditor, event: str, sku: str | None, data: Data) -> str:
    """Do what causes an event.

    Args:
        shop: A sandbox: its catalog is changed.
        event: The event's name.
        sku: The product to do it to; None takes the first that fits.
        data: Fields to write.

    Returns:
        What was done, in a sentence.

    Raises:
        BulkEditorError: It could not be done.
    """
    return _DEEDS[event](shop, sku, data)


def post_sample(target: Target, event: str, data: Data, secret: Secret) -> Reply:
    """Post a made-up event, signed like a real one.

    Args:
        target: Where to.
        event: The event's name.
        data: Members of its data, in place of the made-up ones.
        secret: What to sign with.

    Returns:
        The answer.
    """
    # Imported here: naming the sandbox's package is what asks for its extra.
    from bulkeditor.sandbox import sample_event  # noqa: PLC0415

    body = sample_event(event, data)
    ident, stamp = f"sample_{secrets.token_hex(8)}", int(datetime.now(UTC).timestamp())
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "User-Agent": "bulkeditor-trigger",
        "X-Webhook-Signature": be.signature.sign(body, secret),
        "webhook-id": ident,
        "webhook-timestamp": str(stamp),
        "webhook-signature": be.signature.sign_standard(ident, stamp, body, secret),
    }
    return target.post(body, headers.items())


def read_data(pairs: tuple[str, ...]) -> dict[str, object]:
    """``price=9.99`` and the like; a value is read as JSON where it is JSON, else it is text.

    Raises:
        InvalidInputError: A pair has no ``=`` or no name.
    """
    data: dict[str, object] = {}
    for pair in pairs:
        name, found, value = pair.partition("=")
        if not found or not name.strip():
            raise InvalidInputError(f"--data {pair!r} is not NAME=VALUE.")
        data[name.strip()] = _value(value)
    return data


def _value(text: str) -> object:
    try:
        value: object = json.loads(text, parse_float=Decimal, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    return value


def _product(shop: be.BulkEditor, sku: str | None, condition: be.Condition | None = None) -> be.Product:
    found = shop.products.list(filter=be.F.sku == sku if sku is not None else condition).first()
    if found is None:
        what = f"SKU {sku!r}" if sku is not None else "what this needs"
        raise InvalidInputError(f"No product has {what}.", hint="List some: --sku names one of them.")
    return found


def _create(shop: be.BulkEditor, sku: str | None, data: Data) -> str:
    name = sku or f"TRIGGER-{secrets.token_hex(4).upper()}"
    product = shop.products.create({"title": "Made by trigger", "price": Decimal(20), **data, "sku": name})
    return f"{product.id} ({product.sku}) was created"


def _update(shop: be.BulkEditor, sku: str | None, data: Data) -> str:
    product = _product(shop, sku)
    # Something that certainly changes.
    changes = data or {"price": (product.price or Decimal(0)) + 1}
    shop.products.update([{**changes, "id": product.id}]).raise_for_failures()
    told = ", ".join(f"{name}: {_shown(product, name)} → {value}" for name, value in changes.items())
    return f"{product.id} ({product.sku}) was changed: {told}"


def _shown(product: be.Product, name: str) -> object:
    return getattr(product, name, "?") if name in product.loaded else "?"


def _delete(shop: be.BulkEditor, sku: str | None, data: Data) -> str:
    # Without a name it is one of our own: no product of the catalog is deleted unasked.
    product = _product(shop, sku) if sku is not None else None
    if product is None:
        made = {"title": "Made by trigger", **data, "sku": f"TRIGGER-{secrets.token_hex(4).upper()}"}
        product = shop.products.create(made)
    shop.products.delete(product.id)
    return f"{product.id} ({product.sku}) was deleted"


def _stock(shop: be.BulkEditor, sku: str | None, data: Data) -> str:
    product = _product(shop, sku)
    location = shop.inventory.locations().first()
    row = {"location_id": location.id if location else "", "delta": 1, **data, "product_id": product.id}
    [outcome] = shop.inventory.adjust([row])
    if outcome.status == "failed":
        raise InvalidInputError(f"The stock was not changed: {outcome}.")
    return f"{product.id} ({product.sku}): {row['delta']:+} at {row['location_id']}"


def _job(shop: be.BulkEditor, sku: str | None, data: Data) -> str:
    product = _product(shop, sku)
    # Without --data it sets what is set already: the job runs, and the catalog stays as it is.
    updates = data or {"status": product.status}
    job = shop.bulk_jobs.create(filter={"id": product.id}, updates=updates)
    return f"{job.id} changes {product.id} ({product.sku})"


def _failing_job(shop: be.BulkEditor, sku: str | None, data: Data) -> str:
    product = _product(shop, sku, be.F.price >= 0)
    less = -(product.price or Decimal(0)) - 1
    updates = {"price_adjustment": be.PriceAdjustment.fixed(less), **data}
    job = shop.bulk_jobs.create(filter={"id": product.id}, updates=updates)
    return f"{job.id} fails: it takes {-less} off {product.id} ({product.sku}), which costs less"


_DEEDS: Final[Mapping[str, _Deed]] = MappingProxyType(
    {
        be.EventName.PRODUCT_CREATED: _create,
        be.EventName.PRODUCT_UPDATED: _update,
        be.EventName.PRODUCT_DELETED: _delete,
        be.EventName.BULK_JOB_STARTED: _job,
        be.EventName.BULK_JOB_COMPLETED: _job,
        be.EventName.BULK_JOB_FAILED: _failing_job,
        be.EventName.INVENTORY_UPDATED: _stock,
    }
)
