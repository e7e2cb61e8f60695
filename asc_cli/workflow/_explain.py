"""What an attention LSTM listened to in one recording, frame by frame.

Every clip has its own α, which sums to 1 over the clip's frames. α times the clip's number of
frames is attention relative to listening evenly: 1 is the average. Where clips overlap, theirs is
averaged. The codewords' weights a are averaged likewise.

One member explains, because codeword k of one member is not codeword k of another.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli import catalog, clips, parallel, registry, scoring, store
from asc_cli.errors import AscError
from asc_cli.workflow import _model

LONGEST_S = 600.0  # more cannot be read in one picture
SMOOTHED_S = 0.1  # salient stretches are found in attention averaged over this
SALIENT_SHARE = 0.1  # the share of the frames that may be salient
GAP_S = 0.2  # stretches closer than this are one
BATCH_CLIPS = 64


@dataclass(frozen=True)
class Explanation:
    """Attention over a recording; T frames, K codewords."""

    file: str
    model: str  # name@version
    fold: int  # the member that explains
    scene: str
    probability: float
    frames: np.ndarray  # (T, F) the feature, as the model hears it before standardisation
    bands_hz: np.ndarray | None  # (F,) centre of each band, where bands are frequencies
    frame_s: float  # seconds between frames
    attention: np.ndarray | None  # (T,) 1 is the average; None without temporal attention
    codewords: np.ndarray | None  # (T, K) weights, sum to 1; None without semantic attention

    @property
    def salient(self) -> list[dict[str, float]]:
        """Stretches that the model listened to most: start_s, end_s, attention."""
        return [] if self.attention is None else stretches(self.attention, self.frame_s)


def explain(path: Path, *, model: str | None = None, fold: int | None = None) -> Explanation:
    """Explain one recording by one member: `fold`, or the first. Raises AscError, FileFault.

    AscError for a model without attention, and for a recording of more than LONGEST_S.
    """
    registered = registry.find(model)
    fold = registered.card["folds"][0] if fold is None else fold
    loaded = _model.load(registered, fold)
    [member] = loaded.members
    if not hasattr(member.network, "explain"):
        raise AscError(
            f"--explain: model {loaded.id} has no attention; train one that has, such as the "
            "recipes that end in _ta, _sa or _ta_sa"
        )
    with parallel.one_thread():
        frames = store.compute(loaded.feature, path)
        hop_s = _framing(loaded).hop_samples / loaded.feature.sample_rate
        if len(frames) * hop_s > LONGEST_S:
            raise AscError(
                f"--explain: {path} is {len(frames) * hop_s:.0f} s long; at most {LONGEST_S:.0f} s "
                "can be drawn. Cut out the part that matters"
            )
        cut = clips.cut([frames], loaded.clipping, member.standardise)
        scores, attention, codewords = _traced(loaded, member.network, cut, len(frames))
    if attention is None and codewords is None:
        raise AscError(f"--explain: model {loaded.id} is a plain LSTM; it attends to nothing")
    best = int(scores.argmax())
    heard = len(frames) if attention is None else len(attention)
    return Explanation(
        str(path), loaded.id, fold, loaded.labels[best], float(scores[best]),
        frames[:heard], _bands_hz(loaded), hop_s, attention, codewords,
    )  # fmt: skip


def stretches(attention: np.ndarray, frame_s: float) -> list[dict[str, float]]:
    """Where smoothed attention (T,) is above average and among the highest SALIENT_SHARE."""
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


def _traced(
    loaded: _model.Loaded, network: Any, cut: clips.ClipSet, n_frames: int
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:  # (C,), (T,), (T, K)
    """Scene probabilities, and what each attention did over the frames that clips cover."""
    import torch

    total = np.zeros(len(loaded.labels))
    attention, codewords = _Spread(n_frames), _Spread(n_frames)
    for start in range(0, len(cut), BATCH_CLIPS):
        which = np.arange(start, min(start + BATCH_CLIPS, len(cut)))
        batch, mask = cut.batch(which)
        x, m = torch.from_numpy(batch), None if mask is None else torch.from_numpy(mask)
        with torch.inference_mode():
            trace = network.explain(x, m)
            logs = torch.log_softmax(network(x, m).double(), dim=1).numpy()
        total += scoring.contributions(logs, loaded.aggregate).sum(axis=0)
        for i, clip in enumerate(which):
            n = int(cut.lengths[clip])
            span = slice(int(cut.starts[clip]), int(cut.starts[clip]) + n)
            if trace.alpha is not None:
                attention.add(span, trace.alpha[i, :n, None].numpy() * n)
            if trace.a is not None:
                codewords.add(span, trace.a[i, :n].numpy())
    scores = scoring.conclude(total[None], np.array([len(cut)]), loaded.aggregate)[0]
    spread = attention.mean()
    return scores, None if spread is None else spread[:, 0], codewords.mean()


class _Spread:
    """Values of overlapping clips, averaged frame by frame."""

    def __init__(self, n_frames: int):
        self.n = np.zeros(n_frames)
        self.total: np.ndarray | None = None

    def add(self, span: slice, values: np.ndarray) -> None:  # (t, D)
        if self.total is None:
            self.total = np.zeros((len(self.n), values.shape[1]))
        self.total[span] += values
        self.n[span] += 1

    def mean(self) -> np.ndarray | None:  # -> (T, D), up to the last frame that a clip covers
        if self.total is None:
            return None
        covered = int(np.flatnonzero(self.n)[-1]) + 1
        return self.total[:covered] / np.maximum(self.n[:covered], 1)[:, None]


def _framing(loaded: _model.Loaded) -> Any:
    module = catalog.load("features", loaded.feature.name)
    return module.framing(loaded.feature.sample_rate, **loaded.feature.parameters)


def _bands_hz(loaded: _model.Loaded) -> np.ndarray | None:
    module = catalog.load("features", loaded.feature.name)
    if not hasattr(module, "centres_hz"):
        return None
    return module.centres_hz(loaded.feature.sample_rate, **loaded.feature.parameters)
