"""How many recordings of other scenes a model rejects: two classes of ESC-10 left out at a time.

    python -m tests.campaign.none_of_these esc10_texture_svm,esc10_resnet --data ESC-10 --folds 1

Trains recipes on eight of the ten classes with `evaluation.unknown`, five times: without classes 1
and 2, 3 and 4, … of the dataset's list. Each fold's member then scores the fold's test recordings,
which it was not trained on, and all recordings of the two classes that were left out; and signals:
digital silence, noise, hums and tones, of other draws, levels and colours than the statistics are
fitted on, and the recordings of --others. Of several recipes, the mean of their scores, which is
that of an ensemble of them with equal weights, comes last. Printed as a JSON line each, for every
score that the recipe key may name. Training, validation and threshold see none of the two classes.
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
from asc_cli.evaluation.rejection import rejection
from asc_cli.frontend import negatives
from asc_cli.frontend import signals as made_up
from asc_cli.inference import engine, ensemble, unknown
from asc_cli.inference.segments import Request, SegmentAccumulator
from asc_cli.registry import models
from asc_cli.training import unknown_fit

KEEP = 0.95
RATE = 44_100
LEVELS_DB = (-60, -50, -40, -30, -20, -10, -6)
SLOPES = {
    "white noise": 0.0,
    "noise f^-0.25": -0.25,
    "noise f^-0.75": -0.75,
    "noise f^-1.25": -1.25,
    "noise f^0.25": 0.25,
}
TONES_HZ = {
    "hum of 50 Hz": (50, 1),
    "hum of 50 Hz, 10 harmonics": (50, 10),
    "tone of 440 Hz": (440, 1),
}
Scores = dict[str, np.ndarray]  # of test, outside and signals


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("recipes")
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--folds", default="1,2,3,4,5")
    options.add_argument("--dataset", default="esc10")
    options.add_argument("--pairs", default="1,2,3,4,5")
    options.add_argument("--fraction", default="0.25")
    options.add_argument("--others", type=Path)
    options.add_argument("--negatives", type=Path)
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
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "audio").symlink_to(given.data.resolve())
        table = folder / "scenes.csv"
        with table.open("w", newline="") as out:
            lines = csv.writer(out)
            lines.writerow(["filename", "label", "fold", "group"])
            for r in listing.recordings:
                if r.label not in outside:
                    lines.writerow([f"audio/{r.file}", r.label, fold_of[r.file], r.group])
        named = signals(folder) | others(given.others)
        by_recipe: list[dict[tuple[int, str], Scores]] = []
        for recipe in given.recipes.split(","):
            by_recipe.append({})
            trained = trained_on(given, f"{recipe}_{pair}", recipe, table, folds)
            parts = {
                "outside": [given.data / r.file for r in listing.recordings if r.label in outside],
                "signals": [*named.values()],
            }
            label_of = {f"audio/{r.file}": r.label for r in listing.recordings}
            for fold in folds:
                scored = fold_scores(*trained, fold, label_of, table, parts, given.negatives)
                by_recipe[-1] |= {(fold, score): own for score, own in scored.items()}
        if len(by_recipe) > 1:
            keys = [key for key in by_recipe[0] if all(key in own for own in by_recipe)]
            by_recipe.append(
                {
                    key: {k: np.mean([own[key][k] for own in by_recipe], axis=0)
                          for k in ("test", "outside", "signals")}
                    for key in keys
                }
            )  # fmt: skip
        names = [*given.recipes.split(","), "mean"]
        for recipe, scores in zip(names, by_recipe, strict=False):
            for (fold, score), own in scores.items():
                about = {"recipe": recipe, "left_out": outside, "fold": fold, "score": score}
                rows.append({**about, **summary(own, list(named))})
    return rows


def trained_on(
    given: argparse.Namespace, name: str, parent: str, table: Path, folds: list[int]
) -> tuple[models.Model, Path]:
    recipe = table.parent / f"{name}.yaml"
    recipe.write_text(
        f"extends: {parent}\ndataset: table\npaper: null\n"
        f"validation: {{fraction: {given.fraction}, by: group}}\n"
        f"evaluation: {{unknown: {{keep: {KEEP}}}}}\n"
    )
    training = train(recipe, data=table, folds=folds, jobs=1)
    return models.find(training.model), training.run


def summary(own: Scores, names: list[str]) -> dict[str, Any]:
    """Return AUROC and shares with bootstrap intervals, and the score of each signal."""
    result = rejection(own["test"], [""] * len(own["test"]), own["outside"][None])
    signal_scores = dict(zip(names, own["signals"].round(3).tolist(), strict=True))
    return {**result.to_dict(), "chosen": bool(own.get("chosen", False)), "signals": signal_scores}


def fold_scores(
    model: models.Model,
    run: Path,
    fold: int,
    label_of: dict[str, str],
    table: Path,
    parts: dict[str, list[Path]],
    folder: Path | None,
) -> dict[str, Scores]:
    loaded = ensemble.load(model, fold, unknown=True)
    with table.open(newline="") as file:
        fold_of = {row["filename"]: int(row["fold"]) for row in csv.DictReader(file)}
    validation = json.loads((run / f"fold{fold:02d}" / "validation.json").read_text())["files"]
    trained = [f for f, k in fold_of.items() if k != fold and f not in validation]
    away = fitted_signals(table.parent, loaded.feature.sample_rate)
    recorded = negatives.recordings(None if folder is None else str(folder))
    files = {
        "trained": [table.parent / file for file in trained],
        "validation": [table.parent / file for file in validation],
        "test": [table.parent / file for file, k in fold_of.items() if k == fold],
        "negatives": [*away, *recorded],
        **parts,
    }
    rows = {name: describe(loaded, model, paths) for name, paths in files.items()}
    labels = np.array([loaded.labels.index(label_of[file]) for file in trained])
    [own] = loaded.unknown
    fitted = {}
    for score in ("auto", *unknown.SCORES):
        try:
            fitted[score] = unknown_fit.fit(
                rows["trained"],
                labels,
                rows["validation"],
                rows["negatives"],
                own.layout,
                score,
                KEEP,
                len(recorded),
            )
        except AscError:  # no linear layer
            continue
    if own.sound is not None and folder is None:  # the graph here, torch in the training
        ours, theirs = (s.scores(rows["validation"]) for s in (own, fitted["auto"]))
        assert np.abs(ours - theirs).max() < 0.02
    auto = fitted.pop("auto").score
    result = {
        score: {
            **{k: each.scores(rows[k]) for k in ("test", "outside", "signals")},
            "chosen": np.array(score == auto),
        }
        for score, each in fitted.items()
    }
    result["earlier form"] = {
        k: earlier(fitted["distance" if "distance" in fitted else "probability"], rows, k)
        for k in ("test", "outside", "signals")
    }
    return result


def earlier(new: unknown.Statistics, rows: dict[str, np.ndarray], part: str) -> np.ndarray:
    """Return the scores of the form without negatives, with the distance or the probability."""
    return unknown.Statistics(
        new.score, new.layout, new.embeddings, new.sounds, new.scale, new.reach
    ).scores(rows[part])


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


def fitted_signals(folder: Path, rate: int) -> list[Path]:
    """Write the signals that statistics are fitted on, at a feature's sample rate."""
    paths = []
    for number, samples in enumerate(made_up.signals(rate)):
        paths.append(folder / f"negative{rate}_{number}.wav")
        soundfile.write(paths[-1], samples, rate, subtype="PCM_16")
    return paths


