"""The clock that never sleeps."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from bulkeditor.http import Clock, SystemClock
from bulkeditor.testing import InstantClock


def test_pauses_are_over_at_once_and_written_down():
    clock = InstantClock(datetime(2025, 1, 1, tzinfo=UTC))
    started, before = time.monotonic(), clock.monotonic()
    clock.sleep(3600)
    asyncio.run(clock.asleep(60))
    clock.advance(1)
    assert time.monotonic() - started < 1
    assert clock.slept == [3600, 60]
    assert clock.monotonic() - before == pytest.approx(3661, abs=1)
    assert clock.now() - datetime(2025, 1, 1, 1, 1, 1, tzinfo=UTC) < timedelta(seconds=1)


def test_real_time_goes_on():
    clock = InstantClock()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
    assert clock.monotonic() <= clock.monotonic()


def test_time_only_moves_forward_and_is_aware():
    with pytest.raises(ValueError, match="forward"):
        InstantClock().advance(-1)
    with pytest.raises(ValueError, match="aware"):
        InstantClock(datetime(2025, 1, 1))  # noqa: DTZ001 - what is refused


def test_the_machines_clock():
    clock: Clock = SystemClock()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)
    clock.sleep(0)
    asyncio.run(clock.asleep(0))
    assert repr(clock) == "SystemClock()"
