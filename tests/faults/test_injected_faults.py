"""Each call on a file of ours fails once: a sentence; the same command ends in the same bits."""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from asc_cli.datasets import Archive, esc10
from tests.conftest import settings
from tests.faults import injection
from tests.faults.test_kills import Job, answers, contents, run_files, same_answers, weights
from tests.test_download import MD5, SOUND, Server, serving, url
from tests.test_workflow import arrays

SAMPLE = 6  # moments of a command in the campaign; a whole one has all, of one kind each


@pytest.fixture(scope="module")
def jobs(toy_root: Path, two_folds: Path, tmp_path_factory: pytest.TempPathFactory):
    archive = tmp_path_factory.mktemp("archive") / "model.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASC_HOME", str(two_folds))
        done = injection.run(["models", "export", "toy_lstm", archive], archive)
    assert done.code == 0, done.output
    audio = sorted(toy_root.rglob("*.wav"))[:6]
    data = ("--data", toy_root)
    features = ["features", "--recipe", "toy_lstm", "--set", "features.n_mels=16", *data]
    train = ["train", "toy_lstm", *data, "--jobs", "1", "--folds", "1"]
    return {
        "features": Job(
            lambda f: [*features, "--jobs", "1"],
            lambda f: arrays(f / "home"),
        ),
        "train": Job(
            lambda f: [*train, *settings("training.seed=1", "training.epochs=1")], run_files
        ),
        "predict": Job(
            lambda f: ["predict", *audio, "--csv", f / "out.csv", "--jobs", "1"],
            answers,
            same=same_answers,
        ),
        "evaluate": Job(lambda f: ["evaluate", "toy_lstm@1", "--dataset", "toy", *data], weights),
        "export": Job(
            lambda f: ["models", "export", "toy_lstm", f / "m.zip"],
            lambda f: contents(f / "m.zip"),
        ),
        "import": Job(lambda f: ["models", "import", archive], weights),
        "use": Job(lambda f: ["models", "use", "toy_lstm@1"], weights),
        "download": Job(
            lambda f: ["datasets", "download", "esc10", "--output", f / "data"],
            lambda f: (
                (f / "data/audio/a.wav").read_bytes() == SOUND
                and (f / "data/meta.txt").read_bytes() == b"a.wav\tbus\n"
            ),
        ),
        "remove": Job(lambda f: ["models", "remove", "toy_lstm@1"], weights, codes=(0, 1)),
    }


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Serves what `asc datasets download esc10` fetches."""
    with serving() as created, pytest.MonkeyPatch.context() as patch:
        archives = (Archive(url(created), MD5),)
        patch.setattr(esc10, "DATASET", dataclasses.replace(esc10.DATASET, archives=archives))
        yield created


@pytest.mark.campaign
@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "name",
    [
        *("features", "train", "predict", "evaluate"),
        *("export", "import", "use", "remove", "download"),
    ],
)
def test_each_call_that_fails_is_a_sentence_and_the_same_command_goes_on(
    name: str,
    jobs: dict[str, Job],
    two_folds: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: bool,
    seed: int,
    record_property,
):
    job, folder, rng = jobs[name], tmp_path / "work", random.Random(seed)
    monkeypatch.setenv("ASC_HOME", str(folder / "home"))
    monkeypatch.setenv("ASC_FSYNC", "1")

    def fresh() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copytree(two_folds, folder / "home")

    fresh()
    undisturbed = injection.run(job.words(folder), folder)
    assert undisturbed.code == 0, undisturbed.output
    expected, calls = job.outcome(folder), undisturbed.calls
    moments = range(1, calls + 1)
    if not whole:
        moments = sorted(rng.sample(moments, min(SAMPLE, calls)))
    for n in moments:
        kind = injection.KINDS[(n + seed) % len(injection.KINDS)]
        fresh()
        ended = injection.run(job.words(folder), folder, n, kind)
        what = f"{name}, seed {seed}: {kind} at call {n} of {calls}, {ended.where}"
        assert "Traceback" not in ended.output, f"{what}\n{ended.output}"
        again = injection.run(job.words(folder), folder)
        assert again.code in job.codes, f"{what}\n{ended.output}\nagain:\n{again.output}"
        assert job.same(job.outcome(folder), expected), what
    record_property("calls", calls)
