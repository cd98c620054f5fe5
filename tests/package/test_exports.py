"""The public surface: what `import bulkeditor` offers, and what it costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bulkeditor as be

SNAPSHOT = Path(__file__).with_name("exports.txt")


def test_the_exported_names_are_those_of_the_snapshot():
    """A name that comes or goes is a decision: change exports.txt in the same commit."""
    assert sorted(be.__all__) == SNAPSHOT.read_text().split()


@pytest.mark.parametrize("name", sorted(be.__all__))
def test_every_exported_name_exists(name):
    assert getattr(be, name) is not None


def test_names_for_type_checkers_are_the_lazy_names():
    tree = ast.parse(Path(be.__file__).read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen | {"__version__"} == set(be.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Shop'"):
        be.Shop  # noqa: B018


def test_importing_the_package_loads_no_dependency():
    names = ("httpx", "attrs", "cattrs", "msgspec", "tenacity")
    code = f"import sys, bulkeditor; print([m for m in {names} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
