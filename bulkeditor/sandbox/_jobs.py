"""Bulk jobs: they start at their time, work in chunks, and can be watched and cancelled on the way."""

# ruff: noqa: S608 -- SQL is put together from constants of this package; values always travel as parameters
from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final

from bulkeditor.sandbox._clock import Clock, Timers
from bulkeditor.sandbox._faults import Faults
from bulkeditor.sandbox._filters import TRUE, Sql, compile_filter
from bulkeditor.sandbox._http import Effect, Problem, Refusal, not_found
from bulkeditor.sandbox._journal import Journal
from bulkeditor.sandbox._json import JSON, Doc, decode_doc, encode_text
from bulkeditor.sandbox._products import Products, select
from bulkeditor.sandbox._readings import Readings
from bulkeditor.sandbox._rows import MONEY_LIMIT, MONEY_SCALE, decimals, time_text
from bulkeditor.sandbox._store import MICROSECONDS, Store
from bulkeditor.sandbox._webhooks import Webhooks
from bulkeditor.sandbox._writer import Writer

CHUNK: Final = 250
STATUSES: Final = ("pending", "running", "completed", "failed", "cancelled")
_OTHER_STATUSES: Final = ("queued", "in_progress", "success", "error", "canceled")
_TERMINAL: Final = frozenset({"completed", "failed", "cancelled"})
_LISTED_ERRORS: Final = 1000
_DOCUMENTED: Final = (
    "id", "operation", "status", "progress", "total_products", "processed_products", "errors", "started_at",
    "completed_at",
)  # fmt: skip
_COLUMNS: Final = (
    "num, id, operation, filter, updates, schedule, created_at, started_at, completed_at, status, total, "
    "processed, "
    "succeeded, failed, cursor, stalled"
)


