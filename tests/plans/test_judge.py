"""What became of rows that were sent: judged from the server's reply and what was read, no server."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkeditor import UNSET, FieldError, Product
from bulkeditor.plans._decide import ON_ERROR, Write, decide
from bulkeditor.plans._judge import Sending, Verdict, judge
from tests.plans.test_decide import rows, situations

D = Decimal
SEEN = Product(
    id="p", price=D("10.00"), cost=D("4"), vendor="V", tags=["a", "b"], custom_fields={"x": 1, "y": "old"}
)


def sending(*changes: tuple[str, Any, Any], expects: bool = False) -> Sending:
    write = decide(rows(*changes), SEEN, on_stale="skip", on_error="best_effort").write
    assert write is not None
    return Sending.of(0, write, expects=expects)


def judged(
    sent: Sending,
    status: Any,
    *,
    held: Product | None = None,
    errors: tuple[FieldError, ...] = (),
    code: str | None = None,
    on_error: Any = "best_effort",
    silent: bool = False,
    last: bool = False,
) -> Verdict:
    sent.held = held
    sent.end(status, code=code, message="what was said", errors=errors)
    return judge(sent, on_error=on_error, silent=silent, last=last)


def fates(verdict: Verdict) -> dict[int, str]:
    found = {result.number: result.code or result.status for result in verdict.results}
    if verdict.rest is not None:
        found |= {item.number: f"again: {verdict.again}" for item in verdict.rest.rows}
    return dict(sorted(found.items()))


PRICE = ("price", D("10.00"), D("8.00"))
COST = ("cost", D("4"), D("3"))
VENDOR = ("vendor", "V", "W")
DROP = ("custom_fields.y", "old", UNSET)
ADD = ("custom_fields.z", UNSET, 7)


def test_what_is_sent_says_what_it_expects() -> None:
    sent = sending(PRICE, DROP, expects=True)
    assert json.loads(sent.content, parse_float=D) == {
        "id": "p",
        "price": D("8.00"),
        "custom_fields": {"x": 1},
        "expected": {"price": D("10.00"), "custom_fields": {"x": 1, "y": "old"}},
    }
    assert b'"price":8.00' in sent.content
    assert b"expected" not in sending(PRICE).content


def test_the_last_entry_is_cleared_by_null() -> None:
    sent = sending(DROP, ("custom_fields.x", 1, UNSET))
    assert json.loads(sent.content) == {"id": "p", "custom_fields": None}


@pytest.mark.parametrize(
    ("code", "field", "fate"),
    [
        ("negative", "price", {0: "negative", 1: "group_rejected", 2: "again: send"}),
        ("too_long", "vendor", {0: "again: send", 1: "again: send", 2: "too_long"}),
        ("changed", "vendor", {0: "again: look", 1: "again: look", 2: "again: look"}),
        ("not_found", "id", {0: "unknown_id", 1: "unknown_id", 2: "unknown_id"}),
        ("odd", None, {0: "odd", 1: "odd", 2: "odd"}),
        ("odd", "handle", {0: "odd", 1: "odd", 2: "odd"}),
    ],
)
def test_a_refusal_is_about_the_rows_that_it_names(code: str, field: str, fate: dict[int, str]) -> None:
    error = FieldError(message="refused", field=field, code=code)
    assert fates(judged(sending(PRICE, COST, VENDOR), "failed", errors=(error,), code=code)) == fate


def test_a_refusal_of_the_whole_column_is_about_each_entry() -> None:
    sent = sending(DROP, ADD, VENDOR)
    column = FieldError(message="refused", field="custom_fields", code="odd")
    entry = FieldError(message="refused", field="custom_fields.z", code="odd")
    assert fates(judged(sent, "failed", errors=(column,))) == {0: "odd", 1: "odd", 2: "again: send"}
    assert fates(judged(sent, "failed", errors=(entry,))) == {0: "again: send", 1: "odd", 2: "again: send"}


def test_with_reject_rows_one_refused_field_is_the_product() -> None:
    error = FieldError(message="refused", field="price", code="negative")
    verdict = judged(sending(PRICE, VENDOR), "failed", errors=(error,), on_error="reject_rows")
    assert fates(verdict) == {0: "negative", 1: "group_rejected"}


def test_a_product_that_keeps_changing_is_left_alone_in_the_end() -> None:
    error = FieldError(message="changed", field="price", code="changed")
    assert fates(judged(sending(PRICE), "failed", errors=(error,), last=True)) == {0: "keeps_changing"}


def test_a_server_that_only_adds_keeps_the_entry() -> None:
    held = SEEN.replace(custom_fields={"x": 1, "y": "old", "z": 7}, vendor="W")
    sent = sending(DROP, ADD, VENDOR)
    verdict = judged(sent, "failed", held=held, code="not_applied")
    assert fates(verdict) == {0: "again: clear", 1: "updated", 2: "updated"}
    # What stays is what is there now, the new entry included.
    assert verdict.rest is not None
    assert verdict.rest.values == {"custom_fields": {"x": 1, "z": 7}}


def test_a_server_that_only_adds_tags_says_nothing_and_is_found_out() -> None:
    removed = sending(("tags", ["a", "b"], ["a"]))
    verdict = judged(removed, "failed", held=SEEN, code="not_applied")
    assert fates(verdict) == {0: "not_applied"}
    replaced = sending(("tags", ["a", "b"], ["c"]))
    verdict = judged(replaced, "failed", held=SEEN.replace(tags=["a", "b", "c"]), code="not_applied")
    assert fates(verdict) == {0: "not_applied"}


def test_a_row_that_the_reply_left_out_is_looked_at_again() -> None:
    sent = sending(PRICE, VENDOR)
    assert fates(judged(sent, "failed", held=SEEN, code="not_applied", silent=True)) == {
        0: "again: look", 1: "again: look"
    }  # fmt: skip
    verdict = judged(sent, "failed", held=SEEN, code="not_applied", silent=True, last=True)
    assert fates(verdict) == {0: "not_applied", 1: "not_applied"}


def test_an_edit_after_the_write_does_not_make_it_fail() -> None:
    held = SEEN.replace(tags=["theirs"])
    sent = sending(("tags", ["a", "b"], ["a"]))
    assert fates(judged(sent, "failed", held=held, code="not_applied")) == {0: "changed_since"}
    assert fates(judged(sent, "failed", held=held, code="not_applied", silent=True)) == {0: "overtaken"}


def test_a_lost_answer_with_edits_by_others_is_told_apart_group_by_group() -> None:
    sent = sending(PRICE, COST, VENDOR, ADD)
    held = SEEN.replace(price=D("99"), vendor="V", custom_fields={"x": 5, "y": "old", "z": 7})
    verdict = judged(sent, "unknown", held=held, code="overtaken")
    assert fates(verdict) == {0: "overtaken", 1: "group_stale", 2: "again: look", 3: "updated"}
    assert [result.status for result in verdict.results if result.number == 0] == ["unknown"]
    assert next(result for result in verdict.results if result.number == 0).found == D("99")


def test_an_unknown_outcome_is_unknown_for_each_row() -> None:
    verdict = judged(sending(PRICE, VENDOR), "unknown", code="answer_lost")
    assert [result.status for result in verdict.results] == ["unknown", "unknown"]


def test_forced_rows_say_so_when_they_are_done() -> None:
    write = decide(rows(("price", D("5"), D("8.00"))), SEEN, on_stale="force", on_error="best_effort").write
    assert write is not None
    verdict = judged(Sending.of(0, write, expects=False), "updated")
    assert fates(verdict) == {0: "forced"}
    assert verdict.results[0].found == D("10.00")


OUTCOMES: list[tuple[str, str | None, str | None]] = [
    ("updated", None, None),
    ("unchanged", None, None),
    ("failed", "not_applied", None),
    ("failed", "changed", "price"),
    ("failed", "odd", "vendor"),
    ("failed", "odd", "custom_fields"),
    ("failed", "not_found", "id"),
    ("unknown", "overtaken", None),
    ("unknown", "answer_lost", None),
    ("skipped", "batch_rejected", None),
]


@given(
    situations(),
    situations(),
    st.sampled_from(ON_ERROR),
    st.sampled_from(OUTCOMES),
    st.fixed_dictionaries({"silent": st.booleans(), "last": st.booleans()}),
)
def test_every_row_has_one_outcome_or_one_thing_left_to_do(
    situation: Any, later: Any, on_error: Any, outcome: Any, told: dict[str, bool]
) -> None:
    numbered, product = situation
    write: Write | None = decide(numbered, product, on_stale="force", on_error=on_error).write
    if write is None:
        return
    sent = Sending.of(0, write, expects=False)
    status, code, field = outcome
    errors = (FieldError(message="no", field=field, code=code or ""),) if field else ()
    verdict = judged(sent, status, held=later[1], errors=errors, code=code, on_error=on_error, **told)
    rest = [] if verdict.rest is None else [item.number for item in verdict.rest.rows]
    ended = [result.number for result in verdict.results]
    assert sorted(rest + ended) == sorted(item.number for item in write.rows)
    assert (verdict.again is None) == (not rest)
    assert not (told["last"] and verdict.again == "look")
