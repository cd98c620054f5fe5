"""The sandbox command, and the command line as a whole."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

import bulkeditor as be
from bulkeditor.cli import cli


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The sandbox command as a process, with the base URL and the key that it told."""
    command = [sys.executable, "-W", "error", "-u", "-m", "bulkeditor", "sandbox", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        told = ""
        for line in process.stdout:
            told += line
            if "Ctrl-C" in line:
                break
        url, key = re.search(r"BASE_URL=(\S+)", told), re.search(r"API_KEY=(\S+)", told)
        assert url is not None, told
        assert key is not None, told
        yield process, url[1], key[1]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_what_it_tells_and_ends_cleanly(number: signal.Signals) -> None:
    with serving("--products", "40") as (process, url, key):
        with be.BulkEditor(url, api_key=key) as shop:
            assert len(shop.products.list().all()) == 40
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "Stopped.\n", "")


def test_readings_catalog_and_the_documented_server(tmp_path: Path) -> None:
    catalog = tmp_path / "one.jsonl"
    catalog.write_text('{"sku": "A-1", "title": "Anvil", "price": 5}\n', "utf-8")
    options = ["--catalog", str(catalog), "--reading", "money=string", "--reading", "list_shape=array"]
    with serving(*options, "--documented-only") as (_, url, key):
        headers = {"X-API-Key": key}
        [product] = httpx.get(f"{url}/api/v1/products", headers=headers).json()
        assert (product["sku"], product["price"]) == ("A-1", "5")
        assert httpx.get(f"{url}/api/v1/webhooks", headers=headers).status_code == 404


def test_a_port_in_use_is_one_line() -> None:
    with be.Sandbox(products=1) as other:
        port = other.base_url.rpartition(":")[2]
        result = CliRunner().invoke(cli, ["sandbox", "--products", "1", "--port", port])
    assert result.exit_code == 1
    assert re.fullmatch(rf"Error: .*{port}.*\n", result.output), result.output


@pytest.mark.parametrize(
    ("reading", "code", "says"),
    [
        ("money", 2, "NAME=VALUE"),
        ("money=gold", 1, "Choose one of: number, string"),
        ("weather=rain", 1, "there is no reading 'weather'"),
    ],
)
def test_a_wrong_reading_is_named(reading: str, code: int, says: str) -> None:
    result = CliRunner().invoke(cli, ["sandbox", "--port", "0", "--reading", reading])
    assert result.exit_code == code
    assert says in result.output


def test_version() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output == f"bulkeditor, version {be.__version__}\n"


@pytest.mark.parametrize(
    "command", [[], ["demo"], ["sandbox"], ["listen"], ["trigger"], ["events", "list"], ["events", "resend"]]
)
def test_help_needs_no_server(command: list[str]) -> None:
    result = CliRunner().invoke(cli, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage: " in result.output


WITHOUT = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.partition(".")[0])
sys.meta_path.insert(0, Blocker())
import bulkeditor
sys.argv = ["bulkeditor", *{arguments!r}]
import runpy
runpy.run_module("bulkeditor", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("arguments", [["demo"], ["--version"]])
def test_without_click_the_extra_is_named(arguments: list[str]) -> None:
    done = run_without(["click"], arguments)
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "The command line needs the 'sandbox' extra, which is not installed. "
        "Install it with: pip install 'bulkeditor[sandbox]'"
    )


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
@pytest.mark.parametrize("command", ["demo", "sandbox", "listen"])
def test_without_the_server_the_extra_is_named(missing: str, command: str) -> None:
    done = run_without([missing], [command])
    assert done.returncode == 2
    assert "pip install 'bulkeditor[sandbox]'" in done.stderr
    assert "Traceback" not in done.stderr


def run_without(names: list[str], arguments: list[str]) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(names=names, arguments=arguments)
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30, env=environment
    )
