"""Goals 1 to 3: decoding pages, keeping products, encoding updates."""

import gc
import json
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs
import msgspec
from msgspec import UNSET, UnsetType

from benchmarks import _pages
from benchmarks._harness import Bench
from bulkeditor.models import Product, ProductUpdate, collector_paused, decode_page, encode

PAGE = _pages.body(_pages.rows())
PROJECTION = _pages.body(_pages.projection(_pages.rows()))
ONE_BAD = _pages.body(_pages.one_bad_row(_pages.rows()))
KEPT_PAGES = 160


class Bare(msgspec.Struct):
    """The limit: what msgspec is fastest at. It drops unknown fields."""

    id: str | UnsetType = UNSET
    sku: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    handle: str | UnsetType | None = UNSET
    vendor: str | UnsetType | None = UNSET
    product_type: str | UnsetType | None = UNSET
    category: str | UnsetType | None = UNSET
    status: str | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    price: Decimal | UnsetType | None = UNSET
    compare_at_price: Decimal | UnsetType | None = UNSET
    cost: Decimal | UnsetType | None = UNSET
    inventory_quantity: int | UnsetType = UNSET
    custom_fields: dict[str, Any] | UnsetType = UNSET
    options: dict[str, str] | UnsetType = UNSET
    barcode: str | UnsetType | None = UNSET
    created_at: datetime | UnsetType = UNSET
    updated_at: datetime | UnsetType = UNSET


class BarePage(msgspec.Struct):
    products: list[Bare]
    page: Any = None
    limit: Any = None
    total: Any = None


_bare = msgspec.json.Decoder(BarePage)


def _fields() -> dict[str, Any]:
    return {field.name: field.type for field in attrs.fields(Product)}


def _pydantic(content: bytes) -> Callable[[], object]:
    from pydantic import BaseModel, ConfigDict, create_model

    class Base(BaseModel):
        model_config = ConfigDict(extra="allow")

    optional = {name: (hint | None, None) for name, hint in _fields().items()}
    row = create_model("Row", __base__=Base, **optional)
    page = create_model("Page", __base__=Base, products=(list[row], ...))
    return lambda: page.model_validate_json(content)


def _openai(content: bytes) -> Callable[[], object]:
    from openai._models import BaseModel, construct_type
    from pydantic import create_model

    optional = {name: (hint | None, None) for name, hint in _fields().items()}
    row = create_model("Row", __base__=BaseModel, **optional)
    page = create_model("Page", __base__=BaseModel, products=(list[row], ...))
    return lambda: construct_type(value=json.loads(content), type_=page)


def _stripe(content: bytes) -> Callable[[], object]:
    from stripe import StripeObject

    return lambda: StripeObject.construct_from(json.loads(content), "key")


def _cattrs(content: bytes) -> Callable[[], object]:
    import cattrs

    fields = {name: attrs.field(default=None, type=hint | None) for name, hint in _fields().items()}
    row = attrs.make_class("Row", fields, kw_only=True)
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(str(value)))
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    kind = list[row]
    return lambda: converter.structure(json.loads(content)["products"], kind)


def decoding() -> Bench:
    bench = Bench("1 decode a page of 250 products", rounds=61)
    bench.case("ours", lambda: decode_page(PAGE, Product, "products"))
    bench.case("ours, one bad row", lambda: decode_page(ONE_BAD, Product, "products"))
    bench.case("msgspec Struct", lambda: _bare.decode(PAGE))
    bench.case("json.loads", lambda: json.loads(PAGE))
    bench.peer("json.loads + cattrs", lambda: _cattrs(PAGE))
    bench.peer("pydantic validate_json", lambda: _pydantic(PAGE))
    bench.at_most("ours", "msgspec Struct", 1.5)
    bench.at_most("ours", "json.loads", 0.8)
    bench.at_most("ours, one bad row", "msgspec Struct", 3.0)
    bench.faster("ours", "json.loads + cattrs", 2.5)
    bench.faster("ours", "pydantic validate_json", 2.5)
    return bench


def decoding_beside_sdks() -> Bench:
    bench = Bench("1 decode a page, beside the model layers of SDKs", rounds=11)
    bench.case("ours", lambda: decode_page(PAGE, Product, "products"))
    bench.peer("openai models", lambda: _openai(PAGE))
    bench.peer("stripe models", lambda: _stripe(PAGE))
    bench.faster(
        "ours",
        "openai models",
        30,
        why_not="Variants are unknown fields here; openai keeps those as plain data and builds 250 models.",
    )
    bench.faster("ours", "stripe models", 30)
    return bench


def projecting() -> Bench:
    bench = Bench("1 decode a page of 250 products, three fields", rounds=61)
    bench.case("ours", lambda: decode_page(PROJECTION, Product, "products", fields=_pages.PLAIN))
    bench.case("ours, fields not said", lambda: decode_page(PROJECTION, Product, "products"))
    bench.case("msgspec Struct", lambda: _bare.decode(PROJECTION))
    bench.case("json.loads", lambda: json.loads(PROJECTION))
    bench.peer("pydantic validate_json", lambda: _pydantic(PROJECTION))
    bench.at_most(
        "ours",
        "msgspec Struct",
        1.5,
        why_not="The decoder alone takes 1.1 to 1.2, checking prices for NaN 0.2, making rows models 0.15.",
    )
    bench.at_most(
        "ours",
        "json.loads",
        0.8,
        why_not="The bare Struct alone takes 0.8: three short fields of a row leave little to skip.",
    )
    bench.faster("ours", "pydantic validate_json", 2.5)
    return bench


