"""A registered model → a file or folder to take elsewhere, checked on recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asc_cli.audio import decode
from asc_cli.core import atomic, installation, parallel, plugins
from asc_cli.core import paths as home
from asc_cli.core.errors import AscError, FileFault
from asc_cli.evaluation import predictions
from asc_cli.inference import engine, ensemble
from asc_cli.registry import models

CHECKED = 20  # recordings of the model's own dataset, when none are named
FORMATS = ("onnx", "hub")


def export(
    model: str | None,
    format: str,
    output: Path | None = None,
    *,
    int8: bool = False,
    check: Sequence[Path] = (),
) -> dict[str, Any]:
    """Write a model for other programs, and compare it with the original on recordings.

    Args:
        model: NAME or NAME@VERSION; the default model when None.
        format: onnx: one file, waveform in, probabilities out. hub: a folder to publish.
        output: Where to write; the model's name in the current folder when None.
        int8: Write an ONNX file with 8-bit weights as well, beside the other.
        check: Recordings to compare on; some of the model's own dataset, where it is on this
            machine, when there are none.

    Returns:
        The files that were written and, for ONNX, the largest difference of a probability.

    Raises:
        AscError: There is no such model or format, the model or its feature has no ONNX form, or
            the extra `export` is not installed.
    """
    if format not in FORMATS:
        raise AscError(plugins.unknown("format", format, FORMATS))
    if format == "hub" and int8:
        raise AscError("--int8: goes with --format onnx")
    if format == "hub" and check:
        raise AscError(
            "--check: goes with --format onnx; a hub folder holds the weights as they are"
        )
    found = models.find(model)
    target = output or Path(
        f"{found.card['name']}.onnx" if format == "onnx" else found.card["name"]
    )
    if format == "hub":
        from asc_cli.export import hub

        written: list[Path] = hub.write(found.card, found.folder, target)
        rows = [{"file": str(p), "bytes": p.stat().st_size, "check": None} for p in written]
        return {"model": found.id, "format": format, "files": rows}
    return {"model": found.id, "format": format, "files": _onnx(found, target, int8, check)}


def _onnx(
    found: models.Model, target: Path, int8: bool, check: Sequence[Path]
) -> list[dict[str, Any]]:
    try:
        import onnx
        import onnxruntime  # noqa: F401  (the check needs it: better said now than after the work)
    except ImportError as fault:
        raise AscError(installation.needs_extra("export", "onnx", fault)) from fault
    from asc_cli.export import frontends
    from asc_cli.export import int8 as eight
    from asc_cli.export import model as whole

    loaded = ensemble.load(found)
    front_end = frontends.find(loaded.feature.compute)
    if front_end is None:
        raise AscError(
            f"export: {found.id} hears {loaded.feature.name}, which has no ONNX form: "
            f"features/{loaded.feature.name}.py needs a method onnx()"
        )
    made = whole.build(loaded, front_end(loaded.feature.sample_rate))
    variants = [(target, made)]
    if int8:
        beside = target.with_name(f"{target.stem}.int8{target.suffix}")
        variants.append((beside, eight.quantise(made)))
    heard = _heard(found, list(check) or _own_recordings(found))
    rows = []
    for path, variant in variants:
        with atomic.replacing(path) as temporary:
            onnx.save(variant, temporary)
            compared = _compared(temporary, heard, loaded.feature.sample_rate)
        rows.append({"file": str(path), "bytes": path.stat().st_size, "check": compared})
    return rows


def _own_recordings(found: models.Model) -> list[Path]:
    """Some recordings of the dataset that the model was trained on, if it is on this machine."""
    run = home.runs() / found.card.get("run", "")
    try:
        root = Path(atomic.read_json(run / "environment.json")["audio_root"])
        names = sorted(set(predictions.read(run / "predictions.csv").files))
    except (OSError, AscError):  # trained elsewhere, or the run is gone
        return []
    paths = [root / name for name in names[:: max(1, len(names) // CHECKED)][:CHECKED]]
    return [path for path in paths if path.is_file()]


def _heard(
    found: models.Model, recordings: Sequence[Path]
) -> list[tuple[Path, np.ndarray]]:  # each with (C,) probabilities
    """What the model says of each recording."""
    with parallel.one_thread():
        outcomes = engine.score_files(engine.Request(found), recordings)
    heard = []
    for outcome in outcomes:
        if isinstance(outcome, FileFault):
            raise AscError(f"--check {outcome}")
        heard.append((outcome.path, outcome.probabilities))
    return heard


def _compared(
    path: Path, heard: Sequence[tuple[Path, np.ndarray]], sample_rate: int
) -> dict[str, Any] | None:
    """The file run through onnxruntime beside the model; None without a recording to try."""
    if not heard:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a scan's steps are too small for more
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    differences, same = [], 0
    for recording, whole in heard:
        samples = decode.read(recording, sample_rate)
        [scores] = session.run(None, {"samples": samples[None]})
        differences.append(float(np.abs(scores[0] - whole).max()))
        same += int(scores[0].argmax() == whole.argmax())
    return {
        "recordings": len(differences),
        "largest_difference": max(differences),
        "same_scene": same,
    }
