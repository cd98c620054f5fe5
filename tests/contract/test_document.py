"""openapi.yaml itself: valid, equal to the documentation and to the table of operations."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from bulkeditor.api._operations import INVENTORY_WRITERS, OPERATIONS, required_scopes
from bulkeditor.errors import InvalidInputError
from bulkeditor.models import (
    EventName,
    JobStatus,
    Product,
    ProductCreate,
    ProductUpdate,
    Scope,
    Status,
    Updates,
)
from tests.contract.validator import Contract, load_document

DOCUMENTED_PRODUCT = {
    "id", "sku", "title", "vendor", "product_type", "category", "status", "tags", "price", "cost",
    "inventory_quantity", "custom_fields",
}  # fmt: skip

# What API_INTEGRATIONS.txt says, by hand: operations with their parameters, and fields by schema.
DOCUMENTED_PARAMETERS = {
    "products.list": {"limit", "page", "filter", "fields"},
    "products.update": set(),
    "bulk_jobs.create": set(),
    "bulk_jobs.get": {"job_id"},
}
DOCUMENTED_FIELDS = {
    "Product": DOCUMENTED_PRODUCT,
    "ProductUpdate": DOCUMENTED_PRODUCT,
    "BulkUpdate": {"products"},
    "BulkJobCreate": {"operation", "filter", "updates", "schedule"},
    "JobUpdates": (DOCUMENTED_PRODUCT - {"id"}) | {"price_adjustment"},
    "PriceAdjustment": {"type", "value"},
    "Job": {
        "id", "status", "progress", "total_products", "processed_products", "errors", "started_at",
        "completed_at",
    },
    "Filter": set(),
}  # fmt: skip
DOCUMENTED_VALUES = {
    ("BulkJobCreate", "operation"): {"update"},
    ("PriceAdjustment", "type"): {"percentage"},
    ("JobStatus", None): {"completed"},
}
DOCUMENTED_HEADERS = {"Retry-After"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return load_document()


def schemas_of(document: dict[str, Any]) -> dict[str, Any]:
    return document["components"]["schemas"]


def operations_of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, node in item.items():
            if method != "parameters":
                yield path, method, node


def test_the_document_is_valid_openapi(document):
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_schema_is_valid_json_schema(document):
    for schema in schemas_of(document).values():
        Draft202012Validator.check_schema(schema)


def test_the_document_is_plain_yaml_without_duplicate_keys():
    class Strict(yaml.SafeLoader):
        pass

    def no_duplicates(loader: Strict, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value if key.value != "<<"]
        assert len(keys) == len(set(keys)), f"line {node.start_mark.line}: {keys}"
        return yaml.SafeLoader.construct_mapping(loader, node, deep)

    Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, no_duplicates)
    yaml.load(files("bulkeditor.api").joinpath("openapi.yaml").read_text("utf-8"), Strict)


def test_the_document_and_the_table_of_operations_are_equal(document):
    found = {
        node["operationId"]: (method.upper(), path, node["x-scope"], node.get("x-completion", False))
        for path, method, node in operations_of(document)
    }
    table = {name: (o.method, o.path, o.scope, o.completion) for name, o in OPERATIONS.items()}
    assert found == table
    assert len(found) == 29


def test_the_extra_scope_is_the_tables_rule(document):
    marked = {node["operationId"] for _, _, node in operations_of(document) if "x-scope-when" in node}
    assert marked == INVENTORY_WRITERS
    for _, _, node in operations_of(document):
        operation = OPERATIONS[node["operationId"]]
        extra = node.get("x-scope-when", {}).get("inventory_quantity")
        expected = tuple(scope for scope in (node["x-scope"], extra) if scope)
        assert required_scopes(operation, {"price", "inventory_quantity"}) == expected
        assert required_scopes(operation, {"price"}) == tuple(scope for scope in (node["x-scope"],) if scope)


def test_only_the_token_endpoint_needs_no_credential(document):
    open_to_all = {
        node["operationId"] for _, _, node in operations_of(document) if node.get("security") == []
    }
    assert open_to_all == {"oauth.token"}
    assert document["security"] == [{"ApiKey": []}, {"BearerToken": []}]


def test_exactly_the_documented_operations_are_no_completions(document):
    documented = {
        (method.upper(), path)
        for path, method, node in operations_of(document)
        if not node.get("x-completion")
    }
    assert documented == {
        ("GET", "/api/v1/products"),
        ("PUT", "/api/v1/products/bulk"),
        ("POST", "/api/v1/bulk-jobs"),
        ("GET", "/api/v1/bulk-jobs/{job_id}"),
    }


def test_parameters_of_documented_operations(document, contract: Contract):
    for operation in contract.operations:
        if operation.name not in DOCUMENTED_PARAMETERS:
            continue
        marks = {p["name"]: p.get("x-completion", False) for p in operation.parameters}
        assert {name for name, marked in marks.items() if not marked} == DOCUMENTED_PARAMETERS[operation.name]


def reachable(document: dict[str, Any], contract: Contract) -> set[str]:
    """Named schemas that documented operations use, as far as they are not inside a completion."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                walk(item)
        elif isinstance(node, dict) and not node.get("x-completion"):
            reference = node.get("$ref", "")
            if reference.startswith("#/components/schemas/"):
                name = reference.rpartition("/")[2]
                if name not in found and not schemas_of(document)[name].get("x-completion"):
                    found.add(name)
                    walk(schemas_of(document)[name])
            elif reference:
                walk(contract.resolve(node))
            for value in node.values():
                walk(value)

    for _, _, node in operations_of(document):
        walk(node)
    return found


