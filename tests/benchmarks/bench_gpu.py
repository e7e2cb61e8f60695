"""The attention LSTMs on a GPU: one captured graph, against the plain steps and cuDNN's LSTM.

    python tests/benchmarks/bench_gpu.py

One training step is forward and backward of the representation, float32, of clips of 100 frames and
64 bands, 128 hidden units; inference is the forward pass under no_grad. Times are medians of 20
calls in turn, in one process, each ended by a synchronisation; a ratio above 1 means that the graph
is faster.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from torch import Tensor, nn

from asc_cli.models._recurrence import reference, scan
from asc_cli.models.lstm import AttentionLSTM

F, H, T, CALLS = 64, 128, 100, 20
VARIANTS = {
    "none": (),
    "TA": ("temporal",),
    "SA": ("semantic",),
    "TA+SA": ("temporal", "semantic"),
}


def plain(x: Tensor, mask: Tensor | None, weights: reference.Weights) -> Tensor:
    return reference.trace(x, mask, weights).representation


def milliseconds(call: Callable[[], Tensor], training: bool) -> float:
    with torch.set_grad_enabled(training):
        torch.cuda.synchronize()
        started = time.perf_counter()
        out = call()
        if training:
            out.sum().backward()
        torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    if not torch.cuda.is_available():
        print("torch sees no GPU on this machine: nothing is measured")
        return
    print(torch.cuda.get_device_name(), "torch", torch.__version__)
    columns = ("variant", "clips", "pass", "graph ms", "plain÷graph", "cuDNN LSTM÷graph")
    print(*(f"{column:>17}" for column in columns))
    for n_clips in (32, 128, 512):
        x = torch.randn(n_clips, T, F, device="cuda")
        lstm = nn.LSTM(F, H, batch_first=True).cuda()
        for name, attention in VARIANTS.items():
            cell = AttentionLSTM(F, H, attention=attention).cuda()
            for training in (True, False):
                print_row(name, n_clips, training, x, cell, lstm)


def print_row(
    name: str, n_clips: int, training: bool, x: Tensor, cell: nn.Module, lstm: nn.Module
) -> None:
    graphed = scan.reference.graphed

    def by_steps() -> Tensor:
        scan.reference.graphed = plain
        try:
            return cell(x)
        finally:
            scan.reference.graphed = graphed

    calls = {"graph": lambda: cell(x), "plain": by_steps, "lstm": lambda: lstm(x)[1][0][0]}
    times: dict[str, list[float]] = {key: [] for key in calls}
    for turn in range(CALLS + 3):  # three to warm up
        for key, call in calls.items():
            taken = milliseconds(call, training)
            if turn >= 3:
                times[key].append(taken)
    graph, steps, cudnn = (statistics.median(times[key]) for key in ("graph", "plain", "lstm"))
    what = "training" if training else "inference"
    ratios = f"{graph:17.2f} {steps / graph:17.2f} {cudnn / graph:17.2f}"
    print(f"{name:>17} {n_clips:17d} {what:>17} {ratios}", flush=True)


if __name__ == "__main__":
    main()
