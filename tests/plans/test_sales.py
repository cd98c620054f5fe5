"""A thousand random sale schedules with overlaps end at the pure function's price."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import bulkeditor as be
from tests.plans.sales import Season

SALES = int(os.environ.get("BULKEDITOR_SALES", "32"))
"""How many sales are scheduled in all."""

EACH = 8
READINGS: tuple[dict[str, Any], ...] = (
    {},
    {"idempotency_key": "ignored", "custom_fields_update": "replace"},
    {"bulk_reply": "no_content", "money": "string"},
    {"filter": "ignored", "idempotency_key": "ignored"},
)


@pytest.mark.parametrize("number", range(len(READINGS)))
def test_every_field_shows_what_the_diary_says(number: int, tmp_path: Path) -> None:
    """At each tick, and in the end; the seed is in the name of the failing season."""
    sales = deaths = 0
    with be.Sandbox(products=12, readings=READINGS[number], clock="frozen") as sandbox:
        fresh = sandbox.snapshot()
        for seed in range(number * 10_000, number * 10_000 + -(-SALES // (EACH * len(READINGS)))):
            sandbox.restore(fresh)
            season = Season(sandbox, tmp_path, seed, sales=EACH)
            print(f"season of seed {seed}, readings {READINGS[number]}")  # noqa: T201 - found again by it
            season.run()
            sandbox.assert_no_duplicate_effects()
            sales += EACH
            deaths += season.deaths
    print(f"{sales} sales, {deaths} deaths")  # noqa: T201 - the proof in figures