def signals(folder: Path) -> dict[str, Path]:
    """Write five seconds each of silence, noise, hums and tones, mono, at 44.1 kHz."""
    n = 5 * RATE
    time, frequencies = np.arange(n) / RATE, np.fft.rfftfreq(n, 1 / RATE)
    sounds = {"digital silence": np.zeros(n)}
    for level_db in LEVELS_DB:
        shapes = {}
        for name, slope in SLOPES.items():
            rng = np.random.default_rng([2026, -level_db])
            spectrum = np.fft.rfft(rng.standard_normal(n)) * np.maximum(frequencies, 20) ** (
                slope / 2
            )
            shapes[name] = np.fft.irfft(spectrum, n)
        for name, (hz, harmonics) in TONES_HZ.items():
            shapes[name] = sum(
                np.sin(2 * np.pi * hz * k * time) / k for k in range(1, harmonics + 1)
            )
        for name, samples in shapes.items():
            root = np.sqrt(np.mean(samples**2))
            sounds[f"{name} at {level_db} dB"] = (10 ** (level_db / 20) * samples / root).clip(
                -1, 1
            )
    for name, samples in sounds.items():
        soundfile.write(folder / f"{name}.wav", samples, RATE, subtype="PCM_16")
    return {name: folder / f"{name}.wav" for name in sounds}


def others(folder: Path | None) -> dict[str, Path]:
    return {} if folder is None else {path.name: path for path in sorted(folder.glob("*.wav"))}


if __name__ == "__main__":
    main()
