"""The stand-in for Business One against what SAP documents: names, types, sessions, and what it refuses."""

import ssl
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from bulkeditor.testing import InstantClock
from bulkeditor.testing.vendors._sap.b1_model import ITEM_COLLECTIONS, LINES, SETS
from bulkeditor.testing.vendors.sap_b1 import BusinessOne
from tests.contract.validator import ValidatingTransport
from tests.contracts import systems

# All is on loopback without TLS, and loading the certificates of the machine takes long.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ROOT = "/b1s/v1"


@pytest.fixture
def fake():
    clock = InstantClock()
    with BusinessOne(clock=clock) as server:
        server.seed(
            {
                "sku": f"A{number:05}",
                "price": Decimal("10.50") + number,
                "cost": 5,
                "inventory_quantity": number,
                "title": f"Item {number}",
                "vendor": "V10000",
                "changed_at": clock.now() - timedelta(days=1, minutes=-number),
            }
            for number in range(25)
        )
        yield server


@pytest.fixture
def b1(fake):
    with httpx.Client(verify=NO_TLS, base_url=fake.base_url) as client:
        login(client, fake)
        yield client


def login(client, fake, *, root=ROOT, **other):
    body = {"CompanyDB": fake.company, "UserName": fake.user, "Password": fake.password, **other}
    return client.post(f"{root}/Login", json=body)


def told(answer):
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]["value"]


def order(**more):
    line = {"ItemCode": "A00001", "Quantity": 3, "UnitPrice": 2.5}
    return {"CardCode": "V10000", "DocDueDate": "2026-12-24", "DocumentLines": [line], **more}


# SAP's own document


def test_every_request_and_answer_fits_saps_metadata(fake, vendor_specs):
    contract = systems.business_one(vendor_specs)
    with httpx.Client(
        verify=NO_TLS,
        base_url=fake.base_url,
        transport=ValidatingTransport(httpx.HTTPTransport(verify=NO_TLS), contract),
    ) as b1:
        b1.headers["Accept"] = "application/json"
        login(b1, fake)
        options = {
            "$filter": "UpdateDate ge '2020-01-01'",
            "$orderby": "ItemCode",
            "$inlinecount": "allpages",
        }
        answer = b1.get(f"{ROOT}/Items", params=options, headers={"Prefer": "odata.maxpagesize=0"})
        assert len(answer.json()["value"]) == 25
        assert answer.json()["odata.count"] == "25"
        stock = {"$select": "ItemCode,ItemWarehouseInfoCollection,ItemPrices"}
        item = b1.get(f"{ROOT}/Items('A00003')", params=stock).json()
        assert item["ItemWarehouseInfoCollection"][0]["InStock"] == 3
        assert item["ItemPrices"][0]["Price"] == 13.5
        price = {"ItemPrices": [{"PriceList": 1, "Price": 9.9}]}
        assert b1.patch(f"{ROOT}/Items('A00003')", json=price).status_code == 204
        count = {"ItemCode": "A00003", "WarehouseCode": "01", "CountedQuantity": 12}
        posting = {"InventoryPostingLines": [count]}
        assert b1.post(f"{ROOT}/InventoryPostings", json=posting).status_code == 201
        entry = {"DocumentLines": [{"ItemCode": "A00003", "Quantity": 2, "WarehouseCode": "02"}]}
        assert b1.post(f"{ROOT}/InventoryGenEntries", json=entry).status_code == 201
        assert b1.post(f"{ROOT}/PurchaseOrders", json=order()).status_code == 201
        for name in ("Warehouses", "PriceLists", "ItemGroups", "UserFieldsMD"):
            assert b1.get(f"{ROOT}/{name}").status_code == 200
    contract.assert_kept("GET Items", "GET Items()", "PATCH Items()", "POST PurchaseOrders")
    held = fake.holds("A00003")
    assert (held["price"], held["inventory_quantity"]) == (Decimal("9.9"), 14)


def test_its_entities_are_those_of_saps_metadata(vendor_specs):
    metadata = systems.business_one(vendor_specs).metadata
    found = 0
    declared = [(metadata.of_set(name), entities.props) for name, entities in SETS.items()]
    names = {
        "ItemPrices": "ItemPrice",
        "ItemWarehouseInfoCollection": "ItemWarehouseInfo",
        "DocumentLines": "DocumentLine",
        "InventoryPostingLines": "InventoryPostingLine",
    }
    declared += [
        (metadata.kind(names[name]), props) for name, (_, props) in (ITEM_COLLECTIONS | LINES).items()
    ]
    for kind, props in declared:
        for name, ours in props.items():
            theirs, found = kind.properties[name], found + 1
            enum = theirs.kind in metadata.enums
            assert theirs.kind == f"Edm.{ours.type}" or (enum and ours.type == "Enum"), name
    assert found > 90


