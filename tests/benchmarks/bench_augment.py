"""What augmentation costs beside the network: processor time of a training step, on one thread.

    python tests/benchmarks/bench_augment.py [--steps 15] [--pairs 5]

Batches of 16 clips of 160 frames and 128 bands. A step is forward, backward and the optimiser; what
else it takes are cutting the batch, each augmentation, the norm of the gradients and the average.
The parts are timed in turns, so that what else the machine does meets all of them; medians are
printed, and their share of forward and backward. Then an epoch of 10 steps is trained in turns by
asc, with training and augmentation of esc10_resnet, and by plain_loop.py, the loop that one would
write by hand: all that each takes, its checkpoint too, and the share that is outside the network's
own passes of the same epoch.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import plain_loop
import torch
from torch import nn

from asc_cli.augment import Scale
from asc_cli.core import plugins
from asc_cli.frontend import clips, crops
from asc_cli.frontend.standardise import Standardisation
from asc_cli.models import build
from asc_cli.recipe.load import load
from asc_cli.training import descent, loss, optim
from asc_cli.training.augmentation import Augmentation
from asc_cli.training.average import WeightAverage

CLIPS, T, F, C = 16, 160, 128, 10
STEPS = 10  # of an epoch that is trained in turns
MODELS = ("resnet", "cp_mobile")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.steps:
        profile(options.steps)
    for name in MODELS if options.pairs else ():
        compare(name, options.pairs)


def profile(steps: int) -> None:
    """Print the time of each part of a training step."""
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


def compare(name: str, pairs: int) -> None:
    """Print the processor time of an epoch: the passes alone, by asc, and by the plain loop."""
    rng = np.random.default_rng(0)
    recordings = [rng.normal(-8, 3, (250, F)).astype(np.float32) for _ in range(STEPS * CLIPS)]
    labels = np.arange(len(recordings)) % C
    mean, deviation = np.full(F, -8, np.float32), np.full(F, 3, np.float32)
    spread = Standardisation(mean, deviation)
    counts = np.full(len(recordings), 250)
    cut = crops.random_crops(
        np.concatenate(recordings),
        np.cumsum(counts) - counts,
        counts,
        clips.ClipGrid(T, T),
        spread,
    )
    settings = descent.Settings(
        **load("esc10_resnet", ["training.epochs=1"]).training.model_dump(), fold=1, device="cpu"
    )
    scale = Scale(torch.from_numpy(mean), torch.from_numpy(deviation), 1.0)
    transforms = tuple(
        plugins.INSTALLED.dataclass_of("augment", each.pop("name"))(**each)
        for each in map(dict, load("esc10_resnet").augment)
    )
    augment = Augmentation(transforms, scale, C)
    dataset = plain_loop.LogMels(recordings, labels, T, mean, deviation)

    def asc(network: nn.Module) -> None:
        with tempfile.TemporaryDirectory() as folder:
            descent.fit(
                network,
                cut,
                labels,
                settings,
                Path(folder),
                lambda _: 0.0,
                lambda _: None,
                augment=augment,
            )

    def plain(network: nn.Module) -> None:
        plain_loop.train(network, dataset, C, 1, CLIPS)

    ways = {"asc": asc, "plain loop": plain}
    rows: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for i in range(pairs + 1):
        for way in sorted(ways, reverse=bool(i % 2)):
            rows[way].append(timed(ways[way], build({"name": name}, F, C)))
    ms = {way: 1000 / STEPS * np.array(times[1:]) for way, times in rows.items()}  # (pairs, 2)
    for way, times in ms.items():
        total, passes = np.median(times, axis=0)
        outside = np.median(times[:, 0] / times[:, 1] - 1)
        print(
            f"{name}, {way:<10} {total:6.1f} ms a step, {passes:6.1f} in the network's passes; "
            f"{100 * outside:.1f} % on top"
        )
    ratio = np.median(ms["asc"][:, 0] / ms["plain loop"][:, 0])
    print(f"{name}, asc / plain loop, median of {pairs} pairs: {ratio:.3f}")


def timed(train: Callable[[nn.Module], None], network: nn.Module) -> tuple[float, float]:
    """Return the processor time of a training, and that of its forward and backward passes."""
    passes = Passes()
    before = network.register_forward_pre_hook(lambda *_: passes.begin())
    after = network.register_forward_hook(lambda *_: passes.end())
    backward = torch.Tensor.backward

    def timed_backward(tensor: torch.Tensor) -> None:
        passes.begin()
        backward(tensor)
        passes.end()

    torch.Tensor.backward = timed_backward  # type: ignore[method-assign,assignment]
    started = time.process_time()
    train(network)
    total = time.process_time() - started
    torch.Tensor.backward = backward  # type: ignore[method-assign]
    before.remove()
    after.remove()
    return total, passes.seconds


class Passes:
    """A stopwatch of processor time."""

    seconds = started = 0.0

    def begin(self) -> None:
        self.started = time.process_time()

    def end(self) -> None:
        self.seconds += time.process_time() - self.started


if __name__ == "__main__":
    main()