def keeping() -> Bench:
    pages = [_pages.body(_pages.rows(start=250 * number)) for number in range(KEPT_PAGES)]

    def keep() -> list[Product]:
        kept: list[Product] = []
        for content in pages:
            kept += decode_page(content, Product, "products").items
        return kept

    def keep_paused() -> list[Product]:
        with collector_paused():
            return keep()

    def keep_bare() -> list[Bare]:
        kept: list[Bare] = []
        for content in pages:
            kept += _bare.decode(content).products
        return kept

    bench = Bench("2 keep 40,000 products", rounds=9, fresh=True)
    bench.case("ours, collector on", keep)
    bench.case("ours, collector paused", keep_paused)
    bench.case("msgspec Struct, collector on", keep_bare)
    bench.at_most(
        "ours, collector paused",
        "ours, collector on",
        0.5,
        why_not="The collector takes a third of the whole (gc.callbacks show it); a pause cannot save more.",
    )
    return bench


def memory() -> Bench:
    pages = [_pages.body(_pages.rows(start=250 * number)) for number in range(8)]

    def per_product(read: Callable[[bytes], object], *, own_bytes: bool = False) -> Callable[[], float]:
        def measure() -> float:
            gc.collect()
            tracemalloc.start()
            try:
                before = tracemalloc.get_traced_memory()[0]
                kept = [read(bytes(bytearray(page)) if own_bytes else page) for page in pages]
                size = tracemalloc.get_traced_memory()[0] - before
            finally:
                tracemalloc.stop()
            return size / (250 * len(kept))

        return measure

    bench = Bench("2 memory for each product", unit="bytes", rounds=3)
    bench.case(
        "ours without the page's bytes", per_product(lambda page: decode_page(page, Product, "products"))
    )
    bench.case(
        "ours with the page's bytes",
        per_product(lambda page: decode_page(page, Product, "products"), own_bytes=True),
    )
    bench.case("msgspec Struct", per_product(_bare.decode))
    bench.peer("pydantic validate_json", _pydantic_memory(per_product))
    bench.at_most("ours without the page's bytes", "msgspec Struct", 1.1)
    bench.at_most("ours with the page's bytes", "pydantic validate_json", 0.5)
    return bench


def _pydantic_memory(per_product: Any) -> Callable[[], Callable[[], float]]:
    def make() -> Callable[[], float]:
        from pydantic import BaseModel, ConfigDict, create_model

        class Base(BaseModel):
            model_config = ConfigDict(extra="allow")

        optional = {name: (hint | None, None) for name, hint in _fields().items()}
        row = create_model("Row", __base__=Base, **optional)
        page = create_model("Page", __base__=Base, products=(list[row], ...))
        return per_product(page.model_validate_json)

    return make


def encoding() -> Bench:
    fields = [(field.name, Any, UNSET) for field in attrs.fields(ProductUpdate)]
    bare_update = msgspec.defstruct("BareUpdate", fields)
    values = [
        {
            "id": f"product_id_{number}",
            "price": Decimal(1000 + number).scaleb(-2),
            "inventory_quantity": number,
            "tags": ["sale", "featured"],
        }
        for number in range(250)
    ]
    ours = {"products": [ProductUpdate(**value) for value in values]}
    bare = {"products": [bare_update(**value) for value in values]}
    encoder = msgspec.json.Encoder(decimal_format="number")
    if json.loads(encode(ours)) != json.loads(encoder.encode(bare)):
        raise AssertionError("the two do not write the same")
    bench = Bench("3 encode 250 updates", rounds=61)
    bench.case("ours", lambda: encode(ours))
    bench.case("msgspec Struct", lambda: encoder.encode(bare))
    bench.peer("pydantic", lambda: _pydantic_updates(values))
    bench.at_most("ours", "msgspec Struct", 1.5)
    bench.faster("ours", "pydantic", 3.5)
    return bench


def _pydantic_updates(values: list[dict[str, Any]]) -> Callable[[], object]:
    from pydantic import BaseModel, TypeAdapter

    class Update(BaseModel):
        id: str
        price: Decimal | None = None
        compare_at_price: Decimal | None = None
        inventory_quantity: int | None = None
        tags: list[str] | None = None
        title: str | None = None

    adapter = TypeAdapter(dict[str, list[Update]])
    updates = {"products": [Update(**value) for value in values]}
    return lambda: adapter.dump_json(updates, exclude_unset=True)


def benches() -> Iterator[Bench]:
    yield decoding()
    yield decoding_beside_sdks()
    yield projecting()
    yield keeping()
    yield memory()
    yield encoding()
