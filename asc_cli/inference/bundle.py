"""Score a run again from its bundle, and say of each statement in it whether it could be verified.

What is verified needs no trust in the sender: the figures follow from the predictions; the recipe
and the data's fingerprints have the hash in the run's name; labels, folds and audio are those of
the dataset, as far as it is here. Nothing can show that the predictions were computed as the recipe
says; that is stated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.evaluation import predictions, scoring
from asc_cli.evaluation.metrics import named
from asc_cli.evaluation.predictions import Predictions
from asc_cli.evaluation.published import published
from asc_cli.evaluation.scores import Evaluation
from asc_cli.inference import bundle_checks, bundle_data, conditions
from asc_cli.inference.bundle_checks import DIFFERS, STATED, VERIFIED, Check
from asc_cli.inference.bundle_data import Counting
from asc_cli.recipe import ensemble as recipes
from asc_cli.registry import bundle, run_files
from asc_cli.registry.bundle import Bundle

TOTAL = 1e-4  # how far probabilities may be from a sum of 1, as in submissions
MOST_SCENES, MOST_FOLDS = 2000, 1000  # far beyond any protocol; tables of more would fill memory


@dataclass(frozen=True)
class BundleEvaluation:
    """A run's metrics, computed again from its bundle, and what could be verified.

    Attributes:
        bundle: The zip file.
        run: The run's name.
        evaluation: All metrics, computed from the predictions.
        checks: Each statement of the bundle, in their order.
        stated: Versions and machine, as the bundle states them.
    """

    bundle: str
    run: str
    evaluation: Evaluation
    checks: tuple[Check, ...]
    stated: dict[str, Any]

    @property
    def differs(self) -> bool:
        """Whether a statement of the bundle does not hold."""
        return any(check.result == DIFFERS for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc evaluate run.zip --json` prints.

        Returns:
            The bundle, the run, the metrics, the checks, and what is only stated.
        """
        return {
            "bundle": self.bundle,
            "run": self.run,
            **self.evaluation.to_dict(),
            "checks": [asdict(check) for check in self.checks],
            "stated": self.stated,
        }


def evaluate_bundle(
    path: Path,
    data: Path | None = None,
    jobs: int | None = None,
    progress: Counting | None = None,
) -> BundleEvaluation:
    """Score a run again from its bundle, and verify what the bundle states.

    Args:
        path: The zip file that `asc report RUN --bundle` wrote.
        data: Where the dataset is; $ASC_DATA/NAME when None. Without it, lists and audio are not
            compared.
        jobs: Worker processes that hash audio; one per processor when None.
        progress: Called with (done, all) as recordings are hashed.

    Returns:
        All metrics, and each statement with whether it holds.

    Raises:
        AscError: It is no bundle, is damaged or was changed after it was written, or holds no
            predictions that can be scored.
    """
    with bundle.unpacked_bundle(path) as opened:
        return _evaluated(opened, data, jobs, progress)


def _evaluated(
    opened: Bundle, data: Path | None, jobs: int | None, progress: Counting | None
) -> BundleEvaluation:
    folder = opened.folder
    rows = predictions.read(folder / run_files.PREDICTIONS)
    _require_probabilities(rows)
    recorded = run_files.metrics(folder)
    assert recorded is not None  # a bundle has the file
    settings, environment = run_files.settings(folder), run_files.environment(folder)
    own = conditions.of_run(folder, recorded, rows)
    seen = {int(fold): frozenset(names) for fold, names in recorded.get("seen_devices", {}).items()}
    scores = scoring.score(rows, named(recorded["headline"]), seen, own)
    dataset = conditions.dataset_of(folder, settings)
    checks = (
        Check("files", VERIFIED, "every file has the checksum that the bundle states for it"),
        bundle_checks.figures(scores, recorded),
        bundle_checks.tested(own, rows, environment),
        bundle_checks.signature(folder, environment),
        bundle_checks.settings(folder, own),
        bundle_checks.code(folder, environment),
        bundle_data.scenes(dataset, rows),
        bundle_data.sizes(dataset, len(settings.get("exclude", ())), rows),
        *bundle_data.protocol(settings, environment, rows, data, jobs, progress),
        _stated(opened, environment),
    )
    return BundleEvaluation(
        bundle=str(opened.path),
        run=folder.name,
        evaluation=Evaluation(
            scores,
            dataset=dataset.name,
            published=published(_readable(folder, settings), dataset, scores.to_dict(), own),
        ),
        checks=checks,
        stated={key: value for key, value in environment.items() if key not in ("code", "signed")},
    )


def _readable(folder: Path, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the recipe's settings as this asc reads them; else as they are, quoting no figure."""
    try:
        return recipes.load(folder / run_files.SETTINGS).settings
    except AscError:  # the signature's check says why
        return {**settings, "paper": None}


def _require_probabilities(rows: Predictions) -> None:
    """Raise AscError for a recording that is there twice, or whose row is no probabilities."""
    keys = Counter(zip(rows.folds.tolist(), rows.files, strict=True))
    if twice := [file for (_, file), n in keys.items() if n > 1]:
        raise AscError(f"{run_files.PREDICTIONS}: {twice[0][:80]!r} is there twice in a fold")
    if len(rows.scenes) > MOST_SCENES or len({*rows.folds.tolist()}) > MOST_FOLDS:
        raise AscError(
            f"{run_files.PREDICTIONS}: more than {MOST_SCENES} scenes or {MOST_FOLDS} folds"
        )
    p = rows.probabilities
    good = np.isfinite(p).all(axis=1) & (p >= 0).all(axis=1) & (abs(p.sum(axis=1) - 1) <= TOTAL)
    if not good.all():
        file = rows.files[int(np.flatnonzero(~good)[0])]
        raise AscError(f"{run_files.PREDICTIONS}: {file[:80]!r} has no probabilities that sum to 1")


def _stated(opened: Bundle, environment: Mapping[str, Any]) -> Check:
    parts = [f"asc {opened.version}"]
    if python := environment.get("python"):
        parts.append(f"Python {python}")
    parts += [str(environment[key]) for key in ("platform", "device") if environment.get(key)]
    text = (
        "that the predictions were computed by this recipe, from the training recordings alone, "
        f"with {', '.join(parts)[:200]}: this is stated, and a bundle cannot show it"
    )
    return Check("origin", STATED, text)
