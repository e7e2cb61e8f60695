"""Clips lie where the paper's seconds say, and the standardisation is the training frames'."""

from __future__ import annotations

import numpy as np
import pytest

from asc_cli.core.errors import AscError
from asc_cli.frontend import clips, standardise
from asc_cli.frontend.standardise import Standardisation

PAPER_LITIS = clips.clip_grid_from_seconds(1.0, 0.5, 22_050, 1024, 220)
PAPER_DCASE = clips.clip_grid_from_seconds(1.0, 0.5, 44_100, 1024, 220)


def test_thirty_seconds_give_59_clips_of_96_or_196_frames():
    assert (PAPER_LITIS.n_frames, PAPER_DCASE.n_frames) == (96, 196)
    assert len(PAPER_LITIS.starts(3003)) == len(PAPER_DCASE.starts(6009)) == 59
    assert PAPER_LITIS.starts(3003)[[0, 1, 2, 58]].tolist() == [0, 50, 100, 2907]
    assert PAPER_DCASE.starts(6009)[58] == 5813


def test_frames_of_a_length_that_no_float_is_are_counted_exactly():
    assert clips.clip_grid_from_seconds(2.01, 0.5, 8_000, 400, 160).n_frames == 99
    for hundredths in range(10, 500):
        exact = 1 + (hundredths * 80 - 400) // 160
        assert (
            clips.clip_grid_from_seconds(hundredths / 100, 0.0, 8_000, 400, 160).n_frames == exact
        )


def test_no_clip_reaches_past_the_end():
    for n in range(1, 400):
        starts = PAPER_LITIS.starts(n)
        assert len(starts) >= 1
        assert n < 96 or (starts + 96).max() <= n


def test_a_short_recording_is_one_masked_clip():
    frames = np.ones((10, 3), np.float32)
    same = Standardisation(np.zeros(3, np.float32), np.ones(3, np.float32))
    created = clips.from_recordings([frames], clips.ClipGrid(16, 8.0), same)
    batch, mask = created.batch(np.array([0]))
    assert batch.shape == (1, 16, 3) and mask is not None
    assert mask.sum() == 10 and batch[0, :10].all() and not batch[0, 10:].any()


def test_full_clips_need_no_mask_and_have_an_owner():
    a, b = (np.random.default_rng(i).normal(size=(200, 2)).astype(np.float32) for i in (0, 1))
    st = standardise.fit_standardisation([a, b])
    created = clips.from_recordings([a, b], clips.ClipGrid(96, 50.1), st)
    assert created.owners.tolist() == [0, 0, 0, 1, 1, 1]
    batch, mask = created.batch(np.array([4, 0]))
    assert mask is None
    np.testing.assert_array_equal(batch[0], st(b)[50:146])
    np.testing.assert_array_equal(batch[1], st(a)[:96])


def test_standardised_training_frames_have_mean_0_and_deviation_1():
    parts = [np.random.default_rng(i).normal(3 + i, 2, (50 + i, 4)) for i in range(3)]
    st = standardise.fit_standardisation(parts)
    full = st(np.concatenate(parts))
    np.testing.assert_allclose(full.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(full.std(axis=0), 1, atol=1e-5)


def test_a_band_that_never_changes_is_centred():
    st = standardise.fit_standardisation([np.full((10, 2), 7.0)])
    np.testing.assert_array_equal(st(np.full((3, 2), 7.0, np.float32)), 0)


@pytest.mark.parametrize("n_frames", [10, 95, 96, 97, 500, 3003])
@pytest.mark.parametrize("part", [1, 7, 100, 5000])
def test_streamed_clips_equal_those_of_the_recording(n_frames: int, part: int):
    frames = np.random.default_rng(0).normal(size=(n_frames, 2)).astype(np.float32)
    same = Standardisation(np.zeros(2, np.float32), np.ones(2, np.float32))
    full = clips.from_recordings([frames], PAPER_LITIS, same)
    expected, mask = full.batch(np.arange(len(full)))
    parts = (frames[start : start + part] for start in range(0, n_frames, part))
    batches = list(clips.from_stream(parts, PAPER_LITIS, batch_clips=8))
    assert max(len(batch) for batch, _ in batches) <= 8
    np.testing.assert_array_equal(np.concatenate([batch for batch, _ in batches]), expected)
    lengths = np.concatenate([n for _, n in batches])
    np.testing.assert_array_equal(lengths, np.full(len(full), 96) if mask is None else [n_frames])


def test_a_clip_shorter_than_a_frame_is_refused():
    with pytest.raises(
        AscError, match=r"clips.length_s = 0.01: shorter than one frame \(1024 samp"
    ):
        clips.clip_grid_from_seconds(0.01, 0.5, 22_050, 1024, 220)


def test_an_overlap_that_does_not_move_is_refused():
    with pytest.raises(
        AscError, match=r"clips.overlap = 0.999: the step between clips is 0.10 fra"
    ):
        clips.clip_grid_from_seconds(1.0, 0.999, 22_050, 1024, 220)


def test_clips_of_so_many_frames():
    where = clips.clip_grid_from_frames(10, 0.5)
    assert (where.n_frames, where.starts(31).tolist()) == (10, [0, 5, 10, 15, 20])
    assert clips.clip_grid_from_frames(1, 0).starts(3).tolist() == [0, 1, 2]
    with pytest.raises(
        AscError, match=r"overlap = 0.5: the step between clips of 1 frames is 0.50"
    ):
        clips.clip_grid_from_frames(1, 0.5)


def test_features_as_they_are():
    plain = standardise.no_standardisation(2)
    assert plain(np.full((1, 2), 7, np.float32)).tolist() == [[7, 7]]
