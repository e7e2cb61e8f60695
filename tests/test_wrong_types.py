"""JSON, YAML and CSV of ours, emptied, cut, or with values of a wrong type: AscError and no other.

The files have no checksums here, as version 0.1 wrote them: a checksum would find all of it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from asc_cli import workflow
from asc_cli.core import atomic, checksums, paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.evaluation import predictions
from asc_cli.frontend import index, pack, usage
from asc_cli.inference import ensemble, verify
from asc_cli.inference.journal import Journal
from asc_cli.recipe import load as recipe
from asc_cli.registry import inventory, models, results, runs
from asc_cli.registry.runs import fold_folder
from asc_cli.report.html import page
from asc_cli.training import history, watch
from asc_cli.training.run import finished_metrics
from tests.conftest import SMALL

WRONG: tuple[Any, ...] = (None, 3, -1.5, True, "x", "", [], [None], ["x"], {}, {"x": None})
TEXTS = ("", "\0", "[]", "{}", "null", "3", '"x"', "[1, 2", '{"a":', "a,b\n1\n", "x: [", "[{}]")
SAMPLE = 40  # of changed values of a file, without --whole

Read = Callable[[], object]


@pytest.fixture
def run(two_folds: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run of toy_lstm@1, without checksums; pages are gathered, and not drawn."""
    shutil.copytree(two_folds, home, dirs_exist_ok=True)
    for sidecar in home.rglob("*.sha256"):
        sidecar.unlink()
    monkeypatch.setattr(page, "run", lambda path, values: None)
    [folder] = (home / "runs").iterdir()
    return folder


def only_sentences(read: Read) -> None:
    with contextlib.suppress(AscError):
        read()


