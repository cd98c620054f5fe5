"""The catalog of the Klaviyo stand-in: items, variants, and the jobs that write a hundred of them.

Unverified, since no account was at hand: the codes of a job's errors, and that their pointers name the row.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import attrs

from bulkeditor.models import encode
from bulkeditor.testing.vendors._klaviyo.wire import (
    MOST_CUSTOM_BYTES,
    RefusedError,
    Resource,
    Shape,
    checked_resource,
    is_bool,
    is_number,
    is_object,
    is_text,
    is_texts,
    missing,
    moment,
)

Kind: TypeAlias = Literal["catalog-item", "catalog-variant"]
Action: TypeAlias = Literal["create", "update", "delete"]
Commit: TypeAlias = Callable[[str, str, object, object], None]
"""Notes an effect: key, field, before, after."""

PREFIX: Final = "$custom:::$default:::"
_MOST_JOBS: Final = 500
_POLICIES: Final = (0, 1, 2)
_KEPT: Final = timedelta(days=7)


def _is_policy(value: object) -> bool:
    return is_number(value) and value in _POLICIES


_BASE: Final = {
    "title": is_text,
    "description": is_text,
    "price": is_number,
    "url": is_text,
    "image_full_url": is_text,
    "image_thumbnail_url": is_text,
    "images": is_texts,
    "custom_metadata": is_object,
    "published": is_bool,
}
_VARIANT: Final = {
    **_BASE,
    "sku": is_text,
    "inventory_policy": _is_policy,
    "inventory_quantity": is_number,
}
# The document does not let these be null.
_DEFAULTS: Final[Mapping[str, object]] = MappingProxyType({"images": (), "inventory_policy": 0})
_IDENTITY: Final = {"external_id": is_text, "integration_type": is_text, "catalog_type": is_text}
_UPDATE: Final[Mapping[Kind, Shape]] = MappingProxyType(
    {
        "catalog-item": Shape(kind="catalog-item", types=_BASE, filled=frozenset({"images"})),
        "catalog-variant": Shape(kind="catalog-variant", types=_VARIANT, filled=frozenset({"images"})),
    }
)
_ITEM_REQUIRED: Final = frozenset({"external_id", "title", "description", "url"})
_VARIANT_REQUIRED: Final = _ITEM_REQUIRED | {"sku", "inventory_quantity", "price"}
_CREATE: Final[Mapping[Kind, Shape]] = MappingProxyType(
    {
        "catalog-item": Shape(
            kind="catalog-item",
            types={**_BASE, **_IDENTITY},
            required=_ITEM_REQUIRED,
            filled=_ITEM_REQUIRED | {"images"},
        ),
        "catalog-variant": Shape(
            kind="catalog-variant",
            types={**_VARIANT, **_IDENTITY},
            required=_VARIANT_REQUIRED,
            filled=_VARIANT_REQUIRED | {"images"},
        ),
    }
)
ATTRIBUTES: Final[Mapping[Kind, tuple[str, ...]]] = MappingProxyType(
    {
        "catalog-item": ("external_id", *_BASE, "created", "updated"),
        "catalog-variant": ("external_id", *_VARIANT, "created", "updated"),
    }
)


@attrs.define(kw_only=True, eq=False)
class Thing:
    """An item or a variant.

    Args:
        kind: Which of both.
        external_id: Its id in the shop.
        attributes: What it holds.
        item: Of a variant: its item.
        created: When it came.
        updated: When it changed.
    """

    kind: Kind
    external_id: str
    attributes: dict[str, Any]
    item: Thing | None = None
    created: datetime
    updated: datetime

    @property
    def id(self) -> str:
        """Its compound id."""
        return PREFIX + self.external_id

    @property
    def key(self) -> str:
        """By what effects are noted: the SKU of a variant, the external id of an item."""
        return str(self.attributes.get("sku")) if self.kind == "catalog-variant" else self.external_id

    def shown(self) -> dict[str, Any]:
        """All its attributes."""
        held = {name: self.attributes.get(name) for name in ATTRIBUTES[self.kind]}
        for name, default in _DEFAULTS.items():
            if name in held and held[name] is None:
                held[name] = default
        return {
            **held,
            "external_id": self.external_id,
            "created": moment(self.created),
            "updated": moment(self.updated),
        }


@attrs.define(kw_only=True, eq=False)
class Job:
    """A job that writes several things.

    Args:
        id: Its id.
        kind: Of what.
        action: What it does.
        rows: The resources that came with it.
        created: When it was made.
        due: When it is worked on.
        polls: How often it is asked for after that before it tells that it is done.
        commit: Notes its effects.
        done: The ids that it wrote.
        errors: What it refused.
        completed: When it was worked on.
    """

    id: str
    kind: Kind
    action: Action
    rows: Sequence[Mapping[str, Any]]
    created: datetime
    due: datetime
    polls: int
    commit: Commit
    done: list[str] = attrs.field(factory=list)
    errors: list[Resource] = attrs.field(factory=list)
    completed: datetime | None = None

    @property
    def told(self) -> bool:
        """Whether it says that it is complete."""
        return self.completed is not None and self.polls < 0

    @property
    def type(self) -> str:
        """Its JSON:API type."""
        return f"{self.kind}-bulk-{self.action}-job"

    def attributes(self) -> dict[str, Any]:
        """What it says of itself."""
        begun = {
            "created_at": moment(self.created),
            "total_count": len(self.rows),
            "expires_at": moment(self.created + _KEPT),
        }
        if self.completed is None or not self.told:
            return {
                **begun,
                "status": "queued" if self.completed is None else "processing",
                "completed_count": 0,
                "failed_count": 0,
                "completed_at": None,
                "errors": [],
            }
        return {
            **begun,
            "status": "complete",
            "completed_count": len(self.done),
            "failed_count": len(self.errors),
            "completed_at": moment(self.completed),
            "errors": self.errors,
        }


class Catalog:
    """Items and variants, and the jobs on them.

    Args:
        now: The time.
        refused: SKUs and external ids whose writes are refused, with the reason.
    """

    def __init__(self, now: Callable[[], datetime], refused: Mapping[str, str]) -> None:
        self._now = now
        self._refused = refused
        self._numbers = itertools.count(1)
        self.things: dict[Kind, dict[str, Thing]] = {"catalog-item": {}, "catalog-variant": {}}
        self.jobs: dict[str, Job] = {}
        self.indexed_errors = True

    def variants_of(self, item: Thing) -> list[Thing]:
        """The variants of an item."""
        return [one for one in self.things["catalog-variant"].values() if one.item is item]

    def by_sku(self, sku: str) -> Thing | None:
        """The variant with a SKU."""
        found = (one for one in self.things["catalog-variant"].values() if one.attributes.get("sku") == sku)
        return next(found, None)

    def find(self, kind: Kind, identity: object) -> Thing:
        """A thing by its compound id.

        Raises:
            RefusedError: There is none.
        """
        found = self.things[kind].get(str(identity))
        if found is None:
            raise missing(kind, str(identity))
        return found

    def put(
        self, kind: Kind, external_id: str, attributes: Mapping[str, Any], item: Thing | None = None
    ) -> Thing:
        """Take in a thing as it is."""
        now = self._now()
        thing = Thing(
            kind=kind,
            external_id=external_id,
            attributes=dict(attributes),
            item=item,
            created=now,
            updated=now,
        )
        self.things[kind][thing.id] = thing
        return thing

    # Writing -----------------------------------------------------------------------------------------------

    def create(self, kind: Kind, data: Mapping[str, Any], commit: Commit, pointer: str = "/data") -> Thing:
        """Make a thing of a resource object."""
        values = _CREATE[kind].check(data.get("attributes"), f"{pointer}/attributes")
        _observe_custom(values, pointer)
        for name, only in (("integration_type", "$custom"), ("catalog_type", "$default")):
            if values.pop(name, None) not in (None, only):
                raise RefusedError(
                    "invalid", f"Only {only} is supported.", pointer=f"{pointer}/attributes/{name}"
                )
        external_id = values.pop("external_id")
        self._observe(str(values.get("sku", external_id)))
        if PREFIX + external_id in self.things[kind]:
            raise RefusedError(
                "duplicate_resource",
                f"A {kind} with external_id {external_id} already exists.",
                status=409,
                title="Conflict.",
                pointer=pointer,
            )
        item = None
        if kind == "catalog-variant":
            item = self.find("catalog-item", _item_of(data, pointer))
        thing = self.put(kind, external_id, values, item)
        commit(thing.key, "sku" if item is not None else "item", None, thing.key)
        return thing

    def update(self, kind: Kind, data: Mapping[str, Any], commit: Commit, pointer: str = "/data") -> Thing:
        """Change a thing as a resource object says."""
        thing = self.find(kind, data.get("id"))
        values = _UPDATE[kind].check(data.get("attributes"), f"{pointer}/attributes")
        _observe_custom(values, pointer)
        self._observe(thing.key)
        key = thing.key
        for name, value in values.items():
            before = thing.attributes.get(name)
            thing.attributes[name] = value
            if before != value:
                # Of an item, so that nobody takes it for the field of a variant.
                commit(key, name if kind == "catalog-variant" else f"item.{name}", before, value)
        thing.updated = self._now()
        return thing

    def delete(self, kind: Kind, data: Mapping[str, Any], commit: Commit, pointer: str = "/data") -> Thing:
        """Delete a thing, an item with its variants."""
        del pointer
        thing = self.find(kind, data.get("id"))
        self._observe(thing.key)
        for variant in self.variants_of(thing):
            del self.things["catalog-variant"][variant.id]
        del self.things[kind][thing.id]
        commit(thing.key, "sku" if kind == "catalog-variant" else "item", thing.key, None)
        return thing

    def _observe(self, key: str) -> None:
        if key in self._refused:
            raise RefusedError("invalid", self._refused[key])

    # Jobs --------------------------------------------------------------------------------------------------

    def accept(
        self,
        kind: Kind,
        action: Action,
        rows: Sequence[Mapping[str, Any]],
        commit: Commit,
        *,
        delay: float,
        polls: int,
    ) -> Job:
        """Take in a job; what its rows cannot be is refused at once, all of it.

        Raises:
            RefusedError: A row is no resource of the kind, or too many jobs are under way.
        """
        if sum(not job.told for job in self.jobs.values()) >= _MOST_JOBS:
            raise RefusedError("invalid", f"At most {_MOST_JOBS} jobs may be in progress.")
        for number, row in enumerate(rows):
            here = f"/data/attributes/{kind.removeprefix('catalog-')}s/data/{number}"
            checked_resource(row, kind, here)
            if action != "create" and not is_text(row.get("id")):
                raise RefusedError("invalid", "The field id is required.", pointer=f"{here}/id")
            if action != "delete":
                shape = (_CREATE if action == "create" else _UPDATE)[kind]
                shape.check(row.get("attributes"), f"{here}/attributes")
        now = self._now()
        job = Job(
            id=f"01JOB{next(self._numbers):08}",
            kind=kind,
            action=action,
            rows=rows,
            created=now,
            due=now + timedelta(seconds=delay),
            polls=polls,
            commit=commit,
        )
        self.jobs[job.id] = job
        self.work()
        return job

    def work(self) -> None:
        """Do what is due."""
        for job in self.jobs.values():
            if job.completed is None and job.due <= self._now():
                self._carry_out(job)

    def _carry_out(self, job: Job) -> None:
        write = {"create": self.create, "update": self.update, "delete": self.delete}[job.action]
        for number, row in enumerate(job.rows):
            pointer = f"/data/attributes/{job.kind.removeprefix('catalog-')}s/data/{number}"
            try:
                job.done.append(write(job.kind, row, job.commit, pointer).id)
            except RefusedError as error:
                told = error.told()
                told["source"] = {"pointer": pointer if self.indexed_errors else "/data"}
                job.errors.append(told)
        job.completed = self._now()

    def things_of(self, ids: Iterable[str], kind: Kind) -> list[Thing]:
        """Those of some ids that are there."""
        return [self.things[kind][identity] for identity in ids if identity in self.things[kind]]


def _item_of(data: Mapping[str, Any], pointer: str) -> object:
    """The id of the item in a variant's relationships."""
    found: Any = data
    for name in ("relationships", "item", "data"):
        found = found.get(name) if is_object(found) else None
    if not is_object(found):
        raise RefusedError(
            "invalid", "The relationship item is required.", pointer=f"{pointer}/relationships"
        )
    return found.get("id")


def _observe_custom(values: Mapping[str, Any], pointer: str) -> None:
    custom = values.get("custom_metadata")
    if custom is None:
        return
    where = f"{pointer}/attributes/custom_metadata"
    if any(is_object(value) for value in custom.values()):
        raise RefusedError("invalid", "custom_metadata must be flat.", pointer=where)
    if len(encode(custom)) > MOST_CUSTOM_BYTES:
        raise RefusedError("invalid", "custom_metadata may not exceed 100kb.", pointer=where)


__all__ = ["ATTRIBUTES", "PREFIX", "Action", "Catalog", "Commit", "Job", "Kind", "Thing"]
