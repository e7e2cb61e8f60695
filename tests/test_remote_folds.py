"""Fitted folds on the remote: a second home fits none; what is no fold of the run is refused."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asc_cli import workflow
from asc_cli.core import checksums, locks, paths, remote
from asc_cli.core.errors import AscError
from asc_cli.recipe import load as recipe
from asc_cli.registry.runs import fold_folder
from asc_cli.training import fold as folds
from asc_cli.training import remote_folds
from tests.conftest import SMALL, tone, write

FILES = ("model.safetensors", "predictions.csv", "predictions.csv.sha256", "history.csv")
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve recordings in two scenes and two folds."""
    root = tmp_path_factory.mktemp("remote-folds")
    rows = ["filename,label,fold"]
    for i in range(12):
        write(root / f"{i}.wav", tone(200 + 50 * i, 0.6, 22_050))
        rows.append(f"{i}.wav,{'bus' if i % 2 else 'park'},{1 + i // 6}")
    table = root / "table.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


@pytest.fixture(autouse=True)
def shared(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(remote, "_remotes", {})
    monkeypatch.setenv("ASC_REMOTE", (tmp_path / "shared").as_uri())
    return tmp_path / "shared"


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The folds that were fitted in this process, as they are."""
    numbers: list[int] = []
    fit = folds._fit

    def counting(task: Any, *more: Any) -> None:
        numbers.append(task.fold)
        fit(task, *more)

    monkeypatch.setattr(folds, "_fit", counting)
    return numbers


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """at_home("b"): go on in another home, as a new process does."""

    def move(name: str) -> None:
        monkeypatch.setenv("ASC_HOME", str(tmp_path / name))
        monkeypatch.setattr(remote, "_remotes", {})

    move("a")
    return move


Move = Callable[[str], None]


def small(*more: str) -> recipe.Recipe:
    values = {"dataset": "table", "features": {"name": "log_mel"}, "model": {"name": "lstm"}}
    return recipe.from_settings("small", values, [*SMALL, "features.sample_rate=22050", *more])


def train(data: Path, *more: str, chosen: tuple[int, ...] = (1, 2)) -> workflow.Training:
    return workflow.train(small(*more), data=data, folds=list(chosen), jobs=1)


def contents(run: Path) -> dict[str, bytes]:
    return {
        f"{n}/{name}": (fold_folder(run, n) / name).read_bytes() for n in (1, 2) for name in FILES
    }


def objects(shared: Path) -> list[Path]:
    return sorted(shared.glob("runs/*/fold*.zip"))


def members(file: Path) -> Members:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def replace(file: Path, new: Members) -> Path:
    """Put another object in the place of one, with the checksum of its contents in its name."""
    file.unlink()
    with zipfile.ZipFile(file, "w") as archive:
        for name, value in new.items():
            archive.writestr(name, value)
    return file.rename(named(file))


def named(file: Path) -> Path:
    digest = checksums.of_bytes(file.read_bytes())
    return file.with_name(f"{file.name.partition('-')[0]}-{digest}.zip")


def test_another_home_fits_nothing(
    data: Path,
    at_home: Move,
    shared: Path,
    fitted: list[int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = train(data)
    assert fitted == [1, 2] and len(objects(shared)) == 2
    assert capsys.readouterr().err == ""
    at_home("b")
    second = train(data)
    assert fitted == [1, 2]
    assert capsys.readouterr().err.splitlines() == [
        f"asc: folds 1, 2 of {second.run.name} came from {shared.as_uri()}"
    ]
    assert first.run.name == second.run.name and first.run != second.run
    assert contents(first.run) == contents(second.run)
    assert first.metrics == second.metrics and second.model == "small@1"
    origin = json.loads((fold_folder(second.run, 1) / "origin.json").read_text())
    assert (origin["run"], origin["fold"], origin["device"]) == (first.run.name, 1, "cpu")
    assert not [*second.run.rglob("checkpoint*")] and not [*second.run.rglob(".tmp-*")]
    assert not (paths.home() / "packs").exists()  # nothing is fitted, so nothing reads one


def test_only_the_rest_is_fitted(
    data: Path, at_home: Move, shared: Path, fitted: list[int]
) -> None:
    alone = train(data, chosen=(1,))
    at_home("b")
    both = train(data)
    assert fitted == [1, 2] and len(objects(shared)) == 2
    first = fold_folder(alone.run, 1) / "model.safetensors"
    assert (fold_folder(both.run, 1) / "model.safetensors").read_bytes() == first.read_bytes()


def test_other_settings_are_another_run(data: Path, at_home: Move, fitted: list[int]) -> None:
    train(data, chosen=(1,))
    at_home("b")
    train(data, "training.seed=7", chosen=(1,))
    assert fitted == [1, 1]


def test_a_training_that_had_begun_is_replaced(
    data: Path, at_home: Move, fitted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = train(data, chosen=(1,))
    at_home("b")
    with monkeypatch.context() as patch:
        patch.delenv("ASC_REMOTE")
        patch.setattr(folds.members, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(data, chosen=(1,))
    [run] = paths.runs().iterdir()
    assert (fold_folder(run, 1) / "checkpoint.safetensors").exists()
    again = train(data, chosen=(1,))
    assert fitted == [1, 1] and again.metrics == done.metrics
    assert not [*run.glob("fold01/checkpoint*"), *run.glob("fold01/progress*")]


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_read_only_puts_nothing_and_gets_all(
    data: Path, at_home: Move, shared: Path, fitted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(data, chosen=(1,))
    at_home("b")
    monkeypatch.setenv("ASC_REMOTE_READ_ONLY", "1")
    train(data)
    assert fitted == [1, 2] and len(objects(shared)) == 1


def test_a_remote_that_is_away_costs_one_line(
    data: Path, at_home: Move, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remote, "WAIT_S", 0.0)

    def away(*_: object, **__: object) -> None:
        raise OSError("nobody is there")

    at_home("b")
    own = remote.configured()
    assert own is not None
    for name in ("ls", "cat_file", "get_file"):
        monkeypatch.setattr(own._files, name, away)
    done = train(data, chosen=(1,))
    assert done.model == "small@1"
    [line] = capsys.readouterr().err.splitlines()
    assert "does not answer (nobody is there); this command goes on without it" in line


def test_a_fold_that_another_process_fits_is_left_to_it(
    data: Path, at_home: Move, fitted: list[int]
) -> None:
    done = train(data, chosen=(1,))
    at_home("b")
    folder = fold_folder(paths.runs() / done.run.name, 1)
    with locks.locked(folder, "fold 1 is being fitted"):
        part = workflow.train_part(small(), data=data, folds=[1])
    assert isinstance(part, workflow.Part)
    assert fitted == [1] and not (folder / "predictions.csv").exists()


def outside(new: Members) -> Members:
    return {**new, "../../outside.csv": b"x"}


def absolute(new: Members) -> Members:
    return {**new, "/tmp/outside.csv": b"x"}


def other_name(new: Members) -> Members:
    return {**new, "train.py": b"print(1)"}


def checkpoint(new: Members) -> Members:
    return {**new, "checkpoint.safetensors": b"x"}


def no_weights(new: Members) -> Members:
    del new["model.safetensors"]
    return new


def no_origin(new: Members) -> Members:
    del new["origin.json"]
    return new


def of_other_run(new: Members) -> Members:
    origin = {**json.loads(new["origin.json"]), "run": "small-0123456789ab"}
    return {**new, "origin.json": json.dumps(checksums.added(origin)).encode()}


def of_other_fold(new: Members) -> Members:
    origin = {**json.loads(new["origin.json"]), "fold": 2}
    return {**new, "origin.json": json.dumps(checksums.added(origin)).encode()}


def changed_predictions(new: Members) -> Members:
    return {**new, "predictions.csv": new["predictions.csv"].replace(b"0.", b"0.0", 1)}


def fewer_predictions(new: Members) -> Members:
    rows = b"".join(new["predictions.csv"].splitlines(keepends=True)[:-1])
    beside = checksums.beside("predictions.csv", rows).encode()
    return {**new, "predictions.csv": rows, "predictions.csv.sha256": beside}


def changed_weights(new: Members) -> Members:
    weights = bytearray(new["model.safetensors"])
    weights[-1] ^= 1
    return {**new, "model.safetensors": bytes(weights)}


HOSTILE: list[tuple[Callable[[Members], Members], str]] = [
    (outside, "which no fold holds"),
    (absolute, "which no fold holds"),
    (other_name, "which no fold holds"),
    (checkpoint, "which no fold holds"),
    (no_weights, "lacks model.safetensors"),
    (no_origin, "lacks origin.json"),
    (of_other_run, "holds fold 1 of the run 'small-0123456789ab'"),
    (of_other_fold, "holds fold 2 of the run"),
    (changed_predictions, "is damaged"),
    (fewer_predictions, "not of this fold's test recordings"),
    (changed_weights, "are damaged"),
]


@pytest.fixture(scope="module")
def first_home(
    data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A remote with one fold, and the metrics of its run."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote, "_remotes", {})
        patch.setenv("ASC_HOME", str(folder / "home"))
        patch.setenv("ASC_REMOTE", (folder / "shared").as_uri())
        yield folder / "shared", train(data, chosen=(1,)).metrics


def refused(
    data: Path, shared: Path, metrics: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> str:
    """Train where an object of the remote cannot be used; return the line on stderr."""
    done = train(data, chosen=(1,))
    assert done.metrics == metrics
    assert not [*shared.parent.rglob("outside.csv")] and not [*paths.home().rglob("train.py")]
    assert not [*done.run.rglob(".tmp-*")]
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"asc: remote {shared.as_uri()}: runs/{done.run.name}/fold01-")
    assert " is not used: " in line and str(paths.home()) not in line
    return line


@pytest.mark.parametrize(("change", "reason"), HOSTILE, ids=[each.__name__ for each, _ in HOSTILE])
def test_what_is_no_fold_of_the_run_is_refused(
    change: Callable[[Members], Members],
    reason: str,
    data: Path,
    first_home: tuple[Path, dict[str, Any]],
    shared: Path,
    fitted: list[int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(first_home[0], shared)
    [file] = objects(shared)
    replace(file, change(members(file)))
    assert reason in refused(data, shared, first_home[1], capsys)
    assert fitted == [1]


def test_a_flipped_byte_is_never_used(
    data: Path,
    first_home: tuple[Path, dict[str, Any]],
    at_home: Move,
    shared: Path,
    fitted: list[int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(first_home[0], shared)
    [file] = objects(shared)
    intact = file.read_bytes()
    for position in (0, len(intact) // 2, len(intact) - 1):
        damaged = bytearray(intact)
        damaged[position] ^= 1
        file.write_bytes(damaged)
        at_home(f"at-{position}")
        line = refused(data, shared, first_home[1], capsys)
        assert "differs from the checksum in its name" in line
        new = [other for other in objects(shared) if other != file]
        # a fold that was fitted in the same milliseconds has the same bytes, and so the same name
        assert len(new) == 1 or (not new and file.read_bytes() == intact)
        at_home(f"next-to-{position}")  # what was fitted again is there too
        train(data, chosen=(1,))
        assert f"came from {shared.as_uri()}" in capsys.readouterr().err
        for other in new:
            other.unlink()
    assert fitted == [1, 1, 1]


def test_no_zip_a_link_and_a_bomb_are_refused(
    data: Path,
    first_home: tuple[Path, dict[str, Any]],
    at_home: Move,
    shared: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(first_home[0], shared)
    [file] = objects(shared)
    before = members(file)

    def answer(name: str, hostile: Path) -> str:
        at_home(name)
        hostile = hostile.rename(named(hostile))
        line = refused(data, shared, first_home[1], capsys)
        for other in objects(shared):
            other.unlink()
        return line

    file.write_bytes(b"no zip")
    assert "is damaged, or no zip" in answer("b", file)
    link = zipfile.ZipInfo("validation.json")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "a link or a device; refused" in answer("c", file)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("validation.json", bytes(100 << 20))
    assert "implausibly large" in answer("d", file)
    monkeypatch.setattr(remote_folds, "MAX_UNPACKED_BYTES", 1 << 10)
    with zipfile.ZipFile(file, "w") as archive:
        for name, value in before.items():
            archive.writestr(name, value)
    assert "unpacks to more than" in answer("e", file)


def test_where_one_is_damaged_the_next_one_serves(
    data: Path,
    first_home: tuple[Path, dict[str, Any]],
    shared: Path,
    fitted: list[int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(first_home[0], shared)
    [file] = objects(shared)
    file.with_name(f"fold01-{'0' * 64}.zip").write_bytes(b"x")
    assert train(data, chosen=(1,)).metrics == first_home[1]
    refusal, came = capsys.readouterr().err.splitlines()
    assert "is not used" in refusal and "fold 1 of small-" in came and fitted == []


def test_a_damaged_fold_is_not_put(
    data: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = folds.members.save

    def damaging(path: Path, *more: Any) -> None:
        save(path, *more)
        path.write_bytes(path.read_bytes()[:-1])

    monkeypatch.setattr(folds.members, "save", damaging)
    with pytest.raises(AscError, match="damaged"):
        train(data, chosen=(1,))
    assert objects(shared) == []


def test_a_run_of_0_1_is_not_looked_up(
    data: Path,
    first_home: tuple[Path, dict[str, Any]],
    shared: Path,
    fitted: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(first_home[0], shared)
    monkeypatch.setattr(remote_folds.runs, "is_of_0_1", lambda run: True)
    train(data, chosen=(1,))
    assert fitted == [1] and len(objects(shared)) == 1


def test_all_that_a_fold_leaves_is_shared(toy_root: Path, at_home: Move, fitted: list[int]) -> None:
    """Validation, the best epoch, and statistics for recordings of none of the scenes."""
    own = recipe.load(
        "toy_lstm",
        [
            *SMALL,
            "validation={fraction: 0.5, by: recording}",
            "training.choose_epoch=validation",
            "evaluation.unknown={keep: 0.8}",
        ],
    )
    first = workflow.train(own, data=toy_root, folds=[1], jobs=1)
    at_home("b")
    second = workflow.train(own, data=toy_root, folds=[1], jobs=1)
    assert fitted == [1] and first.metrics == second.metrics
    before, after = (
        {path.name: path.read_bytes() for path in fold_folder(run, 1).iterdir()}
        for run in (first.run, second.run)
    )
    own_files = {"origin.json", "checkpoint.safetensors", "best.safetensors"}
    assert {"unknown.safetensors", "unknown.json", "validation.json"} <= set(after)
    assert {k: v for k, v in after.items() if k not in own_files} == {
        k: v for k, v in before.items() if k not in own_files
    }


@pytest.mark.parametrize("missing", ["unknown.safetensors", "validation.json"])
def test_a_fold_without_what_the_recipe_asks_for_is_refused(
    missing: str,
    data: Path,
    first_home: tuple[Path, dict[str, Any]],
    shared: Path,
    fitted: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(first_home[0], shared)
    monkeypatch.setattr(remote_folds, "_required_by_recipe", lambda task: [missing])
    assert f"lacks {missing}" in refused(data, shared, first_home[1], capsys)
    assert fitted == [1]


def test_inner_trainings_are_shared_and_the_last_one_is_not(
    toy_root: Path, at_home: Move, shared: Path, fitted: list[int]
) -> None:
    words = ["training.learning_rate=1e-3,1e-2"]
    first = workflow.tune("toy_lstm", words, SMALL, data=toy_root, folds=[1], jobs=1)
    n_inner = len(fitted) - 1
    assert n_inner >= 2 and len([*shared.glob("tuning/*/fold*.zip")]) == n_inner
    assert not objects(shared)
    at_home("b")
    second = workflow.tune("toy_lstm", words, SMALL, data=toy_root, folds=[1], jobs=1)
    assert len(fitted) == n_inner + 2 and first.choice == second.choice
