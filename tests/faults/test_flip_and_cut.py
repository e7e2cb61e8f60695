"""Each kind of file of ours with a bit flipped, or cut: refused, or never another answer."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import settings
from tests.faults import injection
from tests.faults.test_kills import run_files
from tests.test_workflow import arrays

FLIPS, CUTS = 2, 1  # of a kind of file in the campaign
ALL_FLIPS, ALL_CUTS = 24, 6
TAUGHT = "distil={teachers: [toy_lstm@1]}"
NOT_AN_ANSWER = ("wall_seconds", "seconds", "created")

Words = list[object]
Answer = Callable[[Path, str], object]  # of the folder and of what the command printed


def printed(folder: Path, output: str) -> object:
    """The JSON that a command printed, without times."""

    def cleaned(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: cleaned(v) for k, v in value.items() if k not in NOT_AN_ANSWER}
        return [cleaned(v) for v in value] if isinstance(value, list) else value

    start = min(i for i in (output.find("{"), output.find("[")) if i >= 0)
    return cleaned(json.JSONDecoder().raw_decode(output[start:])[0])


class Case:
    """Files that are damaged, and the command whose answer rests on them."""

    def __init__(
        self,
        files: str,
        words: Words,
        answer: Answer = printed,
        kill_at: int = 0,
        before: Words | None = None,
    ):
        self.files, self.words, self.answer = files, words, answer
        self.kill_at, self.before = kill_at, before


@pytest.fixture(scope="module")
def cases(toy_root: Path) -> dict[str, Case]:
    audio = sorted(toy_root.rglob("*.wav"))[:4]
    data = ("--data", toy_root)
    predict: Words = ["predict", *audio, "--model", "toy_lstm", "--jobs", "1", "--json"]
    evaluate: Words = ["evaluate", "toy_lstm@1", "--dataset", "toy", *data, "--jobs", "1", "--json"]
    again: Words = ["train", "toy_lstm", *data, "--jobs", "1", "--folds", "1,2", "--json"]
    new: Words = ["train", "toy_lstm", *data, "--jobs", "1", "--folds", "1"]
    new += settings("training.seed=1")
    verify: Words = ["features", "--recipe", "toy_lstm", *data, "--jobs", "1", "--verify"]
    runs, models = "home/runs/*/", "home/models/toy_lstm/"
    return {
        "arrays, verified": Case(
            "home/features/*/short/*/*", verify, lambda f, _: arrays(f / "home")
        ),
        "arrays, trained on": Case("home/features/*/short/*/*", new, lambda f, _: new_run(f)),
        "feature.json": Case("home/features/*/feature.json", new, lambda f, _: new_run(f)),
        "pack": Case("home/packs/*/*", new, lambda f, _: new_run(f)),
        "index": Case(
            "home/features/index/*",
            new,
            lambda f, _: new_run(f),
            before=["features", "--recipe", "toy_lstm", *data],  # new recordings were not in it
        ),
        "weights": Case(models + "1/fold*", predict),
        "card": Case(models + "1/card.yaml", predict),
        "default.json": Case(
            "home/models/default.json",
            ["predict", *audio, "--jobs", "1", "--json"],
            before=["models", "use", "toy_lstm@1"],
        ),
        "training_files.txt": Case(models + "1/training_files.txt", evaluate),
        "metrics.json": Case(runs + "metrics.json", [*again, *settings()]),
        "predictions.csv of a fold": Case(runs + "fold*/predictions.csv", [*again, *settings()]),
        "predictions.csv": Case(runs + "predictions.csv", ["evaluate", "toy_lstm", "--json"]),
        "recipe.yaml": Case(runs + "recipe.yaml", ["evaluate", "toy_lstm", "--json"]),
        "environment.json": Case(runs + "environment.json", ["evaluate", "toy_lstm", "--json"]),
        "checkpoint": Case(
            runs + "fold*/checkpoint.safetensors", new, lambda f, _: new_run(f), kill_at=90
        ),
        "journal": Case(
            "home/predictions/*.jsonl",
            [*predict[:-1], "--csv", "OUT"],
            lambda f, _: (f / "out.csv").read_text(),
            kill_at=40,
        ),
        "logits": Case(
            "home/logits/*/*.safetensors",
            [*new, *settings(TAUGHT)],
            lambda f, _: new_run(f),
            before=[*new[:-1], "training.seed=2", *settings(TAUGHT)],
        ),
        "an ensemble's files": Case(
            "home/models/toy_best/1/**/*",
            [*predict[:5], "--model", "toy_best", *predict[7:]],
            before=["train", "toy_best", *data, "--folds", "1,2", "--jobs", "1"],
        ),
    }


def new_run(folder: Path) -> dict[str, str]:
    """The files of the run of another seed."""
    return {
        name: digest
        for name, digest in run_files(folder).items()
        if "seed: 1" in (folder.joinpath(*Path(name).parts[:3]) / "recipe.yaml").read_text()
    }


def damaged(contents: bytes, rng: random.Random, flips: int, cuts: int) -> Iterator[bytes]:
    for _ in range(min(flips, len(contents))):
        changed = bytearray(contents)
        changed[rng.randrange(len(contents))] ^= 1 << rng.randrange(8)
        yield bytes(changed)
    for _ in range(cuts):
        yield contents[: rng.randrange(max(1, len(contents)))]


KINDS = (
    *("arrays, verified", "arrays, trained on", "feature.json", "pack", "index", "weights", "card"),
    *("default.json", "training_files.txt", "metrics.json", "predictions.csv of a fold"),
    *("predictions.csv", "recipe.yaml", "environment.json", "checkpoint", "journal", "logits"),
    "an ensemble's files",
)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused_or_changes_no_answer(
    kind: str,
    cases: dict[str, Case],
    two_folds: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: bool,
    seed: int,
):
    case, folder, rng = cases[kind], tmp_path / "work", random.Random(seed)
    monkeypatch.setenv("ASC_HOME", str(folder / "home"))
    words = [folder / "out.csv" if word == "OUT" else word for word in case.words]

    folder.mkdir()
    shutil.copytree(two_folds, folder / "home")
    if case.before:
        done = injection.run(case.before, folder)
        assert done.code == 0, done.output
    if case.kill_at:
        injection.run(words, folder, case.kill_at, "death")
    folder.rename(tmp_path / "prepared")

    def fresh() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "prepared", folder)

    fresh()
    undisturbed = injection.run(words, folder)
    assert undisturbed.code == 0, undisturbed.output
    expected = case.answer(folder, undisturbed.output)
    fresh()
    files = sorted(path for path in folder.glob(case.files) if path.is_file())
    assert files, f"no {case.files}"
    tries = [
        (path, contents)
        for path in files
        for contents in damaged(
            path.read_bytes(), rng, ALL_FLIPS if whole else FLIPS, ALL_CUTS if whole else CUTS
        )
    ]
    most = (ALL_FLIPS + ALL_CUTS) if whole else (FLIPS + CUTS)
    for number, (path, contents) in enumerate(rng.sample(tries, min(most, len(tries)))):
        fresh()
        path.write_bytes(contents)
        ended = injection.run(words, folder)
        what = f"{kind}, seed {seed}, try {number}: {path.relative_to(folder)}\n{ended.output}"
        assert "Traceback" not in ended.output, what
        if ended.code == 0:
            assert case.answer(folder, ended.output) == expected, what
        else:
            assert "asc: " in ended.output, what
