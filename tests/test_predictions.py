"""predictions.csv is read back as it was written, and refuses what is not one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asc_cli.core.errors import AscError
from asc_cli.evaluation import predictions

TWO = predictions.Predictions(
    ("bus", "cafe/restaurant"),
    ("audio/ä b.wav", "c,d.wav"),
    np.array([1, 2]),
    np.array([0, 1]),
    ("b010", ""),
    ("", "s1"),
    np.array([[0.1, 0.9], [1 / 3, 2 / 3]]),
)


def test_round_trip_to_the_last_bit(tmp_path: Path):
    predictions.write(tmp_path / "p.csv", TWO)
    again = predictions.read(tmp_path / "p.csv")
    assert (again.scenes, again.files, again.groups) == (TWO.scenes, TWO.files, TWO.groups)
    np.testing.assert_array_equal(again.probabilities, TWO.probabilities)
    np.testing.assert_array_equal(again.labels, TWO.labels)
    np.testing.assert_array_equal(again.folds, TWO.folds)


def test_joined_folds_follow_each_other():
    both = predictions.join([TWO, TWO])
    assert len(both) == 4 and both.files[2:] == TWO.files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its header is not file,fold,label,group,device and one column per scene"),
        ("file,fold,label,group,device,bus\n", "holds no predictions"),
        ("file,fold,label,group,device,bus\na,1,bus,,\n", ":2: 5 fields where 6 are expected"),
        ("file,fold,label,group,device,bus\na,1,tram,,,1\n", ":2: label 'tram' is none of bus"),
        ("file,fold,label,group,device,bus\na,1,bus,,,x\n", ":2: could not convert string to flo"),
    ],
)
def test_what_is_not_one_is_refused(tmp_path: Path, text: str, message: str):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(AscError, match=message):
        predictions.read(tmp_path / "p.csv")
