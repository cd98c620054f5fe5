"""How the Klaviyo stand-in selects: sparse fieldsets, filters, cursors."""

from __future__ import annotations

import base64
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bulkeditor.testing._standin import Entry
from bulkeditor.testing.vendors._klaviyo.catalog import ATTRIBUTES, Thing
from bulkeditor.testing.vendors._klaviyo.people import PROFILE_ATTRIBUTES, Event
from bulkeditor.testing.vendors._klaviyo.routes import FILTERS, SORTS
from bulkeditor.testing.vendors._klaviyo.wire import Condition, RefusedError, conditions

_JOB_ATTRIBUTES: Final = (
    "status",
    "created_at",
    "total_count",
    "completed_count",
    "failed_count",
    "completed_at",
    "errors",
    "expires_at",
)
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "equals": operator.eq,
    "any": lambda held, values: held in values,
    "contains": lambda held, value: str(value).lower() in str(held).lower(),
    "greater-than": operator.gt,
    "greater-or-equal": operator.ge,
    "less-than": operator.lt,
    "less-or-equal": operator.le,
}


def selected(entry: Entry, kind: str, shown: dict[str, Any]) -> dict[str, Any]:
    """What a sparse fieldset leaves of attributes."""
    wanted = entry.params.get(f"fields[{kind}]")
    if wanted is None:
        return shown
    known = {
        "catalog-item": ATTRIBUTES["catalog-item"],
        "catalog-variant": ATTRIBUTES["catalog-variant"],
        "profile": PROFILE_ATTRIBUTES,
        "event": ("timestamp", "event_properties", "datetime", "uuid"),
        "metric": ("name", "created", "updated", "integration"),
    }.get(kind, _JOB_ATTRIBUTES)
    names = wanted.split(",")
    for name in names:
        if name not in known and name != "id" and "." not in name:
            raise RefusedError("invalid", f"'{name}' is not a field of {kind}.", parameter=f"fields[{kind}]")
    return {name: value for name, value in shown.items() if name in names}


def filters(entry: Entry, what: str) -> list[Condition]:
    """The conditions of a request; its sort is checked, too."""
    asked = entry.params.get("filter")
    if (sort := entry.params.get("sort")) and sort not in SORTS[what]:
        raise RefusedError("invalid", f"{sort} is not a valid sort.", parameter="sort")
    return [] if asked is None else conditions(asked, FILTERS[what])


def fits(thing: Thing, condition: Condition) -> bool:
    """Whether an item or variant is as a condition wants it."""
    match condition.field:
        case "ids":
            held: object = thing.id
        case "item.id":
            held = thing.item and thing.item.id
        case "category.id":
            held = None
        case name:
            held = thing.attributes.get(name)
    return matches(held, condition)


def matches(held: object, condition: Condition) -> bool:
    """Whether a value is as a condition wants it."""
    one: Any = held
    other: Any = _moment(condition.value) if isinstance(held, datetime) else condition.value
    return _OPERATORS[condition.operator](one, other)


def profile_value(identity: str, shown: Mapping[str, Any], field: str) -> object:
    """What a profile is filtered and sorted by."""
    if field in ("created", "updated"):
        return datetime.fromisoformat(shown[field])
    return identity if field == "id" else shown.get(field)


def event_value(event: Event, field: str) -> object:
    """What an event is filtered by."""
    match field:
        case "metric_id":
            return event.metric.id
        case "profile_id":
            return event.profile.id
        case _:
            return event.time


def _moment(value: object) -> datetime:
    text = str(value)
    try:
        time = datetime.fromtimestamp(int(text), UTC) if text.isdecimal() else datetime.fromisoformat(text)
    except ValueError as error:
        raise RefusedError("invalid", f"{text!r} is no time.", parameter="filter") from error
    return time.replace(tzinfo=time.tzinfo or UTC)


def bounds(text: str) -> tuple[datetime, datetime]:
    """The two times between which something is counted."""
    found = conditions(text, {"datetime": ("greater-or-equal", "less-than")})
    times = {one.operator: _moment(one.value) for one in found}
    if len(times) != len(("greater-or-equal", "less-than")):
        raise RefusedError(
            "invalid", "A filter needs both bounds of datetime.", pointer="/data/attributes/filter"
        )
    return times["greater-or-equal"], times["less-than"]


def closed(place: int, after: str, gaps: int) -> str:
    """A cursor; one after an empty page is another one."""
    return base64.urlsafe_b64encode(f"{gaps}|{place}|{after}".encode()).decode()


def opened(cursor: str) -> tuple[int, str]:
    """The place of what a cursor stands on, and its id.

    Raises:
        RefusedError: It is no cursor.
    """
    try:
        _, place, after = base64.urlsafe_b64decode(cursor).decode().split("|", 2)
        return int(place), after
    except ValueError as error:
        raise RefusedError("invalid", "Invalid cursor.", parameter="page[cursor]") from error


__all__ = [
    "bounds",
    "closed",
    "event_value",
    "filters",
    "fits",
    "matches",
    "opened",
    "profile_value",
    "selected",
]
