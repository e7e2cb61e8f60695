"""The contract of every dataset: complete facts in order."""

from __future__ import annotations

import pytest

from asc_cli.core import plugins
from asc_cli.datasets import Dataset


@pytest.fixture(params=[n for n in plugins.names("datasets")])
def dataset(request: pytest.FixtureRequest) -> Dataset:
    module = plugins.load("datasets", request.param)
    assert module.DATASET.name == request.param and callable(module.read)
    return module.DATASET


def test_it_has_a_source_and_a_licence(dataset: Dataset):
    assert dataset.title and dataset.licence and dataset.obtain and dataset.metric
    if dataset.recordings:
        assert dataset.homepage.startswith("https://") and dataset.citation


def test_labels_are_distinct(dataset: Dataset):
    assert len(set(dataset.labels)) == len(dataset.labels)


def test_the_headline_is_a_metric(dataset: Dataset):
    from asc_cli.report.console import table
    from asc_cli.video import report

    assert dataset.headline in {**table.metric_titles(), **report.NAMES}


def test_published_counts_add_up(dataset: Dataset):
    if dataset.scene_sizes:
        assert len(dataset.scene_sizes) == len(dataset.labels)
        assert sum(dataset.scene_sizes) == dataset.recordings
