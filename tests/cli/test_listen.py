"""``listen``: real processes, a real application behind them, and the same secret ever after."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import httpx
import pytest

import bulkeditor as be
from bulkeditor import webhooks
from bulkeditor.cli._state import StateFolder
from tests.cli.conftest import Application


def hexdigest(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture
def sandbox() -> Iterator[be.Sandbox]:
    """A server in this process, whose clock the test moves."""
    with be.Sandbox(products=20, clock="frozen") as server:
        yield server


def address(sandbox: be.Sandbox) -> list[str]:
    return ["--base-url", sandbox.base_url, "--api-key", sandbox.api_key]


def change(sandbox: be.Sandbox, product: int = 1, price: str = "5.00") -> None:
    with sandbox.connect() as shop:
        shop.products.update([{"id": f"product_id_{product}", "price": price}]).raise_for_failures()


def registered(sandbox: be.Sandbox) -> list[be.Webhook]:
    with sandbox.connect() as shop:
        return shop.webhooks.list().all()


def test_the_command_of_the_documentation(start, application):
    """With nothing else running: it brings a sandbox, and a trigger from another terminal arrives."""
    listener = start("listen", "--forward-to", application.url)
    assert listener.wait_for(r"forwards +(\S+)")[1] == application.url
    secret = listener.wait_for(r"secret +(\S+)")[1]
    listener.wait_for("Listening")
    told = start("trigger", "product.updated", "--data", "price=9.99")
    assert told.ended() == 0
    assert re.fullmatch(
        r"product\.updated: product_id_1 \(\S+\) was changed: price: \S+ → 9\.99\.", told.lines[0]
    )
    [(headers, body)] = application.wait(1)
    assert application.requests[0][0] == "/hooks"
    assert headers["x-webhook-signature"] == hexdigest(secret, body)
    event = json.loads(body)
    assert (event["event"], event["data"]["changes"]) == ("product.updated", {"price": 9.99})
    line = listener.wait_for("product_id_1").string
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d  product\.updated +product_id_1 +delivery_1 +→  200 OK, \d+ ms", line
    )
    assert listener.end(signal.SIGINT) == 0
    assert listener.lines[-1] == "Stopped."


def test_body_and_headers_are_handed_on_as_they_are(start, sandbox, application):
    start("listen", *address(sandbox), "--forward-to", application.url).wait_for("Listening")
    change(sandbox)
    application.wait(1)
    _, headers, body = application.requests[0]
    with sandbox.connect() as shop:
        [hook] = shop.webhooks.list()
        delivery = shop.webhooks.deliveries(hook.id).first()
    names = [name.lower() for name, _ in headers]
    assert sorted(names) == [
        "content-length", "content-type", "host", "user-agent", "webhook-id", "webhook-signature",
        "webhook-timestamp", "x-webhook-signature",
    ]  # fmt: skip
    values = {name.lower(): value for name, value in headers}
    assert values["host"] == f"localhost:{application.port}"
    assert values["user-agent"] == "bulkeditor-sandbox"
    assert values["webhook-id"] == delivery.id
    secret = StateFolder.default().secret()
    webhooks.verify_signature(body, values["x-webhook-signature"], secret)
    be.signature.verify_standard(
        body, msg_id=values["webhook-id"], timestamp=values["webhook-timestamp"],
        signature=values["webhook-signature"], secrets=secret, now=sandbox.clock.now(),
    )  # fmt: skip


def test_the_secret_is_the_same_after_a_restart(start, application, state):
    secrets = []
    for _ in range(2):
        listener = start("listen", "--forward-to", application.url, "--products", "5")
        secrets.append(listener.wait_for(r"secret +(\S+)")[1])
        listener.wait_for("Listening")
        assert start("trigger", "product.created").ended() == 0
        headers, body = application.wait(len(secrets))[-1]
        assert headers["x-webhook-signature"] == hexdigest(secrets[0], body)
        assert listener.end() == 0
    shown = start("listen", "--print-secret")
    assert shown.ended() == 0
    assert shown.lines == [secrets[0]] == [secrets[1]]
    assert (state / "webhook-secret").stat().st_mode & 0o777 == 0o600
    assert list((state / "servers").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_unregisters_when_it_ends(start, sandbox, number):
    listener = start("listen", *address(sandbox))
    listener.wait_for("Listening")
    [hook] = registered(sandbox)
    assert (sorted(hook.events), hook.enabled) == (sorted(be.EventName.ALL), True)
    assert listener.end(number) == 0
    assert registered(sandbox) == []


def test_what_a_killed_listener_left_is_removed_by_the_next(start, sandbox):
    killed = start("listen", *address(sandbox))
    killed.wait_for("Listening")
    other = sandbox.add_webhook("http://127.0.0.1:9/mine")[0]
    [left, _] = registered(sandbox)
    killed.end(signal.SIGKILL)
    start("listen", *address(sandbox)).wait_for("Listening")
    ids = [hook.id for hook in registered(sandbox)]
    assert left.id not in ids
    assert other in ids
    assert len(ids) == 2


def test_two_listeners_both_get_everything(start, sandbox, application):
    second = Application()
    try:
        for app in (application, second):
            start("listen", *address(sandbox), "--forward-to", app.url).wait_for("Listening")
        change(sandbox)
        assert application.wait(1)[0][1] == second.wait(1)[0][1]
    finally:
        second.close()


def test_an_application_that_is_killed_gets_it_when_it_is_back(start, sandbox):
    application = Application()
    listener = start("listen", *address(sandbox), "--forward-to", application.url)
    listener.wait_for("Listening")
    application.close()
    change(sandbox)
    listener.wait_for(r"delivery_1 +→  no answer: Connection refused$")
    sandbox.settle()
    again = Application(application.port)
    try:
        sandbox.clock.advance("5s")
        again.wait(1)
        listener.wait_for(r"delivery_1 +→  200 OK, \d+ ms, attempt 2$")
    finally:
        again.close()
    with sandbox.connect() as shop:
        [delivery] = shop.webhooks.deliveries(registered(sandbox)[0].id)
    assert [attempt["response_status"] for attempt in delivery.log] == [502, 200]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (503, "503 Service Unavailable"),
        (301, r"301 Moved Permanently, \d+ ms: redirects are not followed \(/elsewhere/\)"),
        (299, "299, "),
        (410, r"410 Gone, \d+ ms: the sandbox sends nothing more"),
    ],
)
def test_the_application_answers_the_sender(start, sandbox, application, status, told):
    listener = start("listen", *address(sandbox), "--forward-to", application.url)
    listener.wait_for("Listening")
    application.answers = [status]
    change(sandbox)
    listener.wait_for(f"→  {told}")
    sandbox.settle()
    with sandbox.connect() as shop:
        delivery = shop.webhooks.deliveries(registered(sandbox)[0].id).first()
    assert delivery.response_status == status
    if status == 503:
        # It was asked for more time than the sender takes by itself.
        wait = delivery.next_attempt_at - datetime.fromisoformat(delivery.log[-1]["at"])
        assert 76 < wait.total_seconds() < 78


def test_a_refusal_reminds_of_the_secret_once(start, sandbox, application):
    listener = start("listen", *address(sandbox), "--forward-to", application.url)
    listener.wait_for("Listening")
    application.answers = [401, 401]
    change(sandbox)
    change(sandbox, 2)
    listener.wait_for("401 Unauthorized", 2)
    assert listener.end() == 0
    assert sum("Does the application know the secret" in line for line in listener.lines) == 1


def test_what_is_not_signed_with_the_secret_is_handed_on_and_told(start, sandbox, application):
    listener = start("listen", *address(sandbox), "--forward-to", application.url)
    listener.wait_for("Listening")
    sandbox.faults.add(webhook="*", bad_signature=True, times=1)
    application.answers = [401]
    change(sandbox)
    application.wait(1)
    listener.wait_for(r"→  401 .*, not signed with the secret$")


def test_only_the_events_asked_for(start, sandbox, application):
    start(
        "listen", *address(sandbox), "--forward-to", application.url, "--event", "product.deleted",
        "--event", "bulk_job.failed",
    ).wait_for("Listening")  # fmt: skip
    change(sandbox)
    with sandbox.connect() as shop:
        shop.products.delete("product_id_2")
    [(_, body)] = application.wait(1)
    assert json.loads(body)["event"] == "product.deleted"


def test_without_an_application_events_are_told(start, sandbox):
    listener = start("listen", *address(sandbox))
    listener.wait_for("Listening")
    change(sandbox)
    listener.wait_for(r"product\.updated +product_id_1 +delivery_1 +→  received$")
    sandbox.settle()
    with sandbox.connect() as shop:
        assert shop.webhooks.deliveries(registered(sandbox)[0].id).first().status == "delivered"


def test_a_secret_of_ones_own(start, sandbox, application, monkeypatch, state):
    monkeypatch.setenv("BULKEDITOR_WEBHOOK_SECRET", "what my application has")
    # Spaces cannot stand in a secret; the server says so, and so do we, in a line.
    refused = start("listen", *address(sandbox))
    assert refused.ended() == 1
    assert re.fullmatch(r"Error: .*secret.*", "\n".join(line for line in refused.lines if "Error" in line))
    listener = start("listen", *address(sandbox), "--secret", "mine", "--forward-to", application.url)
    listener.wait_for("Listening")
    change(sandbox)
    [(headers, body)] = application.wait(1)
    assert headers["x-webhook-signature"] == hexdigest("mine", body)
    assert not state.exists()


def test_a_running_sandbox_is_found(start, application):
    server = start("sandbox", "--port", "0", "--products", "5")
    url = server.wait_for(r"BASE_URL=(\S+)")[1]
    server.wait_for("Ctrl-C")
    listener = start("listen", "--forward-to", application.url)
    assert listener.wait_for(r"server +(\S+)")[1] == url
    listener.wait_for("Listening")
    assert start("trigger", "product.deleted").ended() == 0
    application.wait(2)
    events = [json.loads(body)["event"] for _, body in application.wait(2)]
    assert events == ["product.created", "product.deleted"]
    assert server.end() == 0
    assert listener.ended() == 1, "it does not go on deaf"
    assert listener.lines[-1] == (f"Error: The server at {url} has ended. Start it, and then listen again.")


# Mistakes


def test_mistakes_are_one_line(run, sandbox):
    cases = [
        (["listen", "--forward-to", "ftp://x/"], 1, "no http address"),
        (["listen", "--forward-to", "http://:8000/"], 1, "no http address"),
        (["listen", "--forward-to", "http://x:99999/"], 1, "no http address"),
        (["listen", "--base-url", "https://editor.example.com", "--api-key", "k"], 1, "not on this machine"),
        (["listen", "--base-url", "http://127.0.0.1:9", "--api-key", "k"], 1, "127.0.0.1:9"),
        (["listen", "--base-url", sandbox.base_url], 1, "BULKEDITOR_API_KEY"),
        (["listen", "--base-url", sandbox.base_url, "--api-key", "wrong"], 1, "401"),
        (["listen", *address(sandbox), "--port", "8787"], 1, "there is http://127.0.0.1"),
        (["listen", "--event", "product.exploded"], 2, "product.exploded"),
    ]
    for arguments, code, says in cases:
        result = run(*arguments)
        assert (result.exit_code, says in result.output) == (code, True), result.output
        assert sum(line.startswith("Error: ") for line in result.output.splitlines()) == 1, result.output
        assert code == 2 or result.output.splitlines()[-1].startswith("Error: "), result.output


def test_a_server_without_webhooks_is_named(run):
    with be.Sandbox(products=1, completions=False) as server:
        result = run("listen", *address(server))
    assert result.exit_code == 1
    assert "webhooks.list" in result.output


def test_a_port_in_use_is_one_line(run, sandbox):
    port = sandbox.base_url.rpartition(":")[2]
    result = run("listen", "--port", port, "--products", "1")
    assert (result.exit_code, port in result.output) == (1, True), result.output


# The endpoint itself


def test_a_body_that_is_too_large_is_refused(start, sandbox, application):
    start("listen", *address(sandbox), "--forward-to", application.url).wait_for("Listening")
    endpoint = registered(sandbox)[0].endpoint
    assert httpx.post(endpoint, content=b"x" * (4 * 1024 * 1024 + 1)).status_code == 413
    assert application.requests == []


def test_what_is_no_event_is_handed_on(start, sandbox, application):
    listener = start("listen", *address(sandbox), "--forward-to", application.url)
    listener.wait_for("Listening")
    endpoint = registered(sandbox)[0].endpoint
    for body in (b"", b"\xff\x1b[2J", b"[]", b'{"event": "\x1b[31mred"}', b"[" * 100_000):
        assert httpx.post(endpoint, content=body).status_code == 200
    assert [body for _, body in application.wait(5)] == [
        b"", b"\xff\x1b[2J", b"[]", b'{"event": "\x1b[31mred"}', b"[" * 100_000
    ]  # fmt: skip
    listener.wait_for("→", 5)
    assert not [line for line in listener.lines if "\x1b" in line], "data cannot steer the terminal"


# State


def test_a_secret_is_made_once_however_many_ask(state):
    gate = threading.Barrier(8)

    def ask(_number: int) -> str:
        gate.wait()
        return StateFolder.default().secret().reveal()

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(ask, range(8)))
    assert len(found) == 1
    assert [path.name for path in state.iterdir()] == ["webhook-secret"]


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [("whsec_x\n", 0o644, "chmod 600"), ("\n", 0o600, "is empty"), ("\xe9", 0o600, "cannot be used")],
)
def test_a_secret_that_cannot_be_used_is_told(run, state, content, mode, says):
    state.mkdir(parents=True)
    path = state / "webhook-secret"
    path.write_text(content, "utf-8")
    path.chmod(mode)
    result = run("listen", "--print-secret")
    assert (result.exit_code, says in result.output) == (1, True), result.output
    assert len(result.output.splitlines()) == 1


def test_of_several_servers_the_last_one_is_found(state):
    folder = StateFolder.default()
    with be.Sandbox(products=1) as first, be.Sandbox(products=1) as second:
        with folder.announced(first.base_url, first.api_key):
            with folder.announced(second.base_url, second.api_key):
                for number, url in enumerate((first.base_url, second.base_url), 1):
                    os.utime(state / "servers" / f"{url.rpartition(':')[2]}.json", (number, number))
                found = folder.running()
                assert found is not None
                assert found.base_url == second.base_url
            found = folder.running()
            assert found is not None
            assert found.base_url == first.base_url
        assert folder.running() is None


def test_what_a_killed_server_left_is_forgotten(state):
    servers = state / "servers"
    servers.mkdir(parents=True)
    (servers / "9.json").write_text('{"base_url": "http://127.0.0.1:9", "api_key": "k"}')
    (servers / "10.json").write_text("half")
    (servers / "11.json").write_text('{"base_url": 5}')
    assert StateFolder.default().running() is None
    assert list(servers.iterdir()) == []


def test_a_relative_state_home_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    StateFolder.default().secret()
    assert (tmp_path / ".local/state/bulkeditor/webhook-secret").exists()


def test_a_server_is_no_worse_without_a_state_folder(start, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    server = start("sandbox", "--port", "0", "--products", "1")
    server.wait_for("Ctrl-C")
    assert server.end() == 0
    assert start("listen").ended() == 1, "the secret must be kept somewhere"


def test_the_state_stands_where_the_specification_says(state: Path, tmp_path: Path):
    assert state == tmp_path / "state" / "bulkeditor"
    StateFolder.default().secret()
    assert state.stat().st_mode & 0o777 == 0o700
