"""The stand-in for Shopify against Shopify's schema and texts: shapes, refusals, costs, stock, bulk."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import graphql
import httpx
import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLUnionType

from bulkeditor.testing import InstantClock
from bulkeditor.testing.vendors._shopify.cost import Costs
from bulkeditor.testing.vendors._shopify.schema import schema
from bulkeditor.testing.vendors._shopify.search import Search
from bulkeditor.testing.vendors.shopify import Shopify
from tests.conftest import shared_root
from tests.contracts import systems
from tests.contracts.contract import ValidatingTransport

PATH = "/admin/api/2026-10/graphql.json"
VARIANTS = """query ($first: Int, $after: String, $query: String) {
  productVariants(first: $first, after: $after, query: $query) {
    nodes {
      id sku price compareAtPrice updatedAt inventoryQuantity product { id title vendor tags status }
      inventoryItem {
        id tracked unitCost { amount currencyCode }
        inventoryLevels(first: 3) {
          nodes { id location { id name } quantities(names: ["available", "on_hand"]) { name quantity } }
        }
      }
      metafields(first: 2) { nodes { namespace key type value compareDigest } }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""
UPDATE = """mutation ($product: ID!, $variants: [ProductVariantsBulkInput!]!, $partial: Boolean) {
  productVariantsBulkUpdate(productId: $product, variants: $variants, allowPartialUpdates: $partial) {
    productVariants { id price } userErrors { field message code }
  }
}"""
SET = """mutation ($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup {
      id reason changes { name delta quantityAfterChange item { id } location { id } }
    }
    userErrors { field message code }
  }
}"""
ADJUST = """mutation ($input: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id changes { delta } } userErrors { field message code }
  }
}"""
FIELDS = """mutation ($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) {
    metafields { id key value } userErrors { field message code elementIndex }
  }
}"""
RUN_QUERY = """mutation ($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: false) {
    bulkOperation { id status url } userErrors { field message code }
  }
}"""
RUN_MUTATION = """mutation ($mutation: String!, $path: String!) {
  bulkOperationRunMutation(mutation: $mutation, stagedUploadPath: $path) {
    bulkOperation { id status } userErrors { field message code }
  }
}"""
STAGE = """mutation ($input: [StagedUploadInput!]!) {
  stagedUploadsCreate(input: $input) {
    stagedTargets { url resourceUrl parameters { name value } } userErrors { field message }
  }
}"""
LOOK = """query ($id: ID!) {
  bulkOperation(id: $id) {
    id status type errorCode createdAt completedAt objectCount rootObjectCount fileSize url partialDataUrl
  }
}"""


@pytest.fixture
def clock():
    return InstantClock()


@pytest.fixture
def fake(clock):
    with Shopify(clock=clock) as server:
        start = clock.now() - timedelta(days=1)
        server.seed(
            {
                "sku": f"SKU-{number}",
                "product": f"Shirt {number // 2}",
                "price": Decimal("10.50") + number,
                "cost": "4.20",
                "vendor": "Acme",
                "tags": ["sale"],
                "inventory_levels": {
                    "Main Warehouse": {"available": number, "committed": 2},
                    "Retail Store": 1,
                },
                "custom_fields": {"material": "wool"},
                "changed_at": start + timedelta(minutes=number),
            }
            for number in range(6)
        )
        yield server


class Admin:
    """A client that knows nothing but HTTP."""

    def __init__(self, fake, transport=None):
        self.fake = fake
        head = {"X-Shopify-Access-Token": fake.access_token}
        self.http = httpx.Client(base_url=fake.base_url, headers=head, transport=transport)

    def __call__(self, query, /, **variables):
        answer = self.http.post(PATH, json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def variants(self, **variables):
        return self(VARIANTS, first=5, **variables)["data"]["productVariants"]["nodes"]

    def run(self, mutation, /, **variables):
        (payload,) = self(mutation, **variables)["data"].values()
        return payload

    def ended(self, operation):
        for _ in range(2):
            looked = self(LOOK, id=operation["id"])["data"]["bulkOperation"]
        return looked

    def lines(self, url):
        text = self.http.get(url).text
        assert text.endswith("\n\n"), "a file ends with a blank line"
        return [json.loads(line) for line in text.splitlines() if line]


@pytest.fixture
def admin(fake):
    with (client := Admin(fake)).http:
        yield client


@pytest.fixture(scope="module")
def official():
    file = shared_root() / "vendor-specs" / "shopify" / "admin-2026-10.trimmed.graphql"
    if not file.exists():
        pytest.skip(f"no Shopify schema at {file}")
    return graphql.build_schema(file.read_text())


def codes(payload):
    return [error["code"] for error in payload["userErrors"]]


def refusal(answer):
    return answer["errors"][0]["extensions"]["code"]


# Shapes


def described(argument):
    return str(argument.type), argument.default_value


@pytest.mark.shared
def test_the_definitions_are_a_part_of_shopifys_schema(official):
    """Every type, field, argument and value has Shopify's name and type; nothing required is left out."""
    compared = 0
    for name, ours in schema().type_map.items():
        theirs = official.type_map[name]
        assert type(theirs) is type(ours), name
        compared += 1
        if isinstance(ours, GraphQLEnumType):
            assert set(ours.values) <= set(theirs.values), name
        elif isinstance(ours, GraphQLInputObjectType):
            assert {key: described(field) for key, field in ours.fields.items()}.items() <= {
                key: described(field) for key, field in theirs.fields.items()
            }.items(), name
            demanded = {key for key, field in theirs.fields.items() if graphql.is_required_input_field(field)}
            assert demanded <= ours.fields.keys(), name
        elif hasattr(ours, "fields") and not isinstance(ours, GraphQLUnionType):
            for key, field in ours.fields.items():
                other = theirs.fields[key]
                assert str(field.type) == str(other.type), (name, key)
                mine = {at: described(argument) for at, argument in field.args.items()}
                assert mine.items() <= {at: described(a) for at, a in other.args.items()}.items(), (name, key)
                demanded = {at for at, a in other.args.items() if graphql.is_required_argument(a)}
                assert demanded <= field.args.keys(), (name, key)
    assert compared > 80
    assert schema().get_directive("idempotent").locations == official.get_directive("idempotent").locations


@pytest.mark.shared
def test_its_answers_fit_shopifys_schema(fake, shared):
    contract = systems.shopify(shared / "vendor-specs")
    with (admin := Admin(fake, ValidatingTransport(httpx.HTTPTransport(), contract))).http:
        first, second, *_ = admin.variants()
        item, level = first["inventoryItem"], first["inventoryItem"]["inventoryLevels"]["nodes"][0]
        admin(
            "{ shop { id name currencyCode updatedAt } locations(first: 5) { nodes { id name isActive } } }"
        )
        admin("{ products(first: 2) { nodes { id handle variants(first: 3) { nodes { id } } } } }")
        admin(
            '{ inventoryItems(first: 2, query: "sku:SKU-1") { edges { cursor node { id sku updatedAt } } } }'
        )
        variants = [{"id": first["id"], "price": "12.00"}, {"id": second["id"], "price": "-1"}]
        admin.run(UPDATE, product=first["product"]["id"], variants=variants, partial=True)
        place = {"inventoryItemId": item["id"], "locationId": level["location"]["id"]}
        row = {**place, "quantity": 9, "changeFromQuantity": None}
        admin.run(SET, input={"name": "available", "reason": "correction", "quantities": [row]}, key="1")
        row = {**place, "delta": -1, "changeFromQuantity": 9}
        admin.run(ADJUST, input={"name": "available", "reason": "damaged", "changes": [row]}, key="2")
        custom = {"ownerId": first["id"], "namespace": "custom", "key": "size", "value": "L"}
        admin.run(FIELDS, metafields=[{**custom, "type": "single_line_text_field"}])
        begun = admin.run(RUN_QUERY, query="{ productVariants { edges { node { id } } } }")
        admin.ended(begun["bulkOperation"])
        # An answer that only refuses.
        fake.fault("throttle")
        admin("{ shop { id } }")
    contract.assert_kept(
        "productVariants", "inventorySetQuantities", "metafieldsSet", "bulkOperation", "shop"
    )


# Who may ask


def test_a_wrong_token_stays_out(fake):
    answer = httpx.post(
        f"{fake.base_url}{PATH}", json={"query": "{ shop { id } }"}, headers={"X-Shopify-Access-Token": "x"}
    )
    assert answer.status_code == 401
    assert "Invalid API key or access token" in answer.json()["errors"]


def test_tokens_are_handed_out_and_die(fake, admin):
    def asked(**form):
        keys = {"client_id": fake.client_id, "client_secret": fake.client_secret}
        return admin.http.post("/admin/oauth/access_token", data={**keys, **form})

    assert asked(grant_type="client_credentials", client_secret="wrong").status_code == 401
    token = asked(grant_type="client_credentials").json()
    assert token["expires_in"] == 86399
    admin.http.headers["X-Shopify-Access-Token"] = token["access_token"]
    admin("{ shop { id } }")
    fake.expire()
    assert admin.http.post(PATH, json={"query": "{ shop { id } }"}).status_code == 401
    old = fake.refresh_token()
    rotated = asked(grant_type="refresh_token", refresh_token=old).json()
    assert rotated["refresh_token"] != old
    assert asked(grant_type="refresh_token", refresh_token=old).status_code == 400
    assert {token["access_token"], rotated["refresh_token"]} <= set(fake.secrets())


def test_a_missing_scope_is_named(fake, admin):
    fake.scopes = frozenset({"read_products"})
    assert refusal(admin("{ locations(first: 1) { nodes { id } } }")) == "ACCESS_DENIED"
    answer = admin(UPDATE, product="gid://shopify/Product/1", variants=[], partial=True)
    assert "`write_products` access scope" in answer["errors"][0]["message"]
    assert admin("{ productVariants(first: 1) { nodes { id } } }")["data"]


def test_another_version_answers_without_a_word(fake, admin):
    fake.version = "2027-01"
    answer = admin.http.post(PATH, json={"query": "{ shop { id } }"})
    assert answer.headers["X-Shopify-API-Version"] == "2027-01"


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{ nonesuch }", {}, "undefinedField"),
        ("{ productVariants { nodes { id } } }", {}, "BAD_USER_INPUT"),
        ("{ productVariants(first: 251) { nodes { id } } }", {}, "BAD_USER_INPUT"),
        ('{ productVariants(first: 1, after: "x") { nodes { id } } }', {}, "BAD_USER_INPUT"),
        (
            "{ products(first: 250) { nodes { variants(first: 100) { nodes { id } } } } }",
            {},
            "MAX_COST_EXCEEDED",
        ),
        (UPDATE, {"product": "gid://shopify/Product/1", "variants": [{"price": 9.99}]}, "INVALID_VARIABLE"),
    ],
)
def test_a_question_that_is_none_is_refused(admin, query, variables, code):
    assert refusal(admin(query, **variables)) == code


def test_a_body_that_is_none_is_refused(admin):
    assert admin.http.post(PATH, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert admin.http.post(PATH, json={"nothing": 1}).status_code == 400
    assert "Syntax Error" in admin("{ shop {")["errors"][0]["message"]


# What it costs


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ shop { id name } }", 1),
        ("{ products(first: 10) { nodes { id title } pageInfo { endCursor } } }", 10),
        ("{ productVariants(first: 4) { edges { node { id product { id } inventoryItem { id } } } } }", 12),
        (
            """{ products(first: 3) { nodes { ...p } } }
               fragment p on Product { variants(first: 5) { nodes { id } } }""",
            18,
        ),
        ("query ($n: Int = 1) { products(first: $n) { nodes { id } } }", 7),
        (UPDATE, 10),
    ],
)
def test_the_cost_of_a_query(query, cost):
    document = graphql.parse(query)
    operation = graphql.get_operation_ast(document)
    assert Costs(schema(), document, {"n": 7}).of(operation) == cost


