"""The stand-in for Klaviyo against Klaviyo's document: answers are valid, and what is wrong is refused."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

import httpx
import pytest

from bulkeditor.testing import InstantClock
from bulkeditor.testing.vendors._klaviyo.gate import TIERS
from bulkeditor.testing.vendors._klaviyo.routes import FILTERS, route_of
from bulkeditor.testing.vendors.klaviyo import Klaviyo
from tests.contracts.contract import ValidatingTransport
from tests.contracts.systems import klaviyo

MEDIA = "application/vnd.api+json"
PREFIX = "$custom:::$default:::"
UPDATES = "/api/catalog-variant-bulk-update-jobs"


@pytest.fixture
def clock():
    return InstantClock()


@pytest.fixture
def fake(clock):
    with Klaviyo(clock=clock) as server:
        start = clock.now() - timedelta(days=1)
        server.seed(
            {
                "sku": f"SKU-{number}",
                "price": Decimal("10.50") + number,
                "inventory_quantity": number,
                "season": "summer",
                "changed_at": start + timedelta(minutes=number),
            }
            for number in range(5)
        )
        yield server


def client(fake, transport=None):
    return httpx.Client(
        base_url=fake.base_url,
        transport=transport,
        headers={"Authorization": f"Klaviyo-API-Key {fake.api_key}", "revision": "2026-07-15"},
    )


@pytest.fixture
def account(fake) -> Iterator[httpx.Client]:
    with client(fake) as session:
        yield session


def post(account, path, data, *, method="POST", **more):
    return account.request(
        method, path, content=json.dumps({"data": data}), headers={"Content-Type": MEDIA, **more}
    )


def variants_job(rows, action="update"):
    kind = f"catalog-variant-bulk-{action}-job"
    return {"type": kind, "attributes": {"variants": {"data": rows}}}


def row(external_id, **attributes):
    return {"type": "catalog-variant", "id": PREFIX + external_id, "attributes": attributes}


def finished(account, job):
    while True:
        body = account.get(f"/api/{job['type']}s/{job['id']}").json()["data"]
        if body["attributes"]["status"] == "complete":
            return body


def event(name="product_viewed", email="sarah@example.com", **more):
    return {
        "type": "event",
        "attributes": {
            "properties": {"sku": "SKU-1"},
            "metric": {"data": {"type": "metric", "attributes": {"name": name}}},
            "profile": {"data": {"type": "profile", "attributes": {"email": email}}},
            **more,
        },
    }


def told(response):
    error = response.json()["errors"][0]
    return response.status_code, error["code"]


# Klaviyo's document


def test_every_answer_is_as_klaviyo_documents_it(fake, vendor_specs):
    """Requests are judged as well, so that this test does not ask for what there is not."""
    contract = klaviyo(vendor_specs)
    with client(fake, ValidatingTransport(httpx.HTTPTransport(), contract)) as account:
        _everything(account, fake)
    documented = {
        operation["operationId"]
        for path in contract.document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "webhook" not in operation["operationId"]
    }
    contract.assert_kept(*documented)
    assert {status // 100 for _, status in contract.answered} == {2, 4}


def _everything(account, fake):
    item = {
        "type": "catalog-item",
        "attributes": {
            "external_id": "I-9",
            "title": "Shirt",
            "description": "Blue",
            "url": "https://a.example",
        },
    }
    variant = {
        "type": "catalog-variant",
        "attributes": {
            **item["attributes"],
            "external_id": "V-9",
            "sku": "NEW",
            "inventory_quantity": 3,
            "price": 9.5,
        },
        "relationships": {"item": {"data": {"type": "catalog-item", "id": PREFIX + "I-9"}}},
    }
    other = {**variant, "attributes": {**variant["attributes"], "external_id": "V-8", "sku": "NEW-8"}}
    assert post(account, "/api/catalog-items", item).status_code == 201
    assert post(account, "/api/catalog-variants", variant).status_code == 201
    assert post(account, "/api/catalog-variants", variant).status_code == 409
    for kind, name in (("catalog-items", "I-9"), ("catalog-variants", "V-9")):
        one = f"/api/{kind}/{quote(PREFIX + name)}"
        change = {"type": kind.removesuffix("s"), "id": PREFIX + name, "attributes": {"price": 7}}
        assert post(account, one, change, method="PATCH").json()["data"]["attributes"]["price"] == 7
        assert account.get(one).status_code == 200
        params = {"page[size]": 2, "sort": "-created", f"fields[{kind.removesuffix('s')}]": "title,price"}
        assert len(account.get(f"/api/{kind}", params=params).json()["data"]) == 2
    listed = account.get("/api/catalog-items", params={"include": "variants"}).json()
    assert {one["attributes"]["sku"] for one in listed["included"]} >= {"NEW", "SKU-0"}
    assert (
        account.get(f"/api/catalog-items/{quote(PREFIX + 'I-9')}/variants").json()["data"][0]["id"]
        == PREFIX + "V-9"
    )
    works = {
        "variant": {
            "create": other,
            "update": row("V-8", title="V"),
            "delete": {"type": "catalog-variant", "id": PREFIX + "V-8"},
        },
        "item": {
            "create": {**item, "attributes": {**item["attributes"], "external_id": "I-8"}},
            "update": {"type": "catalog-item", "id": PREFIX + "I-8", "attributes": {"title": "T"}},
            "delete": {"type": "catalog-item", "id": PREFIX + "I-8"},
        },
    }
    for kind, jobs in works.items():
        for action, resource in jobs.items():
            path = f"/api/catalog-{kind}-bulk-{action}-jobs"
            data = {"type": path[5:-1], "attributes": {f"{kind}s": {"data": [resource, resource]}}}
            accepted = post(account, path, data)
            assert accepted.status_code == 202
            done = finished(account, accepted.json()["data"])
            assert done["attributes"]["completed_count"] == (2 if action == "update" else 1), done
            assert account.get(path, params={"filter": "equals(status,'complete')"}).json()["data"]
            if action != "delete":
                shown = account.get(f"{path}/{done['id']}", params={"include": f"{kind}s"}).json()
                assert (
                    shown["included"][0]["id"] == shown["data"]["relationships"][f"{kind}s"]["data"][0]["id"]
                )
    for kind, name in (("catalog-variants", "V-9"), ("catalog-items", "I-9")):
        assert account.delete(f"/api/{kind}/{quote(PREFIX + name)}").status_code == 204
        assert account.get(f"/api/{kind}/{quote(PREFIX + name)}").status_code == 404
    _people(account)
    assert account.get("/api/accounts").json()["data"][0]["id"] == "AbC123"
    fake.clock.advance(1)
    assert account.get("/api/accounts/AbC123").status_code == 200
    assert account.get("/api/accounts/AbC123").status_code == 429


def _people(account):
    assert post(account, "/api/events", event(value=9.99, unique_id="1")).status_code == 202
    bulk = {
        "type": "event-bulk-create",
        "attributes": {
            "profile": {"data": {"type": "profile", "attributes": {"email": "ann@example.com"}}},
            "events": {
                "data": [
                    {
                        "type": "event",
                        "attributes": {
                            "properties": {},
                            "metric": {"data": {"type": "metric", "attributes": {"name": "cart_abandoned"}}},
                        },
                    }
                ]
            },
        },
    }
    data = {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [bulk]}}}
    assert post(account, "/api/event-bulk-create-jobs", data).status_code == 202
    events = account.get("/api/events", params={"include": "metric,profile", "page[size]": 1}).json()
    assert {one["type"] for one in events["included"]} == {"metric", "profile"}
    assert account.get(f"/api/events/{events['data'][0]['id']}").status_code == 200
    metrics = account.get("/api/metrics").json()["data"]
    assert {one["attributes"]["name"] for one in metrics} == {"product_viewed", "cart_abandoned"}
    assert account.get(f"/api/metrics/{metrics[0]['id']}").status_code == 200
    profile = {"type": "profile", "attributes": {"email": "sarah@example.com", "properties": {"score": 7}}}
    assert post(account, "/api/profile-import", profile).status_code == 200
    assert post(account, "/api/profiles", profile).status_code == 409
    profile["attributes"]["email"] = "new@example.com"
    assert post(account, "/api/profile-import", profile).status_code == 201
    profile["attributes"]["email"] = "newer@example.com"
    made = post(account, "/api/profiles", profile).json()["data"]
    assert account.get(f"/api/profiles/{made['id']}").json()["data"]["attributes"]["properties"] == {
        "score": 7
    }
    change = {"type": "profile", "id": made["id"], "attributes": {"properties": {"rank": "gold"}}}
    patched = post(account, f"/api/profiles/{made['id']}", change, method="PATCH").json()["data"]
    assert patched["attributes"]["properties"] == {"score": 7, "rank": "gold"}
    assert len(account.get("/api/profiles", params={"sort": "-email"}).json()["data"]) == 4
    viewed = next(one["id"] for one in metrics if one["attributes"]["name"] == "product_viewed")
    query = {
        "type": "metric-aggregate",
        "attributes": {
            "metric_id": viewed,
            "measurements": ["count", "sum_value", "unique"],
            "interval": "day",
            "filter": [
                "greater-or-equal(datetime,2020-01-01T00:00:00)",
                "less-than(datetime,2030-01-01T00:00:00)",
            ],
        },
    }
    figures = post(account, "/api/metric-aggregates", query).json()["data"]["attributes"]["data"][0][
        "measurements"
    ]
    assert {name: sum(values) for name, values in figures.items()} == {
        "count": 1,
        "sum_value": 9.99,
        "unique": 1,
    }


def test_operations_limits_and_filters_are_those_of_the_document(vendor_specs):
    document = klaviyo(vendor_specs).document
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if not isinstance(operation, dict) or "webhook" in path:
                continue
            asked = path.replace("{id}", "1").replace("{job_id}", "1").strip("/").split("/")
            route, _ = route_of(method.upper(), asked)
            limit = operation["x-klaviyo-ratelimit"]
            assert [f"{TIERS[route.tier][0]}/s", f"{TIERS[route.tier][1]}/m"] == [
                limit["burst"],
                limit["steady"],
            ], path
            assert [route.scope] == operation["x-klaviyo-scopes"], path
            known = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
            assert set(route.params) == known, (method, path)
            sizes = [
                each["schema"]["maximum"] for each in operation["parameters"] if each["name"] == "page[size]"
            ]
            assert sizes in ([], [route.most]), path
    for what, fields in FILTERS.items():
        path = "catalog-item-bulk-create-jobs" if what == "jobs" else what
        parameters = document["paths"][f"/api/{path}"]["get"]["parameters"]
        text = next(each["description"] for each in parameters if each["name"] == "filter")
        for field, operators in fields.items():
            documented = text.split(f"<br>`{field}`: ")[1].split("<br>")[0].replace("`", "").split(", ")
            assert sorted(operators) == sorted(documented), (what, field)


# Access


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ({"Authorization": ""}, (401, "not_authenticated")),
        ({"Authorization": "Bearer klaviyo-access-0"}, (401, "authentication_failed")),
        ({"Authorization": "Klaviyo-API-Key pk_wrong"}, (401, "authentication_failed")),
        ({"revision": "2024-10-15"}, (400, "invalid")),
        ({"Accept": "text/html"}, (406, "not_acceptable")),
    ],
)
def test_a_request_without_what_klaviyo_wants_is_refused(account, headers, answer):
    assert told(account.get("/api/catalog-variants", headers=headers)) == answer


def test_the_revision_is_no_matter_of_choice(account):
    del account.headers["revision"]
    assert told(account.get("/api/catalog-variants")) == (400, "invalid")


def test_bodies_are_json_api(account):
    response = account.post(UPDATES, json={"data": variants_job([row("SKU-1", price=3)])})
    assert told(response) == (415, "unsupported_media_type")


def test_a_scope_that_is_missing_is_named(fake, account):
    fake.scopes.discard("catalogs:write")
    response = post(account, UPDATES, variants_job([row("SKU-1", price=3)]))
    assert told(response) == (403, "permission_denied")
    assert account.get("/api/catalog-variants").status_code == 200


def test_an_access_token_lasts_an_hour_and_keys_do_not_end(fake, account, clock):
    form = {"grant_type": "refresh_token", "refresh_token": fake.refresh_token}
    pair = f"{fake.client_id}:{fake.client_secret}".encode()
    basic = {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    assert account.post("/oauth/token", data=form, headers={"Authorization": "Basic eDp5"}).status_code == 401
    assert account.post("/oauth/token", data={**form, "refresh_token": "x"}, headers=basic).status_code == 400
    token = account.post("/oauth/token", data=form, headers=basic).json()
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert account.get("/api/catalog-variants", headers=bearer).status_code == 200
    clock.advance(token["expires_in"])
    assert told(account.get("/api/catalog-variants", headers=bearer)) == (401, "authentication_failed")
    fake.expire()
    assert account.get("/api/catalog-variants").status_code == 200


@pytest.mark.parametrize("clock", [InstantClock(datetime(2026, 1, 1, 12, tzinfo=UTC))])
def test_windows_are_fixed_and_tell_the_minute(account, clock):
    first = account.get("/api/accounts")
    assert first.headers["RateLimit-Limit"].startswith("15")
    assert first.headers["RateLimit-Remaining"] == "14"
    refused = account.get("/api/accounts")
    assert told(refused) == (429, "throttled")
    assert refused.headers["Retry-After"] == "1"
    assert "RateLimit-Limit" not in refused.headers
    for _ in range(14):
        clock.advance(1)
        answer = account.get("/api/accounts")
    assert answer.headers["RateLimit-Remaining"] == "0"
    clock.advance(1)
    assert 1 < int(account.get("/api/accounts").headers["Retry-After"]) <= 45
    # Other operations have windows of their own.
    assert account.get("/api/catalog-variants").status_code == 200


# Reading


def test_pages_follow_links(account, fake):
    url, found = "/api/catalog-variants?page[size]=2", []
    while url:
        body = account.get(url).json()
        found += [one["attributes"]["sku"] for one in body["data"]]
        url = body["links"].get("next")
        if len(found) == 2:
            # What the cursor stands on goes away.
            fake.remove("SKU-1")
    assert found == [f"SKU-{number}" for number in range(5)]
    assert fake.served == 5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('equals(sku,"SKU-3")', ["SKU-3"]),
        (f"any(ids,['{PREFIX}SKU-1','{PREFIX}SKU-2', \"{PREFIX}nope\"])", ["SKU-1", "SKU-2"]),
        ("contains(title,'ku-4')", ["SKU-4"]),
        (f"equals(item.id,'{PREFIX}SKU-0'),equals(published,true)", ["SKU-0"]),
        (f"and(equals(sku,'SKU-1'),any(ids,['{PREFIX}SKU-1']))", ["SKU-1"]),
        ("equals(published,false)", []),
    ],
)
def test_filters(account, text, found):
    body = account.get("/api/catalog-variants", params={"filter": text}).json()
    assert [one["attributes"]["sku"] for one in body["data"]] == found


@pytest.mark.parametrize(
    "params",
    [
        {"filter": "greater-than(updated,2020-01-01)"},
        {"filter": "any(sku,['SKU-1'])"},
        {"filter": "equals(sku,'SKU-1'"},
        {"filter": "SKU-1"},
        {"sort": "updated"},
        {"page[size]": 101},
        {"page[size]": 0},
        {"page[cursor]": "?"},
        {"fields[catalog-variant]": "cost"},
        {"include": "item"},
        {"limit": 3},
    ],
    ids=str,
)
def test_a_query_that_klaviyo_does_not_know_is_refused(account, params):
    response = account.get("/api/catalog-variants", params=params)
    assert told(response) == (400, "invalid")
    assert response.json()["errors"][0]["source"]["parameter"] == next(iter(params))


# Writing


def test_a_job_that_was_accepted_may_fail_in_part(fake, account):
    fake.refuse("SKU-2", "it is locked")
    rows = [
        row("SKU-1", price=1.25, custom_metadata={"season": "winter"}),
        row("SKU-2", price=2),
        row("nope", price=3),
    ]
    job = post(account, UPDATES, variants_job(rows)).json()["data"]
    assert job["attributes"]["status"] == "processing"
    done = finished(account, job)
    assert (done["attributes"]["completed_count"], done["attributes"]["failed_count"]) == (1, 2)
    pointers = [error["source"]["pointer"] for error in done["attributes"]["errors"]]
    assert pointers == [f"/data/attributes/variants/data/{number}" for number in (1, 2)]
    assert [one["id"] for one in done["relationships"]["variants"]["data"]] == [PREFIX + "SKU-1"]
    assert [(effect.key, effect.field, effect.after) for effect in fake.effects] == [
        ("SKU-1", "price", Decimal("1.25")),
        ("SKU-1", "custom_metadata", {"season": "winter"}),
    ]
    fake.indexed_errors = False
    done = finished(account, post(account, UPDATES, variants_job(rows)).json()["data"])
    assert {error["source"]["pointer"] for error in done["attributes"]["errors"]} == {"/data"}


def test_a_job_may_take_its_time(fake, account, clock):
    fake.job_delay = 5
    job = post(account, UPDATES, variants_job([row("SKU-1", price=99)])).json()["data"]
    assert job["attributes"]["status"] == "queued"
    assert fake.holds("SKU-1")["price"] == Decimal("11.50")
    clock.advance(5)
    assert fake.holds("SKU-1")["price"] == 99
    # The effect belongs to the request that asked for it.
    assert [effect.after for effect in fake.journal[0].effects] == [99]


@pytest.mark.parametrize(
    ("rows", "pointer"),
    [
        ([row("SKU-1", prize=3)], "/data/attributes/variants/data/0/attributes/prize"),
        ([row("SKU-1", price="3")], "/data/attributes/variants/data/0/attributes/price"),
        ([row("SKU-1", inventory_policy=3)], "/data/attributes/variants/data/0/attributes/inventory_policy"),
        ([row("SKU-1"), {"type": "catalog-item"}], "/data/attributes/variants/data/1/type"),
        ([{**row("SKU-1"), "price": 3}], "/data/attributes/variants/data/0"),
        ([row(f"SKU-{number}", price=1) for number in range(101)], "/data/attributes/variants/data"),
        ([], "/data/attributes/variants"),
    ],
)
def test_a_job_with_a_wrong_row_is_refused_whole(fake, account, rows, pointer):
    response = post(account, UPDATES, variants_job(rows))
    assert told(response) == (400, "invalid")
    assert response.json()["errors"][0]["source"]["pointer"] == pointer
    assert not fake.effects


def test_custom_metadata_is_flat_and_bounded(account):
    for custom in ({"a": {"b": 1}}, {"a": "x" * 100_000}):
        job = post(account, UPDATES, variants_job([row("SKU-1", custom_metadata=custom)])).json()["data"]
        assert finished(account, job)["attributes"]["failed_count"] == 1
    whole = variants_job([row(f"SKU-{number}", description="x" * 1_100_000) for number in range(5)])
    assert told(post(account, UPDATES, whole)) == (413, "payload_too_large")


def test_a_variant_needs_its_item_and_its_sku(fake, account):
    attributes = {
        "external_id": "N",
        "title": "N",
        "description": "N",
        "url": "https://a.example",
        "price": 1,
    }
    full = {**attributes, "sku": "N", "inventory_quantity": 1}
    relation = {"item": {"data": {"type": "catalog-item", "id": PREFIX + "SKU-0"}}}
    bare = {"type": "catalog-variant", "attributes": attributes, "relationships": relation}
    assert told(post(account, "/api/catalog-variants", bare)) == (400, "invalid")
    homeless = {"type": "catalog-variant", "attributes": full}
    assert told(post(account, "/api/catalog-variants", homeless)) == (400, "invalid")
    assert post(account, "/api/catalog-variants", {**bare, "attributes": full}).status_code == 201
    # The price of a variant is not that of its item.
    assert fake.holds("N")["price"] == 1
    item = account.get(f"/api/catalog-items/{quote(PREFIX + 'SKU-0')}").json()["data"]
    assert item["attributes"]["price"] is None


# People


def test_an_event_counts_once_for_its_unique_id(fake, account):
    for _ in range(2):
        assert post(account, "/api/events", event(unique_id="42")).status_code == 202
    assert post(account, "/api/events", event("product_purchased", unique_id="42")).status_code == 202
    assert fake.event_names() == ["product_viewed", "product_purchased"]


def test_events_are_found_by_metric_and_time(fake, account, clock):
    for name in ("product_viewed", "cart_abandoned"):
        post(account, "/api/events", event(name, time=clock.now().isoformat()))
    metrics = account.get("/api/metrics").json()["data"]
    wanted = next(one["id"] for one in metrics if one["attributes"]["name"] == "cart_abandoned")
    text = f'equals(metric_id,"{wanted}"),greater-or-equal(datetime,2026-01-01T00:00:00Z)'
    (found,) = account.get("/api/events", params={"filter": text}).json()["data"]
    assert found["relationships"]["metric"]["data"]["id"] == wanted
    text = "greater-than(datetime,2099-01-01T00:00:00Z)"
    assert account.get("/api/events", params={"filter": text}).json()["data"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": {"data": {"type": "metric", "attributes": {"name": "x" * 128}}}},
        {"profile": {"data": {"type": "profile", "attributes": {"first_name": "Sarah"}}}},
        {"properties": None},
        {"properties": {f"p{number}": 1 for number in range(401)}},
        {"time": "yesterday"},
        {"when": "2026-01-01"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_event_that_cannot_be_is_refused(fake, account, wrong):
    assert told(post(account, "/api/events", event(**wrong))) == (400, "invalid")
    assert fake.event_names() == []


def test_custom_properties_are_merged_and_cleared(fake, account):
    def put(**attributes):
        data = {"type": "profile", "attributes": {"external_id": "C-1", **attributes}}
        return post(account, "/api/profile-import", data)

    assert put(properties={"email_engagement_score": 7.5, "old": 1}).status_code == 201
    assert put(properties={"email_engagement_score": 8, "old": None}).status_code == 200
    assert fake.properties("C-1") == {"email_engagement_score": 8, "old": None}
    text = 'any(external_id,["C-1","C-2"])'
    (found,) = account.get("/api/profiles", params={"filter": text}).json()["data"]
    assert found["attributes"]["properties"]["email_engagement_score"] == 8
    data = {
        "type": "profile",
        "id": found["id"],
        "attributes": {},
        "meta": {"patch_properties": {"unset": "old", "append": {"skus": "A"}}},
    }
    assert post(account, f"/api/profiles/{found['id']}", data, method="PATCH").status_code == 200
    assert fake.properties("C-1") == {"email_engagement_score": 8, "skus": ["A"]}
    assert told(put(first=1)) == (400, "invalid")
