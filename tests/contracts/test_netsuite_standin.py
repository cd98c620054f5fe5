"""The stand-in for NetSuite against what Oracle documents: vectors, samples, names and types, refusals."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

import httpx
import jsonschema
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from oauthlib.oauth1 import Client

from bulkeditor.testing import InstantClock
from bulkeditor.testing.vendors._netsuite.login import base_string, signature
from bulkeditor.testing.vendors.netsuite import NetSuite

REST = "/services/rest"
TOKEN = f"{REST}/auth/oauth2/v1/token"
BATCH = "application/vnd.oracle.resource+json; type=collection"


@pytest.fixture
def clock():
    return InstantClock()


@pytest.fixture
def fake(clock):
    with NetSuite(clock=clock) as server:
        start = clock.now() - timedelta(days=1)
        server.seed(
            {
                "sku": f"SKU-{number}",
                "price": Decimal("10.50") + number,
                "cost": 5,
                "inventory_quantity": number,
                "changed_at": start + timedelta(minutes=number),
            }
            for number in range(5)
        )
        yield server


@pytest.fixture
def account(fake):
    with httpx.Client(base_url=fake.base_url) as client:
        client.headers["Authorization"] = "Bearer " + token(client, fake).json()["access_token"]
        yield client


@pytest.fixture
def vendor(shared):
    return shared / "vendor-specs" / "netsuite"


def token(client, fake, *, key=None, header=None, algorithm="ES256", **claims):
    now = int(fake.clock.now().timestamp())
    told = {
        "iss": fake.client_id,
        "scope": ["rest_webservices"],
        "aud": f"{fake.base_url}{TOKEN}",
        "iat": now,
        "exp": now + 3000,
        **claims,
    }
    headers = {"kid": fake.certificate_id, **(header or {})}
    assertion = jwt.encode(told, key or fake.private_key, algorithm=algorithm, headers=headers)
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    return client.post(TOKEN, data=form, headers={"Authorization": ""})


def suiteql(client, query, *, prefer="transient", **params):
    headers = {"Prefer": prefer} if prefer else {}
    return client.post(f"{REST}/query/v1/suiteql", params=params, json={"q": query}, headers=headers)


def told(response):
    return response.status_code, response.json()["o:errorDetails"][0]["o:errorCode"]


# Access


@pytest.mark.shared
def test_signatures_are_those_of_oracles_vectors(vendor):
    given = json.loads((vendor / "tba-hmac-sha256-vectors.json").read_text())
    oauth = {
        "oauth_consumer_key": given["consumer_key"],
        "oauth_token": given["token"],
        "oauth_nonce": given["nonce"],
        "oauth_timestamp": given["timestamp"],
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_version": "1.0",
    }
    assert len(given["vectors"]) == 4
    for vector in given["vectors"]:
        text = base_string(vector["method"], vector["url"], oauth)
        assert text == vector["base_string"]
        assert signature(text, given["consumer_secret"], given["token_secret"]) == vector["signature"]


class Signed(httpx.Auth):
    """Token-based authentication by another library."""

    def __init__(self, fake, *, method="HMAC-SHA256", late=0, nonce=None, **other):
        self.fake, self.method, self.nonce, self.other = fake, method, nonce, other
        self.stamp = int(fake.clock.now().timestamp()) - late

    def auth_flow(self, request):
        fake = self.fake
        keys = {
            "client_secret": fake.consumer_secret,
            "resource_owner_key": fake.token_id,
            "resource_owner_secret": fake.token_secret,
            "realm": fake.account,
            **self.other,
        }
        client = Client(
            fake.consumer_key,
            signature_method=self.method,
            timestamp=str(self.stamp),
            nonce=self.nonce or uuid.uuid4().hex,
            **keys,
        )
        _, headers, _ = client.sign(str(request.url), http_method=request.method)
        request.headers["Authorization"] = headers["Authorization"]
        yield request


def test_a_signed_request_comes_in(fake):
    query = quote('itemId IS "SKU-1"')
    url = f"{fake.base_url}{REST}/record/v1/inventoryItem?limit=2&q={query}"
    response = httpx.get(url, auth=Signed(fake))
    assert response.status_code == 200, response.text
    assert response.json()["totalResults"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": "wrong"},
        {"resource_owner_secret": "wrong"},
        {"resource_owner_key": "wrong"},
        {"realm": "1234567-sb1"},
        {"method": "HMAC-SHA1"},
        {"late": 301},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_request_that_is_signed_otherwise_stays_out(fake, wrong):
    response = httpx.get(f"{fake.base_url}{REST}/record/v1/inventoryItem", auth=Signed(fake, **wrong))
    assert told(response) == (401, "INVALID_LOGIN")


def test_a_nonce_counts_once_and_a_space_is_no_plus(fake):
    url = f"{fake.base_url}{REST}/record/v1/inventoryItem"
    signed = Signed(fake, nonce="n1")  # both times within the same second
    statuses = [httpx.get(url, auth=signed).status_code for _ in range(2)]
    assert statuses == [200, 401]
    assert httpx.get(f"{url}?q=itemId+IS+x", auth=Signed(fake)).status_code == 401


def test_an_access_token_lasts_an_hour(fake, account, clock):
    assert suiteql(account, "SELECT id FROM item").status_code == 200
    clock.advance(3600)
    assert told(suiteql(account, "SELECT id FROM item")) == (401, "INVALID_LOGIN")


def test_rsa_keys_sign_with_pss_and_with_nothing_else(fake, account):
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    fake.certify("rsa", public)
    header = {"kid": "rsa"}
    assert token(account, fake, key=key, header=header, algorithm="PS256").status_code == 200
    assert token(account, fake, key=key, header=header, algorithm="RS256").status_code == 400
    # A key that is not the certificate's.
    assert token(account, fake, key=key, algorithm="PS256").status_code == 400


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "somebody"},
        {"aud": "https://elsewhere.example.com/token"},
        {"scope": ["restlets"]},
        {"exp": 9_999_999_999},
        {"iat": 1},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_an_assertion_that_says_something_else_gets_no_token(fake, account, claims):
    response = token(account, fake, **claims)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


def test_an_expired_certificate_gets_no_token(fake, account):
    fake.end_certificate()
    assert token(account, fake).status_code == 400


# SuiteQL


@pytest.mark.shared
def test_a_page_of_suiteql_has_the_form_of_oracles_sample(account, vendor):
    sample = json.loads((vendor / "sample-payloads.json").read_text())["suiteql"]
    method, target = sample["request"].split(" ")
    query = (
        "SELECT id, itemid FROM item WHERE lastmodifieddate >= TO_DATE('2020-01-15','YYYY-MM-DD') ORDER BY id"
    )
    response = account.request(method, REST + target, json={"q": query}, headers=sample["headers"])
    body = response.json()
    assert body.keys() == sample["response"].keys()
    assert [row.keys() for row in body["items"]] == [sample["response"]["items"][0].keys()] * 5
    assert body["items"][0]["itemid"] == "SKU-0"
    assert all(
        isinstance(value, str) for row in body["items"] for name, value in row.items() if name != "links"
    )


def test_pages_follow_each_other(account):
    query = "SELECT itemid FROM item ORDER BY id"
    found, url = [], f"{REST}/query/v1/suiteql?limit=2"
    while url:
        page = account.post(url, json={"q": query}, headers={"Prefer": "transient"}).json()
        found += [row["itemid"] for row in page["items"]]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        assert page["hasMore"] is (url is not None)
        assert page["totalResults"] == 5
    assert found == [f"SKU-{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT nonesuch FROM item", "Unknown identifier 'nonesuch'"),
        ("SELECT id FROM nowhere", "Record 'nowhere' was not found"),
        ("SELECT id FROM item LIMIT 5", "LIMIT"),
        ("DELETE FROM item", "Only SELECT"),
        ("SELECT id FROM item; SELECT 1", "Invalid character ';'"),
        ("SELECT randomblob(9) FROM item", "Unknown function"),
        ("SELECT id FROM item WHERE", "Invalid or unsupported"),
    ],
)
def test_a_query_that_is_none_is_refused(account, query, says):
    response = suiteql(account, query)
    assert told(response) == (400, "INVALID_PARAMETER")
    assert says in response.json()["o:errorDetails"][0]["detail"]


@pytest.mark.parametrize("params", [{"limit": 1001}, {"limit": 0}, {"limit": 3, "offset": 2}, {"limit": "x"}])
def test_a_page_that_cannot_be_is_refused(account, params):
    assert told(suiteql(account, "SELECT id FROM item", **params)) == (400, "INVALID_PARAMETER")


def test_suiteql_wants_prefer_transient(account):
    assert suiteql(account, "SELECT id FROM item", prefer=None).status_code == 400


def test_values_as_suiteql_has_them(fake, account):
    moment = datetime(2026, 1, 15, 8, 30, 7, 999, tzinfo=UTC)
    fake.edit("SKU-1", {"price": "1234567.89", "cost": None}, changed_at=moment)
    fake.edit("SKU-2", {"parent": "SKU-1", "price": "12.00"})
    query = (
        "SELECT i.itemid, i.isinactive, i.cost, i.lastmodifieddate, p.unitprice,"
        " TO_CHAR(i.lastmodifieddate, 'YYYY-MM-DD\"T\"HH24:MI:SS') AS Changed"
        " FROM item i LEFT JOIN pricing p ON p.item = i.id AND p.pricelevel = 1"
        " WHERE i.itemid LIKE 'SKU-1%' ORDER BY i.id"
    )
    first, second = suiteql(account, query).json()["items"]
    assert first == {
        "links": [],
        "itemid": "SKU-1",
        "isinactive": "F",
        "lastmodifieddate": "1/15/2026",
        "unitprice": "1234567.89",
        "changed": "2026-01-15T08:30:07",
    }
    assert (second["itemid"], second["unitprice"]) == ("SKU-1 : SKU-2", "12")


def test_a_query_gives_no_more_than_100_000_rows(fake, account):
    fake.seed({"sku": f"MANY-{number}"} for number in range(331))
    query = "SELECT a.id FROM item a, item b ORDER BY a.id"
    page = suiteql(account, query, limit=1000, offset=99_000).json()
    assert (page["count"], page["hasMore"], page["totalResults"]) == (1000, False, 100_000)


def test_what_a_role_cannot_see_is_left_out_in_silence(fake, account):
    fake.hidden.add(("item", "cost"))
    assert "cost" not in suiteql(account, "SELECT id, cost FROM item").json()["items"][0]
    fake.denied.add("Lists -> Items")
    assert told(suiteql(account, "SELECT id FROM item")) == (403, "INSUFFICIENT_PERMISSION")


# Records


@pytest.mark.shared
def test_records_have_the_names_and_types_of_the_browser(fake, account, vendor):
    schema = json.loads((vendor / "record-facts-2026.1.schema.json").read_text())

    def check(name, value):
        jsonschema.validate(value, {**schema, "$ref": f"#/$defs/{name}"})
        strange = value.keys() - schema["$defs"][name]["properties"].keys()
        assert not [field for field in strange if not field.startswith("custitem")], strange

    fake.edit("SKU-1", {"custitem_season": "summer", "title": "Shirt"})
    found = suiteql(account, "SELECT id FROM item WHERE itemid = 'SKU-1'").json()["items"][0]["id"]
    path = f"{REST}/record/v1/inventoryItem"
    check("inventoryItem", account.get(f"{path}/{found}").json())
    check("inventoryItem", account.get(f"{path}/{found}?expandSubResources=true").json())
    check("inventoryItem", account.get(f"{path}/eid:SKU-1?fields=itemId,cost").json())
    check("priceCollection", account.get(f"{path}/{found}/price?expandSubResources=true").json())
    check("locationsCollection", account.get(f"{path}/{found}/locations?expandSubResources=true").json())
    check("inventoryItemCollection", account.get(path, params={"limit": 2}).json())
    check("nsError", account.get(f"{path}/0").json())


@pytest.mark.shared
def test_oracles_sample_of_a_price_is_written(fake, account, vendor):
    sample = json.loads((vendor / "sample-payloads.json").read_text())["price_write"]
    _, path = sample["request"].split(" ")
    found = suiteql(account, "SELECT id FROM item WHERE itemid = 'SKU-1'").json()["items"][0]["id"]
    here = (REST + path).replace("482", found)
    assert account.patch(here, json=sample["body"]).status_code == 204
    lines = account.get(f"{here}/price").json()["items"]
    assert [(line["quantity"]["value"], line["price"]) for line in lines] == [(0, 11.5), (5, 25.5)], "merged"
    assert account.patch(f"{here}?replace=price", json=sample["body"]).status_code == 204
    assert len(account.get(f"{here}/price").json()["items"]) == 1


def test_an_unknown_name_only_warns_unless_it_is_asked_for(fake, account):
    path = f"{REST}/record/v1/inventoryItem/eid:SKU-1"
    assert account.patch(path, json={"coast": 3}).status_code == 204
    strict = {"X-NetSuite-PropertyNameValidation": "Error"}
    response = account.patch(path, json={"cost": 4, "coast": 3}, headers=strict)
    assert told(response) == (400, "NONEXISTENT_FIELD")
    assert fake.holds("SKU-1")["cost"] == 5, "all of a body, or nothing"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"cost": "4"}, "INVALID_CONTENT"),
        ({"quantityOnHand": 4}, "USER_ERROR"),
        ({"price": {"items": [{"price": 1}]}}, "USER_ERROR"),
        (
            {"price": {"items": [{"currencyPage": {"id": "1"}, "priceLevel": {"id": "99"}, "price": 1}]}},
            "INVALID_KEY_OR_REF",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused(fake, account, body, code):
    response = account.patch(f"{REST}/record/v1/inventoryItem/eid:SKU-1", json=body)
    assert told(response) == (400, code)
    assert not fake.effects


def batch(account, items, method="PATCH", kind="inventoryItem", key=None, **headers):
    given = {"Prefer": "respond-async", "Content-Type": BATCH, **headers}
    if key:
        given["X-NetSuite-Idempotency-Key"] = key
    return account.request(
        method, f"{REST}/record/v1/{kind}", content=json.dumps({"items": items}), headers=given
    )


def test_a_batch_is_a_job_with_a_task_for_each_record(fake, account):
    fake.refuse("SKU-2", "locked by accounting")
    accepted = batch(account, [{"externalId": f"SKU-{number}", "cost": 7} for number in (1, 2, 9)])
    assert accepted.status_code == 202
    job = accepted.headers["Location"]
    assert account.get(job).json()["completed"] is False
    done = account.get(job).json()
    assert (done["completed"], done["progress"]) == (True, "failed")
    tasks = account.get(done["task"]["links"][0]["href"]).json()["items"]
    assert [task["progress"] for task in tasks] == ["succeeded", "failed", "failed"]
    results = [
        account.get(next(link["href"] for link in task["links"] if link["rel"] == "related"))
        for task in tasks
    ]
    assert [result.status_code for result in results] == [204, 400, 404]
    assert "locked by accounting" in results[1].text
    assert [effect.key for effect in fake.effects] == ["SKU-1"]


def test_an_idempotency_key_makes_one_job(fake, account):
    key = str(uuid.uuid4())
    first, second = (batch(account, [{"externalId": "SKU-1", "cost": 7}], key=key) for _ in range(2))
    assert first.status_code == 202
    assert told(second) == (400, "IDEMPOTENCY_ERROR")
    assert second.headers["Location"] == first.headers["Location"]
    assert len(fake.effects) == 1
    assert batch(account, [{"externalId": "SKU-1", "cost": 7}], key="no uuid").status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"items": [{"externalId": "SKU-1", "cost": 1}] * 101},
        {"items": []},
        {"items": [{"externalId": "SKU-1"}], "Content-Type": "application/json"},
        {"items": [{"externalId": "SKU-1"}], "Prefer": ""},
    ],
    ids=["101 records", "none", "media type", "not asynchronous"],
)
def test_a_batch_of_another_form_is_refused(fake, account, wrong):
    assert batch(account, **wrong).status_code == 400
    assert not fake.effects


# Transactions


def adjustment(client, **changes):
    refs = {
        row["itemid"]: row["id"] for row in suiteql(client, "SELECT id, itemid FROM item").json()["items"]
    }
    line = {"item": {"id": refs["SKU-1"]}, "location": {"id": "1"}, "adjustQtyBy": -1}
    return {
        "account": {"id": "54"},
        "subsidiary": {"id": "1"},
        "adjLocation": {"id": "1"},
        "tranDate": "2026-01-15",
        "inventory": {"items": [line]},
        **changes,
    }


def test_an_adjustment_moves_stock(fake, account):
    body = adjustment(account)
    response = account.post(f"{REST}/record/v1/inventoryAdjustment", json=body)
    assert response.status_code == 204, response.text
    assert fake.stock("SKU-1") == {"1": Decimal(0)}
    (effect,) = fake.effects
    assert (effect.key, effect.field, effect.before, effect.after) == ("SKU-1", "inventory_quantity", 1, 0)
    assert account.get(response.headers["Location"]).json()["tranDate"] == "2026-01-15"


def test_an_external_id_makes_an_adjustment_once(fake, account):
    path = f"{REST}/record/v1/inventoryAdjustment"
    body = adjustment(account)
    statuses = [account.put(f"{path}/eid:A1", json=body).status_code for _ in range(2)]
    assert statuses == [204, 204]
    assert fake.stock("SKU-1") == {"1": Decimal(0)}
    assert told(account.post(path, json={**body, "externalId": "A1"})) == (400, "USER_ERROR")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"subsidiary": None}, "USER_ERROR"),
        ({"account": {"id": "1"}}, "USER_ERROR"),
        ({"account": {"id": "777"}}, "INVALID_KEY_OR_REF"),
        ({"inventory": {"items": []}}, "USER_ERROR"),
    ],
    ids=["no subsidiary", "account of another kind", "no such account", "no lines"],
)
def test_an_adjustment_that_cannot_be_booked_is_refused(fake, account, changes, code):
    response = account.post(f"{REST}/record/v1/inventoryAdjustment", json=adjustment(account, **changes))
    assert told(response) == (400, code)
    assert not fake.effects


def test_a_purchase_order_is_kept_once_for_its_external_id(fake, account):
    line = adjustment(account)["inventory"]["items"][0]
    body = {
        "entity": {"id": "21"},
        "subsidiary": {"id": "1"},
        "location": {"id": "2"},
        "item": {"items": [{"item": line["item"], "quantity": 12, "rate": 4.5}]},
    }
    path = f"{REST}/record/v1/purchaseOrder"
    located = {account.put(f"{path}/eid:PO-7", json=body).headers["Location"] for _ in range(2)}
    assert len(located) == len(fake.orders) == 1
    query = "SELECT id, tranid, type FROM transaction WHERE externalid = 'PO-7'"
    (row,) = suiteql(account, query).json()["items"]
    assert (row["id"], row["type"]) == (located.pop().rpartition("/")[2], "PurchOrd")
    assert told(account.post(path, json={**body, "entity": {"id": "1"}})) == (400, "INVALID_KEY_OR_REF")


@pytest.mark.shared
def test_throttling_has_the_form_of_oracles_sample(fake, account, vendor):
    sample = json.loads((vendor / "sample-payloads.json").read_text())["error_429"]
    fake.fault("throttle")
    response = suiteql(account, "SELECT id FROM item")
    assert told(response) == (sample["status"], sample["o:errorDetails"][0]["o:errorCode"])
    assert "Retry-After" not in response.headers
