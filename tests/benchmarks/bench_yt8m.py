"""Reading YouTube-8M shards: the pipeline against bare parsing, memory, and an epoch projected.

    python tests/benchmarks/bench_yt8m.py [--videos 400] [--pairs 5] [--through 50000] [--jobs 2]
                                          [--steps lstm,ta_sa] [--half lstm,ta_sa]

Made-up shards of full size: 300 frames of 1024 + 128 bytes, 4716 labels. Three ways through the
same shards, interleaved, each from the page cache:

    package    the tfrecord package's own loader: every frame an array of its own
    bare       the package's record iterator and one parsing call a record: no checksum, no arrays
    stream     ours: checksums, parsing, frames as one array, shuffled
    batches    the same, padded and masked: what is sent to a GPU, which dequantises
    pipeline   the same, dequantised here; alone, and with processes reading ahead

Memory: resident size early and late while --through videos go by. --steps: one training step of a
full-size model (128 videos; some GB and about a minute each), from which an epoch is projected.
--half: bfloat16 against float32, forward and backward of 16 full-size videos of 100 s.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

FRAMES, BATCH = 300, 128
EPOCH = 4_900_000  # videos to train on, by the paper
SHARDS = 4


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--videos", type=int, default=400)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--through", type=int, default=50_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--steps", default="")
    parser.add_argument("--half", default="")
    given = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    with tempfile.TemporaryDirectory() as folder:
        shards = make_shards(Path(folder), given.videos)
        speed = read_speed(shards, given)
        if given.through:
            memory(shards, given)
    for name in filter(None, given.steps.split(",")):
        step(name, speed)
    for name in filter(None, given.half.split(",")):
        half(name)


def make_shards(folder: Path, n: int) -> list[Path]:
    import numpy as np
    from tfrecord.writer import TFRecordWriter

    rng = np.random.default_rng(0)
    paths = [folder / f"train{i}.tfrecord" for i in range(SHARDS)]
    for path in paths:
        writer = TFRecordWriter(str(path))
        for i in range(n // SHARDS):
            q = rng.integers(0, 256, (FRAMES, 1152), dtype=np.uint8)
            writer.write(
                {
                    "id": (f"{path.stem}-{i}".encode(), "byte"),
                    "labels": (rng.integers(0, 4716, 3).tolist(), "int"),
                },
                {
                    "rgb": ([f[:1024].tobytes() for f in q], "byte"),
                    "audio": ([f[1024:].tobytes() for f in q], "byte"),
                },
            )
        writer.close()
    return paths


def package(shards: list[Path]) -> int:
    from tfrecord.reader import sequence_loader

    return sum(1 for path in shards for _ in sequence_loader(str(path), None))


def bare(shards: list[Path]) -> int:
    from tfrecord import example_pb2
    from tfrecord.reader import tfrecord_iterator

    return sum(
        bool(example_pb2.SequenceExample.FromString(bytes(record)))
        for path in shards
        for record in tfrecord_iterator(str(path))
    )


def stream(shards: list[Path], pool: object = None) -> Iterator[Any]:
    from asc_cli.datasets import yt8m

    return yt8m.Stream(shards, yt8m.Layout(), yt8m.Order((0, 1), 64), pool=pool)


def collated(shards: list[Path]) -> int:
    from asc_cli.datasets import yt8m

    return sum(len(b.ids) for b in yt8m.batches(stream(shards), BATCH, yt8m.Layout()))


def pipeline(shards: list[Path], pool: object = None) -> int:
    from asc_cli.datasets import yt8m

    layout = yt8m.Layout()
    created = (
        batch.tensors("cpu")[0] for batch in yt8m.batches(stream(shards, pool), BATCH, layout)
    )
    return sum(len(x) for x in created)


def timed(way: Callable[..., int], *arguments: object) -> float:
    """Videos a second."""
    started = time.perf_counter()
    n = way(*arguments)
    return n / (time.perf_counter() - started)


def read_speed(shards: list[Path], given: argparse.Namespace) -> float:
    """The pipeline's videos a second, without other processes."""
    from asc_cli.core import parallel

    ways = ("package", "bare", "stream", "batches", "pipeline", "ahead")
    results: dict[str, list[float]] = {name: [] for name in ways}
    with parallel.prefetch_pool(given.jobs) as pool:
        pipeline(shards, pool)  # processes start and import
        for _ in range(given.pairs):
            results["package"].append(timed(package, shards))
            results["bare"].append(timed(bare, shards))
            results["stream"].append(timed(lambda its: sum(1 for _ in stream(its)), shards))
            results["batches"].append(timed(collated, shards))
            results["pipeline"].append(timed(pipeline, shards))
            results["ahead"].append(timed(pipeline, shards, pool))
    middle = {name: statistics.median(values) for name, values in results.items()}
    for name, speed in middle.items():
        words = f"pipeline, {given.jobs} processes ahead" if name == "ahead" else name
        print(f"{words:28} {speed:7.0f} videos/s   {speed / middle['bare']:.2f} of bare")
    hours = EPOCH / middle["pipeline"] / 3600
    print(f"an epoch of {EPOCH / 1e6:.1f} million, read alone: {hours:.1f} h")
    return middle["pipeline"]


