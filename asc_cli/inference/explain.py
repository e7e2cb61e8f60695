"""Explain a prediction: the attention of an attention LSTM, frame by frame.

attention.py says what is shown. Whether it explains the answer is another question:
faithfulness.py removes what is attended to, and as much at random, and compares the answers.

One member explains, because codeword k of one member is not codeword k of another: of those that
agree with the ensemble's prediction, the one whose probabilities are nearest to the ensemble's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import parallel
from asc_cli.core.errors import AscError
from asc_cli.evaluation import aggregate, calibration
from asc_cli.evaluation.faithfulness import Check
from asc_cli.frontend import clips, store
from asc_cli.inference import attention as attention_over_time
from asc_cli.inference import ensemble, faithfulness, graphs
from asc_cli.inference.attention import BATCH_CLIPS
from asc_cli.inference.engine import Request
from asc_cli.inference.member import AUTO, Member, require_engine
from asc_cli.registry import models

LONGEST_S = 600.0  # longer recordings cannot be drawn in one figure
SMOOTHED_S = 0.1  # salient segments are found in attention averaged over this
SALIENT_SHARE = 0.1  # the share of the frames that may be salient
GAP_S = 0.2  # segments closer than this are merged


@dataclass(frozen=True)
class Explanation:
    """Attention over a recording. T frames, F bands, K codewords.

    Attributes:
        file: The recording.
        model: NAME@VERSION.
        fold: The member whose attention it is.
        scene: That member's most probable scene.
        probability: Its probability.
        all_members: All members' most probable scene, its probability, and how many members there
            are; None of a single member.
        frames: (T, F) float32, the feature before standardisation.
        bands_hz: (F,) centre of each band, Hz; None where bands are not frequencies.
        frame_s: Seconds from one frame to the next.
        attention: (T,) relative to equal attention: 1 is the average. None without temporal
            attention.
        codewords: (T, K) weights that sum to 1 over K; None without semantic attention.
        check: Whether removing what it attends to changes the answer more than removing as much at
            random; None where that was not asked for, or without temporal attention.
    """

    file: str
    model: str
    fold: int
    scene: str
    probability: float
    all_members: tuple[str, float, int] | None
    frames: np.ndarray
    bands_hz: np.ndarray | None
    frame_s: float
    attention: np.ndarray | None
    codewords: np.ndarray | None
    check: Check | None = None

    @property
    def salient(self) -> list[dict[str, float]]:
        """The segments with the highest attention: start_s, end_s, attention of each."""
        return [] if self.attention is None else salient_segments(self.attention, self.frame_s)

    def to_dict(self) -> dict[str, Any]:
        """Return what `asc predict --explain --json` adds.

        Returns:
            The segments, the member, and the check.
        """
        return {
            "salient": self.salient,
            "explained_by_fold": self.fold,
            "attention_check": None if self.check is None else self.check.to_dict(),
        }


def explain(
    path: Path,
    *,
    model: str | None = None,
    fold: int | None = None,
    engine: str = AUTO,
    check: bool = False,
) -> Explanation:
    """Return the attention of an attention LSTM over one recording.

    Args:
        path: An audio file, of at most LONGEST_S seconds.
        model: NAME or NAME@VERSION; the default model when None.
        fold: The member to explain; when None, of those that agree with the ensemble, the
            one whose probabilities are nearest to theirs.
        engine: What answers: auto or torch.
        check: Compare it with random orders of the recording's parts, which takes about 500
            predictions of it.

    Returns:
        The member's prediction, its feature, and its attention frame by frame.

    Raises:
        FileFault: The file cannot be read.
        AscError: There is no such model, it has no attention, or the recording is too long.
    """
    registered = models.find(model)
    ensemble.require_one_system(registered, "--explain")
    ensemble.require_no_variants(registered, "--explain")
    graphs.ensure_graphs(registered)
    loaded = ensemble.load(registered, fold, engine=require_engine(engine))
    folds = registered.card["folds"] if fold is None else [fold]
    if not loaded.members[0].network.attends:
        raise _no_attention(loaded)
    with parallel.one_thread():
        frames = store.compute(loaded.feature, path)
        hop_s = loaded.feature.hop_seconds
        if len(frames) * hop_s > LONGEST_S:
            raise AscError(
                f"--explain: {path} is {len(frames) * hop_s:.0f} s long; at most {LONGEST_S:.0f} s "
                "can be drawn. Cut out the part that matters"
            )
        chosen, scores, all_members = _choose(loaded, frames)
        member = loaded.members[chosen]
        clip_set = clips.from_recordings([frames], loaded.clip_grid, member.standardise)
        attention, codewords = attention_over_time.trace(member.network, clip_set, len(frames))
        checked = None
        if check and attention is not None:
            one = replace(loaded, members=(member,))
            checked = faithfulness.check(
                one, Request(registered, folds[chosen], engine=engine), path
            )
    if attention is None and codewords is None:
        raise _no_attention(loaded)
    best = int(scores.argmax())
    n_covered = len(frames) if attention is None else len(attention)
    return Explanation(
        file=str(path),
        model=loaded.id,
        fold=folds[chosen],
        scene=loaded.labels[best],
        probability=float(scores[best]),
        all_members=all_members,
        frames=frames[:n_covered],
        bands_hz=_bands_hz(loaded),
        frame_s=hop_s,
        attention=attention,
        codewords=codewords,
        check=checked,
    )


def _no_attention(loaded: ensemble.Loaded) -> AscError:
    return AscError(
        f"--explain: model {loaded.id} has no attention; train one that has, such as the recipes "
        "that end in _ta, _sa or _ta_sa"
    )


def salient_segments(attention: np.ndarray, frame_s: float) -> list[dict[str, float]]:
    """Return where smoothed attention (T,) is above average and in the top SALIENT_SHARE."""
    width = max(1, round(SMOOTHED_S / frame_s))
    smooth = np.convolve(attention, np.ones(width) / width, mode="same")
    high = (smooth > 1) & (smooth >= np.quantile(smooth, 1 - SALIENT_SHARE))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], high.astype(int), [0]])))
    spans: list[list[int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if spans and (start - spans[-1][1]) * frame_s < GAP_S:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return [
        {
            "start_s": round(start * frame_s, 3),
            "end_s": round(end * frame_s, 3),
            "attention": round(float(attention[start:end].mean()), 3),
        }
        for start, end in spans
    ]


def _choose(
    loaded: ensemble.Loaded, frames: np.ndarray
) -> tuple[int, np.ndarray, tuple[str, float, int] | None]:
    """Return the member that explains, its probabilities (C,), and the ensemble's prediction."""
    logs = np.stack([_clip_logs(loaded, member, frames) for member in loaded.members])  # (M, B, C)
    single = np.stack([_recording(loaded, member_logs) for member_logs in logs])  # (M, C)
    if len(logs) == 1:
        return 0, single[0], None
    mean = _recording(loaded, np.logaddexp.reduce(logs) - np.log(len(logs)))
    best = int(mean.argmax())
    agree = single.argmax(axis=1) == best
    far = np.abs(single - mean).sum(axis=1) + np.where(agree, 0, 2)  # 2 is the largest distance
    chosen = int(far.argmin())
    return chosen, single[chosen], (loaded.labels[best], float(mean[best]), len(logs))


def _clip_logs(loaded: ensemble.Loaded, member: Member, frames: np.ndarray) -> np.ndarray:
    """Return the log probabilities (B, C) of the recording's clips by one member."""
    clip_set = clips.from_recordings([frames], loaded.clip_grid, member.standardise)
    log_parts = []
    for start in range(0, len(clip_set), BATCH_CLIPS):
        batch, mask = clip_set.batch(np.arange(start, min(start + BATCH_CLIPS, len(clip_set))))
        log_parts.append(member.network.log_probabilities(batch, mask)[0])
    return calibration.apply_temperature(np.concatenate(log_parts), member.temperature)


def _recording(loaded: ensemble.Loaded, logs: np.ndarray) -> np.ndarray:  # (B, C) -> (C,)
    total = aggregate.summands(logs, loaded.aggregate).sum(axis=0)
    return aggregate.normalise(total[None], np.array([len(logs)]), loaded.aggregate)[0]


def _bands_hz(loaded: ensemble.Loaded) -> np.ndarray | None:
    centres_hz = getattr(loaded.feature.compute, "centres_hz", None)
    return None if centres_hz is None else centres_hz(loaded.feature.sample_rate)
