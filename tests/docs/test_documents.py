"""Every Python block of README.md and docs/ runs as it stands; a `text` block after it is its output.

A block that begins with the comment `# name.py` is put into that file as well.
"""

import doctest
import gc
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sybil import Document
from sybil.document import Document as ParsedDocument
from sybil.parsers.markdown import PythonCodeBlockParser

import bulkeditor as be
from bulkeditor.connectors._registry import BUILT_IN

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FILE = re.compile(r"\A# (\w+)\.py\n")
EXPECTED = re.compile(r"\A[`\s]*\n```text\n(.*?)```", re.DOTALL)


def parse(page: Path) -> ParsedDocument:
    return Document.parse(str(page), PythonCodeBlockParser())


def has_blocks(page: Path) -> bool:
    return "```python" in page.read_text("utf-8")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[be.Sandbox]:
    with be.Sandbox(products=1000, seed=7) as server:
        yield server


@pytest.fixture
def shop_in_the_environment(
    sandbox: be.Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """What a reader has after `python -m bulkeditor sandbox` and its two export lines, fresh for a page."""
    before, environment = sandbox.snapshot(), dict(os.environ)
    monkeypatch.setenv("BULKEDITOR_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("BULKEDITOR_API_KEY", str(sandbox.api_key))
    # As the guides to webhooks have it: export WEBHOOK_SECRET="$(python -m bulkeditor listen --print-secret)"
    monkeypatch.setenv("WEBHOOK_SECRET", "whsec_c2VjcmV0IG9mIHRoZSByZWFkZXIncyBvd24=")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # for the files that blocks name
    yield
    # What a page exports is no other test's.
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    sandbox.faults.clear()
    sandbox.restore(before)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if has_blocks(page)], ids=lambda page: page.relative_to(ROOT).as_posix()
)
@pytest.mark.usefixtures("shop_in_the_environment")
def test_blocks_run_and_print_what_the_page_says(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document, files = parse(page), set[str]()
    document.namespace["__name__"] = "__main__"  # as in a reader's own file
    checked = 0
    for example in document.examples():
        capsys.readouterr()
        if named := FILE.match(example.parsed):
            files.add(named[1])
            Path(f"{named[1]}.py").write_text(example.parsed, "utf-8")
        example.evaluate()
        checked += 1
        printed = capsys.readouterr().out
        expected = EXPECTED.match(document.text[example.region.end :])
        if expected and not doctest.OutputChecker().check_output(expected[1], printed, doctest.ELLIPSIS):
            pytest.fail(f"{page.name}:{example.line} printed\n{printed}\nand the page says\n{expected[1]}")
    # A block that the parser overlooks (indented, or fenced otherwise) would never run.
    assert checked == len(re.findall(r"^\s*```\s*\{?\.?py", document.text, re.MULTILINE))
    document.namespace.clear()
    for name in files:
        sys.modules.pop(name, None)
    gc.collect()  # what a block left open warns now, in the test of its own page


def test_every_page_stands_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text("utf-8")
    missing = [
        page.name for page in PAGES[1:] if f": {page.relative_to(ROOT / 'docs').as_posix()}\n" not in menu
    ]
    assert not missing


def test_every_connector_stands_in_the_table_of_systems() -> None:
    page = (ROOT / "docs/reference/connectors/index.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    missing = [name for name in BUILT_IN if not any(f"| `{name}` |" in row for row in rows)]
    assert not missing, f"docs/reference/connectors/index.md has no row for {', '.join(missing)}"


def test_relative_links_in_the_repository_pages_lead_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text("utf-8")
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
            assert (ROOT / target).exists(), f"{name} links to {target}"