# Sessions


def test_a_login_gives_a_session_and_two_cookies(fake):
    with httpx.Client(verify=NO_TLS, base_url=fake.base_url) as b1:
        answer = login(b1, fake)
        assert answer.json()["SessionTimeout"] == 30
        assert answer.json()["SessionId"] == b1.cookies["B1SESSION"]
        assert b1.get(f"{ROOT}/Warehouses").status_code == 200
        assert fake.logged_in == 1
        assert b1.post(f"{ROOT}/Logout").status_code == 204
        assert fake.logged_in == 0
        assert told(b1.get(f"{ROOT}/Warehouses"))[:2] == (401, 301)


@pytest.mark.parametrize("other", [{"Password": "wrong"}, {"CompanyDB": "NONE"}])
def test_a_wrong_login(fake, other):
    with httpx.Client(verify=NO_TLS, base_url=fake.base_url) as b1:
        assert told(login(b1, fake, **other))[0] == 401


def test_both_cookies_are_needed_and_idle_sessions_end(fake, b1):
    route = b1.cookies["ROUTEID"]
    b1.cookies.delete("ROUTEID")
    assert told(b1.get(f"{ROOT}/Items"))[:2] == (401, 301)
    b1.cookies.set("ROUTEID", route)
    assert b1.get(f"{ROOT}/Items").status_code == 200
    fake.clock.advance(29 * 60)
    assert b1.get(f"{ROOT}/Items").status_code == 200
    fake.clock.advance(31 * 60)
    assert told(b1.get(f"{ROOT}/Items"))[:2] == (401, 301)


def test_each_login_takes_a_seat(fake):
    fake.seats = 1
    with (
        httpx.Client(verify=NO_TLS, base_url=fake.base_url) as one,
        httpx.Client(verify=NO_TLS, base_url=fake.base_url) as other,
    ):
        assert login(one, fake).status_code == 200
        assert login(other, fake).status_code == 401
        one.post(f"{ROOT}/Logout")
        assert login(other, fake).status_code == 200


# Reading


@pytest.mark.parametrize(
    ("prefer", "pages"), [({}, [20, 5]), ({"Prefer": "odata.maxpagesize=10"}, [10, 10, 5])]
)
def test_pages(b1, prefer, pages):
    found, url = [], "Items?$select=ItemCode"
    while url:
        body = b1.get(f"{ROOT}/{url}", headers=prefer).json()
        found.append(len(body["value"]))
        url = body.get("odata.nextLink")
    assert found == pages


def test_version_2_has_other_names_and_functions(fake, b1):
    login(b1, fake, root="/b1s/v2")
    options = {
        "$filter": "contains(ItemCode,'0002')",
        "$count": "true",
        "$top": "2",
        "$select": "ItemCode,UpdateDate",
    }
    body = b1.get("/b1s/v2/Items", params=options, headers={"Prefer": "odata.maxpagesize=1"}).json()
    assert body["@odata.count"] == 6
    assert body["@odata.nextLink"].startswith("Items?")
    assert body["value"][0]["UpdateDate"].endswith("T00:00:00Z")


@pytest.mark.parametrize(
    "options",
    [
        {"$filter": "Colour eq 'red'"},
        {"$filter": "ItemCode eq 5"},
        {"$filter": "ItemPrices eq 5"},
        {"$filter": "contains(ItemCode,'A')"},
        {"$select": "Colour"},
        {"$orderby": "Colour"},
        {"$count": "true"},
        {"page": "2"},
    ],
)
def test_queries_that_it_does_not_know_are_refused(b1, options):
    assert told(b1.get(f"{ROOT}/Items", params=options))[0] == 400


def test_a_missing_item_is_404(b1):
    assert told(b1.get(f"{ROOT}/Items('NONE')"))[:2] == (404, -2028)


# Writing


