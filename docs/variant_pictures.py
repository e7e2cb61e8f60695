"""Pictures of what each variant does to a made-up recording: log-mel spectrograms."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import soundfile
from augment_pictures import GAP, HIGHEST, LOWEST, drawn, png

from asc_cli.core import plugins
from asc_cli.features.log_mel import LogMel

RATE, SECONDS = 16_000, 1.6
FEATURE = LogMel(n_mels=48, frame_samples=512, hop_samples=400, f_min_hz=0.0, f_max_hz=None)
SHOWN = {  # parameters under which the effect is seen at once
    "impulse_response": {},
    "noise": {"snr_db": 0.0},
    "pitch": {"semitones": 7.0},
    "speed": {"factor": 1.6},
}


def recording() -> np.ndarray:  # -> (N,)
    """A hum, a tone that rises, three knocks."""
    t = np.arange(round(RATE * SECONDS)) / RATE
    rising = 0.1 * np.sin(2 * np.pi * (600 * t + 300 * t**2))
    knocks = sum(np.exp(-((t - at) % SECONDS) * 60) for at in (0.2, 0.7, 1.2))
    noise = np.random.default_rng(0).normal(0, 1, len(t))
    return (0.1 * np.sin(2 * np.pi * 150 * t) + rising + noise * (0.3 * knocks + 0.002)).astype(
        "f4"
    )


def picture(name: str) -> bytes:
    """Return a PNG: the recording and its variant, low bands at the foot."""
    samples = recording()
    with tempfile.TemporaryDirectory() as folder:
        t = np.arange(round(0.25 * RATE)) / RATE  # a room without high frequencies
        room = np.random.default_rng(1).normal(0, 1, len(t)) * np.exp(-t * 20)
        response = np.convolve(room, np.hanning(16), mode="same")
        soundfile.write(Path(folder) / "room.wav", response / np.abs(response).max(), RATE)
        parameters = SHOWN.get(name, {})
        if name == "impulse_response":
            parameters = {"folder": folder}
        changed = plugins.INSTALLED.dataclass_of("variants", name)(**parameters)(samples, RATE)
    panels = [drawn(scaled(FEATURE(each, RATE))) for each in (samples, changed)]
    gap = np.full((panels[0].shape[0], GAP, 3), 255, np.uint8)
    return png(np.concatenate([panels[0], gap, panels[1]], axis=1))


def scaled(frames: np.ndarray) -> np.ndarray:  # (T, F) -> (T, F)
    """Return a log-mel spectrogram on the scale of the colours."""
    share = np.clip((frames + 9) / 14, 0, 1)  # from ln 1e-4 to ln 150
    return LOWEST + (HIGHEST - LOWEST) * share
