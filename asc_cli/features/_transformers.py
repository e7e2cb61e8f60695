"""Audio encoders of transformers: one family each, with the framing that follows from it.

B = 1 window, T frames, F places along frequency, D numbers of a hidden state.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.core import installation
from asc_cli.core.errors import AscError, first_line
from asc_cli.features import Framing, _encoder

OWN = {"local_files_only": True, "trust_remote_code": False}  # no connection, no code
DEFAULT_S = 10.0  # window of an encoder that takes any length
DRAWN_AT_RANDOM = {"masked_spec_embed"}  # what checkpoints may lack: of training alone
AST_FRAME_S, AST_HOP_S = 0.025, 0.010  # of the mel bands that AST's preparation computes


@dataclass(frozen=True)
class Encoder:
    """A loaded encoder.

    Attributes:
        sample_rate: Of the samples that it takes, Hz.
        longest: Samples that it takes at most; None: any number.
        step: Samples from one frame to the next; None: a window's by its number of frames.
        reach: Samples that a frame needs, where that is more than a step.
        frames_of: What it computes → frames (T, D).
        clip_of: What it computes, and the number of samples → an embedding (D,).
        run: Samples → what it computes.
    """

    sample_rate: int
    longest: int | None
    step: int | None
    reach: int | None
    frames_of: Callable[[Any], Any]
    clip_of: Callable[[Any, int], Any]
    run: Callable[[np.ndarray], Any]

    def window(self, seconds: float | None) -> int:
        """Return the samples of a window. Raises AscError for one that it does not take."""
        if seconds is None:
            return self.longest or round(DEFAULT_S * self.sample_rate)
        window = round(seconds * self.sample_rate)
        if window < 1 or (self.longest is not None and window > self.longest):
            longest = "" if self.longest is None else f", {self.longest / self.sample_rate:g} s"
            raise AscError(
                f"features.window_s = {seconds:g}: more than 0 and at most what the encoder "
                f"takes{longest} was expected"
            )
        return window

    def framing(self, window: int) -> Framing:
        """Return the framing of a window's frames. Raises AscError for one that is too short."""
        reach = self.reach or self.step or 1
        if window < reach:
            raise AscError(f"features.window_s: a window of {window} samples has no frame")
        if self.step is not None:
            n_frames = 1 + (window - reach) // self.step
            return _encoder.framing(self.sample_rate, window, n_frames, self.step, self.reach)
        n_frames = len(self.frames(np.zeros(window, np.float32)))
        return _encoder.framing(self.sample_rate, window, n_frames, max(1, window // n_frames))

    def frames(self, samples: np.ndarray) -> np.ndarray:  # (n,) -> (T, D)
        """Return the frames of a window."""
        return np.ascontiguousarray(self.frames_of(self.run(samples)).float().numpy())

    def clip(self, samples: np.ndarray) -> np.ndarray:  # (n,) -> (1, D)
        """Return the embedding of a window."""
        return self.clip_of(self.run(samples), len(samples)).float().numpy()[None]


@functools.lru_cache(maxsize=1)
def load(folder: Path, contents: str) -> Encoder:
    """Return the encoder in a folder with these contents. Raises AscError."""
    with installation.in_words("features.hf_encoder"):
        import torch
        import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():  # AST's own preparation has empty mel bands at 16 kHz
            warnings.filterwarnings("ignore", "At least one mel filter has all zero", UserWarning)
            extractor = transformers.AutoFeatureExtractor.from_pretrained(folder, **OWN)
        model, report = transformers.AutoModel.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, **OWN
        )
    except (OSError, ValueError, KeyError, RuntimeError) as fault:
        raise AscError(
            f"features: {folder} holds no audio encoder that transformers "
            f"{transformers.__version__} reads ({first_line(fault)})"
        ) from fault
    if missing := sorted(
        key for key in report["missing_keys"] if key.rpartition(".")[2] not in DRAWN_AT_RANDOM
    ):
        raise AscError(
            f"features: the weights in {folder} lack {missing[0]} and {len(missing) - 1} more, "
            "which would be drawn at random"
        )
    return _family(folder, model.eval(), extractor)


def _family(folder: Path, model: Any, extractor: Any) -> Encoder:
    """Return the encoder of a model of transformers. Raises AscError for another kind of model."""
    config = model.config
    match config.model_type:
        case "audio-spectrogram-transformer":
            return _ast(model, extractor)
        case "whisper":
            return _whisper(model, extractor)
        case "clap" | "clap_audio_model":
            return _clap(model, extractor)
    if hasattr(config, "conv_stride") and hasattr(config, "conv_kernel"):
        return _convolutional(model, extractor)
    raise AscError(
        f"features: {folder} is a {config.model_type}; an audio encoder was expected: AST, wav2vec "
        "2.0 and alike, CLAP or Whisper"
    )


def _ast(model: Any, extractor: Any) -> Encoder:
    config, rate = model.config, extractor.sampling_rate
    hop = round(AST_HOP_S * rate)
    n_frequency = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1

    def frames(output: Any) -> Any:  # (1, 2 + F T, D) -> (T, D)
        patches = output.last_hidden_state[0, 2:]  # less the class and the distillation token
        return patches.unflatten(0, (n_frequency, -1)).mean(dim=0)

    return Encoder(
        rate,
        extractor.max_length * hop,
        config.time_stride * hop,
        (config.patch_size - 1) * hop + round(AST_FRAME_S * rate),
        frames,
        lambda output, n: output.pooler_output[0],
        _runner(model, extractor),
    )


def _whisper(model: Any, extractor: Any) -> Encoder:
    step = extractor.n_samples // model.config.max_source_positions

    def mean(output: Any, n: int) -> Any:
        hidden = output.last_hidden_state[0]
        return hidden[: min(len(hidden), max(1, n // step))].mean(dim=0)

    return Encoder(
        extractor.sampling_rate,
        extractor.n_samples,
        step,
        None,
        lambda output: output.last_hidden_state[0],
        mean,
        _runner(model.get_encoder(), extractor),
    )


def _clap(model: Any, extractor: Any) -> Encoder:
    audio = model.get_audio_features if hasattr(model, "get_audio_features") else model
    return Encoder(
        extractor.sampling_rate,
        extractor.nb_max_samples,
        None,
        None,
        lambda output: output.last_hidden_state[0].mean(dim=1).T,  # (1, D, F, T) -> (T, D)
        lambda output, n: output.pooler_output[0],
        _runner(audio, extractor),
    )


def _convolutional(model: Any, extractor: Any) -> Encoder:
    kernels, strides = model.config.conv_kernel, model.config.conv_stride
    reach = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        reach = (reach - 1) * stride + kernel
    return Encoder(
        extractor.sampling_rate,
        None,
        math.prod(strides),
        reach,
        lambda output: output.last_hidden_state[0],
        lambda output, n: output.last_hidden_state[0].mean(dim=0),
        _runner(model, extractor),
    )


def _runner(compute: Callable[..., Any], extractor: Any) -> Callable[[np.ndarray], Any]:
    """Return what computes a window: the encoder's own preparation, then the encoder."""
    import torch

    def run(samples: np.ndarray) -> Any:
        prepared = extractor(samples, sampling_rate=extractor.sampling_rate, return_tensors="pt")
        prepared.pop("attention_mask", None)  # one window has nothing to leave out
        try:
            with torch.inference_mode():
                return compute(**prepared)
        except (RuntimeError, ValueError) as fault:
            raise AscError(
                f"features: the encoder cannot be computed on {len(samples)} samples "
                f"({first_line(fault)})"
            ) from fault

    return run
