"""Update many products: every row given gets exactly one outcome.

Stages: check each row; find products by SKU and read what has to be merged (one search); send in batches,
    which may run side by side; read back what no reply settles (one search). A batch whose answer was lost is
    read back before any row of
it is sent again, and a batch that is refused as a whole is halved until the bad rows stand alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, cast

from bulkeditor.api._batch import BatchSender
from bulkeditor.api._compare import differences
from bulkeditor.api._lookup import By, Found, find
from bulkeditor.api._outcomes import RowOutcome
from bulkeditor.api._rows import Given, Row, read_rows
from bulkeditor.http import Exchange, RetryPolicy
from bulkeditor.models import Product

MAX_ROWS: Final = 250
MAX_BYTES: Final = 1_000_000
"""The server takes 1 MiB; the margin is for gateways that count headers as well."""
_ENVELOPE: Final = len(b'{"products":[]}')


class BulkUpdate:
    """One update of many rows, stage by stage.

    The stages are exchanges, so they run in any driver; the batches touch only their own rows and may run at
    the same time. :func:`update` runs them one after another.

    Args:
        rows: Updates, or mappings with ``id`` or ``sku``.
        policy: Bounds how often a lost batch is sent again after reading.
        verify: Read every product afterwards, not only where the reply leaves doubt.
        read_first: Send only what is not yet as wanted: for rows whose earlier outcome is unknown.

    Raises:
        InvalidInputError: ``rows`` is no list of rows.
    """

    def __init__(
        self, rows: Iterable[Given], *, policy: RetryPolicy, verify: bool = False, read_first: bool = False
    ) -> None:
        self._rows = read_rows(rows, verify=verify)
        self._read_first = read_first
        self._sender = BatchSender(policy)

    # Stage 1: find and merge

    def prepare(self) -> Exchange[None]:
        """Find products by SKU, read what has to be merged, refuse second rows for the same product."""
        yield from self._resolve("sku", [row for row in self._open if row.id is None])
        fresh = [row for row in self._open if row.id is not None and self._reads(row)]
        # Rows that came by SKU were read in full by the same search.
        yield from self._resolve("id", [row for row in fresh if row.sku is None or "sku" in row.wanted])
        self._refuse_seconds()
        for row in self._open:
            row.freeze()

    @property
    def _open(self) -> list[Row]:
        return [row for row in self._rows if row.open]

    def _reads(self, row: Row) -> bool:
        return self._read_first or "custom_fields" in row.wanted

    def _resolve(self, by: By, rows: Sequence[Row]) -> Exchange[None]:
        if not rows:
            return
        fields: set[str] = set()
        for row in rows:
            if self._reads(row):
                fields.update(row.wanted)
        keys = dict.fromkeys(cast("str", getattr(row, by)) for row in rows)
        found = yield from find(by, keys, fields=fields)
        for row in rows:
            self._resolved(row, by, found)

    def _resolved(self, row: Row, by: By, found: Found) -> None:
        key = cast("str", getattr(row, by))
        products = found.rows[key]
        if len(products) > 1:
            ids = ", ".join(product.id for product in products[:5])
            message = f"The SKU {key!r} belongs to {len(products)} products ({ids}); give the id."
            row.end("failed", code="ambiguous_sku", message=message)
        elif products:
            row.id = products[0].id
            self._merge(row, products[0])
        elif key in found.uncertain:
            message = f"The list changed while it was searched for the {by} {key!r}; try this row again."
            row.end("failed", code="not_found_for_certain", message=message)
        else:
            what = "SKU" if by == "sku" else "id"
            row.end("failed", code=f"unknown_{by}", message=f"No product has the {what} {key!r}.")

    def _merge(self, row: Row, product: Product) -> None:
        if "custom_fields" in row.wanted:
            # One server merges what it is sent, another replaces: the whole object means the same to both.
            given = cast("dict[str, object]", row.wanted["custom_fields"])
            held: dict[str, object] = dict(getattr(product, "custom_fields", None) or {})
            row.clears = not given
            row.wanted["custom_fields"] = {**held, **given} if given else dict.fromkeys(held)
        if self._read_first and not differences(row.wanted, product):
            row.end("unchanged", verified=True)

    def _refuse_seconds(self) -> None:
        first: dict[str, int] = {}
        for row in self._rows:
            if row.id is None:
                continue
            if row.open and row.id in first:
                message = f"Row {first[row.id]} changes the same product ({row.id}); put both into one row."
                row.end("failed", code="duplicate_row", message=message)
            elif row.open or (row.outcome is not None and row.outcome.ok):
                first.setdefault(row.id, row.index)

    # Stage 2: send

    def batches(self) -> Iterator[Exchange[None]]:
        """The requests to send, each with its repeats; they may run side by side."""
        for batch in split(self._open):
            yield self._sender.send(batch)

    # Stage 3: read back

    def read_back(self) -> Exchange[None]:
        """Read what no reply settled, once, and compare.

        Raises:
            BulkEditorError: Every request was refused or never sent, so nothing happened: the first such
                error.
        """
        sender = self._sender
        if sender.fatal is not None and not sender.answered:
            raise sender.fatal
        yield from sender.confirm(self._rows)

    def outcomes(self) -> tuple[RowOutcome, ...]:
        """Exactly one outcome for each row, in the order given."""
        for row in self._rows:
            if row.outcome is None:
                row.end("skipped", code="not_sent", message="It was not sent.")
        return tuple(row.outcome for row in self._rows if row.outcome is not None)


def split(
    rows: Sequence[Row], *, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES
) -> Iterator[list[Row]]:
    """Rows in batches by count and bytes, in order; rows with stock stand apart from the others.

    A key without ``write:inventory`` is refused a whole batch for one such row.
    """
    kinds: dict[bool, list[Row]] = defaultdict(list)
    for row in rows:
        kinds["inventory_quantity" in row.wanted].append(row)
    for kind in kinds.values():
        batch: list[Row] = []
        size = _ENVELOPE
        for row in kind:
            length = len(row.content) + 1
            if batch and (len(batch) == max_rows or size + length > max_bytes):
                yield batch
                batch, size = [], _ENVELOPE
            batch.append(row)
            size += length
        if batch:
            yield batch


def update(
    rows: Iterable[Given], *, policy: RetryPolicy, verify: bool = False, read_first: bool = False
) -> Exchange[tuple[RowOutcome, ...]]:
    """Update many products, one request after another; see :class:`BulkUpdate`."""
    work = BulkUpdate(rows, policy=policy, verify=verify, read_first=read_first)
    yield from work.prepare()
    for batch in work.batches():
        yield from batch
    yield from work.read_back()
    return work.outcomes()


__all__ = ["MAX_BYTES", "MAX_ROWS", "BulkUpdate", "split", "update"]
