"""Trees shaped like every protocol: the published counts pass the audit, faults are found."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asc_cli import workflow
from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.datasets import (
    Listing,
    Split,
    esc50,
    tau2019,
    tau2020_mobile,
    tau2022_mobile,
    tut2017,
    tut2018,
    tut2018_mobile,
    urbansound8k,
)
from asc_cli.protocol import audit

META = "filename\tscene_label\tidentifier\tsource_label"


def lists(real_data: Path, name: str) -> Path:
    if not (folder := real_data / "protocols" / name).is_dir():
        pytest.skip(f"no protocols/{name} in ASC_DATA")
    return folder


def rows(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8-sig").split("\n")[1:]


def meta(files: list[str], total: int) -> str:
    """meta.csv of these files, filled up to the published number with names of no fold."""
    lines = [META]
    for file in files:
        parts = Path(file).stem.split("-")
        lines.append(f"{file}\t{parts[0]}\t{parts[1]}-{parts[2]}\t{parts[-1]}")
    for i in range(total - len(files)):
        lines.append(f"audio/park-nowhere-0-{i}-a.wav\tpark\tnowhere-0\ta")
    return "\r\n".join(lines) + "\r\n"


def named(path: Path) -> list[str]:
    return [row.split("\t")[0].strip() for row in rows(path) if row.strip()]


def without_audio(module, root: Path, subset: int | None = None) -> list[audit.Finding]:
    listing = module.read(root) if subset is None else module.read(root, subset)
    results = audit.audit(module.DATASET, listing, root)
    return [finding for finding in results if finding.check != "missing file"]


def test_tut2017_passes(real_data: Path):
    assert without_audio(tut2017, lists(real_data, "tut2017")) == []


@pytest.fixture
def tau2020(real_data: Path, tmp_path: Path) -> Path:
    given = lists(real_data, "tau2020_mobile")
    root = tmp_path / "tau2020_mobile"
    shutil.copytree(given, root / "evaluation_setup")
    files = [f for part in ("train", "evaluate") for f in named(given / f"fold1_{part}.csv")]
    (root / "meta.csv").write_text("\ufeff" + meta(files, 23_040), encoding="utf-8", newline="")
    return root


@pytest.mark.campaign
def test_tau2020_mobile_passes(tau2020: Path):
    assert without_audio(tau2020_mobile, tau2020) == []
    seen = audit.seen_devices(tau2020_mobile.read(tau2020))
    assert seen == {1: frozenset({"a", "b", "c", "s1", "s2", "s3"})}


@pytest.mark.campaign
def test_a_public_split_with_every_place_in_training_is_flagged(tau2020: Path):
    path = tau2020 / "evaluation_setup/fold1_train.csv"
    test = named(tau2020 / "evaluation_setup/fold1_evaluate.csv")
    moved = [file.replace(".wav", "x.wav") for file in test[::7]]
    path.write_text(path.read_text().rstrip() + "\n" + "\n".join(f"{f}\tairport" for f in moved))
    results = {finding.check for finding in without_audio(tau2020_mobile, tau2020)}
    assert {"not in the set", "counts"} <= results
    places = {file: file.split("-")[1:3] for file in test}
    leaking = tau2020_mobile.read(tau2020)
    train = (*leaking.splits[0].train, test[0])
    spoilt = replace(leaking, splits=(replace(leaking.splits[0], train=train),))
    results = {f.check: f.what for f in audit.audit(tau2020_mobile.DATASET, spoilt, tau2020)}
    assert results["leak by group"].startswith("-".join(places[test[0]]))


@pytest.mark.campaign
@pytest.mark.parametrize("percent", [5, 10, 25, 50])
def test_tau2022_subsets_pass(real_data: Path, tmp_path: Path, percent: int):
    given = lists(real_data, "tau2022_mobile")
    for folder, name in (("split_setup", f"split{percent}"), ("evaluation_setup", "fold1_test")):
        (tmp_path / folder).mkdir()
        shutil.copy(given / f"{name}.csv", tmp_path / folder)
    shutil.copy(given / "fold1_evaluate.csv", tmp_path / "evaluation_setup")
    source = workflow.open_source("tau2022_mobile", tmp_path, percent)
    results = audit.audit(source.dataset, source.listing, tmp_path)
    assert [finding for finding in results if finding.check != "missing file"] == []


def test_a_subset_that_was_not_published(tmp_path: Path):
    with pytest.raises(AscError, match="no subset 7; published subsets: 5, 10, 25, 50, 100"):
        workflow.open_source("tau2022_mobile", tmp_path, 7)
    with pytest.raises(AscError, match="esc50: no subset 5; published subsets: none"):
        workflow.open_source("esc50", tmp_path, 5)


def made_tau(root: Path, name: str) -> None:
    """A tree of the published counts with made-up names."""
    dataset = plugins.load("datasets", name).DATASET
    train, test = dataset.fold_sizes[0]
    train = train or 100_000
    assert dataset.recordings is not None
    files = [
        f"audio/{dataset.labels[i % 10]}-lyon-{i // 10 if i < train else 9**9}-{i}-a.wav"
        for i in range(train + test)
    ]
    (root / "evaluation_setup").mkdir()
    rest = [
        f"audio/{dataset.labels[i % 10]}-oslo-1-{i}-a.wav"
        for i in range(len(files), dataset.recordings)
    ]
    (root / "meta.csv").write_text(meta([*files, *rest], dataset.recordings))
    for part, own in (("train", files[:train]), ("evaluate", files[train:])):
        lines = [f"{file}\t{file[6:].split('-')[0]}" for file in own]
        is_2018 = name.startswith("tut2018")
        text = "\n".join([*([] if is_2018 else ["filename\tscene_label"]), *lines])
        suffix = "txt" if is_2018 else "csv"
        (root / f"evaluation_setup/fold1_{part}.{suffix}").write_text(text)


def test_what_was_not_published_exactly_is_not_checked():
    published = replace(tau2022_mobile.DATASET, recordings=None)
    for n_test, expected in ((29_680, []), (29_679, ["29679 test where 29680 were published"])):
        split = Split(1, tuple(map(str, range(7))), tuple(f"t{i}" for i in range(n_test)))
        listing = Listing(published.labels, (), (split,))
        results = audit.audit(published, listing, Path())
        assert [f.what for f in results if f.check == "counts"] == expected


@pytest.mark.parametrize(
    "module",
    [tau2019, tut2018, tut2018_mobile, pytest.param(tau2022_mobile, marks=pytest.mark.campaign)],
)
def test_complete_tau_trees_pass(module, tmp_path: Path):
    made_tau(tmp_path, module.DATASET.name)
    assert without_audio(module, tmp_path) == []


def test_lists_of_2018_name_the_tested_files_alone(tmp_path: Path):
    made_tau(tmp_path, "tut2018")
    expected = tut2018.read(tmp_path)
    evaluate = tmp_path / "evaluation_setup/fold1_evaluate.txt"
    names = [line.partition("\t")[0] for line in evaluate.read_text().splitlines()]
    evaluate.unlink()
    (evaluate.parent / "fold1_test.txt").write_text("\r\n".join(names))
    assert tut2018.read(tmp_path).splits == expected.splits
    moved = f"{names[0]}\tairport\n{(evaluate.parent / 'fold1_train.txt').read_text()}"
    (evaluate.parent / "fold1_train.txt").write_text(moved)  # a test recording in training too
    assert {finding.check for finding in without_audio(tut2018, tmp_path)} >= {
        "counts",
        "leak by group",
    }
    (evaluate.parent / "fold1_train.txt").write_text("audio/a.wav")
    with pytest.raises(AscError, match=r"fold1_train\.txt:1: 1 field\(s\) where 2 are expected"):
        tut2018.read(tmp_path)


def test_esc50_passes(tmp_path: Path):
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    for target, label in enumerate(esc50.DATASET.labels):
        for i in range(40):
            fold, source = i % 5 + 1, 100 * target + i
            name = f"{fold}-{source}-A-{target}.wav"
            lines.append(f"{name},{fold},{target},{label},False,{source},A")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/esc50.csv").write_text("\r\n".join(lines))
    assert without_audio(esc50, tmp_path) == []
    (tmp_path / "meta/esc50.csv").write_text("filename,fold\n1.wav,1")
    with pytest.raises(AscError, match="no column category and no column src_file"):
        esc50.read(tmp_path)
    text = lines[0] + "\na.wav,one,0,dog,False,1,A"
    (tmp_path / "meta/esc50.csv").write_text(text)
    with pytest.raises(AscError, match="column fold of audio/.* holds 'one'; a whole number"):
        esc50.read(tmp_path)


def test_urbansound8k_passes(tmp_path: Path):
    left = dict(urbansound8k.SIZES)
    lines = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    pool = [label for label, n in left.items() for _ in range(n)]
    random.Random(0).shuffle(pool)  # every scene in every fold
    folds = [k for k, n in enumerate(urbansound8k.FOLD_SIZES, start=1) for _ in range(n)]
    for i, (label, fold) in enumerate(zip(pool, folds, strict=True)):
        lines.append(f"{i}-0-0-0.wav,{i},0,4,1,{fold},0,{label}")
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata/UrbanSound8K.csv").write_text("\n".join(lines))
    assert without_audio(urbansound8k, tmp_path) == []
    (tmp_path / "metadata/UrbanSound8K.csv").write_text(lines[0] + "\na.wav,1,0,4,1,x,0,siren")
    with pytest.raises(AscError, match="column fold of a.wav holds 'x'; a whole number"):
        urbansound8k.read(tmp_path)
    (tmp_path / "metadata/UrbanSound8K.csv").write_text(lines[0] + "\na.wav,1")
    with pytest.raises(AscError, match="UrbanSound8K.csv:2: fewer fields than the header has"):
        urbansound8k.read(tmp_path)


def table(root: Path, files: dict[str, np.ndarray], lines: list[str]) -> list[audit.Finding]:
    for name, samples in files.items():
        soundfile.write(root / name, samples, 8000)
    (root / "t.csv").write_text("\n".join(["filename,label,split", *lines]))
    return workflow.audit("table", root / "t.csv")[1]


NOISE = [np.random.default_rng(i).normal(0, 0.1, 8000) for i in range(4)]


def test_the_same_audio_under_two_names_is_a_leak(tmp_path: Path):
    files = {"a.wav": NOISE[0], "b.flac": NOISE[1], "c.wav": NOISE[0]}
    results = table(tmp_path, files, ["a.wav,bus,train", "b.flac,tram,train", "c.wav,bus,test"])
    leaks = [f for f in results if f.broken]
    assert [(f.check, f.where) for f in leaks] == [("leak by content", "fold 1")]
    assert leaks[0].what == "c.wav (test) and a.wav (train) hold the same audio"


def test_the_same_audio_under_two_labels_is_a_fault_else_a_remark(tmp_path: Path):
    files = {"a.wav": NOISE[0], "b.wav": NOISE[0], "c.wav": NOISE[2]}
    results = table(tmp_path, files, ["a.wav,bus,train", "b.wav,tram,train", "c.wav,bus,test"])
    assert [f.check for f in results if f.broken] == ["labels differ"]
    results = table(tmp_path, files, ["a.wav,bus,train", "b.wav,bus,train", "c.wav,bus,test"])
    assert [f.check for f in results if f.broken] == []
    assert "same content" in [f.check for f in results]


def test_near_names_and_unknown_groups_are_remarked_on(tmp_path: Path):
    files = {"Bus 01.wav": NOISE[0], "bus_01 (copy).wav": NOISE[1], "x.wav": NOISE[2]}
    lines = ["Bus 01.wav,bus,train", "bus_01 (copy).wav,bus,test", "x.wav,tram,train"]
    results = table(tmp_path, files, lines)
    assert [(f.check, f.broken) for f in results] == [("leak by name", False), ("no groups", False)]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    (tmp_path / "x.wav").write_text("no audio")
    results = table(tmp_path, {"a.wav": NOISE[0]}, ["a.wav,bus,train", "x.wav,bus,test"])
    assert [f.where for f in results if f.check == "unreadable file"] == ["x.wav"]
