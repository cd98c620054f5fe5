"""The profiles, events and metrics of the Klaviyo stand-in."""

from __future__ import annotations

import itertools
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, cast

import attrs

from bulkeditor.testing.vendors._klaviyo.catalog import Commit
from bulkeditor.testing.vendors._klaviyo.wire import (
    RefusedError,
    Resource,
    Shape,
    checked_resource,
    is_bool,
    is_number,
    is_object,
    is_text,
    list_in,
    missing,
    moment,
)

_NAMES: Final = ("first_name", "last_name", "organization", "locale", "title", "image")
IDENTIFIERS: Final = ("email", "phone_number", "external_id")
PROFILE_ATTRIBUTES: Final = (
    *IDENTIFIERS,
    *_NAMES,
    "created",
    "updated",
    "last_event_date",
    "location",
    "properties",
)
_PROFILE: Final = Shape(
    kind="profile",
    types={
        **dict.fromkeys((*IDENTIFIERS, *_NAMES, "_kx"), is_text),
        "location": is_object,
        "properties": is_object,
    },
)
# An event may name somebody who has not told who they are, and what else to change about them.
_EVENT_PROFILE: Final = Shape(
    kind="profile", types={**_PROFILE.types, "anonymous_id": is_text, "meta": is_object}
)
_EVENT: Final = Shape(
    kind="event",
    types={
        "properties": is_object,
        "time": is_text,
        "value": is_number,
        "value_currency": is_text,
        "unique_id": is_text,
        "backfill": is_bool,
        "metric": is_object,
        "profile": is_object,
    },
    required=frozenset({"properties", "metric"}),
    filled=frozenset({"properties", "metric", "profile"}),
)
_METRIC: Final = Shape(
    kind="metric",
    types={"name": is_text, "service": is_text},
    required=frozenset({"name"}),
    filled=frozenset({"name"}),
)
_LONGEST_NAME: Final = 128
_MOST_PROPERTIES: Final = 400
_MOST_EVENTS: Final = 1000
_AGGREGATE: Final = Shape(
    kind="metric-aggregate",
    types={
        "metric_id": is_text,
        "page_cursor": is_text,
        "measurements": lambda value: isinstance(value, list),
        "interval": is_text,
        "page_size": is_number,
        "by": lambda value: isinstance(value, list),
        "return_fields": lambda value: isinstance(value, list),
        "filter": lambda value: isinstance(value, list),
        "timezone": is_text,
        "sort": is_text,
    },
    required=frozenset({"metric_id", "measurements", "filter"}),
)
_STEPS: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


@attrs.define(kw_only=True, eq=False)
class Profile:
    """Somebody."""

    id: str
    attributes: dict[str, Any]
    created: datetime
    updated: datetime
    last_event: datetime | None = None

    @property
    def key(self) -> str:
        """By what effects are noted."""
        return next(
            (str(self.attributes[name]) for name in IDENTIFIERS if self.attributes.get(name)), self.id
        )

    @property
    def properties(self) -> dict[str, Any]:
        """Its custom properties."""
        return cast("dict[str, Any]", self.attributes.setdefault("properties", {}))

    def shown(self) -> dict[str, Any]:
        """All its attributes."""
        return {
            **{name: self.attributes.get(name) for name in (*IDENTIFIERS, *_NAMES)},
            "created": moment(self.created),
            "updated": moment(self.updated),
            "last_event_date": None if self.last_event is None else moment(self.last_event),
            "location": self.attributes.get("location") or {},
            "properties": self.properties,
        }


@attrs.frozen(kw_only=True, eq=False)
class Metric:
    """A kind of events."""

    id: str
    name: str
    created: datetime

    def shown(self) -> dict[str, Any]:
        """All its attributes."""
        told = moment(self.created)
        origin = {"object": "integration", "id": "0rG4eQ", "name": "API", "category": "API"}
        return {"name": self.name, "created": told, "updated": told, "integration": origin}


