"""What ships satisfies the protocols that plug-ins are held to.

mypy checks the assignments below, and refuses a module or a class that lacks something or has
another type. The tests compare signatures of everything in the folders, new files included.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from asc_cli.augment import Batch, Transform
from asc_cli.core import plugins
from asc_cli.datasets import Dataset, DatasetModule
from asc_cli.features import Feature
from asc_cli.models import Clips, Estimator, Model, OwnedClips
from asc_cli.variants import Variant

if TYPE_CHECKING:
    import numpy as np

    from asc_cli.datasets import (
        cas2023,
        cochlscene,
        dcase2013,
        esc10,
        esc50,
        litis,
        table,
        tau2019,
        tau2020_mobile,
        tau2022_mobile,
        toy,
        tut2016,
        tut2017,
        tut2018,
        tut2018_mobile,
        urbansound8k,
        yt8m,
        yt8m_toy,
    )
    from asc_cli.features import cqt, gammatone, log_mel, mel, mfcc
    from asc_cli.frontend.clips import ClipSet
    from asc_cli.models import cnn, gmm, label_tree_cnn, label_tree_gru, lstm, lstm_video, mlp
    from asc_cli.models import sparse_nmf as nmf

    MODELS: tuple[Model, ...] = (
        cnn,
        gmm,
        label_tree_cnn,
        label_tree_gru,
        lstm,
        lstm_video,
        mlp,
        nmf,
    )
    FEATURES: tuple[Feature, ...] = (
        cqt.Cqt(),
        gammatone.Gammatone(),
        log_mel.LogMel(),
        mel.Mel(),
        mfcc.Mfcc(),
    )
    OLDER: tuple[DatasetModule, ...] = (esc10, esc50, litis, table, toy, tut2016, tut2017)
    NEWER: tuple[DatasetModule, ...] = (
        cas2023,
        cochlscene,
        dcase2013,
        tau2019,
        tau2020_mobile,
        tau2022_mobile,
        tut2018,
        tut2018_mobile,
        urbansound8k,
    )
    VIDEOS: tuple[DatasetModule, ...] = (yt8m, yt8m_toy)

    def estimator(mixtures: gmm.Mixtures) -> Estimator:
        return mixtures

    def owned(clips: ClipSet) -> OwnedClips:
        return clips

    class Mask:
        def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
            return batch

    class Speed:
        def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
            return samples

    TRANSFORM: Transform = Mask()
    VARIANT: Variant = Speed()


def satisfies(given: Callable[..., Any], wanted: Callable[..., Any]) -> bool:
    """Whether `given` takes the arguments of a protocol's method; others must have defaults."""
    requested = [name for name in inspect.signature(wanted).parameters if name != "self"]
    own = [p for p in inspect.signature(given).parameters.values() if p.name != "self"]
    positional = [p.name for p in own if p.kind is p.POSITIONAL_OR_KEYWORD]
    rest = [p for p in own if p.name not in requested]
    return positional[: len(requested)] == requested and all(p.default is not p.empty for p in rest)


@pytest.mark.parametrize("name", plugins.names("models"))
def test_every_model_is_a_model(name: str) -> None:
    assert satisfies(plugins.load("models", name).build, Model.build)


@pytest.mark.parametrize("name", plugins.names("features"))
def test_every_feature_is_a_feature(name: str) -> None:
    feature = plugins.feature(name, {})
    assert satisfies(feature.__call__, Feature.__call__)
    assert satisfies(feature.framing, Feature.framing)


@pytest.mark.parametrize("name", plugins.names("augment"))
def test_every_augmentation_is_a_transform(name: str) -> None:
    transform = plugins.INSTALLED.dataclass_of("augment", name)()
    assert satisfies(transform.__call__, Transform.__call__)


@pytest.mark.parametrize("name", plugins.names("datasets"))
def test_every_dataset_is_a_dataset(name: str) -> None:
    module: ModuleType = plugins.load("datasets", name)
    assert isinstance(module.DATASET, Dataset)
    assert satisfies(module.read, DatasetModule.read)


def test_a_signature_that_differs_is_noticed() -> None:
    def renamed(bands: int, n_scenes: int) -> None: ...

    def required(n_bands: int, n_scenes: int, *, n_hidden: int) -> None: ...

    def good(n_bands: int, n_scenes: int, *, n_hidden: int = 8) -> None: ...

    assert not satisfies(renamed, Model.build)
    assert not satisfies(required, Model.build)
    assert satisfies(good, Model.build)


@pytest.mark.parametrize(
    "protocol", [Clips, DatasetModule, Estimator, Feature, Model, OwnedClips, Transform, Variant]
)
def test_every_method_of_a_protocol_is_documented(protocol: type) -> None:
    """Inherited text of typing.Protocol does not count."""
    assert protocol.__doc__ and "Protocol" not in protocol.__doc__
    for name, member in vars(protocol).items():
        if inspect.isfunction(member) and name not in ("__init__", "__subclasshook__"):
            assert member.__doc__, name
