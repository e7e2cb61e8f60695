"""Made-up scenes: which textures each is layered from, and how one recording is mixed.

A scene is a list of layers. A location of the scene draws, once for all its
recordings, how loud each layer is, its character (pitches, rates), its direction and the
colour of the room; a recording draws its own events. Scenes share textures as real ones do:
vehicles have engines, indoor places voices, outdoor places wind and birds. So a model that
fits a few locations well does not yet generalise to the scene.

N samples.
"""

import hashlib
from typing import NamedTuple

import numpy as np

from asc_cli.datasets._synthetic import textures
from asc_cli.datasets._synthetic.textures import Rng, Samples

VERSION = 1  # increase it when the same arguments give other samples

# How much places of one scene differ: the difficulty of the data set.
LAYER_SPREAD_DB = 2.0  # loudness of each layer
CHARACTER_SPREAD = 0.08  # pitches and rates, as a natural logarithm
COLOUR_SPREAD_DB = 1.0  # frequency response, at COLOUR_HZ
LEVEL_SPREAD_DB = 4.0  # loudness of the whole
MOMENT_SPREAD_DB = 1.2  # loudness of each layer, between recordings of one place

COLOUR_HZ = np.geomspace(40, 16_000, 8)
LEVEL_DB = -32.0  # RMS of a typical recording against full scale
FLOOR_DB = -30.0  # hiss against a layer of 0 dB: no recording is ever silent
PEAK = 0.9  # louder recordings are scaled down to this
EARS_SAMPLES = 28  # greatest delay between the two ears, 0.6 ms


class Layer(NamedTuple):
    texture: str  # a function of _toy_textures
    level_db: float  # against the other layers
    character: dict[str, float]  # its typical pitches and rates


def layer(texture: str, level_db: float, **character: float) -> Layer:
    return Layer(texture, level_db, character)


SCENES: dict[str, list[Layer]] = {
    "beach": [
        layer("waves", 0, per_second=0.15),
        layer("wind", -4, hz=250),
        layer("chirps", -6, per_second=0.6, hz=1600),  # gulls
        layer("babble", -14, voices=4),
    ],
    "bus": [
        layer("engine", 0, hz=30),
        layer("noise", -2, hz=120),
        layer("clicks", -6, per_second=5, hz=1800),  # rattling
        layer("babble", -10, voices=4),
        layer("beeps", -8, per_second=0.3, hz=1000),  # doors
    ],
    "cafe/restaurant": [
        layer("babble", 0, voices=9),
        layer("clicks", -3, per_second=4, hz=4200),  # cutlery
        layer("tune", -14, hz=330),
        layer("mains", -12, hz=100),
    ],
    "car": [
        layer("engine", 0, hz=52),
        layer("noise", -1, hz=200),
        layer("voice", -12, hz=140),
        layer("clicks", -18, per_second=2, hz=1500),
    ],
    "city_center": [
        layer("traffic", 0, per_second=0.5),
        layer("steps", -2, per_second=1.9, hz=900),
        layer("babble", -6, voices=6),
        layer("engine", -9, hz=60),  # waiting at the lights
    ],
    "forest_path": [
        layer("wind", 0, hz=900),
        layer("steps", -4, per_second=1.8, hz=1500),  # gravel
        layer("chirps", -6, per_second=1.5, hz=4500),
        layer("rustle", -12, per_second=0.5),
    ],
    "grocery_store": [
        layer("mains", -4, hz=100),  # freezers
        layer("babble", -4, voices=7),
        layer("beeps", -3, per_second=0.8, hz=2000),  # tills
        layer("clicks", -10, per_second=3, hz=2600),  # trolleys
        layer("tune", -12, hz=330),
    ],
    "home": [
        layer("noise", -8, hz=200),
        layer("mains", -4, hz=50),  # fridge
        layer("clicks", -5, per_second=1.0, hz=3200),  # dishes
        layer("voice", -7, hz=170),
    ],
    "library": [
        layer("noise", 0, hz=250),
        layer("rustle", -4, per_second=0.8),  # pages
        layer("clicks", -12, per_second=2, hz=2600),  # typing
        layer("steps", -14, per_second=1.7, hz=300),
    ],
    "metro_station": [
        layer("babble", -3, voices=9),
        layer("noise", -5, hz=1200),  # escalators
        layer("traffic", -5, per_second=0.3),  # trains that come and go
        layer("voice", -3, hz=190),  # announcements
        layer("steps", -10, per_second=1.9, hz=500),
        layer("beeps", -12, per_second=0.2, hz=1000),
    ],
    "office": [
        layer("noise", 0, hz=600),
        layer("mains", -4, hz=120),  # computers
        layer("clicks", -6, per_second=6, hz=2600),  # typing
        layer("voice", -14, hz=150),
    ],
    "park": [
        layer("wind", 0, hz=350),
        layer("chirps", -5, per_second=1.0, hz=3800),
        layer("babble", -5, voices=4),
        layer("traffic", -12, per_second=0.4),
        layer("steps", -14, per_second=1.8, hz=1200),
    ],
    "residential_area": [
        layer("traffic", -2, per_second=0.3),
        layer("wind", -4, hz=300),
        layer("chirps", -6, per_second=0.7, hz=3200),
        layer("chirps", -3, per_second=0.6, hz=600),  # dogs
        layer("steps", -14, per_second=1.8, hz=600),
    ],
    "train": [
        layer("noise", 0, hz=260),
        layer("wheels", 3, per_second=1.3),
        layer("mains", -4, hz=150),  # air conditioning
        layer("babble", -10, voices=4),
    ],
    "tram": [
        layer("engine", 0, hz=120),
        layer("noise", -3, hz=220),
        layer("wheels", -8, per_second=0.9),
        layer("squeal", -4, per_second=0.5, hz=1900),
        layer("babble", -10, voices=4),
        layer("beeps", -12, per_second=0.15, hz=1300),  # bell
    ],
}


