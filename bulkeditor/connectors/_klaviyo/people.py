"""Klaviyo's profiles and events, which carry ``custom_properties`` and ``sync_events``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final, cast

from bulkeditor.connectors import paging
from bulkeditor.connectors._chunks import chunks
from bulkeditor.connectors._convert import DateTime, Money, Number, Raw, Text
from bulkeditor.connectors._declare import Capabilities, Limits
from bulkeditor.connectors._fields import Field, field, known_converter
from bulkeditor.connectors._klaviyo.account import KEYS_AT_ONCE, RATE, Account, Resource, quoted
from bulkeditor.connectors._types import (
    Batch,
    Outcome,
    Outcomes,
    Query,
    Reading,
    Record,
    Records,
    Writing,
)
from bulkeditor.errors import BulkEditorError
from bulkeditor.http import Exchange, RateLimit

_TAKEN: Final = "taken; it is processed later"


class KlaviyoProfiles(Account):
    """Profiles by e-mail address, in the spelling that Klaviyo keeps: lower case.

    https://developers.klaviyo.com/en/reference/profiles_api_overview. A write makes or updates a profile;
    properties that it does not name stay, null clears one.
    """

    name = "klaviyo-profiles"
    key, cursor, cursor_order = "email", "updated_at", "ascending"
    look_back = timedelta(minutes=2)
    capabilities = Capabilities(by_key=True, create=True)
    limits = Limits(rate=RATE, page_size=100, batch_size=50)
    reads: ClassVar[Mapping[str, Field | str]] = {
        "email": field("attributes.email", Text),
        "id": "id",
        "external_id": field("attributes.external_id", Text),
        "phone_number": field("attributes.phone_number", Text),
        "first_name": field("attributes.first_name", Text),
        "last_name": field("attributes.last_name", Text),
        "updated_at": "attributes.updated",
    }
    writes: ClassVar[Mapping[str, Field | str]] = {
        name: name for name in ("external_id", "phone_number", "first_name", "last_name")
    }

    def read_fields(self) -> Mapping[str, Field]:
        """The profile's own, and each of ``custom_properties``."""
        return {**super().read_fields(), **self._properties("attributes.properties.")}

    def written_fields(self) -> Mapping[str, Field]:
        """As above."""
        return {**super().written_fields(), **self._properties("properties.")}

    def _properties(self, place: str) -> Mapping[str, Field]:
        return {name: Field(place + name, known_converter(name) or Raw()) for name in self.custom_properties}

    def read(self, query: Query) -> Reading:
        """In the order of their last change."""
        params: dict[str, object] = {"fields[profile]": self.fieldset(query, "email", "updated")}
        if query.keys:
            for some in chunks(query.keys, KEYS_AT_ONCE):
                asked = f"any(email,[{','.join(map(quoted, some))}])"
                response = yield self.ask(self.url("/api/profiles", filter=asked, **params))
                yield Records(paging.rows_of(response, "data"))
            return
        if query.since is not None:
            # There is no greater-or-equal; what comes too early is left out by the session.
            before = cast("Any", query.since) - timedelta(seconds=1)
            params["filter"] = f"greater-than(updated,{DateTime().write(before)})"
        yield from self.listed("/api/profiles", query, {"sort": "updated", **params})

    def write(self, batch: Batch) -> Writing:
        """One request for each profile: it can be sent again."""
        for change in batch:
            body = {"type": "profile", "attributes": {"email": change.key, **self.payload(change)}}
            request = self.send("/api/profile-import", body, idempotent=True)
            answer = yield from self.attempt(change, request)
            if isinstance(answer, Outcome):
                yield Outcomes([answer])
            else:
                made = answer.status == 201  # noqa: PLR2004 - Created
                yield Outcomes([change.outcome("created" if made else "updated", raw=answer.json())])


