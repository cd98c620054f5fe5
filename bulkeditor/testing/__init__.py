"""For your own tests: a clock that never sleeps."""

from bulkeditor.testing._clock import InstantClock

__all__ = ["InstantClock"]
