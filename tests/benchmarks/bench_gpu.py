"""The attention LSTMs on a GPU: one captured graph against plain steps, torch.compile and cuDNN.

    python tests/benchmarks/bench_gpu.py             # a scan: some minutes, torch.compile most
    python tests/benchmarks/bench_gpu.py --split     # a split of LITIS Rouen: 100 epochs

A scan: one training step is forward and backward of the representation, float32, of clips of 100
frames and 64 bands, 128 hidden units; inference is the forward pass under no_grad. Times are
medians of 20 calls in turn, in one process, each ended by a synchronisation; a ratio above 1 means
that the graph is faster. torch.compile (mode reduce-overhead) gets the same steps, for TA and SA at
128 clips: it takes minutes to compile 100 frames.

A split: `asc train litis_ta_sa --folds 1` on generated audio under the published sizes, 3 026
recordings of 30 s, timed by epoch. What 20 splits take is computed from it: none of them is run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from torch import Tensor, nn

from asc_cli.models._recurrence import reference, scan
from asc_cli.models.lstm import AttentionLSTM

F, H, T, CALLS, SPLITS = 64, 128, 100, 20, 20
VARIANTS = {
    "none": (),
    "TA": ("temporal",),
    "SA": ("semantic",),
    "TA+SA": ("temporal", "semantic"),
}
OTHERS = ("plain", "cuDNN", "compile")  # what the graph is compared with
COMPILED = {("TA", 128), ("SA", 128)}
Scan = Callable[[Tensor, Tensor | None, reference.Weights], Tensor]
NO_GPU = "torch sees no GPU on this machine: nothing is measured"


def plain(x: Tensor, mask: Tensor | None, weights: reference.Weights) -> Tensor:
    return reference.trace(x, mask, weights).representation


def by_compile(cell: nn.Module, x: Tensor) -> Scan | None:
    """The same steps through torch.compile; None, and a sentence, where it cannot compile them."""
    flat = torch.compile(reference._flat, mode="reduce-overhead")

    def compiled(x: Tensor, mask: Tensor | None, weights: reference.Weights) -> Tensor:
        return flat(x, *weights).clone()  # its graph's memory is used again

    started = time.perf_counter()
    try:
        compiled(x, None, cell.weights()).sum().backward()
    except Exception as fault:
        reason = str(fault).strip().splitlines() or [type(fault).__name__]
        print(f"torch.compile cannot compile the steps here, and is left out: {reason[0]}")
        return None
    print(f"torch.compile took {time.perf_counter() - started:.0f} s for a training step")
    return compiled


def milliseconds(call: Callable[[], Tensor], training: bool) -> float:
    with torch.set_grad_enabled(training):
        torch.cuda.synchronize()
        started = time.perf_counter()
        out = call()
        if training:
            out.sum().backward()
        torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - started)


def measure_scan() -> None:
    columns = ("variant", "clips", "pass", "graph ms", *(f"{key}÷graph" for key in OTHERS))
    print(*(f"{column:>13}" for column in columns))
    for n_clips in (32, 128, 512):
        x = torch.randn(n_clips, T, F, device="cuda")
        lstm = nn.LSTM(F, H, batch_first=True).cuda()
        for name, attention in VARIANTS.items():
            cell = AttentionLSTM(F, H, attention=attention).cuda()
            compiled = by_compile(cell, x) if (name, n_clips) in COMPILED else None
            scans = {"plain": plain} | ({"compile": compiled} if compiled else {})
            for training in (True, False):
                print_row(name, n_clips, training, x, cell, lstm, scans)


def print_row(
    name: str,
    n_clips: int,
    training: bool,
    x: Tensor,
    cell: nn.Module,
    lstm: nn.Module,
    scans: dict[str, Scan],
) -> None:
    graphed = scan.reference.graphed

    def through(own: Scan) -> Callable[[], Tensor]:
        def call() -> Tensor:
            scan.reference.graphed = own
            try:
                return cell(x)
            finally:
                scan.reference.graphed = graphed

        return call

    calls = {"graph": lambda: cell(x), "cuDNN": lambda: lstm(x)[1][0][0]}
    calls |= {key: through(own) for key, own in scans.items()}
    times: dict[str, list[float]] = {key: [] for key in calls}
    for turn in range(CALLS + 3):  # three to warm up
        for key, call in calls.items():
            taken = milliseconds(call, training)
            if turn >= 3:
                times[key].append(taken)
    median = {key: statistics.median(each) for key, each in times.items()}
    ratios = (f"{median[k] / median['graph']:.2f}" if k in median else "–" for k in OTHERS)
    what = "training" if training else "inference"
    print(f"{name:>13} {n_clips:13d} {what:>13} {median['graph']:13.2f}", end="")
    print(*(f"{ratio:>14}" for ratio in ratios), sep="", flush=True)


def measure_split(device: str, epochs: int, seconds: float) -> None:
    """Train split 1 of LITIS on generated audio; print what it took, and 20 times that."""
    from asc_cli.registry.runs import fold_folder
    from asc_cli.training import history
    from tests.campaign import rehearsal

    with tempfile.TemporaryDirectory() as temporary:
        root, home = Path(temporary) / "litis", Path(temporary) / "home"
        n = rehearsal.make_tree("litis", root, root, None, seconds)
        print(f"{n} recordings of {seconds:g} s generated", flush=True)
        at = ("--data", root)
        rehearsal.run(home, "features", "--recipe", "litis_ta_sa", *at)
        settings = ("--set", f"training.epochs={epochs}", "--folds", 1, "--device", device)
        trained = rehearsal.run(home, "train", "litis_ta_sa", *settings, *at)
        rows = history.rows(fold_folder(Path(trained.answer["run"]), 1))
    epoch = statistics.median(float(row["seconds"]) for row in rows)
    took = trained.wall_seconds
    print(f"{len(rows)} epochs, median {epoch:.1f} s; the split {took / 60:.1f} min")
    print(f"projection, not run: {projection(took):.1f} h for {SPLITS} splits in turn")


def projection(split_seconds: float) -> float:
    """Hours of all splits, one after the other."""
    return SPLITS * split_seconds / 3600


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--split", action="store_true", help="train a split of LITIS instead")
    parser.add_argument("--device", default="cuda", help="of the split: cuda, mps or cpu")
    parser.add_argument("--epochs", type=int, default=100, help="of the split")
    parser.add_argument("--seconds", type=float, default=30, help="length of a recording")
    options = parser.parse_args(arguments)
    if options.split and options.device != "cuda":
        measure_split(options.device, options.epochs, options.seconds)
        return
    if not torch.cuda.is_available():
        print(NO_GPU)
        return
    print(torch.cuda.get_device_name(), "torch", torch.__version__)
    if options.split:
        measure_split("cuda", options.epochs, options.seconds)
    else:
        measure_scan()


if __name__ == "__main__":
    main()
