"""Why a row matched or did not."""

import pickle
from decimal import Decimal

import pytest

from bulkeditor.errors import InvalidInputError, NotLoadedError
from bulkeditor.models import Product
from bulkeditor.query import Explanation, F, any_of, parse_condition

LOW_STOCK = parse_condition(
    'inventory_quantity < 10 AND status = "active" AND NOT tags.contains("discontinued")'
)


def test_each_part_says_whether_it_holds_and_with_what_values():
    explanation = LOW_STOCK.explain(
        {"inventory_quantity": None, "status": "active", "tags": ["sale", "discontinued"]}
    )
    assert isinstance(explanation, Explanation)
    assert str(explanation) == (
        'fails    inventory_quantity < 10 AND status = "active" AND NOT tags.contains("discontinued")\n'
        "  unknown  inventory_quantity < 10   [inventory_quantity is null]\n"
        '  holds    status = "active"   [status is "active"]\n'
        '  fails    NOT tags.contains("discontinued")   [tags is ["sale", "discontinued"]]'
    )
    assert not explanation.matched
    assert [part.truth for part in explanation.parts] == [None, True, False]
    assert explanation.parts[2].values == {"tags": ["sale", "discontinued"]}
    assert repr(explanation).startswith("<Explanation fails: inventory_quantity < 10")


def test_arithmetic_shows_its_fields_and_its_result():
    condition = parse_condition("competitor_price < our_price * 0.95")
    explanation = condition.explain({"competitor_price": Decimal(96), "our_price": Decimal(100)})
    assert str(explanation) == (
        "fails    competitor_price < our_price * 0.95   "
        "[competitor_price is 96, our_price is 100, our_price * 0.95 is 95.00]"
    )


def test_not_of_a_join_has_the_join_below_it():
    condition = ~((F.price > 1) | (F.cost == 2))
    explanation = condition.explain(Product(id="1", price=Decimal(1), cost=None))
    assert explanation.truth is None
    (inner,) = explanation.parts
    assert [part.truth for part in inner.parts] == [False, None]
    assert str(explanation).splitlines()[0] == "unknown  NOT (price > 1 OR cost = 2)"
    assert any_of([]).explain({}).truth is False
    assert (~any_of([])).explain({}).matched


def test_missing_tags_are_none_and_other_missing_fields_were_not_loaded():
    explanation = (~F.tags.contains("x")).explain({})
    assert explanation.matched
    assert explanation.values == {"tags": []}
    with pytest.raises(NotLoadedError, match=r"row\.price was not loaded"):
        (F.price > 1).explain({})
    with pytest.raises(NotLoadedError, match=r"Product\.price was not loaded"):
        (F.price > 1).explain(Product(id="1"))
    with pytest.raises(NotLoadedError, match="colour"):
        (F.colour == 1).explain(Product(id="1"))
    assert (F["custom_fields.x"] == 1).explain({"custom_fields": None}).truth is None


def test_what_cannot_be_compared_is_said_where_it_is():
    condition = (F.price < 3) | (F.vendor > 3) | (F["status.x"] == 1)
    row = {"price": 5, "vendor": "Acme", "status": "active"}
    with pytest.raises(InvalidInputError):
        condition.matches(row)
    explanation = condition.explain(row)
    assert explanation.truth is None
    assert explanation.parts[1].problem == 'vendor: cannot compare the text "Acme" with the number 3.'
    assert 'vendor is "Acme", vendor: cannot compare' in str(explanation)
    assert "no entries" in (explanation.parts[2].problem or "")


def test_it_shows_in_notebooks_and_travels():
    condition = (F.title == "<script>") & (F.price < 3)
    explanation = condition.explain({"title": "<b>" + "x" * 200, "price": 10**5000})
    html = explanation._repr_html_()
    assert html.startswith("<table>")
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html
    assert "beyond all measure" in html
    assert len(html) < 1500
    assert pickle.loads(pickle.dumps(explanation)) == explanation
