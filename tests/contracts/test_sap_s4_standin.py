"""The stand-in for S/4HANA against what SAP documents: names and types, and what it refuses."""

import ssl
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from bulkeditor.testing import InstantClock
from bulkeditor.testing.vendors._sap.s4_model import SERVICES
from bulkeditor.testing.vendors.sap_s4 import S4HANA
from tests.contract.validator import ValidatingTransport
from tests.contracts import systems

# All is on loopback without TLS, and loading the certificates of the machine takes long.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ROOT = "/sap/opu/odata/sap"
PRODUCT, STOCK = f"{ROOT}/API_PRODUCT_SRV", f"{ROOT}/API_MATERIAL_STOCK_SRV"
PRICE, MOVE = f"{ROOT}/API_SLSPRICINGCONDITIONRECORD_SRV", f"{ROOT}/API_MATERIAL_DOCUMENT_SRV"


@pytest.fixture
def fake():
    clock = InstantClock()
    with S4HANA(clock=clock) as server:
        server.seed(
            {
                "sku": f"M-{number}",
                "price": Decimal("10.50") + number,
                "cost": 5,
                "inventory_quantity": number,
                "title": f"Product {number}",
                "vendor": "4711",
                "changed_at": clock.now() - timedelta(days=1, minutes=-number),
            }
            for number in range(5)
        )
        yield server


@pytest.fixture
def sap(fake):
    with client(fake) as one:
        yield one


def client(fake, **options):
    return httpx.Client(
        verify=NO_TLS,
        base_url=fake.base_url,
        auth=(fake.user, fake.password),
        headers={"Accept": "application/json"},
        **options,
    )


def token(sap, service=PRODUCT):
    """What a write must carry; httpx keeps the cookies."""
    answer = sap.get(f"{service}/", headers={"X-CSRF-Token": "Fetch"})
    return {"X-CSRF-Token": answer.headers["x-csrf-token"]}


