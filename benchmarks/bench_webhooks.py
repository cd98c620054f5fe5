"""Goal 10: check a webhook, and read it typed."""

import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime

from benchmarks._harness import Bench
from bulkeditor import signature, webhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = SECRET.encode()
OTHERS = {
    "Host": "your-app.example.com",
    "User-Agent": "bulkeditor",
    "Content-Type": "application/json",
    "Content-Length": "1024",
    "Accept": "*/*",
    "Accept-Encoding": "gzip",
}
"""What comes with every request beside the signatures."""


def _body(name: str, data: dict[str, object]) -> bytes:
    """An event of 1 KB: the rest is a field that this version does not know."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    payload = {"event": name, "timestamp": now, "data": data}
    size = len(json.dumps(payload))
    return json.dumps(
        {**payload, "data": {**data, "note": "x" * (1024 - size - len(', "note": ""'))}}
    ).encode()


JOB = {
    "job_id": "job_123",
    "operation": "update",
    "total_products": 150,
    "successful_updates": 148,
    "failed_updates": 2,
    "execution_time": "5.5 seconds",
}
STOCK = {
    "product_id": "product_id_1",
    "sku": "TS-1",
    "location_id": "warehouse_1",
    "on_hand": 120,
    "reserved": 7,
    "available": 113,
    "inventory_quantity": 240,
}
CHANGE = {
    "product_id": "product_id_1",
    "sku": "TS-1",
    "changes": {"price": 29.99, "compare_at_price": 39.99, "tags": ["sale", "summer"], "title": "T-shirt"},
}


def verify() -> Bench:
    """The check alone."""
    body = _body("bulk_job.completed", JOB)
    assert len(body) == 1024
    digest = signature.sign(body, SECRET)
    bench = Bench("10. verify a webhook of 1 KB")
    bench.case("ours", lambda: webhooks.verify_signature(body, digest, SECRET))
    bench.case("hmac.digest", lambda: hmac.digest(KEY, body, "sha256"))
    prepared = signature.SigningSecret(SECRET)
    bench.case("ours, prepared secret", lambda: webhooks.verify_signature(body, digest, prepared))
    bench.at_most("ours", "hmac.digest", 1.8)
    bench.at_most("ours, prepared secret", "hmac.digest", 1.8)
    return bench


def _svix(body: bytes) -> Callable[[], object]:
    import svix

    hook = svix.Webhook(SECRET)
    headers = OTHERS | _standard(body)

    def call() -> object:
        hook.verify(body, headers)
        return json.loads(body)

    return call


def _standard(body: bytes) -> dict[str, str]:
    stamp = int(datetime.now(UTC).timestamp())
    signed = signature.sign_standard("msg_1", stamp, body, SECRET)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(stamp), "webhook-signature": signed}


def typed() -> Bench:
    """The check, and a typed event; a field of each is read."""
    bench = Bench("10. verify and parse a webhook of 1 KB, typed")
    # Prepared, as svix.Webhook is.
    secrets = [signature.SigningSecret(SECRET)]
    for name, data, field in (
        ("bulk_job.completed", JOB, "successful_updates"),
        ("inventory.updated", STOCK, "available"),
        ("product.updated", CHANGE, "changes"),
    ):
        body = _body(name, data)
        headers = OTHERS | {"X-Webhook-Signature": signature.sign(body, SECRET)}
        both = headers | _standard(body)
        bench.case(
            f"{name}", lambda b=body, h=headers, f=field: getattr(webhooks.unwrap(b, h, secrets).data, f)
        )
        bench.case(
            f"{name}, both signatures",
            lambda b=body, h=both, f=field: getattr(webhooks.unwrap(b, h, secrets).data, f),
        )
        bench.at_most(name, "svix + json.loads", 0.5)
    bench.peer("svix + json.loads", lambda: _svix(_body("bulk_job.completed", JOB)))
    return bench


def benches() -> list[Bench]:
    """All of this file."""
    return [verify(), typed()]