def try_texts(path: Path, reads: list[Read], each: int = 99) -> None:
    """Read a file that holds something else, or half of what it held, in `each` of the ways."""
    contents = path.read_bytes()
    damaged = [text.encode() for text in TEXTS]
    damaged += [contents[: len(contents) * part // 4] for part in (1, 2, 3)] + [b"\xff" + contents]
    turns = itertools.cycle(reads)
    for text in damaged:
        path.write_bytes(text)
        for read in itertools.islice(turns, min(each, len(reads))):
            only_sentences(read)
    path.unlink()
    for read in reads:
        only_sentences(read)
    path.write_bytes(contents)
    for read in reads:
        read()


def try_types(
    path: Path,
    reads: list[Read],
    whole: bool,
    dump: Callable[[Any], str] = json.dumps,
    depth: int = 2,
) -> None:
    """Read a mapping whose keys have, one after another, values of wrong types, or are missing."""
    contents = path.read_text()
    values = yaml.safe_load(contents)
    values.pop(checksums.KEY, None)
    turns = itertools.cycle(reads)
    forms = [*_changed(values, depth)]
    if not whole and len(forms) > SAMPLE:
        forms = random.Random(path.name).sample(forms, SAMPLE)
    for changed in forms:
        path.write_text(dump(changed))
        only_sentences(next(turns))
    path.write_text(contents)


def _changed(values: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    for key, value in values.items():
        yield {name: each for name, each in values.items() if name != key}
        for wrong in WRONG:
            yield {**values, key: wrong}
        if isinstance(value, dict) and depth > 1:
            for inner in _changed(value, depth - 1):
                yield {**values, key: inner}
        if isinstance(value, list) and value and isinstance(value[0], dict) and depth > 1:
            for inner in _changed(value[0], depth - 1):
                yield {**values, key: [inner, *value[1:]]}


def run_reads(run: Path) -> list[Read]:
    toy = recipe.load("toy_lstm", SMALL)
    return [
        lambda: workflow.evaluate(run),
        lambda: workflow.report([run], run / "page.html"),
        lambda: workflow.compare([run, run]),
        inventory.runs,
        lambda: inventory.read(run),
        lambda: results.result(toy),
        lambda: finished_metrics(run, [1, 2]),
        lambda: runs.audio_root(run),
        lambda: verify.own_recordings(models.find()),
        lambda: runs.find_run("toy_lstm"),
    ]


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["metrics.json", "environment.json", "recipe.yaml"])
def test_a_run(run: Path, name: str, whole: bool) -> None:
    dump = yaml.safe_dump if name.endswith("yaml") else json.dumps
    try_texts(run / name, run_reads(run), each=99 if whole else 1)
    try_types(run / name, run_reads(run), whole, dump)


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["metrics.json", "environment.json", "recipe.yaml"])
def test_a_run_in_every_form(run: Path, name: str) -> None:
    test_a_run(run, name, whole=True)


@pytest.mark.campaign
@pytest.mark.parametrize("name", ["predictions.csv", "fold01/history.csv"])
def test_a_run_s_tables(run: Path, name: str) -> None:
    path = run / name
    reads = [
        lambda: workflow.evaluate(run),
        lambda: workflow.report([run], run / "page.html"),
        lambda: workflow.compare([run, run]),
    ]
    try_texts(path, reads, each=1)
    header, first, *others = path.read_text().splitlines()
    for column in range(len(first.split(","))):
        for wrong in ("", "x", "nan", "-1", "1e999", "9" * 5000, '"'):
            cells = first.split(",")
            cells[column] = wrong
            path.write_text("\n".join([header, ",".join(cells), *others]) + "\n")
            only_sentences(
                (lambda: predictions.read(path))
                if path.name == "predictions.csv"
                else (lambda: history.read(path.parent))
            )


def test_a_run_of_0_1_is_looked_for(run: Path, whole: bool) -> None:
    path = run / "environment.json"
    values = json.loads(path.read_text())
    values.pop("code")
    values.pop("checksum")
    path.write_text(json.dumps(values))
    find: list[Read] = [lambda: runs.is_of_0_1(run) and runs._same_decoders(run)]
    assert find[0]()
    try_texts(path, find)
    try_types(path, find, whole)


def test_progress(run: Path, whole: bool) -> None:
    path = fold_folder(run, 1) / "progress.json"
    atomic.write_json(path, {"epoch": 1, "epochs": 2, "share": 0.5, "loss": 1.0, "clips_per_s": 1})
    (path.parent / "predictions.csv").unlink()
    progress = [lambda: watch.progress_of({1: run / "fold01"})]
    try_texts(path, progress)
    try_types(path, progress, whole)


def model_reads() -> list[Read]:
    return [
        models.models,
        models.damaged,
        lambda: models.find("toy_lstm").remarks(),
        lambda: models.find().training_files(),
        lambda: models.find().require_intact(),
        lambda: ensemble.load(models.find()),
        lambda: models.catalog(models.find()),
    ]


def test_a_card(run: Path, whole: bool) -> None:
    path = models.find().folder / "card.yaml"
    try_texts(path, model_reads(), each=2)
    try_types(path, model_reads()[:5], whole, yaml.safe_dump, depth=1)


def test_the_registry_s_own_files(run: Path, whole: bool) -> None:
    models.use("toy_lstm")
    default = paths.models() / "default.json"
    try_texts(default, [models.find, lambda: models.use("toy_lstm@1")])
    models.use("toy_lstm")
    try_types(default, [models.find], whole)
    newest = models.find("toy_lstm").folder.parent / "newest"
    newest.write_text("1")
    for text in (*TEXTS, "9" * 5000, "²", "-1", "1.5"):
        newest.write_text(text)
        only_sentences(lambda: models._newest(newest.parent))


def test_code_beside_a_model(run: Path, whole: bool) -> None:
    folder = models.find().folder / "plugins"
    folder.mkdir()
    index_of_code = folder / "code.json"
    row = {"kind": "models", "name": "x", "origin": "y", "hash": "0", "files": ["x.py"], "top": ""}
    atomic.write_json(index_of_code, {"code": [row]})
    (folder / "x.py").write_text("")
    reads: list[Read] = [lambda: plugins.brought_along(folder.parent)]
    for text in TEXTS:
        index_of_code.write_text(text)
        only_sentences(reads[0])
    index_of_code.write_text(json.dumps({"code": [row]}))
    try_types(index_of_code, reads, whole)


def test_the_store(run: Path, home: Path, whole: bool) -> None:
    scan: list[Read] = [usage.scan, lambda: workflow.disk(), index.folders]
    [about] = (home / "features").glob("*/feature.json")
    [used_by] = about.parent.glob("datasets/*.json")
    for path in (about, used_by):
        try_texts(path, scan, each=1)
        try_types(path, scan, whole)
    [folder] = (home / "packs").iterdir()
    load: list[Read] = [lambda: pack.is_intact(folder), *scan]
    try_texts(folder / "pack.json", load, each=1)
    try_types(folder / "pack.json", load, whole)
    for name in ("table.npy", "frames.npy"):
        try_texts(folder / name, load, each=1)


def test_the_index(run: Path, whole: bool) -> None:
    """Rows whose checksum is right and whose values are not; and the JSON of version 0.1."""
    folder = Path("/audio")
    good = ["a.wav", 1, 2, 3, 4, "0" * 64, 1.5, None]
    path = index.index_file(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    for position, wrong in itertools.product(range(len(good)), WRONG):
        row = [*good[:position], wrong, *good[position + 1 :]]
        for first in (["folder", str(folder)], ["folder", wrong], wrong, []):
            path.write_text("\n".join([index._row(first), index._row(row), ""]))
            entries = index.read(folder)
            assert all(isinstance(name, str) for name in entries)
            for entry in entries.values():
                entry.describes(path)
            index.folders()
            if whole or wrong is None:
                usage.scan()
    path.unlink()
    old = path.with_suffix(".json")
    for text in TEXTS:
        old.write_text(text)
        assert index.read(folder) == {}
        index.folders()
    for wrong in WRONG:
        for values in ({"files": wrong}, {"files": {"a.wav": wrong}}, {"folder": wrong}):
            old.write_text(json.dumps({"folder": str(folder), "files": {}, **values}))
            index.folders()
        usage.scan()
        for position in range(5):
            row = [1, 2, 3, "0" * 64, 1.5]
            row[position] = wrong
            old.write_text(json.dumps({"folder": str(folder), "files": {"a.wav": row}}))
            index.folders()
        usage.scan()


def test_the_journal(run: Path) -> None:
    journal = Journal("key")
    journal.file.parent.mkdir(parents=True)
    for text in (*TEXTS, *(json.dumps({"path": "a", "stamp": 1, "record": w}) for w in WRONG)):
        journal.file.write_text(text)
        assert journal.read() == {}
