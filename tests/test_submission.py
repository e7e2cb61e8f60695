"""Submitted predictions: scored when complete, refused with a reason when not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asc_cli import report
from asc_cli.core.errors import AscError
from asc_cli.datasets import Listing, Recording, Split
from asc_cli.evaluation import predictions, submission

SCENES = ("bus", "park", "tram")
RECORDINGS = tuple(Recording(f"{i}.wav", SCENES[i % 3], group=f"g{i}") for i in range(6))
SPLITS = (
    Split(1, ("3.wav", "4.wav", "5.wav"), ("0.wav", "1.wav", "2.wav")),
    Split(2, ("0.wav", "1.wav", "2.wav"), ("3.wav", "4.wav", "5.wav")),
)
LISTING = Listing(SCENES, RECORDINGS, SPLITS)
ROWS = [f"{i}.wav,0.7,0.2,0.1" for i in range(6)]
HEADER = "file,bus,park,tram"


def read(tmp_path: Path, lines: list[str], listing: Listing = LISTING, folds=None):
    path = tmp_path / "p.csv"
    path.write_text("\n".join(lines) + "\n")
    return submission.read(path, SCENES, submission.tested(listing, folds))


def test_probabilities_in_any_order(tmp_path: Path):
    output = read(tmp_path, [HEADER, *reversed(ROWS)])
    assert output.files == tuple(f"{i}.wav" for i in range(6))
    assert output.folds.tolist() == [1, 1, 1, 2, 2, 2]
    assert output.labels.tolist() == [0, 1, 2, 0, 1, 2] and not output.hard
    assert output.guesses.tolist() == [0] * 6 and output.groups[4] == "g4"


@pytest.mark.parametrize(
    "lines",
    [
        ["file,label", *(f"{i}.wav,park" for i in range(6))],
        ["filename\tscene_label", *(f"{i}.wav\tpark" for i in range(6))],
        [f"{i}.wav\tpark" for i in range(6)],
        ["file;label;group", *(f".\\{i}.wav;park;x" for i in range(6))],
    ],
)
def test_labels_alone(tmp_path: Path, lines: list[str]):
    output = read(tmp_path, lines)
    assert output.hard and output.guesses.tolist() == [1] * 6


def test_a_label_decides_among_equal_probabilities(tmp_path: Path):
    lines = ["file,label,bus,park,tram", *(f"{i}.wav,tram,0.4,0.2,0.4" for i in range(6))]
    assert read(tmp_path, [*lines[:1], *reversed(lines[1:])]).guesses.tolist() == [2] * 6
    lines[3] = "2.wav,bus,0.4,0.2,0.4"
    assert read(tmp_path, lines).guesses.tolist() == [2, 2, 0, 2, 2, 2]


def test_what_predict_writes_is_scored(tmp_path: Path):
    with report.Predictions(csv_file=tmp_path / "p.csv", as_json=True, settings={"fold": 1}) as out:
        for i in (3, 1, 2, 0, 5, 4):
            p = {"bus": 0.2, "park": 0.3, "tram": 0.5}
            out.add(
                {
                    "file": f"{i}.wav",
                    "scene": "tram",
                    "probability": 0.5,
                    "scenes": p,
                    "duration_s": 1.0,
                    "model": "m@1",
                }
            )
    output = submission.read(tmp_path / "p.csv", SCENES, submission.tested(LISTING))
    assert output.guesses.tolist() == [2] * 6 and not output.hard


def test_some_folds_alone(tmp_path: Path):
    assert len(read(tmp_path, [HEADER, *ROWS[:3]], folds=[1])) == 3
    with pytest.raises(AscError, match="--folds: there is no fold 7; there are 1 to 2"):
        read(tmp_path, [HEADER, *ROWS], folds=[7])


def test_our_own_file_is_read_and_its_truth_checked(tmp_path: Path):
    output = read(tmp_path, [HEADER, *ROWS])
    path = tmp_path / "ours.csv"
    predictions.write(path, output)
    again = submission.read(path, SCENES, submission.tested(LISTING))
    assert np.array_equal(again.probabilities, output.probabilities)
    path.write_text(path.read_text().replace("0.wav,1,bus", "0.wav,1,tram"))
    with pytest.raises(AscError, match="1 true label.s. are not the protocol's: 0.wav .line 2. is"):
        submission.read(path, SCENES, submission.tested(LISTING))


def row(i: int, text: str) -> list[str]:
    return [HEADER, *ROWS[:i], text, *ROWS[i + 1 :]]


def labels(last: str) -> list[str]:
    return ["file,label", *(f"{i}.wav,bus" for i in range(5)), f"5.wav,{last}"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([HEADER, *ROWS[1:]], r"1 tested recording\(s\) have no prediction: 0\.wav$"),
        ([HEADER, *ROWS, ROWS[2]], r"1 recording\(s\) are predicted more than once: 2\.wav$"),
        ([HEADER, *ROWS, "x.wav,1,0,0"], r"of no recording that this .* tests: x\.wav \(line 8\)"),
        (row(1, "1.wav,nan,0.5,0.5"), "line 3: the probability of bus is 'nan'; a number from 0"),
        (row(1, "1.wav,,0.5,0.5"), "line 3: the probability of bus is ''"),
        (row(1, "1.wav,-0.5,1,0.5"), "line 3: the probability of bus is '-0.5'"),
        (row(1, "1.wav,0.5,0.5,0.5"), "line 3: the probabilities sum to 1.5; 1 was expected"),
        (labels("buss"), r"1 label\(s\) are no scene: 'buss' \(line 7\)\. Scenes: bus, park"),
        (["file,bus,park", *(r[:-4] for r in ROWS)], "no column for tram"),
        (["file,bus,park,trams", *ROWS], "column unknown scene 'trams'; did you mean tram"),
        (["file,bus,bus,tram", *ROWS], "duplicate column 'bus'"),
        (["bus,park,tram", "1,0,0"], "no column 'file' in its header"),
        (["file,score", "0.wav,1"], "neither a column 'label' nor a column per scene"),
        (row(1, "1.wav,0.5"), "p.csv:3: 2 fields where 4 are expected"),
        ([""], "the file is empty"),
        ([",,", " , ,"], "the file is empty"),
        (
            ["file,label,bus,park,tram", *(f"{i}.wav,tram,0.7,0.2,0.1" for i in range(6))],
            "line 2: label 'tram' is not the most probable scene, bus",
        ),
        ([HEADER], "p.csv: a header without a row; a row per recording was expected"),
        (
            [HEADER, *ROWS, '"' + "x" * 200_000 + '",1,0,0'],
            "p.csv:8: a cell with a line break, or lon",
        ),
        (
            [HEADER + ",error", *(f"{row}," for row in ROWS[1:]), "0.wav,,,,is empty"],
            "refused: line 7: an error in place of a prediction: is empty$",
        ),
        (["file,fold,label", *(f"{i}.wav,one,bus" for i in range(6))], "column fold holds 'one'"),
    ],
)
def test_incomplete_predictions_are_refused(tmp_path: Path, lines: list[str], message: str):
    with pytest.raises(AscError, match=message):
        read(tmp_path, lines)


def test_all_faults_are_listed_together(tmp_path: Path):
    with pytest.raises(AscError, match="refused for 2 reasons\n  1 tested .* 0.wav\n  1 pred"):
        read(tmp_path, [HEADER, *ROWS[1:], "x.wav,1,0,0"])


def test_only_the_right_answers_do_not_score(tmp_path: Path):
    """A scorer that averages over what it is given says 100 % here."""
    with pytest.raises(AscError, match=r"4 tested recording\(s\) have no prediction"):
        read(tmp_path, ["file,label", "0.wav,bus", "3.wav,bus"])


def test_files_tested_twice_need_a_fold(tmp_path: Path):
    repeated = Listing(SCENES, RECORDINGS, (SPLITS[0], Split(2, ("3.wav",), ("0.wav",))))
    with pytest.raises(AscError, match="0.wav is tested in folds 1 and 2; add a column 'fold'"):
        read(tmp_path, [HEADER, *ROWS[:3]], repeated)
    lines = [HEADER + ",fold", *(f"{row},1" for row in ROWS[:3]), f"{ROWS[0]},2"]
    assert len(read(tmp_path, lines, repeated)) == 4


def test_without_folds_everything_is_tested(tmp_path: Path):
    assert len(read(tmp_path, [HEADER, *ROWS], Listing(SCENES, RECORDINGS, ()))) == 6


def test_unreadable_predictions_are_reported(tmp_path: Path):
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AscError, match="p.csv: is UTF-16; save it as UTF-8"):
        submission.read(tmp_path / "p.csv", SCENES, submission.tested(LISTING))