def test_every_completed_field_is_marked_and_every_documented_one_is_not(document, contract: Contract):
    objects = {name for name in reachable(document, contract) if "properties" in schemas_of(document)[name]}
    # The envelope of a list is not documented; the product in it is.
    assert objects | {"Product"} == set(DOCUMENTED_FIELDS)
    for name, documented in DOCUMENTED_FIELDS.items():
        properties = schemas_of(document)[name]["properties"]
        unmarked = {field for field, schema in properties.items() if not schema.get("x-completion")}
        assert unmarked == documented, name


def test_completed_values_are_marked(document):
    for (name, field), documented in DOCUMENTED_VALUES.items():
        schema = schemas_of(document)[name]
        schema = schema["properties"][field] if field else schema
        assert set(schema["enum"]) - set(schema["x-completion-values"]) == documented


def test_completed_headers_are_marked(document):
    headers = document["components"]["headers"]
    assert {name for name, header in headers.items() if not header.get("x-completion")} == DOCUMENTED_HEADERS


def test_requests_are_strict(document, contract: Contract):
    for _, _, node in operations_of(document):
        for kind, media in node.get("requestBody", {}).get("content", {}).items():
            if kind == "application/json":
                assert contract.resolve(media["schema"])["additionalProperties"] is False


def test_answers_are_open(document, contract: Contract):
    def closed(node: Any, seen: frozenset[str]) -> bool:
        if isinstance(node, list):
            return any(closed(item, seen) for item in node)
        if not isinstance(node, dict):
            return False
        reference = node.get("$ref")
        if reference in seen:
            return False
        if reference:
            return closed(contract.resolve(node), seen | {reference})
        return node.get("additionalProperties") is False or any(
            closed(value, seen) for value in node.values()
        )

    for _, _, node in operations_of(document):
        for response in node["responses"].values():
            for media in contract.resolve(response).get("content", {}).values():
                assert not closed(media["schema"], frozenset())


def test_every_operation_says_what_it_refuses(document):
    for _, method, node in operations_of(document):
        statuses = set(node["responses"])
        assert statuses >= {"400", "429", "500", "503"}
        if node["x-scope"]:
            assert statuses >= {"401", "403"}
        if node.get("x-completion"):
            assert "404" in statuses
        if "requestBody" in node:
            assert statuses >= {"413"}
        if method != "get" and node["x-scope"]:
            assert statuses >= {"409", "422"}
        assert node["summary"]
        assert all(
            contract_response.get("description", "x") for contract_response in node["responses"].values()
        )


