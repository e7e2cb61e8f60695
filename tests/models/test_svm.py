"""Linear SVMs with Platt's probabilities against scikit-learn called directly."""

import numpy as np
import pytest
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import LinearSVC

from asc_cli.models._label_tree.svm import CALIBRATION_FOLDS, LinearSVM
from asc_cli.models._sklearn import stratified_group_folds


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 40)
    v = torch.from_numpy(rng.normal(0, 1, (120, 4)) + 2 * np.eye(3, 4)[labels]).float()
    owners = np.arange(120) // 2
    machine = LinearSVM(4, 3, -1.0, 1.0, 1.0)
    machine.estimate(v, labels, owners, 5)
    return machine, v, labels, owners


def test_features_are_scaled_to_the_range(fitted):
    machine, v, *_ = fitted
    scaled = machine.scaled(v)
    torch.testing.assert_close(scaled.amin(dim=0), -torch.ones(4).double())
    torch.testing.assert_close(scaled.amax(dim=0), torch.ones(4).double())


def test_probabilities_are_scikit_learns(fitted):
    machine, v, labels, owners = fitted
    fold = stratified_group_folds(owners, labels, CALIBRATION_FOLDS, np.random.default_rng(5))
    splits = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5)]
    u = machine.scaled(v).numpy()
    for scene in range(3):
        reference = CalibratedClassifierCV(LinearSVC(dual=False), cv=splits, ensemble=False)
        expected = reference.fit(u, labels == scene).predict_proba(u)[:, 1]
        assert machine(v)[:, scene].exp().numpy() == pytest.approx(expected, abs=1e-9)


def test_it_separates_scenes(fitted):
    machine, v, labels, _ = fitted
    assert (machine(v).argmax(dim=1).numpy() == labels).mean() > 0.8


def test_a_feature_that_never_changes_is_no_division_by_zero():
    v = torch.cat([torch.randn(40, 2), torch.ones(40, 1)], dim=1)
    machine = LinearSVM(3, 2, 0.0, 1.0, 1.0)
    machine.estimate(v, np.arange(40) % 2, np.arange(40), 0)
    assert torch.isfinite(machine(v)).all()
