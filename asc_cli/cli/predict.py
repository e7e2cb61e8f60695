"""asc predict: the scenes of recordings."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from asc_cli.cli import _progress
from asc_cli.cli._options import Fold, Jobs, Model, Threshold
from asc_cli.core.errors import AscError

SCENES, LABELS = 3, 20  # shown of each recording, of each video


def command(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, folders with all below them, 'patterns*.wav', or - for sound on stdin.",
            show_default=False,
        ),
    ] = None,
    files_from: Annotated[
        str | None,
        typer.Option("--files-from", help="A list, a path a line; - is stdin.", show_default=False),
    ] = None,
    model: Model = None,
    fold: Fold = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many scenes to show for each; of videos, labels.",
            show_default="3; 20 of videos",
        ),
    ] = None,
    threshold: Threshold = 0.0,
    timeline: Annotated[
        float | None,
        typer.Option(help="The scene of every so many seconds.", show_default=False),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(help="Write a row for each recording, or for each part of --timeline."),
    ] = None,
    audacity: Annotated[
        Path | None, typer.Option(help="Write one recording's scenes as an Audacity label track.")
    ] = None,
    embeddings: Annotated[
        Path | None, typer.Option(help="Write each recording's embedding into an .npz file.")
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            help="Draw what one member of an attention LSTM listened to in one recording (.png, "
            ".svg, .pdf): that of --fold, or the one nearest to the answer of all."
        ),
    ] = None,
    jobs: Jobs = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, as they come.")
    ] = False,
) -> None:
    """Say where recordings were made.

    Any rate, depth, number of channels and length. Each bad file gets its reason, the others go
    on, and the exit code is 3. After a crash the same command goes on where it was.

    Example: **asc predict clip.wav**

    Example: **asc predict --json --model toy_lstm park.flac street.mp3**

    Example: **asc predict ~/recordings --csv scenes.csv --threshold 0.5**

    Example: **asc predict day.wav --timeline 10 --audacity day.txt**

    Example: **asc predict clip.wav --model esc10_ta_sa --explain why.png**

    Example: **find . -name '\\*.wav' | asc predict --files-from -**

    Example: **cat clip.wav | asc predict -**

    A model of videos takes YouTube-8M shards, and writes the competition's CSV: each video's 20
    likeliest labels with their confidences.

    Example: **asc predict --model yt8m_ta_sa test00.tfrecord --csv labels.csv**
    """
    from asc_cli import report, workflow
    from asc_cli.audio import inputs

    if inputs.STDIN in map(str, (csv, audacity, embeddings, explain)):
        raise AscError("predict: output goes into files, not into -; for stdout there is --json")
    named = [*(paths or []), *(inputs.read_list(files_from) if files_from else [])]
    if not named:
        raise AscError("predict: a file, a folder, a pattern, - or --files-from LIST was expected")
    if workflow.takes_shards(model):
        unused = {
            "--fold": fold,
            "--threshold": threshold or None,
            "--timeline": timeline,
            "--audacity": audacity,
            "--embeddings": embeddings,
            "--explain": explain,
        }
        _label(named, model, top or LABELS, csv, jobs, as_json, unused)
        return
    with _found(named) as (found, shown):
        inputs.require_no_overwrite(
            {
                "--csv": csv,
                "--audacity": audacity,
                "--embeddings": embeddings,
                "--explain": explain,
            },
            found,
        )
        if audacity and len(found) > 1:
            raise AscError(f"--audacity: a label track is of one recording; there are {len(found)}")
        if explain and len(found) > 1:
            raise AscError(f"--explain: a picture is of one recording; there are {len(found)}")
        settings = {"fold": fold, "timeline_s": timeline, "threshold": threshold or None}
        with (
            report.Predictions(top or SCENES, as_json, csv, audacity, embeddings, settings) as out,
            _progress.counting("recordings") as progress,
        ):
            said = workflow.predict(
                found,
                model=model,
                fold=fold,
                timeline_s=timeline,
                threshold=threshold,
                embeddings=embeddings is not None,
                jobs=jobs,
                journal=len(found) > 1 and not shown,
                resumed=lambda n: _progress.note(f"{n} of {len(found)} were known from before"),
            )
            for done, prediction in enumerate(said, start=1):
                row = prediction.to_dict()
                if explain and not prediction.error:
                    row |= _explained(found[0], model, fold, explain)
                out.add({**row, "file": shown.get(row["file"], row["file"])}, prediction.embedding)
                progress(done, len(found))
    if out.failed:
        raise typer.Exit(3)


def _label(
    named: list[str],
    model: str | None,
    top: int,
    csv: Path | None,
    jobs: int | None,
    as_json: bool,
    unused: dict[str, Any],
) -> None:
    """The labels of videos in shards."""
    from asc_cli import workflow
    from asc_cli.audio import inputs
    from asc_cli.datasets.yt8m import Fault
    from asc_cli.video import report as videos

    if given := [option for option, value in unused.items() if value is not None]:
        raise AscError(f"{given[0]}: of scenes in recordings; this model labels whole videos")
    if inputs.STDIN in named:
        raise AscError("predict -: this model takes shards of videos, which are not read on stdin")
    failed, found = 0, inputs.find(named)
    inputs.require_no_overwrite({"--csv": csv}, found)
    with videos.predictions(csv, as_json) as add:
        for row in workflow.label(found, model=model, top=top, jobs=jobs):
            failed += isinstance(row, Fault)
            add(row.to_dict())
    if failed:
        raise typer.Exit(3)


def _explained(path: Path, model: str | None, fold: int | None, picture: Path) -> dict[str, Any]:
    """Draw the picture; what `--json` says of it."""
    from asc_cli import workflow
    from asc_cli.report.figures.explanation import draw

    explanation = workflow.explain(path, model=model, fold=fold)
    draw(explanation, picture)
    return {"salient": explanation.salient, "explained_by_fold": explanation.fold}


@contextlib.contextmanager
def _found(named: list[str]) -> Iterator[tuple[list[Path], dict[str, str]]]:
    """The files to hear, and the names of those that are called something else."""
    from asc_cli.audio import inputs

    piped = Path("/dev/stdin")
    named = [inputs.STDIN if Path(n) == piped and piped.is_fifo() else n for n in named]
    files = inputs.find([name for name in named if name != inputs.STDIN])
    if inputs.STDIN not in named:
        yield files, {}
        return
    with inputs.spooled(sys.stdin.buffer) as path:
        yield [*files, path], {str(path): inputs.STDIN}
