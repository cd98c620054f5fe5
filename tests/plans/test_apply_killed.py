"""A program that applies a plan is killed, really, again and again; each time another one goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import bulkeditor as be
from tests.plans.making import contents

KILLS: Final = int(os.environ.get("BULKEDITOR_KILLS", "2"))
SEED: Final = int(os.environ.get("BULKEDITOR_TEST_SEED", "20240601"))

PROGRAM: Final = """
import sys
from datetime import UTC, datetime, timedelta

import bulkeditor as be
from bulkeditor.engine import SQLiteLedger

base_url, api_key, store, plan, number, attempt, undo = sys.argv[1:]
# Each program starts a minute after the one before it, so that the leases of the dead have run out.
later = timedelta(minutes=int(number))
ledger = SQLiteLedger(store, clock=lambda: datetime.now(UTC) + later)
with be.BulkEditor(base_url, api_key=api_key, store=ledger, concurrency=2) as shop:
    step = lambda progress: print(progress.done, flush=True)
    if undo == "apply":
        run = shop.load_plan(plan).apply(attempt=int(attempt), progress=step)
    else:
        run = next(run for run in shop.runs.list() if run.undoes is None).undo(progress=step)
    print("over", run.ledger, flush=True)
"""


def test_programs_that_are_killed_again_and_again(tmp_path: Path) -> None:
    rnd = random.Random(SEED)
    with be.Sandbox(products=800, readings={"idempotency_key": "ignored"}) as sandbox:
        with sandbox.connect() as shop:
            before = contents(sandbox)
            plan = shop.plan(all_products=True, updates=[be.price.percentage(-20), be.tags.add("made")])
            plan.save(tmp_path / "plan.json")
        given = (sandbox.base_url, sandbox.api_key, str(tmp_path / "shop.db"), str(tmp_path / "plan.json"))
        number, attempt, kills = 0, 0, 0
        while kills < KILLS:
            attempt += 1
            for undo in ("apply", "undo"):
                deaths = 0
                while True:
                    number += 1
                    lines = rnd.randint(1, 2) if deaths < max(KILLS // 2, 1) else None
                    if _over((*given, str(number), str(attempt), undo), lines):
                        break
                    deaths += 1
                kills += deaths
                for row in plan.rows if undo == "apply" else ():
                    product = sandbox.products.get(row.product)
                    assert product is not None
                    assert product[row.field] == row.after
            assert contents(sandbox) == before
        sandbox.assert_no_duplicate_effects()
        effects = sum(len(entry.effects) for entry in sandbox.journal)
        products = len({row.product for row in plan.rows})
        assert effects == 2 * attempt * products, "each product changed there and back, once each time"


def _over(arguments: tuple[str, ...], lines: int | None) -> bool:
    """Run the program, and kill it after so many lines; whether it came to its end."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        for heard, line in enumerate(program.stdout, 1):
            if line.startswith("over"):
                program.wait()
                return True
            if heard == lines:
                program.send_signal(signal.SIGKILL)
                break
        program.wait()
        assert program.returncode == -signal.SIGKILL, f"the program ended with {program.returncode}"
        return False
