"""Run as a program: load a catalog, list and change it whole with both clients; prints JSON."""

import asyncio
import json
import resource
import sys
from decimal import Decimal

import bulkeditor as be


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def digest(products) -> dict[str, int]:
    """How many rows, and how many different ones, without keeping them."""
    count, ids = 0, set()
    for product in products:
        count += 1
        ids.add(int(product.id.rpartition("_")[2]))
    return {"rows": count, "different": len(ids)}


def blocking(sandbox: be.Sandbox) -> dict[str, object]:
    with sandbox.connect() as shop:
        pager = shop.products.list(fields=["id"])
        seen = digest(pager)
        job = shop.bulk_jobs.create(
            operation="update",
            filter={},
            all_products=True,
            updates=be.Updates(price_adjustment=be.PriceAdjustment.percentage(-20)),
        )
        job = shop.bulk_jobs.wait(job.id, timeout=600, allow_errors=True)
        failures = [row.code for row in shop.bulk_jobs.errors(job.id)]
    return {
        "listed": seen,
        "moved": pager.moved,
        "missing": pager.missing,
        "job": [job.status, job.total_products, job.processed_products, failures],
    }


async def asynchronous(sandbox: be.Sandbox) -> dict[str, object]:
    count, ids, updated, failed = 0, set[int](), 0, 0
    async with sandbox.connect_async() as shop:
        pager = shop.products.list(fields=["id", "price"])
        async for page in pager.pages():
            count += len(page.items)
            ids.update(int(product.id.rpartition("_")[2]) for product in page.items)
            changes = [
                {"id": p.id, "price": p.price + Decimal("0.0001")} for p in page.items if p.price is not None
            ]
            report = await shop.products.update(changes)
            updated += len(report.updated)
            failed += len(report.outcomes) - len(report.updated)
    return {
        "listed": {"rows": count, "different": len(ids)},
        "moved": pager.moved,
        "missing": pager.missing,
        "updated": updated,
        "failed": failed,
    }


def main(source: str) -> None:
    options = {"products": int(source)} if source.isdigit() else {"catalog": source}
    with be.Sandbox(**options) as sandbox:
        result = {
            "loaded": sandbox.products.count(),
            "blocking": blocking(sandbox),
            "async": asyncio.run(asynchronous(sandbox)),
        }
    result["peak_mb"] = peak_mb()
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