def results(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["d"]["results"]


def told(answer):
    return answer.status_code, answer.json()["error"]["message"]["value"]


def record_of(sap, sku):
    asked = {"$filter": f"Material eq '{sku}' and ConditionType eq 'PPR0'"}
    number = results(sap.get(f"{PRICE}/A_SlsPrcgCndnRecdValidity", params=asked))[0]["ConditionRecord"]
    return f"{PRICE}/A_SlsPrcgConditionRecord('{number}')"


def movement(code="05", kind="501", **more):
    item = {
        "Material": "M-1",
        "Plant": "1010",
        "StorageLocation": "101A",
        "GoodsMovementType": kind,
        "QuantityInEntryUnit": "3",
        "EntryUnit": "PC",
        **more,
    }
    return {
        "GoodsMovementCode": code,
        "PostingDate": "/Date(1764028800000)/",
        "to_MaterialDocumentItem": {"results": [item]},
    }


# SAP's own documents


def test_every_request_and_answer_fits_saps_documents(fake, vendor_specs):
    contract = systems.s4hana(vendor_specs)
    with client(fake, transport=ValidatingTransport(httpx.HTTPTransport(verify=NO_TLS), contract)) as sap:
        changed = "LastChangeDateTime ge datetimeoffset'2020-01-01T00:00:00Z'"
        options = {"$filter": changed, "$orderby": "LastChangeDateTime,Product", "$inlinecount": "allpages"}
        answer = sap.get(f"{PRODUCT}/A_Product", params={**options, "$expand": "to_Description,to_Valuation"})
        assert len(results(answer)) == 5
        assert answer.json()["d"]["__count"] == "5"
        assert sap.get(f"{PRODUCT}/A_Product('M-1')").json()["d"]["ManufacturerNumber"] == "4711"
        stock = results(sap.get(f"{STOCK}/A_MaterialStock", params={"$expand": "to_MatlStkInAcctMod"}))
        assert (
            stock[1]["to_MatlStkInAcctMod"]["results"][0]["MatlWrhsStkQtyInMatlBaseUnit"]
            == "1.00000000000000"
        )
        record, write = record_of(sap, "M-1"), token(sap)
        etag = sap.get(record).headers["etag"]
        new = {"ConditionRateValue": "19.99"}
        assert sap.patch(record, json=new, headers={**write, "If-Match": etag}).status_code == 204
        valuation = f"{PRODUCT}/A_ProductValuation(Product='M-1',ValuationArea='1010',ValuationType='')"
        assert sap.patch(valuation, json={"StandardPrice": "4.25"}, headers=write).status_code == 204
        assert sap.post(f"{MOVE}/A_MaterialDocumentHeader", json=movement(), headers=write).status_code == 201
    contract.assert_kept("GET A_Product", "GET A_Product()", "PATCH A_ProductValuation()")
    held = fake.holds("M-1")
    assert (held["price"], held["cost"], held["inventory_quantity"]) == (Decimal("19.99"), Decimal("4.25"), 4)


def test_its_entities_are_those_of_saps_metadata(vendor_specs):
    found = 0
    for part in systems.s4hana(vendor_specs)._parts:
        metadata = getattr(part, "metadata", None)
        for name, entities in SERVICES.get(part.mount.rpartition("/")[2], {}).items():
            if metadata is None:
                continue
            kind = metadata.of_set(name)
            assert kind.keys == entities.keys
            assert kind.guarded == entities.etag, name
            for prop, ours in entities.props.items():
                theirs, found = kind.properties[prop], found + 1
                assert theirs.kind == f"Edm.{ours.type}", prop
                if ours.type == "Decimal":
                    assert (theirs.precision, theirs.scale) == (ours.size, ours.scale), prop
                elif ours.type == "String":
                    assert theirs.max_length == ours.size, prop
            for verb in entities.verbs:
                assert metadata.allows(name, verb), (name, verb)
    assert found > 80


# Reading


def test_pages_end_where_the_server_says_and_links_are_followed_as_they_are(fake):
    fake.page = 2
    with client(fake) as sap:
        seen, url, pages = [], f"{PRODUCT}/A_Product?$select=Product&$filter=Product%20ne%20'M-2'", 0
        while url:
            body = sap.get(url).json()["d"]
            seen += [row["Product"] for row in body["results"]]
            url, pages = body.get("__next"), pages + 1
    assert (seen, pages) == (["M-0", "M-1", "M-3", "M-4"], 2)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Product eq 'M-1' or Product eq 'M-3'", "13"),
        ("(Product eq 'M-1' or Product eq 'M-3') and GrossWeight eq 0M", "13"),
        ("not (Product gt 'M-0')", "0"),
        ("substringof('-2',Product) eq true", "2"),
        ("startswith(Product,'M') and Product ge 'M-4'", "4"),
        ("IsMarkedForDeletion eq true", ""),
    ],
)
def test_filters(sap, text, found):
    rows = results(sap.get(f"{PRODUCT}/A_Product", params={"$filter": text}))
    assert "".join(row["Product"][-1] for row in rows) == found


@pytest.mark.parametrize(
    "options",
    [
        {"$filter": "Colour eq 'red'"},
        {"$filter": "Product eq 5"},
        {"$filter": "LastChangeDateTime ge datetime'2026-01-01T00:00:00'"},
        {"$filter": "LastChangeDateTime ge '2026-01-01'"},
        {"$filter": "Product eq 'M-1' and"},
        {"$filter": "contains(Product,'M')"},
        {"$select": "Colour"},
        {"$expand": "to_Colour"},
        {"$orderby": "Colour"},
        {"$top": "many"},
        {"page": "2"},
        {"$count": "true"},
    ],
)
def test_queries_that_the_gateway_does_not_know_are_refused(sap, options):
    assert told(sap.get(f"{PRODUCT}/A_Product", params=options))[0] == 400


def test_what_a_price_and_a_stock_change_leave_alone(fake, sap):
    before = sap.get(f"{PRODUCT}/A_Product('M-1')").json()["d"]["LastChangeDateTime"]
    fake.edit("M-1", {"price": Decimal(9), "inventory_quantity": 9, "cost": Decimal(9)})
    assert sap.get(f"{PRODUCT}/A_Product('M-1')").json()["d"]["LastChangeDateTime"] == before
    fake.edit("M-1", {"vendor": "4712"})
    assert sap.get(f"{PRODUCT}/A_Product('M-1')").json()["d"]["LastChangeDateTime"] != before


def test_without_json_being_asked_for_it_answers_atom(fake, sap):
    answer = sap.get(f"{PRODUCT}/A_Product", headers={"Accept": "*/*"})
    assert answer.headers["content-type"] == "application/atom+xml"


