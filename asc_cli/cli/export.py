"""asc export: write a model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Json


def command(
    model: Annotated[
        str, typer.Argument(help="NAME or NAME@VERSION.", autocompletion=_completion.models)
    ],
    format: Annotated[
        str,
        typer.Option(
            help="onnx: one file, waveform in, probabilities out. hub: a folder to publish."
        ),
    ] = "onnx",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="What to write.", show_default="MODEL.onnx or MODEL/"),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Write a second file with 8-bit weights.")
    ] = False,
    check: Annotated[
        list[str] | None,
        typer.Option(
            help="Recordings, folders or patterns to compare on. Repeatable.",
            show_default="20 of the model's own dataset, if it is on this machine",
        ),
    ] = None,
    recording_device: Annotated[
        str | None,
        typer.Option(
            help="Write the members for this recording device, of a model with `fine_tune`.",
            show_default="the general ones",
        ),
    ] = None,
    embedding: Annotated[
        bool,
        typer.Option("--embedding", help="Let the ONNX file give each recording's embedding too."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a model for use without asc: samples in, probabilities out.

    The ONNX file computes the features too. It takes `samples` (recordings, samples):
    mono floats at the model's rate, which its metadata names beside the labels; any number, any
    length. It is run through onnxruntime and compared with the model before it replaces an older
    file. Needs the extra `train`.

    Example: **asc export toy_lstm**

    Example: **asc export toy_lstm --output scenes.onnx --int8 --check recordings/**

    Example: **asc export phones --recording-device a --int8**

    Example: **asc export toy_lstm --output encoder.onnx --embedding**

    Example: **asc export toy_lstm --format hub --output to-upload**
    """
    from asc_cli import report, workflow
    from asc_cli.audio import inputs

    result = workflow.export(
        model,
        format,
        output,
        int8=int8,
        check=inputs.find(check or []),
        device=recording_device,
        embedding=embedding,
    )
    report.show(result.to_dict(), report.exported, as_json)
