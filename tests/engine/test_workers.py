"""Workers, blocking and asyncio: runs whose steps succeed, fail, wait, take long, or are left."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from bulkeditor.engine import (
    Cancelled,
    Complete,
    Done,
    Failed,
    More,
    Put,
    SQLiteLedger,
    Step,
    StepPolicy,
    WaitSignal,
    WaitUntil,
)
from bulkeditor.engine._roster import Roster
from bulkeditor.errors import (
    ConfigurationError,
    InvalidInputError,
    LeaseLostError,
    OutcomeUnknownError,
    ReadOnlyError,
    ServerError,
    StoreError,
)
from bulkeditor.http import RetryPolicy, Sleep, SystemClock, auth
from bulkeditor.testing import InstantClock
from tests.engine.twins import Blocking, Flow, Loop, get, nothing, plain
from tests.http.conftest import Reply, Server


@pytest.fixture
def clock() -> InstantClock:
    return InstantClock()


@pytest.fixture
def ledger(tmp_path, clock):
    with SQLiteLedger(tmp_path / "store.db", clock=clock.now) as opened:
        yield opened


@pytest.fixture(params=[Blocking, Loop], ids=lambda twin: twin.name)
def make(request, ledger, clock):
    """Makes a worker over the ledger that knows some workflows."""
    made = []

    def worker(*workflows: Any, settings: Any = None, **options: Any) -> Any:
        settings = {"clock": clock, **(settings or {})}
        made.append(request.param(ledger, workflows, settings, **options))
        return made[-1]

    yield worker
    for one in made:
        one.close()


@pytest.fixture
def serve():
    servers = []

    def start(script: Any) -> Server:
        servers.append(Server(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def step(key: str = "a", kind: str = "do", **options: Any) -> Step:
    return Step(key=key, kind=kind, **options)


class TestSteps:
    @pytest.mark.parametrize("lanes", [1, 4])
    def test_every_step_is_done_once(self, make, ledger, lanes):
        seen: Counter[str] = Counter()

        def do(ctx, step):
            seen[step.key] += 1
            return Done(result=step.params["n"], then=[Step(key=f"{step.key}+", kind="end", stage=1)])

        flow = Flow(*(step(f"s{n}", params={"n": n}) for n in range(25)), do=plain(do), end=nothing)
        run = ledger.start_run("k", flow)
        assert make(flow, lanes=lanes).run(run) == Complete()
        assert seen == Counter({f"s{n}": 1 for n in range(25)})
        assert ledger.get(run).done == 50
        assert [result for _, result in ledger.results(run, "do")] == list(range(25))

    def test_lanes_work_at_the_same_time(self, make, ledger, serve):
        server = serve(lambda seen: Reply(gate=gate))
        gate = threading.Event()

        def do(ctx, step):
            yield get(step.key)
            return Done()

        def watch() -> None:
            # The server answers nobody before all of them have asked.
            while len(server.requests) < 3:
                time.sleep(0.005)
            gate.set()

        watcher = threading.Thread(target=watch)
        watcher.start()
        flow = Flow(*(step(f"/{n}") for n in range(3)), do=do)
        run = ledger.start_run("k", flow)
        assert make(flow, lanes=3, settings={"base_url": server.url}).run(run) == Complete()
        watcher.join()

    def test_an_idle_lane_takes_what_another_one_left(self, make, ledger):
        """The second lane finds nothing, waits, and is woken by the steps that the first one adds."""
        seen = []

        def do(ctx, step):
            seen.append(step.key)
            n = step.params["n"]
            return Done(
                then=[Step(key=f"{step.key}{i}", kind="do", params={"n": n - 1}) for i in range(2)]
                if n
                else ()
            )

        flow = Flow(step("s", params={"n": 4}), do=plain(do))
        run = ledger.start_run("k", flow)
        assert make(flow, lanes=2).run(run) == Complete()
        assert len(seen) == len(set(seen)) == 31

    def test_what_a_handler_may_know(self, make, ledger, clock):
        known = []

        def look(ctx, step):
            known.append(
                {
                    "run": ctx.run,
                    "input": ctx.input,
                    "now": ctx.now,
                    "attempt": ctx.attempt,
                    "first": ctx.result("first"),
                    "nothing": ctx.result("nothing"),
                    "results": list(ctx.results("write")),
                    "state": ctx.state("s", "k"),
                    "own": ctx.state(ctx.own("mine"), "k"),
                    "entries": list(ctx.entries("s", "k")),
                    "keys": [ctx.idempotency_key(), ctx.idempotency_key("part")],
                }
            )
            return Done()

        def write(ctx, step):
            return Done(
                result=[1],
                state=[Put(space="s", key="k", value=2), Put(space=ctx.own("mine"), key="k", value=3)],
            )

        flow = Flow(
            step("first", kind="write"),
            step("look", kind="look", stage=1),
            look=plain(look),
            write=plain(write),
        )
        run = ledger.start_run("k", flow, {"for": 1})
        make(flow).run(run)
        (found,) = known
        one, part = found.pop("keys")
        assert len({one, part}) == 2
        assert all(30 <= len(key) <= 64 for key in (one, part))
        assert abs(found.pop("now") - clock.now()) < timedelta(minutes=1)
        assert found == {
            "run": run,
            "input": {"for": 1},
            "attempt": 1,
            "first": [1],
            "nothing": None,
            "results": [("first", [1])],
            "state": 2,
            "own": 3,
            "entries": [("k", 2)],
        }

    def test_a_key_is_the_same_at_each_attempt_and_another_for_each_step_and_run(self, make, ledger):
        keys = []

        def do(ctx, step):
            keys.append(ctx.idempotency_key())
            if ctx.attempt < 3:
                raise OutcomeUnknownError("no answer came")
            return Done()

        flow = Flow(step("a", params={"x": 1}), step("b", params={"x": 1}, stage=1), do=plain(do))
        worker = make(flow)
        for key in ("1", "2"):
            assert worker.run(ledger.start_run(key, flow)) == Complete()
        assert [Counter(keys)[key] for key in dict.fromkeys(keys)] == [3, 3, 3, 3]


class TestFailures:
    def fail_with(self, make, ledger, error, **options):
        def do(ctx, step):
            if isinstance(error, BaseException):
                raise error
            return error

        flow = Flow(step(), do=plain(do))
        run = ledger.start_run("k", flow)
        return run, make(flow, **options).run(run)

    def test_a_bug_fails_the_run_and_says_where_but_shows_no_values(self, make, ledger):
        password = "hunter2"  # noqa: F841 - must not be shown
        run, end = self.fail_with(make, ledger, ZeroDivisionError("division by zero"))
        assert end == Failed(ledger.get(run).error)
        assert end.error.startswith("ZeroDivisionError: division by zero\n")
        assert f"{__file__}:" in end.error
        assert "in do" in end.error
        assert "hunter2" not in end.error
        assert "raise error" not in end.error, "no source lines either"

    def test_credentials_are_masked_in_what_is_kept(self, make, ledger, serve, caplog):
        def do(ctx, step):
            yield get()
            raise RuntimeError("refused: sk-very-secret-1234")

        flow = Flow(step(), do=do)
        settings = {"auth": auth.APIKey("sk-very-secret-1234"), "base_url": serve(lambda seen: Reply()).url}
        end = make(flow, settings=settings).run(ledger.start_run("k", flow))
        assert "refused: ***" in end.error
        assert "sk-very-secret" not in caplog.text

    @pytest.mark.parametrize("wrong", [None, {"result": 1}, "done"])
    def test_what_is_no_done_fails_the_run(self, make, ledger, wrong):
        _, end = self.fail_with(make, ledger, wrong)
        assert "the handler of 'do' returned no Done" in end.error

    def test_a_result_that_cannot_be_kept_fails_the_run(self, make, ledger):
        _, end = self.fail_with(make, ledger, Done(result=object()))
        assert "step 'a': result cannot be kept as JSON" in end.error

    def test_an_unknown_kind_fails_the_run(self, make, ledger):
        flow = Flow(step(kind="unheard"))
        run = ledger.start_run("k", flow)
        assert "KeyError: 'unheard'" in make(flow).run(run).error

    def test_an_error_that_repeats_cannot_change_fails_the_run_at_once(self, make, ledger):
        run, end = self.fail_with(make, ledger, InvalidInputError("price is negative."))
        assert end.error == "InvalidInputError: price is negative."
        assert [attempts for _, attempts in ledger.unfinished(run)] == [1]

    def test_a_failed_run_goes_on_when_it_is_resumed(self, make, ledger):
        broken = [True]

        def do(ctx, step):
            if broken:
                raise ValueError(broken.pop())
            return Done(result=ctx.attempt)

        flow = Flow(step(), do=plain(do))
        run = ledger.start_run("k", flow)
        worker = make(flow)
        assert isinstance(worker.run(run), Failed)
        assert isinstance(worker.run(run), Failed)
        assert ledger.resume(run)
        assert worker.run(run) == Complete()
        assert ledger.result(run, "a") == 2

    def test_an_error_that_may_pass_is_tried_again_later_and_later(self, make, ledger, clock):
        times = []

        def do(ctx, step):
            times.append(clock.now())
            if len(times) < 5:
                raise ServerError("down", status=503)
            return Done()

        flow = Flow(step(), do=plain(do))
        run = ledger.start_run("k", flow)
        assert make(flow).run(run) == Complete()
        waits = [(later - before).total_seconds() for before, later in itertools.pairwise(times)]
        # Full jitter: a random part of 2, 4, 8, 16 seconds; and what really passed meanwhile.
        for wait, bound in zip(waits, (2, 4, 8, 16), strict=True):
            assert wait <= bound + 5

    def test_it_fails_in_the_end(self, make, ledger):
        policy = StepPolicy(retry=RetryPolicy(max_retries=3, base_delay=1000))
        run, end = self.fail_with(make, ledger, ServerError("down", status=503), policy=policy)
        assert "down" in end.error
        assert [attempts for _, attempts in ledger.unfinished(run)] == [4]

    def test_a_server_that_says_when_is_heard(self, make, ledger, clock):
        def do(ctx, step):
            raise ServerError("down", status=503, retry_after=300)

        flow = Flow(step(), do=plain(do))
        run = ledger.start_run("k", flow)
        end = make(flow).run(run, sleep=False)
        assert isinstance(end, WaitUntil)
        assert timedelta(seconds=295) < end.at - clock.now() <= timedelta(seconds=300)

    def test_a_server_that_asks_for_more_time_than_there_is_patience_ends_the_run(self, make, ledger):
        error = ServerError("down", status=503, retry_after=300)
        run, end = self.fail_with(make, ledger, error, policy=StepPolicy(patience=60))
        assert isinstance(end, Failed)
        assert [attempts for _, attempts in ledger.unfinished(run)] == [1]

    def test_state_that_moved_is_decided_upon_anew(self, make, ledger):
        attempts = []

        def count(ctx, step):
            attempts.append(ctx.attempt)
            before = ctx.state("s", "count") or 0
            if len(attempts) < 4:
                ledger.put([Put(space="s", key="count", value=before + 10)])  # somebody else
            return Done(state=[Put(space="s", key="count", value=before + 1, expect=before or None)])

        flow = Flow(step(kind="count"), count=plain(count))
        run = ledger.start_run("k", flow)
        assert make(flow).run(run) == Complete()
        assert attempts == [1, 2, 3, 4], "what it sent before may have arrived"
        assert ledger.state("s", "count") == 31

    def test_an_expectation_that_never_holds_fails_the_run(self, make, ledger, monkeypatch):
        monkeypatch.setattr("bulkeditor.engine._advance._COLLISIONS", 20)
        _, end = self.fail_with(make, ledger, Done(state=[Put(space="s", key="k", value=1, expect=2)]))
        assert "s: 'k' is no longer as it was" in end.error

    @pytest.mark.parametrize("error", [ConfigurationError("closed"), ReadOnlyError("read-only")])
    def test_what_is_the_workers_fault_is_raised_and_the_run_goes_on_elsewhere(self, make, ledger, error):
        with pytest.raises(type(error)):
            self.fail_with(make, ledger, error)
        (row,) = ledger.runs()
        assert row.status == "running"
        assert list(ledger.due()) == [row.id], "the step was given back"

    def test_a_read_only_session_fails_no_run(self, make, ledger):
        def do(ctx, step):
            yield get(write=True)

        flow = Flow(step(), do=do)
        run = ledger.start_run("k", flow)
        with pytest.raises(ReadOnlyError):
            make(flow, settings={"read_only": True}).run(run)
        assert ledger.get(run).status == "running"

    def test_a_store_that_fails_is_raised_and_the_run_goes_on_later(self, make, ledger):
        def do(ctx, step):
            ledger._database._writer.execute("PRAGMA max_page_count = 1")
            return Done(result="x" * 100_000)

        flow = Flow(step("a"), do=plain(do))
        run = ledger.start_run("k", flow)
        with pytest.raises(StoreError, match="full"):
            make(flow, lanes=2).run(run)
        ledger._database._writer.execute("PRAGMA max_page_count = 100000")
        assert ledger.get(run).status == "running"

    def test_a_workflow_that_is_not_known_here(self, make, ledger):
        flow = Flow(step(), do=nothing)
        run = ledger.start_run("k", flow)
        worker = make(Flow(version=2), Flow(name="other"))
        with pytest.raises(
            ConfigurationError, match=r"'flow', version 1; known here: 'flow' version 2, 'other'"
        ):
            worker.run(run)
        assert list(worker.tick()) == [], "it is left to those who know it"
        assert make(Flow(version=2), flow).run(run) == Complete()

    def test_lanes_and_durations_are_checked(self, make):
        with pytest.raises(InvalidInputError, match="lanes must be at least 1"):
            make(lanes=0).advance("x")
        with pytest.raises(InvalidInputError, match="lease must be a number of seconds above 0"):
            StepPolicy(lease=0)


class TestWaiting:
    def test_a_time(self, make, ledger, clock):
        at = clock.now() + timedelta(days=3)
        flow = Flow(
            step("a"), step("b", not_before=at), do=plain(lambda ctx, step: Done(result=str(ctx.now)))
        )
        run = ledger.start_run("k", flow)
        worker = make(flow)
        assert worker.run(run, sleep=False) == WaitUntil(at)
        assert worker.run(run) == Complete()
        assert ledger.get(run).finished_at >= at
        assert sum(clock.slept) >= 3 * 86_400 - 60

    def test_a_signal(self, make, ledger):
        flow = Flow(step("a", signal="approved"), do=plain(lambda ctx, step: Done(result=ctx.signal)))
        run = ledger.start_run("k", flow)
        worker = make(flow)
        assert worker.run(run) == WaitSignal()
        ledger.signal(run, "approved", "1", {"by": "Ada"})
        assert worker.run(run) == Complete()
        assert ledger.result(run, "a") == {"by": "Ada"}

    def test_a_pause_within_a_step(self, make, ledger, clock):
        def do(ctx, step):
            yield Sleep(100)
            return Done()

        flow = Flow(step(), do=do)
        assert make(flow).run(ledger.start_run("k", flow)) == Complete()
        assert 100 in clock.slept

    def test_the_lease_of_a_worker_that_died(self, make, ledger, clock):
        flow = Flow(step(), do=plain(lambda ctx, step: Done(result=ctx.attempt)))
        run = ledger.start_run("k", flow)
        ledger.claim(run, 30)
        worker = make(flow)
        assert worker.run(run) == Complete()
        assert ledger.result(run, "a") == 2
        assert 25 < sum(clock.slept) <= 31

    def test_a_slice_ends_when_its_budget_does_and_brings_the_run_on(self, make, ledger, clock):
        def do(ctx, step):
            clock.advance(10)
            return Done()

        flow = Flow(*(step(f"s{n}") for n in range(7)), do=plain(do))
        run = ledger.start_run("k", flow)
        worker = make(flow, budget=25)
        assert worker.advance(run) == More()
        assert ledger.get(run).done == 3
        assert make(flow, budget=0.001).advance(run) == More()
        assert ledger.get(run).done == 4
        assert worker.run(run) == Complete()

    def test_a_cancelled_run(self, make, ledger):
        def do(ctx, step):
            ledger.cancel(ctx.run)
            return Done(result="written")

        flow = Flow(step("a"), step("b"), do=plain(do))
        run = ledger.start_run("k", flow)
        worker = make(flow)
        assert worker.run(run) == Cancelled()
        assert ledger.result(run, "a") == "written"
        assert worker.run(run) == Cancelled()

    def test_stop_finishes_the_step_under_way(self, make, ledger):
        def do(ctx, step):
            worker.worker.stop()
            return Done(result="written")

        flow = Flow(step("a"), step("b"), do=plain(do))
        run = ledger.start_run("k", flow)
        worker = make(flow)
        assert worker.run(run) == More()
        assert ledger.result(run, "a") == "written"
        assert [(one.key, attempts) for one, attempts in ledger.unfinished(run)] == [("b", 0)]


class TestLeases:
    """With the real clock; what waits, waits for events."""

    @pytest.fixture
    def spied(self, tmp_path):
        class Spied(SQLiteLedger):
            renewed = threading.Semaphore(0)
            lost = threading.Event()
            offset = timedelta(0)
            claims = 0

            def claim(self, run, lease):
                type(self).claims += 1
                return super().claim(run, lease)

            def renew(self, claim, lease):
                try:
                    return super().renew(claim, lease)
                except LeaseLostError:
                    self.lost.set()
                    raise
                finally:
                    self.renewed.release()

        with Spied(tmp_path / "real.db", clock=lambda: SystemClock().now() + Spied.offset) as opened:
            yield opened

    @pytest.fixture(params=[Blocking, Loop], ids=lambda twin: twin.name)
    def twin(self, request):
        return request.param

    def test_a_step_that_takes_long_keeps_its_lease(self, twin, spied, serve):
        gate = threading.Event()
        server = serve(lambda seen: Reply(gate=gate))

        def wait_for_renewals() -> None:
            for _ in range(7):  # more than two leases
                spied.renewed.acquire(timeout=30)
            stolen.append(spied.claim(run, 1))
            gate.set()

        def do(ctx, step):
            yield get()
            return Done(result=ctx.attempt)

        stolen: list[Any] = []
        flow = Flow(step(), do=do)
        run = spied.start_run("k", flow)
        watcher = threading.Thread(target=wait_for_renewals)
        watcher.start()
        worker = twin(spied, [flow], {"base_url": server.url}, policy=StepPolicy(lease=0.3))
        assert worker.run(run) == Complete()
        watcher.join()
        worker.close()
        assert stolen == [None]
        assert spied.result(run, "a") == 1

    def test_idle_lanes_let_the_others_work(self, twin, spied, serve):
        gate = threading.Event()
        server = serve(lambda seen: Reply(gate=gate))

        def wait_a_while() -> None:
            for _ in range(3):
                spied.renewed.acquire(timeout=30)
            gate.set()

        def do(ctx, step):
            yield get()
            return Done()

        flow = Flow(step(), do=do)
        run = spied.start_run("k", flow)
        watcher = threading.Thread(target=wait_a_while)
        watcher.start()
        worker = twin(spied, [flow], {"base_url": server.url}, policy=StepPolicy(lease=0.6), lanes=4)
        assert worker.run(run) == Complete()
        watcher.join()
        worker.close()
        # They look at the start, and once in a while whether other processes have left them something.
        assert spied.claims < 25

    def test_who_lost_its_lease_lets_go_and_commits_nothing(self, twin, spied, serve, caplog):
        gate = threading.Event()
        server = serve(lambda seen: Reply(gate=gate))

        def do(ctx, step):
            yield get()
            return Done(result=f"attempt {ctx.attempt}")

        def steal() -> None:
            while not server.requests:
                time.sleep(0.005)
            type(spied).offset = timedelta(hours=1)
            claim = spied.claim(run, 600)
            spied.lost.wait(30)
            spied.finish(claim, Done(result="the thief's"))

        flow = Flow(step(), do=do)
        run = spied.start_run("k", flow)
        thief = threading.Thread(target=steal)
        thief.start()
        worker = twin(spied, [flow], {"base_url": server.url}, policy=StepPolicy(lease=0.6))
        assert worker.run(run) == Complete()
        assert not gate.is_set(), "it broke off: the server never answered"
        thief.join()
        worker.close()
        assert spied.result(run, "a") == "the thief's"
        assert "lease ran out" in caplog.text

    def test_a_process_that_was_halted_for_too_long_sends_nothing_more(self, make, ledger, clock, serve):
        """The lease may be another one's by now, and no request can be called back."""
        server = serve(lambda seen: Reply())

        def do(ctx, step):
            yield get(f"/{ctx.attempt}/first")
            if ctx.attempt == 1:
                clock.advance(31)
            yield get(f"/{ctx.attempt}/second")
            return Done(result=ctx.attempt)

        flow = Flow(step(), do=do)
        run = ledger.start_run("k", flow)
        assert make(flow, settings={"base_url": server.url}).run(run) == Complete()
        assert [seen.target for seen in server.requests] == ["/1/first", "/2/first", "/2/second"]
        assert ledger.result(run, "a") == 2


