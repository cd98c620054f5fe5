"""The demo with an ERP, over real HTTP on both sides: it proves a good run, and notices a bad one."""

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import bulkeditor as be
from bulkeditor.cli import cli
from bulkeditor.cli._erp_demo import DOCUMENTED, run_erp_demo
from bulkeditor.cli._screen import Screen
from bulkeditor.connectors import SAP, from_config
from bulkeditor.testing.vendors.sap_s4 import S4HANA


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@pytest.fixture
def sandbox() -> Iterator[be.Sandbox]:
    with be.Sandbox(products=60) as server:
        yield server


def test_a_good_run_is_proved_and_told(sandbox: be.Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    before = {row["id"]: row for row in sandbox.products.rows()}
    erp = S4HANA()
    result = run_erp_demo(sandbox, Screen(), erp=erp)
    assert result.ok, result.problems
    assert (result.products, result.changed > 0) == (60, True)
    changed = 0
    for row in sandbox.products.rows():
        old, held = before[row["id"]], erp.holds(row["sku"])
        if held is not None:
            assert row["price"] == held["price"]
        changed += row["price"] != old["price"]
        kept = {name: value for name, value in row.items() if name not in ("price", "updated_at")}
        assert kept == {name: old[name] for name in kept}
    assert changed == result.changed
    # The ERP was read, and nothing was written to it.
    assert not erp.effects
    assert erp.served
    out = capsys.readouterr().out
    for text in ("The two systems", "What SAP says", "1 product that only SAP knows", "every one proved"):
        assert text in out


def test_it_uses_the_documented_configuration() -> None:
    connector = from_config(DOCUMENTED)
    assert isinstance(connector, SAP)
    assert connector.sync_fields == ("sku", "cost", "inventory_quantity", "vendor", "category")


class Moving(S4HANA):
    """An ERP in which somebody changes a price as soon as the prices were read."""

    def handle(self, entry):
        answer = super().handle(entry)
        if entry.path.endswith("A_SlsPrcgCndnRecdValidity") and "$top" not in entry.params:
            key = str(self.rows("A_SlsPrcgCndnRecdValidity")[0]["Material"])
            self.edit(key, {"price": Decimal("4321.10")})
        return answer


def test_a_price_that_is_not_the_erps_is_noticed(sandbox: be.Sandbox) -> None:
    result = run_erp_demo(sandbox, Screen(), erp=Moving())
    assert [problem for problem in result.problems if "4321.1" in problem], result.problems


def test_a_shop_that_drops_a_row_is_noticed(sandbox: be.Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    sandbox.faults.add(route="PUT /products/bulk", status=500)
    result = run_erp_demo(sandbox, Screen(), erp=S4HANA())
    assert not result.ok
    assert "Failed: " in capsys.readouterr().out


class Meddled(be.Sandbox):
    """A shop in which somebody else writes while the plan is applied."""

    def connect(self, **options: object) -> be.BulkEditor:
        def meddle(event: object) -> None:
            if getattr(event, "operation", "") == "products.update":
                with super(Meddled, self).connect() as other:
                    last = other.products.list().all()[-1]
                    other.products.update([{"id": last.id, "barcode": "4006381333931"}])

        return super().connect(hooks=be.Hooks(on_response=(meddle,)), **options)


def test_a_change_of_another_field_is_noticed() -> None:
    with Meddled(products=60) as sandbox:
        result = run_erp_demo(sandbox, Screen(), erp=S4HANA())
    assert any("a field other than the price" in problem for problem in result.problems), result.problems


def test_a_catalog_that_sap_could_not_have_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"sku": "lower", "price": "5.00", "title": "A thing"}\n', "utf-8")
    result = invoke("demo", "--erp", "sap", "--catalog", str(path))
    assert result.exit_code == 1
    assert "upper case" in result.output


def test_the_command_names_its_choices() -> None:
    assert "--erp [sap]" in invoke("demo", "--help").output
    result = invoke("demo", "--erp", "excel")
    assert (result.exit_code, "sap" in result.output) == (2, True)


def test_as_a_program_in_a_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "bulkeditor", "demo", "--erp", "sap", "--products", "60"],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"taken over from SAP" in done.stdout


@pytest.mark.shared
def test_a_real_export_without_skus_is_told_so(shared: Path) -> None:
    file = shared / "data/shopify-csv/packt-product-data.csv"
    result = invoke("demo", "--erp", "sap", "--catalog", str(file))
    assert result.exit_code == 1
    assert "a SKU of its own" in result.output
