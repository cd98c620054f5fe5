"""Where runs live: in a file, in memory, or in a ledger of one's own; shared by derived clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bulkeditor as be
from bulkeditor.engine import SQLiteLedger
from tests.plans.making import Making

ONE = "product_id_1"


def test_a_file_outlives_its_client(
    connect: Any, sandbox: be.Sandbox, making: Making, tmp_path: Path
) -> None:
    store = tmp_path / "shop.db"
    run = making(connect(sandbox, store=str(store)), (ONE, "price", "11.00")).apply()
    later = connect(sandbox, store=store).runs.get(run.id)
    assert later.report == run.report
    assert later.undo().status == "done"


def test_without_a_store_runs_end_with_the_client(connect: Any, sandbox: be.Sandbox, making: Making) -> None:
    run = making(connect(sandbox), (ONE, "price", "11.00")).apply()
    with pytest.raises(be.RunNotFoundError):
        connect(sandbox).runs.get(run.id)


def test_derived_clients_share_it(sandbox: be.Sandbox, making: Making, tmp_path: Path) -> None:
    with sandbox.connect() as shop:
        run = making(shop, (ONE, "price", "11.00")).apply()
        with shop.with_options(timeout=5) as patient:
            assert patient.runs.get(run.id).id == run.id
        # The store is closed with the last client over it, not with the first.
        assert shop.runs.get(run.id).undo().status == "done"
        with shop.with_options(store=tmp_path / "other.db") as other, pytest.raises(be.RunNotFoundError):
            other.runs.get(run.id)
    with pytest.raises(be.ConfigurationError, match="closed"):
        shop.runs.list()


def test_a_ledger_of_ones_own_stays_open(sandbox: be.Sandbox, making: Making) -> None:
    with SQLiteLedger() as ledger:
        with sandbox.connect(store=ledger) as shop:
            run = making(shop, (ONE, "price", "11.00")).apply()
        assert ledger.get(run.id).status == "done"


def test_a_file_that_cannot_be_used_is_one_clear_error(
    connect: Any, sandbox: be.Sandbox, making: Making, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no database")
    shop = connect(sandbox, store=tmp_path / "notes.txt")
    assert shop.products.list().first() is not None, "what needs no store works"
    with pytest.raises(be.StoreError, match=r"notes\.txt"):
        making(shop, (ONE, "price", "11.00")).apply()
    with pytest.raises(be.StoreError, match="cannot be opened"):
        connect(sandbox, store=tmp_path / "nowhere" / "shop.db").runs.list()
