"""An audio encoder of transformers, from a folder or the Hugging Face hub, on samples.

    frames   the encoder's last hidden states, window by window, one after another
    clip     one embedding of each window

    encoder                   frames                                clip
    AST                       patches, averaged over frequency      its pooled output
    wav2vec 2.0 and alike     hidden states                         their mean
    CLAP                      its map, averaged over frequency      its audio embedding
    Whisper                   the encoder's hidden states           their mean over the sound

wav2vec 2.0 and alike: HuBERT, WavLM, data2vec, UniSpeech and what else has its convolutions.
Gong et al., arXiv:2104.01778 (AST); Baevski et al., arXiv:2006.11477 (wav2vec 2.0); Wu et al.,
arXiv:2211.06687 (CLAP); Radford et al., arXiv:2212.04356 (Whisper).

`sample_rate` of the recipe is the encoder's. The encoder's own preparation is applied to each
window. A name on the hub needs its revision, a commit: then the same name is always the same
weights. Nothing is downloaded unless `asc features --download` orders it; without, the encoder is
read from the cache of huggingface_hub, and no connection is opened. No code of a hub's folder is
run. A hash of a folder's configuration and weights is part of the store's key; of a hub name, name
and commit. What it was trained on asc cannot see: results are marked "outside data".

Needs the extra `hf`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from asc_cli.core.errors import AscError
from asc_cli.features import Framing, _encoder, _hub, _transformers

VERSION = 1


@dataclass(frozen=True)
class HfEncoder:
    """Embeddings, float32."""

    model: str = ""  # a folder that save_pretrained wrote, or a name on the hub: OWNER/NAME
    revision: str = ""  # of a name on the hub: a commit, 40 hexadecimal digits
    embedding: Literal["frames", "clip"] = "frames"  # frames, or one embedding of each window
    window_s: float | None = None  # seconds encoded at a time; None: the encoder's longest, or 10
    hop_s: float | None = None  # clip: seconds from one window to the next; None: the window

    outside_data: ClassVar[bool] = True

    def __call__(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (N,) -> (T, D)
        return _encoder.encoded(self, samples, sample_rate)

    def framing(self, sample_rate: int) -> Framing:
        encoder = self._encoder()
        if sample_rate != encoder.sample_rate:
            raise AscError(
                f"features.sample_rate = {sample_rate}: {self.model} takes {encoder.sample_rate} "
                f"Hz; features.sample_rate: {encoder.sample_rate}"
            )
        window = encoder.window(self.window_s)
        if self.embedding == "clip":
            return _encoder.clip_framing(sample_rate, window, self.hop_s, encoder.reach)
        return encoder.framing(window)

    def of_window(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:  # (n,) -> (t, D)
        """Return the embeddings of at most a window."""
        encoder = self._encoder()
        return encoder.clip(samples) if self.embedding == "clip" else encoder.frames(samples)

    def files(self) -> str:
        """Return what tells the encoder's files from others: a hash, or a name and a commit."""
        return _hub.identity(self.model, self.revision)

    def download(self) -> None:
        """Get the encoder's files from the hub, if it is one of the hub. Raises AscError."""
        _hub.download(self.model, self.revision)

    def _encoder(self) -> _transformers.Encoder:
        return _transformers.load(_hub.folder(self.model, self.revision), self.files())