class TestLeaving:
    def test_ctrl_c_gives_the_step_back(self, ledger, clock):
        def do(ctx, step):
            yield from ()
            if ctx.attempt == 1:
                raise KeyboardInterrupt
            return Done(result=ctx.attempt)

        flow = Flow(step(), do=do)
        run = ledger.start_run("k", flow)
        worker = Blocking(ledger, [flow], {"clock": clock})
        with pytest.raises(KeyboardInterrupt):
            worker.run(run)
        assert list(ledger.due()) == [run]
        assert worker.run(run) == Complete()
        assert ledger.result(run, "a") == 2
        worker.close()

    def test_ctrl_c_in_one_lane_breaks_the_others_off(self, ledger, clock, serve):
        gate = threading.Event()
        server = serve(lambda seen: Reply(gate=gate))

        def do(ctx, step):
            if step.key == "here":
                while not server.requests:
                    time.sleep(0.005)
                raise KeyboardInterrupt
            yield get()
            return Done()

        flow = Flow(step("here"), step("there"), do=do)
        run = ledger.start_run("k", flow)
        worker = Blocking(ledger, [flow], {"base_url": server.url, "clock": clock}, lanes=2)
        with pytest.raises(KeyboardInterrupt):
            worker.run(run)
        worker.close()
        assert [attempts for _, attempts in ledger.unfinished(run)] == [1, 1]
        assert ledger.claim(run, 30) is not None
        assert ledger.claim(run, 30) is not None, "both were given back, and nobody waits for a lease"
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("bulkeditor-")]

    def test_a_cancelled_task_gives_its_steps_back(self, ledger, clock, serve):
        gate = threading.Event()
        server = serve(lambda seen: Reply(gate=gate))

        def do(ctx, step):
            yield get()
            return Done()

        flow = Flow(step("a"), step("b"), do=do)
        run = ledger.start_run("k", flow)

        async def work(worker: Any) -> None:
            task = asyncio.create_task(worker.run(run))
            while len(server.requests) < 2:  # noqa: ASYNC110 - they come from the server's threads
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        Loop(ledger, [flow], {"base_url": server.url, "clock": clock}, lanes=2)._call(work)
        assert ledger.get(run).status == "running"
        assert [attempts for _, attempts in ledger.unfinished(run)] == [1, 1]
        assert {ledger.claim(run, 30).step.key, ledger.claim(run, 30).step.key} == {"a", "b"}

    def test_the_loop_does_not_wait_for_the_disk(self, ledger, clock, tmp_path):
        """While another process holds the file, other tasks of the loop go on."""
        flow = Flow(step(), do=nothing)
        run = ledger.start_run("k", flow)
        stranger = SQLiteLedger(tmp_path / "store.db")

        async def work(worker: Any) -> int:
            turns = 0
            holding = stranger._database.write()
            holding.__enter__()
            try:
                task = asyncio.create_task(worker.run(run))
                for _ in range(50):
                    await asyncio.sleep(0.002)
                    turns += 1
                assert not task.done()
            finally:
                holding.__exit__(None, None, None)
            assert await task == Complete()
            return turns

        assert Loop(ledger, [flow], {"clock": clock})._call(work) == 50
        stranger.close()


