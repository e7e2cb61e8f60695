"""Train a recipe on a stream of shards: fit, evaluate every epoch, register the model.

The training and validation parts are streams; the epoch with the highest validation GAP is the
best one, as in the paper's Table 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from asc_cli import models as networks
from asc_cli.core import atomic, locks, memory, parallel, paths
from asc_cli.core.device import resolve_device
from asc_cli.core.errors import AscError
from asc_cli.datasets.yt8m import Batch, Layout, Order, Stream, batches
from asc_cli.evaluation.conditions import Conditions
from asc_cli.evaluation.published import unlike_paper
from asc_cli.evaluation.scores import Remark
from asc_cli.recipe import load as recipes
from asc_cli.recipe.changes import changes
from asc_cli.recipe.ensemble import AnyRecipe
from asc_cli.recipe.load import Recipe
from asc_cli.registry import card as _run
from asc_cli.registry import members, models, run_files, runs
from asc_cli.registry.runs import fold_folder
from asc_cli.training import events
from asc_cli.training.progress import Compilation
from asc_cli.video import predict
from asc_cli.video.validation import require_usable

ONE_THREAD_VIDEOS = 32  # fits into one thread's cache: more threads are not faster
CHOSEN = "the epoch of the highest GAP, chosen on the same videos that its figures are of"
LAST = "the last epoch, not chosen by its figures"


@dataclass(frozen=True)
class Shards:
    """A dataset of shards on this machine."""

    module: ModuleType
    root: Path
    train: list[Path]
    validation: list[Path]
    layout: Layout


def train(
    recipe: AnyRecipe,
    data: Path | None,
    folds: Sequence[int] | None,
    device: str,
    jobs: int | None,
    fitting: Callable[[dict[int, dict[str, Any]]], None] | None,
    epoch_done: Callable[[dict[str, Any]], None] | None,
    tensorboard: Path | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Train and return the run's folder and its metrics; see `workflow.train`."""
    assert isinstance(recipe, Recipe)  # an ensemble is of recordings
    if folds is not None:
        raise AscError(
            f"--folds: {recipe.dataset} is a stream of shards, without folds; leave it out"
        )
    shards = find_shards(recipe, data)
    fingerprint = shards.module.fingerprint([*shards.train, *shards.validation])
    run = runs.run_folder(recipe, fingerprint)
    if not run.exists():
        run = runs.run_folder_0_1(recipe, fingerprint) or run
    finished = _finished(run)
    if finished is not None:
        with events.writing(tensorboard, run, [1], None):
            return run, finished
    device = resolve_device(device)
    runs.describe(run, recipe, shards.root, {"dataset_fingerprint": fingerprint}, device)
    work = f"run {run.name} is being trained"
    with locks.locked(fold_folder(run, 1), work) as lock:
        finished = _finished(run)  # another process may have finished it by now
        if finished is None:

            def report(progress: dict[int, dict[str, Any]]) -> None:
                locks.require_held(lock, f"run {run.name}")
                if fitting:
                    fitting(progress)

            with (
                events.writing(tensorboard, run, [1], report) as writing,
                parallel.prefetch_pool(jobs) as pool,
                memory.retain_freed(),
            ):
                epochs, failed = _fit(
                    recipe, shards, run, device, pool, writing or report, epoch_done
                )
            locks.require_held(lock, f"run {run.name}")
            finished = _score_and_register(run, recipe, shards, fingerprint, epochs, failed)
        return run, finished


def find_shards(recipe: Recipe, data: Path | None) -> Shards:
    """Find the shards of both parts. Raises AscError where a part has none."""
    assert recipe.stream is not None
    module = recipe.catalog.load("datasets", recipe.dataset)
    root, stream = paths.dataset_root(recipe.dataset, data or recipe.data), recipe.stream
    if not root.exists():
        raise AscError(
            f"dataset {recipe.dataset}: nothing at {root}. {module.DATASET.obtain}\n"
            "Put it there, or set its folder: --data PATH, `data:` in the recipe, or ASC_DATA."
        )
    train, validation = (
        module.shards(root, part, stream.level)
        for part in (stream.train_part, stream.validation_part)
    )
    return Shards(module, root, train, validation, predict.layout_of(stream.model_dump()))


class _Part:
    """The training part from a position on, as `descent.Batches`."""

    def __init__(self, stream: Stream, size: int):
        self.stream, self.size = stream, size

    def __iter__(self) -> Iterator[Batch]:
        return batches(self.stream, self.size, self.stream.layout)

    def position(self) -> dict[str, Any]:
        return self.stream.position()

    def share(self) -> float:
        return self.stream.share()


