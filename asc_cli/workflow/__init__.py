"""The road from recording to scene label, joined; the public Python API.

    extract    recordings → the feature store
    train      a recipe → a scored run and a registered model
    evaluate   a run, a model, anybody's predictions → trusted metrics
    compare    runs → differences with paired tests
    explain    a recording → what an attention LSTM listened to
    predict    recordings → scenes with probabilities
    label      shards of videos → each video's likeliest labels
    report     runs → one HTML page

These functions join the rooms and decide nothing. Each is imported when it is asked for, so that
predicting loads nothing of training; torch is imported inside, when it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asc_cli import catalog

if TYPE_CHECKING:
    from asc_cli.workflow._compare import compare
    from asc_cli.workflow._costs import costs
    from asc_cli.workflow._evaluate import evaluate, find_run
    from asc_cli.workflow._explain import Explanation, explain
    from asc_cli.workflow._export import export
    from asc_cli.workflow._extract import Extraction, extract
    from asc_cli.workflow._live import listen
    from asc_cli.workflow._model import takes_shards
    from asc_cli.workflow._predict import Prediction, predict
    from asc_cli.workflow._report import report
    from asc_cli.workflow._results import result
    from asc_cli.workflow._scenes import Model, load_model
    from asc_cli.workflow._source import Source, audit, complete, open_source
    from asc_cli.workflow._train import Training, train
    from asc_cli.workflow._videos import label

FILES = {
    "_compare": ("compare",),
    "_costs": ("costs",),
    "_evaluate": ("evaluate", "find_run"),
    "_explain": ("Explanation", "explain"),
    "_export": ("export",),
    "_extract": ("Extraction", "extract"),
    "_live": ("listen",),
    "_predict": ("Prediction", "predict"),
    "_results": ("result",),
    "_model": ("takes_shards",),
    "_report": ("report",),
    "_scenes": ("Model", "load_model"),
    "_source": ("Source", "audit", "complete", "open_source"),
    "_train": ("Training", "train"),
    "_videos": ("label",),
}
__all__ = [
    "Explanation",
    "Extraction",
    "Model",
    "Prediction",
    "Source",
    "Training",
    "audit",
    "compare",
    "complete",
    "costs",
    "evaluate",
    "explain",
    "export",
    "extract",
    "find_run",
    "label",
    "listen",
    "load_model",
    "open_source",
    "predict",
    "report",
    "result",
    "takes_shards",
    "train",
]

__getattr__ = catalog.lazy(__name__, {n: file for file, names in FILES.items() for n in names})
