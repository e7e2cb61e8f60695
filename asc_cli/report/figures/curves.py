"""Training curves of several runs in one figure, as in the paper's Fig. 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asc_cli.core.errors import AscError
from asc_cli.report.figures.canvas import save, subplots

STYLES = ("-", "--", "-.", ":")  # distinct without colour too


def draw(comparison: dict[str, Any], path: Path) -> None:
    """Draw accuracy on the test folds and training loss by epoch; one line per run."""
    runs = [run for run in comparison["runs"] if run["curve"]]
    if not runs:
        raise AscError("compare: none of these runs has a history to draw")
    figure, (left, right) = subplots(1, 2, width=10, height=4)
    for index, run in enumerate(runs):
        label = f"{run['name']} (seed {run['seed']})"
        style = STYLES[index % len(STYLES)]
        points = [point for point in run["curve"] if point["test_accuracy"] is not None]
        epochs = [point["epoch"] for point in points]
        left.plot(epochs, [100 * point["test_accuracy"] for point in points], style, label=label)
        right.plot(
            [point["epoch"] for point in run["curve"]],
            [point["train_loss"] for point in run["curve"]],
            style,
        )
    left.set(xlabel="epoch", ylabel="accuracy on the test folds, %")
    right.set(xlabel="epoch", ylabel="training loss, nats")
    right.set_ylim(bottom=0)
    for axis in (left, right):
        axis.xaxis.get_major_locator().set_params(integer=True)
    left.legend(frameon=False)
    figure.suptitle(
        "Mean over folds. The test folds are drawn only; nothing is chosen by them.", fontsize=10
    )
    save(figure, path)
