"""The vocabulary of the generated catalog: what a pleasant small department store sells."""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen(kw_only=True)
class Line:
    """One product type: what is sold under it, in which options, at what price.

    Args:
        name: The product type.
        code: Two letters for SKUs.
        category: Shopify-style taxonomy path.
        nouns: Endings of titles.
        styles: Beginnings of titles.
        options: Option names with their values; empty for products without variants.
        low: Lowest price in cents.
        high: Highest price in cents.
    """

    name: str
    code: str
    category: str
    nouns: tuple[str, ...]
    styles: tuple[str, ...]
    options: tuple[tuple[str, tuple[str, ...]], ...]
    low: int
    high: int


COLORS: Final = ("Black", "White", "Navy", "Olive", "Sand", "Burgundy", "Heather Grey", "Sky Blue")
SIZES: Final = ("XS", "S", "M", "L", "XL", "XXL")
SHOES: Final = ("37", "38", "39", "40", "41", "42", "43", "44")

PREMIUM: Final = "Premium Brand"
T_SHIRT: Final = Line(
    name="T-Shirt",
    code="TS",
    category="Apparel & Accessories > Clothing > Shirts & Tops",
    nouns=("T-Shirt", "Pocket T-Shirt", "Long-Sleeve T-Shirt", "V-Neck T-Shirt"),
    styles=("Organic Cotton", "Slub", "Heavyweight", "Striped", "Classic", "Garment-Dyed"),
    options=(("Color", COLORS), ("Size", SIZES)),
    low=1490,
    high=5990,
)

LINES: Final = (
    T_SHIRT,
    Line(
        name="Hoodie",
        code="HO",
        category="Apparel & Accessories > Clothing > Activewear",
        nouns=("Hoodie", "Zip Hoodie", "Sweatshirt"),
        styles=("Brushed Fleece", "Relaxed", "French Terry", "Heavyweight"),
        options=(("Color", COLORS), ("Size", SIZES)),
        low=3990,
        high=11900,
    ),
    Line(
        name="Sneakers",
        code="SN",
        category="Apparel & Accessories > Shoes",
        nouns=("Sneaker", "Runner", "Court Shoe"),
        styles=("Canvas", "Suede", "Recycled Knit", "Leather"),
        options=(("Size", SHOES), ("Color", COLORS[:5])),
        low=5990,
        high=18900,
    ),
    Line(
        name="Mug",
        code="MG",
        category="Home & Garden > Kitchen & Dining > Tableware",
        nouns=("Mug", "Espresso Cup", "Tea Bowl"),
        styles=("Stoneware", "Enamel", "Speckled", "Hand-Thrown"),
        options=(("Color", ("White", "Sand", "Olive", "Ink")),),
        low=890,
        high=3490,
    ),
    Line(
        name="Lamp",
        code="LA",
        category="Home & Garden > Lighting",
        nouns=("Desk Lamp", "Floor Lamp", "Pendant Light"),
        styles=("Brass", "Oak", "Paper", "Smoked Glass"),
        options=(("Finish", ("Natural", "Matte Black", "Brushed")),),
        low=3900,
        high=34900,
    ),
    Line(
        name="Notebook",
        code="NB",
        category="Office Supplies > General Office Supplies > Paper Products",
        nouns=("Notebook", "Sketchbook", "Weekly Planner"),
        styles=("Linen-Bound", "Dotted", "Pocket", "Recycled"),
        options=(),
        low=450,
        high=2490,
    ),
    Line(
        name="Coffee",
        code="CF",
        category="Food, Beverages & Tobacco > Beverages > Coffee",
        nouns=("Espresso Blend", "Filter Roast", "Decaf"),
        styles=("Ethiopia", "Colombia", "House", "Sumatra"),
        options=(("Weight", ("250 g", "500 g", "1 kg")),),
        low=790,
        high=3290,
    ),
    Line(
        name="Fasteners",
        code="FS",
        category="Hardware > Hardware Accessories > Hardware Fasteners",
        nouns=("Hex Bolt", "Wood Screw", "Washer", "Wing Nut"),
        styles=("Stainless", "Zinc-Plated", "Brass", "Black Oxide"),
        options=(("Thread", ("M3", "M4", "M5", "M6", "M8")),),
        low=2,
        high=95,
    ),
    Line(
        name="Backpack",
        code="BP",
        category="Luggage & Bags > Backpacks",
        nouns=("Backpack", "Rolltop", "Daypack"),
        styles=("Waxed Canvas", "Commuter", "Ripstop", "Trail"),
        options=(("Color", COLORS[:6]),),
        low=4900,
        high=19900,
    ),
)

VENDORS: Final = (
    "Northwind Outfitters",
    "Alder & Finch",
    "Kestrel Works",
    "Maison Lumière",
    "Øresund Studio",
    "Harbor Goods",
    "Bluebell Supply Co.",
    "Tanaka Craft",
    "Grünwald & Söhne",
    "Second Story",
)

TAGS: Final = (
    "summer",
    "winter",
    "organic",
    "bestseller",
    "new",
    "gift",
    "eco",
    "limited",
    "sale",
    "featured",
)
