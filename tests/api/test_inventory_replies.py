"""Replies of stock writes are matched to the rows they name."""

from __future__ import annotations

from typing import Any

from bulkeditor.api import inventory
from bulkeditor.http import Request

SENT = [
    {"product_id": "a", "location_id": "w", "delta": 1, "reason": "count"},
    {"product_id": "b", "location_id": "w", "delta": 2, "reason": "count"},
]


def replying(results: list[dict[str, Any]]) -> Any:
    def server(request: Request) -> Any:
        return {"results": results}

    return server


def statuses(drive: Any, results: list[dict[str, Any]]) -> list[tuple[str | None, str]]:
    outcomes = drive(inventory.adjust(SENT, honoured=False), replying(results))
    return [(outcome.product_id, outcome.status) for outcome in outcomes]


def test_a_reply_in_another_order_is_matched_by_name(drive: Any) -> None:
    results = [
        {"product_id": "b", "location_id": "w", "status": "failed", "errors": [{"message": "locked"}]},
        {"product_id": "a", "location_id": "w", "status": "updated"},
    ]
    assert statuses(drive, results) == [("a", "updated"), ("b", "failed")]


def test_rows_without_names_are_matched_by_place(drive: Any) -> None:
    assert statuses(drive, [{"status": "updated"}, {"status": "failed"}]) == [
        ("a", "updated"),
        ("b", "failed"),
    ]


def test_a_row_that_the_reply_does_not_name_is_unknown(drive: Any) -> None:
    results = [{"product_id": "z", "location_id": "w", "status": "updated"}] * 2
    assert statuses(drive, results) == [("a", "unknown"), ("b", "unknown")]