def record(scene: str, location: str, moment: str, n: int, seed: int) -> Samples:  # -> (N, 2)
    """Return one recording of n samples, which depends on these arguments alone."""
    mix = np.zeros((2, n), dtype=np.float32)
    for number, a_layer in enumerate(SCENES[scene]):
        place = _rng(seed, scene, location, number)
        now = _rng(seed, scene, location, moment, number)
        _place(mix, _play(a_layer, place, now, n), place)
    hiss = _rng(seed, scene, location, moment, "hiss").random((2, n), dtype=np.float32)
    mix += _amplitude(FLOOR_DB) * np.sqrt(np.float32(12)) * (hiss - np.float32(0.5))
    return _finish(mix, _rng(seed, scene, location, "room")).T


def _play(a_layer: Layer, place: Rng, now: Rng, n: int) -> Samples:  # -> (N,)
    """Return one layer at a location and moment."""
    level_db = a_layer.level_db + place.normal(0, LAYER_SPREAD_DB) + now.normal(0, MOMENT_SPREAD_DB)
    character = {
        name: value * np.exp(place.normal(0, CHARACTER_SPREAD))
        for name, value in a_layer.character.items()
    }
    return _amplitude(level_db) * getattr(textures, a_layer.texture)(now, n, **character)


def _place(mix: Samples, samples: Samples, place: Rng) -> None:  # (2, N), (N,)
    """Add a sound to one side of the mix: less loud and later in the far ear."""
    side, n = place.uniform(-1, 1), len(samples)
    near, far = (0, 1) if side < 0 else (1, 0)
    delay = int(abs(side) * EARS_SAMPLES)
    mix[near] += samples
    mix[far, delay:] += _amplitude(-6 * abs(side)) * samples[: n - delay]


def _finish(mix: Samples, place: Rng) -> Samples:  # (2, N) -> (2, N)
    """Apply the location's frequency response and level to the mix."""
    n = mix.shape[1]
    gain_db = place.normal(0, COLOUR_SPREAD_DB, len(COLOUR_HZ))
    gain = np.interp(textures.frequencies_hz(n), COLOUR_HZ, 10 ** (gain_db / 20))
    mix = np.fft.irfft(np.fft.rfft(mix) * gain.astype(np.float32), n)
    mix *= _amplitude(LEVEL_DB + place.normal(0, LEVEL_SPREAD_DB)) / np.sqrt(np.mean(mix**2))
    return mix * np.float32(min(1.0, PEAK / np.abs(mix).max()))


def _amplitude(db: float) -> np.float32:
    return np.float32(10 ** (db / 20))


def _rng(*key: object) -> Rng:
    """Return a generator that depends on the key alone."""
    digest = hashlib.sha256("|".join(map(str, key)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
