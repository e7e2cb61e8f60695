"""What `--device` stands for on a machine; what an Apple GPU cannot compute is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from asc_cli import workflow
from asc_cli.core.device import resolve_device
from asc_cli.core.errors import AscError
from asc_cli.recipe import load as recipe


@pytest.mark.parametrize(
    ("cuda", "mps", "auto"),
    [(False, False, "cpu"), (True, False, "cuda"), (True, True, "cuda"), (False, True, "cpu")],
)
def test_auto_takes_cuda_and_never_mps(cuda: bool, mps: bool, auto: str, monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    assert resolve_device("auto") == auto
    assert resolve_device("cpu") == "cpu"
    for device, there in (("cuda", cuda), ("mps", mps)):
        if there:
            assert resolve_device(device) == device
        else:
            with pytest.raises(AscError, match=f"--device {device}: torch sees no"):
                resolve_device(device)


def test_a_model_with_64_bit_numbers_is_refused_on_mps(
    home: Path, toy_root: Path, monkeypatch
) -> None:
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    toy = recipe.load("toy_mfcc_gmm")
    with pytest.raises(AscError, match="--device mps: gmm computes with 64-bit numbers"):
        workflow.train(toy, data=toy_root, folds=[1], device="mps", jobs=1)
