"""An encoder from outside, as an ONNX file: samples or mel bands in, embeddings out.

    frames   y[t] = f(x)[t]           window by window, one after another
    clip     y[k] = f(x_k)            one embedding of each window k; frames are averaged

The file has one input, float32: samples (N), (1, N) or (1, 1, N); or mel bands (T, F), (1, T, F) or
(1, 1, T, F), the last two axes the other way round where bands_first. Mel bands are those of the
feature `log_mel` (with the logarithm) or `mel` with the parameters of the same names, then
(band − mel_mean) / mel_std. Its output is (1, D), (1, T, D) or the same without the first axis.
`sample_rate` of the recipe is the encoder's. A hash of the file, and of files beside it whose names
begin with its own (weights outside the graph), is part of the store's key.

It runs in onnxruntime, on one thread, one window at a time. What it was trained on asc cannot see:
results are marked "outside data".

N samples of a window, T frames, F mel bands, D numbers of an embedding.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from asc_cli.core.errors import AscError, first_line
from asc_cli.core.onnx_session import session
from asc_cli.features import Framing, _encoder
from asc_cli.features.log_mel import LogMel
from asc_cli.features.mel import Mel

VERSION = 1
AXES = {"samples": (1, 2, 3), "log_mel": (2, 3, 4), "mel": (2, 3, 4)}  # of the input
SHARED = (  # parameters of `log_mel` and `mel`
    *("n_mels", "frame_samples", "hop_samples", "f_min_hz", "f_max_hz", "n_fft"),
    *("window", "spectrum", "scale", "area_norm", "centred"),
)


@dataclass(frozen=True)
class OnnxEncoder:
    """Embeddings, float32."""

    file: str = ""  # the ONNX file; relative to the recipe's file
    input: Literal["samples", "log_mel", "mel"] = "samples"  # what the file takes
    output: str = ""  # name of the output that is read; empty: the first
    embedding: Literal["frames", "clip"] = "frames"  # frames, or one embedding of each window
    window_s: Annotated[float, Field(gt=0)] = 10.0  # seconds that are encoded at a time
    hop_s: float | None = None  # clip: seconds from one window to the next; None: window_s
    pad: bool = True  # whether a part of a window is filled up with zeros; false: clip alone, as is
    step_samples: int | None = None  # frames: from one to the next; None: window / its frames
    bands_first: bool = False  # whether the file takes (F, T) in place of (T, F)
    mel_mean: float = 0.0  # subtracted from each mel band
    mel_std: float = 1.0  # what each mel band is divided by
    n_mels: int = 64  # mel bands
    frame_samples: int = 1024  # mel: samples of a frame
    hop_samples: int = 320  # mel: samples from one frame to the next
    f_min_hz: float = 0.0  # mel: lower edge of the lowest band, in Hz
    f_max_hz: float | None = None  # mel: upper edge of the highest band; None: half the rate
    n_fft: int | None = None  # mel: samples that frames are padded to; None: their own
    window: Literal["hann", "hamming"] = "hann"  # mel: what frames are multiplied by
    spectrum: Literal["power", "magnitude"] = "power"  # mel: what is summed into bands
    scale: Literal["slaney", "htk"] = "slaney"  # mel: the scale on which bands are evenly spaced
    area_norm: bool = True  # mel: whether filters have area 1; false: height 1
    centred: bool = False  # mel: whether frame t has its middle at t · hop, with reflection
    offset: float = 0.0  # log_mel: added to a band before the logarithm
    floor: float = 1e-10  # log_mel: smallest value that the logarithm is taken of

    outside_data: ClassVar[bool] = True

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (N,) -> (T, D)
        return _encoder.encoded(self, samples, sample_rate)

    def framing(self, sample_rate: int) -> Framing:
        window = self._window(sample_rate)
        if self.embedding == "clip":
            return _encoder.clip_framing(sample_rate, window, self.hop_s)
        n_frames = len(self.of_window(np.zeros(window, np.float32), sample_rate))
        hop = self.step_samples or window // n_frames
        if not 1 <= hop * n_frames <= window:
            raise AscError(
                f"features: step_samples = {hop}: {n_frames} frames of a window of {window} "
                f"samples; at most {window // n_frames} was expected"
            )
        return _encoder.framing(sample_rate, window, n_frames, hop)

    def of_window(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (n,) -> (t, D)
        """Return the embeddings of at most a window."""
        window = self._window(sample_rate)
        if len(samples) < window and (self.pad or self.embedding == "frames"):
            samples = np.pad(samples, (0, window - len(samples)))
        session = _session(*self._paths())
        output = _run(session, self._input(session, samples, sample_rate), self.output, self.file)
        frames = output[0] if output.ndim == 3 and len(output) == 1 else output
        if frames.ndim == 1:
            frames = frames[None]
        if frames.ndim != 2 or 0 in frames.shape:
            raise AscError(
                f"features: {self.file} gives {output.shape}; (1, D) or (1, T, D) was expected"
            )
        return frames.mean(axis=0, keepdims=True) if self.embedding == "clip" else frames

    def files(self) -> str:
        """Return a hash of the file's contents: another gives other features."""
        return self._paths()[1]

    def _window(self, sample_rate: int) -> int:  # samples
        return max(1, round(self.window_s * sample_rate))

    def _paths(self) -> tuple[Path, str]:
        """Return the file, and the hash of it and of what lies beside it."""
        path = Path(self.file).expanduser()
        if not self.file or not path.is_file():
            raise AscError(
                f"features: onnx_encoder: {self.file or 'file'}: an ONNX file was expected there"
            )
        beside = [each for each in path.parent.iterdir() if each.name.startswith(path.name)]
        return path, _encoder.contents(each for each in beside if each.is_file())

    def _input(self, session: Any, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return what the file takes, with as many axes as its input has."""
        inputs = session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            listed = ", ".join(f"{each.name}: {each.type}" for each in inputs)
            raise AscError(
                f"features: {self.file} takes {listed}; one input of float32 was expected"
            )
        n_axes = len(inputs[0].shape)
        if n_axes not in AXES[self.input]:
            raise AscError(
                f"features: {self.file} takes an input of {n_axes} axes, which {self.input} does "
                "not fit; features.input is samples, log_mel or mel"
            )
        values = samples if self.input == "samples" else self._mel(samples, sample_rate)
        return values.reshape((1,) * (n_axes - values.ndim) + values.shape)

    def _mel(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (N,) -> (T, F)
        parameters = {name: getattr(self, name) for name in SHARED}
        feature = (
            LogMel(**parameters, offset=self.offset, floor=self.floor)
            if self.input == "log_mel"
            else Mel(**parameters)
        )
        shortest = feature.framing(sample_rate).shortest_samples
        if len(samples) < shortest:
            samples = np.pad(samples, (0, shortest - len(samples)))
        bands = (feature(samples, sample_rate) - self.mel_mean) / self.mel_std
        return np.ascontiguousarray(bands.T if self.bands_first else bands, np.float32)


@functools.lru_cache(maxsize=1)
def _session(path: Path, contents: str) -> Any:
    """Return the onnxruntime session of a file with these contents. Raises AscError."""
    return session(path, f"features: {path} is no ONNX file that onnxruntime runs")


def _run(session: Any, values: np.ndarray, output: str, file: str) -> np.ndarray:
    """Return an output of a session. Raises AscError where it has none of this name, or fails."""
    names = [each.name for each in session.get_outputs()]
    if output and output not in names:
        raise AscError(
            f"features.output = {output}: {file} has no such output; it has {', '.join(names)}"
        )
    try:
        [result] = session.run([output or names[0]], {session.get_inputs()[0].name: values})
    except MemoryError:
        raise
    except Exception as fault:  # onnxruntime has a class for each kind, without one for all
        raise AscError(
            f"features: {file} cannot be computed on an input of shape {values.shape} "
            f"({first_line(fault)})"
        ) from fault
    return np.asarray(result, np.float32)
