"""The audit finds what is planted, names it, and is silent over what is right."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.datasets import esc10 as esc10_dataset
from asc_cli.datasets import table, tut2016
from asc_cli.protocol import audit as protocol
from asc_cli.protocol.fingerprint import fingerprint
from tests.datasets.shaped import make_tut2016


@pytest.fixture(scope="module")
def whole(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    lists = real_data / "protocols/tut2016"
    if not lists.is_dir():
        pytest.skip("no protocols/tut2016 in ASC_DATA")
    return make_tut2016(tmp_path_factory.mktemp("tut") / "tut2016", lists)


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    """A copy of the lists to spoil, over the same audio."""
    copy = tmp_path / "tut2016"
    copy.mkdir()
    shutil.copy(whole / "meta.txt", copy)
    shutil.copytree(whole / "evaluation_setup", copy / "evaluation_setup")
    (copy / "audio").symlink_to(whole / "audio")
    return copy


def audit(root: Path) -> list[protocol.Finding]:
    return protocol.audit(tut2016.DATASET, tut2016.read(root), root)


def edit(path: Path, change: Callable[[list[str]], None]) -> str:
    """Change a list's lines; returns its first line as it was."""
    lines = path.read_text().splitlines()
    first = lines[0]
    change(lines)
    path.write_text("\n".join(lines) + "\n")
    return first


def test_the_published_lists_match_the_protocol(whole: Path):
    listing = tut2016.read(whole)
    assert audit(whole) == []
    assert len(listing.recordings) == 1170
    assert [(len(s.train), len(s.test)) for s in listing.splits] == [
        (880, 290),
        (880, 290),
        (872, 298),
        (878, 292),
    ]


def test_a_leak_by_file_and_place_is_found(root: Path):
    test = (root / "evaluation_setup/fold1_evaluate.txt").read_text().splitlines()[0]
    edit(root / "evaluation_setup/fold1_train.txt", lambda lines: lines.append(test))
    results = {finding.check: finding for finding in audit(root)}
    file = test.split("\t")[0]
    assert results["leak by file"].what == f"{file} is in train and in test"
    place = tut2016.location(file)
    assert results["leak by group"].what == f"{place} is tested on, and 1 of its files train"
    assert results["leak by group"].where == "fold 1"
    with pytest.raises(
        AscError,
        match="tut2016: 2 protocol violations, the first: .* See all with: asc datasets chec",
    ):
        protocol.require(tut2016.DATASET, tut2016.read(root))


def test_a_missing_file_is_found(root: Path, whole: Path, tmp_path: Path):
    (root / "audio").unlink()
    (root / "audio").mkdir()
    files = sorted((whole / "audio").iterdir())
    for path in files[1:]:
        (root / "audio" / path.name).symlink_to(path)
    assert audit(root) == [
        protocol.Finding("missing file", f"audio/{files[0].name}", "listed, but missing")
    ]


def test_a_line_twice_is_found(root: Path):
    first = edit(root / "meta.txt", lambda lines: lines.append(lines[0]))
    file = first.split("\t")[0]
    results = audit(root)
    assert protocol.Finding("listed twice", "recordings", f"{file} is listed 2 times") in results


def test_an_unknown_label_is_found(root: Path):
    def spoil(lines: list[str]) -> None:
        lines[0] = lines[0].split("\t")[0] + "\tbeech"

    first = edit(root / "meta.txt", spoil)
    file = first.split("\t")[0]
    checks = {(finding.check, finding.where): finding.what for finding in audit(root)}
    assert checks["unknown label", file] == "label 'beech'"
    assert "labels differ" in {check for check, _ in checks}  # the fold's lists still have the old


def test_a_recording_without_a_label_is_found(root: Path):
    edit(
        root / "evaluation_setup/fold2_train.txt",
        lambda lines: lines.append("audio/x_0_30.wav\tbus"),
    )
    results = audit(root)
    assert (
        protocol.Finding("not in the set", "fold 2 train", "audio/x_0_30.wav has no label")
        in results
    )


def test_counts_that_differ_are_named(root: Path):
    edit(root / "meta.txt", lambda lines: lines.pop())
    results = {
        (finding.where, finding.what) for finding in audit(root) if finding.check == "counts"
    }
    assert ("recordings", "1169 where 1170 were published") in results


def test_lists_from_other_systems_read_the_same(root: Path):
    expected = tut2016.read(root)
    for path in [root / "meta.txt", *(root / "evaluation_setup").iterdir()]:
        text = path.read_text().replace("audio/", "audio\\").replace("\t", "\t\t")
        path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\t\r\n").encode())
    assert tut2016.read(root) == expected


def test_a_set_without_folds_cannot_be_scored(tmp_path: Path):
    (tmp_path / "a.csv").write_text("filename,label\na.wav,bus\n")
    with pytest.raises(AscError, match="its lists name no folds, so there is nothing to test on"):
        protocol.require(table.DATASET, table.read(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("fold\na.wav,bus,1\nb.wav,car,1\n", "fold 1: no recordings to train on; two folds"),
        ("split\na.wav,bus,test\n", "fold 1: no recordings to train on"),
        ("split\na.wav,bus,train\n", "fold 1: no recordings to test on"),
        ("fold\na.wav,bus,1\nb.wav,buss,1\nc.wav,bus,2\n", "'buss' is tested .1 rec.* never trai"),
        ("fold\na.wav,bus,1\nb.wav,bus,2\n", "all are 'bus': there is nothing to classify"),
    ],
)
def test_a_split_with_nothing_in_it_is_refused(tmp_path: Path, rows: str, message: str):
    (tmp_path / "a.csv").write_text(f"filename,label,{rows}")
    listing = table.read(tmp_path / "a.csv")
    with pytest.raises(AscError, match=message):
        protocol.require(table.DATASET, listing)
    output = [*protocol.audit(table.DATASET, listing, tmp_path), *protocol.remarks(listing)]
    kinds = ("nothing to train on", "nothing to test on", "scene not trained", "one scene")
    assert any(finding.check in kinds for finding in output)
    if listing.splits[0].test:
        protocol.require_consistent(table.DATASET, listing)  # nothing but tests can be scored


def test_the_fingerprint_follows_contents_not_order(root: Path):
    listing = tut2016.read(root)
    digests = {recording.file: "0" for recording in listing.recordings}
    first = fingerprint(listing, digests)
    assert fingerprint(tut2016.read(root), dict(reversed(digests.items()))) == first
    digests[listing.recordings[0].file] = "1"
    assert fingerprint(listing, digests) != first


def test_esc10_matches_its_protocol(esc10: Path):
    module = plugins.load("datasets", "esc10")
    listing = module.read(esc10)
    assert protocol.audit(module.DATASET, listing, esc10) == []


def test_esc10_names_that_are_not_fold_source_take(tmp_path: Path):
    with pytest.raises(AscError, match="no folders such as '001 - Dog bark' here"):
        esc10_dataset.read(tmp_path)
    (tmp_path / "001 - Dog bark").mkdir()
    (tmp_path / "001 - Dog bark/bark.ogg").touch()
    with pytest.raises(AscError, match="the name is not <fold>-<source>-<take>"):
        esc10_dataset.read(tmp_path)
