"""Every point where the documentation can be read in more than one way, and what this server does for each.

The first value of each row is the default. The code that acts on a reading names it literally
(``readings.money == "string"``), so a search for the name finds all of its behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from bulkeditor.errors import InvalidInputError

READINGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        # GET /products: {products, page, limit, total}; the same without total; a bare array.
        "list_shape": ("object", "no_totals", "array"),
        # Number of the first page.
        "first_page": ("1", "0"),
        # total: the count is told; short_page: only a short last page; empty_pages: one empty page in the
        # middle, and only two in a row are the end.
        "list_end": ("total", "short_page", "empty_pages"),
        # changing: each request sees the rows shifted, so rows repeat and go missing at page borders.
        "order": ("stable", "changing"),
        # exact: the fields asked for; ignored: all fields; extra: those asked for and some of its own.
        "fields": ("exact", "ignored", "extra"),
        # equality: bare values, ANDed; operators: the whole filter language; ignored: every product.
        "filter": ("equality", "operators", "ignored"),
        # When a job decides which products it is about; ignored: all of them.
        "job_filter": ("at_start", "at_creation", "ignored"),
        # PUT /products/bulk: rows with outcomes; numbers only; 204; or a 200 that leaves one row out, undone.
        "bulk_reply": ("results", "counts", "no_content", "drops_row"),
        # POST /bulk-jobs: the job; {"job_id"}; {"job": {…}}; an empty 201 with Location.
        "job_reply": ("job", "job_id", "nested", "location"),
        "idempotency_key": ("honoured", "ignored"),
        # Money in answers.
        "money": ("number", "string"),
        "tags_update": ("replace", "add"),
        "custom_fields_update": ("merge", "replace"),
        "price_adjustment": ("percentage_fixed", "percentage"),
        # others: queued, in_progress, success, error, canceled.
        "job_status": ("standard", "others"),
        # 0-100 or 0-1.
        "progress": ("percent", "fraction"),
        # A job's errors: how many, or the rows themselves.
        "job_errors": ("count", "list"),
        # Whether webhooks can be configured over HTTP.
        "webhooks": ("there", "absent"),
        # Whether deliveries carry webhook-id, webhook-timestamp and webhook-signature.
        "event_identity": ("with", "without"),
        # Whether 429, 503 and idempotency_in_progress say when to come back.
        "retry_after": ("with", "without"),
    }
)


@attrs.frozen(kw_only=True)
class Readings:
    """One value for each row of :data:`READINGS`."""

    list_shape: str = "object"
    first_page: str = "1"
    list_end: str = "total"
    order: str = "stable"
    fields: str = "exact"
    filter: str = "equality"
    job_filter: str = "at_start"
    bulk_reply: str = "results"
    job_reply: str = "job"
    idempotency_key: str = "honoured"
    money: str = "number"
    tags_update: str = "replace"
    custom_fields_update: str = "merge"
    price_adjustment: str = "percentage_fixed"
    job_status: str = "standard"
    progress: str = "percent"
    job_errors: str = "count"
    webhooks: str = "there"
    event_identity: str = "with"
    retry_after: str = "with"

    @classmethod
    def choose(cls, chosen: Mapping[str, object], *, completions: bool) -> Readings:
        """Check the names and values; a documented-only server has neither idempotency nor event identity."""
        values: dict[str, str] = {}
        for name, value in chosen.items():
            choices = READINGS.get(name)
            if choices is None:
                raise InvalidInputError(
                    f"readings: there is no reading {name!r}.", hint=f"Known: {', '.join(READINGS)}."
                )
            # first_page=0 reads as naturally as "0".
            if str(value) not in choices:
                raise InvalidInputError(
                    f"readings[{name!r}]: {value!r} is no reading.",
                    hint=f"Choose one of: {', '.join(choices)}.",
                )
            values[name] = str(value)
        if not completions:
            values |= {"idempotency_key": "ignored", "event_identity": "without", "webhooks": "absent"}
        return cls(**values)
