"""A challenge's evaluation set on this machine: recordings without labels, in the list's order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from asc_cli.core import paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.datasets import Challenge, Dataset, Unlabelled


@dataclass(frozen=True)
class EvaluationSet:
    """An evaluation set whose listed recordings are all there.

    Attributes:
        dataset: The dataset that it belongs to.
        challenge: The form of the file that the challenge takes.
        root: Its folder.
        recordings: Those of its list, in its order.
    """

    dataset: Dataset
    challenge: Challenge
    root: Path
    recordings: tuple[Unlabelled, ...]

    def path(self, recording: Unlabelled) -> Path:
        """Return where a recording is."""
        return self.root / recording.file


def open_evaluation_set(dataset: str, data: Path | None = None) -> EvaluationSet:
    """Read the list of a dataset's evaluation set.

    Args:
        dataset: The dataset's name.
        data: The folder of the evaluation set; $ASC_DATA/NAME when None.

    Returns:
        The set.

    Raises:
        AscError: The dataset has no challenge whose form asc has, the folder or its list is not
            there or is of a development set, or a listed recording is missing or there twice.
    """
    module = plugins.load("datasets", dataset)
    published: Dataset = module.DATASET
    challenge = published.challenge
    if challenge is None:
        raise AscError(
            f"--dataset {dataset}: asc has the form of no challenge's file for it; classify the "
            "recordings by their names or folder instead"
        )
    root = paths.dataset_root(dataset, data)
    if not root.is_dir():
        raise AscError(
            f"--dataset {dataset}: no folder {root}; --data with the folder of the evaluation set "
            f"of {challenge.title} was expected {challenge.homepage}".rstrip()
        )
    recordings: tuple[Unlabelled, ...] = module.read_evaluation(root)
    result = EvaluationSet(published, challenge, root, recordings)
    _require_complete(result)
    return result


def _require_complete(evaluation_set: EvaluationSet) -> None:
    recordings, root = evaluation_set.recordings, evaluation_set.root
    if not recordings:
        raise AscError(f"{root}: its list names no recordings")
    names = Counter(recording.file for recording in recordings)
    if repeated := [name for name, n in names.items() if n > 1]:
        raise AscError(f"{root}: its list names {repeated[0]} {names[repeated[0]]} times")
    missing = [each.file for each in recordings if not evaluation_set.path(each).is_file()]
    if missing:
        raise AscError(
            f"{root}: {len(missing)} of {len(recordings)} listed recordings are missing, the "
            f"first: {missing[0]}"
        )
