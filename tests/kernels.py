"""Compile the recurrence's kernels, once for all tests: half a minute, or nothing if it was done.

numba keeps them in the user's cache folder, for every process that comes after. Without this, each
of the tests' processes would compile them for itself at its first training.
"""

from __future__ import annotations

import torch

from asc_cli.models.lstm import AttentionLSTM


def main() -> None:
    for dtype in (torch.float32, torch.float64):
        model = AttentionLSTM(2, 2, attention=("temporal", "semantic")).to(dtype)
        model(torch.zeros(1, 2, 2, dtype=dtype)).sum().backward()


if __name__ == "__main__":
    main()