def _fit(
    recipe: Recipe,
    shards: Shards,
    run: Path,
    device: str,
    pool: Any,
    report: Callable[[dict[int, dict[str, Any]]], None],
    epoch_done: Callable[[dict[str, Any]], None] | None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Fit and write fold01/model.safetensors; return the epochs and damaged records."""
    import torch

    from asc_cli.training import optim
    from asc_cli.video import descent

    few = recipe.training.batch_size <= ONE_THREAD_VIDEOS
    torch.set_num_threads(1 if few else parallel.cores())
    settings = _settings(recipe, device)
    faults = predict.Faults()
    assert recipe.stream is not None
    buffer = recipe.stream.buffer
    torch.manual_seed(optim.seed(settings.seed, 0))
    model = predict.build(recipe.settings, recipe.catalog)

    if device == "cpu":
        networks.compile_kernels(model, lambda *n: report({1: vars(Compilation(*n))}))

    def part(epoch: int, position: dict[str, Any] | None) -> _Part:
        order = Order((settings.seed + 1, epoch), buffer)
        stream = Stream(shards.train, shards.layout, order, position, pool, faults.add)
        return _Part(stream, recipe.training.batch_size)

    folder = fold_folder(run, 1)
    state = descent.fit_network(
        model,
        part,
        lambda it: predict.score(it, shards.validation, recipe.settings, device, pool, faults.add),
        settings,
        shards.layout.n_labels,
        folder,
        faults=faults.rows,
        report=lambda progress: report({1: progress}),
        epoch_done=epoch_done or (lambda row: None),
    )
    members.save(folder / "model.safetensors", model)
    return state.history, faults.rows_as_dicts()


def _settings(recipe: Recipe, device: str) -> Any:
    from asc_cli.video import descent

    stream, training = recipe.stream, recipe.training
    assert stream is not None
    return descent.Settings(
        epochs=training.epochs,
        learning_rate=training.learning_rate,
        l2=training.l2,
        seed=training.seed,
        optimiser=training.optimiser,
        weight_decay=training.weight_decay,
        momentum=training.momentum,
        nesterov=training.nesterov,
        choose_epoch=training.choose_epoch,
        clip_norm=stream.clip_norm,
        decay=stream.decay,
        decay_every=stream.decay_every,
        checkpoint_every=stream.checkpoint_every,
        precision=stream.precision,
        device=device,
    )


def _finished(run: Path) -> dict[str, Any] | None:
    """Return the metrics of a finished run whose model is registered; else None."""
    metrics = run_files.metrics(run)
    own_models = {model.id for model in models.models() if model.card.get("run") == run.name}
    return metrics if metrics and metrics["model"] in own_models else None


def _score_and_register(
    run: Path,
    recipe: Recipe,
    shards: Shards,
    fingerprint: str,
    epochs: list[dict[str, Any]],
    failed: list[dict[str, Any]],
) -> dict[str, Any]:
    """Register the model, and write metrics.json last."""
    from asc_cli.video import descent

    chosen = recipe.training.choose_epoch == "validation"
    row = descent.best(epochs) if chosen else epochs[-1]
    dataset = shards.module.DATASET
    metrics: dict[str, Any] = {
        **{name: row[name] for name in ("epoch", "gap", "hit_at_1", "perr", "videos", "positives")},
        "examples": epochs[-1]["examples"],
        "headline": dataset.headline,
        "error": 1 - row[dataset.headline],
        "epochs": epochs,
        "best_epoch": descent.best(epochs)["epoch"],
        "remarks": [Remark("choice-of-epoch", CHOSEN if chosen else LAST).to_dict()],
    }
    own = _conditions(recipe, shards, fingerprint)
    metrics["conditions"] = own.to_dict()
    card = _run.card(run, recipe, {**dataset.described(), "fingerprint": fingerprint}, metrics)
    card["labels"] = [str(label) for label in range(shards.layout.n_labels)]
    card["feature"] = predict.described(shards.layout)
    metrics["failed"] = failed
    metrics["published"] = _published(recipe, own)
    weights = {1: fold_folder(run, 1) / "model.safetensors"}
    metrics["model"] = models.register(
        recipe.name, card, weights, code=recipe.catalog.code, check=require_usable
    ).id
    atomic.write_json(run / "metrics.json", metrics)
    return metrics


def _conditions(recipe: Recipe, shards: Shards, fingerprint: str) -> Conditions:
    """Return under which conditions the model was trained; a stream of shards has no folds."""
    shipped = recipes.load(recipe.shipped).settings if recipe.shipped else recipe.settings
    return Conditions(
        shards.module.DATASET.name,
        (),
        None,
        recipe=recipe.shipped,
        changed=changes(recipe.settings, shipped),
        seed=recipe.training.seed,
        fingerprint=fingerprint,
    )


def _published(recipe: Recipe, own: Conditions) -> list[dict[str, Any]]:
    paper = recipe.paper
    if paper is None:
        return []
    why_not = unlike_paper(recipe.settings, own)
    figures = paper.model_dump(exclude={"error"})
    return [{**figures, "comparable": not why_not, "why_not": why_not}]
