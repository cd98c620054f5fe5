"""Klaviyo's catalog, and the way to its profiles and events.

Four connectors for one account: :class:`Klaviyo` reads and writes the variants of the catalog, and leads to
``items()``, ``profiles()`` and ``events()``. https://developers.klaviyo.com/en/reference
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeAlias, cast

from bulkeditor.connectors import paging
from bulkeditor.connectors._convert import Boolean, Quantity, Text
from bulkeditor.connectors._declare import Capabilities, Limits
from bulkeditor.connectors._fields import Field, field
from bulkeditor.connectors._klaviyo.account import (
    RATE,
    REVISION,
    Account,
    Resource,
    chunks,
    quoted,
    sentence,
)
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

Entries: TypeAlias = Sequence[tuple[Change, Resource]]
"""Changes with what a job is told of each."""

# Pauses while a job runs, in seconds; about ten minutes in all.
_PAUSES: Final = (1, 1, 2, 3, 5, 8, *[15] * 40)
# Where a job's error says which of its entries is meant. Klaviyo documents no form: unverified.
_ENTRY: Final = re.compile(r"data/(\d+)(?:/|$)")
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


class _Catalog(Account):
    """One kind of resource of the catalog.

    https://developers.klaviyo.com/en/reference/catalogs_api_overview: there is neither filter nor order by
    ``updated``, so an incremental read is a whole one, compared here.
    """

    kind: ClassVar[str]
    members: ClassVar[str]
    cursor = "updated_at"
    look_back = timedelta(minutes=2)
    capabilities = Capabilities(by_key=True, delete=True, deletions="full_scan")
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
        for some in chunks(keys):
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
        """A job for what changes and one for what goes, each polled to its end."""
        found = yield from self.found([change.key for change in batch])
        updates: list[tuple[Change, Resource]] = []
        deletes: list[tuple[Change, Resource]] = []
        for change in batch:
            rows = found[change.key]
            if len(rows) != 1:
                yield Outcomes([_no_target(change, rows)])
                continue
            meant = {"type": self.kind, "id": rows[0]["id"]}
            if change.delete:
                deletes.append((change, meant))
            else:
                updates.append((change, {**meant, "attributes": self.attributes(change, rows[0])}))
        for work, entries in (("update", updates), ("delete", deletes)):
            if entries:
                yield from self._job(work, entries)

    def attributes(self, change: Change, held: Resource) -> Mapping[str, object]:
        """What to write; custom fields are merged into those that are there, null takes one away.

        ``custom_metadata`` is sent whole, because Klaviyo does not say whether it merges.
        """
        body = self.payload(change)
        given = cast("Mapping[str, object] | None", body.get("custom_metadata"))
        if given is not None:
            before: Mapping[str, object] = held["attributes"].get("custom_metadata") or {}
            merged = {**before, **given}
            body["custom_metadata"] = {name: value for name, value in merged.items() if value is not None}
        return body

    def _job(self, work: str, entries: Entries) -> Writing:
        kind = f"{self.kind}-bulk-{work}-job"
        body = {"type": kind, "attributes": {self.members: {"data": [entry for _, entry in entries]}}}
        job = (yield self.send(f"/api/{kind}s", body)).json()["data"]
        try:
            for pause in _PAUSES:
                if job["attributes"]["status"] not in ("queued", "processing"):
                    break
                yield Sleep(pause)
                job = (yield self.ask(f"/api/{kind}s/{self.quoted(job['id'])}")).json()["data"]
            refused = self._refused(entries, job)
            clear = _settled(job, refused)
            rows = None if clear else (yield from self.found([change.key for change, _ in entries]))
        except BulkEditorError as error:
            # The job was taken and goes on, whatever became of the question.
            text = f"job {job['id']} was begun, and could not be asked about: {error.message}"
            yield Outcomes([change.outcome("unknown", text, code="job_unseen") for change, _ in entries])
            return
        if rows is None:
            yield Outcomes([self._outcome(change, refused.get(id(change)), job) for change, _ in entries])
        else:
            yield Outcomes(list(self._compared(entries, refused, job, rows)))

    def _refused(self, entries: Entries, job: Resource) -> Mapping[int, Resource]:
        """Errors of a job by the change (its identity) that each is about, where that is clear."""
        errors: Sequence[Resource] = job["attributes"].get("errors") or ()
        if len(entries) == 1 and errors:
            return {id(entries[0][0]): errors[0]}
        ids = [entry["id"] for _, entry in entries]
        return {id(entries[place][0]): error for place, error in _blamed(errors, ids)}

    def _outcome(self, change: Change, error: Resource | None, job: Resource) -> Outcome:
        if error is not None:
            return self.refusal(change, code=error.get("code"), message=sentence(error), raw=error)
        return change.outcome("deleted" if change.delete else "updated", raw=job)

    def _compared(
        self,
        entries: Entries,
        refused: Mapping[int, Resource],
        job: Resource,
        rows: Mapping[str, Sequence[Resource]],
    ) -> Iterator[Outcome]:
        """What became of each entry of a job that does not say it: what does not show was refused."""
        said: Mapping[str, Any] = job["attributes"]
        absent = {
            id(change)
            for change, entry in entries
            if id(change) not in refused and not _shows(rows[change.key], entry)
        }
        clear = said["status"] == "complete" and len(absent) + len(refused) == said.get("failed_count")
        text = "; ".join(sentence(error) for error in said.get("errors") or ())
        told = f"job {job['id']} is {said['status']}, {said.get('failed_count') or 0} failed. {text}".strip()
        for change, _ in entries:
            if id(change) not in absent:
                yield self._outcome(change, refused.get(id(change)), job)
            elif clear:
                yield change.outcome("dead_lettered", told, code="job_failed", raw=job)
            else:
                yield change.outcome("unknown", told, code="job_unclear", raw=job)


class Klaviyo(_Catalog):
    """The variants of the catalog, by SKU.

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
    reads: ClassVar[Mapping[str, Field | str]] = {
        "sku": "attributes.sku",
        "id": "id",
        "external_id": "attributes.external_id",
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
            if name not in ("sku", "external_id", "inventory_quantity", "inventory_policy")
        },
    }


