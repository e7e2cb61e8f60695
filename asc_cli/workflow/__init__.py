"""The public Python API: a function for each command.

    extract    recordings → the feature store
    train      a recipe → a scored run and a registered model
    tune       a recipe with several values of its keys → a choice per fold, scored
    evaluate   a run, a model, or a file of predictions → metrics
    compare    runs → differences with paired tests
    predict    recordings → scenes with probabilities
    listen     live sound → the scene of the last seconds
    explain    a recording → the attention of an attention LSTM
    label      shards of videos → each video's likeliest labels
    report     runs → one HTML page
    write_bundle, evaluate_bundle    a run → a zip file → its metrics again, and what they rest on
    export     a model → an ONNX file, or a folder for model hubs
    check_model    a model → whether its files are intact, and its answers are torch's
    cluster    the machines of a Dask cluster, for what is called within it
    costs      a model → parameters, bytes, multiply-accumulates

Each is imported when it is asked for, so that predicting loads nothing of training; torch is
imported inside, when it is needed.
"""

# ruff: noqa: F401  (what is imported for type checkers is what the package exports)
from __future__ import annotations

from typing import TYPE_CHECKING

from asc_cli.core import exports

if TYPE_CHECKING:
    from asc_cli.core.cluster import cluster
    from asc_cli.evaluation.comparison import Comparison
    from asc_cli.evaluation.literature import PublishedResult, published_results
    from asc_cli.evaluation.scores import Evaluation
    from asc_cli.frontend.disk import Disk, Pruned, disk, prune
    from asc_cli.frontend.fill import Extraction, extract
    from asc_cli.frontend.split import FoldsOfRecordings, split_recordings
    from asc_cli.inference.api import Model, load_model
    from asc_cli.inference.bundle import BundleEvaluation, evaluate_bundle
    from asc_cli.inference.check import check_model
    from asc_cli.inference.ensemble import takes_shards
    from asc_cli.inference.explain import Explanation, explain
    from asc_cli.inference.export import export
    from asc_cli.inference.graphs import answered_by, ensure_graphs
    from asc_cli.inference.live import listen
    from asc_cli.inference.mean import evaluate_mean
    from asc_cli.inference.predict import predict
    from asc_cli.inference.types import LivePrediction, Prediction, Segment
    from asc_cli.inference.verify import Export
    from asc_cli.protocol.source import Source, audit, complete, open_source
    from asc_cli.registry.bundle import write_bundle
    from asc_cli.registry.results import result
    from asc_cli.registry.runs import find_run
    from asc_cli.training.random_split import compare_random_splits
    from asc_cli.training.result import Part, Training
    from asc_cli.training.seeds import SeedTrainings
    from asc_cli.training.tune import Tuning
    from asc_cli.video.predict import LabelledVideo, VideoEvaluation, label
    from asc_cli.workflow._compare import compare
    from asc_cli.workflow._costs import costs
    from asc_cli.workflow._evaluate import evaluate
    from asc_cli.workflow._report import report
    from asc_cli.workflow._train import train, train_part, train_seeds, tune

NAMES = exports.names(__file__)
__all__ = [*NAMES]
__getattr__ = exports.lazy(__name__, NAMES)
