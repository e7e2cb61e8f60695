"""Made-up scenes in the layout of TUT Acoustic Scenes 2016, to try asc without a download.

    <root>/toy.json                                  the arguments the audio was generated from
    <root>/audio/a001_0_30.wav                       44.1 kHz, stereo, 24 bit
    <root>/meta.txt                                  "audio/a001_0_30.wav<TAB>bus", no header
    <root>/evaluation_setup/fold{1..4}_train.txt     same two columns; _evaluate.txt too
    <root>/evaluation_setup/fold{1..4}_test.txt      path only
    <root>/error.txt                                 empty: made-up audio has no faults

Scenes, names and lists are those of the real set; only the sound is synthetic
(_synthetic/scenes.py).
A name is <location>_<start>_<end>. Real segments last 30 s, so segment k is always called
<location>_<30 k>_<30 (k + 1)>, however many seconds of audio are made for it.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from asc_cli.core import atomic
from asc_cli.core.errors import AscError
from asc_cli.datasets import tut2016
from asc_cli.datasets._formats import lists as _lists
from asc_cli.datasets._formats.generated import claim_folder
from asc_cli.datasets._synthetic.scenes import SCENES, VERSION, record
from asc_cli.datasets._synthetic.textures import SAMPLE_RATE

DATASET = replace(
    tut2016.DATASET,
    name="toy",
    title="Made-up scenes in the layout of TUT Acoustic Scenes 2016",
    homepage="",
    licence="none needed: made up",
    citation="",
    obtain="To make it: asc datasets make toy",
    recordings=None,
    fold_sizes=(),
    scene_sizes=(),
    shares_with=(),
    archives=(),
    challenge=None,
    baselines=(),
)
read = tut2016.read
FOLDS = (1, 2, 3, 4)
NAME_SECONDS = 30  # a segment's length in its name
FEWEST_RECORDINGS = len(SCENES) * len(FOLDS)
SHORTEST_SECONDS = 0.01


class Clip(NamedTuple):
    path: str  # below the root, with "/"
    scene: str
    fold: int  # the fold that tests it; 0 where published lists define the folds

    @property
    def location(self) -> str:
        return PurePosixPath(self.path).stem.split("_")[0]


def make(
    root: Path,
    *,
    recordings: int = 1170,
    seconds: float = 30.0,
    seed: int = 0,
    lists: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a data set below `root`; or what is missing of it, if a run was interrupted.

    A recording depends on its name, its scene, `seconds` and `seed` only: the same call writes
    the same bytes, and one more recording does not change the others. Audio of the full
    length is kept. The lists are written last, so that half a data set does not look complete.

    `lists` is a folder with the meta.txt and evaluation_setup/ of a real TUT 2016: they are
    copied, and the names in that meta.txt are what is made; `recordings` is then not used.
    `progress(done, total)` is called after every recording.
    """
    if not (math.isfinite(seconds) and seconds >= SHORTEST_SECONDS):
        raise AscError(f"seconds is {seconds}; a toy recording needs {SHORTEST_SECONDS} or more")
    clips = _plan(recordings) if lists is None else _read_lists(lists)
    texts = _texts(clips) if lists is None else _copies(lists)
    arguments = {"version": VERSION, "seed": seed, "seconds": float(seconds)}
    others = (root / name for name in ("audio", "meta.txt", "evaluation_setup"))
    claim_folder(root / "toy.json", arguments, "toy scenes", others)
    for done, clip in enumerate(clips, start=1):
        _make_audio(root / clip.path, clip, round(seconds * SAMPLE_RATE), seed)
        if progress:
            progress(done, len(clips))
    for name, text in texts.items():
        with atomic.replacing(root / name) as temporary:
            temporary.write_bytes(text)


# The lists


def _plan(recordings: int) -> list[Clip]:
    """Spread recordings over scenes, a scene's over its locations, and locations over folds."""
    if recordings < FEWEST_RECORDINGS:
        raise AscError(
            f"recordings is {recordings}; toy scenes need {FEWEST_RECORDINGS} or more: "
            f"{len(SCENES)} scenes, each in {len(FOLDS)} folds"
        )
    clips = []
    for index, scene in enumerate(SCENES):
        count = _share(recordings, len(SCENES), index)
        n_locations = _locations(count)
        for place in range(n_locations):
            fold = FOLDS[place % len(FOLDS)]
            for segment in range(_share(count, n_locations, place)):
                clips.append(Clip(_path(index, place, segment), scene, fold))
    return clips


