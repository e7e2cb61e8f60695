"""The benchmark of the GPU, as far as a processor goes: its steps, and what it says without one."""

from __future__ import annotations

import pytest
import torch

from asc_cli.models._recurrence import reference
from asc_cli.models.lstm import AttentionLSTM
from tests.benchmarks import bench_gpu


@pytest.mark.parametrize("arguments", [[], ["--split"]])
def test_without_a_gpu_it_says_so(arguments: list[str], capsys, monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    bench_gpu.main(arguments)
    assert capsys.readouterr().out == bench_gpu.NO_GPU + "\n"


def test_where_nothing_compiles_it_says_so(capsys, monkeypatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("Cannot find a working triton installation\nand more")

    monkeypatch.setattr("torch.compile", lambda function, mode: fail)
    cell = AttentionLSTM(3, 4, attention=("temporal",))
    assert bench_gpu.by_compile(cell, torch.zeros(1, 2, 3)) is None
    assert capsys.readouterr().out.endswith("left out: Cannot find a working triton installation\n")


@pytest.mark.parametrize("attention", bench_gpu.VARIANTS.values())
def test_it_compiles_the_steps_that_the_graph_captures(attention, monkeypatch) -> None:
    monkeypatch.setattr("torch.compile", lambda function, mode: function)
    cell, x = AttentionLSTM(3, 4, attention=attention), torch.randn(2, 5, 3)
    compiled = bench_gpu.by_compile(cell, x)
    assert compiled is not None
    expected = reference.trace(x, None, cell.weights()).representation
    torch.testing.assert_close(compiled(x, None, cell.weights()), expected)


def test_the_projection_is_20_splits() -> None:
    assert bench_gpu.projection(1800.0) == 10
