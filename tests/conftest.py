"""Fixtures for every test: where the shared data is, and the seed that a failing simulation prints."""

import os
from pathlib import Path

import pytest


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
