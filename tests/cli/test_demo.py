"""The demo from end to end, over real HTTP: it proves a good run, and notices each way to be bad."""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import bulkeditor as be
from bulkeditor.cli import cli
from bulkeditor.cli._demo import DemoResult, run_demo
from bulkeditor.cli._faults import FAULTS
from bulkeditor.cli._screen import Screen

SHIRTS = {"product_type": "T-Shirt", "vendor": "Premium Brand"}


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def prove(sandbox: be.Sandbox) -> DemoResult:
    # A sandbox delivers at once, or, with the fault, never: no need to wait for long.
    return run_demo(sandbox, Screen(), webhook_timeout=0.3, job_timeout=2)


@pytest.fixture
def sandbox() -> Iterator[be.Sandbox]:
    with be.Sandbox(products=120) as server:
        yield server


def test_a_good_run_is_proved_and_told(sandbox: be.Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    before = {row["id"]: row for row in sandbox.products.rows()}
    result = prove(sandbox)
    assert result.ok, result.problems
    assert result.filter == SHIRTS
    matched = [row for row in before.values() if SHIRTS.items() <= row.items()]
    assert (result.products, result.matched, result.changed + result.kept) == (
        120,
        len(matched),
        len(matched),
    )
    assert result.outside == 120 - len(matched)
    for row in sandbox.products.rows():
        old = before[row["id"]]
        if SHIRTS.items() <= old.items():
            assert abs(row["price"] - old["price"] * Decimal("0.8")) <= Decimal("0.01")
            assert row["price"] < old["price"]
        else:
            assert row == old
    out = capsys.readouterr().out
    for text in ("120 products", "Preview of -20 %", "signature verified", "every row proved", "Go on"):
        assert text in out
    first = matched[0]
    assert str(first["sku"]) in out
    assert str(first["price"]) in out


def test_it_leaves_no_webhook_behind(sandbox: be.Sandbox) -> None:
    prove(sandbox)
    with sandbox.connect() as shop:
        assert shop.webhooks.list().all() == []


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("bad-signature", "not genuine"),
        ("missing-webhook", "No webhook"),
        ("no-changes", "No row was changed"),
        ("unchanged-row", "is unchanged at"),
        ("stalled-job", "has not ended within"),
    ],
)
def test_each_fault_is_noticed(sandbox: be.Sandbox, fault: str, says: str) -> None:
    FAULTS[fault](sandbox)
    result = prove(sandbox)
    assert not result.ok
    assert any(says in problem for problem in result.problems), result.problems


class Meddled(be.Sandbox):
    """A shop in which somebody else writes while the demo's job runs."""

    def connect(self, **options: object) -> be.BulkEditor:
        def meddle(event: object) -> None:
            if getattr(event, "operation", "") == "bulk_jobs.create":
                with super(Meddled, self).connect() as other:
                    stranger = other.products.list(filter=be.F.vendor != "Premium Brand").first()
                    assert stranger is not None
                    assert other.products.update([{"id": stranger.id, "barcode": "4006381333931"}]).ok

        return super().connect(hooks=be.Hooks(on_response=(meddle,)), **options)


def test_a_change_outside_the_filter_is_noticed() -> None:
    with Meddled(products=60) as sandbox:
        result = prove(sandbox)
    assert result.problems == ("Rows outside the filter changed.",)


def test_a_server_that_ignores_the_filter_of_a_job_is_a_failure() -> None:
    with be.Sandbox(products=120, readings={"job_filter": "ignored"}) as sandbox:
        result = prove(sandbox)
    assert any("its filter selects" in problem for problem in result.problems), result.problems


def test_every_fault_has_its_test() -> None:
    [mark] = [mark for mark in test_each_fault_is_noticed.pytestmark if mark.name == "parametrize"]
    assert {fault for fault, _ in mark.args[1]} == set(FAULTS)


def test_the_command_fails_with_a_fault() -> None:
    result = invoke("demo", "--products", "120", "--fault", "unchanged-row")
    assert result.exit_code == 1
    assert "Failed: 1 problem" in result.output
    assert "is unchanged at" in result.output


def test_the_command_succeeds_without() -> None:
    result = invoke("demo", "--products", "120", "--seed", "11")
    assert (result.exit_code, "seed 11" in result.output) == (0, True), result.output


