"""The learning rate at each step: a pure function, so that a checkpoint holds nothing of it.

    rate = learning_rate · factor(step, steps)          step from 0 to steps − 1, of all epochs

    W = warm_up · steps
    constant    1
    cosine      ½ (1 + cos π (step − W) / (steps − W))           Loshchilov & Hutter, 1608.03983
    one_cycle   from 1/25 up to 1 until W, then down to 1/250 000, each along half a cosine:
                Smith & Topin, 1708.07120, as torch.optim.lr_scheduler.OneCycleLR has it, but
                momentum stays as it is

Before W, constant and cosine are (step + 1) / W.
"""

from __future__ import annotations

import math

FIRST, LAST = 1 / 25, 1 / 250_000  # of one_cycle: the first factor and the last


def factor(name: str, warm_up: float, step: int, steps: int) -> float:
    """Return what the learning rate is multiplied by.

    Args:
        name: constant, cosine or one_cycle.
        warm_up: Share of the steps until the rate is highest, from 0 to below 1.
        step: Which step it is, from 0.
        steps: How many there are in all.
    """
    rising = warm_up * steps
    if name == "one_cycle":
        top, end = rising - 1, steps - 1  # the steps of the highest and of the last rate
        if step < top:
            return _along_cosine(FIRST, 1.0, step / top)
        return _along_cosine(1.0, LAST, (step - top) / (end - top) if end > top else 0.0)
    if step < rising:
        return min(1.0, (step + 1) / rising)
    if name == "cosine":
        return _along_cosine(1.0, 0.0, (step - rising) / (steps - rising))
    return 1.0


def _along_cosine(first: float, last: float, share: float) -> float:
    return last + (first - last) / 2 * (1 + math.cos(math.pi * share))
