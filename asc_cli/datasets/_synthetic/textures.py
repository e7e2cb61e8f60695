"""Textures: the sounds that made-up scenes are mixed from.

A texture is `texture(rng, n, **character) -> (n,)`: n mono samples at 44.1 kHz, float32. What
makes one engine, bird or room differ from another (a pitch, a rate) is its character; what makes
one minute differ from the next comes from `rng`. Lasting sounds have unit RMS; passing events
peak at about `EVENT_PEAK` and leave silence between them.

N samples, K control points, P points of one period.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.floating]  # float32 throughout: half the memory, twice the speed
Rng = np.random.Generator

SAMPLE_RATE = 44_100
EVENT_PEAK = 4.0  # against the unit RMS of lasting sounds
SYLLABLES_HZ = 4.0
PERIOD = 2048  # points of one period of a wave
FORMANTS_HZ = (500.0, 1500.0, 2700.0)


# Building blocks


def frequencies_hz(n: int) -> Samples:  # N -> (N // 2 + 1,)
    """Frequency of each bin of a real FFT of n samples; bin 0 is moved off zero."""
    hz = np.arange(n // 2 + 1, dtype=np.float32) * np.float32(SAMPLE_RATE / n)
    hz[0] = hz[1] / 2
    return hz


def band(hz: Samples, centre_hz: float, q: float) -> Samples:
    """Magnitude of a resonator: 1 at its centre, 6 dB per octave far from it."""
    x = hz / np.float32(centre_hz)
    return 1 / (1 + np.square(np.float32(q) * (x - 1 / x)))


def unit(samples: Samples) -> Samples:
    """The same sound at RMS 1."""
    return samples / np.float32(np.sqrt(np.dot(samples, samples) / len(samples)) + 1e-9)


def shaped_noise(rng: Rng, gain: Samples, n: int) -> Samples:  # (N // 2 + 1,) -> (N,)
    """Noise with the given magnitude spectrum.

    Real and imaginary parts are uniform rather than normal: a sample sums thousands of them, so
    it is normal all the same, and the draw costs a fifth.
    """
    draw = rng.random((len(gain), 2), dtype=np.float32) - np.float32(0.5)
    return unit(np.fft.irfft(draw.view(np.complex64)[:, 0] * gain, n))


def interpolate(points: Samples, n: int) -> Samples:  # (K,) -> (N,)
    """Control points, spread evenly over n samples and joined by straight lines."""
    step = -(-n // (len(points) - 1))
    ramp = np.arange(step, dtype=np.float32) / np.float32(step)
    return (points[:-1, None] + np.diff(points)[:, None] * ramp).ravel()[:n]


def wander(rng: Rng, n: int, per_second: float) -> Samples:  # -> (N,) within 0 ... 1
    """A random slow curve, with so many turning points a second."""
    count = 2 + int(per_second * n / SAMPLE_RATE)
    return interpolate(rng.random(count, dtype=np.float32), n)


def tone(wave: Samples, hz: Samples) -> Samples:  # (P,), (N,) -> (N,)
    """A periodic wave played at a pitch that moves."""
    turns = np.cumsum(hz, dtype=np.float64)
    turns *= PERIOD / SAMPLE_RATE
    return wave[turns.astype(np.int64) & (PERIOD - 1)]  # PERIOD is a power of 2


def harmonics(rng: Rng, amplitudes: Samples) -> Samples:  # -> (P,)
    """One period with about the given amplitudes, the fundamental's first, and any phases."""
    count = len(amplitudes)
    spectrum = np.zeros(PERIOD // 2 + 1, dtype=np.complex64)
    phases = np.exp(2j * np.pi * rng.random(count))
    spectrum[1 : count + 1] = amplitudes * rng.uniform(0.5, 1, count) * phases
    return unit(np.fft.irfft(spectrum, PERIOD))


def falling(count: int, decay: float) -> Samples:
    """Amplitudes of harmonics 1 ... count that fall as k^-decay."""
    return np.arange(1, count + 1, dtype=np.float32) ** np.float32(-decay)


def ring(rng: Rng, hz: float, seconds: float) -> Samples:
    """Something struck once: a decaying tone with a noisy onset."""
    t = np.arange(int(seconds * SAMPLE_RATE), dtype=np.float32) / np.float32(SAMPLE_RATE)
    swing = np.sin(2 * np.pi * hz * t) + 0.7 * rng.standard_normal(len(t), dtype=np.float32)
    return (swing * np.exp(-5 * t / seconds)).astype(np.float32)


def scatter(
    rng: Rng, n: int, times_s: NDArray[np.float64], event: Callable[[], Samples]
) -> Samples:
    """Events at the given times, each of its own loudness; what exceeds the end is cut."""
    out = np.zeros(n, dtype=np.float32)
    for at in (times_s * SAMPLE_RATE).astype(int):
        piece = event()[: max(n - at, 0)]
        out[at : at + len(piece)] += piece * np.float32(EVENT_PEAK * rng.uniform(0.3, 1))
    return out


def at_random(rng: Rng, n: int, per_second: float) -> NDArray[np.float64]:
    """Times in seconds of independent events (a Poisson process)."""
    seconds = n / SAMPLE_RATE
    return rng.uniform(0, seconds, rng.poisson(per_second * seconds))


def in_step(rng: Rng, n: int, per_second: float, jitter: float) -> NDArray[np.float64]:
    """Times in seconds of events that keep a beat, each early or late by a share of it."""
    beats = np.arange(rng.random(), per_second * n / SAMPLE_RATE)
    return np.maximum(beats + rng.normal(0, jitter, len(beats)), 0) / per_second


# Lasting sounds


def noise(rng: Rng, n: int, *, hz: float, q: float = 0.7) -> Samples:
    """Steady noise around hz: a road, a fan, a room."""
    return shaped_noise(rng, band(frequencies_hz(n), hz, q), n)


def wind(rng: Rng, n: int, *, hz: float) -> Samples:
    """Noise that comes in gusts."""
    gusts = 0.2 + wander(rng, n, 0.8) ** 2
    return unit(noise(rng, n, hz=hz, q=0.5) * gusts)


def waves(rng: Rng, n: int, *, per_second: float) -> Samples:
    """Breakers: a low swell, and foam that hisses on its crest."""
    turns = rng.random() + per_second / SAMPLE_RATE * np.arange(n, dtype=np.float32)
    crest = 0.5 + 0.5 * np.sin(np.float32(2 * np.pi) * turns)
    swell = noise(rng, n, hz=350) * (0.3 + 0.7 * crest)
    return unit(swell + noise(rng, n, hz=3000) * crest**3)


def traffic(rng: Rng, n: int, *, per_second: float) -> Samples:
    """Vehicles that pass: a far rush, and now and then a near one."""
    nearness = 0.25 + wander(rng, n, 2 * per_second) ** 3
    return unit(noise(rng, n, hz=250, q=0.5) * nearness)


def engine(rng: Rng, n: int, *, hz: float) -> Samples:
    """Harmonics of a pitch that drifts with the revolutions, on a rumble."""
    pitch = np.float32(hz) * (0.9 + 0.2 * wander(rng, n, 0.5))
    return unit(tone(harmonics(rng, falling(40, 0.8)), pitch) + noise(rng, n, hz=2 * hz))


def mains(rng: Rng, n: int, *, hz: float) -> Samples:
    """The steady hum of a fridge, a fan or a lamp."""
    steady = np.full(n, hz, dtype=np.float32)
    return unit(tone(harmonics(rng, falling(12, 1.2)), steady) + 0.3 * noise(rng, n, hz=6 * hz))


def babble(rng: Rng, n: int, *, voices: float) -> Samples:
    """Many talkers: formant bands, each moving at the pace of syllables; the more, the steadier."""
    hz, mix = frequencies_hz(n), np.zeros(n, dtype=np.float32)
    for formant_hz in FORMANTS_HZ:
        depth = np.float32(1 / np.sqrt(voices))
        syllables = 1 - depth + 2 * depth * wander(rng, n, 2 * SYLLABLES_HZ) ** 2
        mix += shaped_noise(rng, band(hz, formant_hz, 3.0), n) * syllables * (500 / formant_hz)
    return unit(mix)


def voice(rng: Rng, n: int, *, hz: float) -> Samples:
    """One talker near by, or a loudspeaker: a gliding pitch, syllables, phrases and pauses."""
    overtones = np.arange(1, 31, dtype=np.float32) * np.float32(hz)
    mouth = np.sum(
        [band(overtones, formant_hz, 4.0) / formant_hz for formant_hz in FORMANTS_HZ], axis=0
    )
    pitch = np.float32(hz) * (0.8 + 0.4 * wander(rng, n, 3.0))
    syllables = wander(rng, n, 2 * SYLLABLES_HZ) ** 2
    phrases = np.clip(4 * wander(rng, n, 0.8) - 1.0, 0.02, 1)
    return unit(tone(harmonics(rng, mouth), pitch) * syllables * phrases)


def tune(rng: Rng, n: int, *, hz: float) -> Samples:
    """Music from a loudspeaker: notes of a pentatonic scale."""
    scale = np.array([0, 2, 4, 7, 9, 12, 14, 16])
    notes = rng.choice(scale, 1 + int(np.ceil(4 * n / SAMPLE_RATE)))
    pitch = np.repeat((hz * 2 ** (notes / 12)).astype(np.float32), SAMPLE_RATE // 4)[:n]
    return tone(harmonics(rng, falling(6, 1.5)), pitch)


# Passing events


def clicks(rng: Rng, n: int, *, per_second: float, hz: float) -> Samples:
    """Things struck at random: keys, cutlery, rattles."""
    return scatter(
        rng, n, at_random(rng, n, per_second), lambda: ring(rng, hz * rng.uniform(0.7, 1.4), 0.05)
    )


def steps(rng: Rng, n: int, *, per_second: float, hz: float) -> Samples:
    """Footsteps: dull and in step, gritty where hz is high."""
    return scatter(
        rng,
        n,
        in_step(rng, n, per_second, 0.08),
        lambda: ring(rng, hz * rng.uniform(0.9, 1.1), 0.12),
    )


def wheels(rng: Rng, n: int, *, per_second: float) -> Samples:
    """Rail joints: two thuds, close together, in step."""
    thud = ring(rng, 90, 0.15)
    pair = np.concatenate([thud, 0.8 * thud])
    return scatter(rng, n, in_step(rng, n, per_second, 0.02), lambda: pair)


def squeal(rng: Rng, n: int, *, per_second: float, hz: float) -> Samples:
    """Wheels in a curve: a thin tone that swells and fades."""

    def event() -> Samples:
        count = int(rng.uniform(0.5, 2) * SAMPLE_RATE)
        pitch = np.float32(hz) * (0.97 + 0.06 * wander(rng, count, 4))
        return tone(harmonics(rng, falling(3, 1.0)), pitch) * np.hanning(count).astype(np.float32)

    return 0.5 * scatter(rng, n, at_random(rng, n, per_second), event)


def chirps(rng: Rng, n: int, *, per_second: float, hz: float) -> Samples:
    """Birds: short calls that sweep up or down; low and long ones are gulls."""

    def event() -> Samples:
        count = int(rng.uniform(200, 600) / hz * SAMPLE_RATE)
        sweep = np.linspace(rng.uniform(0.8, 1.2), rng.uniform(0.8, 1.2), count)
        return tone(harmonics(rng, falling(2, 2.0)), (hz * sweep).astype(np.float32)) * np.hanning(
            count
        ).astype(np.float32)

    return scatter(rng, n, at_random(rng, n, per_second), event)


def beeps(rng: Rng, n: int, *, per_second: float, hz: float) -> Samples:
    """Doors, scanners, bells: a pure tone, switched on and off."""
    count = int(0.15 * SAMPLE_RATE)
    beep = np.sin(2 * np.pi * hz / SAMPLE_RATE * np.arange(count)).astype(np.float32)
    return scatter(rng, n, at_random(rng, n, per_second), lambda: beep)


def rustle(rng: Rng, n: int, *, per_second: float) -> Samples:
    """Pages, bags, leaves underfoot: short swishes."""

    def event() -> Samples:
        count = int(rng.uniform(0.1, 0.5) * SAMPLE_RATE)
        return noise(rng, count, hz=5000) * np.hanning(count).astype(np.float32)

    return 0.5 * scatter(rng, n, at_random(rng, n, per_second), event)
