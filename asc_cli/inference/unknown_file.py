"""Statistics for recordings of none of the scenes as a safetensors file: `unknown.py` has them."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np

from asc_cli.core import tensors
from asc_cli.core.errors import AscError, DamagedFile
from asc_cli.inference.distances import Neighbours, gaussian_of
from asc_cli.inference.unknown import SCORES, Layout, Scale, Sound, Statistics

REMEDY = "import the model again from its zip file, or train it again"
OLD_NUMBERS = 3  # median, end, reach: of the form without `Sound`


def save(path: Path, statistics: Statistics) -> None:
    """Write statistics as a safetensors file, by torch; complete or not at all."""
    import torch

    own, sound = statistics, statistics.sound
    numbers = [*astuple(own.scale), own.reach]
    arrays = {
        "layout": np.array([*vars(own.layout).values(), SCORES.index(own.score)]),
        "sounds.rows": own.sounds.rows.astype(np.float16),
        "sounds.scale": own.sounds.scale,
        **({} if own.embeddings is None else own.embeddings.arrays("embeddings")),
    }
    if sound is not None:
        scales = (sound.nearest, sound.relative, sound.together)
        numbers += [sound.limit, *(number for scale in scales for number in astuple(scale))]
        arrays |= sound.scenes.arrays("scenes") | sound.every.arrays("every")
        arrays["negatives.rows"] = sound.negatives.rows.astype(np.float16)
    arrays["numbers"] = np.array(numbers)
    contents = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    tensors.save(path, contents)  # with texts, whose order changes, its bytes would change


def load(path: Path) -> Statistics:
    """Read what `save` wrote, without torch. Raises AscError for a file that is damaged."""
    try:
        arrays = tensors.load_arrays(path).arrays
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("numbers that are not finite")
        return _statistics(arrays)
    except (OSError, LookupError, TypeError, ValueError, DamagedFile) as fault:
        raise AscError(f"{path}: is damaged ({fault}); {REMEDY}") from fault


def _statistics(arrays: dict[str, np.ndarray]) -> Statistics:
    """Return the statistics of arrays. Raises ValueError for those that do not fit the layout."""
    *sizes, score = (int(number) for number in arrays["layout"])
    layout = Layout(*sizes)
    scale, width = arrays["sounds.scale"], (2 * layout.n_bands,)
    median, end, reach, *others = (float(number) for number in arrays["numbers"])
    embeddings = gaussian_of("embeddings", arrays) if layout.n_embedding else None
    sounds = Neighbours(arrays["sounds.rows"].astype(np.float64), scale)
    sound = _sound(arrays, scale, others) if others else None
    for shape in (scale.shape, *(x.rows.shape[1:] for x in (sounds, *_negatives(sound)))):
        if shape != width:
            raise ValueError(f"shapes {shape} and {width} that do not fit each other")
    if embeddings:
        embeddings.require_width(layout.n_embedding)
    if sound:
        sound.scenes.require_width(*width)
        sound.every.require_width(*width)
    return Statistics(SCORES[score], layout, embeddings, sounds, Scale(median, end), reach, sound)


def _sound(arrays: dict[str, np.ndarray], scale: np.ndarray, numbers: list[float]) -> Sound:
    limit, *ends = numbers
    nearest, relative, together = (Scale(*ends[i : i + 2]) for i in range(0, 6, 2))
    negatives = Neighbours(arrays["negatives.rows"].astype(np.float64), scale)
    gaussians = gaussian_of("scenes", arrays), gaussian_of("every", arrays)
    return Sound(*gaussians, nearest, relative, together, negatives, limit)


def _negatives(sound: Sound | None) -> tuple[Neighbours, ...]:
    return () if sound is None else (sound.negatives,)