# Who may


def test_a_wrong_password_and_a_missing_arrangement(fake):
    with httpx.Client(verify=NO_TLS, base_url=fake.base_url, auth=(fake.user, "wrong")) as stranger:
        answer = stranger.get(f"{PRODUCT}/A_Product")
        assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html")
    fake.withdrawn.add("API_MATERIAL_STOCK_SRV")
    with client(fake) as sap:
        assert told(sap.get(f"{STOCK}/A_MaterialStock"))[0] == 403


def test_access_tokens_of_client_credentials_end(fake):
    form = {"grant_type": "client_credentials", "client_id": fake.client_id}
    with httpx.Client(verify=NO_TLS, base_url=fake.base_url, headers={"Accept": "application/json"}) as sap:
        assert (
            sap.post("/sap/bc/sec/oauth2/token", data={**form, "client_secret": "wrong"}).status_code == 401
        )
        answer = sap.post("/sap/bc/sec/oauth2/token", data={**form, "client_secret": fake.client_secret})
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert sap.get(f"{PRODUCT}/A_Product", headers=bearer).status_code == 200
        fake.expire()
        assert sap.get(f"{PRODUCT}/A_Product", headers=bearer).status_code == 401


def test_a_write_needs_token_and_cookies_of_one_session(fake, sap):
    url, new = f"{PRODUCT}/A_Product('M-1')", {"ProductGroup": "L001"}
    bare = sap.patch(url, json=new)
    assert (bare.status_code, bare.headers["x-csrf-token"]) == (403, "Required")
    write = token(sap)
    cookies = dict(sap.cookies)
    sap.cookies.clear()
    assert sap.patch(url, json=new, headers=write).status_code == 403, "a token without its cookies"
    sap.cookies.update(cookies)
    assert sap.patch(url, json=new, headers=write).status_code == 204
    fake.expire()
    assert sap.patch(url, json=new, headers=write).headers["x-csrf-token"] == "Required"
    assert fake.holds("M-1")["category"] == "L001"


# Writing


def test_etags(fake, sap):
    record, write = record_of(sap, "M-1"), token(sap)
    etag = sap.get(record).headers["etag"]
    assert told(sap.patch(record, json={"ConditionRateValue": "1"}, headers=write))[0] == 428
    assert sap.get(record).json()["d"]["__metadata"]["etag"] == etag
    fake.edit("M-1", {"price": Decimal(77)})
    stale = sap.patch(record, json={"ConditionRateValue": "1"}, headers={**write, "If-Match": etag})
    assert stale.status_code == 412
    blind = sap.patch(record, json={"ConditionRateValue": "1"}, headers={**write, "If-Match": "*"})
    assert (blind.status_code, fake.holds("M-1")["price"]) == (204, 1)


def test_a_new_price_ends_the_one_before_it(fake, sap):
    record = {
        "ConditionType": "PPR0",
        "ConditionRateValue": "33.5",
        "ConditionRateValueUnit": "EUR",
        "to_SlsPrcgCndnRecdValidity": [
            {
                "Material": "M-1",
                "ConditionValidityStartDate": "/Date(1577836800000)/",
                "ConditionValidityEndDate": "/Date(253402214400000)/",
            }
        ],
    }
    answer = sap.post(f"{PRICE}/A_SlsPrcgConditionRecord", json=record, headers=token(sap))
    assert answer.status_code == 201, answer.text
    assert fake.holds("M-1")["price"] == Decimal("33.5")
    ends = sorted(
        row["ConditionValidityEndDate"]
        for row in fake.rows("A_SlsPrcgCndnRecdValidity")
        if row["Material"] == "M-1"
    )
    assert [end.isoformat()[:10] for end in ends] == ["2019-12-31", "9999-12-31"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"GrossWeight": 1.5}, 400),
        ({"GrossWeight": "1.2345"}, 400),
        ({"GrossWeight": "12345678901"}, 400),
        ({"ManufacturerNumber": "12345678901"}, 400),
        ({"Colour": "red"}, 400),
        ({"LastChangeDateTime": "/Date(0+0000)/"}, 400),
        ({"Product": "M-2"}, 400),
        ({"YY1_Season_PRD": "winter"}, 400),
        ({"GrossWeight": "1.5"}, 204),
    ],
)
def test_values_that_do_not_fit_are_refused(fake, sap, body, status):
    answer = sap.patch(f"{PRODUCT}/A_Product('M-1')", json=body, headers=token(sap))
    assert answer.status_code == status, answer.text
    assert len(fake.effects) == (status == 204)


