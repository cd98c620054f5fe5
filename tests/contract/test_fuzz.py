"""schemathesis drives the sandbox by the document: no crash, no answer that is not documented.

Each operation by itself, with good and with broken input, and in sequences along the document's links. The
normal run takes a few examples of each, always the same; with BULKEDITOR_CONTRACT_EXAMPLES=200 (`nox -s
contract_full`) it takes that many at random, and every boundary value of the document besides.
"""

import contextlib
import json
import os
import zlib
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bulkeditor.api._operations import OPERATIONS
from bulkeditor.query import PRODUCT_SCHEMA
from bulkeditor.sandbox import Sandbox
from tests.contract.samples import NOWHERE
from tests.contract.validator import load_document

USUAL = 15
EXAMPLES = int(os.environ.get("BULKEDITOR_CONTRACT_EXAMPLES", USUAL))
FULL = EXAMPLES > USUAL
SEQUENCES = EXAMPLES // 2 if FULL else 5
pytestmark = [pytest.mark.slow] if FULL else []
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

config = SchemathesisConfig.from_dict(
    {
        "generation": {
            "max-examples": EXAMPLES,
            "deterministic": not FULL,
            "with-security-parameters": False,
            "database": "none",
        },
        "phases": {"coverage": {"enabled": FULL}},
    }
)
schema = schemathesis.openapi.from_dict(load_document(), config=config)


