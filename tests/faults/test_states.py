"""Whatever happens to the audio and to the store, what is answered equals what is computed afresh.

Hypothesis searches for a series of steps that breaks this: files written, edited in place with
their old times, swapped, renamed, linked; folders that change places; other parameters; processes
that are killed at any call, two at once; stored files damaged; what is not needed removed.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from asc_cli.audio import decode
from asc_cli.frontend import disk, index
from asc_cli.frontend.fill import fill
from asc_cli.inference.predict import predict
from asc_cli.protocol.source import open_source
from asc_cli.recipe.load import load
from tests.conftest import write
from tests.faults import injection

RATE, SAMPLES = 8000, 4000
FOLDERS, NAMES = ("A", "B"), ("x.wav", "y.wav", "z.wav")
TICK_S = 0.02  # what `index.RACY_NS` is here: a file may change again within a tick of the clock
EXAMPLES, ALL_EXAMPLES, STEPS = 4, 150, 15

audio_files = st.tuples(st.sampled_from(FOLDERS), st.sampled_from(NAMES))
contents = st.integers(0, 5)
bands = st.sampled_from((8, 12))


class Store(RuleBasedStateMachine):
    """Two folders of audio, a table that lists them, and a home."""

    model_home: Path  # a home with toy_lstm@1

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.home, self.root = self.folder / "home", self.folder / "audio"
        shutil.copytree(self.model_home, self.home)
        os.environ["ASC_HOME"] = str(self.home)
        for folder in FOLDERS:
            for number, name in enumerate(NAMES):
                self.put((folder, name), number)
        self.table = self.root / "recordings.csv"
        rows = [f"{folder}/{name},{name[0]}" for folder in FOLDERS for name in NAMES]
        self.table.write_text("\n".join(["filename,label", *rows, ""]))

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def path(self, file: tuple[str, str]) -> Path:
        return self.root / file[0] / file[1]

    @rule(file=audio_files, content=contents)
    def put(self, file: tuple[str, str], content: int) -> None:
        noise = np.random.default_rng(content).normal(0, 0.1, SAMPLES)
        write(self.path(file), noise.astype("f4"), RATE)

    @rule(file=audio_files, content=contents)
    def edit_in_place_with_its_old_times(self, file: tuple[str, str], content: int) -> None:
        before = self.path(file).stat()
        self.put(("other", "new.wav"), content)
        self.path(file).write_bytes((self.root / "other" / "new.wav").read_bytes())
        os.utime(self.path(file), ns=(before.st_atime_ns, before.st_mtime_ns))

    @rule(first=audio_files, second=audio_files)
    def swap(self, first: tuple[str, str], second: tuple[str, str]) -> None:
        if first != second:
            aside = self.root / "aside"
            self.path(first).rename(aside)
            self.path(second).rename(self.path(first))
            aside.rename(self.path(second))

    @rule()
    def swap_folders(self) -> None:
        a, b, aside = (self.root / name for name in (*FOLDERS, "aside"))
        a.rename(aside)
        b.rename(a)
        aside.rename(b)

    @rule(source=audio_files, to=audio_files, hard=st.booleans())
    def link_or_copy_with_its_times(
        self, source: tuple[str, str], to: tuple[str, str], hard: bool
    ) -> None:
        if source != to:
            self.path(to).unlink()
            if hard:
                os.link(self.path(source), self.path(to))
            else:
                shutil.copy2(self.path(source), self.path(to))

    @rule()
    def wait_for_the_clock(self) -> None:
        time.sleep(2 * TICK_S)

    @rule(n_mels=bands, n=st.integers(1, 60))
    def kill(self, n_mels: int, n: int) -> None:
        injection.run(self.words(n_mels), self.home, n, "death")

    @rule(n_mels=bands, n=st.integers(1, 60), kind=st.sampled_from(injection.KINDS[:-1]))
    def fail(self, n_mels: int, n: int, kind: str) -> None:
        ended = injection.run(self.words(n_mels), self.home, n, kind)
        assert "Traceback" not in ended.output, f"{ended.where}\n{ended.output}"

    @rule(n_mels=bands)
    def two_at_once(self, n_mels: int) -> None:
        child = os.fork()
        if child == 0:
            try:
                self.fill(n_mels)
            finally:
                os._exit(0)
        self.fill(n_mels)
        os.waitpid(child, 0)

    @rule(seed=st.integers(0, 1000))
    def damage_a_stored_file_and_verify(self, seed: int) -> None:
        rng = random.Random(seed)
        files = sorted(p for p in self.home.glob("features/*/short/*/*") if p.is_file())
        if files:
            path = rng.choice(files)
            damaged = bytearray(path.read_bytes())
            if damaged:
                damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
                path.write_bytes(damaged)
        for n_mels in (8, 12):
            self.fill(n_mels, verify=True)

    @precondition(lambda self: hasattr(self, "home"))
    @rule()
    def remove_what_is_not_needed(self) -> None:
        disk.prune(all_packs=True)

    @rule(n=st.integers(0, 30), kind=st.sampled_from(("EIO", "death")))
    def predict_with_a_journal(self, n: int, kind: str) -> None:
        """Interrupted; then the same again, against an answer without a journal."""
        paths = [self.path((folder, name)) for folder in FOLDERS for name in NAMES]
        words = ["predict", *paths, "--csv", self.folder / "out.csv"]
        injection.run(words, self.home, n, kind)
        resumed = predict(paths, journal=True)
        afresh = predict(paths, journal=False)
        for a, b in zip(
            sorted(resumed, key=lambda p: str(p.file)),
            sorted(afresh, key=lambda p: str(p.file)),
            strict=True,
        ):
            assert a.file == b.file and a.error == b.error
            assert a.scenes == pytest.approx(b.scenes, abs=1e-6)

    def words(self, n_mels: int) -> list[object]:
        set_ = ("--set", f"features.n_mels={n_mels}", "--set", f"features.sample_rate={RATE}")
        return ["features", "--data", self.table, "--jobs", "1", *set_]

    def fill(self, n_mels: int, verify: bool = False):
        settings = [f"features.n_mels={n_mels}", f"features.sample_rate={RATE}"]
        recipe = load("toy_lstm", ["dataset=table", *settings])
        source = open_source("table", self.table, None, recipe.catalog)
        return fill(source, recipe, 1, verify, None)

    @invariant()
    def what_is_stored_is_what_is_computed_afresh(self) -> None:
        if not hasattr(self, "folder"):
            return
        from asc_cli.frontend import store

        for n_mels in (8, 12):
            extraction = self.fill(n_mels)
            assert not extraction.failed, extraction.failed
            stored = store.Stored(extraction.feature)
            for file, digest in extraction.digests.items():
                samples = decode.read(self.root / file, RATE)
                afresh = extraction.feature.compute(samples, RATE)
                assert np.array_equal(stored.load(digest), afresh), (file, n_mels)


def search(two_folds: Path, monkeypatch: pytest.MonkeyPatch, examples: int) -> None:
    monkeypatch.setattr(index, "RACY_NS", int(TICK_S * 1e9))
    Store.model_home = two_folds
    run_state_machine_as_test(
        Store,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize="ASC_FUZZ_SEED" not in os.environ,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.campaign
def test_no_series_of_steps_gives_another_recordings_features(
    two_folds: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
):
    search(two_folds, monkeypatch, ALL_EXAMPLES if whole else EXAMPLES)
