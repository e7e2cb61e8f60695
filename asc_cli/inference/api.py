"""A model for other programs: samples in, scenes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asc_cli.audio import decode
from asc_cli.core import parallel
from asc_cli.core.errors import AscError, FileFault
from asc_cli.core.limits import require_sample_rate
from asc_cli.inference import ensemble, graphs, journal
from asc_cli.inference import predict as _predict
from asc_cli.inference.engine import Request, score
from asc_cli.inference.member import AUTO, require_engine
from asc_cli.inference.types import Prediction
from asc_cli.registry import models

SAMPLES = "samples"  # what predictions of arrays have in place of a file's name


@dataclass(frozen=True)
class Model:
    """A registered model, loaded once, for any number of recordings.

    Attributes:
        id: NAME@VERSION.
        labels: Its C scenes, in the order of the class index.
        sample_rate: Hz, the rate that its feature is computed at, of an ensemble the highest of
            its systems'; samples at any other rate are resampled.
    """

    id: str
    labels: tuple[str, ...]
    sample_rate: int
    _request: Request
    _loaded: ensemble.Loaded | ensemble.LoadedEnsemble

    def predict(
        self,
        samples: np.ndarray,  # (N,) or (N, channels)
        sample_rate: int,
        *,
        timeline_s: float | None = None,
        threshold: float = 0.0,
    ) -> Prediction:
        """Classify a recording in memory; the result is that of `asc predict` for its file.

        Args:
            samples: (N,) or (N, channels) floats, full scale from −1 to 1, as soundfile.read
                returns them. Channels are averaged.
            sample_rate: Samples per second, Hz.
            timeline_s: Classify every so many seconds too; at least the length of the model's
                clips. None: the whole recording alone.
            threshold: Below this probability, from 0 to 1, a scene is "unsure".

        Returns:
            The probability of each scene, and of each part if a timeline was asked for.

        Raises:
            AscError: The samples have another type or shape, are not finite, or are fewer than
                one frame; or a setting is out of range.

        Examples:
            >>> import soundfile  # doctest: +SKIP
            >>> model = load_model("toy_lstm")  # doctest: +SKIP
            >>> samples, sample_rate = soundfile.read("clip.wav")  # doctest: +SKIP
            >>> model.predict(samples, sample_rate).scene  # doctest: +SKIP
            'park'
        """
        recording = _checked(samples, sample_rate)
        size = int(decode.BLOCK_SECONDS * sample_rate)
        starts = range(0, len(recording), size)
        request = _predict.with_timeline(self._request, timeline_s, threshold)

        def resampled(rate: int) -> Iterable[np.ndarray]:
            blocks = (recording[start : start + size] for start in starts)
            return decode.resample_stream(blocks, sample_rate, rate)

        with parallel.one_thread():
            [outcome] = score(self._loaded, request, [(Path(SAMPLES), resampled)])
        if isinstance(outcome, FileFault):
            raise AscError(f"{SAMPLES}: {outcome.reason}")
        record = journal.to_record(outcome)
        return journal.from_record(Path(SAMPLES), record, request, self.labels, threshold)


def load_model(
    name: str | None = None,
    *,
    fold: int | None = None,
    device: str | None = None,
    engine: str = AUTO,
) -> Model:
    """Load a registered model into memory.

    Args:
        name: NAME or NAME@VERSION; the default model when None.
        fold: The member that this fold trained, alone. None: all members, whose probabilities are
            averaged.
        device: The recording device of what it will classify, of a model with members for devices.
            None: its general members.
        engine: What answers: auto, which needs torch for models alone that have no graph; or torch.

    Returns:
        The model, ready to predict.

    Raises:
        AscError: There is no such model or fold (the text names the nearest), or its files are
            damaged.
    """
    registered = models.find(name)
    graphs.ensure_graphs(registered)
    loaded = ensemble.load_systems(registered, fold, device, require_engine(engine))
    request = Request(registered, fold, device=device, engine=engine)
    rate = max(system.feature.sample_rate for system in loaded.systems)
    return Model(loaded.id, loaded.labels, rate, request, loaded)


def _checked(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    array = np.asarray(samples)
    if array.ndim not in (1, 2) or not np.issubdtype(array.dtype, np.floating):
        raise AscError(
            f"samples: an array of shape {array.shape} and type {array.dtype}; floats from -1 to 1 "
            "of shape (samples,) or (samples, channels) were expected"
        )
    if array.ndim == 2 and array.shape[0] < array.shape[1]:
        raise AscError(
            f"samples: shape {array.shape} means more channels than samples; (samples, channels) "
            "was expected: transpose it"
        )
    if not np.isfinite(array).all():
        raise AscError("samples: hold NaN or Inf")
    require_sample_rate("sample_rate", sample_rate)
    return array
