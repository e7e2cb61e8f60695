"""Settings that give no network are a sentence, never a traceback or a constant guess."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from asc_cli import models
from asc_cli.core.errors import AscError
from tests.conftest import Asc


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("lstm", {"n_hidden": 0}, r"model lstm: cannot be built with these settings \("),
        ("lstm", {"n_hidden": -3}, "negative dimension"),
        ("cp_mobile", {"width": 10**20}, r"Overflow when unpacking long long\)$"),
        ("lstm", {"classifier_hidden": 0}, r"weight is of shape \(0, 128\)\); sizes from 1"),
        ("lstm", {"dropout": 2.0}, "dropout probability has to be between 0 and 1"),
        ("cnn", {"kernel": 0}, r"stages.0.weight is of shape .*; sizes from 1 were expected"),
        ("mlp", {"n_hidden": 0}, "sizes from 1 were expected"),
        ("gmm", {"n_components": 0}, "model gmm: cannot be built with these settings"),
    ],
)
def test_a_network_that_cannot_be_built(
    name: str, parameters: dict[str, Any], message: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(AscError, match=message):
            models.build({"name": name, **parameters}, 40, 3)


def test_a_network_that_takes_no_clips_of_this_length() -> None:
    network = torch.nn.Sequential(torch.nn.Conv1d(40, 3, 9))
    network.forward = lambda x, mask: network[0](x.transpose(1, 2))
    with pytest.raises(AscError, match="model tall: takes no clips of 5 frames with these sett"):
        models.require_usable(network, "tall", 5, 40)
    models.require_usable(network, "tall", 9, 40)
    assert network.training


def test_too_little_memory_is_no_fault_of_the_settings() -> None:
    with pytest.raises(MemoryError), models.faults_in_words("lstm", "cannot be built"):
        raise MemoryError
    full = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")
    with pytest.raises(RuntimeError), models.faults_in_words("lstm", "cannot be built"):
        raise full


@pytest.mark.parametrize(
    ("recipe", "setting", "message"),
    [
        ("toy_lstm", "model.n_hidden=0", "asc: model lstm: cannot be built with these settings"),
        ("toy_texture_svm", "model.svm_c=0", "asc: model svm: cannot be fitted with these sett"),
    ],
)
def test_training_with_them_is_refused(
    recipe: str, setting: str, message: str, toy_root: Path, asc: Asc
) -> None:
    words = ("train", recipe, "--data", toy_root, "--folds", "1", "--jobs", 1)
    done = asc(*words, "--set", setting)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith(message)
