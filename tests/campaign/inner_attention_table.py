"""A table of what tests/campaign/inner_attention.py measured.

    python -m tests.campaign.inner_attention_table --data ESC-10 rows.csv [--against CELL]
    python -m tests.campaign.inner_attention_table --data ESC-10 rows.csv --picture attention.png

Of each cell whose five pairs of folds are trained: its mean accuracy after 10, 20 and all epochs,
and its difference from the LSTM of the same change, or from another cell, with a 95 % interval: a
bootstrap over source recordings, on the mean of the seeds that both have. The picture has accuracy
and training loss over epochs of the networks that differ in gates and pooling.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from asc_cli.datasets import esc10
from tests.campaign.inner_attention import PAIRS, pair_name, read

BOOTSTRAPS = 2000
EVERY_PAIR = {pair_name(pair) for pair in PAIRS}


def table(data: Path, rows: list[dict[str, str]], against: str | None) -> None:
    """Print a line of a Markdown table for each cell whose five pairs are trained."""
    listing = esc10.read(data)
    fold_of = {file: split.fold for split in listing.splits for file in split.test}
    group_of = {r.file: r.group for r in listing.recordings}
    groups = sorted({*group_of.values()})
    by_cell = _by_cell(rows)
    print("| network | seeds | 10 epochs | 20 | the last | difference | loss | spread of α |")
    print("|---|---|---|---|---|---|---|---|")
    for cell, own in by_cell.items():
        every = [row for rows in own.values() for row in rows]
        last = max(int(row["epoch"]) for row in every)
        ends = [row for row in every if int(row["epoch"]) == last]
        same_change = cell.replace("TA", "LSTM") if cell.startswith("TA,") else "LSTM"
        other = against or (same_change if same_change in by_cell else "LSTM")
        shared = sorted({*own} & {*by_cell.get(other, {})})
        text = "–"
        if cell != other and shared:
            draws = _draws(len(groups))
            ours, theirs = (
                _of_groups([r for k in shared for r in by_cell[c][k]], fold_of, group_of, groups)
                for c in (cell, other)
            )
            means = [(draws @ x[0]) / (draws @ x[1]) for x in (ours, theirs)]
            low, high = np.percentile(100 * (means[0] - means[1]), [2.5, 97.5])
            point = 100 * (ours[0].sum() / ours[1].sum() - theirs[0].sum() / theirs[1].sum())
            text = f"{point:+.1f} ({low:+.1f} to {high:+.1f})"
        at = {
            n: np.mean([float(r["accuracy"]) for r in every if int(r["epoch"]) == n] or [np.nan])
            for n in (10, 20, last)
        }
        spread = [float(r["spread"]) for r in ends if r["spread"]]
        print(
            f"| {cell} | {len(own)} | {100 * at[10]:.1f} | {100 * at[20]:.1f} "
            f"| {100 * at[last]:.1f} | {text} "
            f"| {np.mean([float(r['train_loss']) for r in ends]):.2f} "
            f"| {f'{100 * np.mean(spread):.0f} %' if spread else '–'} |"
        )


def _by_cell(rows: list[dict[str, str]]) -> dict[str, dict[str, list[dict[str, str]]]]:
    """Return the rows of each cell and seed of which all pairs of folds are trained."""
    seeds: dict[str, dict[str, list[dict[str, str]]]] = {}
    for row in rows:
        seeds.setdefault(row["cell"], {}).setdefault(row["seed"], []).append(row)
    complete = {
        cell: {seed: own for seed, own in by_seed.items() if {r["pair"] for r in own} == EVERY_PAIR}
        for cell, by_seed in seeds.items()
    }
    return {cell: by_seed for cell, by_seed in complete.items() if by_seed}


def _draws(n: int) -> np.ndarray:  # -> (BOOTSTRAPS, n)
    rng = np.random.default_rng(0)
    return np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(BOOTSTRAPS)])


def _of_groups(
    rows: list[dict[str, str]],
    fold_of: dict[str, int],
    group_of: dict[str, str],
    groups: list[str],
) -> tuple[np.ndarray, np.ndarray]:  # (n,), (n,)
    """Return right answers and answers of each group, at the last epoch."""
    last = max(int(row["epoch"]) for row in rows)
    place = {group: i for i, group in enumerate(groups)}
    right, answers = np.zeros(len(groups)), np.zeros(len(groups))
    for row in rows:
        if int(row["epoch"]) == last:
            pair = [int(fold) for fold in row["pair"].split("+")]
            files = sorted(file for file, number in fold_of.items() if number in pair)
            for file, mark in zip(files, row["right"], strict=True):
                right[place[group_of[file]]] += mark == "1"
                answers[place[group_of[file]]] += 1
    return right, answers


DRAWN = {
    "LSTM": "vector gates, last state (LSTM)",
    "own: vector, mean": "vector gates, mean",
    "own: vector, attention": "vector gates, learnt weights",
    "own: scalar, mean": "scalar gates, mean",
    "TA": "scalar gates, learnt weights (TA)",
}


def picture(rows: list[dict[str, str]], path: Path) -> None:
    """Draw the means over pairs of folds and seeds, of the networks of DRAWN."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    by_cell = _by_cell(rows)
    for cell, name in DRAWN.items():
        own = [row for by_seed in by_cell[cell].values() for row in by_seed]
        epochs = sorted({int(row["epoch"]) for row in own})
        style = "--" if name.startswith("scalar") else "-"
        for axis, key, scale in ((axes[0], "accuracy", 100), (axes[1], "train_loss", 1)):
            means = [
                scale * np.mean([float(r[key]) for r in own if int(r["epoch"]) == epoch])
                for epoch in epochs
            ]
            axis.plot(epochs, means, style, marker=".", label=name)
    axes[0].set_ylabel("accuracy on folds left out, %")
    axes[1].set_ylabel("training loss, nats")
    for axis in axes:
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--against", help="a cell; default: the LSTM of the same change")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    if options.picture:
        picture(read(options.rows), options.picture)
        return
    table(options.data, read(options.rows), options.against)


if __name__ == "__main__":
    main()
