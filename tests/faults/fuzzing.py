"""Run a fuzzer: every input is taken, or refused in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any


def run(inputs: Iterable[Any], attack: Callable[[Any], str]) -> Counter[str]:
    """Attack with each input; return how often each end was. Says which input was the bad one."""
    ends: Counter[str] = Counter()
    for number, each in enumerate(inputs):
        try:
            ends[attack(each)] += 1
        except Exception as fault:
            raise AssertionError(f"input {number}: {str(each)[:2_000]}") from fault
    return ends
