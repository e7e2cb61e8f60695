"""The road from recording to scene label, joined; the public Python API.

    extract    recordings → the feature store
    train      a recipe → a scored run and a registered model
    evaluate   a run → trusted metrics
    compare    runs → differences with paired tests
    predict    recordings → scenes with probabilities

These functions join the rooms and decide nothing. torch is imported inside, when it is needed.
"""

from asc_cli.workflow._compare import compare
from asc_cli.workflow._evaluate import evaluate
from asc_cli.workflow._extract import Extraction, extract
from asc_cli.workflow._predict import Prediction, predict
from asc_cli.workflow._source import Source, audit, open_source
from asc_cli.workflow._train import Training, train

__all__ = [
    "Extraction",
    "Prediction",
    "Source",
    "Training",
    "audit",
    "compare",
    "evaluate",
    "extract",
    "open_source",
    "predict",
    "train",
]
