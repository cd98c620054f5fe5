"""Whatever goes wrong: every row has an honest outcome, nothing is done twice, and a run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import bulkeditor as be
from bulkeditor import RetryPolicy
from tests.client.conftest import HurriedClock
from tests.plans.making import Making, contents, statuses, writes

QUICK = RetryPolicy(max_retries=2, base_delay=1, max_delay=2)
WRITE, READ = "PUT /products/bulk", "GET /products"
IDS = [f"product_id_{number}" for number in range(1, 21)]


@pytest.fixture(params=["ignored"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[be.Sandbox, Making]]:
    with be.Sandbox(products=30, readings={"idempotency_key": request.param}) as sandbox:
        yield sandbox, Making(tmp_path, sandbox)


def rows() -> list[tuple[str, str, Any]]:
    return [row for ident in IDS for row in ((ident, "price", "11.00"), (ident, "tags", ["made"]))]


PASSING: list[dict[str, Any]] = [
    {"route": WRITE, "status": 503, "after_commit": True},
    {"route": WRITE, "status": 503},
    {"route": WRITE, "status": 500, "after_commit": True},
    {"route": WRITE, "drop": True, "after_commit": True},
    {"route": WRITE, "drop": True},
    {"route": WRITE, "html": True, "after_commit": True},
    {"route": WRITE, "truncate": True},
    {"route": WRITE, "partial_batch": 7, "status": 503},
    {"route": WRITE, "partial_batch": 7, "drop": True},
    {"route": WRITE, "partial_batch": 7},
    {"route": WRITE, "status": 429, "retry_after": 0},
    {"route": WRITE, "status": 413},
    {"route": READ, "status": 503},
    {"route": READ, "drop": True},
    {"route": READ, "truncate": True},
    {"route": READ, "html": True},
    {"route": READ, "status": 429, "retry_after": 0},
]


def named(fault: dict[str, Any]) -> str:
    return "-".join(str(value) for value in fault.values())


@pytest.mark.parametrize("world", ["honoured", "ignored"], indirect=True)
@pytest.mark.parametrize("fault", PASSING, ids=named)
def test_what_passes_leaves_no_trace(world: tuple[be.Sandbox, Making], fault: dict[str, Any]) -> None:
    sandbox, making = world
    with sandbox.connect(clock=HurriedClock(), retry=QUICK) as shop:
        leaves_no_trace(sandbox, making, shop, fault)


@pytest.mark.parametrize("face", ["async"], indirect=True)
@pytest.mark.parametrize("fault", PASSING[2::5], ids=named)
def test_what_passes_leaves_no_trace_in_asyncio(
    world: tuple[be.Sandbox, Making], connect: Any, fault: dict[str, Any]
) -> None:
    sandbox, making = world
    leaves_no_trace(sandbox, making, connect(sandbox, retry=QUICK), fault)


def leaves_no_trace(sandbox: be.Sandbox, making: Making, shop: Any, fault: dict[str, Any]) -> None:
    plan = making(shop, *rows())
    before = contents(sandbox)
    struck = sandbox.faults.add(**fault, times=1)
    run = plan.apply()
    assert struck.hits == 1
    assert set(statuses(run).values()) == {"updated"}
    assert run.ledger.balanced
    sandbox.faults.add(**fault, times=1)
    assert set(statuses(run.undo()).values()) == {"updated"}
    assert contents(sandbox) == before
    if "partial_batch" not in fault:
        # A server that does half and forgets the key is sent the other half under the same key.
        sandbox.assert_no_duplicate_effects()


@pytest.mark.parametrize("world", ["honoured", "ignored"], indirect=True)
def test_a_lost_answer_after_which_somebody_else_writes_is_unknown_and_not_overwritten(
    world: tuple[be.Sandbox, Making], connect: Any
) -> None:
    sandbox, making = world

    def edit(event: Any) -> None:
        # As soon as the answer is lost, before anything can be read back.
        if event.operation == "products.update" and not edited:
            edited.append(event)
            with sandbox.connect() as colleague:
                colleague.products.update([{"id": IDS[0], "price": "77.00"}])

    edited: list[Any] = []
    shop = connect(sandbox, retry=RetryPolicy(max_retries=0), hooks=be.Hooks(on_error=[edit]))
    plan = making(shop, *rows())
    sandbox.faults.add(WRITE, drop=True, after_commit=True, times=1)
    run = plan.apply()
    assert edited
    unknown = run.report.unknown
    assert [(item.row.product, item.row.field, item.found) for item in unknown] == [(IDS[0], "price", 77)]
    assert run.report.counts["updated"] == len(plan.rows) - 1
    assert sandbox.products.get(IDS[0])["price"] == 77  # type: ignore[index]
    # It may have been written, so the undo looks at it, and leaves it alone.
    assert statuses(run.undo())[IDS[0], "price"] == "stale"


def test_a_server_that_goes_on_failing_fails_its_rows(world: tuple[be.Sandbox, Making], connect: Any) -> None:
    sandbox, making = world
    shop = connect(sandbox, retry=QUICK)
    before = contents(sandbox)
    sandbox.faults.add(WRITE, status=503)
    run = making(shop, *rows()).apply()
    assert set(statuses(run).values()) == {"failed"}
    assert "The server failed" in run.report[0].message
    assert contents(sandbox) == before
    sandbox.faults.clear()
    again = making(shop, *rows()).apply()
    assert set(statuses(again).values()) == {"updated"}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"route": WRITE, "status": 401}, be.AuthenticationError),
        ({"route": WRITE, "status": 403}, be.PermissionDeniedError),
        ({"route": WRITE, "status": 429, "retry_after": 900}, be.RateLimitError),
        ({"route": READ, "status": 401}, be.AuthenticationError),
        ({"route": READ, "status": 503}, be.ServerError),
        ({"route": READ, "drop": True}, be.TransportError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else value["route"][:3],
)
def test_what_concerns_every_request_stops_the_run_and_it_can_be_resumed(
    world: tuple[be.Sandbox, Making], connect: Any, fault: dict[str, Any], error: type[Exception]
) -> None:
    sandbox, making = world
    store = making.folder / "shop.db"
    shop = connect(sandbox, retry=QUICK, store=store)
    plan = making(shop, *rows())
    sandbox.faults.add(**fault)
    with pytest.raises(error) as caught:
        plan.apply()
    assert "resume()" in caught.value.__notes__[-1]
    # Somebody else, later: what this client has learned about the server's limits is gone.
    other = connect(sandbox, store=store)
    run = other.runs.get(other.runs.list()[0].id)
    assert run.status == "failed"
    assert run.error
    assert run.ledger.balanced
    assert run.report.counts["updated"] == 0
    sandbox.faults.clear()
    assert set(statuses(run.resume()).values()) == {"updated"}
    assert [len(effects) for effects in writes(sandbox)] == [len(IDS)]


def test_a_key_without_the_right_for_stock_fails_the_rows_of_stock_alone(
    connect: Any, tmp_path: Path
) -> None:
    with be.Sandbox(products=5) as sandbox:
        key = sandbox.create_key(["read:products", "write:products"])
        shop = connect(sandbox, api_key=key)
        run = Making(tmp_path, sandbox)(
            shop, (IDS[0], "price", "11.00"), (IDS[0], "vendor", "Acme"), (IDS[1], "inventory_quantity", 5),
            (IDS[2], "vendor", "Acme"),
        ).apply()  # fmt: skip
        assert list(statuses(run).values()) == ["updated", "updated", "failed", "updated"]
        assert run.report.failed[0].code == "missing_scope"


def test_a_run_half_done_says_what_is_done_and_what_is_not(connect: Any, tmp_path: Path) -> None:
    with be.Sandbox(products=600) as sandbox:
        shop = connect(sandbox, retry=RetryPolicy(max_retries=0), concurrency=1, store=tmp_path / "shop.db")
        plan = shop.plan(all_products=True, updates=[be.tags.add("made")])
        sandbox.faults.add(WRITE, skip=1, status=401)
        with pytest.raises(be.AuthenticationError):
            plan.apply()
        other = connect(sandbox, store=tmp_path / "shop.db")
        run = other.runs.get(other.runs.list()[0].id)
        assert run.report.counts == {
            "updated": 250, "unchanged": 0, "skipped": 350 - 250, "stale": 0, "failed": 0, "unknown": 250,
            "pending": 0,
        }  # fmt: skip
        assert {outcome.code for outcome in run.report.skipped} == {"not_reached"}
        assert {outcome.code for outcome in run.report.unknown} == {"under_way"}
        assert run.ledger.balanced
        sandbox.faults.clear()
        assert run.resume().report.counts["updated"] == 600


def test_a_cancelled_run_keeps_what_it_wrote_and_can_be_taken_back(connect: Any, tmp_path: Path) -> None:
    with be.Sandbox(products=600) as sandbox:
        shop = connect(sandbox, retry=RetryPolicy(max_retries=0), concurrency=1, store=tmp_path / "shop.db")
        before = contents(sandbox)
        plan = shop.plan(all_products=True, updates=[be.tags.add("made")])
        sandbox.faults.add(WRITE, skip=1, status=401)
        with pytest.raises(be.AuthenticationError):
            plan.apply()
        sandbox.faults.clear()
        run = shop.runs.get(shop.runs.list()[0].id)
        undo = run.cancel().undo()
        assert undo.report.counts["updated"] == 250
        # What was under way may have been written: it was looked at, and was not.
        assert undo.report.counts["unchanged"] == 250
        assert contents(sandbox) == before


def test_every_unfinished_run_is_resumed(connect: Any, tmp_path: Path) -> None:
    with be.Sandbox(products=30) as sandbox, be.Sandbox(products=5) as elsewhere:
        store, making = tmp_path / "shop.db", Making(tmp_path, sandbox)
        shop = connect(sandbox, retry=RetryPolicy(max_retries=0), store=store)
        other = Making(tmp_path, elsewhere)(
            connect(elsewhere, store=store), (IDS[0], "vendor", "Acme")
        ).apply()
        done = making(shop, (IDS[3], "vendor", "Acme")).apply()
        for ident in IDS[:2]:
            sandbox.faults.add(READ, status=401, times=1)
            with pytest.raises(be.AuthenticationError):
                making(shop, (ident, "vendor", "Acme")).apply()
        assert {run.status for run in shop.runs.list()} == {"done", "failed"}
        assert other.id not in {run.id for run in shop.runs.list()}
        assert [run.id for run in shop.runs.list(status="done")] == [done.id]
        resumed = shop.runs.resume_all()
        assert [run.status for run in resumed] == ["done", "done"]
        with pytest.raises(be.RunNotFoundError):
            shop.runs.get("run_nothing")


class EditingClock(HurriedClock):
    """A clock by which somebody edits the shop as soon as the client waits for something."""

    def __init__(self, edit: Callable[[], None]) -> None:
        super().__init__()
        self._edit = edit

    def sleep(self, seconds: float) -> None:
        self._edit()
        super().sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        self._edit()
        await super().asleep(seconds)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after": 1},
        {"status": 429},
        {"status": 503},
        {"drop": True},
        {"status": 413},
        {"status": 400},
    ],
    ids=named,
)
def test_an_edit_while_a_write_waits_for_its_repeat_is_not_overwritten(
    fault: dict[str, Any], tmp_path: Path, connect: Any
) -> None:
    with be.Sandbox(products=30, completions=False, readings={"idempotency_key": "ignored"}) as sandbox:
        sandbox.faults.add(WRITE, times=1, **fault)

        def edit(*_: object) -> None:
            struck = any(entry.fault for entry in sandbox.journal)
            if struck and not edited:
                edited.append(True)
                with sandbox.connect() as colleague:
                    colleague.products.update([theirs])

        edited: list[bool] = []
        divided = fault.get("status") in {400, 413}
        hooks = be.Hooks(on_error=[edit] if divided else [])
        shop = connect(sandbox, clock=EditingClock(edit), retry=RetryPolicy(base_delay=1), hooks=hooks)
        theirs = {"id": IDS[3], "price": "77.00"}
        plan = Making(tmp_path, sandbox)(shop, *((ident, "price", "11.00") for ident in IDS))
        run = plan.apply()
        assert edited
        assert [(item.row.product, item.status) for item in run.report if item.status != "updated"] == [
            (IDS[3], "stale")
        ]
        assert sandbox.products.get(IDS[3])["price"] == 77  # type: ignore[index]


class Garbling(httpx.HTTPTransport):
    """A wire on which answers to one kind of request come otherwise than the server wrote them."""

    def __init__(self, method: str, garble: Callable[[bytes], bytes]) -> None:
        super().__init__()
        self._method, self._garble = method, garble
        self.struck = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        content = answer.read()
        if request.method == self._method:
            self.struck, content = True, self._garble(content)
        kept = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return httpx.Response(answer.status_code, headers=kept, content=content)


@pytest.mark.parametrize("on_stale", ["skip", "fail", "force"])
@pytest.mark.parametrize(
    ("field", "after", "garbled"),
    [
        ("cost", "9.00", {"cost": "free"}),
        ("custom_fields.x", 1, {"custom_fields": "none"}),
        ("tags", ["made"], {"tags": "a, b"}),
    ],
)
def test_what_cannot_be_read_is_not_taken_for_blank(
    field: str, after: Any, garbled: dict[str, Any], on_stale: Any, tmp_path: Path
) -> None:
    def garble(content: bytes) -> bytes:
        page = json.loads(content)
        return json.dumps({**page, "products": [{**row, **garbled} for row in page["products"]]}).encode()

    with be.Sandbox(products=5) as sandbox:
        making = Making(tmp_path, sandbox)
        blank = {"cost": None, "custom_fields": None, "tags": []}
        with sandbox.connect() as colleague:
            colleague.products.update([{"id": ident, **blank} for ident in IDS[:5]])
        before = contents(sandbox)
        with Garbling("GET", garble) as wire, sandbox.connect(transport=wire) as shop:
            plan = making(shop, *((ident, field, after) for ident in IDS[:5]))
            try:
                run = plan.apply(on_stale=on_stale)
            except be.PlanStoppedError:
                run = shop.runs.list()[0]
            codes = {(outcome.status, outcome.code) for outcome in run.report}
        assert codes == {("failed", "unreadable")}
        assert contents(sandbox) == before


def test_a_listed_row_without_an_id_stops_nothing(tmp_path: Path) -> None:
    def garble(content: bytes) -> bytes:
        return content.replace(b'"id":"product_id_2",', b"")

    with be.Sandbox(products=5) as sandbox:
        making = Making(tmp_path, sandbox)
        with Garbling("GET", garble) as wire, sandbox.connect(transport=wire) as shop:
            run = making(shop, *((ident, "price", "11.00") for ident in IDS[:5])).apply()
        left = [(outcome.row.product, outcome.code) for outcome in run.report if outcome.status != "updated"]
        assert left == [("product_id_2", "not_found_for_certain")]


def test_a_reply_nested_too_deep_is_a_lost_answer(tmp_path: Path) -> None:
    with be.Sandbox(products=5) as sandbox:
        making = Making(tmp_path, sandbox)
        deep = b"[" * 100_000 + b"]" * 100_000
        with Garbling("PUT", lambda _: deep) as wire, sandbox.connect(transport=wire) as shop:
            run = making(shop, *((ident, "price", "11.00") for ident in IDS[:5])).apply()
        assert wire.struck
        assert {(outcome.status, outcome.verified) for outcome in run.report} == {("updated", True)}
