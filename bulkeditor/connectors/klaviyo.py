"""Klaviyo's catalog, and the way to its profiles and events.

Four connectors for one account: :class:`Klaviyo` reads and writes the variants of the catalog, and leads to
``items()``, ``profiles()`` and ``events()``. https://developers.klaviyo.com/en/reference
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final, cast

from bulkeditor.connectors import paging
from bulkeditor.connectors._chunks import chunks
from bulkeditor.connectors._convert import Boolean, Quantity, Text
from bulkeditor.connectors._declare import Capabilities, Limits
from bulkeditor.connectors._fields import MISSING, Field, field, lookup
from bulkeditor.connectors._klaviyo.account import (
    KEYS_AT_ONCE,
    RATE,
    REVISION,
    Account,
    Resource,
    quoted,
)
from bulkeditor.connectors._klaviyo.jobs import Entry, Report, Work
from bulkeditor.connectors._klaviyo.people import KlaviyoEvents, KlaviyoProfiles
from bulkeditor.connectors._types import (
    Batch,
    Change,
    Outcome,
    Outcomes,
    Query,
    Reading,
    Records,
    Writing,
)
from bulkeditor.errors import BulkEditorError
from bulkeditor.http import Exchange, Sleep

# Pauses while a job runs, in seconds; about ten minutes in all.
_PAUSES: Final = (1, 1, 2, 3, 5, 8, *[15] * 40)
# What the other parts of the account are given.
_SHARED: Final = (
    "base_url",
    "api_key",
    "client_id",
    "client_secret",
    "refresh_token",
    "token_file",
    "sync_events",
    "custom_properties",
    "sync_frequency",
    "direction",
)


_PREFIX: Final = "$custom:::$default:::"
# What a resource keeps for ever.
_AT_CREATION: Final = ("external_id", "item")


def compound(external_id: str) -> str:
    """The id of what was made through the API: other integrations' resources cannot be written."""
    return f"{_PREFIX}{external_id}"


def _item(row: Mapping[str, object]) -> object:
    """The external id of a variant's item."""
    found = lookup(row, "relationships.item.data.id")
    return found.removeprefix(_PREFIX) if isinstance(found, str) else MISSING


