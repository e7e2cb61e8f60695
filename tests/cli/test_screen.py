"""Where there is no terminal, a line now and then says that something is going on."""

from __future__ import annotations

import pytest

from asc_cli.cli import _progress

RUNNING = {"epoch": 3, "epochs": 10, "share": 0.25, "loss": 0.5, "clips_per_s": 40.0}


def test_each_fitted_fold_is_reported_once(capsys: pytest.CaptureFixture[str]):
    with _progress.fitting() as update:
        update({})
        update({1: RUNNING})
        for _ in range(3):
            update({1: {"fitted": True}, 2: RUNNING})
    assert capsys.readouterr().err == "fold 1: fitted\n"


def test_a_line_is_printed_at_intervals(capsys: pytest.CaptureFixture[str], monkeypatch):
    with _progress.fitting() as update, _progress.counting("features") as count:
        count(1, 120)
        assert capsys.readouterr().err == "", "what is quick stays quiet"
        monkeypatch.setattr(_progress, "QUIET_SECONDS", 0.0)
        update({})
        update({2: RUNNING})
        count(7, 120)
    assert capsys.readouterr().err.splitlines() == [
        "starting",
        "fold 2: epoch 3/10  loss 0.500  40 clips/s",
        "features: 7 of 120",
    ]


def test_kernels_that_are_compiled_are_named(capsys: pytest.CaptureFixture[str], monkeypatch):
    monkeypatch.setattr(_progress, "QUIET_SECONDS", 0.0)
    with _progress.fitting() as update:
        update({1: {"compiled": 1, "kernels": 2, "curves": {}}, 2: {"compiled": 0, "kernels": 2}})
        update({1: {"compiled": 2, "kernels": 2}})
        update({1: RUNNING})
    assert capsys.readouterr().err.splitlines() == [
        "kernels: 0/2 compiled, once on this machine",
        "starting",
        "fold 1: epoch 3/10  loss 0.500  40 clips/s",
    ]
