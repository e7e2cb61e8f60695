"""The model `svm`: its scores are scikit-learn's decision values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.svm import SVC

from asc_cli.core.errors import AscError
from asc_cli.frontend import clips, standardise
from asc_cli.models import svm

F = 5


def data(n_scenes: int) -> tuple[clips.ClipSet, np.ndarray, np.ndarray]:
    """Clips of one frame, their labels, and the frames."""
    rng = np.random.default_rng(n_scenes)
    labels = np.arange(40) % n_scenes
    frames = rng.normal(size=(40, F)) + 2 * np.eye(n_scenes, F)[labels]
    frames[0] *= 100  # beyond the cut
    rows = [frame[None].astype("f4") for frame in frames]
    created = clips.from_recordings(rows, clips.ClipGrid(1, 1.0), standardise.no_standardisation(F))
    return created, labels, np.clip(frames.astype("f4"), -6, 6).astype(float)


@pytest.mark.parametrize("n_scenes", [2, 3, 4])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_decision_values_are_scikit_learns(kernel: str, n_scenes: int):
    created, labels, frames = data(n_scenes)
    model = svm.build(F, n_scenes, kernel=kernel, group_widths=(2, 3), sharpness=1.0)  # type: ignore[arg-type]
    model.estimate(created, labels, None, 0)
    scaled = frames / np.sqrt([4, 4, 6, 6, 6])
    distance = np.square(scaled[:, None] - scaled).sum(axis=2)[np.triu_indices(40, 1)]
    theirs = SVC(C=3.0, kernel=kernel, gamma=1 / np.median(distance)).fit(scaled, labels)
    expected = theirs.decision_function(scaled)
    scores = model(torch.from_numpy(created.batch(np.arange(40))[0])).numpy()
    if n_scenes == 2:
        assert ((scores[:, 1] > scores[:, 0]) == (expected > 0)).all()
        np.testing.assert_allclose(scores.sum(axis=1), 1)
    else:
        np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_groups_must_be_those_of_the_feature():
    with pytest.raises(AscError, match=r"group_widths = \[2, 2\]: their sum is 4, .* 5 bands"):
        svm.build(5, 3, group_widths=(2, 2))
