"""How many recordings of other scenes a model rejects: two classes of ESC-10 left out at a time.

    python -m tests.campaign.none_of_these esc10_lstm --data ESC-10 --folds 1,2

Trains a recipe on eight of the ten classes with `evaluation.unknown`, five times: without classes 1
and 2, 3 and 4, … of the dataset's list. Each fold's member then scores the fold's test recordings,
which it was not trained on, and all recordings of the two classes that were left out; and digital
silence, white noise and a hum of 50 Hz. Printed as a JSON line each: of every score, with the
sound's distance beside it, AUROC and the shares rejected and kept at the threshold of the
validation recordings. Training, validation and threshold see neither.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from asc_cli import train
from asc_cli.core import parallel
from asc_cli.core.errors import AscError
from asc_cli.inference import engine, ensemble, unknown
from asc_cli.inference.segments import Request, SegmentAccumulator
from asc_cli.registry import models

KEEP = 0.95
RATE = 44_100


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("recipe")
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--folds", default="1,2,3,4,5")
    options.add_argument("--dataset", default="esc10")
    options.add_argument("--pairs", default="1,2,3,4,5")
    options.add_argument("--fraction", default="0.25")
    given = options.parse_args()
    folds = [int(fold) for fold in given.folds.split(",")]
    for pair in map(int, given.pairs.split(",")):
        for row in held_out_pair(given, pair, folds):
            print(json.dumps(row), flush=True)


def held_out_pair(given: argparse.Namespace, pair: int, folds: list[int]) -> list[dict[str, Any]]:
    module = importlib.import_module(f"asc_cli.datasets.{given.dataset}")
    listing = module.read(given.data)
    outside = listing.labels[2 * pair - 2 : 2 * pair]
    fold_of = {file: split.fold for split in listing.splits for file in split.test}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "audio").symlink_to(given.data.resolve())
        table, recipe = folder / "scenes.csv", folder / f"{given.recipe}_{pair}.yaml"
        with table.open("w", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(["filename", "label", "fold", "group"])
            for r in listing.recordings:
                if r.label not in outside:
                    rows.writerow([f"audio/{r.file}", r.label, fold_of[r.file], r.group])
        recipe.write_text(
            f"extends: {given.recipe}\ndataset: table\npaper: null\n"
            f"validation: {{fraction: {given.fraction}, by: group}}\n"
            f"evaluation: {{unknown: {{keep: {KEEP}}}}}\n"
        )
        training = train(recipe, data=table, folds=folds, jobs=1)
        model = models.find(training.model)
        strangers = [given.data / r.file for r in listing.recordings if r.label in outside]
        label_of = {f"audio/{r.file}": r.label for r in listing.recordings}
        made_up = signals(folder)
        return [
            {"recipe": given.recipe, "left_out": outside, "fold": fold, **row}
            for fold in folds
            for row in fold_rows(model, training.run, fold, label_of, table, strangers, made_up)
        ]


def fold_of_table(table: Path) -> dict[str, int]:
    with table.open(newline="") as file:
        return {row["filename"]: int(row["fold"]) for row in csv.DictReader(file)}


def fold_rows(
    model: models.Model,
    run: Path,
    fold: int,
    label_of: dict[str, str],
    table: Path,
    strangers: list[Path],
    made_up: dict[str, Path],
) -> list[dict[str, Any]]:
    loaded, fold_of = ensemble.load(model, fold, unknown=True), fold_of_table(table)
    validation = json.loads((run / f"fold{fold:02d}" / "validation.json").read_text())["files"]
    trained = [f for f, k in fold_of.items() if k != fold and f not in validation]
    test = [f for f, k in fold_of.items() if k == fold]
    rows = {
        name: describe(loaded, model, [table.parent / file for file in files])
        for name, files in {
            "trained": trained,
            "validation": validation,
            "test": test,
            "outside": strangers,
            "made_up": made_up.values(),
        }.items()
    }
    labels = np.array([loaded.labels.index(label_of[file]) for file in trained])
    [own] = loaded.unknown
    difference = np.abs(
        own.scores(rows["validation"])
        - _refitted(own, rows, labels, own.score).scores(rows["validation"])
    ).max()  # fitted in training, by torch; here by the graph
    found = []
    for score in unknown.SCORES:
        try:
            fitted = _refitted(own, rows, labels, score)
        except AscError:
            continue
        inside, outside = fitted.scores(rows["test"]), fitted.scores(rows["outside"])
        plain = [own.layout.score(score, rows[k], fitted.embeddings) for k in ("test", "outside")]
        found.append(
            {
                "score": score,
                "default": score == own.score,
                "auroc": auroc(inside, outside),
                "auroc_without_sound": auroc(*plain),
                "rejected": float((outside > 1).mean()),
                "kept": float((inside <= 1).mean()),
                "kept_of_validation": float((fitted.scores(rows["validation"]) <= 1).mean()),
                "n": [len(validation), len(inside), len(outside)],
                "made_up": dict(
                    zip(made_up, fitted.scores(rows["made_up"]).round(2).tolist(), strict=True)
                ),
                "difference": float(difference),
            }
        )
    return found


def _refitted(own: unknown.Statistics, rows: Any, labels: np.ndarray, score: str) -> Any:
    return unknown.fit(rows["trained"], labels, rows["validation"], own.layout, score, KEEP)


def describe(loaded: Any, model: models.Model, files: list[Path]) -> np.ndarray:
    """Return the description of each recording, by the code of asc predict."""
    request = Request(model, unknown=True)
    result = []
    with parallel.one_thread():
        for start in range(0, len(files), 16):
            batch = files[start : start + 16]
            accumulators = [SegmentAccumulator(path, loaded, request) for path in batch]
            blocks = (read(loaded.feature.sample_rate) for _, read in engine.decoded(batch))
            engine._add_scores(loaded, accumulators, engine._clips(loaded, accumulators, blocks))
            assert not any(each.fault for each in accumulators), accumulators[0].fault
            result += [sum(each.described) / sum(each.counts) for each in accumulators]
    return np.stack(result)


def signals(folder: Path) -> dict[str, Path]:
    """Write five seconds each of silence, noise and hum at usual levels."""
    time = np.arange(5 * RATE) / RATE
    noise = np.random.default_rng(0).standard_normal(len(time))
    sounds = {
        "silence": 0 * time,
        "white noise": 0.1 * noise.clip(-5, 5),
        "quiet white noise": 0.001 * noise.clip(-5, 5),
        "hum": 0.3 * np.sin(2 * np.pi * 50 * time),
    }
    for name, samples in sounds.items():
        soundfile.write(folder / f"{name}.wav", samples, RATE, subtype="PCM_16")
    return {name: folder / f"{name}.wav" for name in sounds}


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """Return the share of pairs in which what is outside has the larger score; half of equals."""
    above = (outside[:, None] > inside).mean() + (outside[:, None] == inside).mean() / 2
    return float(above)


if __name__ == "__main__":
    main()
