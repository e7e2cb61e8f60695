"""A model for other programs: samples in, scenes out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from asc_cli.audio import decode, inputs
from asc_cli.core import parallel
from asc_cli.core.errors import AscError, FileFault
from asc_cli.core.limits import require_sample_rate
from asc_cli.inference import ensemble, graphs
from asc_cli.inference.engine import Request, decoded, score
from asc_cli.inference.explain import Explanation, explain
from asc_cli.inference.journal import from_record, to_record
from asc_cli.inference.member import AUTO, require_engine
from asc_cli.inference.predict import with_timeline
from asc_cli.inference.types import Prediction, Predictions, Scored
from asc_cli.registry import models
from asc_cli.registry.model import unknown_file

SAMPLES = "samples"  # what predictions of arrays have in place of a file's name


BATCH_FILES = 16  # that share batches


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        return f"Model({self.id}: {len(self.labels)} scenes, {self.sample_rate} Hz)"

    @property
    def clip_s(self) -> float:
        """Length of its clips, seconds: the shortest segment of a timeline."""
        return ensemble.clip_seconds(self._request.model)

    @property
    def takes_segments(self) -> bool:
        """Whether it classifies parts of a recording: a timeline, live sound."""
        try:
            ensemble.require_parts(self._request.model, "segments")
        except AscError:
            return False
        return True

    @property
    def explains(self) -> bool:
        """Whether it has attention that `explain` shows."""
        systems = self._loaded.systems
        members = systems[0].members
        return len(systems) == 1 and not systems[0].variants and members[0].network.attends

    @property
    def finds_unknown(self) -> bool:
        """Whether it was trained with `evaluation.unknown`, to find recordings of no scene."""
        systems = self._request.model.systems()
        return all(
            (each.folder / unknown_file(fold)).exists()
            for each in systems
            for fold in each.card["folds"]
        )

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
        request = with_timeline(self._request, timeline_s, threshold)
        outcome = self._scored(samples, sample_rate, request)
        return from_record(Path(SAMPLES), to_record(outcome), request, self.labels, threshold)

    def predict_files(
        self,
        paths: str | Path | Iterable[str | Path],
        *,
        timeline_s: float | None = None,
        threshold: float = 0.0,
        longest_s: float = math.inf,
    ) -> Predictions:
        """Classify recordings in files, in this process, several in a batch.

        `asc_cli.predict` does so in worker processes, which is quicker for many files.

        Args:
            paths: Audio files, folders with their sub-folders, or patterns; one or several.
            timeline_s: As in `predict`.
            threshold: As in `predict`.
            longest_s: Seconds; a longer recording is a bad file. What its header says is not
                relied on.

        Returns:
            A prediction for each distinct recording, in order. That of a bad file has an `error`.

        Raises:
            AscError: At the first prediction: a pattern matches nothing, or a setting is out of
                range.

        Examples:
            >>> model = load_model("toy_lstm")  # doctest: +SKIP
            >>> model.predict_files("recordings").to_frame()  # doctest: +SKIP
        """
        names = [paths] if isinstance(paths, (str, Path)) else paths
        rows = self._of_files([*map(str, names)], timeline_s, threshold, longest_s)
        return Predictions(rows)

    def _of_files(
        self, names: list[str], timeline_s: float | None, threshold: float, longest_s: float
    ) -> Iterator[Prediction]:
        request = with_timeline(self._request, timeline_s, threshold)
        files = inputs.find(names)
        for start in range(0, len(files), BATCH_FILES):
            batch = files[start : start + BATCH_FILES]
            with parallel.one_thread():
                outcomes = score(self._loaded, request, decoded(batch, longest_s))
            for path, outcome in zip(batch, outcomes, strict=True):
                yield from_record(path, to_record(outcome), request, self.labels, threshold)

    def embed(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return the embedding of a recording in memory, for a classifier or a search of your own.

        Args:
            samples: As in `predict`.
            sample_rate: Samples per second, Hz.

        Returns:
            The input of each member's last linear layer, mean over clips, members side by side,
            (D,) float32.

        Raises:
            AscError: The model has no such layer or is an ensemble, or as `predict` does.
        """
        ensemble.require_one_system(self._request.model, "embed")
        outcome = self._scored(samples, sample_rate, replace(self._request, embeddings=True))
        assert outcome.embedding is not None
        return outcome.embedding

    def explain(self, path: str | Path) -> Explanation:
        """Return what a model with attention attends to in a recording.

        Args:
            path: An audio file, of at most ten minutes.

        Returns:
            The member that explains, its prediction, and its attention frame by frame.

        Raises:
            AscError: The model has no attention, or the file cannot be read or is too long.
        """
        own = self._request
        return explain(Path(path), model=self.id, fold=own.fold, engine=own.engine)

    def _scored(self, samples: np.ndarray, sample_rate: int, request: Request) -> Scored:
        recording = _checked(samples, sample_rate)
        size = int(decode.BLOCK_SECONDS * sample_rate)
        starts = range(0, len(recording), size)

        def resampled(rate: int) -> Iterable[np.ndarray]:
            blocks = (recording[start : start + size] for start in starts)
            return decode.resample_stream(blocks, sample_rate, rate)

        with parallel.one_thread():
            [outcome] = score(self._loaded, request, [(Path(SAMPLES), resampled)])
        if isinstance(outcome, FileFault):
            raise AscError(f"{SAMPLES}: {outcome.reason}")
        return outcome


def load_model(
    name: str | None = None,
    *,
    fold: int | None = None,
    device: str | None = None,
    engine: str = AUTO,
    unknown: bool = False,
) -> Model:
    """Load a registered model into memory.

    Args:
        name: NAME or NAME@VERSION; the default model when None.
        fold: The member that this fold trained, alone. None: all members, whose probabilities are
            averaged.
        device: The recording device of what it will classify, of a model with members for devices.
            None: its general members.
        engine: What answers: auto, which needs torch for models alone that have no graph; or torch.
        unknown: Score how far each recording, and each segment, is from all scenes; one that is too
            far has the scene "unknown". For models trained with `evaluation.unknown`.

    Returns:
        The model, ready to predict.

    Raises:
        AscError: There is no such model or fold (the text names the nearest), or its files are
            damaged.
    """
    registered = models.find(name)
    graphs.ensure_graphs(registered)
    loaded = ensemble.load_systems(registered, fold, device, require_engine(engine), unknown)
    request = Request(registered, fold, device=device, engine=engine, unknown=unknown)
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
