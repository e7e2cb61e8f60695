"""Datasets: list them, show how to get one, check a copy, make synthetic data, make folds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Data, Jobs, Json, Subset
from asc_cli.core.errors import AscError
from asc_cli.core.terminal import one_line

if TYPE_CHECKING:
    from asc_cli.protocol.audit import Finding
    from asc_cli.protocol.source import Source

Name = Annotated[
    str,
    typer.Argument(
        help="A dataset's name, see `asc datasets list`.", autocompletion=_completion.datasets
    ),
]


def list_(as_json: Json = False) -> None:
    """List the datasets of asc, and whether each is on this machine.

    Example: **asc datasets list**
    """
    from asc_cli import report
    from asc_cli.cli import _progress
    from asc_cli.core import paths, plugins

    rows = []
    for name in plugins.names("datasets"):
        try:
            dataset = plugins.load("datasets", name).DATASET
        except AscError as fault:  # of a dataset from outside; the others are listed
            _progress.note(f"asc: {fault}")
            continue
        rows.append(
            {
                "name": name,
                "title": dataset.title,
                "scenes": len(dataset.labels),
                "recordings": dataset.recordings,
                "folds": len(dataset.fold_sizes),
                "here": (paths.data() / name).exists(),
            }
        )
    report.show(rows, report.datasets, as_json)


def show(name: Name, as_json: Json = False) -> None:
    """Show what was published about a dataset, and how to get it.

    Example: **asc datasets show litis**
    """
    from dataclasses import asdict

    from asc_cli import report
    from asc_cli.core import paths, plugins

    dataset = asdict(plugins.load("datasets", name).DATASET)
    report.show({**dataset, "looked_for_in": str(paths.data() / name)}, report.dataset, as_json)


def check(name: Name, data: Data = None, subset: Subset = None, as_json: Json = False) -> None:
    """Check a copy of a dataset against its protocol; exit 1 if there is a violation.

    Counts; files missing, unreadable or listed twice; unknown labels; train and test that share a
    file, a group (location, source) or the same audio under two names. Names that are nearly the
    same across train and test give a remark.

    Example: **asc datasets check tut2016 --data ~/TUT-2016**

    Example: **asc datasets check table --data recordings.csv**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress

    with _progress.counting("recordings") as progress:
        result = _audited(*workflow.audit(name, data, subset, progress))
    report.show(result, report.audit, as_json)
    if any(finding["broken"] for finding in result["findings"]):
        raise typer.Exit(1)


def _audited(source: Source, findings: list[Finding]) -> dict[str, Any]:
    return {
        "dataset": source.dataset.name,
        "root": str(source.root),
        "recordings": len({r.file for r in source.listing.recordings}),
        "unlabelled": len({*source.listing.unlabelled}),
        "folds": [[len(s.train), len(s.test)] for s in source.listing.splits],
        "findings": [vars(finding) for finding in findings],
    }