def test_a_bucket_that_is_empty_throttles_with_status_200_and_fills_in_time(admin, clock):
    query = "{ products(first: 250) { nodes { id variants(first: 3) { nodes { id } } } } }"
    answers = [admin(query) for _ in range(3)]
    cost = answers[-1]["extensions"]["cost"]
    assert refusal(answers[-1]) == "THROTTLED"
    assert "data" not in answers[-1]
    assert cost["actualQueryCost"] is None
    status = cost["throttleStatus"]
    clock.advance((cost["requestedQueryCost"] - status["currentlyAvailable"]) / status["restoreRate"])
    assert "errors" not in admin(query)


def test_a_throttle_that_is_ordered_says_how_long(fake, admin):
    fake.fault("throttle", retry_after=7)
    cost = admin("{ shop { id } }")["extensions"]["cost"]
    status = cost["throttleStatus"]
    assert (cost["requestedQueryCost"] - status["currentlyAvailable"]) / status["restoreRate"] == 7


# Reading


def test_pages_follow_each_other_while_rows_come_and_go(fake, admin):
    found, after = [], None
    while True:
        page = admin(VARIANTS, first=2, after=after)["data"]["productVariants"]
        found += [node["sku"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if len(found) == 2:
            fake.remove("SKU-1")  # the cursor's own row
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert found == [f"SKU-{number}" for number in range(6)]
    assert fake.served == 6


def test_values_are_texts_that_lose_nothing(fake, admin):
    fake.edit("SKU-0", {"price": "1234567.891", "cost": None, "compare_at_price": "12"})
    first = admin.variants()[0]
    assert (first["price"], first["compareAtPrice"]) == ("1234567.891", "12.00")
    assert first["inventoryItem"]["unitCost"] is None
    assert int(first["id"].rpartition("/")[2]) > 2**53
    assert datetime.fromisoformat(first["updatedAt"]).tzinfo is not None
    assert first["inventoryQuantity"] == 1
    level = first["inventoryItem"]["inventoryLevels"]["nodes"][0]
    assert {one["name"]: one["quantity"] for one in level["quantities"]} == {"available": 0, "on_hand": 2}


def test_a_search_with_a_field_that_does_not_exist_finds_everything_and_warns(admin):
    answer = admin(VARIANTS, first=5, query="nonesuch:1")
    assert len(answer["data"]["productVariants"]["nodes"]) == 5
    assert answer["extensions"]["search"][0]["warnings"][0]["code"] == "invalid_field"


FACTS = {"sku": "Ab-1", "tag": ["sale", "new"], "id": 42, "updated_at": datetime(2026, 1, 31, 12, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("sku:ab-1", True),
        ("sku:ab", False),
        ("sku:a*", True),
        ("sku:'ab-1'", True),
        ('sku:"ab-1" tag:sale', True),
        ("sku:x OR sku:ab-1", True),
        ("(sku:x OR sku:y) AND tag:sale", False),
        ("NOT tag:old", True),
        ("-tag:sale", False),
        ("tag:old,new", True),
        ("id:>41 id:<=42", True),
        ("id:>42", False),
        ("updated_at:>='2026-01-31T12:00:00Z'", True),
        ("updated_at:>2026-01-31T12:00:00Z", False),
        ("updated_at:<2026-02-01", True),
        ("Ab-1", True),
        (r"sku:Ab\-1", True),
        ("", True),
    ],
)
def test_searches(query, found):
    assert Search(query, frozenset(FACTS)).test()(FACTS) is found


@pytest.mark.parametrize("query", ["(sku:x", "sku:x)", "sku:'x"])
def test_a_search_that_cannot_be_read_is_an_error(query):
    with pytest.raises(ValueError, match=r"bracket|cannot read"):
        Search(query, frozenset(FACTS)).test()


# Writing


def test_one_wrong_variant_spoils_all_unless_parts_are_allowed(fake, admin):
    first, second, *_ = admin.variants()
    product = first["product"]["id"]
    variants = [{"id": first["id"], "price": "1.00"}, {"id": second["id"], "price": "-1.00"}]
    answer = admin.run(UPDATE, product=product, variants=variants)
    assert (codes(answer), answer["productVariants"]) == (["NEGATIVE_PRICE_VALUE"], None)
    assert answer["userErrors"][0]["field"] == ["variants", "1", "price"]
    assert not fake.effects
    answer = admin.run(UPDATE, product=product, variants=variants, partial=True)
    assert [one["id"] for one in answer["productVariants"]] == [first["id"]]
    assert [(effect.key, effect.field, effect.after) for effect in fake.effects] == [("SKU-0", "price", 1)]


def test_a_variant_of_another_product_is_none(admin):
    first, *_, last = admin.variants()
    variants = [{"id": last["id"], "price": "1.00"}, {"price": "1.00"}]
    answer = admin.run(UPDATE, product=first["product"]["id"], variants=variants)
    assert codes(answer) == ["PRODUCT_VARIANT_DOES_NOT_EXIST", "PRODUCT_VARIANT_ID_MISSING"]
    assert codes(admin.run(UPDATE, product="gid://shopify/Product/1", variants=[])) == [
        "PRODUCT_DOES_NOT_EXIST"
    ]


def stock(variant, place=0, **more):
    item = variant["inventoryItem"]
    level = item["inventoryLevels"]["nodes"][place]
    return {"inventoryItemId": item["id"], "locationId": level["location"]["id"], **more}


def setting(*rows, name="available", reason="correction"):
    return {"name": name, "reason": reason, "quantities": list(rows)}


def test_stock_wants_a_key_and_an_expectation(fake, admin):
    row = stock(admin.variants()[2], quantity=5)
    assert refusal(admin(SET, input=setting(row), key="1")) == "INVALID_FIELD_ARGUMENTS"
    row["changeFromQuantity"] = 2
    assert (
        refusal(
            admin(
                SET.replace("@idempotent(key: $key)", "@include(if: true)").replace(", $key: String!", ""),
                input=setting(row),
            )
        )
        == "BAD_REQUEST"
    )
    assert refusal(admin(SET, input=setting(row), key=" ")) == "BAD_REQUEST"
    assert not fake.effects
    answer = admin.run(SET, input=setting(row), key="2")
    assert answer["inventoryAdjustmentGroup"]["changes"][0]["delta"] == 3
    assert fake.holds("SKU-2")["inventory_levels"]["Main Warehouse"] == {
        "available": 5,
        "committed": 2,
        "on_hand": 7,
    }


def test_a_key_counts_once(fake, admin):
    row = stock(admin.variants()[2], delta=3, changeFromQuantity=None)
    given = {"name": "available", "reason": "restock", "changes": [row]}
    assert admin.run(ADJUST, input=given, key="k") == admin.run(ADJUST, input=given, key="k")
    assert fake.holds("SKU-2")["inventory_quantity"] == 2 + 3 + 1
    row["delta"] = 4
    assert codes(admin.run(ADJUST, input=given, key="k")) == ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]
    assert len(fake.effects) == 1


@pytest.mark.parametrize(
    ("more", "given", "code"),
    [
        ({"changeFromQuantity": 7}, {}, "CHANGE_FROM_QUANTITY_STALE"),
        ({"quantity": 2_000_000_000}, {}, "INVALID_QUANTITY_TOO_HIGH"),
        ({"locationId": "gid://shopify/Location/1"}, {}, "INVALID_LOCATION"),
        ({"inventoryItemId": "gid://shopify/InventoryItem/1"}, {}, "INVALID_INVENTORY_ITEM"),
        ({}, {"name": "committed"}, "INVALID_NAME"),
        ({}, {"reason": "because"}, "INVALID_REASON"),
    ],
)
def test_stock_that_cannot_be_set_is_refused_as_a_whole(fake, admin, more, given, code):
    first, second, *_ = admin.variants()
    rows = [stock(one, quantity=5, changeFromQuantity=None) for one in (first, second)]
    rows[1].update(more)
    assert code in codes(admin.run(SET, input=setting(*rows, **given), key="1"))
    assert not fake.effects


def test_untracked_items_and_places_without_the_item_are_refused(fake, admin):
    fake.seed([{"sku": "NEW", "inventory_quantity": 1}, {"sku": "FREE", "tracked": False}])
    new, free = admin.variants(query="sku:NEW OR sku:FREE")
    store = admin.variants()[0]["inventoryItem"]["inventoryLevels"]["nodes"][1]["location"]["id"]
    row = {**stock(new, quantity=1, changeFromQuantity=None), "locationId": store}
    assert codes(admin.run(SET, input=setting(row), key="1")) == ["INVALID_LOCATION"]
    row = stock(free, quantity=1, changeFromQuantity=None)
    assert codes(admin.run(SET, input=setting(row), key="2")) == ["NON_MUTABLE_INVENTORY_ITEM"]
    activate = """mutation ($item: ID!, $place: ID!) {
      inventoryActivate(inventoryItemId: $item, locationId: $place, available: 3) @idempotent(key: "3") {
        inventoryLevel { id } userErrors { message }
      }
    }"""
    assert admin.run(activate, item=new["inventoryItem"]["id"], place=store)["inventoryLevel"]
    assert fake.holds("NEW")["inventory_quantity"] == 4


def test_a_change_of_stock_is_no_change_of_the_variant(fake, admin, clock):
    clock.advance(60)
    before = admin.variants()[0]["updatedAt"]
    row = stock(admin.variants()[0], quantity=5, changeFromQuantity=None)
    admin.run(SET, input=setting(row), key="1")
    assert admin.variants()[0]["updatedAt"] == before
    asked = f"updated_at:>='{clock.now() - timedelta(seconds=30):%Y-%m-%dT%H:%M:%SZ}'"
    changed = admin(
        """query ($query: String) { locations(first: 5) {
          nodes { inventoryLevels(first: 5, query: $query) { nodes { item { sku } } } }
        } }""",
        query=asked,
    )["data"]["locations"]["nodes"]
    assert [level["item"]["sku"] for place in changed for level in place["inventoryLevels"]["nodes"]] == [
        "SKU-0"
    ]


def test_metafields_are_set_together_or_not_at_all(fake, admin):
    first, second, *_ = admin.variants()
    held = first["metafields"]["nodes"][0]
    field = {"ownerId": first["id"], "namespace": "custom", "key": "material", "value": "silk"}
    other = {**field, "ownerId": second["id"], "key": "new"}
    assert codes(admin.run(FIELDS, metafields=[field, other])) == ["BLANK"]
    assert codes(admin.run(FIELDS, metafields=[{**field, "compareDigest": "0"}])) == ["STALE_OBJECT"]
    assert codes(admin.run(FIELDS, metafields=[field] * 26)) == ["LESS_THAN_OR_EQUAL_TO"]
    assert not fake.effects
    good = [{**field, "compareDigest": held["compareDigest"]}, {**other, "type": "single_line_text_field"}]
    assert not codes(admin.run(FIELDS, metafields=good))
    assert fake.holds("SKU-0")["custom_fields"] == {"material": "silk"}
    assert fake.holds("SKU-1")["custom_fields"]["new"] == "silk"


def test_what_is_refused_is_refused_everywhere(fake, admin):
    fake.refuse("SKU-0", "it is locked")
    first = admin.variants()[0]
    answer = admin.run(UPDATE, product=first["product"]["id"], variants=[{"id": first["id"], "price": "1"}])
    assert answer["userErrors"][0]["message"] == "it is locked"
    row = stock(first, quantity=1, changeFromQuantity=None)
    assert admin.run(SET, input=setting(row), key="1")["userErrors"][0]["message"] == "it is locked"
    assert not fake.effects


# Bulk operations


def test_a_bulk_query_writes_children_with_their_parent_in_no_order(admin):
    asked = "{ products { edges { node { id title variants { edges { node { id sku } } } } } } }"
    begun = admin.run(RUN_QUERY, query=asked)["bulkOperation"]
    assert (begun["status"], begun["url"]) == ("CREATED", None)
    ended = admin.ended(begun)
    assert (ended["status"], ended["objectCount"], ended["rootObjectCount"]) == ("COMPLETED", "9", "3")
    lines = admin.lines(ended["url"])
    parents = {line["id"] for line in lines if "__parentId" not in line}
    assert {line["__parentId"] for line in lines if "sku" in line} == parents
    assert "__parentId" in lines[0], "a child comes first"


def test_a_bulk_query_that_fails_leaves_a_part(fake, admin):
    fake.fail_next_bulk()
    begun = admin.run(RUN_QUERY, query="{ productVariants { edges { node { id } } } }")["bulkOperation"]
    ended = admin.ended(begun)
    assert (ended["status"], ended["errorCode"], ended["url"]) == ("FAILED", "INTERNAL_SERVER_ERROR", None)
    assert len(admin.lines(ended["partialDataUrl"])) == 3


def staged(admin, lines, *, method="POST"):
    given = {"resource": "BULK_MUTATION_VARIABLES", "filename": "v.jsonl", "mimeType": "text/jsonl"}
    (target,) = admin.run(STAGE, input=[{**given, "httpMethod": method}])["stagedTargets"]
    body = "\n".join(json.dumps(line) for line in lines).encode()
    if method == "PUT":
        assert httpx.put(target["url"], content=body).status_code == 200
        return target["url"].partition("/staged/")[2]
    form = {one["name"]: one["value"] for one in target["parameters"]}
    assert httpx.post(target["url"], data=form, files={"file": ("v.jsonl", body)}).status_code == 201
    return form["key"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_bulk_mutation_completes_with_errors_inside(fake, admin, method):
    nodes = admin.variants()
    lines = [
        {"product": node["product"]["id"], "variants": [{"id": node["id"], "price": price}]}
        for node, price in zip(nodes, ("7.00", "-7.00", "8.00"), strict=False)
    ]
    begun = admin.run(RUN_MUTATION, mutation=UPDATE, path=staged(admin, lines, method=method))
    ended = admin.ended(begun["bulkOperation"])
    assert ended["status"] == "COMPLETED"
    results = {
        line["__lineNumber"]: line["data"]["productVariantsBulkUpdate"] for line in admin.lines(ended["url"])
    }
    assert [codes(results[number]) for number in range(3)] == [[], ["NEGATIVE_PRICE_VALUE"], []]
    assert [effect.after for effect in fake.effects] == [7, 8]


def test_bulk_mutations_want_a_file_and_run_five_at_a_time(admin):
    assert codes(admin.run(RUN_MUTATION, mutation=UPDATE, path="tmp/none")) == ["NO_SUCH_FILE"]
    path = staged(admin, [{"product": "gid://shopify/Product/1", "variants": []}])
    started = [admin.run(RUN_MUTATION, mutation=UPDATE, path=path) for _ in range(6)]
    assert [codes(one) for one in started] == [[]] * 5 + [["OPERATION_IN_PROGRESS"]]
    admin.ended(started[0]["bulkOperation"])
    assert not codes(admin.run(RUN_MUTATION, mutation=UPDATE, path=path))


def test_a_bulk_query_without_a_list_is_refused(admin):
    assert codes(admin.run(RUN_QUERY, query="{ shop { id } }")) == ["INVALID"]
    assert codes(admin.run(RUN_QUERY, query="{ nonesuch }")) == ["INVALID"]
