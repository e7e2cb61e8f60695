"""What augmentation costs beside the network: processor time of a training step, on one thread.

    python tests/benchmarks/bench_augment.py [--steps 15]

Batches of 16 clips of 160 frames and 128 bands. A step is forward, backward and the optimiser; what
else it takes are cutting the batch, each augmentation, the norm of the gradients and the average.
The parts are timed in turns, so that what else the machine does meets all of them; medians are
printed, and their share of forward and backward.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from asc_cli.augment import Scale
from asc_cli.core import plugins
from asc_cli.frontend import clips
from asc_cli.frontend.standardise import Standardisation
from asc_cli.models import build
from asc_cli.training import descent, loss, optim
from asc_cli.training.augmentation import Augmentation
from asc_cli.training.average import WeightAverage

CLIPS, T, F, C = 16, 160, 128, 10
MODELS = ("resnet", "cp_mobile")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=15)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    frames = rng.normal(-8, 3, (CLIPS * T, F)).astype(np.float32)
    spread = Standardisation(np.full(F, -8, np.float32), np.full(F, 3, np.float32))
    firsts, counts = np.arange(CLIPS) * T, np.full(CLIPS, T)
    cut = clips.from_array(frames, firsts, counts, clips.ClipGrid(T, T), spread)
    scale = Scale(torch.from_numpy(spread.mean), torch.from_numpy(spread.deviation), 1.0)
    labels = torch.arange(CLIPS) % C
    x, _ = descent.tensors(cut, np.arange(CLIPS), "cpu")
    parts: dict[str, Callable[[], object]] = {
        "cut the batch": lambda: descent.tensors(cut, np.arange(CLIPS), "cpu")
    }
    for name in plugins.shipped("augment"):
        every = {"share": 1.0} if name == "freq_mixstyle" else {}  # which leaves most batches alone
        transform = plugins.INSTALLED.dataclass_of("augment", name)(**every)
        chain = Augmentation((transform,), scale, C)
        parts[name] = lambda chain=chain: chain(x, None, labels, (0, 1))  # type: ignore[misc]
    for name in MODELS:
        network = build({"name": name}, F, C).train()
        average, optimiser = WeightAverage(network, 0.99), optim.optimiser(network, "adamw", 1e-3)

        def run(network=network):  # type: ignore[no-untyped-def]
            network.zero_grad()
            loss.cross_entropy(network(x, None), labels).backward()

        parts[f"{name}: forward and backward"] = run
        parts[f"{name}: optimiser"] = optimiser.step
        weights = list(network.parameters())
        parts[f"{name}: norm of gradients"] = lambda w=weights: nn.utils.clip_grad_norm_(w, 2.0)  # type: ignore[misc]
        parts[f"{name}: average"] = lambda a=average, n=network: a.update(n, 9)  # type: ignore[misc]
    seconds = defaultdict(list)
    for _ in range(steps + 1):
        for part, action in parts.items():
            started = time.process_time()
            action()
            seconds[part].append(time.process_time() - started)
    ms = {part: 1000 * statistics.median(times[1:]) for part, times in seconds.items()}
    passes = {name: ms[f"{name}: forward and backward"] for name in MODELS}
    print(f"{'part':<32} {'ms':>8}  " + "  ".join(f"of {name}" for name in MODELS))
    for part, value in ms.items():
        shares = "  ".join(
            f"{100 * value / passes[name]:>{3 + len(name) - 2}.1f} %" for name in MODELS
        )
        print(f"{part:<32} {value:8.2f}  {shares}")


if __name__ == "__main__":
    main()