class _Catalog(Account):
    """One kind of resource of the catalog.

    https://developers.klaviyo.com/en/reference/catalogs_api_overview: there is neither filter nor order by
    ``updated``, so an incremental read is a whole one, compared here.
    """

    kind: ClassVar[str]
    members: ClassVar[str]
    cursor = "updated_at"
    look_back = timedelta(minutes=2)
    demanded: ClassVar[tuple[str, ...]] = ("title", "description", "url")
    capabilities = Capabilities(by_key=True, create=True, delete=True, deletions="full_scan")
    # 100 resources and 5 MB in one job.
    limits = Limits(rate=RATE, page_size=100, batch_size=100, batch_bytes=4_500_000)
    writes: ClassVar[Mapping[str, Field | str]] = {
        "title": "title",
        "description": "description",
        "price": "price",
        "url": "url",
        "image_url": "image_full_url",
        "published": field("published", Boolean),
        "custom_fields": "custom_metadata",
    }

    def read(self, query: Query) -> Reading:
        """The whole catalog by its time of creation, or the resources of some keys."""
        if query.keys:
            found = yield from self.found(query.keys)
            yield Records([row for rows in found.values() for row in rows])
            return
        asked = self.fieldset(query, "updated", self.key)
        params = {"sort": "created", f"fields[{self.kind}]": asked}
        yield from self.listed(f"/api/{self.kind}s", query, params)

    def found(self, keys: Sequence[str]) -> Exchange[Mapping[str, list[Resource]]]:
        """What stands under each of some keys; nothing, one resource, or several where a key is ambiguous."""
        rows: dict[str, list[Resource]] = {key: [] for key in keys}
        for some in chunks(keys, KEYS_AT_ONCE):
            ids = ",".join(quoted(compound(key)) for key in some)
            response = yield self.ask(self.url(f"/api/{self.kind}s", filter=f"any(ids,[{ids}])"))
            for row in paging.rows_of(response, "data"):
                self._note(rows, cast("Resource", row))
        return rows

    def _note(self, rows: dict[str, list[Resource]], row: Resource) -> None:
        key = row.get("attributes", {}).get(self.key)
        if key in rows:
            rows[key].append(row)

    def write(self, batch: Batch) -> Writing:
        """A job for each of what is new, what changes and what goes, polled to its end."""
        found = yield from self.found([change.key for change in batch])
        works: dict[Work, list[Entry]] = {"create": [], "update": [], "delete": []}
        for change in batch:
            rows = found[change.key]
            problem = self._problem(change, rows)
            if problem is not None:
                yield Outcomes([problem])
            elif not rows:
                works["create"].append(self._new(change))
            else:
                works["delete" if change.delete else "update"].append(self._meant(change, rows[0]))
        for work, entries in works.items():
            if entries:
                yield from self._job(work, entries)

    def _problem(self, change: Change, rows: Sequence[Resource]) -> Outcome | None:
        if len(rows) > 1:
            text = f"several carry this key: {', '.join(row['id'] for row in rows)}"
            return change.outcome("dead_lettered", text, code="ambiguous", raw=rows)
        if not rows and change.delete:
            return change.outcome("skipped", "there is none in the catalog", code="not_found")
        if not rows:
            missing = [name for name in self.demanded if change.values.get(name) is None]
            text = f"there is none in the catalog, and to make one lacks {', '.join(missing)}"
            return change.outcome("skipped", text, code="not_found") if missing else None
        fixed = [name for name in _AT_CREATION if name in change.values]
        moved = [name for name in fixed if change.values[name] != self.read_fields()[name].read(rows[0])]
        text = f"set at creation only: {', '.join(moved)}"
        return change.outcome("dead_lettered", text, code="fixed") if moved else None

    def _new(self, change: Change) -> Entry:
        body = self.payload(change)
        item, external_id = body.pop("item", None), str(body.pop("external_id", None) or change.key)
        key = "sku" if self.key == "sku" else "external_id"
        attributes = {**body, "external_id": external_id, key: change.key}
        resource: dict[str, object] = {"type": self.kind, "attributes": attributes}
        if item is not None:
            resource["relationships"] = {"item": {"data": {"type": "catalog-item", "id": f"{_PREFIX}{item}"}}}
        return Entry(change, _PREFIX + external_id, resource)

    def _meant(self, change: Change, held: Resource) -> Entry:
        resource = {"type": self.kind, "id": held["id"]}
        if not change.delete:
            resource["attributes"] = self._attributes(change, held)
        return Entry(change, held["id"], resource)

    def _attributes(self, change: Change, held: Resource) -> Mapping[str, object]:
        """What to write; custom fields are merged into those that are there, null takes one away.

        ``custom_metadata`` is sent whole, because Klaviyo does not say whether it merges.
        """
        body = {name: value for name, value in self.payload(change).items() if name not in _AT_CREATION}
        given = cast("Mapping[str, object] | None", body.get("custom_metadata"))
        if given is not None:
            before: Mapping[str, object] = held["attributes"].get("custom_metadata") or {}
            merged = {**before, **given}
            body["custom_metadata"] = {name: value for name, value in merged.items() if value is not None}
        return body

    def _job(self, work: Work, entries: Sequence[Entry]) -> Writing:
        kind = f"{self.kind}-bulk-{work}-job"
        resources = [entry.resource for entry in entries]
        body = {"type": kind, "attributes": {self.members: {"data": resources}}}
        report = Report(work, entries, (yield self.send(f"/api/{kind}s", body)).json()["data"])
        where = f"/api/{kind}s/{self.quoted(report.job['id'])}"
        try:
            for pause in _PAUSES:
                if report.runs:
                    yield Sleep(pause)
                    report = Report(work, entries, (yield self.ask(where)).json()["data"])
            keys = [entry.change.key for entry in entries]
            rows = None if report.clear else (yield from self.found(keys))
        except BulkEditorError as error:
            # The job was taken and goes on, whatever became of the question.
            text = f"job {report.job['id']} was begun, and could not be asked about: {error.message}"
            yield Outcomes([entry.change.outcome("unknown", text, code="job_unseen") for entry in entries])
        else:
            yield Outcomes(list(report.outcomes(self.refusal, rows)))


