"""One file, several real processes: they share the steps of a run, and some of them are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from bulkeditor.engine import SQLiteLedger, Step
from tests.engine.test_ledger import Given
from tests.http.conftest import Reply, Server

ROOT = Path(__file__).resolve().parents[2]
STEPS = int(os.environ.get("BULKEDITOR_RACE_STEPS", "800"))

WORK = """
import os, sys
from bulkeditor.engine import Done, Put, SQLiteLedger
from bulkeditor.errors import LeaseLostError

ledger = SQLiteLedger(sys.argv[1])
run = sys.argv[2]
me = str(os.getpid())
print("ready", flush=True)
sys.stdin.readline()
while ledger.get(run).status == "running":
    claim = ledger.claim(run, 1.0)
    while claim is not None:
        count = ledger.state("done", me) or 0
        key = claim.step.key
        puts = [Put(space="done", key=me, value=count + 1), Put(space="by", key=key, value=me, expect=None)]
        try:
            claim = ledger.finish(claim, Done(result=me, state=puts), claim_next=1.0)
        except LeaseLostError:
            claim = None
"""


class Crew:
    """Processes that work on one run."""

    def __init__(self, path: Path, run: str) -> None:
        self.command = [sys.executable, "-c", WORK, str(path), run]
        self.members: list[subprocess.Popen[str]] = []

    def join(self, number: int = 1) -> None:
        new = [
            subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            for _ in range(number)
        ]
        for one in new:
            assert one.stdout is not None
            assert one.stdin is not None
            assert one.stdout.readline() == "ready\n"
        for one in new:
            one.stdin.write("go\n")
            one.stdin.flush()
        self.members += new

    def finish(self) -> list[int]:
        return [self.ended(one) for one in self.members]

    @staticmethod
    def ended(one: subprocess.Popen[str]) -> int:
        one.communicate(timeout=120)
        return one.returncode

    def close(self) -> None:
        for one in self.members:
            one.kill()
            one.communicate()


def test_processes_share_the_steps_of_a_run_and_some_are_killed(tmp_path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    path = tmp_path / "store.db"
    with SQLiteLedger(path) as ledger:
        run = ledger.start_run("k", Given(*(Step(key=f"s{n}", kind="do") for n in range(STEPS))))
        crew = Crew(path, run)
        try:
            crew.join(4)
            killed = 0
            for mark in sorted(rng.sample(range(STEPS // 20, STEPS * 6 // 10), 4)):
                while ledger.get(run).done < mark:
                    time.sleep(0.005)
                victim = crew.members.pop(rng.randrange(len(crew.members)))
                victim.kill()
                # On a busy machine the run may be over before the signal comes.
                killed += crew.ended(victim) == -signal.SIGKILL
                crew.join()
            assert crew.finish() == [0, 0, 0, 0]
        finally:
            crew.close()
        assert killed >= 1
        row = ledger.get(run)
        assert (row.status, row.steps, row.done) == ("done", STEPS, STEPS)
        by = Counter(worker for _, worker in ledger.entries("by"))
        assert by == Counter(result for _, result in ledger.results(run)), "state and result come together"
        assert by == Counter(dict(ledger.entries("done"))), (
            "none was counted that was not done, and none twice"
        )
        assert sum(by.values()) == STEPS
        assert len(by) >= 2, "more than one of them had a share"
        with ledger._database.read() as tx:
            assert tx.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


SERVE = """
import signal, sys
from bulkeditor.engine import Done, SQLiteLedger, Worker
from bulkeditor.http import Request, Session, SessionConfig
from tests.engine.twins import Flow

def do(ctx, step):
    yield Request(method="GET", path="/" + step.key, operation="test")
    return Done(result="answered")

with SQLiteLedger(sys.argv[1]) as ledger, Session(SessionConfig(base_url=sys.argv[2])) as session:
    worker = Worker(ledger, session, [Flow(do=do)])
    signal.signal(signal.SIGTERM, lambda *_: (worker.stop(), print("stopping", flush=True)))
    worker.serve()
"""


def test_sigterm_ends_a_worker_after_the_step_under_way(tmp_path):
    gate = threading.Event()
    server = Server(lambda seen: Reply(gate=gate))
    with SQLiteLedger(tmp_path / "store.db") as ledger:
        flow = Given(Step(key="first", kind="do"), Step(key="second", kind="do"))
        flow.name = "flow"
        run = ledger.start_run("k", flow)
        child = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(tmp_path / "store.db"), server.url],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            deadline = time.monotonic() + 60
            while not server.requests:
                assert time.monotonic() < deadline
                assert child.poll() is None
                time.sleep(0.01)
            child.send_signal(signal.SIGTERM)
            assert child.stdout.readline() == "stopping\n"
            gate.set()
            assert child.wait(60) == 0
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
            server.close()
        assert ledger.result(run, "first") == "answered"
        assert [(one.key, attempts) for one, attempts in ledger.unfinished(run)] == [("second", 0)]
        assert [seen.target for seen in server.requests] == ["/first"]
