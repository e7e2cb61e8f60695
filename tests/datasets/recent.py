"""Trees shaped like the sets of after 2012 that nobody here has: real names, made-up contents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from asc_cli.datasets import cas2023, cochlscene, dcase2013
from asc_cli.datasets._formats import tau

Contents = Callable[[str], bytes]  # of a scene's recordings


def nothing(_scene: str) -> bytes:
    return b""


def make_dcase2013(root: Path, contents: Contents = nothing, each: int = 10) -> Path:
    """scenes_stereo/bus01.wav to tubestation10.wav."""
    for scene in dcase2013.DATASET.labels:
        for number in range(1, each + 1):
            write(root / f"scenes_stereo/{scene}{number:02}.wav", contents(scene))
    return root


CITIES = ("Xi'an", "Luoyang", "Hefei", "Chongqing")


def make_cas2023(
    root: Path, contents: Contents = nothing, labelled: int = 1740, unlabelled: int = 6960
) -> Path:
    """The list of APSIPA 2025: sessions of five recordings, one scene each, in four cities."""
    labels = cas2023.DATASET.labels
    rows = ["filename,location,record_time,scene_label"]
    for i in range(labelled + unlabelled):
        session = i // 5
        scene = labels[session % len(labels)] if i < labelled else ""
        name = f"{i:032x}{i % 60 + 1}_{i % 2 + 1}"
        time = f"2023-05-{session % 28 + 1:02} {session // 60 % 24:02}:{session % 60:02}:00"
        rows.append(f"{name},{CITIES[session % 4]},{time},{scene}")
        write(root / f"ICME2024_GC_ASC_dev/{name}.wav", contents(scene))
    write(root / cas2023.METADATA, ("\n".join(rows) + "\n").encode())
    return root


def make_cochlscene(root: Path, contents: Contents = nothing, users: int = 831) -> Path:
    """Users in order: of ten, eight are in Train, one in Val and one in Test."""
    parts = ["Train"] * 8 + ["Val", "Test"]
    for user in range(users):
        for i, scene in enumerate(cochlscene.DATASET.labels):
            name = f"{scene}_user{user:04}_1487{i}{user:04}_{user % 7:03}.wav"
            write(root / "CochlScene" / parts[user % 10] / scene / name, contents(scene))
    return root


def write(path: Path, contents: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)


PLACES = (("lyon", "train"), ("lyon", "train"), ("paris", "train"), ("lyon", "test"))


def make_tau(root: Path, contents: Contents, devices: Sequence[str], lists: str = "csv") -> Path:
    """Four places of each scene, in two cities of which milan is tested alone; each device in
    each. lists: csv, or txt as in 2018."""
    meta = ["filename\tscene_label\tidentifier\tsource_label"]
    rows: dict[str, list[str]] = {"train": [], "test": []}
    for number, scene in enumerate(tau.LABELS):
        for i, (city, part) in enumerate((*PLACES, ("milan", "test"))):
            place = f"{city}-{10 * number + i}"
            for device in devices:
                if part == "train" and device in ("s4", "s5", "s6"):
                    continue
                name = f"audio/{scene}-{place}-{number}-{device}.wav"
                meta.append(f"{name}\t{scene}\t{place}\t{device}")
                rows[part].append(f"{name}\t{scene}")
                write(root / name, contents(scene))
    header = [] if lists == "txt" else ["filename\tscene_label"]
    for part, name in (("train", "train"), ("test", "evaluate")):
        text = "\n".join([*header, *rows[part]])
        write(root / f"evaluation_setup/fold1_{name}.{lists}", text.encode())
    write(root / "meta.csv", "\n".join(meta).encode())
    return root