def compound(external_id: str) -> str:
    """The id of what was made through the API: other integrations' resources cannot be written."""
    return f"$custom:::$default:::{external_id}"


def _no_target(change: Change, rows: Sequence[Resource]) -> Outcome:
    if not rows:
        return change.outcome("skipped", "there is none in the catalog", code="not_found")
    ids = ", ".join(row["id"] for row in rows)
    return change.outcome("dead_lettered", f"several carry this SKU: {ids}", code="ambiguous", raw=rows)


def _settled(job: Resource, refused: Mapping[int, Resource]) -> bool:
    """Whether a job has said what became of each entry: 202 and ``complete`` do not mean success."""
    said: Mapping[str, Any] = job["attributes"]
    return said["status"] == "complete" and (said.get("failed_count") or 0) <= len(refused)


def _shows(rows: Sequence[Resource], entry: Resource) -> bool:
    """Whether the catalog holds what a job was told."""
    wanted: Mapping[str, object] | None = entry.get("attributes")
    if wanted is None:
        return all(row["id"] != entry["id"] for row in rows)
    held = [row["attributes"] for row in rows if row["id"] == entry["id"]]
    return any(all(one.get(name) == value for name, value in wanted.items()) for one in held)


def _blamed(errors: Sequence[Resource], ids: Sequence[str]) -> Iterator[tuple[int, Resource]]:
    """Errors with the place of the entry that each is about, where it says so."""
    for error in errors:
        source: Mapping[str, object] = error.get("source") or {}
        pointer = str(source.get("pointer") or "")
        place = _ENTRY.search(pointer)
        if place is not None and int(place[1]) < len(ids):
            yield int(place[1]), error
            continue
        named = [at for at, one in enumerate(ids) if one in sentence(error) or one in pointer]
        if len(named) == 1:
            yield named[0], error


__all__ = ["REVISION", "Klaviyo", "KlaviyoEvents", "KlaviyoItems", "KlaviyoProfiles", "compound"]
