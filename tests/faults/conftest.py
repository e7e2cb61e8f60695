"""What the fuzzers share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def seed() -> int:
    """Where the campaign's fuzzers begin: $ASC_FUZZ_SEED, for other inputs than last time."""
    return int(os.environ.get("ASC_FUZZ_SEED", "1"))
