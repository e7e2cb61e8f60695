"""Datasets: list them, show how to get one, check a copy, make scenes up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from asc_cli.cli import _completion
from asc_cli.cli._options import Data, Json, Subset
from asc_cli.core.errors import AscError

Name = Annotated[
    str,
    typer.Argument(
        help="A dataset's name, see `asc datasets list`.", autocompletion=_completion.datasets
    ),
]


def list_(as_json: Json = False) -> None:
    """List the datasets asc knows, and whether each is here.

    Example: **asc datasets list**
    """
    from asc_cli import report
    from asc_cli.core import paths, plugins

    rows = []
    for name in plugins.names("datasets"):
        dataset = plugins.load("datasets", name).DATASET
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
        source, findings = workflow.audit(name, data, subset, progress)
    found = {
        "dataset": name,
        "root": str(source.root),
        "recordings": len({r.file for r in source.listing.recordings}),
        "folds": [[len(s.train), len(s.test)] for s in source.listing.splits],
        "findings": [vars(finding) for finding in findings],
    }
    report.show(found, report.audit, as_json)
    if any(finding.broken for finding in findings):
        raise typer.Exit(1)


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
    """Download a dataset and unpack it; checksums are those that were published.

    A download that broke goes on where it stopped; a copy that is complete is left as it is. The
    only command that uses the network. A dataset that must be fetched by hand says how.

    Example: **asc datasets download esc50**

    Example: **asc datasets download tut2016 --output /data/tut2016**
    """
    from asc_cli import report, workflow
    from asc_cli.cli import _progress
    from asc_cli.core import paths, plugins
    from asc_cli.protocol import download

    dataset = plugins.load("datasets", name).DATASET
    if not dataset.archives:
        raise AscError(f"{name} is not downloaded by a program. {dataset.obtain}")
    root = (output or paths.data() / name).expanduser()
    got = []
    was_complete = workflow.complete(name, root)
    with _progress.fetching() as progress:
        for archive in () if was_complete else dataset.archives:
            if download.fetch(archive, root, progress):
                got.append(archive.file)
            if archive.md5 is None:
                _progress.note(f"{archive.file}: no checksum is published; not checked")
    download.finish(root)
    words = f"{root}: is complete, nothing was downloaded" if was_complete else str(root)
    check = f"asc datasets check {name}" + (f" --data {root}" if output else "")
    found = {"dataset": name, "root": str(root), "downloaded": got}
    report.show(found, lambda _: f"{words}\ncheck it with: {check}", as_json)


def make(
    name: Annotated[str, typer.Argument(help="What to make up: toy, or yt8m-toy.")],
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
    """Make up a dataset: scenes as a TUT 2016 tree, or videos as YouTube-8M's shards.

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
        raise AscError(f"datasets make: only toy and yt8m-toy can be made up, not {name!r}")
    if which == "yt8m_toy" and lists:
        raise AscError("--lists: of TUT 2016, for toy scenes; yt8m-toy has none")
    root = (output or paths.data() / which).expanduser()
    given = {"recordings": recordings, "seconds": seconds}
    with _progress.counting("recordings") as progress:
        if which == "toy":
            wanted = {"recordings": 180, "seconds": 5.0} | _given(given)
            toy.make(root, **wanted, seed=seed, lists=lists, progress=progress)
        else:
            wanted = {"videos": recordings, "frames": None if seconds is None else round(seconds)}
            yt8m_toy.make(root, **_given(wanted), seed=seed, progress=progress)
    print(root)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


COMMANDS = {"list": list_, "show": show, "check": check, "download": download, "make": make}
