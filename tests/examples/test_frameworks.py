"""The applications of the guide, each served for real as it stands there, and sent real deliveries."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import bulkeditor as be
from bulkeditor.sandbox import sample_event

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/guides/webhooks-frameworks.md").read_text("utf-8")
SECRET = "a secret of the test"
PATH = "/webhooks/bulk-editor/"
PATIENCE = 20.0
# The inbox as it is an hour later, when every lease has run out.
LATER = 'be.webhooks.SQLiteInbox("inbox.db", clock=lambda: __import__("time").time() + 3600)'

SERVERS = {
    "FastAPI": "uvicorn",
    "Flask": "werkzeug",
    "Flask, as a view": "werkzeug",
    "Django": "wsgiref",
    "ASGI, with no framework": "uvicorn",
    "WSGI, with no framework": "wsgiref",
}


def example(heading: str) -> str:
    """The first block of code under a heading of the guide."""
    section = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    block = re.search(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1]


class Served:
    """An application in a process of its own, with the lines that it prints."""

    def __init__(self, folder: Path, code: str, server: str) -> None:
        (folder / "hooks.py").write_text(code, "utf-8")
        self.inbox = folder / "inbox.db"
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self.popen = subprocess.Popen(
            [sys.executable, "-W", "error", str(ROOT / "tests/examples/serve.py"), server, "hooks.py"],
            cwd=folder,
            env=os.environ | {"WEBHOOK_SECRET": SECRET, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        [port] = self.wait_for(r"listening (\d+)")
        self.url = f"http://127.0.0.1:{port}{PATH}"

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()

    def wait_for(self, pattern: str, count: int = 1) -> list[str]:
        def found() -> list[str]:
            return [match[match.re.groups] for line in self.lines if (match := re.search(pattern, line))]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, PATIENCE), self.lines
            return found()

    def post(self, body: bytes, secret: str = SECRET, url: str | None = None) -> int:
        headers = {"X-Webhook-Signature": be.signature.sign(body, secret), "Content-Type": "application/json"}
        return httpx.post(url or self.url, content=body, headers=headers).status_code

    def close(self) -> None:
        self.popen.kill()
        self.popen.wait()
        self._reader.join()
        assert self.popen.stdout is not None
        self.popen.stdout.close()


@pytest.fixture(params=SERVERS)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    it = Served(tmp_path, example(request.param), SERVERS[request.param])
    yield it
    it.close()


@pytest.fixture
def sandbox() -> Iterator[be.Sandbox]:
    with be.Sandbox(products=20) as server:
        yield server


def test_it_receives_handles_and_refuses(served, sandbox):
    """Real deliveries are handled; what is forged, doubled, unreadable or too long gets its own answer."""
    hook, _ = sandbox.add_webhook(served.url, ["product.updated", "product.deleted"], secret=SECRET)
    with sandbox.connect() as shop:
        skus = [row["sku"] for row, _ in zip(sandbox.products.rows(), range(3), strict=False)]
        for number in (1, 2, 3):
            shop.products.update([{"id": f"product_id_{number}", "price": "5.00"}]).raise_for_failures()
        shop.products.delete("product_id_4")
        assert served.wait_for(r"^(\S+) has changed", 3) == skus
        sandbox.settle()
        log = list(shop.webhooks.deliveries(hook))
        assert [(one.status, one.response_status) for one in log] == [("delivered", 202)] * 4
        shop.webhooks.redeliver(hook, log[-1].id)
        sandbox.settle()
        assert shop.webhooks.deliveries(hook).all()[-1].response_status == 200

    body = sample_event("product.updated", {"sku": "BY-HAND"})
    assert served.post(body, secret="another") == 401
    assert httpx.post(served.url, content=body).status_code == 401
    assert served.post(body) == 202
    assert served.post(body) == 200
    assert served.post(b"not json") == 400
    assert served.post(b"x" * ((1 << 20) + 1)) == 413
    assert served.post(b"x" * (4 << 20)) == 413
    assert httpx.get(served.url).status_code == 405
    assert served.wait_for(r"^(\S+) has changed", 4)[3] == "BY-HAND"
    assert served.popen.poll() is None
    with contextlib.closing(be.webhooks.SQLiteInbox(served.inbox)) as inbox:
        stored = [entry.id for entry in inbox.entries()]
    assert stored[:4] == [one.id for one in reversed(log)]
    assert len(stored) == 5, "what was refused is not stored"
    assert not [line for line in served.lines if "Traceback" in line], served.lines


def test_what_was_taken_survives_the_process(tmp_path, sandbox):
    """Killed between its 2xx and the end of handling, an application handles the event when it is back."""
    code = example("ASGI, with no framework")
    line = '    print(event.data.sku, "has changed")\n'
    assert line in code
    never = "    print('began')\n    await __import__('asyncio').Event().wait()\n"
    first = Served(tmp_path, code.replace(line, never), "uvicorn")
    try:
        sandbox.add_webhook(first.url, ["product.updated"], secret=SECRET)
        with sandbox.connect() as shop:
            shop.products.update([{"id": "product_id_1", "price": "5.00"}]).raise_for_failures()
        first.wait_for("(began)")
        sandbox.settle()
    finally:
        first.close()  # SIGKILL
    # The dead process holds its lease for 30 s: the clock moves, nobody waits.
    second = Served(tmp_path, code.replace('store="inbox.db"', f"store={LATER}"), "uvicorn")
    try:
        assert second.wait_for(r"^(\S+) has changed") == [next(iter(sandbox.products.rows()))["sku"]]
    finally:
        second.close()


def test_a_mounted_application_wants_its_slash(tmp_path):
    """As the guide says: without it Starlette redirects, which no sender follows; add_route needs none."""
    code = example("FastAPI")
    line = 'app.add_route("/webhooks/bulk-editor", receiver.asgi, methods=["POST"])'
    assert line in PAGE
    body = sample_event("product.updated")
    for text, status in ((code, 307), (re.sub(r"^app\.mount.*$", line, code, flags=re.MULTILINE), 202)):
        served = Served(tmp_path, text, "uvicorn")
        try:
            assert served.post(body, url=served.url.rstrip("/")) == status
        finally:
            served.close()


def test_every_application_of_the_guide_is_served():
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    applications = [heading for heading in headings if "app = " in example(heading)]
    assert applications == list(SERVERS)
