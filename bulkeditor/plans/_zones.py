"""Times of day in a place, as moments: the one rule for hours that a clock change skips or repeats.

An hour that does not exist (clocks go forward) is moved forward by as much as the clocks were: 02:30 on the
night when 02:00 becomes 03:00 is 03:30. An hour that comes twice (clocks go back) is the first of the two,
unless the time itself says ``fold=1``. The same holds where clocks move by half an hour, and where a whole
day was skipped.
"""

from __future__ import annotations

import difflib
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, cast

from bulkeditor.api._request import refused
from bulkeditor.errors import MissingExtraError

_UTC_NAME: Final = "UTC"
_NAMES: Final = "Give an IANA name: 'Europe/Berlin', 'America/New_York', 'UTC'."


def moment(time: datetime, *, tz: str | None, name: str) -> datetime:
    """A moment in UTC: of an aware time as it stands, of a naive one in the zone ``tz``.

    Args:
        time: Aware, or naive together with ``tz``.
        tz: IANA name of the zone that a naive time is meant in: ``Europe/Berlin``.
        name: The argument's name, for errors.

    Raises:
        InvalidInputError: No datetime, no zone, an unknown zone, or a moment that no calendar has.
        MissingExtraError: There is no time zone data on this machine.
    """
    given = cast("object", time)
    if not isinstance(given, datetime):
        raise refused(
            name, f"must be a datetime, got {type(given).__name__}", "Give datetime(2026, 11, 27, 9, 0)."
        )
    zone = None if tz is None else zone_named(tz)
    try:
        aware = given if given.utcoffset() is not None else _placed(given, zone, name)
        return aware.astimezone(UTC)
    except OverflowError as error:
        raise refused(
            name, f"is outside of the calendar: {given.isoformat()}", code="out_of_range"
        ) from error


def zone_named(tz: str) -> tzinfo:
    """A zone by its IANA name.

    Args:
        tz: ``Europe/Berlin``, ``America/New_York``, ``UTC`` …

    Raises:
        InvalidInputError: There is no such zone; with the nearest one.
        MissingExtraError: There is no time zone data on this machine.
    """
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415 - only those who name a zone pay for it

    if not isinstance(cast("object", tz), str):
        raise refused("tz", f"must be the name of a time zone, got {type(tz).__name__}", _NAMES)
    if tz == _UTC_NAME:
        return UTC
    try:
        return ZoneInfo(tz)
    except (LookupError, ValueError, OSError) as error:
        # Not there, not a name, or a folder of names: all the same to whoever mistyped it.
        known = available_timezones()
        if not known:
            raise MissingExtraError("zones", feature=f"tz={tz!r:.60}") from error
        raise refused(
            "tz", f"is no time zone: {tz!r:.60}", _nearest(tz, known) or _NAMES, code="unknown_zone"
        ) from error


def _placed(time: datetime, zone: tzinfo | None, name: str) -> datetime:
    if zone is None:
        hint = "Pass tz='Europe/Berlin', or an aware datetime."
        raise refused(name, f"has no time zone: {time.isoformat()}", hint, code="no_zone")
    first, second = time.replace(tzinfo=zone, fold=0), time.replace(tzinfo=zone, fold=1)
    # In a gap fold=0 still counts with the old offset, which is what moves the time forward.
    twice = _offset(first) > _offset(second)
    return second if twice and time.fold else first


def _offset(time: datetime) -> timedelta:
    return time.utcoffset() or timedelta(0)


def _nearest(tz: str, known: set[str]) -> str | None:
    # Case is what people get wrong first, and a city without its continent comes next.
    names = {name.lower(): name for name in sorted(known)}
    cities = {name.rpartition("/")[2]: full for name, full in names.items()}
    wanted = tz.strip().lower().replace(" ", "_")
    found = names.get(wanted) or cities.get(wanted)
    if found is None:
        near = difflib.get_close_matches(wanted, [*names, *cities], n=1, cutoff=0.75)
        found = (names.get(near[0]) or cities[near[0]]) if near else None
    return f"Did you mean {found!r}?" if found else None


__all__ = ["moment", "zone_named"]
