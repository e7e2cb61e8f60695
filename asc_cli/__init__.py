"""Acoustic scene classification: recordings in, scene labels out.

    load_model   a registered model: load_model("toy_lstm").predict(samples, sample_rate)
    extract      recordings → the feature store
    train        a recipe → a scored run and a registered model
    evaluate     a run → trusted metrics
    predict      files → scenes with probabilities
    cluster      a context: what is called within it runs on a Dask cluster
    AscError     what all of them raise for an error that the caller can fix

These names are the public Python API. Each is imported when it is asked for: `import asc_cli`
alone loads neither torch nor numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asc_cli.core.errors import AscError

if TYPE_CHECKING:
    from asc_cli.workflow import cluster, evaluate, extract, load_model, predict, train

__version__ = "0.1.0"
__all__ = ["AscError", "cluster", "evaluate", "extract", "load_model", "predict", "train"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from asc_cli import workflow

    return getattr(workflow, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