def _share(total: int, parts: int, part: int) -> int:
    """Return one part's share when the total is divided evenly, the rest to the first parts.

    >>> [_share(8, 3, part) for part in range(3)]
    [3, 3, 2]
    """
    return total // parts + (part < total % parts)


def _locations(count: int) -> int:
    """Return the number of locations of a scene with `count` recordings, equal in every fold.

    The real set has about twelve a scene, of six or seven segments; a small one needs variety
    more than repetition.

    >>> [_locations(count) for count in (4, 8, 12, 78)]
    [4, 8, 8, 12]
    """
    return len(FOLDS) * max(1, min(count // 4, 2), count // 26)


def _path(scene: int, place: int, segment: int) -> str:
    """Return the name of a segment. Scenes alternate, so that a larger set renames none."""
    number = 1 + scene + place * len(SCENES)
    start = segment * NAME_SECONDS
    return f"audio/{'ab'[place % 2]}{number:03d}_{start}_{start + NAME_SECONDS}.wav"


def _texts(clips: list[Clip]) -> dict[str, bytes]:
    """Return the list files: name below the root -> contents. meta.txt completes it, so is last."""
    texts = {"error.txt": b""}
    for fold in FOLDS:
        stem = f"evaluation_setup/fold{fold}"
        tests = [clip for clip in clips if clip.fold == fold]
        texts[f"{stem}_train.txt"] = _lines(clip[:2] for clip in clips if clip.fold != fold)
        texts[f"{stem}_evaluate.txt"] = _lines(clip[:2] for clip in tests)
        texts[f"{stem}_test.txt"] = _lines(clip[:1] for clip in tests)
    return texts | {"meta.txt": _lines(clip[:2] for clip in clips)}


def _lines(rows: Iterable[tuple[str, ...]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def _copies(lists: Path) -> dict[str, bytes]:
    """Return the same, copied byte for byte from published lists."""
    folds = sorted((lists / "evaluation_setup").glob("fold*.txt"))
    if not folds:
        raise AscError(f"{lists / 'evaluation_setup'} has no fold*.txt; give a TUT 2016 folder")
    texts = {"error.txt": b""} | {
        f"evaluation_setup/{path.name}": path.read_bytes() for path in folds
    }
    if (lists / "error.txt").is_file():
        texts["error.txt"] = (lists / "error.txt").read_bytes()
    return texts | {"meta.txt": (lists / "meta.txt").read_bytes()}


def _read_lists(lists: Path) -> list[Clip]:
    """Return the recordings that a published meta.txt names."""
    meta = lists / "meta.txt"
    if not meta.is_file():
        raise AscError(f"{meta} is missing; give the folder that holds TUT 2016's meta.txt")
    return [_parse_clip(meta, number, line) for number, line in _lists.numbered(meta)]


def _parse_clip(meta: Path, number: int, line: str) -> Clip:
    path, _, scene = (part.strip() for part in line.partition("\t"))
    path = _lists.file_name(path, meta, number)
    if scene not in SCENES:
        raise AscError(f"{meta}, line {number}: no scene {scene!r}; known: {', '.join(SCENES)}")
    if PurePosixPath(path).parts[:1] != ("audio",) or ".." in path or not path.endswith(".wav"):
        raise AscError(f"{meta}, line {number}: {path!r} is not like audio/b010_0_30.wav")
    return Clip(path, scene, fold=0)


# The files


def _make_audio(path: Path, clip: Clip, n: int, seed: int) -> None:
    import soundfile

    if path.is_file() and _length(path) == n:
        return
    samples = record(clip.scene, clip.location, path.stem, n, seed)
    with atomic.replacing(path) as temporary:
        soundfile.write(temporary, samples, SAMPLE_RATE, subtype="PCM_24", format="WAV")


def _length(path: Path) -> int:
    """Return the number of samples in a file; -1 if it is not audio."""
    import soundfile

    try:
        return soundfile.info(path).frames
    except soundfile.LibsndfileError:
        return -1
