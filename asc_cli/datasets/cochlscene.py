"""CochlScene: 13 scenes, about 76 000 pieces of 10 s that 831 people recorded in South Korea.

    <root>/CochlScene/Train/Bus/Bus_user0419_14876949_004.wav    and Val/, Test/; the folder
                                                                 CochlScene may be left out

Names are <scene>_<user>_<recording>_<piece>; the user is what train and test must not share. The
fold trains on Train and Val, of which `validation: {by: published}` holds Val out, as the recipe
`cochlscene_lstm` does. Facts are those of the paper's abstract (arXiv 2211.02289), of the authors'
code (github.com/cochlearai/cochlscene: 44.1 kHz, mono, 10 s) and of a public reader of the set. The
exact sizes, the licence and the baseline's figure could not be read.
"""

from __future__ import annotations

from pathlib import Path

from asc_cli.core.errors import AscError
from asc_cli.datasets import Dataset, Listing, Recording, Split

PARTS = ("Train", "Val", "Test")

DATASET = Dataset(
    name="cochlscene",
    title="CochlScene: acoustic scenes acquired by crowdsourcing",
    labels=(
        "Bus",
        "Cafe",
        "Car",
        "CrowdedIndoor",
        "Elevator",
        "Kitchen",
        "Park",
        "ResidentialArea",
        "Restaurant",
        "Restroom",
        "Street",
        "Subway",
        "SubwayStation",
    ),
    sample_rate=44_100,
    homepage="https://zenodo.org/records/7080122",
    licence="not read; see the homepage",
    citation=(
        "I.-Y. Jeong, J. Park: CochlScene: Acquisition of acoustic scene data using crowdsourcing. "
        "APSIPA Annual Summit and Conference 2022."
    ),
    obtain=(
        "By hand: all parts of the zip of Zenodo record 7080122 (54 GB), unpacked together, so "
        "that CochlScene/Train/, CochlScene/Val/ and CochlScene/Test/ hold a folder per scene. "
        "Its checksums could not be read."
    ),
    metric="accuracy on the published test part",
    headline="accuracy",
)


def read(root: Path) -> Listing:
    """Read every recording in the published parts; its group is its user."""
    folder = root / "CochlScene" if (root / "CochlScene").is_dir() else root
    files: dict[str, list[str]] = {}
    recordings, conflicts = [], []
    for part in PARTS:
        paths = sorted(p for p in (folder / part).glob("*/*.wav") if p.name[0] != ".")
        if not paths:
            raise AscError(
                f"{folder / part}: no recordings such as Bus/Bus_user0419_14876949_004.wav here; "
                f"{DATASET.obtain}"
            )
        files[part] = [path.relative_to(root).as_posix() for path in paths]
        for path, file in zip(paths, files[part], strict=True):
            scene, user = _name(path)
            recordings.append(Recording(file, path.parent.name, group=user))
            if scene != path.parent.name:
                conflicts.append((file, f"is in {path.parent.name}/, its name says {scene}"))
    train, validation = files["Train"] + files["Val"], tuple(files["Val"])
    split = Split(1, tuple(train), tuple(files["Test"]), validation)
    return Listing(DATASET.labels, tuple(recordings), (split,), tuple(conflicts))


def _name(path: Path) -> tuple[str, str]:
    """Return the scene and the user that a name says."""
    try:
        scene, user, _recording, _piece = path.stem.split("_")
    except ValueError:
        raise AscError(f"{path}: the name is not <scene>_<user>_<recording>_<piece>") from None
    return scene, user
