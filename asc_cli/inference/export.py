"""Export a registered model as a file or folder, verified on recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asc_cli.core import atomic, installation, plugins
from asc_cli.core.errors import AscError
from asc_cli.inference import ensemble, verify
from asc_cli.inference.member import TORCH
from asc_cli.inference.verify import Export, ExportedFile
from asc_cli.registry import models

FORMATS = ("onnx", "hub")


def export(
    model: str | None,
    format: str,
    output: Path | None = None,
    *,
    int8: bool = False,
    check: Sequence[Path] = (),
    device: str | None = None,
    embedding: bool = False,
) -> Export:
    """Write a model for other programs, and compare it with the original on recordings.

    Args:
        model: NAME or NAME@VERSION; the default model when None.
        format: onnx: one file, waveform in, probabilities out. hub: a folder to publish.
        output: Where to write; the model's name in the current folder when None.
        int8: Write an ONNX file with 8-bit weights as well, beside the other.
        check: Recordings to compare on; some of the model's own dataset, where it is on this
            machine, when there are none.
        device: The recording device whose members are written; the general ones when None.
        embedding: Write an ONNX file with a second output, `embedding`: as `Model.embed`.

    Returns:
        The files that were written and, for ONNX, the largest difference of a probability.

    Raises:
        AscError: There is no such model or format, the model or its feature has no ONNX form, or
            the extra `train` is not installed.
    """
    if format not in FORMATS:
        raise AscError(plugins.unknown("format", format, FORMATS))
    if format == "hub" and int8:
        raise AscError("--int8: goes with --format onnx")
    if format == "hub" and embedding:
        raise AscError("--embedding: goes with --format onnx")
    if format == "hub" and check:
        raise AscError(
            "--check: goes with --format onnx; a hub folder holds the weights as they are"
        )
    ensemble.require_one_system(registered := models.find(model), "export")
    target = output or Path(
        f"{registered.card['name']}.onnx" if format == "onnx" else registered.card["name"]
    )
    if format == "hub":
        from asc_cli.export import hub

        written: list[Path] = hub.write(registered.card, registered.folder, target)
        files = [ExportedFile(str(p), p.stat().st_size) for p in written]
        return Export(registered.id, format, files)
    return Export(registered.id, format, _onnx(registered, target, int8, check, device, embedding))


def _onnx(
    model: models.Model,
    target: Path,
    int8: bool,
    check: Sequence[Path],
    device: str | None,
    embedding: bool,
) -> list[ExportedFile]:
    with installation.in_words("export"):
        import onnx
        import onnxscript  # noqa: F401  (torch needs it; fail before the work)
    from asc_cli.export import frontends
    from asc_cli.export import int8 as quantisation
    from asc_cli.export import model as onnx_model

    loaded = ensemble.load(model, device=ensemble.require_device(model, device), engine=TORCH)
    front_end = frontends.find(loaded.feature.compute)
    if front_end is None:
        raise AscError(
            f"export: {model.id} uses the feature {loaded.feature.name}, which has no ONNX front "
            f"end: features/{loaded.feature.name}.py needs a method onnx()"
        )
    graph = onnx_model.build(loaded, front_end(loaded.feature.sample_rate), embedding)
    variants = [(target, graph)]
    if int8:
        int8_path = target.with_name(f"{target.stem}.int8{target.suffix}")
        variants.append((int8_path, quantisation.quantise(graph)))
    recordings = list(check) or verify.own_recordings(model)
    references = verify.reference_predictions(model, recordings, device)
    files = []
    for path, variant in variants:
        with atomic.replacing(path) as temporary:
            onnx.save(variant, temporary)
            compared = verify.compare(temporary, references, loaded.feature.sample_rate)
        files.append(ExportedFile(str(path), path.stat().st_size, compared))
    return files