class Jobs:
    """The job table and the work on it."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        timers: Timers,
        faults: Faults,
        journal: Journal,
        readings: Readings,
        products: Products,
        writer: Writer,
        webhooks: Webhooks,
        completions: bool,
    ) -> None:
        self._store = store
        self._clock = clock
        self._timers = timers
        self._faults = faults
        self._journal = journal
        self._readings = readings
        self._products = products
        self._writer = writer
        self._webhooks = webhooks
        self._completions = completions
        timers.handle("job", self._run)
        faults.on_clear(self._go_on)

    # Asked over HTTP; writing happens inside a transaction

    def create(self, operation: str, filter_: Doc, updates: Doc | None, schedule: int | None) -> Doc:
        """Add a job; answers it as it is shown."""
        self._where(filter_)
        number = self._store.number("job")
        now = self._clock.now_us()
        self._store.execute(
            "INSERT INTO jobs (num, id, operation, filter, updates, schedule, created_at, status) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, 'pending')",
            (
                number, f"job_{number}", operation, encode_text(filter_),
                encode_text(updates), schedule, now,
            ),
        )  # fmt: skip
        if self._readings.job_filter == "at_creation":
            self._select(number, filter_)
        self._timers.add(max(now, schedule or now), "jobs", "job", f"job_{number}")
        return self.show(self.row(f"job_{number}"))

    def row(self, ident: str) -> Any:
        """Columns of a job.

        Raises:
            Refusal: 404.
        """
        row = self._store.row(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (ident,))
        if row is None:
            raise not_found("bulk job", ident)
        return row

    def page(self, status: str | None, limit: int, start: int) -> tuple[list[JSON], int]:
        """One page of jobs, newest first, and how many there are."""
        where, parameters = ("", ()) if status is None else ("WHERE status = ?", (status,))
        rows = self._store.rows(
            f"SELECT {_COLUMNS} FROM jobs {where} ORDER BY num DESC LIMIT ? OFFSET ?",
            (*parameters, limit, start),
        )
        total = self._store.value(f"SELECT count(*) FROM jobs {where}", parameters)
        return [self.show(row) for row in rows], int(total)

    def statuses(self) -> Sequence[str]:
        """The vocabulary under the reading for job_status, in the order of :data:`STATUSES`."""
        return _OTHER_STATUSES if self._readings.job_status == "others" else STATUSES

    def cancel(self, ident: str) -> Doc:
        """Stop a job; rows that are done stay done."""
        row = self.row(ident)
        if row[9] in _TERMINAL:
            raise Refusal(409, "job_finished", f"The job {ident} has ended and cannot be cancelled.")
        self._timers.remove("job", ident)
        self._store.execute("DELETE FROM job_targets WHERE job = ?", (row[0],))
        self._store.execute(
            "UPDATE jobs SET status = 'cancelled', completed_at = ?, stalled = 0 WHERE num = ?",
            (self._clock.now_us(), row[0]),
        )
        return self.show(self.row(ident))

    def errors(self, ident: str, limit: int, start: int) -> tuple[list[JSON], int]:
        """One page of a job's row errors, and how many there are."""
        number = self.row(ident)[0]
        rows = self._store.rows(
            "SELECT product_id, sku, code, message, field FROM job_errors WHERE job = ? ORDER BY num LIMIT ? "
            "OFFSET ?",
            (number, limit, start),
        )
        total = self._store.value("SELECT count(*) FROM job_errors WHERE job = ?", (number,))
        names = ("product_id", "sku", "code", "message", "field")
        return [dict(zip(names, row, strict=True)) for row in rows], int(total)

    def show(self, row: Any) -> Doc:
        """A job as the readings have it."""
        processed, total = row[11], row[10]
        done = row[9] in {"completed", "failed"}
        share = Decimal(processed) / total if total else Decimal(int(done))
        fraction = self._readings.progress == "fraction"
        job: Doc = {
            "id": row[1],
            "operation": row[2],
            "status": self.statuses()[STATUSES.index(row[9])],
            "progress": round(share, 4) if fraction else int(share * 100),
            "total_products": total,
            "processed_products": processed,
            "errors": self.errors(row[1], _LISTED_ERRORS, 0)[0]
            if self._readings.job_errors == "list"
            else row[13],
            "started_at": time_text(row[7]),
            "completed_at": time_text(row[8]),
            "filter": decode_doc(row[3]),
            "updates": decode_doc(row[4]),
            "schedule": time_text(row[5]),
            "created_at": time_text(row[6]),
            "successful_updates": row[12],
            "failed_updates": row[13],
        }
        return job if self._completions else {name: job[name] for name in _DOCUMENTED}

    # Working

    def _where(self, filter_: Doc) -> Sql:
        # Compiled even where it is then ignored: what is no filter at all is refused under each reading.
        where = compile_filter(filter_, operators=self._readings.filter == "operators")
        return TRUE if self._readings.job_filter == "ignored" or not filter_ else where

    def _select(self, number: int, filter_: Doc) -> None:
        where = self._where(filter_)
        self._store.execute(
            f"INSERT INTO job_targets SELECT {number}, p.ord {select(where)}", where.parameters
        )

    def _run(self, ident: str) -> None:
        with self._store.transaction():
            row = self._store.row(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (ident,))
            if row is None or row[9] in _TERMINAL:
                return
            if row[9] == "pending":
                self._start(row)
        self._chunk(ident)

    def _start(self, row: Any) -> None:
        number = row[0]
        if self._readings.job_filter != "at_creation":
            self._select(number, decode_doc(row[3]))
        total = self._store.value("SELECT count(*) FROM job_targets WHERE job = ?", (number,))
        self._store.execute(
            "UPDATE jobs SET status = 'running', started_at = ?, total = ? WHERE num = ?",
            (self._clock.now_us(), total, number),
        )
        self._webhooks.emit(
            "bulk_job.started", {"job_id": row[1], "operation": row[2], "total_products": total}
        )

    def _chunk(self, ident: str) -> None:
        """Do the next rows in one transaction; the rest is due at once, after what else is due now."""
        with self._store.transaction():
            row = self._store.row(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (ident,))
            if row is None or row[9] != "running":
                return
            limit = CHUNK
            stall_at = self._faults.stall_at()
            if stall_at is not None:
                if self._faults.stalls(row[11]):
                    self._store.execute("UPDATE jobs SET stalled = 1 WHERE num = ?", (row[0],))
                    return
                if stall_at > row[11]:
                    limit = min(limit, stall_at - row[11])
            targets = self._store.rows(
                "SELECT ord FROM job_targets WHERE job = ? AND ord > ? ORDER BY ord LIMIT ?",
                (row[0], row[14], limit),
            )
            failed = self._work(row, [target[0] for target in targets])
            processed = row[11] + len(targets)
            self._store.execute(
                "UPDATE jobs SET processed = ?, succeeded = succeeded + ?, failed = failed + ?, cursor = ? "
                "WHERE num = ?",
                (processed, len(targets) - failed, failed, targets[-1][0] if targets else row[14], row[0]),
            )
            if processed >= row[10]:
                self._finish(self.row(ident))
            else:
                self._timers.add(self._clock.now_us(), "jobs", "job", ident)

    def _work(self, row: Any, ordinals: Sequence[int]) -> int:
        """Carry the job out on some products; answers how many failed."""
        found = self._products.mapped(ordinals)
        failed = changed = 0
        updates = decode_doc(row[4]) if row[2] == "update" else {}
        for ordinal in ordinals:
            doc = found.get(ordinal)
            problem: Problem | None = None
            if doc is None:
                problem = Problem(None, "not_found", "The product was deleted before its turn came")
            elif row[2] == "delete":
                changed += 1
                self._writer.delete(ordinal, doc)
            elif not self._faults.skips_row():
                values = self._values(doc, updates)
                if isinstance(values, Problem):
                    problem = values
                elif self._writer.update(ordinal, doc, values)[1]:
                    changed += 1
            if problem is not None:
                failed += 1
                self._store.execute(
                    "INSERT INTO job_errors (job, product_id, sku, code, message, field) VALUES (?, ?, ?, ?, "
                    "?, ?)",
                    (
                        row[0], None if doc is None else doc["id"], None if doc is None else doc["sku"],
                        problem.code, problem.message, problem.field,
                    ),
                )  # fmt: skip
        kind = "product.deleted" if row[2] == "delete" else "product.updated"
        effects = [Effect(kind=kind, id=row[1], count=changed)] if changed else []
        self._journal.record_job(self._clock.now_us(), row[1], effects)
        return failed

    def _values(self, doc: Doc, updates: Doc) -> Doc | Problem:
        adjustment = updates.get("price_adjustment")
        if not isinstance(adjustment, dict):
            return updates
        values = {name: value for name, value in updates.items() if name != "price_adjustment"}
        price = adjusted(doc.get("price"), adjustment)
        return price if isinstance(price, Problem) else {**values, "price": price}

    def _finish(self, row: Any) -> None:
        now = self._clock.now_us()
        status = "failed" if row[10] and row[13] == row[10] else "completed"
        self._store.execute(
            "UPDATE jobs SET status = ?, completed_at = ? WHERE num = ?", (status, now, row[0])
        )
        self._store.execute("DELETE FROM job_targets WHERE job = ?", (row[0],))
        seconds = Decimal(now - row[7]) / MICROSECONDS
        data: Doc = {
            "job_id": row[1],
            "operation": row[2],
            "total_products": row[10],
            "successful_updates": row[12],
            "failed_updates": row[13],
            "execution_time": f"{seconds:.1f} seconds",
        }
        if status == "failed":
            data["error"] = "Every product failed; the job's errors say why"
        self._webhooks.emit(f"bulk_job.{status}", data)

    def _go_on(self) -> None:
        with self._store.transaction():
            for (ident,) in self._store.rows("SELECT id FROM jobs WHERE stalled = 1 ORDER BY num"):
                self._timers.add(self._clock.now_us(), "jobs", "job", ident)
            self._store.execute("UPDATE jobs SET stalled = 0 WHERE stalled = 1")


def adjusted(price: JSON, adjustment: Doc) -> Decimal | Problem:
    """The new price, rounded half up to as many decimals as the old one has, two at least."""
    value = adjustment["value"]
    assert isinstance(value, int | Decimal)
    if not isinstance(price, int | Decimal):
        return Problem("price", "missing", "The product has no price to adjust")
    with localcontext() as context:
        context.prec = 60
        old = Decimal(price)
        new = (
            old * (100 + Decimal(value)) / 100 if adjustment["type"] == "percentage" else old + Decimal(value)
        )
        if new < 0:
            return Problem("price", "negative", "Price must be positive")
        places = min(MONEY_SCALE, max(2, decimals(old)))
        new = new.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    if new >= MONEY_LIMIT:
        return Problem("price", "too_large", f"The price would reach {MONEY_LIMIT:,f}")
    return new
