"""A real catalog of 291,140 SKUs, and what it costs in memory against one of 10,000."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("_whole_catalog.py")
ROWS = 291_140
UNPRICED = 1
GROWTH_MB = 64


def run(source: object) -> dict:
    done = subprocess.run([sys.executable, PROGRAM, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.shared
def test_291140_skus_are_listed_and_changed_whole_in_flat_memory(shared):
    small = run(10_000)
    large = run(shared / "data/catalogs/jlcparts/parts.jsonl.gz")

    assert large["loaded"] == ROWS
    for client in ("blocking", "async"):
        assert large[client]["listed"] == {"rows": ROWS, "different": ROWS}
        assert (large[client]["moved"], large[client]["missing"]) == (0, 0)
    status, total, processed, failures = large["blocking"]["job"]
    assert (status, total, processed) == ("completed", ROWS, ROWS)
    assert len(failures) == UNPRICED
    assert (large["async"]["updated"], large["async"]["failed"]) == (ROWS - UNPRICED, 0)
    assert large["peak_mb"] - small["peak_mb"] <= GROWTH_MB