class Every:
    """A schedule."""

    def __init__(self, flow: Any, at: Any) -> None:
        self.name = "every"
        self.workflow = flow
        self.at = at

    def input(self, at: Any) -> Any:
        return at.isoformat()

    def latest(self, now: Any) -> Any:
        return self.at if self.at is not None and self.at <= now else None


class TestTick:
    def test_a_schedule_fires_once_however_many_look(self, make, ledger, clock):
        flow = Flow(step(), do=nothing)
        schedule = Every(flow, clock.now() - timedelta(minutes=1))
        workers = [make(flow, schedules=[schedule]) for _ in range(3)]
        assert [list(worker.tick()) for worker in workers] == [[], [], []], (
            "what was before is not made up for"
        )
        schedule.at = clock.now() + timedelta(hours=1)
        assert list(workers[0].tick()) == []
        clock.advance(3600)
        (run,) = workers[0].tick()
        assert [list(worker.tick()) for worker in workers] == [[run], [run], [run]]
        assert ledger.get(run).input == schedule.at.isoformat()
        assert workers[1].run(run) == Complete()
        assert list(workers[2].tick()) == []
        assert len(list(ledger.runs())) == 1

    def test_sleepers_wake_and_orphans_are_found(self, make, ledger, clock):
        flow = Flow(step(), do=nothing)
        sleeper = ledger.start_run("1", Flow(step(not_before=clock.now() + timedelta(minutes=1)), do=nothing))
        orphan = ledger.start_run("2", flow)
        ledger.claim(orphan, 30)
        worker = make(flow)
        assert list(worker.tick()) == []
        clock.advance(31)
        assert list(worker.tick()) == [orphan]
        clock.advance(30)
        assert list(worker.tick()) == [sleeper, orphan]