def split(
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder with a sub-folder per scene, or a CSV with filename and label.",
            metavar="FOLDER|CSV",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The CSV to write; recordings must be in its folder, at any depth.",
            show_default="recordings.csv beside FOLDER|CSV",
        ),
    ] = None,
    folds: Annotated[int, typer.Option(help="How many folds.")] = 5,
    group_from: Annotated[
        str | None,
        typer.Option(
            help="What tells the place: name, date, parent (the folder below the scene), none, or "
            "a regular expression whose first group is the place.",
            show_default="the column group, or what explains the names",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other folds.")] = 0,
    compare_random: Annotated[
        bool,
        typer.Option(
            "--compare-random",
            help="Also train a quick model under these folds and under random ones, and print by "
            "how much random ones flatter it.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the CSV if it exists.")
    ] = False,
    jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Write a CSV with folds for recordings that have none, and check it.

    Every fold has each scene, and all recordings of one place are in one fold: a model that is
    tested where it was trained recognises the place, not the scene. What tells the places is
    guessed from names, dates or folders, and printed. Recordings of the same sound stay together:
    copies, and parts of one recording that were cut, coded or amplified. Then the CSV is checked
    as by `asc datasets check`; exit 1 if there is a violation, 3 if files were left out because
    they cannot be read.

    Example: **asc datasets split scenes**

    Example: **asc datasets split scenes --folds 3 --group-from name --compare-random**

    Example: **asc datasets split list.csv --output folds.csv --group-from '([a-z]+[0-9]+)_'**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress

    with _progress.counting("recordings") as progress:
        divided = workflow.split_recordings(
            data,
            output,
            folds=folds,
            group_from=group_from,
            seed=seed,
            overwrite=overwrite,
            jobs=jobs,
            progress=progress,
        )
    with _progress.counting("check") as progress:
        audited = _audited(*workflow.audit("table", divided.output, None, progress))
    result = {**divided.to_dict(), "audit": audited, "random": None}
    if compare_random:
        with _progress.counting("features") as progress:
            compared = workflow.compare_random_splits(
                divided.output, seed=seed, jobs=jobs, progress=progress
            )
        result["random"] = compared.to_dict()
    report.show(result, report.split, as_json)
    if any(finding["broken"] for finding in audited["findings"]):
        raise typer.Exit(1)
    if divided.failed:
        raise typer.Exit(3)


def download(
    name: Name,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Where to (default: $ASC_DATA/NAME).", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Download a dataset and unpack it; published checksums are verified.

    An interrupted download resumes; a complete copy is not downloaded again. The only command that
    uses the network. For a dataset that must be downloaded by hand, the steps are printed.

    Example: **asc datasets download esc50**

    Example: **asc datasets download tut2016 --output /data/tut2016**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress
    from asc_cli.core import paths, plugins
    from asc_cli.protocol import download

    dataset = plugins.load("datasets", name).DATASET
    if not dataset.archives:
        raise AscError(f"{name} must be downloaded by hand. {dataset.obtain}")
    root = paths.expanded(output or paths.data() / name, "output")
    downloaded = []
    was_complete = workflow.complete(name, root)
    with _progress.fetching() as progress:
        for archive in () if was_complete else dataset.archives:
            if download.fetch(archive, root, progress):
                downloaded.append(archive.file)
            if archive.md5 is None:
                _progress.note(f"{archive.file}: no published checksum; not verified")
    download.finish(root)
    message = f"{root}: is complete, nothing was downloaded" if was_complete else str(root)
    check = f"asc datasets check {name}" + (f" --data {root}" if output else "")
    result = {"dataset": name, "root": str(root), "downloaded": downloaded}
    report.show(result, lambda _: f"{message}\ncheck it with: {check}", as_json)


def make(
    name: Annotated[str, typer.Argument(help="Which to make: toy, or yt8m-toy.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Where to (default: $ASC_DATA/NAME).", show_default=False
        ),
    ] = None,
    recordings: Annotated[
        int | None,
        typer.Option(help="How many recordings, or videos.", show_default="180; 5000 videos"),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="Length of each; of the longest video.", show_default="5; 40 of videos"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other scenes.")] = 0,
    lists: Annotated[
        Path | None,
        typer.Option(help="Make audio for the lists of this TUT 2016 copy instead of new ones."),
    ] = None,
) -> None:
    """Make a synthetic dataset: scenes as a TUT 2016 tree, or videos as YouTube-8M's shards.

    toy: 15 scenes, 4 folds by location. yt8m-toy (needs the extra `yt8m`): videos whose labels
    depend on which of two events comes first.

    Example: **asc datasets make toy --recordings 180 --seconds 5**

    Example: **asc datasets make toy --output big --recordings 1170 --seconds 30**

    Example: **asc datasets make yt8m-toy**
    """
    from asc_cli.cli import _progress
    from asc_cli.core import paths
    from asc_cli.datasets import toy, yt8m_toy

    which = name.replace("-", "_")
    if which not in ("toy", "yt8m_toy"):
        raise AscError(f"datasets make: only toy and yt8m-toy can be made, not {name!r}")
    if which == "yt8m_toy" and lists:
        raise AscError("--lists: only for toy, from TUT 2016; yt8m-toy has no lists")
    root = paths.expanded(output or paths.data() / which, "output")
    options = {"recordings": recordings, "seconds": seconds}
    with _progress.counting("recordings") as progress:
        if which == "toy":
            arguments = {"recordings": 180, "seconds": 5.0} | _without_none(options)
            toy.make(root, **arguments, seed=seed, lists=lists, progress=progress)
        else:
            arguments = {
                "videos": recordings,
                "frames": None if seconds is None else round(seconds),
            }
            yt8m_toy.make(root, **_without_none(arguments), seed=seed, progress=progress)
    print(one_line(str(root)))


def _without_none(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


COMMANDS = {
    "list": list_,
    "show": show,
    "check": check,
    "download": download,
    "make": make,
    "split": split,
}
