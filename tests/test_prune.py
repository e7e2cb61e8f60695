"""asc store: what is needed stays, what nothing needs goes, and dry runs remove nothing."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from asc_cli import workflow
from asc_cli.cli import application
from asc_cli.core import atomic
from asc_cli.core.errors import AscError
from asc_cli.frontend import index, usage
from asc_cli.recipe import load as recipe
from tests.conftest import SMALL, tone, write

N = 8


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing written a moment ago is kept for that alone."""
    monkeypatch.setattr(index, "RACY_NS", 0)
    monkeypatch.setattr(usage, "RECENT_NS", -(10**9))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Eight recordings of two scenes in two folds; some short, some with files of their own."""
    rows = ["filename,label,fold"]
    for i in range(N):
        name = f"{'bus' if i % 2 else 'park'}{i}.wav"
        write(tmp_path / "set" / name, tone(200 + 50 * i, 1.2 + 2.0 * (i % 3 == 0), 22_050))
        rows.append(f"{name},{name.rstrip('.wav0123456789')},{1 + i // 4}")
    (tmp_path / "set" / "list.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "set" / "list.csv"


def train(data: Path) -> workflow.Training:
    values = {
        "dataset": "table",
        "features": {"name": "log_mel", "sample_rate": 22_050},
        "model": {"name": "lstm"},
    }
    return workflow.train(recipe.from_settings("mine", values, [*SMALL]), data=data, jobs=1)


def removed(**more: object) -> dict[str, int]:
    """How many things are removed, by reason."""
    counts: dict[str, int] = {}
    for row in workflow.prune(**more).removed:  # type: ignore[arg-type]
        counts[row.reason] = counts.get(row.reason, 0) + 1
    return counts


def test_after_a_training_only_its_checkpoints_go(data: Path, home: Path) -> None:
    done = train(data)
    rows = workflow.disk().to_dict()["stored"]
    assert [(row["dataset"], row["recordings"], row["packs"]) for row in rows] == [("table", N, 1)]
    assert removed() == {"its fold is finished": 2}
    assert removed() == {}
    assert train(data).run == done.run and train(data).wall_seconds < 5
    shutil.rmtree(done.run)
    again = train(data)  # from the same pack
    assert again.metrics["accuracy"] == done.metrics["accuracy"]


def test_a_dry_run_removes_nothing(data: Path, home: Path) -> None:
    train(data)
    before = sorted(home.rglob("*"))
    reported = removed(dry_run=True, all_packs=True)
    assert reported == {"its fold is finished": 2, "--packs": 1}
    assert sorted(home.rglob("*")) == before


def test_a_deleted_recording_takes_its_array_and_pack_along(data: Path, home: Path) -> None:
    train(data)
    removed()
    (data.parent / "park0.wav").unlink()  # 3.2 s: a file of its own
    missing = "no recording has these bytes any more"
    assert removed() == {missing: 2}
    assert removed() == {}
    assert not list(home.glob("packs/*"))


def test_audio_that_cannot_be_reached_counts_as_needed(data: Path, home: Path) -> None:
    train(data)
    removed()
    data.parent.rename(data.parent.with_name("unmounted"))
    assert removed() == {}


def test_features_of_older_code_go(data: Path, home: Path) -> None:
    train(data)
    removed()
    about = next(home.glob("features/*/feature.json"))
    atomic.write_json(about, {**atomic.read_json(about), "version": 1})
    reason = "version 1 of log_mel; asc computes 2"
    assert set(removed()) == {reason}
    assert not list(home.glob("packs/*")) and not list(home.glob("features/*/??/*.npy"))


def test_damaged_descriptions_remove_nothing(data: Path, home: Path) -> None:
    train(data)
    removed()
    for path in home.glob("features/*/**/*.json"):
        if path.name != "pack.json":
            path.write_text("{")
    assert removed() == {}
    assert workflow.disk().to_dict()["stored"][0]["dataset"] == str(data.parent)


def test_a_dataset_can_be_dropped_and_computed_again(data: Path, home: Path) -> None:
    train(data)
    assert "stored for table alone" in removed(dataset="table")
    assert workflow.disk().to_dict()["stored"] == []
    assert workflow.extract(recipe.load("toy_lstm", ["dataset=table"]), data=data).computed == N
    with pytest.raises(AscError, match="nothing is stored for dataset 'tabel'. Stored: table"):
        workflow.prune(dataset="tabel")


def test_what_was_written_within_the_hour_stays(
    data: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(data)
    removed()
    (data.parent / "park0.wav").unlink()
    monkeypatch.setattr(usage, "RECENT_NS", 3600 * 10**9)
    assert removed() == {}


def test_unfinished_folds_keep_their_checkpoints(data: Path, home: Path) -> None:
    run = train(data).run
    (run / "fold01" / "predictions.csv").unlink()
    (run / "metrics.json").unlink()
    assert removed() == {"its fold is finished": 1}
    assert (run / "fold01" / "checkpoint.safetensors").exists()
    assert workflow.disk().checkpoint_bytes > 0


def test_files_of_a_killed_process_are_removed_after_a_day(data: Path, home: Path) -> None:
    train(data)
    removed()
    for place in ("packs/.tmp-1", "features/.tmp-2"):
        (home / place).mkdir()
        (home / place / "frames.npy").write_bytes(b"x" * 1000)
    os.utime(home / "packs/.tmp-1", (time.time() - 90_000,) * 2)
    assert removed() == {"temporary file of a killed process": 1}
    assert not (home / "packs/.tmp-1").exists() and (home / "features/.tmp-2").exists()


def test_the_commands_show_and_prune(data: Path, home: Path) -> None:
    run = CliRunner().invoke
    assert "the feature store is empty" in run(application(), ["store", "show"]).stdout
    assert "nothing to remove" in run(application(), ["store", "prune"]).stdout
    train(data)
    shown = run(application(), ["store", "show"]).stdout
    assert "table" in shown and "asc store prune would free" in shown
    dry = run(application(), ["store", "prune", "--dry-run"]).stdout
    assert "its fold is finished" in dry and "would free" in dry
    reported = json.loads(run(application(), ["store", "prune", "--packs", "--json"]).stdout)
    assert reported["dry_run"] is False and reported["bytes"] > 0
    assert not list(home.glob("packs/*"))
