"""Why temporal attention ends below the LSTM on ESC-10: one change at a time, on inner folds only.

    python -m tests.campaign.inner_attention --data ESC-10 --out rows.csv [--seeds 0,1]
    python -m tests.campaign.inner_attention_table --data ESC-10 rows.csv

A training leaves two neighbouring folds out, {1, 2}, {2, 3}, … {5, 1}, learns from the other three
and is scored on both, so that every recording is scored by two networks and none by one that was
fitted on it; no network learns from the four folds that a result on a test fold learns from. The
program's own fit with the recipes' settings; only the cell says what differs. A line of the file is
every fifth epoch of a training: loss, accuracy on the folds left out, and for temporal
attention the share of frames that α is spread over, exp(entropy) / T. Finished trainings are not
repeated. inner_attention_table.py prints what came out.

Cells that are no recipe: the two halves of temporal attention, one without the other.

    gates      scalar (Eq. 4 of the paper) or vector (Eq. 1)
    pooling    last: h_T; mean: of all h_t; attention: Σ α_t h_t
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asc_cli.core import parallel
from asc_cli.datasets import Split
from asc_cli.models import lstm
from asc_cli.models._recurrence import reference
from asc_cli.protocol.source import open_source
from asc_cli.recipe import load as recipes
from asc_cli.training import descent, fold, fold_data, recordings

PAIRS = ((1, 2), (2, 3), (3, 4), (4, 5), (5, 1))
EVERY = 5  # epochs between two lines


class Pooled(nn.Module):
    """Vector gates (torch's LSTM) with a mean or a learnt weighted sum over time, then the
    recipe's classifier. The weights are a softmax of ⟨w, h_t⟩, w starting at 0: at a mean."""

    def __init__(self, n_bands: int, n_scenes: int, pooling: str):
        super().__init__()
        own = lstm.build(n_bands, n_scenes)
        self.lstm = nn.LSTM(n_bands, own.cell.U.shape[1], batch_first=True)
        self.classifier = own.classifier
        self.w = nn.Parameter(torch.zeros(own.cell.U.shape[1])) if pooling == "attention" else None

    def alpha(self, h: Tensor) -> Tensor:  # (B, T, H) -> (B, T)
        return torch.softmax(h @ self.w, -1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        h, _ = self.lstm(x)
        if self.w is None:
            return self.classifier(h.mean(1))
        return self.classifier(torch.einsum("bt,bth->bh", self.alpha(h), h))


class ScalarLast(nn.Module):
    """Temporal attention's scalar gates; the clip is the last h_t, as in the plain LSTM."""

    def __init__(self, n_bands: int, n_scenes: int):
        super().__init__()
        own = lstm.build(n_bands, n_scenes, attention=["temporal"])
        self.cell, self.classifier = own.cell, own.classifier
        self.cell.a.requires_grad_(False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        weights = self.cell.weights()
        both = weights.b.shape[0]
        bias = nn.functional.pad(weights.b, (0, weights.W.shape[0] - both))
        frames = nn.functional.linear(x, weights.W, bias).unbind(1)
        widths = list(weights.segments.values())
        h = c = x.new_zeros(x.shape[0], weights.U.shape[1])
        for frame in frames:
            z = torch.cat([frame[:, :both] + h @ weights.U.T, frame[:, both:]], -1)
            parts = dict(zip(weights.segments, z.split(widths, -1), strict=True))
            now = reference.step(parts, h, c, weights)
            h, c = now.h, now.c
        return self.classifier(h)


def scalar_mean(n_bands: int, n_scenes: int) -> nn.Module:
    """Return temporal attention with a_i = a_f = 0 for good: its α is 1 / T."""
    network = lstm.build(n_bands, n_scenes, attention=["temporal"])
    network.cell.a.data.zero_()
    network.cell.a.requires_grad_(False)
    return network


OWN = {
    "vector, mean": lambda n, c: Pooled(n, c, "mean"),
    "vector, attention": lambda n, c: Pooled(n, c, "attention"),
    "scalar, mean": scalar_mean,
    "scalar, last": ScalarLast,
}


@dataclass(frozen=True)
class Cell:
    """A network and what differs from the recipe; `own` is of OWN."""

    recipe: str
    overrides: tuple[str, ...] = ()
    own: str | None = None


def cells() -> dict[str, Cell]:
    base = {"LSTM": "esc10_lstm", "TA": "esc10_ta", "SA": "esc10_sa", "TA+SA": "esc10_ta_sa"}
    rows = {name: Cell(recipe) for name, recipe in base.items()}
    rows |= {f"own: {name}": Cell("esc10_lstm", (), name) for name in OWN}
    changes = {
        "dropout 0.5": "model.dropout=0.5",
        "no l2": "training.l2=0",
        "l2 1e-3": "training.l2=0.001",
        "rate 3e-4": "training.learning_rate=0.0003",
        "rate 3e-3": "training.learning_rate=0.003",
        "60 epochs": "training.epochs=60",
        "clips of 0.5 s": "clips.length_s=0.5",
        "clips of 2.5 s": "clips.length_s=2.5",
        "clips of 5 s": "clips.length_s=5",
    }
    for change, override in changes.items():
        for name in ("LSTM", "TA"):
            rows[f"{name}, {change}"] = Cell(base[name], (override,))
    rows["TA, gate bias"] = Cell("esc10_ta", ("model.gate_bias=true",))
    rows["TA, forget bias 2"] = Cell(
        "esc10_ta",
        ("model.gate_bias=true", "model.forget_bias=2"),
    )
    rows["LSTM, forget bias 2"] = Cell("esc10_lstm", ("model.forget_bias=2",))
    return rows


def train(name: str, cell: Cell, seed: int, data: Path, out: Path) -> None:
    """Train a cell on every pair of folds that the file does not have yet."""
    done = {(row["cell"], row["seed"], row["pair"]) for row in read(out)}
    pairs = [p for p in PAIRS if (name, str(seed), pair_name(p)) not in done]
    if not pairs:
        return
    recipe = recipes.load(cell.recipe, [*cell.overrides, f"training.seed={seed}"])
    source = open_source(recipe.dataset, data, recipe.subset, recipe.catalog)
    fold_of = {file: split.fold for split in source.listing.splits for file in split.test}
    extraction = recordings.features(source, recipe, 1, None)
    splits = tuple(
        Split(number, *_parts(fold_of, pair)) for number, pair in enumerate(PAIRS, start=1)
    )
    extraction = replace(
        extraction,
        source=replace(source, listing=replace(source.listing, splits=splits)),
    )
    packed = recordings.packs(extraction, None)
    chosen = [PAIRS.index(pair) + 1 for pair in pairs]
    with tempfile.TemporaryDirectory() as folder:
        for task in fold.tasks(recipe, extraction, packed, Path(folder), chosen, "cpu"):
            rows = _fit(task, cell, PAIRS[task.fold - 1])
            write(out, [{"cell": name, "seed": seed, **row} for row in rows])


def _parts(fold_of: dict[str, int], pair: Sequence[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    left_out = tuple(file for file, number in fold_of.items() if number in pair)
    return tuple(file for file in fold_of if file not in left_out), left_out


def _fit(task: Any, cell: Cell, pair: Sequence[int]) -> list[dict[str, Any]]:
    """Fit a network as `fold.fit` does; return a row an epoch."""
    from asc_cli import models
    from asc_cli.frontend.pack import load

    pack = load(task.packs[0], task.feature.description())
    standardise = fold_data.standardisation(task, pack, task.train)
    train_part = fold_data.training_part(task, pack, task.train, standardise)
    left_out = fold_data.fold_part(task, pack, task.test, standardise)
    labels = fold.label_indices(task.train, task.labels)
    own = {**task.recipe.training.model_dump(), "curve_every": EVERY}
    settings = descent.Settings(**own, fold=task.fold, device="cpu")
    torch.manual_seed(descent.seed(settings.seed, task.fold, 0))
    n_bands, n_scenes = pack.frames.shape[1], len(task.labels)
    if cell.own:
        network = OWN[cell.own](n_bands, n_scenes)
    else:
        network = models.build(task.recipe.model, n_bands, n_scenes, task.recipe.catalog)
    rows: list[dict[str, Any]] = []

    def epoch(model: nn.Module) -> float:
        answers = left_out.scores(model, task).argmax(axis=1)
        right = answers == left_out.labels
        spread = _spread(model, left_out.clips)
        files = [recording.file for recording, _ in task.test]
        rows.append(
            {
                "pair": pair_name(pair),
                "epoch": EVERY * (len(rows) + 1),
                "accuracy": float(right.mean()),
                "spread": spread,
                "right": "".join("01"[int(right[i])] for i in np.argsort(files)),
            }
        )
        return float(right.mean())

    task.folder.mkdir(parents=True)
    with parallel.one_thread():
        torch.set_num_threads(1)
        history = descent.fit_network(
            network,
            train_part,
            labels[train_part.owners],
            settings,
            task.folder,
            epoch,
            lambda p: None,
        )
    for row in rows:
        row["train_loss"] = round(history[row["epoch"] - 1].train_loss, 5)
    return rows


@torch.no_grad()
def _spread(model: nn.Module, clips: Any) -> float | None:
    """Return the mean of exp(entropy of α) / T over clips left out; None without attention."""
    x, mask = descent.tensors(clips, np.arange(0, len(clips), 4), "cpu")
    if isinstance(model, lstm.LSTMClassifier) and model.cell.temporal:
        alpha = model.explain(x, mask).alpha
    elif isinstance(model, Pooled) and model.w is not None:
        alpha = model.alpha(model.lstm(x)[0])
    else:
        return None
    entropy = -(alpha * alpha.clamp_min(1e-30).log()).sum(1)
    return float((entropy.exp() / alpha.shape[1]).mean())


def pair_name(pair: Sequence[int]) -> str:
    return "+".join(map(str, pair))


FIELDS = ("cell", "seed", "pair", "epoch", "train_loss", "accuracy", "spread", "right")


def read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Append the epochs of one training, in one write."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if new:
            writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cells", help="names, by semicolons; default: all")
    parser.add_argument("--seeds", default="0")
    given = parser.parse_args()
    wanted = given.cells.split(";") if given.cells else None
    for seed in map(int, given.seeds.split(",")):
        for name, cell in cells().items():
            if wanted is None or name in wanted:
                train(name, cell, seed, given.data, given.out)
                print(name, seed, flush=True)


if __name__ == "__main__":
    main()
