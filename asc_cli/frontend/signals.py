"""Signals that are made up, of none of the scenes.

    silence      digital silence
    noise        a power spectrum of f^β: white 0, pink −1, brown −2, blue 1, and some between;
                 level below 20 Hz
    narrow       white noise without what is above 4 or 8 kHz, as telephones leave it out
    tone         a sine
    hum          harmonics k of 60 Hz, with an amplitude of 1/k each
    voice        syllables and pauses, with the rhythm and the formants of speech but no words:
                 harmonics k of a pitch, of amplitude 1/k times three resonances that are others in
                 each syllable, a fifth of the syllables noise above 3 kHz (after Klatt: Software
                 for a cascade/parallel formant synthesizer, J. Acoust. Soc. Am. 67, 1980)

All but silence have several levels, in dB of the root mean square below full scale, where peaks are
clipped. They are rounded to 16 bits, as recordings are, and are the same in every process.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

SECONDS = 5.0
LEVELS_DB = (-60, -48, -36, -24, -12)
SLOPES = (0, -0.5, -1, -1.5, -2, 0.5, 1)  # β
CUT_HZ = (4000, 8000)
TONES_HZ = (50, 100, 300, 1000, 3000)
HUM_HZ, HARMONICS = 60, 8
PITCHES_HZ = (90, 130, 190, 260)
FORMANTS_HZ = ((300, 800), (900, 2300), (2400, 3200))  # from, to
BANDWIDTH_HZ = 100
SYLLABLE_S, PAUSE_S = (0.12, 0.3), (0.0, 0.25)  # from, to
FRICATIVES = 0.2  # share of the syllables
FRICATIVE_HZ, FRICATIVE_LEVEL, HIGHEST_HZ = 3000, 0.3, 5000


def signals(sample_rate: int) -> Iterator[np.ndarray]:  # each (N,) float32
    """Yield the signals at a sample rate in Hz."""
    n = round(SECONDS * sample_rate)
    yield np.zeros(n, np.float32)
    for level_db in LEVELS_DB:
        for samples in _shapes(n, sample_rate, np.random.default_rng(-level_db)):
            scaled = 10 ** (level_db / 20) * samples / np.sqrt(np.square(samples).mean())
            yield (np.rint(32767 * scaled.clip(-1, 1)) / 32768).astype(np.float32)


def _shapes(n: int, sample_rate: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    frequencies, time = np.fft.rfftfreq(n, 1 / sample_rate), np.arange(n) / sample_rate
    for slope in SLOPES:
        yield _noise(n, np.maximum(frequencies, 20) ** (slope / 2), rng)
    for cut_hz in CUT_HZ:
        yield _noise(n, (frequencies < cut_hz).astype(float), rng)
    for tone_hz in TONES_HZ:
        if tone_hz < sample_rate / 2:
            yield np.sin(2 * np.pi * tone_hz * time)
    phases = 2 * np.pi * rng.random(HARMONICS)
    harmonics = np.arange(1, HARMONICS + 1)[:, None]
    yield (np.sin(2 * np.pi * HUM_HZ * harmonics * time + phases[:, None]) / harmonics).sum(axis=0)
    for pitch_hz in PITCHES_HZ:
        yield _voice(n, sample_rate, pitch_hz, rng)


def _noise(n: int, gains: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * gains, n)


def _voice(n: int, sample_rate: int, pitch_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Return syllables with pauses between them."""
    voice, place = np.zeros(n), 0
    while place < n:
        length = min(n - place, round(rng.uniform(*SYLLABLE_S) * sample_rate))
        if length > 2:
            voice[place : place + length] = _syllable(length, sample_rate, pitch_hz, rng)
        place += length + round(rng.uniform(*PAUSE_S) * sample_rate)
    return voice


def _syllable(n: int, sample_rate: int, pitch_hz: float, rng: np.random.Generator) -> np.ndarray:
    swell = np.sin(np.pi * np.arange(n) / n)
    if rng.random() < FRICATIVES:
        frequencies = np.fft.rfftfreq(n, 1 / sample_rate)
        cut_hz = min(FRICATIVE_HZ, sample_rate / 4)
        return FRICATIVE_LEVEL * swell * _noise(n, (frequencies > cut_hz).astype(float), rng)
    start, end = pitch_hz * rng.uniform(0.85, 1.2, 2)
    cycles = np.cumsum(np.linspace(start, end, n)) / sample_rate
    k = np.arange(1, int(min(HIGHEST_HZ, sample_rate / 2) / (1.2 * pitch_hz)) + 1)
    formants = [rng.uniform(*limits) for limits in FORMANTS_HZ]
    resonance = sum(1 / (1 + ((k * pitch_hz - hz) / BANDWIDTH_HZ) ** 2) for hz in formants)
    return swell * ((0.02 + resonance) / k @ np.sin(2 * np.pi * k[:, None] * cycles))
