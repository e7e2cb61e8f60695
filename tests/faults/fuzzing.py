"""Make inputs with faults and run them: each is taken, or refused in a sentence."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

Mutation = Callable[[bytearray, random.Random], None]  # changes the data in place


def run(inputs: Iterable[Any], attack: Callable[[Any], str]) -> Counter[str]:
    """Attack with each input; return how often each end was. Says which input was the bad one."""
    ends: Counter[str] = Counter()
    for number, each in enumerate(inputs):
        try:
            ends[attack(each)] += 1
        except Exception as fault:
            raise AssertionError(f"input {number}: {str(each)[:2_000]}") from fault
    return ends


def mutated(
    seed: int, count: int, originals: Sequence[bytes], mutations: Sequence[Mutation]
) -> Iterator[bytes]:
    """Yield originals with one to four mutations each, the same for the same seed."""
    draw = random.Random(seed)
    for _ in range(count):
        data = bytearray(draw.choice(originals))
        for _ in range(draw.choice((1, 1, 1, 2, 3, 4))):
            draw.choice(mutations)(data, draw)
        yield bytes(data)


def flip(data: bytearray, draw: random.Random) -> None:
    """Flip a bit."""
    if data:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def cut(data: bytearray, draw: random.Random) -> None:
    """Remove the end."""
    del data[draw.randrange(len(data) + 1) :]
