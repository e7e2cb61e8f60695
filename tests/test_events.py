"""TensorBoard's event files, and curves in a terminal: what history.csv holds."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from asc_cli.cli import _progress
from asc_cli.core.errors import AscError
from asc_cli.report.console.curve import sparkline
from asc_cli.training import events, history, watch
from tests.conftest import Asc, settings

COLUMNS = ("epoch", "train_loss", "test_accuracy", "seconds", "validation_loss", "learning_rate")
ROWS = [
    ["1", "2.5", "", "0.1", "2.25", "0.001"],
    ["2", "1.5", "0.5", "0.1", "2.75", "0.0005"],
    ["3", "0.5", "", "0.1", "2.0", "0.0001"],
]


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder)).Reload()
    return {
        tag: [(event.step, event.value) for event in read.Scalars(tag)]
        for tag in read.Tags()["scalars"]
    }


def test_every_epoch_is_written_once_however_often_a_run_is_resumed(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run, root = tmp_path / "runs/a-1", tmp_path / "board"
    seen: list[dict] = []
    history.write(run / "fold01", COLUMNS, ROWS[:2])
    with events.writing(root, run, [1, 2], seen.append) as report:
        assert report is not None
        report({1: {"share": 0.5}})
        report({})
    assert seen == [{1: {"share": 0.5}}, {}]
    history.write(run / "fold01", COLUMNS, ROWS)
    with events.writing(root, run, [1, 2], None):
        pass
    assert not (root / "a-1/fold02").exists()
    written = scalars(root / "a-1/fold01")
    assert written["loss/train"] == [(1, 2.5), (2, 1.5), (3, 0.5)]
    assert written["loss/validation"] == [(1, 2.25), (2, 2.75), (3, 2.0)]
    assert written["accuracy/test"] == [(2, 0.5)]
    assert [step for step, _ in written["learning_rate"]] == [1, 2, 3]
    assert len(list((root / "a-1/fold01").iterdir())) == 1


def test_a_history_that_is_being_replaced_is_read_a_moment_later(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = tmp_path / "runs/a-1"
    history.write(run / "fold01", COLUMNS, ROWS)
    path = run / "fold01/history.csv"
    right = path.read_bytes()
    path.write_bytes(right.replace(b"2.5", b"2.6"))
    with events.writing(tmp_path / "runs", run, [1], None) as report:
        assert report is not None
        report({})
        path.write_bytes(right)
    assert len(scalars(run / "fold01")["loss/train"]) == 3


def test_without_tensorboard_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    with pytest.raises(AscError, match=r"--tensorboard: the extra `tensorboard` is needed .*pip"):
        events.require()
    with events.writing(None, Path("x"), [1], None) as report:
        assert report is None


def test_a_curve_is_drawn_from_its_smallest_to_its_largest_value() -> None:
    assert sparkline([8, 7, 6, 5, 4, 3, 2, 1], 8) == "█▇▆▅▄▃▂▁"
    assert sparkline([1, 1, 3, 3], 2) == "▁█" and sparkline([2, 2], 9) == "▁▁"
    assert sparkline([], 5) == "" and len(sparkline(range(101), 20)) == 20


def test_losses_so_far_are_drawn_below_a_fold(tmp_path: Path) -> None:
    history.write(tmp_path, COLUMNS, ROWS)
    (tmp_path / "progress.json").write_text('{"epoch": 4}')
    progress = watch.progress_of({1: tmp_path})[1]
    assert progress["curves"] == {"loss": [2.5, 1.5, 0.5], "validation": [2.25, 2.75, 2.0]}
    assert _progress._drawn(progress, 8) == "\nloss █▅▁  validation ▃█▁ 2.000"
    history.write(tmp_path, COLUMNS[:4], [row[:4] for row in ROWS[:1]])
    assert _progress._drawn(watch.progress_of({1: tmp_path})[1], 8) == ""


@pytest.mark.campaign
def test_a_finished_run_gets_its_event_files(
    asc: Asc, two_folds: Path, toy_root: Path, home: Path
) -> None:
    pytest.importorskip("tensorboard")
    shutil.copytree(two_folds, home, dirs_exist_ok=True)
    words = ("train", "toy_lstm", "--data", toy_root, "--folds", "1,2", *settings())
    done = asc(*words, "--tensorboard")
    assert done.returncode == 0, done.stderr
    (file, *_) = home.glob("runs/*/fold01/events.out.tfevents.*")
    assert [step for step, _ in scalars(file.parent)["loss/train"]] == [1, 2]
    asc(*words, "--tensorboard-to", home / "board")
    assert len(list((home / "board").glob("toy_lstm-*/fold0[12]/events*"))) == 2