def test_collections_merge_by_key_unless_they_replace(fake, b1):
    assert fake.prices("A00000") == {1: Decimal("10.50"), 2: Decimal("8.400")}
    price = {"ItemPrices": [{"PriceList": 2, "Price": 7}]}
    b1.patch(f"{ROOT}/Items('A00000')", json=price)
    assert fake.prices("A00000")[2] == Decimal("8.400"), "a list that rests on another one is calculated"
    own = {"ItemPrices": [{"PriceList": 2, "Price": 7, "BasePriceList": 2, "Factor": 1}]}
    b1.patch(f"{ROOT}/Items('A00000')", json=own)
    assert fake.prices("A00000") == {1: Decimal("10.50"), 2: 7}
    b1.patch(f"{ROOT}/Items('A00000')", json=own, headers={"B1S-ReplaceCollectionsOnPatch": "true"})
    assert fake.prices("A00000") == {1: None, 2: 7}


def test_user_fields_where_they_were_declared(fake, b1):
    url = f"{ROOT}/Items('A00001')"
    assert told(b1.patch(url, json={"U_Color": "red"}))[0] == 400
    fake.declare("U_Color")
    assert b1.patch(url, json={"U_Color": "red"}).status_code == 204
    assert b1.get(url).json()["U_Color"] == "red"
    assert b1.get(f"{ROOT}/UserFieldsMD").json()["value"][0]["Name"] == "Color"


@pytest.mark.parametrize(
    "body",
    [
        {"Colour": "red"},
        {"ItemName": 5},
        {"AvgStdPrice": "5"},
        {"QuantityOnStock": 5},
        {"MovingAveragePrice": 5},
        {"ItemCode": "A00002"},
        {"ItemPrices": [{"PriceList": 9, "Price": 1}]},
        {"ItemPrices": [{"Price": 1}]},
        {"ItemWarehouseInfoCollection": [{"WarehouseCode": "01", "InStock": 5}]},
    ],
)
def test_values_that_do_not_fit_are_refused(fake, b1, body):
    assert told(b1.patch(f"{ROOT}/Items('A00001')", json=body))[0] == 400
    assert not fake.effects


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("PurchaseOrders", order(CardCode="C20000")),
        ("PurchaseOrders", order(DocDueDate=None)),
        ("PurchaseOrders", order(DocumentLines=[])),
        ("PurchaseOrders", order(DocumentLines=[{"ItemCode": "NONE", "Quantity": 1}])),
        ("PurchaseOrders", order(DocumentLines=[{"ItemCode": "A00001", "Quantity": 0}])),
        ("PurchaseOrders", order(Urgent="tYES")),
        ("InventoryPostings", {"InventoryPostingLines": [{"ItemCode": "A00001", "WarehouseCode": "99"}]}),
        (
            "InventoryGenExits",
            {"DocumentLines": [{"ItemCode": "A00001", "Quantity": 2, "WarehouseCode": "01"}]},
        ),
    ],
)
def test_documents_that_are_refused(fake, b1, path, body):
    assert told(b1.post(f"{ROOT}/{path}", json=body))[0] == 400
    assert not fake.effects


def test_a_purchase_order_is_there_afterwards(fake, b1):
    body = b1.post(f"{ROOT}/PurchaseOrders", json=order(NumAtCard="PO-1")).json()
    assert (body["DocTotal"], body["DocumentStatus"]) == (7.5, "bost_Open")
    found = b1.get(f"{ROOT}/PurchaseOrders", params={"$filter": "NumAtCard eq 'PO-1'"}).json()["value"]
    assert [row["DocEntry"] for row in found] == [body["DocEntry"]]


def test_a_batch_has_changesets_that_are_all_or_nothing(fake, b1):
    def patch(key):
        head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        return head + f"PATCH {ROOT}/Items('{key}')\r\n\r\n" + '{"AvgStdPrice": 7.25}\r\n'

    def changeset(*keys):
        inner = "".join(f"--inner\r\n{patch(key)}" for key in keys) + "--inner--\r\n"
        return f"--outer\r\nContent-Type: multipart/mixed; boundary=inner\r\n\r\n{inner}"

    content = changeset("A00001") + changeset("A00002", "NONE") + "--outer--\r\n"
    headers = {"Content-Type": "multipart/mixed; boundary=outer"}
    answer = b1.post(f"{ROOT}/$batch", content=content, headers=headers)
    assert answer.status_code == 202
    statuses = [line[9:12] for line in answer.text.splitlines() if line.startswith("HTTP/1.1")]
    assert statuses == ["204", "404"]
    assert [fake.holds(key)["cost"] for key in ("A00001", "A00002")] == [Decimal("7.25"), 5]
