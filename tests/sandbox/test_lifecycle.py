"""Starting, stopping, going back; the journal; in-process; many products."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bulkeditor.errors import ConfigurationError, InvalidInputError
from bulkeditor.sandbox import Effect, Sandbox


def descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_nothing_is_left_after_many_starts_and_stops(receiver):
    def once():
        with Sandbox(products=3) as sandbox:
            sandbox.add_webhook(receiver.url)
            with httpx.Client(base_url=sandbox.base_url, headers={"X-API-Key": sandbox.api_key}) as http:
                http.put("/api/v1/products/bulk", json={"products": [{"id": "product_id_1", "vendor": "v"}]})
                http.post(
                    "/api/v1/bulk-jobs", json={"operation": "update", "filter": {}, "updates": {"tags": []}}
                )
            sandbox.settle()

    once()
    gc.collect()
    threads, files = set(threading.enumerate()), descriptors()
    for _ in range(3):
        once()
    gc.collect()
    # The receiver's own threads end with their connections.
    left = {t for t in threading.enumerate() if t.name.startswith("sandbox")} - threads
    assert left == set()
    assert descriptors() <= files + 1


def test_what_is_accepted_at_the_last_moment_is_closed_too():
    with Sandbox():
        pass
    gc.collect()
    files = descriptors()
    for _ in range(10):
        with Sandbox() as sandbox:
            port = httpx.URL(sandbox.base_url).port
            calls = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
        for call in calls:
            call.close()
        # Of a socket that nothing closed, a collection would only take the number away.
        assert descriptors() <= files + 1
    gc.collect()


def test_a_stopped_sandbox_starts_again_with_its_port_and_data(serve):
    sandbox, http = serve()
    url = sandbox.base_url
    http.update({"id": "product_id_1", "vendor": "kept"})
    sandbox.stop()
    with pytest.raises(ConfigurationError, match="not running"):
        _ = sandbox.base_url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    assert sandbox.start().start().base_url == url
    assert http.get("/api/v1/products/product_id_1").json()["vendor"] == "kept"


def test_work_that_was_left_is_done_after_a_restart(serve):
    sandbox, http = serve()
    due = sandbox.clock.now() + timedelta(milliseconds=50)
    http.job(updates={"tags": ["done"]}, schedule=due.isoformat())
    sandbox.stop()
    while sandbox.clock.now() < due:
        time.sleep(0.005)
    assert {tuple(row["tags"]) for row in sandbox.products.rows()} != {("done",)}
    sandbox.start()
    sandbox.settle()
    assert {tuple(row["tags"]) for row in sandbox.products.rows()} == {("done",)}


def test_a_closed_sandbox_says_so():
    with Sandbox(products=1) as sandbox:
        pass
    with pytest.raises(ConfigurationError, match="closed"):
        len(sandbox.journal)
    sandbox.close()


def test_a_port_can_be_chosen_and_one_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sandbox = Sandbox(products=1, port=port)
        with pytest.raises(ConfigurationError, match=str(port)):
            sandbox.start()
        sandbox.close()


def test_a_snapshot_brings_everything_back(serve, receiver):
    sandbox, http = serve(clock="frozen")
    webhook, _ = sandbox.add_webhook(receiver.url, ["product.deleted"])
    http.update({"id": "product_id_1", "vendor": "before"})
    due = sandbox.clock.now() + timedelta(hours=1)
    http.job(updates={"tags": ["due"]}, schedule=due.isoformat())
    products, entries, now = list(sandbox.products.rows()), len(sandbox.journal), sandbox.clock.now()
    saved = sandbox.snapshot()
    for _ in range(2):
        http.update({"id": "product_id_1", "vendor": "after"})
        http.delete("/api/v1/products/product_id_2")
        http.delete(f"/api/v1/webhooks/{webhook}")
        key = sandbox.create_key(["read:products"])
        sandbox.clock.advance("2h")
        sandbox.restore(saved)
        assert list(sandbox.products.rows()) == products
        assert (sandbox.clock.now(), len(sandbox.journal)) == (now, entries)
        assert http.get("/api/v1/bulk-jobs/job_1").json()["status"] == "pending"
        assert http.get(f"/api/v1/webhooks/{webhook}").status_code == 200
        assert http.get("/api/v1/products", headers={"X-API-Key": key}).status_code == 401
        assert http.get("/api/v1/products").json()["total"] == 60
        sandbox.restore(saved)
    sandbox.clock.advance("2h")
    assert {tuple(row["tags"]) for row in sandbox.products.rows()} == {("due",)}
    with Sandbox(products=1) as other, pytest.raises(ConfigurationError, match="another sandbox"):
        other.restore(saved)


def test_the_journal_tells_what_changed(serve):
    sandbox, http = serve(catalog=[{"sku": "A", "title": "Alpha", "price": "1.50"}])
    assert len(sandbox.journal) == 0
    http.get("/api/v1/products", params={"limit": 1})
    http.update({"id": "product_id_1", "price": 2.5, "tags": ["t"]}, {"id": "nope"}, key="k")
    http.get("/nowhere")
    read, write, lost = sandbox.journal
    assert (read.method, read.path, read.route, read.status, read.effects) == (
        "GET",
        "/api/v1/products",
        "products.list",
        200,
        (),
    )
    assert (write.idempotency_key, write.replayed, write.credential) == ("k", False, "key_1")
    (effect,) = write.effects
    assert (effect.kind, effect.id) == ("product.updated", "product_id_1")
    assert (str(effect.before["price"]), str(effect.after["price"])) == ("1.50", "2.5")
    assert (effect.before["tags"], effect.after["tags"]) == ([], ["t"])
    assert (lost.route, lost.status) == (None, 404)
    assert sandbox.journal[-1] == lost
    assert sandbox.journal[:2] == [read, write]
    assert "PUT /api/v1/products/bulk -> 200 key k: product.updated product_id_1" in str(write)
    with pytest.raises(IndexError):
        _ = sandbox.journal[3]
    sandbox.journal.clear()
    assert list(sandbox.journal) == []


def test_a_refused_request_leaves_nothing_behind(http, sandbox):
    before = list(sandbox.products.rows())
    http.put("/api/v1/products/bulk", json={"products": [{"id": "product_id_1", "vendor": "v"}, 5]})
    http.post(
        "/api/v1/bulk-jobs", json={"operation": "update", "filter": {"nope": 1}, "updates": {"tags": []}}
    )
    assert list(sandbox.products.rows()) == before
    assert all(entry.effects == () for entry in sandbox.journal)
    assert http.get("/api/v1/bulk-jobs").json()["total"] == 0


def test_the_application_runs_in_process_without_a_socket():
    sandbox = Sandbox(products=5)

    async def talk():
        transport = httpx.ASGITransport(sandbox.app)
        headers = {"X-API-Key": sandbox.api_key}
        async with httpx.AsyncClient(transport=transport, base_url="http://shop", headers=headers) as http:
            assert (await http.get("/api/v1/products")).json()["total"] == 5
            job = {"operation": "update", "filter": {}, "updates": {"tags": ["in"]}}
            assert (await http.post("/api/v1/bulk-jobs", json=job)).status_code == 201
            sandbox.faults.add("*", latency=0.02, times=1)
            assert (await http.get("/api/v1/products")).status_code == 200
            sandbox.faults.add("*", drop=True)
            with pytest.raises(ConnectionResetError):
                await http.get("/api/v1/products")

    asyncio.run(talk())
    sandbox.settle()
    assert {tuple(row["tags"]) for row in sandbox.products} == {("in",)}
    sandbox.close()


def test_requests_are_answered_while_a_job_works(serve):
    _sandbox, http = serve(products=6000)
    http.job(updates={"tags": ["busy"]})
    seen = set()
    limit = time.monotonic() + 20
    while (job := http.get("/api/v1/bulk-jobs/job_1").json())["status"] != "completed":
        seen.add(job["processed_products"])
        assert time.monotonic() < limit
    assert len(seen) > 3


def test_bad_catalog_rows_are_named():
    row = {"sku": "A", "title": "Alpha"}
    with pytest.raises(InvalidInputError, match="row 2: price: 'cheap' is no amount"):
        Sandbox(catalog=[row, {**row, "price": "cheap"}])
    with pytest.raises(InvalidInputError, match="UNIQUE"):
        Sandbox(catalog=[{**row, "id": "same"}, {**row, "id": "same"}])


def test_effects_compare_by_value():
    assert Effect(kind="a", id="b") == Effect(kind="a", id="b", count=1)


def test_it_hands_out_clients_of_both_kinds():
    with Sandbox(products=3) as sandbox:
        with sandbox.connect() as shop:
            assert len(list(shop.products.list())) == 3

        async def read():
            async with sandbox.connect_async(api_key=sandbox.create_key(["read:products"])) as shop:
                return [product.id async for product in shop.products.list()]

        assert asyncio.run(read()) == ["product_id_1", "product_id_2", "product_id_3"]


@pytest.mark.slow
@pytest.mark.shared
def test_a_real_catalog_of_291140_products_stays_quick_and_flat(shared, serve):
    def resident():
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096

    path = shared / "data" / "catalogs" / "jlcparts" / "parts.jsonl.gz"
    before, cpu = resident(), time.process_time()
    sandbox, http = serve(catalog=path)
    assert time.process_time() - cpu < 45
    assert resident() - before < 120 * 1024 * 1024
    assert sandbox.products.count() == 291_140
    cpu = time.process_time()
    for page in (1, 600, 1164):
        assert len(http.products(limit=250, page=page)) == 250
    assert time.process_time() - cpu < 0.5
