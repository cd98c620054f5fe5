"""Goals 4, 5, 6 and 11: the client's layer, a long list over HTTP, reading ahead, imports."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import msgspec

import bulkeditor as be
from benchmarks import _pages
from benchmarks._harness import Bench
from benchmarks.bench_models import BarePage

BASE = "http://127.0.0.1:9"
PRODUCT = msgspec.json.encode(_pages.rows()[0])
LISTED = 8_000
LATENCY = 0.05
AHEAD_PAGES = 40

_SERVER = """
import sys
import bulkeditor as be
with be.Sandbox(products=int(sys.argv[1])) as sandbox:
    print(sandbox.base_url, sandbox.api_key, flush=True)
    sys.stdin.read()
"""


class Null(httpx.BaseTransport):
    """Answers at once: what is left is the client's own work."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "application/json"}, content=PRODUCT)


def _openai() -> Callable[[], object]:
    import openai

    client = openai.OpenAI(api_key="k", base_url=f"{BASE}/v1", http_client=httpx.Client(transport=Null()))
    return lambda: client.models.retrieve("x")


def layer() -> Bench:
    """Goal 4: one small call on a null transport."""
    bench = Bench("4. client layer over bare httpx, null transport")
    shop = be.BulkEditor(BASE, api_key="k", transport=Null())
    bare = httpx.Client(base_url=BASE, headers={"X-API-Key": "k"}, transport=Null())
    bench.case("ours", lambda: shop.products.get("product_id_1"))
    bench.case("httpx and json.loads", lambda: json.loads(bare.get("/api/v1/products/product_id_1").content))
    bench.peer("openai", _openai)
    bench.at_most("ours", "httpx and json.loads", 1.10)
    bench.at_most("ours", "openai", 0.4)
    return bench


def _by_hand(url: str, key: str) -> Callable[[], object]:
    client = httpx.Client(base_url=url, headers={"X-API-Key": key})
    decoder = msgspec.json.Decoder(BarePage)

    def call() -> int:
        page, seen = 1, 0
        while True:
            answer = client.get("/api/v1/products", params={"limit": 250, "page": page})
            rows = decoder.decode(answer.content).products
            seen += len(rows)
            if seen >= LISTED or not rows:
                return seen
            page += 1

    return call


def _stripe() -> Callable[[], object]:
    import stripe

    rows = [{**row, "object": "product"} for row in _pages.rows()]
    body = json.dumps({"object": "list", "url": "/v1/products", "has_more": True, "data": rows}, default=str)
    last = json.dumps({"object": "list", "url": "/v1/products", "has_more": False, "data": rows}, default=str)

    class Memory(stripe.HTTPClient):
        """Pages from memory: no HTTP is charged to this peer."""

        name = "memory"
        calls = 0

        def request(self, *_: Any, **__: Any) -> tuple[str, int, dict[str, str]]:
            self.calls += 1
            return (last if self.calls % (LISTED // 250) == 0 else body), 200, {}

        def close(self) -> None:
            pass

    client = stripe.StripeClient("sk_test_k", http_client=Memory())
    return lambda: sum(1 for _ in client.v1.products.list({"limit": 100}).auto_paging_iter())


def listing(stack: ExitStack) -> Bench:
    """Goal 5: 8,000 products over real HTTP, the server in a process of its own."""
    bench = Bench("5. list 8,000 products over HTTP (CPU of the client)", rounds=15)
    server = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-c", _SERVER, str(LISTED)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    assert server.stdout is not None
    url, key = server.stdout.readline().split()
    shop = stack.enter_context(be.BulkEditor(url, api_key=key))
    one_by_one = shop.with_options(read_ahead=0)
    bench.case("ours", lambda: sum(1 for _ in shop.products.list()))
    bench.case("ours, no reading ahead", lambda: sum(1 for _ in one_by_one.products.list()))
    bench.case("httpx and msgspec Structs by hand", _by_hand(url, key))
    bench.peer("stripe, pages from memory", _stripe)
    bench.at_most("ours", "httpx and msgspec Structs by hand", 1.6)
    bench.faster("ours", "stripe, pages from memory", 25)
    return bench


def reading_ahead(stack: ExitStack, latency: float) -> Bench:
    """Goal 6: 40 pages, with and without reading ahead."""
    milliseconds = round(latency * 1000)
    bench = Bench(f"6. reading ahead at {milliseconds} ms", clock="wall", rounds=5 if latency else 25)
    sandbox = stack.enter_context(be.Sandbox(products=250 * AHEAD_PAGES))
    if latency:
        sandbox.faults.add(route="GET /products", latency=latency, times=10**6)
    shop = stack.enter_context(sandbox.connect())
    for depth in (0, 4, 8):
        variant = shop.with_options(read_ahead=depth)
        name = f"{depth} ahead" if depth else "sequential"
        bench.case(name, lambda variant=variant: sum(1 for _ in variant.products.list()))
    if latency:
        bench.faster("4 ahead", "sequential", 3.3)
        bench.faster("8 ahead", "sequential", 5.5)
    else:
        bench.at_most("4 ahead", "sequential", 1.05)
        bench.at_most("8 ahead", "sequential", 1.05)
    return bench


def _started(program: str) -> Callable[[], float]:
    """Milliseconds that a program takes in an interpreter of its own, the interpreter's start taken off."""

    def seconds(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env={**os.environ})
        return time.perf_counter() - start

    def call() -> float:
        # At least a tenth of a millisecond: a start that was slow by chance makes no negative figure.
        return max(0.1, (seconds(program) - seconds("pass")) * 1000)

    return call


def imports() -> Bench:
    """Goal 11: what it costs to begin."""
    bench = Bench("11. import, and up to a ready client", unit="ms", rounds=15)
    client = f"BulkEditor('{BASE}', api_key='k')"
    bench.case("import bulkeditor", _started("import bulkeditor"))
    bench.case("import httpx", _started("import httpx"))
    bench.case("a client", _started(f"import bulkeditor as be; be.{client}.close()"))
    bench.case("httpx.Client()", _started("import httpx; httpx.Client().close()"))
    bench.peer("openai.OpenAI()", lambda: _started("import openai; openai.OpenAI(api_key='k').close()"))
    bench.at_most("import bulkeditor", "import httpx", 0.1)
    bench.at_most(
        "a client",
        "httpx.Client()",
        1.15,
        why_not="attrs and the classes it builds (retry policy, hooks, configuration) come on top",
    )
    bench.at_most("a client", "openai.OpenAI()", 0.3)
    return bench


def benches() -> Iterator[Bench]:
    """Every bench of this file."""
    yield layer()
    with ExitStack() as stack:
        yield listing(stack)
    with ExitStack() as stack:
        yield reading_ahead(stack, LATENCY)
    with ExitStack() as stack:
        yield reading_ahead(stack, 0)
    yield imports()
