"""Limits of numbers that come from outside: headers of files, recipes, cards, options."""

from __future__ import annotations

import numbers

from asc_cli.core.errors import AscError

# Below 1 kHz nothing of a scene is left, and a header that claims 1 Hz turns a small file into
# hours of samples. No recorder is faster than 768 kHz (32-bit recorders, those of bats).
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 1_000, 768_000  # Hz
MAX_CHANNELS = 1_024  # libsndfile's own limit
SAMPLE_RATES = f"{MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz"


def is_sample_rate(value: object) -> bool:
    """Return whether a value is a sample rate that asc works with."""
    return isinstance(value, numbers.Real) and MIN_SAMPLE_RATE <= float(value) <= MAX_SAMPLE_RATE


def require_sample_rate(what: str, value: object) -> None:
    """Raise AscError for a sample rate beyond the limits. what: its name in the message."""
    if not is_sample_rate(value):
        raise AscError(f"{what} {value}: {SAMPLE_RATES} was expected")
