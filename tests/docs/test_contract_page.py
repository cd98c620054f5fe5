"""The reference page of the HTTP contract names exactly the operations that there are."""

import re
from pathlib import Path

from bulkeditor.api._operations import OPERATIONS

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/contract.md"
ROW = re.compile(
    r"^\| `([a-z_]+\.[a-z_]+)` \| (documented|completion) \| `([A-Z]+) ([^`]+)` \| ([^|]+) \|", re.MULTILINE
)


def test_the_page_and_the_operations_are_equal() -> None:
    found = {
        name: (kind == "completion", method, path, None if scope.strip() == "none" else scope.split("`")[1])
        for name, kind, method, path, scope in ROW.findall(PAGE.read_text("utf-8"))
    }
    real = {
        name: (operation.completion, operation.method, operation.path, operation.scope)
        for name, operation in OPERATIONS.items()
    }
    assert found == real