class World:
    """A running sandbox, and ids that are worth asking for."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.trust_env = False
        self.calls = 0
        self.client = sandbox.oauth_client(["read:products", "write:products"])
        self.ids: dict[str, list[str]] = {"id": [row["id"] for row in sandbox.products.rows()]}
        base = f"{sandbox.base_url}/api/v1"
        self.session.headers["X-API-Key"] = sandbox.api_key
        done = {"operation": "update", "filter": {"status": "draft"}, "updates": {"vendor": "X"}}
        later = done | {"schedule": "2999-01-01T00:00:00Z"}
        hook = {"events": ["product.updated", "inventory.updated"], "endpoint": NOWHERE}
        self.ids["job_id"] = [self._post(f"{base}/bulk-jobs", job)["id"] for job in (done, *[later] * 30)]
        self.ids["webhook_id"] = [self._post(f"{base}/webhooks", hook)["id"] for _ in range(50)]
        rows = {"products": [{"id": self.ids["id"][0], "vendor": "Somebody"}]}
        assert self.session.put(f"{base}/products/bulk", json=rows).ok
        hook_url = f"{base}/webhooks/{self.ids['webhook_id'][0]}/deliveries"
        self.ids["delivery_id"] = [row["id"] for row in self.session.get(hook_url).json()["deliveries"]]
        key = {"name": "fuzzed", "scopes": ["read:products"]}
        self.ids["key_id"] = [self._post(f"{base}/api-keys", key)["id"] for _ in range(20)] + ["current"]
        del self.session.headers["X-API-Key"]

    def _post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self.session.post(url, json=body)
        assert response.ok, response.text
        return response.json()

    def call(self, case: schemathesis.Case) -> dict[str, Any]:
        """How to send; with a credential of its own where the request may end the one it is made with."""
        needs_own = "key_id" in (case.path_parameters or {})
        key = self.sandbox.create_key(["admin:all"]) if needs_own else self.sandbox.api_key
        return {
            "base_url": self.sandbox.base_url,
            "session": self.session,
            "headers": {"X-API-Key": key},
            "timeout": 10,
        }

    def aim(self, case: schemathesis.Case) -> None:
        """Turn half of the invented ids into real ones, and keep deliveries on this machine."""
        chance = zlib.crc32(repr((case.path_parameters, case.body)).encode("utf-8", "replace"))
        # A delivery belongs to the first webhook, which stays.
        first, others = self.ids["webhook_id"][:1], self.ids["webhook_id"][1:]
        paired = "delivery_id" in (case.path_parameters or {})
        pools = self.ids | {"webhook_id": first if paired else others}
        for name in case.path_parameters or {}:
            pool = pools[name]
            if chance % 2:
                case.path_parameters[name] = pool[chance // 2 % len(pool)]
        self.undot(case)
        case.body = self.aimed(case.body, chance)
        self.freshen(case)
        text = (case.query or {}).get("filter")
        if isinstance(text, str) and zlib.crc32(text.encode("utf-8", "replace")) % 4:
            with contextlib.suppress(ValueError):
                case.query["filter"] = json.dumps(about_products(json.loads(text)))

    def undot(self, case: schemathesis.Case) -> None:
        """An id of dots alone is folded away by HTTP libraries, so the request would be another one."""
        for name, value in (case.path_parameters or {}).items():
            if value in {".", ".."}:
                case.path_parameters[name] = "dots"

    def freshen(self, case: schemathesis.Case) -> None:
        """Most keys should be new: generated ones are short and meet again, which hides what lies behind."""
        self.calls += 1
        key = (case.headers or {}).get("Idempotency-Key")
        if (
            isinstance(key, str)
            and key.isascii()
            and key.isprintable()
            and 0 < len(key) < 200
            and self.calls % 5
        ):
            case.headers["Idempotency-Key"] = f"{key}-{self.calls}"

    def aimed(self, value: Any, chance: int) -> Any:
        if isinstance(value, list):
            return [self.aimed(item, chance + index) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        real = {
            "endpoint": lambda: NOWHERE,
            "id": lambda: self.ids["id"][chance % len(self.ids["id"])],
            "product_id": lambda: self.ids["id"][chance % len(self.ids["id"])],
            "client_id": lambda: self.client[0],
            "client_secret": lambda: self.client[1],
            "scope": lambda: ("", "read:products", "read:products write:products", "admin:all")[chance % 4],
            "location_id": lambda: ("warehouse_1", "store_front")[chance % 2],
        }
        return {
            key: about_products(item)
            if key == "filter" and chance % 4
            else real[key]()
            if key in real and isinstance(item, str) and (key == "endpoint" or chance % 3)
            else self.aimed(item, chance)
            for key, item in value.items()
        }


FIELDS = (*PRODUCT_SCHEMA.fields, "custom_fields.season", "options.Size")


def about_products(given: Any) -> Any:
    """The same filter with the names of real fields; invented ones all end at the same refusal."""
    if isinstance(given, list):
        return [about_products(item) for item in given]
    if not isinstance(given, dict):
        return given
    return {
        key
        if key in {"and", "or", "not"}
        else FIELDS[zlib.crc32(key.encode("utf-8", "replace")) % len(FIELDS)]: (
            about_products(value) if key in {"and", "or", "not"} else value
        )
        for key, value in given.items()
    }


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    # The wider reading: a filter with operators reaches more of the server.
    with Sandbox(products=30, readings={"filter": "operators"}) as sandbox:
        world = World(sandbox)
        yield world
        world.session.close()


def judge(world: World, case: schemathesis.Case) -> None:
    world.aim(case)
    case.call_and_validate(**world.call(case), checks=CHECKS)


@schema.parametrize()
@hypothesis.settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
def test_every_answer_is_documented(case: schemathesis.Case, world: World):
    judge(world, case)


def test_sequences_along_the_links_are_documented():
    visited: set[str] = set()
    with Sandbox(products=5, clock="frozen") as sandbox:
        world = World(sandbox)
        start = sandbox.snapshot()

        class Machine(schema.as_state_machine()):  # type: ignore[misc]
            def setup(self) -> None:
                # The same sequence must find the same shop, or hypothesis cannot repeat and shorten it.
                sandbox.restore(start)
                world.calls = 0

            def before_call(self, case: schemathesis.Case) -> None:
                case.body = world.aimed(case.body, 0)
                world.freshen(case)
                world.undot(case)

            def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
                visited.add(case.operation.definition.raw["operationId"])
                return world.call(case)

            def validate_response(self, response: Any, case: schemathesis.Case, **_: Any) -> None:
                case.validate_response(response, checks=CHECKS)

        with world.session:
            Machine.run(
                settings=hypothesis.settings(
                    max_examples=SEQUENCES,
                    stateful_step_count=8,
                    deadline=None,
                    derandomize=not FULL,
                    database=None,
                    suppress_health_check=list(hypothesis.HealthCheck),
                )
            )
    assert visited <= set(OPERATIONS)
    assert len(visited) > 10
