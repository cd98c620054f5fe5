"""Published JSON vectors: y_ is accepted, n_ refused with our error, i_ either; nothing else comes out."""

from pathlib import Path

import pytest

from bulkeditor.errors import MalformedDataError
from bulkeditor.models import Product, decode_one, decode_page

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict[str, bytes]:
    folder = shared / "data" / "vectors" / "json-parsing"
    found = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    assert len(found) > 100
    return found


def as_body(content: bytes) -> str:
    try:
        result = decode_page(content, Product, "products")
    except MalformedDataError:
        return "refused"
    for row in result.items:
        assert isinstance(row.loaded, frozenset)
    return "accepted"


def as_unknown_field(content: bytes) -> str:
    try:
        result = decode_page(b'{"products":[{"id":"1","x":' + content + b"}]}", Product, "products")
        for row in result.items:
            _ = row.extra["x"]
    except MalformedDataError:
        return "refused"
    return "refused" if result.bad else "accepted"


def as_custom_field(content: bytes) -> str:
    try:
        result = decode_page(b'[{"id":"1","custom_fields":{"x":' + content + b"}}]", Product, "products")
    except MalformedDataError:
        return "refused"
    return "refused" if result.bad else "accepted"


def as_one(content: bytes) -> str:
    try:
        _ = decode_one(content, Product).extra
    except MalformedDataError:
        return "refused"
    return "accepted"


# Bare texts that are right JSON but no page, and fragments that close the page around them.
CLOSES_THE_PAGE = {"n_structure_object_followed_by_closing_object.json", "n_object_trailing_comment.json"}


@pytest.mark.parametrize("read", [as_body, as_one])
def test_whole_bodies(vectors: dict[str, bytes], read):
    for name, content in vectors.items():
        outcome = read(content)
        if name.startswith("n_"):
            assert outcome == "refused", name


def test_arrays_that_are_right_are_pages(vectors: dict[str, bytes]):
    for name, content in vectors.items():
        if name.startswith("y_") and content.strip().startswith(b"["):
            assert as_body(content) == "accepted", name
        if name.startswith("y_object"):
            assert as_one(content) == "accepted", name


@pytest.mark.parametrize("read", [as_unknown_field, as_custom_field])
def test_values_inside_of_a_row(vectors: dict[str, bytes], read):
    for name, content in vectors.items():
        outcome = read(content)
        if name.startswith("y_"):
            assert outcome == "accepted", name
        elif name.startswith("n_") and name not in CLOSES_THE_PAGE:
            assert outcome == "refused", name


BODY = (
    b'{"products":[{"id":"1","price":12.50,"tags":["a"],"created_at":"2024-01-01T00:00:00Z","x":{"y":[1]}}],'
    b'"total":1}'
)


def test_every_prefix_of_a_page_is_refused():
    assert as_body(BODY) == "accepted"
    for end in range(len(BODY)):
        assert as_body(BODY[:end]) == "refused", BODY[:end]


def test_every_changed_byte_gives_a_page_or_our_error():
    for place in range(len(BODY)):
        for byte in b'\x00\x1f"\\{}[],:9eEnN-.\x80\xff':
            changed = BODY[:place] + bytes([byte]) + BODY[place + 1 :]
            assert {as_body(changed), as_one(changed)} <= {"accepted", "refused"}