def memory(shards: list[Path], given: argparse.Namespace) -> None:
    from asc_cli.datasets import yt8m

    layout = yt8m.Layout()
    copies = -(-given.through // given.videos)
    videos = yt8m.Stream(shards * copies, layout, yt8m.Order((0, 1), 1024))
    early = given.through // 10
    seen, sizes, started = 0, [], time.perf_counter()
    for batch in yt8m.batches(upto(videos, given.through), BATCH, layout):
        seen += len(batch.ids)
        if seen >= early:
            sizes.append(resident_mb())
    speed = seen / (time.perf_counter() - started)
    print(
        f"{seen} videos, a buffer of 1024: {sizes[0]:.0f} MB resident after {early}, "
        f"{sizes[-1]:.0f} MB after all, at most {max(sizes):.0f} MB; {speed:.0f} videos/s"
    )


def upto(videos: Iterable, n: int) -> Iterable:
    import itertools

    return itertools.islice(videos, n)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def step(name: str, read: float) -> None:
    """Two training steps of a recipe's model; the second is what counts, as the first also
    compiles. Processor time, since other work may want the processors."""
    import numpy as np
    import torch

    from asc_cli.datasets.yt8m import Batch
    from asc_cli.recipe import load as recipe
    from asc_cli.training import optim
    from asc_cli.video import descent, predict

    loaded = recipe.load(f"yt8m_{name}")
    model = predict.build(loaded.settings)
    optimiser = optim.optimiser(model, "adam", 1e-3, 1e-8)
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (BATCH, FRAMES, 1152), dtype=np.uint8)
    mask = np.ones((BATCH, FRAMES), bool)
    batch = Batch(("",) * BATCH, frames, mask, ((1, 2, 3),) * BATCH)
    settings = descent.Settings(
        epochs=1,
        learning_rate=1e-3,
        l2=1e-8,
        seed=0,
        optimiser="adam",
        choose_epoch="last",
        clip_norm=1.0,
        decay=0.95,
        decay_every=4_000_000,
        checkpoint_every=10**9,
        precision="float32",
        device="cpu",
    )
    for _ in range(2):
        started, used = time.perf_counter(), time.process_time()
        descent._step(model, optimiser, batch, settings, 4716, descent.State())
        seconds, used = time.perf_counter() - started, time.process_time() - used
    threads, peak = torch.get_num_threads(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    alone = used / threads  # as long as it would take if nothing else wanted the processors
    model_s, read_s = alone * EPOCH / BATCH, EPOCH / read
    bound = "the model" if model_s > read_s else "reading"
    print(
        f"yt8m_{name}: {seconds:.1f} s a step of {BATCH} videos, {used:.1f} s of processor time on "
        f"{threads} threads, at most {peak / 1e6:.1f} GB; an epoch of {EPOCH / 1e6:.1f} million by "
        f"processor time: {model_s / 86400:.1f} days, bound by {bound} "
        f"({model_s / read_s:.0f} times the reading)"
    )


def half(name: str) -> None:
    """How far off bfloat16 is, at first weights, and how long it takes; the second time counts."""
    import numpy as np
    import torch

    from asc_cli.datasets.yt8m import Batch
    from asc_cli.models._mixture_of_experts import multi_label_loss
    from asc_cli.recipe import load as recipe
    from asc_cli.video import descent, predict

    torch.manual_seed(0)
    model = predict.build(recipe.load(f"yt8m_{name}").settings)
    q = np.random.default_rng(0).integers(0, 256, (16, 100, 1152), dtype=np.uint8)
    batch = Batch(("",) * 16, q, np.ones((16, 100), bool), ((1, 2, 3),) * 16)
    targets = torch.from_numpy(batch.targets(4716))
    results = {}
    for precision in ("float32", "bfloat16") * 2:
        model.zero_grad()
        used = time.process_time()
        p = descent.probabilities(model, batch, precision, "cpu")
        multi_label_loss(p, targets).backward()
        used = time.process_time() - used
        g = torch.cat([w.grad.flatten() for w in model.cell.parameters()])
        results[precision] = p.detach(), g, used
    (p, g, complete), (q16, g16, halved) = results["float32"], results["bfloat16"]
    print(
        f"yt8m_{name}: bfloat16 {halved:.1f} s of processor time, float32 {complete:.1f} s; "
        f"probabilities differ by {(p - q16).abs().max():.1e} at most, the cell's gradient by "
        f"{100 * (g - g16).norm() / g.norm():.1f} % of its norm"
    )


if __name__ == "__main__":
    main()