@pytest.mark.parametrize("option", ["--fault"])
def test_faults_are_no_part_of_the_help(option: str) -> None:
    assert option not in invoke("demo", "--help").output


def test_an_empty_catalog_is_a_failure() -> None:
    result = invoke("demo", "--products", "0")
    assert result.exit_code == 1
    assert "holds no products" in result.output


def write(path: Path, *rows: dict[str, object]) -> Path:
    text = "".join(json.dumps({"title": "A thing"} | row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_several_files_make_one_catalog(tmp_path: Path) -> None:
    one = write(
        tmp_path / "one.jsonl",
        {"sku": "A", "price": "10.00", "vendor": "Acme"},
        {"sku": "B", "price": "0.01"},
    )
    two = write(
        tmp_path / "two.jsonl.gz",
        {"sku": "C", "price": "0.0121", "vendor": "Acme"},
        {"sku": "D", "price": None},
    )
    result = invoke("demo", "--catalog", str(one), "--catalog", str(two))
    assert result.exit_code == 0, result.output
    assert "one.jsonl: 2 records, 2 products" in result.output
    assert "two.jsonl.gz: 2 records, 2 products" in result.output
    assert 'vendor = "Acme"' in result.output
    assert "2 of 4 products reduced" in result.output


def test_rows_without_a_price_are_counted_not_failed(tmp_path: Path) -> None:
    rows = [
        {"sku": f"S-{number}", "price": price, "vendor": "Acme"}
        for number, price in enumerate(["5", None, "7"])
    ]
    result = invoke("demo", "--catalog", str(write(tmp_path / "rows.jsonl", *rows)))
    assert result.exit_code == 0, result.output
    assert "1 row refused" in result.output
    assert "1 row rightly as before" in result.output
    assert "2 of 3 products reduced" in result.output


def test_a_catalog_without_prices_is_a_failure(tmp_path: Path) -> None:
    result = invoke("demo", "--catalog", str(write(tmp_path / "rows.jsonl", {"sku": "A", "price": None})))
    assert result.exit_code == 1
    assert "No product has a price" in result.output


def test_rows_that_could_not_be_read_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", {"sku": "A", "price": "5.00", "vendor": "Acme"})
    path.write_text(path.read_text("utf-8") + "{broken\n", "utf-8")
    result = invoke("demo", "--catalog", str(path))
    assert result.exit_code == 0, result.output
    assert "1 unreadable" in result.output
    assert "rows.jsonl:2: " in result.output


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"colour,size\nred,4\n", "price"),
        ("x.bin", b"\x00\x01\x02", "x.bin"),
        ("x.csv.gz", b"no gzip", "x.csv.gz"),
    ],
)
def test_a_file_that_is_no_catalog_is_one_clear_error(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    result = invoke("demo", "--catalog", str(tmp_path / name))
    assert result.exit_code == 1
    assert says in result.output
    assert "Traceback" not in result.output


def test_a_file_that_is_not_there_is_a_usage_error() -> None:
    result = invoke("demo", "--catalog", "nowhere.csv")
    assert result.exit_code == 2
    assert "nowhere.csv" in result.output


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "changed", "total"),
    [
        ("gatsby-starter-products", 3, 300),
        ("packt-product-data", 7, 21),
        ("shopifypartners-apparel", 22, 22),
        ("shopifypartners-home-and-garden", 7, 21),
        ("shopifypartners-jewelery", 7, 23),
    ],
)
def test_real_exports_are_proved(shared: Path, name: str, changed: int, total: int) -> None:
    result = invoke("demo", "--catalog", str(shared / "data/shopify-csv" / f"{name}.csv"))
    assert result.exit_code == 0, result.output
    assert f"{changed} of {total} products reduced" in result.output


@pytest.mark.shared
def test_all_real_exports_at_once(shared: Path) -> None:
    files = sorted((shared / "data/shopify-csv").glob("*.csv"))
    result = invoke("demo", *(part for file in files for part in ("--catalog", str(file))))
    assert result.exit_code == 0, result.output
    assert "387 products over HTTP" in result.output


@pytest.mark.slow
def test_ten_thousand_rows() -> None:
    result = invoke("demo", "--products", "10000")
    assert result.exit_code == 0, result.output
    assert "of 10,000 products reduced" in result.output


def test_as_a_program_in_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "bulkeditor", "demo", "--products", "60"],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    assert b"every row proved" in done.stdout
