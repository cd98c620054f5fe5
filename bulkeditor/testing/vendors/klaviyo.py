"""A stand-in for Klaviyo, revision 2026-07-15: catalog, bulk jobs, profiles, events, metrics, accounts.

Written from Klaviyo's OpenAPI document. What it does not say, and no account was at hand to show: the codes
of most errors, what a job's errors point at, that deleting an item deletes its variants, and by what a page's
cursor goes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar, cast
from urllib.parse import parse_qs, quote, unquote, urlencode

import attrs

from bulkeditor.http import Clock
from bulkeditor.testing._standin import Answer, Entry, StandIn
from bulkeditor.testing.vendors._klaviyo.catalog import (
    ATTRIBUTES,
    PREFIX,
    Action,
    Catalog,
    Job,
    Kind,
    Thing,
)
from bulkeditor.testing.vendors._klaviyo.gate import Gate, Windows
from bulkeditor.testing.vendors._klaviyo.people import IDENTIFIERS, Event, Metric, People
from bulkeditor.testing.vendors._klaviyo.routes import Route, route_of
from bulkeditor.testing.vendors._klaviyo.views import (
    bounds,
    closed,
    event_value,
    filters,
    fits,
    matches,
    opened,
    profile_value,
    selected,
)
from bulkeditor.testing.vendors._klaviyo.wire import (
    MEDIA,
    RefusedError,
    Resource,
    data_of,
    list_in,
    missing,
    observe_headers,
)

T = TypeVar("T")

_MOST_ROWS: Final = 100
_URL: Final = "https://shop.example.com/products/"


class Klaviyo(StandIn):
    """A Klaviyo account over HTTP.

    Args:
        clock: Its time.
    """

    content_type = MEDIA
    api_key = "pk_klaviyo_private_4c19e7"
    client_id = "klaviyo-app-52d0"
    client_secret = "klaviyo-app-secret-0b6f"  # noqa: S105 - of a stand-in
    refresh_token = "klaviyo-refresh-9ae1"  # noqa: S105 - as above

    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock)
        self.pending_polls = 1
        """How often a job that is done still says that it is under way."""
        self.job_delay = 0.0
        """Seconds before a job that was accepted is worked on."""
        self.catalog = Catalog(self.clock.now, self.refused)
        self.people = People(self.clock.now)
        self._gate = Gate(
            self.api_key, (self.client_id, self.client_secret), self.refresh_token, self.clock.now
        )
        self._windows = Windows(self.clock.now)
        self._upgraded = False
        self._gaps = 0

    # What a test uses --------------------------------------------------------------------------------------

    @property
    def scopes(self) -> set[str]:
        """Scopes of the key and the app; take some away."""
        return self._gate.scopes

    @property
    def indexed_errors(self) -> bool:
        """Whether a job's errors say which row they mean; the document's example points at all of them."""
        return self.catalog.indexed_errors

    @indexed_errors.setter
    def indexed_errors(self, value: bool) -> None:
        self.catalog.indexed_errors = value

    def seed(self, records: Iterable[Mapping[str, object]]) -> None:
        """Take in variants in our words, each with an item of its own, or with the ``item`` it names.

        ``external_id`` is the SKU where it is not given; names that Klaviyo has not are custom metadata.
        """
        for record in records:
            sku = str(record["sku"])
            external_id = str(record.get("external_id", sku))
            parent = str(record.get("item", external_id))
            title = str(record.get("title", sku))
            base = {"title": title, "description": title, "url": _URL + quote(external_id), "published": True}
            item = self.catalog.things["catalog-item"].get(PREFIX + parent)
            if item is None:
                item = self.catalog.put("catalog-item", parent, base)
            variant = self.catalog.put("catalog-variant", external_id, base, item)
            _put(
                variant,
                {name: value for name, value in record.items() if name not in ("item", "external_id")},
            )

    def edit(self, key: str, values: Mapping[str, object], *, changed_at: datetime | None = None) -> None:
        """Change a variant as somebody else would."""
        variant = self._variant(key)
        _put(variant, values)
        variant.updated = changed_at or self.clock.now()

    def remove(self, key: str) -> None:
        """Delete a variant as somebody else would."""
        del self.catalog.things["catalog-variant"][self._variant(key).id]

    def holds(self, key: str) -> Mapping[str, object] | None:
        """A variant in our words."""
        self.catalog.work()
        variant = self.catalog.by_sku(key)
        if variant is None:
            return None
        held = variant.attributes
        return {
            "external_id": variant.external_id,
            "changed_at": variant.updated,
            **{name: held.get(name) for name in ("sku", "title", "description", "price", "published")},
            "inventory_quantity": held.get("inventory_quantity"),
            **(held.get("custom_metadata") or {}),
        }

    def event_names(self) -> list[str]:
        """The metric of every event, in the order in which they came."""
        return [event.metric.name for event in self.people.events.values()]

    def properties(self, identifier: str) -> Mapping[str, object] | None:
        """Custom properties of the profile with an e-mail address, a phone number or an external id."""
        for profile in self.people.profiles.values():
            if identifier in [profile.attributes.get(name) for name in IDENTIFIERS]:
                return profile.properties
        return None

    def expire(self) -> None:
        """Every access token has ended; private keys never do."""
        self._gate.expire()

    def secrets(self) -> Iterable[str]:
        """Keys, secrets and tokens."""
        return (self.api_key, self.client_secret, self.refresh_token, *self._gate.issued)

    def upgrade(self) -> None:
        """The next revision: stock is text, and the description is gone."""
        self._upgraded = True

    def throttled(self, retry_after: float) -> Answer:
        """Too many requests."""
        seconds = math.ceil(retry_after)
        error = RefusedError(
            "throttled",
            f"Request was throttled. Expected available in {seconds} seconds.",
            status=429,
            title="Request was throttled.",
        )
        return attrs.evolve(error.answer(), headers={"Retry-After": str(seconds)})

    # The request's way -------------------------------------------------------------------------------------

    def handle(self, entry: Entry) -> Answer:
        """Answer one request."""
        self.catalog.work()
        if (entry.method, entry.path) == ("POST", "/oauth/token"):
            return self._token(entry)
        headers: Mapping[str, str] = {}
        try:
            route, parts = route_of(entry.method, [unquote(part) for part in entry.path.split("/") if part])
            self._gate.let_in(entry.headers.get("authorization", ""), route.scope)
            wait, headers = self._windows.count(route.operation, route.tier)
            if wait is not None:
                return self.throttled(wait)
            observe_headers(entry)
            route.observe(entry.params)
            answer = self._carry(entry, route, parts)
        except RefusedError as error:
            answer = error.answer()
        return attrs.evolve(answer, headers={**headers, **answer.headers})

    def _token(self, entry: Entry) -> Answer:
        form = {name: values[0] for name, values in parse_qs(entry.body.decode()).items()}
        if self.strikes("refuse_login", entry):
            form["refresh_token"] = ""
        return self._gate.token(entry.headers.get("authorization", ""), form)

    def _carry(self, entry: Entry, route: Route, parts: Sequence[str]) -> Answer:
        match route.what:
            case "catalog-items" | "catalog-variants":
                return self._catalog(entry, route, parts)
            case "catalog-jobs":
                return self._job(entry, parts)
            case "profiles":
                return self._profiles(entry, parts)
            case "events":
                return self._events(entry, parts)
            case "metrics":
                return self._metrics(entry, parts)
            case _:
                return self._accounts(parts)

    # Catalog -----------------------------------------------------------------------------------------------

    def _catalog(self, entry: Entry, route: Route, parts: Sequence[str]) -> Answer:
        kind: Kind = "catalog-item" if route.what == "catalog-items" else "catalog-variant"
        commit = partial(self.commit, entry)
        if entry.method == "POST":
            made = self.catalog.create(kind, data_of(entry, kind), commit)
            return Answer(status=201, body=self._whole(entry, [made]))
        if len(parts) == 1:
            return self._listed(entry, kind, list(self.catalog.things[kind].values()))
        thing = self.catalog.find(kind, parts[1])
        if parts[2:] == ["variants"]:
            return self._listed(entry, "catalog-variant", self.catalog.variants_of(thing))
        if entry.method == "PATCH":
            data = data_of(entry, kind)
            if data.get("id") != thing.id:
                raise RefusedError(
                    "invalid", "The id in the payload must match the path.", pointer="/data/id"
                )
            thing = self.catalog.update(kind, data, commit)
        elif entry.method == "DELETE":
            self.catalog.delete(kind, {"id": thing.id}, commit)
            return Answer(status=204)
        return Answer(body=self._whole(entry, [thing]))

    def _listed(self, entry: Entry, kind: Kind, things: Sequence[Thing]) -> Answer:
        found = [thing for thing in things if all(fits(thing, one) for one in filters(entry, f"{kind}s"))]
        newest = entry.params.get("sort", "created").startswith("-")
        ordered = sorted(found, key=lambda thing: (thing.created, thing.id), reverse=newest)
        page, links = self._page(entry, ordered, lambda thing: thing.id, default=100)
        body: Resource = {"data": [self._thing(entry, thing) for thing in page], "links": links}
        included = [variant for thing in page for variant in self.catalog.variants_of(thing)]
        if kind == "catalog-item" and "variants" in entry.params.get("include", ""):
            body["included"] = [self._thing(entry, variant) for variant in included]
            entry.rows = len(included)
        elif kind == "catalog-variant":
            if self.strikes("bad_row", entry):
                body["data"].append({"type": kind, "attributes": {"title": "nobody's"}})
            entry.rows = len(body["data"])
        return Answer(body=body)

    def _whole(self, entry: Entry, things: Sequence[Thing]) -> Resource:
        body: Resource = {"data": self._thing(entry, things[0]), "links": {"self": self._here(entry)}}
        if things[0].kind == "catalog-item" and "variants" in entry.params.get("include", ""):
            body["included"] = [self._thing(entry, one) for one in self.catalog.variants_of(things[0])]
        return body

    def _thing(self, entry: Entry, thing: Thing) -> Resource:
        here = f"{self.base_url}/api/{thing.kind}s/{quote(thing.id)}"
        shown = selected(entry, thing.kind, thing.shown())
        if self._upgraded and thing.kind == "catalog-variant":
            shown.pop("description", None)
            if "inventory_quantity" in shown:
                shown["inventory_quantity"] = str(shown["inventory_quantity"])
        if thing.item is not None:
            relation: Resource = {"item": {"data": {"type": "catalog-item", "id": thing.item.id}}}
            links = {"self": f"{here}/relationships/item", "related": f"{here}/item"}
            relation["item"]["links"] = links
        else:
            refs = [{"type": "catalog-variant", "id": one.id} for one in self.catalog.variants_of(thing)]
            links = {"self": f"{here}/relationships/variants", "related": f"{here}/variants"}
            relation = {"variants": {"links": links}}
            if "variants" in entry.params.get("include", ""):
                relation["variants"]["data"] = refs
        return {
            "type": thing.kind,
            "id": thing.id,
            "attributes": shown,
            "relationships": relation,
            "links": {"self": here},
        }

    # Jobs --------------------------------------------------------------------------------------------------

    def _job(self, entry: Entry, parts: Sequence[str]) -> Answer:
        kind, _, action = parts[0].removesuffix("-jobs").rpartition("-bulk-")
        name = f"{kind.removeprefix('catalog-')}s"
        if entry.method == "POST":
            data = data_of(entry, parts[0].removesuffix("s"))
            rows = list_in(data.get("attributes"), name, _MOST_ROWS, "/data/attributes")
            job = self.catalog.accept(
                cast("Kind", kind),
                cast("Action", action),
                rows,
                partial(self.commit, entry),
                delay=self.job_delay,
                polls=self.pending_polls,
            )
            return Answer(
                status=202, body={"data": self._told(entry, job), "links": {"self": self._here(entry)}}
            )
        jobs = [job for job in self.catalog.jobs.values() if f"{job.type}s" == parts[0]]
        if len(parts) == 1:
            wanted = [one.value for one in filters(entry, "jobs")]
            jobs = [job for job in jobs if not wanted or job.attributes()["status"] in wanted]
            page, links = self._page(entry, jobs, lambda job: job.id, default=100)
            return Answer(body={"data": [self._told(entry, job) for job in page], "links": links})
        asked = next((job for job in jobs if job.id == parts[1]), None)
        if asked is None:
            raise missing(parts[0].removesuffix("s"), parts[1])
        if asked.completed is not None:
            asked.polls -= 1
        body: Resource = {"data": self._told(entry, asked), "links": {"self": self._here(entry)}}
        if name in entry.params.get("include", ""):
            written = self.catalog.things_of(asked.done if asked.told else (), asked.kind)
            body["included"] = [self._thing(entry, thing) for thing in written]
        return Answer(body=body)

    def _told(self, entry: Entry, job: Job) -> Resource:
        name = f"{job.kind.removeprefix('catalog-')}s"
        here = f"{self.base_url}/api/{job.type}s/{job.id}"
        done = [{"type": job.kind, "id": identity} for identity in job.done] if job.told else []
        links = {"self": f"{here}/relationships/{name}", "related": f"{here}/{name}"}
        return {
            "type": job.type,
            "id": job.id,
            "attributes": selected(entry, job.type, job.attributes()),
            "relationships": {name: {"data": done, "links": links}},
            "links": {"self": here},
        }

    # Profiles, events, metrics, accounts -------------------------------------------------------------------

    def _profiles(self, entry: Entry, parts: Sequence[str]) -> Answer:
        commit = partial(self.commit, entry)
        if parts[0] == "profile-import":
            profile, new = self.people.upsert(data_of(entry, "profile"), commit)
            return Answer(status=201 if new else 200, body=self._one(entry, "profile", profile))
        if entry.method == "POST":
            profile = self.people.create(data_of(entry, "profile"), commit)
            return Answer(status=201, body=self._one(entry, "profile", profile))
        if len(parts) > 1:
            profile = self.people.profile(parts[1])
            if entry.method == "PATCH":
                profile = self.people.update(parts[1], data_of(entry, "profile"), commit)
            return Answer(body=self._one(entry, "profile", profile))
        asked = filters(entry, "profiles")
        found = [
            one
            for one in self.people.profiles.values()
            if all(matches(profile_value(one.id, one.shown(), each.field), each) for each in asked)
        ]
        field = entry.params.get("sort", "created")
        found.sort(
            key=lambda one: (str(profile_value(one.id, one.shown(), field.removeprefix("-"))), one.id),
            reverse=field.startswith("-"),
        )
        page, links = self._page(entry, found, lambda one: one.id, default=20)
        return Answer(body={"data": [self._resource(entry, "profile", one) for one in page], "links": links})

    def _events(self, entry: Entry, parts: Sequence[str]) -> Answer:
        commit = partial(self.commit, entry)
        if parts[0] == "event-bulk-create-jobs":
            self.people.record_many(data_of(entry, "event-bulk-create-job"), commit)
            return Answer(status=202)
        if entry.method == "POST":
            self.people.record(data_of(entry, "event"), commit)
            return Answer(status=202)
        if len(parts) > 1:
            event = self.people.events.get(parts[1])
            if event is None:
                raise missing("event", parts[1])
            return Answer(body={**self._one(entry, "event", event), **self._included(entry, [event])})
        found = [
            one
            for one in self.people.events.values()
            if all(matches(event_value(one, each.field), each) for each in filters(entry, "events"))
        ]
        newest = entry.params.get("sort", "-datetime").startswith("-")
        found.sort(key=lambda one: (one.time, one.id), reverse=newest)
        page, links = self._page(entry, found, lambda one: one.id, default=200)
        data = [self._resource(entry, "event", one) for one in page]
        return Answer(body={"data": data, "links": links, **self._included(entry, page)})

    def _included(self, entry: Entry, events: Sequence[Event]) -> Resource:
        wanted = [name for name in entry.params.get("include", "").split(",") if name]
        found: dict[str, Resource] = {}
        for event in events:
            for name in wanted:
                one: object = getattr(event, name, None)
                if one is not None:
                    found[getattr(one, "id", "")] = self._resource(entry, name, one)
        return {"included": list(found.values())} if wanted else {}

    def _metrics(self, entry: Entry, parts: Sequence[str]) -> Answer:
        if parts[0] == "metric-aggregates":
            data = data_of(entry, "metric-aggregate")
            body = {
                "type": "metric-aggregate",
                "id": "aggregate",
                "attributes": self.people.aggregate(data, bounds),
                "links": {"self": self._here(entry)},
            }
            return Answer(body={"data": body, "links": {"self": self._here(entry)}})
        if len(parts) > 1:
            metric = self.people.metrics.get(parts[1])
            if metric is None:
                raise missing("metric", parts[1])
            return Answer(body=self._one(entry, "metric", metric))
        # Every metric here came through the API.
        asked = [one for one in filters(entry, "metrics") if one.value != "API"]
        found: list[Metric] = [] if asked else list(self.people.metrics.values())
        page, links = self._page(entry, found, lambda one: one.id, default=200)
        return Answer(body={"data": [self._resource(entry, "metric", one) for one in page], "links": links})

    def _accounts(self, parts: Sequence[str]) -> Answer:
        here = f"{self.base_url}/api/accounts/AbC123"
        account: Resource = {
            "type": "account",
            "id": "AbC123",
            "attributes": {
                "test_account": True,
                "contact_information": {
                    "default_sender_name": "Klaviyo Demo",
                    "default_sender_email": "contact@klaviyo-demo.com",
                    "website_url": "https://www.klaviyo.com",
                    "organization_name": "Klaviyo Demo",
                    "street_address": {},
                },
                "industry": None,
                "timezone": "US/Eastern",
                "preferred_currency": "USD",
                "public_api_key": "AbC123",
                "locale": "en-US",
            },
            "links": {"self": here},
        }
        if len(parts) == 1:
            return Answer(body={"data": [account], "links": {"self": f"{self.base_url}/api/accounts"}})
        if parts[1] != account["id"]:
            raise missing("account", parts[1])
        return Answer(body={"data": account, "links": {"self": here}})

    # Small things ------------------------------------------------------------------------------------------

    def _one(self, entry: Entry, kind: str, thing: object) -> Resource:
        return {"data": self._resource(entry, kind, thing), "links": {"self": self._here(entry)}}

    def _resource(self, entry: Entry, kind: str, thing: Any) -> Resource:
        here = f"{self.base_url}/api/{kind}s/{thing.id}"
        body: Resource = {
            "type": kind,
            "id": thing.id,
            "attributes": selected(entry, kind, thing.shown()),
            "links": {"self": here},
        }
        if isinstance(thing, Event):
            body["relationships"] = {
                name: {
                    "data": {"type": name, "id": one.id},
                    "links": {"self": f"{here}/relationships/{name}", "related": f"{here}/{name}"},
                }
                for name, one in (("profile", thing.profile), ("metric", thing.metric))
            }
        return body

    def _page(
        self, entry: Entry, things: Sequence[T], identity: Callable[[T], str], *, default: int
    ) -> tuple[Sequence[T], Resource]:
        size = int(entry.params.get("page[size]", default))
        start = 0
        if (cursor := entry.params.get("page[cursor]")) is not None:
            place, after = opened(cursor)
            ids = [identity(thing) for thing in things]
            # What the cursor stood on may be gone meanwhile: then what followed it stands in its place.
            start = ids.index(after) + 1 if after in ids else min(place, len(ids))
        end = start + size
        if self.strikes("empty_page", entry):
            self._gaps += 1
            end = start
        page, more = things[start:end], end < len(things)
        links: Resource = {"self": self._here(entry)}
        if more:
            after = identity(things[end - 1]) if end else ""
            onward = {**entry.params, "page[cursor]": closed(max(0, end - 1), after, self._gaps)}
            links["next"] = f"{self.base_url}{entry.path}?{urlencode(onward)}"
        return page, links

    def _here(self, entry: Entry) -> str:
        return f"{self.base_url}{entry.path}" + (f"?{entry.query}" if entry.query else "")

    def _variant(self, key: str) -> Thing:
        variant = self.catalog.by_sku(key)
        assert variant is not None, f"there is no {key}"
        return variant


def _put(variant: Thing, values: Mapping[str, object]) -> None:
    """Put values in our words into a variant."""
    for name, value in values.items():
        if name == "changed_at":
            variant.created = variant.updated = cast("datetime", value)
        elif name in ATTRIBUTES["catalog-variant"]:
            number = name in ("price", "inventory_quantity") and isinstance(value, str)
            variant.attributes[name] = Decimal(str(value)) if number else value
        else:
            custom: object = variant.attributes.get("custom_metadata") or {}
            variant.attributes["custom_metadata"] = {**cast("Mapping[str, object]", custom), name: value}


__all__ = ["Klaviyo"]
