"""asc listen: classify live sound from a microphone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from asc_cli.cli import _signals
from asc_cli.cli._options import Engine, Fold, Model, Threshold, Unknown
from asc_cli.core.errors import AscError
from asc_cli.core.limits import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from asc_cli.core.terminal import note


def command(
    source: Annotated[
        str | None,
        typer.Argument(help="Raw PCM on stdin: -; the microphone unless given."),
    ] = None,
    model: Model = None,
    fold: Fold = None,
    threshold: Threshold = 0.0,
    unknown: Unknown = False,
    window: Annotated[
        float, typer.Option(help="Seconds of sound that each prediction is made from.")
    ] = 10.0,
    every: Annotated[float, typer.Option(help="Seconds between predictions.")] = 1.0,
    rate: Annotated[
        int, typer.Option(min=MIN_SAMPLE_RATE, max=MAX_SAMPLE_RATE, help="Samples per second.")
    ] = 44100,
    channels: Annotated[
        int, typer.Option(min=1, max=MAX_CHANNELS, help="Channels, side by side.")
    ] = 1,
    encoding: Annotated[
        str, typer.Option(help="Of raw PCM: s16le, s32le or f32le, as ffmpeg calls them.")
    ] = "s16le",
    engine: Engine = "auto",
    record: Annotated[
        Path | None,
        typer.Option(help="Write the sound to a .wav or .flac file; without it nothing is stored."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line.")
    ] = False,
) -> None:
    """Classify the scene around a microphone, at intervals, until Ctrl-C or the end of the sound.

    A meter shows how loud the sound is; a warning says when it is silent or clipped. Nothing is
    stored, unless --record names a file.

    The microphone needs the extra `mic`; without it, asc prints the command that installs it.

    Example: **asc listen**

    Example: **asc listen --record evening.wav**

    Example: **asc listen --model rooms --unknown**

    Example: **ffmpeg -i clip.wav -f s16le -ac 1 -ar 44100 - | asc listen - --rate 44100**
    """
    from asc_cli import report, workflow
    from asc_cli.audio import microphone

    if source not in (None, "-"):
        raise AscError(f"listen {source}: - or nothing was expected; for a file use asc predict")
    blocks = (
        microphone.pcm(sys.stdin.buffer, rate, channels, encoding)
        if source
        else microphone.blocks(rate, channels)
    )
    if record is not None:
        blocks = microphone.recorded(blocks, record, rate)
    predictions = workflow.listen(
        blocks,
        rate,
        model=model,
        fold=fold,
        window_s=window,
        every_s=every,
        threshold=threshold,
        engine=engine,
        unknown=unknown,
    )
    try:
        with report.Live(as_json) as out:
            for row in predictions:
                out.add(row.to_dict())
    except KeyboardInterrupt as stop:  # its usual end, and nothing resumes
        note("asc: stopped")
        raise typer.Exit(_signals.exit_code(stop)) from None
