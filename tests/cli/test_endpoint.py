"""The demo's webhook endpoint: real HTTP, genuine and forged deliveries told apart."""

import http.client
import json
from urllib.parse import urlsplit

import httpx
import pytest

from bulkeditor import Secret, signature
from bulkeditor.cli._endpoint import WebhookEndpoint

SECRET = Secret("a secret of the test")
ENDED = frozenset({"bulk_job.completed"})


def body(event: str = "bulk_job.completed", job: str = "job_1") -> bytes:
    return json.dumps({"event": event, "data": {"job_id": job}}).encode()


def deliver(endpoint: WebhookEndpoint, content: bytes, signed: str | None) -> int:
    headers = {} if signed is None else {"X-Webhook-Signature": signed}
    return httpx.post(endpoint.url, content=content, headers=headers).status_code


def test_a_genuine_delivery_is_kept_and_found() -> None:
    with WebhookEndpoint(SECRET) as endpoint:
        assert deliver(endpoint, body(job="job_0"), signature.sign(body(job="job_0"), SECRET)) == 204
        assert deliver(endpoint, body(), signature.sign(body(), SECRET)) == 204
        found = endpoint.wait_for(ENDED, "job_1", timeout=5)
        assert found is not None
        assert (found.event, found.data["job_id"], found.problem) == ("bulk_job.completed", "job_1", None)
        assert endpoint.wait_for(ENDED, "job_2", timeout=0) is None
        assert len(endpoint.received) == 2


@pytest.mark.parametrize("signed", [None, "", "00" * 32, "é", signature.sign(b"another body", SECRET)])
def test_a_forged_delivery_is_refused_and_told(signed: str | None) -> None:
    with WebhookEndpoint(SECRET) as endpoint:
        headers = {} if signed is None else {"X-Webhook-Signature": signed.encode("latin-1")}
        assert httpx.post(endpoint.url, content=body(), headers=headers).status_code == 401
        found = endpoint.wait_for(ENDED, "job_1", timeout=5)
        assert found is not None
        assert found.problem


@pytest.mark.parametrize("content", [b"", b"not json", b"[]", b'{"event": 1, "data": []}', b"\xff"])
def test_a_signed_body_of_another_form_breaks_nothing(content: bytes) -> None:
    with WebhookEndpoint(SECRET) as endpoint:
        assert deliver(endpoint, content, signature.sign(content, SECRET)) == 204
        assert endpoint.wait_for(ENDED, "job_1", timeout=0) is None


@pytest.mark.parametrize("length", ["99999999", "-1", "many"])
def test_a_body_beyond_the_limit_is_not_read(length: str) -> None:
    with WebhookEndpoint(SECRET) as endpoint:
        connection = http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=5)
        connection.putrequest("POST", "/webhooks/bulk-editor")
        connection.putheader("Content-Length", length)
        connection.endheaders()
        assert connection.getresponse().status == 413
        connection.close()
        assert endpoint.received == ()
