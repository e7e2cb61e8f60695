"""Speed and memory of the attention LSTMs against torch.nn.LSTM; prints one table.

    python tests/benchmarks/bench_recurrence.py [--quick] [--threads 2] [--json]

One training step is forward and backward of the representation, float32, x needs no gradient;
inference is the forward pass under no_grad. Ours and torch's run in turn, one pair after the
other in one process; a ratio is the median over pairs of torch's time by ours (above 1: we are
faster), clips/s are medians too. Peak memory is the highest resident memory (VmHWM) of a fresh
process during two training steps, less what was resident before them; Linux only.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from torch import Tensor, nn

from asc_cli.models.lstm import AttentionLSTM

F, H, T = 64, 128, 100
VARIANTS: dict[str, tuple[str, ...]] = {
    "none": (),
    "TA": ("temporal",),
    "SA": ("semantic",),
    "TA+SA": ("temporal", "semantic"),
}
Model = Callable[[Tensor], Tensor]


def make(name: str) -> tuple[nn.Module, Model]:
    """The module, and x (B, T, F) -> representation (B, H)."""
    torch.manual_seed(0)
    if name == "torch":
        reference = nn.LSTM(F, H, batch_first=True)
        return reference, lambda x: reference(x)[1][0][0]
    cell = AttentionLSTM(F, H, attention=VARIANTS[name])
    return cell, cell


def seconds(module: nn.Module, model: Model, x: Tensor, training: bool) -> float:
    module.zero_grad()
    with torch.set_grad_enabled(training):
        start = time.perf_counter()
        out = model(x)
        if training:
            out.sum().backward()
        return time.perf_counter() - start


def compare(name: str, n_clips: int, pairs: int, training: bool) -> dict[str, float]:
    """Medians of one variant against torch.nn.LSTM."""
    x = torch.randn(n_clips, T, F)
    ours, theirs = make(name), make("torch")
    times = []
    for n in range(pairs + 2):
        pair = seconds(*theirs, x, training), seconds(*ours, x, training)
        if n >= 2:  # two pairs to warm up
            times.append(pair)
    return {
        "clips_per_s": n_clips / statistics.median(own for _, own in times),
        "torch_clips_per_s": n_clips / statistics.median(other for other, _ in times),
        "ratio": statistics.median(other / own for other, own in times),
    }


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key + ":"))  # kB


def peak_memory(name: str, n_clips: int) -> int:
    """kB that training steps of a variant add at their peak; call it in a fresh process."""
    module, model = make(name)
    seconds(module, model, torch.randn(2, T, F), True)  # code and threads are there now
    x = torch.randn(n_clips, T, F)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _status("VmRSS")
    for _ in range(2):
        seconds(module, model, x, True)
    return _status("VmHWM") - before


def memory_ratio(name: str, n_clips: int, threads: int) -> float:
    peaks = []
    for which in (name, "torch"):
        call = [sys.executable, __file__, "--memory", which, str(n_clips), "--threads"]
        peaks.append(int(subprocess.check_output([*call, str(threads)])))
    return peaks[0] / peaks[1]


def measure(sizes: list[int], pairs: int, threads: int) -> list[dict]:
    rows = []
    for n_clips in sizes:
        for name in VARIANTS:
            row = {"clips": n_clips, "attention": name}
            row["train"] = compare(name, n_clips, pairs, True)
            row["inference"] = compare(name, n_clips, pairs, False)
            row["memory_ratio"] = memory_ratio(name, n_clips, threads)
            rows.append(row)
            print(f"{n_clips} {name} done", file=sys.stderr)
    return rows


def show(rows: list[dict]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"F {F}, H {H}, T {T}, float32, {torch.get_num_threads()} threads")
    for head in ("clips", "attention", "train clips/s", "torch", "ratio"):
        table.add_column(head, justify="right")
    for head in ("inference clips/s", "torch", "ratio", "peak memory ratio"):
        table.add_column(head, justify="right")
    for row in rows:
        cells = [str(row["clips"]), row["attention"]]
        for kind in ("train", "inference"):
            m = row[kind]
            cells += [f"{m['clips_per_s']:.0f}", f"{m['torch_clips_per_s']:.0f}"]
            cells.append(f"{m['ratio']:.2f}")
        table.add_row(*cells, f"{row['memory_ratio']:.2f}")
    Console(width=110).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="128 clips and 5 pairs only")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--memory", nargs=2, metavar=("VARIANT", "CLIPS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.memory:
        print(peak_memory(options.memory[0], int(options.memory[1])))
        return
    sizes, pairs = ([128], 5) if options.quick else ([128, 256, 512], options.pairs)
    rows = measure(sizes, pairs, options.threads)
    print(json.dumps(rows)) if options.json else show(rows)


if __name__ == "__main__":
    main()