class KlaviyoEvents(Account):
    """Events, by an id of yours when they are written, and by Klaviyo's when they are read.

    https://developers.klaviyo.com/en/reference/events_api_overview. The key of a change is its ``unique_id``.
    Several go out in one job, which Klaviyo refuses as a whole where it knows one of them; then, and where
    the answer was lost, each goes out by itself: of those that have the same id, profile and metric, it keeps
    the first. Klaviyo takes events (202) and processes them later: what is told as created was taken.
    """

    name = "klaviyo-events"
    key, cursor, cursor_order = "id", "time", "ascending"
    look_back = timedelta(minutes=5)
    capabilities = Capabilities(create=True)
    limits = Limits(rate=RateLimit(10, per=4), page_size=200, batch_size=1000, batch_bytes=4_500_000)
    reads: ClassVar[Mapping[str, Field | str]] = {
        "id": "id",
        "event": field("metric.name", Text),
        "email": field("profile.email", Text),
        "time": field("attributes.datetime", DateTime),
        "properties": "attributes.event_properties",
        "value": field("attributes.event_properties.$value", Number),
    }
    writes: ClassVar[Mapping[str, Field | str]] = {
        "event": "metric",
        "email": "email",
        "time": field("time", DateTime),
        "properties": "properties",
        "value": field("value", Money),
        "value_currency": "value_currency",
    }

    def read(self, query: Query) -> Reading:
        """In the order of their times. No filter takes the names of metrics of one's own: see ``selects``."""
        bounds = [("greater-or-equal", query.since), ("less-or-equal", query.until)]
        asked = [f"{how}(datetime,{DateTime().write(at)})" for how, at in bounds if at is not None]
        params = {"sort": "datetime", "include": "metric,profile", "filter": ",".join(asked) or None}
        yield from self.listed("/api/events", query, params, rows=_joined)

    def selects(self, record: Record) -> bool:
        """Only events of the names in ``sync_events``, where some are given."""
        return not self.sync_events or record.get("event") in self.sync_events

    def write(self, batch: Batch) -> Writing:
        """One job for all; each by itself where that does not work."""
        events: dict[int, Resource] = {}
        for change in batch:
            values = self.payload(change)
            name, email = values.pop("metric", None), values.pop("email", None)
            if self.sync_events and name not in self.sync_events:
                text = f"{name!r:.60} is not among sync_events"
                yield Outcomes([change.outcome("skipped", text, code="not_selected")])
            elif not name or not email:
                text = "an event needs a name (event) and a profile (email)"
                yield Outcomes([change.outcome("dead_lettered", text, code="incomplete")])
            else:
                events[id(change)] = _event(change.key, str(name), str(email), values)
        taken = [change for change in batch if id(change) in events]
        if len(taken) > 1 and (yield from self._together(list(events.values()))):
            yield Outcomes([change.outcome("created", _TAKEN) for change in taken])
            return
        for change in taken:
            request = self.send("/api/events", events[id(change)], idempotent=True)
            answer = yield from self.attempt(change, request)
            refused = answer if isinstance(answer, Outcome) else None
            yield Outcomes([refused or change.outcome("created", _TAKEN)])

    def _together(self, events: Sequence[Resource]) -> Exchange[bool]:
        """Send events as one job; False where that did not work, or nobody knows."""
        entries = [_entry(event) for event in events]
        attributes = {"events-bulk-create": {"data": entries}}
        body = {"type": "event-bulk-create-job", "attributes": attributes}
        try:
            yield self.send("/api/event-bulk-create-jobs", body)
        except BulkEditorError as error:
            if self.classify(error).action in ("fatal", "refresh"):
                raise
            return False
        return True


def _joined(body: object) -> Sequence[object]:
    """Events, each with the attributes of its metric and its profile beside its own."""
    document = cast("Mapping[str, Any]", body)
    included = {(one["type"], one["id"]): one["attributes"] for one in document.get("included") or ()}

    def beside(row: Resource, name: str) -> object:
        related: Mapping[str, Any] = row.get("relationships") or {}
        link: Mapping[str, Any] = related.get(name) or {}
        data: Mapping[str, Any] = link.get("data") or {}
        return included.get((data.get("type"), data.get("id")))

    def whole(row: object) -> object:
        if not isinstance(row, Mapping):
            return row
        event = cast("Resource", row)
        return {**event, "metric": beside(event, "metric"), "profile": beside(event, "profile")}

    return [whole(row) for row in document["data"]]


def _event(key: str, name: str, email: str, values: Mapping[str, object]) -> Resource:
    attributes: dict[str, object] = {
        "properties": {},
        **values,
        "unique_id": key,
        "metric": {"data": {"type": "metric", "attributes": {"name": name}}},
        "profile": {"data": {"type": "profile", "attributes": {"email": email}}},
    }
    return {"type": "event", "attributes": attributes}


def _entry(event: Resource) -> Resource:
    """The same as a job wants it: below its profile."""
    attributes = dict(event["attributes"])
    profile = attributes.pop("profile")
    inner = {"profile": profile, "events": {"data": [{"type": "event", "attributes": attributes}]}}
    return {"type": "event-bulk-create", "attributes": inner}


__all__ = ["KlaviyoEvents", "KlaviyoProfiles"]