def test_custom_fields_where_they_were_published(fake, sap):
    fake.custom_fields.add("YY1_Season_PRD")
    fake.seed([{"sku": "C-1", "YY1_Season_PRD": "summer"}])
    url = f"{PRODUCT}/A_Product('C-1')"
    assert sap.get(url).json()["d"]["YY1_Season_PRD"] == "summer"
    assert sap.patch(url, json={"YY1_Season_PRD": "winter"}, headers=token(sap)).status_code == 204
    assert fake.holds("C-1")["YY1_Season_PRD"] == "winter"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (movement("03", "551", QuantityInEntryUnit="5"), "Deficit"),
        (movement("03", "201"), "Cost Center"),
        (movement("05", "201"), "Movement type"),
        (movement("05", "701"), "Movement type"),
        (movement(Material="NONE"), "does not exist"),
        (movement(StorageLocation="9999"), "Storage location"),
        (movement(QuantityInEntryUnit=3), "invalid value"),
    ],
)
def test_goods_movements_that_are_refused(fake, sap, body, words):
    status, message = told(sap.post(f"{MOVE}/A_MaterialDocumentHeader", json=body, headers=token(sap)))
    assert status == 400
    assert words in message
    assert not fake.effects


def test_nobody_deletes_a_product(fake, sap):
    write = token(sap)
    assert sap.delete(f"{PRODUCT}/A_Product('M-1')", headers=write).status_code == 405
    fake.remove("M-1")
    assert fake.holds("M-1") is None
    marked = sap.get(f"{PRODUCT}/A_Product", params={"$filter": "IsMarkedForDeletion eq true"})
    assert [row["Product"] for row in results(marked)] == ["M-1"]


# Batches


def part(method, target, body="", **headers):
    lines = [f"{method} {target} HTTP/1.1", "Content-Type: application/json", "Accept: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return head + "\r\n".join(lines) + f"\r\n\r\n{body}\r\n"


def batch(*pieces, boundary="outer"):
    return "".join(f"--{boundary}\r\n{piece}" for piece in pieces) + f"--{boundary}--\r\n"


def changeset(*pieces):
    return "Content-Type: multipart/mixed; boundary=inner\r\n\r\n" + batch(*pieces, boundary="inner")


def send(sap, content):
    headers = {**token(sap), "Content-Type": "multipart/mixed; boundary=outer"}
    return sap.post(f"{PRODUCT}/$batch", content=content, headers=headers)


def test_a_changeset_is_all_or_nothing_and_fails_alone(fake, sap):
    fake.refuse("M-2", "Material M-2 is locked")
    groups = [
        changeset(part("PATCH", "A_Product('M-1')", '{"ProductGroup":"L001"}')),
        changeset(
            part("PATCH", "A_Product('M-3')", '{"ProductGroup":"L003"}'),
            part("PATCH", "A_Product('M-2')", '{"ProductGroup":"L002"}'),
        ),
        part("GET", "A_Product?$top=1&$select=Product"),
    ]
    answer = send(sap, batch(*groups))
    assert (answer.status_code, answer.headers["content-type"][:15]) == (202, "multipart/mixed")
    statuses = [line for line in answer.text.splitlines() if line.startswith("HTTP/1.1")]
    assert statuses == ["HTTP/1.1 204 No Content", "HTTP/1.1 400 Error", "HTTP/1.1 200 OK"]
    assert "Material M-2 is locked" in answer.text
    assert [fake.holds(f"M-{number}")["category"] for number in (1, 2, 3)] == ["L001", "", ""]
    assert [(effect.key, effect.field) for effect in fake.effects] == [("M-1", "category")]


@pytest.mark.parametrize(
    "content",
    [
        "nothing",
        batch(part("PATCH", "A_Product('M-1')", '{"ProductGroup":"L001"}')),
        batch(changeset(part("GET", "A_Product"))),
        batch(part("GET", "A_Product")).removesuffix("--\r\n"),
    ],
)
def test_what_is_no_batch_is_refused(fake, sap, content):
    assert send(sap, content).status_code == 400
    assert not fake.effects
