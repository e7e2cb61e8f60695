"""asc predict: classify the acoustic scene of recordings."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asc_cli.cli import _challenge, _progress, _videos
from asc_cli.cli._options import Cluster, Engine, Fold, Jobs, Model, Threshold, Unknown
from asc_cli.core.errors import AscError

if TYPE_CHECKING:
    from asc_cli.report import Form
    from asc_cli.workflow import Prediction

SCENES, LABELS = 3, 20  # shown per recording, per video


def command(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, folders with their sub-folders, 'patterns*.wav', or - for audio on stdin.",
            show_default=False,
        ),
    ] = None,
    files_from: Annotated[
        str | None,
        typer.Option(
            "--files-from", help="A list, a path per line; - is stdin.", show_default=False
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Predict a challenge's evaluation set of this dataset, by its list.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="The evaluation set's folder, with --dataset.", show_default="$ASC_DATA/NAME"
        ),
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
    unknown: Unknown = False,
    timeline: Annotated[
        float | None,
        typer.Option(help="Classify segments of this many seconds.", show_default=False),
    ] = None,
    recording_device: Annotated[
        str | None,
        typer.Option(
            help="The device that recorded them, for models with `fine_tune`.",
            show_default="the general members",
        ),
    ] = None,
    engine: Engine = "auto",
    csv: Annotated[
        Path | None,
        typer.Option(help="Write a row for each recording, or for each segment of --timeline."),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format", help="Of --csv: csv, or dcase, the file that the challenge takes."
        ),
    ] = "csv",
    audacity: Annotated[
        Path | None, typer.Option(help="Write one recording's scenes as an Audacity label track.")
    ] = None,
    embeddings: Annotated[
        Path | None, typer.Option(help="Write each recording's embedding into an .npz file.")
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option(
            help="Draw the attention of one member of an attention LSTM over one recording (.png, "
            ".svg, .pdf): that of --fold, or the one nearest to the average of all. The picture "
            "says whether the answer depends on what it attends to."
        ),
    ] = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line, as soon as it is ready.")
    ] = False,
) -> None:
    """Classify the acoustic scene of recordings.

    Any rate, depth, number of channels and length. A bad file is reported, the others are
    predicted, and the exit code is 3. After a crash the same command resumes.

    Example: **asc predict clip.wav**

    Example: **asc predict --json --model toy_lstm park.flac street.mp3**

    Example: **asc predict ~/recordings --csv scenes.csv --threshold 0.5**

    Example: **asc predict ~/recordings --model rooms --unknown**

    Example: **asc predict phone-a/ --model phones --recording-device a**

    Example: **asc predict day.wav --timeline 10 --audacity day.txt**

    Example: **asc predict clip.wav --model esc10_ta_sa --explain attention.png**

    Example: **asc predict /shared/2026 --csv scenes.csv --cluster tcp://10.0.0.5:8786**

    Example: **asc predict --dataset tau2020_mobile --data evaluation --format dcase --csv 1.csv**

    Example: **find . -name '\\*.wav' | asc predict --files-from -**

    Example: **cat clip.wav | asc predict -**

    A model of videos takes YouTube-8M shards, and writes the YouTube-8M competition's CSV format:
    each video's 20 likeliest labels with their confidences.

    Example: **asc predict --model yt8m_ta_sa test00.tfrecord --csv labels.csv**
    """
    from asc_cli import workflow
    from asc_cli.audio import decoders, inputs
    from asc_cli.cli._options import on_cluster
    from asc_cli.registry import models
    from asc_cli.report.figures import canvas

    outputs = _Outputs(csv, audacity, embeddings, explain)
    if explain is not None:
        canvas.require()
    if inputs.STDIN in map(str, outputs.by_option().values()):
        raise AscError("predict: output goes into files, not into -; for stdout there is --json")
    input_names = [*(paths or []), *(inputs.read_list(files_from) if files_from else [])]
    others = {"--threshold": threshold, "--unknown": unknown, "--timeline": timeline}
    evaluation_set = _challenge.opened(dataset, data, form, csv, others)
    if evaluation_set and input_names:
        raise AscError("--dataset: its list names the recordings; leave out others")
    if evaluation_set:
        input_names = [str(evaluation_set.path(each)) for each in evaluation_set.recordings]
    if not input_names:
        raise AscError("predict: a file, a folder, a pattern, - or --files-from LIST was expected")
    if workflow.takes_shards(model):
        scene_options: dict[str, Any] = {
            "--dataset": dataset,
            "--fold": fold,
            "--threshold": threshold or None,
            "--unknown": unknown or None,
            "--timeline": timeline,
            "--recording-device": recording_device,
            "--engine": None if engine == "auto" else engine,
            "--cluster": cluster,
        }
        scene_options |= {o: path for o, path in outputs.by_option().items() if o != "--csv"}
        _videos.label(input_names, model, top or LABELS, csv, jobs, as_json, scene_options)
        return
    registered = models.find(model)
    for system in registered.systems():
        for remark in decoders.remarks(system.card["feature"]):
            _progress.note(f"model {system.id}: {remark}")
    if recording_device is not None and recording_device not in registered.devices:
        _progress.note(
            f"model {registered.id} has no members for the device {recording_device}: its general "
            "members classify"
        )
    if evaluation_set and form == "dcase":
        outputs = replace(outputs, form=_challenge.file_form(evaluation_set, registered))
    settings = {"fold": fold, "timeline_s": timeline, "threshold": threshold or None}
    if unknown:
        settings["unknown"] = True
    with on_cluster(cluster, jobs), _input_files(input_names) as (files, display_names):
        inputs.require_no_overwrite(outputs.by_option(), files)
        outputs.require_one(len(files))
        ask = functools.partial(
            workflow.predict,
            model=model,
            fold=fold,
            engine=engine,
            unknown=unknown,
            timeline_s=timeline,
            threshold=threshold,
            embeddings=embeddings is not None,
            jobs=jobs,
            journal=len(files) > 1 and not display_names,
            resumed=lambda n: _progress.note(f"{n} of {len(files)} were predicted before"),
        )
        if evaluation_set and recording_device is None:
            predictions = _challenge.by_device(evaluation_set, registered.devices, ask)
        else:
            predictions = ask(files, device=recording_device)
        failed = outputs.write(
            predictions, len(files), display_names, top or SCENES, as_json, settings, model, engine
        )
    if failed:
        raise typer.Exit(3)


@dataclass(frozen=True)
class _Outputs:
    """The files to write, beside what is printed."""

    csv: Path | None
    audacity: Path | None
    embeddings: Path | None
    explain: Path | None
    form: Form | None = None  # of the CSV; None: asc's own

    def by_option(self) -> dict[str, Path | None]:
        names = [field.name for field in fields(self) if field.name != "form"]
        return {f"--{name}": getattr(self, name) for name in names}

    def require_one(self, n_recordings: int) -> None:
        """Raise AscError if an output is of one recording, and there are more."""
        if self.audacity and n_recordings > 1:
            raise AscError(
                f"--audacity: a label track is of one recording; there are {n_recordings}"
            )
        if self.explain and n_recordings > 1:
            raise AscError(f"--explain: a figure is of one recording; there are {n_recordings}")

    def write(
        self,
        predictions: Iterable[Prediction],
        n_recordings: int,
        display_names: dict[str, str],
        top: int,
        as_json: bool,
        settings: dict[str, Any],
        model: str | None,
        engine: str,
    ) -> int:
        """Print and write predictions one by one; return how many recordings failed."""
        from asc_cli import report

        with (
            report.Predictions(
                top, as_json, self.csv, self.audacity, self.embeddings, settings, self.form
            ) as out,
            _progress.counting("recordings") as progress,
        ):
            for done, prediction in enumerate(predictions, start=1):
                row = prediction.to_dict()
                if self.explain and not prediction.error:
                    row |= _explained(
                        Path(row["file"]), model, settings["fold"], engine, self.explain
                    )
                out.add(
                    {**row, "file": display_names.get(row["file"], row["file"])},
                    prediction.embedding,
                )
                if done == n_recordings:
                    out.sync()  # the journal goes when the predictions end
                progress(done, n_recordings)
        return out.failed


def _explained(
    path: Path, model: str | None, fold: int | None, engine: str, picture: Path
) -> dict[str, Any]:
    """Draw the figure; return its part of `--json`."""
    from asc_cli import workflow
    from asc_cli.report.figures.explanation import draw

    explanation = workflow.explain(path, model=model, fold=fold, engine=engine, check=True)
    draw(explanation, picture)
    return explanation.to_dict()


@contextlib.contextmanager
def _input_files(input_names: list[str]) -> Iterator[tuple[list[Path], dict[str, str]]]:
    """Yield the files to predict, and display names of temporary ones."""
    from asc_cli.audio import inputs

    piped = Path("/dev/stdin")
    input_names = [inputs.STDIN if Path(n) == piped and piped.is_fifo() else n for n in input_names]
    files = inputs.find([name for name in input_names if name != inputs.STDIN])
    if inputs.STDIN not in input_names:
        yield files, {}
        return
    with inputs.spooled(sys.stdin.buffer) as path:
        yield [*files, path], {str(path): inputs.STDIN}