class Klaviyo(_Catalog):
    """The variants of the catalog, by SKU.

    A change to a SKU that is not there makes a variant, where it says all that Klaviyo demands: title,
    description, url, price, inventory_quantity, and the external id of its ``item``; ``external_id`` is the
    SKU unless it is given, and both stay for ever.

    A variant whose external id is the SKU is meant before others that carry the same SKU; where there is
    none, exactly one variant must carry it. Klaviyo shows an item's own price beside its variants': write it
    through :meth:`items`.

    Settings:
        api_key: A private key.
        client_id: Of an OAuth app, with ``client_secret`` and ``refresh_token``, instead of a key.
        token_file: Where the rotating tokens are kept, for all processes.
        sync_events: Names of the events that :meth:`events` reads and writes.
        custom_properties: Names of the properties that :meth:`profiles` reads and writes.
    """

    name = "klaviyo"
    kind, members = "catalog-variant", "variants"
    demanded = ("title", "description", "url", "price", "inventory_quantity", "item")
    reads: ClassVar[Mapping[str, Field | str]] = {
        "sku": "attributes.sku",
        "id": "id",
        "external_id": field("attributes.external_id", Text),
        "item": field(_item, Text),
        "title": "attributes.title",
        "description": "attributes.description",
        "price": "attributes.price",
        "inventory_quantity": "attributes.inventory_quantity",
        "inventory_policy": field("attributes.inventory_policy", Quantity),
        "url": field("attributes.url", Text),
        "image_url": field("attributes.image_full_url", Text),
        "published": field("attributes.published", Boolean),
        "custom_fields": "attributes.custom_metadata",
        "created_at": "attributes.created",
        "updated_at": "attributes.updated",
    }
    writes: ClassVar[Mapping[str, Field | str]] = {
        **_Catalog.writes,
        "external_id": field("external_id", Text),
        "item": field("item", Text),
        "inventory_quantity": "inventory_quantity",
        "inventory_policy": field("inventory_policy", Quantity),
    }

    def found(self, keys: Sequence[str]) -> Exchange[Mapping[str, list[Resource]]]:
        """By external id, many at a time; those that are not found so, by SKU, one by one."""
        rows = dict((yield from super().found(keys)))
        for key in keys:
            if not rows[key]:
                url = self.url("/api/catalog-variants", filter=f"equals(sku,{quoted(key)})")
                response = yield self.ask(url)
                for row in paging.rows_of(response, "data"):
                    self._note(rows, cast("Resource", row))
        return rows

    def items(self) -> KlaviyoItems:
        """The catalog's items, which have prices and titles of their own."""
        return KlaviyoItems(**self._shared())

    def profiles(self) -> KlaviyoProfiles:
        """Profiles with their ``custom_properties``."""
        return KlaviyoProfiles(**self._shared())

    def events(self) -> KlaviyoEvents:
        """Events of the names in ``sync_events``."""
        return KlaviyoEvents(**self._shared())

    def _shared(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _SHARED}


class KlaviyoItems(_Catalog):
    """The items of the catalog, by external id."""

    name = "klaviyo-items"
    key = "external_id"
    kind, members = "catalog-item", "items"
    reads: ClassVar[Mapping[str, Field | str]] = {
        "external_id": field("attributes.external_id", Text),
        **{
            name: source
            for name, source in Klaviyo.reads.items()
            if name not in ("sku", "external_id", "item", "inventory_quantity", "inventory_policy")
        },
    }


__all__ = ["REVISION", "Klaviyo", "KlaviyoEvents", "KlaviyoItems", "KlaviyoProfiles", "compound"]
