"""Times of day become moments by one stated rule, also where clocks do strange things."""

# ruff: noqa: DTZ001, DTZ901 - times without a zone are the matter here

from __future__ import annotations

import sys
import zoneinfo
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkeditor.errors import InvalidInputError, MissingExtraError
from bulkeditor.plans._zones import moment, zone_named


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def _local(time: datetime, zone: str) -> datetime:
    return time.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("zone", "wall", "shown"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 3, 30)),
        ("America/New_York", datetime(2026, 3, 8, 2, 0), datetime(2026, 3, 8, 3, 0)),
        (
            "America/Sao_Paulo",
            datetime(2018, 11, 4, 0, 15),
            datetime(2018, 11, 4, 1, 15),
        ),  # midnight is skipped
        ("Australia/Lord_Howe", datetime(2026, 10, 4, 2, 10), datetime(2026, 10, 4, 2, 40)),  # half an hour
        ("Pacific/Apia", datetime(2011, 12, 30, 12, 0), datetime(2011, 12, 31, 12, 0)),  # a whole day
        ("Pacific/Kwajalein", datetime(1993, 8, 21, 9, 0), datetime(1993, 8, 22, 9, 0)),  # another
    ],
)
def test_a_time_that_a_clock_change_skips_moves_forward_by_the_gap(
    zone: str, wall: datetime, shown: datetime
) -> None:
    assert _local(moment(wall, tz=zone, name="at"), zone) == shown
    assert _local(moment(wall.replace(fold=1), tz=zone, name="at"), zone) == shown


@pytest.mark.parametrize(
    ("zone", "wall", "first", "second"),
    [
        (
            "Europe/Berlin",
            datetime(2026, 10, 25, 2, 30),
            _utc(2026, 10, 25, 0, 30),
            _utc(2026, 10, 25, 1, 30),
        ),
        (
            "Australia/Lord_Howe",
            datetime(2026, 4, 5, 1, 45),
            _utc(2026, 4, 4, 14, 45),
            _utc(2026, 4, 4, 15, 15),
        ),
    ],
)
def test_a_time_that_comes_twice_is_the_first_unless_it_says_fold(
    zone: str, wall: datetime, first: datetime, second: datetime
) -> None:
    assert moment(wall, tz=zone, name="at") == first
    assert moment(wall.replace(fold=1), tz=zone, name="at") == second


_ZONES = (
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
)


@given(
    st.datetimes(min_value=datetime(1975, 1, 1), max_value=datetime(2037, 12, 31)), st.sampled_from(_ZONES)
)
def test_every_time_shows_as_it_was_meant_or_moved_forward(wall: datetime, zone: str) -> None:
    found = moment(wall, tz=zone, name="at")
    shown = _local(found, zone)
    assert shown >= wall  # never earlier by the clock on the wall
    if shown == wall:
        # The first: no earlier moment shows the same.
        earlier = (found - timedelta(minutes=step) for step in (30, 60, 120))
        assert all(_local(other, zone) != wall for other in earlier)
    else:
        # In a gap: nothing shows it, and the move is as long as the gap.
        offset = ZoneInfo(zone).utcoffset
        gap = offset(shown + timedelta(days=2)) - offset(shown - timedelta(days=2))
        assert shown - wall == gap


def test_aware_times_stand_as_they_are() -> None:
    aware = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=5)))
    assert moment(aware, tz=None, name="at") == aware
    assert moment(aware, tz="Europe/Berlin", name="at") == aware
    in_gap = datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert moment(in_gap, tz=None, name="at") == _utc(2026, 3, 29, 1, 30)


@pytest.mark.parametrize(
    ("tz", "hint"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("Europe", "IANA name"),
        ("", "IANA name"),
        ("../../etc/passwd", "IANA name"),
        ("a\x00b", "IANA name"),
        ("x" * 5000, "IANA name"),
    ],
)
def test_an_unknown_zone_is_named_with_the_nearest(tz: str, hint: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        zone_named(tz)
    assert "tz is no time zone" in str(caught.value)
    assert hint in str(caught.value)
    assert len(str(caught.value)) < 250


def test_other_wrong_times_are_named() -> None:
    with pytest.raises(InvalidInputError, match="at has no time zone: 2026-11-27T09:00:00"):
        moment(datetime(2026, 11, 27, 9), tz=None, name="at")
    with pytest.raises(InvalidInputError, match="revert_at must be a datetime, got str"):
        moment("2026-11-27", tz="UTC", name="revert_at")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="tz must be the name of a time zone, got int"):
        moment(datetime(2026, 11, 27, 9), tz=1, name="at")  # type: ignore[arg-type]
    for edge, zone in ((datetime.max, "America/New_York"), (datetime.min, "Pacific/Apia")):
        with pytest.raises(InvalidInputError, match="at is outside of the calendar") as caught:
            moment(edge, tz=zone, name="at")
        assert caught.value.errors[0].field == "at"


def test_a_machine_without_time_zone_data_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tzdata", "tzdata.zoneinfo", *(name for name in sys.modules if name.startswith("tzdata."))):
        monkeypatch.setitem(sys.modules, name, None)
    zoneinfo.reset_tzpath(to=())
    ZoneInfo.clear_cache()
    try:
        with pytest.raises(MissingExtraError, match=r"tz='Europe/Berlin' needs the 'zones' extra"):
            zone_named("Europe/Berlin")
        assert zone_named("UTC") is UTC  # needs no data
    finally:
        zoneinfo.reset_tzpath()