@attrs.frozen(kw_only=True, eq=False)
class Event:
    """Something that somebody did."""

    id: str
    metric: Metric
    profile: Profile
    properties: Mapping[str, Any]
    time: datetime
    value: Decimal | int | None
    unique_id: str

    def shown(self) -> dict[str, Any]:
        """All its attributes."""
        extra = {} if self.value is None else {"$value": self.value}
        return {
            "timestamp": int(self.time.timestamp()),
            "event_properties": {**self.properties, **extra, "$event_id": self.unique_id},
            "datetime": self.time.astimezone(UTC).isoformat(),
            "uuid": self.id,
        }


class People:
    """Profiles, what they did, and how often.

    Args:
        now: The time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._numbers = itertools.count(1)
        self.profiles: dict[str, Profile] = {}
        self.metrics: dict[str, Metric] = {}
        self.events: dict[str, Event] = {}

    def profile(self, identity: str) -> Profile:
        """A profile by its id.

        Raises:
            RefusedError: There is none.
        """
        if identity not in self.profiles:
            raise missing("profile", identity)
        return self.profiles[identity]

    def create(self, data: Mapping[str, Any], commit: Commit) -> Profile:
        """Make a profile.

        Raises:
            RefusedError: Somebody has one of its identifiers already.
        """
        values = self._checked(data, "/data")
        known = self._known(values)
        if known is not None:
            raise RefusedError(
                "duplicate_profile",
                "A profile already exists with one of these identifiers.",
                status=409,
                title="Conflict.",
                pointer="/data/attributes",
                meta={"duplicate_profile_id": known.id},
            )
        return self._made(values, data, commit)

    def upsert(self, data: Mapping[str, Any], commit: Commit) -> tuple[Profile, bool]:
        """Make a profile, or change the one with its id or identifiers.

        Returns:
            The profile, and whether it is new.
        """
        values = self._checked(data, "/data")
        known = self.profile(str(data["id"])) if data.get("id") else self._known(values)
        if known is None:
            return self._made(values, data, commit), True
        self._change(known, values, data.get("meta"), commit)
        return known, False

    def update(self, identity: str, data: Mapping[str, Any], commit: Commit) -> Profile:
        """Change a profile.

        Raises:
            RefusedError: There is none, or the ids differ.
        """
        if data.get("id") != identity:
            raise RefusedError("invalid", "The id in the payload must match the path.", pointer="/data/id")
        known = self.profile(identity)
        self._change(
            known, _PROFILE.check(data.get("attributes"), "/data/attributes"), data.get("meta"), commit
        )
        return known

    def _checked(self, data: Mapping[str, Any], pointer: str) -> dict[str, Any]:
        values = _PROFILE.check(data.get("attributes"), f"{pointer}/attributes")
        if not data.get("id") and not any(values.get(name) for name in (*IDENTIFIERS, "_kx")):
            raise _nobody(f"{pointer}/attributes")
        return values

    def _known(self, values: Mapping[str, Any]) -> Profile | None:
        for name in IDENTIFIERS:
            for profile in self.profiles.values():
                if values.get(name) and profile.attributes.get(name) == values[name]:
                    return profile
        return None

    def _made(self, values: Mapping[str, Any], data: Mapping[str, Any], commit: Commit) -> Profile:
        number, now = next(self._numbers), self._now()
        profile = Profile(id=f"01PROFILE{number:017}", attributes={}, created=now, updated=now)
        self.profiles[profile.id] = profile
        profile.attributes.update({name: values[name] for name in IDENTIFIERS if name in values})
        commit(profile.key, "profile", None, profile.id)
        self._change(profile, values, data.get("meta"), commit)
        return profile

    def _change(self, profile: Profile, values: Mapping[str, Any], meta: object, commit: Commit) -> None:
        # Custom properties that are not named stay; what is null becomes null.
        given = {name: value for name, value in values.items() if name not in ("properties", "_kx")}
        for name, value in given.items():
            if profile.attributes.get(name) != value:
                commit(profile.key, name, profile.attributes.get(name), value)
            profile.attributes[name] = value
        custom = dict(cast("Mapping[str, Any]", values.get("properties") or {}))
        patch: Mapping[str, Any] = meta.get("patch_properties") or {} if is_object(meta) else {}
        append: Mapping[str, Any] = patch.get("append") or {}
        for name, value in append.items():
            custom[name] = [*_listed(profile.properties.get(name)), *_listed(value)]
        for name, value in custom.items():
            if profile.properties.get(name) != value:
                commit(profile.key, name, profile.properties.get(name), value)
            profile.properties[name] = value
        for name in _listed(patch.get("unset")):
            if name in profile.properties:
                commit(profile.key, name, profile.properties.pop(name), None)
        profile.updated = self._now()

    # Events ------------------------------------------------------------------------------------------------

    def record(self, data: Mapping[str, Any], commit: Commit) -> None:
        """Take in one event; a repeat of its ``unique_id`` for the profile and metric changes nothing."""
        values = _EVENT.check(data.get("attributes"), "/data/attributes")
        who = self._somebody(values.get("profile"), "/data/attributes/profile", commit)
        self._record(values, who, "/data/attributes", commit, bulk=False)

    def record_many(self, data: Mapping[str, Any], commit: Commit) -> None:
        """Take in a batch of events: all of them, or none.

        Raises:
            RefusedError: There are too many, or one of them cannot be taken in.
        """
        here = "/data/attributes/events-bulk-create/data"
        groups = list_in(data.get("attributes"), "events-bulk-create", _MOST_EVENTS, "/data/attributes")
        work: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
        seen: set[tuple[str, str, str]] = set()
        for number, group in enumerate(groups):
            bulk = checked_resource(group, "event-bulk-create", f"{here}/{number}")
            inner: Mapping[str, Any] = bulk.get("attributes") or {}
            self._somebody(inner.get("profile"), f"{here}/{number}/attributes/profile", None)
            for row in list_in(inner, "events", _MOST_EVENTS, f"{here}/{number}/attributes"):
                event = checked_resource(row, "event", here)
                values: Mapping[str, Any] = _EVENT.check(
                    event.get("attributes"), f"{here}/{number}/attributes/events/data"
                )
                mark = (repr(inner["profile"]), str(_metric_name(values)), str(values.get("unique_id")))
                if values.get("unique_id") and mark in seen:
                    raise RefusedError("invalid", "unique_id must be unique.", pointer=here)
                seen.add(mark)
                work.append((inner["profile"], values))
        if len(work) > _MOST_EVENTS:
            raise RefusedError("invalid", f"At most {_MOST_EVENTS} events per request.", pointer=here)
        for profile, values in work:
            who = self._somebody(profile, here, commit)
            self._record(values, who, here, commit, bulk=True)

    def _somebody(self, given: object, pointer: str, commit: Commit | None) -> Profile | None:
        data = given.get("data") if is_object(given) else None
        if not is_object(data):
            raise RefusedError("invalid", "The field profile is required.", pointer=pointer)
        resource = checked_resource(data, "profile", f"{pointer}/data")
        values = _EVENT_PROFILE.check(resource.get("attributes"), f"{pointer}/data/attributes")
        if not resource.get("id") and not any(values.get(name) for name in (*IDENTIFIERS, "anonymous_id")):
            raise _nobody(f"{pointer}/data/attributes")
        if commit is None:
            return None
        meta = values.pop("meta", None) or resource.get("meta")
        values.pop("anonymous_id", None)
        known = self.profile(str(resource["id"])) if resource.get("id") else self._known(values)
        if known is None:
            return self._made(values, {"meta": meta}, commit)
        self._change(known, values, meta, commit)
        return known

    def _record(
        self,
        values: Mapping[str, Any],
        who: Profile | None,
        pointer: str,
        commit: Commit,
        *,
        bulk: bool,
    ) -> None:
        assert who is not None, "a profile was made or found"
        if len(values["properties"]) > _MOST_PROPERTIES:
            raise RefusedError(
                "invalid", f"At most {_MOST_PROPERTIES} properties.", pointer=f"{pointer}/properties"
            )
        metric = self._metric(str(_metric_name(values)))
        time = _time(values.get("time")) or self._now()
        unique = str(values.get("unique_id") or int(time.timestamp()))
        twins = (one for one in self.events.values() if one.unique_id == unique)
        if any(one.profile is who and one.metric is metric for one in twins):
            if bulk:
                raise RefusedError("invalid", f"unique_id {unique} is known already.", pointer=pointer)
            return
        event = Event(
            id=str(uuid.uuid4()),
            metric=metric,
            profile=who,
            properties=dict(values["properties"]),
            # https://developers.klaviyo.com/en/reference/create_event: truncated to the second.
            time=time.replace(microsecond=0),
            value=values.get("value"),
            unique_id=unique,
        )
        self.events[event.id] = event
        who.last_event = max(event.time, who.last_event or event.time)
        commit(who.key, f"event:{metric.name}", None, event.properties)

    def _metric(self, name: str) -> Metric:
        for metric in self.metrics.values():
            if metric.name == name:
                return metric
        metric = Metric(id=f"M{next(self._numbers):05}", name=name, created=self._now())
        self.metrics[metric.id] = metric
        return metric

    # Figures -----------------------------------------------------------------------------------------------

    def aggregate(self, data: Mapping[str, Any], bounds: Callable[[str], Sequence[datetime]]) -> Resource:
        """How often a metric happened, in intervals of UTC; not grouped.

        Args:
            data: The query.
            bounds: Reads the lower and upper bound of a filter.

        Raises:
            RefusedError: The query is incomplete, or asks for what there is none of here.
        """
        asked = _AGGREGATE.check(data.get("attributes"), "/data/attributes")
        step = _STEPS.get(asked.get("interval") or "day")
        if step is None or asked.get("by") or asked.get("timezone") not in (None, "UTC"):
            raise RefusedError("invalid", "This stand-in counts by hour, day or week of UTC, not grouped.")
        if asked["metric_id"] not in self.metrics:
            raise missing("metric", str(asked["metric_id"]))
        first, end = bounds(",".join(asked["filter"]))
        dates = [first + step * number for number in range(-(-(end - first) // step))]
        sums: dict[str, list[Any]] = defaultdict(lambda: [0] * len(dates))
        people: list[set[str]] = [set() for _ in dates]
        for event in self.events.values():
            if event.metric.id == asked["metric_id"] and first <= event.time < end:
                place = (event.time - first) // step
                sums["count"][place] += 1
                sums["sum_value"][place] += event.value or 0
                people[place].add(event.profile.id)
        sums["unique"] = [len(some) for some in people]
        measured = {str(name): sums[str(name)] for name in asked["measurements"]}
        return {
            "dates": [moment(date) for date in dates],
            "data": [{"dimensions": [], "measurements": measured}],
        }


def _listed(value: Any) -> list[Any]:
    """A list, also of one or none."""
    if value is None:
        return []
    return [*cast("Sequence[Any]", value)] if isinstance(value, list) else [value]


def _metric_name(values: Mapping[str, Any]) -> str:
    data = values["metric"].get("data")
    if not is_object(data):
        raise RefusedError("invalid", "The field metric is required.", pointer="/data/attributes/metric")
    resource = checked_resource(data, "metric", "/data/attributes/metric/data")
    name = str(_METRIC.check(resource.get("attributes"), "/data/attributes/metric/data/attributes")["name"])
    if not 0 < len(name) < _LONGEST_NAME:
        raise RefusedError("invalid", f"A metric's name has 1 to {_LONGEST_NAME - 1} characters.")
    return name


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise RefusedError("invalid", "Invalid datetime.", pointer="/data/attributes/time") from error
    return time.replace(tzinfo=time.tzinfo or UTC)


def _nobody(pointer: str) -> RefusedError:
    return RefusedError(
        "invalid", "One of email, phone_number, external_id or id is required.", pointer=pointer
    )


__all__ = ["IDENTIFIERS", "PROFILE_ATTRIBUTES", "Event", "Metric", "People", "Profile"]