class TestServe:
    @pytest.fixture(params=[Blocking, Loop], ids=lambda twin: twin.name)
    def served(self, request, tmp_path):
        """Serves a store in a thread with the real clock, until the test says stop."""
        with SQLiteLedger(tmp_path / "real.db") as opened:
            threads = []

            def start(*workflows: Any, **options: Any) -> Any:
                worker = request.param(opened, workflows, {}, **options)
                thread = threading.Thread(target=worker.serve)
                threads.append((worker, thread))
                thread.start()
                return worker

            yield opened, start
            for worker, thread in threads:
                worker.worker.stop()
                thread.join(30)
                assert not thread.is_alive()
                worker.close()

    def test_runs_that_are_there_and_runs_that_come(self, served):
        ledger, start = served
        done = threading.Semaphore(0)

        def do(ctx, step):
            done.release()
            return Done()

        flow = Flow(step("a"), step("b", stage=1), do=plain(do))
        before = [ledger.start_run(f"before{n}", flow) for n in range(6)]
        start(flow)
        for _ in range(12):
            assert done.acquire(timeout=30)
        after = ledger.start_run("after", flow)
        for _ in range(2):
            assert done.acquire(timeout=30)
        deadline = time.monotonic() + 30
        while {ledger.get(run).status for run in (*before, after)} != {"done"}:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def test_a_run_that_cannot_be_carried_on_here_keeps_no_other_back(self, served, caplog):
        ledger, start = served
        tried, done = threading.Semaphore(0), threading.Event()

        def poison(ctx, step):
            tried.release()
            raise ConfigurationError("This worker lacks something.")

        def do(ctx, step):
            done.set()
            return Done()

        flow = Flow(do=plain(do), poison=plain(poison))
        poisoned = ledger.start_run("1", Flow(step(kind="poison")))
        start(flow)
        assert tried.acquire(timeout=30)
        ledger.start_run("2", Flow(step()))
        assert done.wait(30)
        assert ledger.get(poisoned).status == "running"
        assert not tried.acquire(blocking=False), "it is left alone for a while"
        assert "lacks something" in caplog.text


class TestRoster:
    def test_runs_take_turns(self, clock):
        roster = Roster(2)
        served: Counter[str] = Counter()
        for _ in range(30):
            for run in roster.choose(["a", "b", "c"], clock.now()):
                served[run] += 1
                roster.ended(run, None, clock.now())
        assert set(served.values()) == {20}

    def test_no_run_is_under_way_twice(self, clock):
        roster = Roster(2)
        assert roster.choose(["a", "b", "c"], clock.now()) == ["a", "b"]
        assert roster.choose(["a", "b", "c"], clock.now()) == []
        roster.ended("a", None, clock.now())
        assert roster.choose(["a", "b", "c"], clock.now()) == ["c"]

    def test_what_cannot_be_tried_rests_for_a_minute(self, clock):
        roster = Roster(1)
        roster.choose(["a"], clock.now())
        roster.ended("a", LeaseLostError("x"), clock.now())
        assert roster.choose(["a"], clock.now()) == []
        clock.advance(61)
        assert roster.choose(["a"], clock.now()) == ["a"]
