"""Plans through both faces of the client, over the real sandbox and real HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from bulkeditor import Sandbox
from tests.client.conftest import connect, face, sandbox, shop
from tests.plans.making import Making

__all__ = ["connect", "face", "sandbox", "shop"]


@pytest.fixture
def making(tmp_path: Path, sandbox: Sandbox) -> Making:
    """Makes plans of any rows."""
    return Making(tmp_path, sandbox)
