"""asc predict --dataset: the recordings of a challenge's evaluation set, and its file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asc_cli.core.errors import AscError

if TYPE_CHECKING:
    from asc_cli.protocol.evaluation_set import EvaluationSet
    from asc_cli.registry.models import Model
    from asc_cli.report import Form
    from asc_cli.workflow import Prediction

FORMATS = ("csv", "dcase")


def opened(
    dataset: str | None,
    data: Path | None,
    form: str,
    csv: Path | None,
    others: Mapping[str, Any],
) -> EvaluationSet | None:
    """Return the evaluation set that `--dataset` names; None without it.

    others: Options whose output is no scene for each recording; None or 0: not set. Raises
    AscError for options that do not belong together.
    """
    from asc_cli.protocol.evaluation_set import open_evaluation_set

    if form not in FORMATS:
        raise AscError(f"--format {form}: csv or dcase was expected")
    if dataset is None:
        if data is not None or form != "csv":
            option = "--data" if form == "csv" else "--format dcase"
            raise AscError(f"{option}: only with --dataset, whose challenge it is of")
        return None
    if form == "dcase":
        if csv is None:
            raise AscError("--format dcase: --csv with the file to write was expected")
        if clash := [option for option, value in others.items() if value]:
            raise AscError(
                f"{clash[0]}: not with --format dcase, whose file has a scene for each recording"
            )
    return open_evaluation_set(dataset, data)


def file_form(evaluation_set: EvaluationSet, model: Model) -> Form:
    """Return the form of the challenge's file. Raises AscError for a model of other scenes."""
    from asc_cli import report

    dataset, challenge = evaluation_set.dataset, evaluation_set.challenge
    if {*model.card["labels"]} != {*dataset.labels}:
        raise AscError(
            f"--format dcase: model {model.id} has other scenes than {dataset.name}; its scenes: "
            f"{', '.join(model.card['labels'])}"
        )
    return report.Form(
        {str(evaluation_set.path(each)): each.name for each in evaluation_set.recordings},
        dataset.labels,
        challenge.header,
        challenge.probabilities,
        challenge.delimiter,
    )


def by_device(
    evaluation_set: EvaluationSet,
    devices: Iterable[str],
    predict: Callable[..., Iterable[Prediction]],
) -> Iterator[Prediction]:
    """Yield predictions, by a model's members for the devices that the list names.

    devices: Those that the model has members for. predict: Called with files and their device.
    """
    files: dict[str | None, list[Path]] = {}
    own = {*devices}
    for each in evaluation_set.recordings:
        device = each.recording_device if each.recording_device in own else None
        files.setdefault(device, []).append(evaluation_set.path(each))
    for device, paths in files.items():
        yield from predict(paths, device=device)
