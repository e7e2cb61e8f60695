"""What runs on a GPU gives what the CPU gives; skipped, saying so, where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from asc_cli import workflow
from asc_cli.augment import Scale
from asc_cli.core import plugins
from asc_cli.evaluation import predictions
from asc_cli.models.lstm import AttentionLSTM
from asc_cli.recipe import load as recipe
from asc_cli.registry.runs import fold_folder
from asc_cli.training.augmentation import Augmentation
from tests.conftest import SMALL

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="torch sees no GPU on this machine"
)
VARIANTS = ((), ("temporal",), ("semantic",), ("temporal", "semantic"))


def test_augmented_clips() -> None:
    """The same random numbers; sums are rounded otherwise."""
    x, mask = torch.randn(6, 20, 12) - 5, torch.arange(20) < torch.tensor([[20], [9]] * 3)
    changed = []
    for device in ("cpu", "cuda"):
        scale = Scale(torch.zeros(12, device=device), torch.ones(12, device=device), 1.0)
        names = plugins.names("augment")
        transforms = tuple(plugins.INSTALLED.dataclass_of("augment", n)() for n in names)
        labels = (torch.arange(6) % 3).to(device)
        frames, m, targets = Augmentation(transforms, scale, 3)(
            (x * mask[:, :, None]).to(device), mask.to(device), labels, (0, 1)
        )
        assert m is not None and frames.device.type == device
        changed.append((frames.cpu(), m.cpu(), targets.cpu()))
    for ours, reference in zip(changed[1], changed[0], strict=True):
        torch.testing.assert_close(ours, reference, atol=1e-4, rtol=1e-4)


def passes(
    cell: torch.nn.Module, x: Tensor, mask: Tensor | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The representation, and the gradients of its sum of squares."""
    cell.zero_grad()
    v = cell(x, mask)
    v.square().sum().backward()
    return v.detach().cpu(), {k: p.grad.cpu() for k, p in cell.named_parameters()}


@pytest.mark.parametrize("attention", VARIANTS, ids=lambda names: "+".join(names) or "none")
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_the_scan_equals_the_cpu(attention: tuple[str, ...], masked: bool) -> None:
    torch.manual_seed(0)
    on_cpu = AttentionLSTM(16, 32, attention=attention)
    on_gpu = AttentionLSTM(16, 32, attention=attention)
    on_gpu.load_state_dict(on_cpu.state_dict())
    on_gpu.cuda()
    for n_clips in (24, 24, 7):  # the same graph twice, then that of a last, smaller batch
        x = torch.randn(n_clips, 20, 16)
        mask = torch.arange(20) < torch.randint(5, 21, (n_clips, 1)) if masked else None
        expected, gradients = passes(on_cpu, x, mask)
        v, others = passes(on_gpu, x.cuda(), None if mask is None else mask.cuda())
        torch.testing.assert_close(v, expected, rtol=1e-4, atol=1e-5)
        for name, gradient in gradients.items():
            torch.testing.assert_close(others[name], gradient, rtol=1e-3, atol=1e-4)
        with torch.no_grad():
            again = on_gpu(x.cuda(), None if mask is None else mask.cuda()).cpu()
        torch.testing.assert_close(again, expected, rtol=1e-4, atol=1e-5)


def probabilities(
    name: str, device: str, toy_root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> np.ndarray:  # -> (n, C)
    """Of the test recordings of fold 1, after two epochs on a device."""
    monkeypatch.setenv("ASC_HOME", str(home / device))
    is_lstm = name in ("toy_lstm", "toy_ta", "toy_sa", "toy_ta_sa")
    settings = SMALL if is_lstm else ["training.epochs=2"]
    done = workflow.train(
        recipe.load(name, settings), data=toy_root, folds=[1], device=device, jobs=1
    )
    return predictions.read(fold_folder(done.run, 1) / "predictions.csv").probabilities


@pytest.mark.parametrize("name", ["toy_lstm", "toy_ta", "toy_sa", "toy_ta_sa"])
def test_training_there_predicts_alike(
    name: str, toy_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the same weights, in the same order, in other arithmetic."""
    answers = (probabilities(name, d, toy_root, tmp_path, monkeypatch) for d in ("cpu", "cuda"))
    np.testing.assert_allclose(*answers, atol=2e-3)


@pytest.mark.parametrize("name", ["toy_cnn_mel", "toy_dnn_mel", "toy_sparse_nmf"])
def test_other_models_train_there(
    name: str, toy_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout draws other numbers there, so only that there are answers is tested."""
    p = probabilities(name, "cuda", toy_root, tmp_path, monkeypatch)
    assert p.shape[1] == 15 and np.isfinite(p).all()