def test_every_property_and_parameter_can_be_understood(document):
    """Reference documentation: what is not plain from its name has a description."""
    for parameter in document["components"]["parameters"].values():
        assert parameter["description"]
    for name, response in document["components"]["responses"].items():
        assert response["description"], name


def test_every_example_is_valid(document, contract: Contract):
    examples = 0
    for name, schema in schemas_of(document).items():
        for example in schema.get("examples", ()):
            examples += 1
            assert contract.problems({"$ref": f"#/components/schemas/{name}"}, example) == [], name
    assert examples >= 20


def test_vocabularies_are_the_models(document):
    schemas = schemas_of(document)
    assert schemas["EventName"]["enum"] == list(EventName.ALL)
    assert schemas["Scope"]["enum"] == list(Scope.ALL)
    assert schemas["ProductStatus"]["enum"] == [Status.ACTIVE, Status.DRAFT, Status.ARCHIVED]
    assert all(JobStatus.known(status) for status in schemas["JobStatus"]["enum"])


def test_fields_are_the_models(document):
    for model in (Product, ProductUpdate, ProductCreate):
        fields = {field.name for field in attrs.fields(model)}
        completed = {"expected"} if model is ProductUpdate else set()
        assert set(schemas_of(document)[model.__name__]["properties"]) == fields | completed
    assert set(schemas_of(document)["JobUpdates"]["properties"]) == {
        f.name for f in attrs.fields(Updates)
    } | {"sku"}


# ---- the documentation's own words ----


def json_blocks(text: str) -> list[Any]:
    """Every JSON object that stands in the documentation."""
    blocks = []
    for match in re.finditer(r"^\{$", text, re.MULTILINE):
        try:
            blocks.append(json.JSONDecoder().raw_decode(text, match.start())[0])
        except ValueError:
            continue  # JavaScript
    return blocks


@pytest.mark.shared
def test_the_documented_bodies_are_valid(shared: Path, contract: Contract):
    blocks = json_blocks((shared / "spec/API_INTEGRATIONS.txt").read_text("utf-8"))
    schema_by_key = {
        "products": "BulkUpdate",
        "operation": "BulkJobCreate",
        "progress": "Job",
        "events": "WebhookCreate",
        "event": "EventPayload",
    }
    checked = []
    for block in blocks:
        for key, name in schema_by_key.items():
            if key in block:
                assert contract.problems({"$ref": f"#/components/schemas/{name}"}, block) == [], name
                checked.append(name)
        for location in block.get("locations", ()):
            assert contract.problems({"$ref": "#/components/schemas/Location"}, location) == []
    assert sorted(checked) == sorted(schema_by_key.values())


@pytest.mark.shared
def test_the_documentation_names_every_documented_path_header_and_scope(shared: Path, document):
    text = (shared / "spec/API_INTEGRATIONS.txt").read_text("utf-8")
    requests = set(re.findall(r"^(GET|PUT|POST|PATCH|DELETE) (/\S+)$", text, re.MULTILINE))
    documented = {
        (method.upper(), path)
        for path, method, node in operations_of(document)
        if not node.get("x-completion")
    }
    assert requests == documented
    assert set(re.findall(r"^- ((?:read|write|admin):\w+)", text, re.MULTILINE)) == set(Scope.ALL)
    for header in ("X-API-Key", "X-Webhook-Signature", "Retry-After", "Authorization: Bearer"):
        assert header in text
    listed = set(re.findall(r"^- (limit|page|filter|fields): ", text, re.MULTILINE))
    assert listed == DOCUMENTED_PARAMETERS["products.list"]


# ---- paths of the table ----


def test_paths_are_filled_and_encoded():
    assert OPERATIONS["products.get"].url_path(id="a/b ?#ü") == "/api/v1/products/a%2Fb%20%3F%23%C3%BC"
    for bad in ("", " ", ".", ".."):
        with pytest.raises(InvalidInputError, match="id: "):
            OPERATIONS["products.delete"].url_path(id=bad)
    with pytest.raises(KeyError):
        OPERATIONS["products.get"].url_path()
    with pytest.raises(TypeError):
        OPERATIONS["x"] = None
    with pytest.raises(AttributeError):
        OPERATIONS["products.get"].path = "/"
