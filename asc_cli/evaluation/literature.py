"""Published results: one data file, checked row by row, and the datasets' own baselines.

`published.yaml` beside this file says what each key means. A figure is in one place: the paper's
in the recipes that quote them, the organisers' baselines in the datasets' files, all others here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from asc_cli.core import plugins, yaml_text
from asc_cli.core.errors import AscError
from asc_cli.datasets import Baseline, Dataset
from asc_cli.recipe import ensemble as recipes

FILE = Path(__file__).with_name("published.yaml")
TESTED_ON = {
    "folds": "the published folds",
    "evaluation": "the challenge's evaluation recordings",
    "not stated": "not stated",
}
CHOSEN_ON = {
    "nothing": "nothing",
    "training": "a part of training",
    "test": "its own test fold",
    "not stated": "not stated",
}
BASELINE = "baseline"  # the system, of a figure in a dataset's file
VIDEO_METRICS = ("gap", "hit_at_1")
QUOTED = ("dataset", "metric", "value")  # what a row with `recipe` takes from that recipe
WEB = ("https://", "http://")


@dataclass(frozen=True)
class PublishedResult:
    """A figure that somebody published.

    Attributes:
        system: What was scored.
        dataset: On which dataset of asc.
        metric: A key of METRICS; of videos, gap or hit_at_1.
        value: From 0 to 1; log loss in nats.
        source: Title, authors, place of the publication.
        address: Where that is found; "" for what a dataset's file names in words.
        read: Where the figure itself was read.
        tested_on: A key of TESTED_ON; of a dataset's baseline also other recordings, in words.
        chosen_on: What the epoch was chosen on, a key of CHOSEN_ON.
        outside_data: What it learned from beside the dataset; "": nothing that is stated.
        note: What else a reader must know; "" for nothing.
        subset: The published subset of the training part, in per cent; None: all.
        recipe: The shipped recipe that quotes the figure; "" for others.
        devices: The dataset's group of devices whose figure it is; "": all devices.
    """

    system: str
    dataset: str
    metric: str
    value: float
    source: str
    address: str
    read: str
    tested_on: str
    chosen_on: str
    outside_data: str = ""
    note: str = ""
    subset: int | None = None
    recipe: str = ""
    devices: str = ""

    @property
    def figure(self) -> str:
        """The figure as it was published: a share in per cent, GAP and log loss as numbers."""
        plain = {metric.name for metric in plugins.metrics() if not metric.share}
        if self.metric in (*plain, *VIDEO_METRICS):
            return f"{self.value:g}"
        return f"{round(100 * self.value, 4):g} %"

    def words(self) -> str:
        """Return where the figure is from.

        Returns:
            Of a baseline its source; of others system and source, and that the choice of its epoch
            is not stated where it is not. The page of published results has the addresses.
        """
        if self.system == BASELINE:
            return self.source
        unknown = "; what its epoch was chosen on is not stated"
        text = f"{self.system}: {self.source}"
        return text + (unknown if self.chosen_on == "not stated" else "")

    def reservations(self) -> list[str]:
        """Return why no figure of a run compares with this one.

        Returns:
            A phrase per reason; none for a figure of the published folds, without outside data,
            whose epoch was not chosen on them.
        """
        phrases = {
            "its epoch was chosen on its own test fold": self.chosen_on == "test",
            f"it learned from other data ({self.outside_data})": bool(self.outside_data),
            "on which folds it was tested is not stated": self.tested_on == "not stated",
            f"theirs was tested on {TESTED_ON.get(self.tested_on, self.tested_on)}": (
                self.tested_on not in ("folds", "not stated")
            ),
        }
        return [phrase for phrase, applies in phrases.items() if applies]

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes, the figure as text, and the reservations.

        Returns:
            As in JSON.
        """
        return {**asdict(self), "figure": self.figure, "reservations": self.reservations()}


def published_results(dataset: str | None = None) -> list[PublishedResult]:
    """Return every published result: of the file, of the recipes it names, and the baselines.

    Args:
        dataset: Of this dataset alone; of all that are shipped when None.

    Returns:
        By dataset, the best first.

    Raises:
        AscError: The file has a row that says too little, or what cannot be.
    """
    names = plugins.shipped("datasets") if dataset is None else [dataset]
    own = [row for name in names for row in _baselines(name)]
    rows = [row for row in (*read(), *own) if row.dataset in names]
    return sorted(rows, key=lambda row: (row.dataset, row.metric == "log_loss", -row.value))


def of_dataset(dataset: Dataset, subset: int | None) -> list[PublishedResult]:
    """Return a dataset's baselines, then the file's own rows, the best first, on it or a subset.

    Those that a recipe quotes are left out: a run of that recipe has them in its settings.
    """
    entries = (entry for entry in _entries(FILE) if entry.get("dataset") == dataset.name)
    others = sorted((_checked(FILE, entry) for entry in entries), key=lambda row: -row.value)
    own = [_of_baseline(dataset.name, baseline) for baseline in dataset.baselines]
    return [row for row in (*own, *others) if (row.subset or 100) == (subset or 100)]


def read(path: Path = FILE) -> list[PublishedResult]:
    """Return the rows of a file of published results, each checked.

    Args:
        path: The file.

    Returns:
        Its rows, in their order.

    Raises:
        AscError: A row lacks a key, has an unknown one or a value that cannot be, or is there
            twice; the text names the row.
    """
    rows = [_checked(path, _quoted(path, entry)) for entry in _entries(path)]
    keys = [(r.dataset, r.subset, r.system, r.metric, r.tested_on, r.source) for r in rows]
    for n, key in enumerate(keys):
        if key in keys[:n]:
            raise AscError(f"{path}: {key[2]} on {key[0]}: the same figure is there twice")
    return rows


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield each row's keys: those of its source, and its own in place of them."""
    sources = yaml_text.load(path.read_text(encoding="utf-8"), str(path))
    if not isinstance(sources, list):
        raise AscError(f"{path}: a list of sources was expected")
    for n, source in enumerate(sources, start=1):
        rows = source.get("rows") if isinstance(source, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise AscError(f"{path}: source {n}: its rows were expected, a list of mappings")
        shared = {key: value for key, value in source.items() if key != "rows"}
        yield from ({**shared, **row} for row in rows)


def _quoted(path: Path, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with the dataset, metric and value of the recipe that it names, if any."""
    if not (name := entry.get("recipe")):
        return entry
    where = f"{path}: recipe {name}"
    if twice := [key for key in QUOTED if key in entry]:
        raise AscError(f"{where}: {', '.join(twice)} is the recipe's; leave it out here")
    if name not in plugins.recipe_names():
        raise AscError(f"{where}: {plugins.unknown('recipe', str(name), plugins.recipe_names())}")
    recipe = recipes.load(str(name))
    paper = recipe.settings.get("paper") or {}
    if paper.get("gap") is not None:
        return {**entry, "dataset": recipe.dataset, "metric": "gap", "value": paper["gap"]}
    if paper.get("error") is None:
        raise AscError(f"{where}: quotes no published figure")
    metric = plugins.load("datasets", recipe.dataset).DATASET.headline
    value = round(1 - paper["error"] / 100, 6)
    return {**entry, "dataset": recipe.dataset, "metric": metric, "value": value}


def _checked(path: Path, entry: Mapping[str, Any]) -> PublishedResult:
    """Return a row of the file. Raises AscError that names the row and what is wrong with it."""
    where = f"{path}: {entry.get('system') or entry.get('source') or entry}"
    names = {field.name: field for field in fields(PublishedResult)}
    if unknown := [key for key in entry if key not in names]:
        raise AscError(f"{where}: {plugins.unknown('key', str(unknown[0]), list(names))}")
    optional = ("outside_data", "note", "subset", "recipe", "devices")
    if missing := [name for name in names if name not in entry and name not in optional]:
        raise AscError(f"{where}: lacks {', '.join(missing)}")
    texts = [key for key in entry if key not in ("value", "subset")]
    if wrong := [key for key in texts if not isinstance(entry[key], str)]:
        raise AscError(f"{where}: {wrong[0]}: a text was expected, not {entry[wrong[0]]!r}")
    row = PublishedResult(**entry)
    for fault in _faults(row):
        raise AscError(f"{where}: {fault}")
    return row


def _faults(row: PublishedResult) -> Iterator[str]:
    """Yield what is wrong with the values of a row."""
    if row.dataset not in plugins.shipped("datasets"):
        yield plugins.unknown("dataset", row.dataset, list(plugins.shipped("datasets")))
    shares = {metric.name: metric.share for metric in plugins.metrics()}
    shares |= dict.fromkeys(VIDEO_METRICS, True)
    if row.metric not in shares:
        yield plugins.unknown("metric", row.metric, list(shares))
    is_number = isinstance(row.value, int | float) and not isinstance(row.value, bool)
    if not is_number or not 0 <= row.value <= (1 if shares.get(row.metric, True) else 100):
        yield f"value {row.value!r}: from 0 to 1 was expected, a log loss in nats"
    if row.tested_on not in TESTED_ON:
        yield f"tested_on {row.tested_on!r}: one of {', '.join(TESTED_ON)} was expected"
    if row.chosen_on not in CHOSEN_ON:
        yield f"chosen_on {row.chosen_on!r}: one of {', '.join(CHOSEN_ON)} was expected"
    if not row.address.startswith(WEB):
        yield f"address {row.address!r}: one that begins with https:// was expected"
    if empty := [key for key in ("system", "source", "read") if not getattr(row, key).strip()]:
        yield f"{empty[0]} is empty"
    if row.subset is not None:
        published = [percent for percent, _ in _dataset(row.dataset).subsets]
        if row.subset not in published:
            yield f"subset {row.subset!r}: {row.dataset} has {published or 'none'}"


def _dataset(name: str) -> Dataset:
    dataset: Dataset = plugins.load("datasets", name).DATASET
    return dataset


def _baselines(name: str) -> list[PublishedResult]:
    """Return the organisers' figures, which are in the dataset's own file."""
    return [_of_baseline(name, baseline) for baseline in _dataset(name).baselines]


def _of_baseline(dataset: str, baseline: Baseline) -> PublishedResult:
    return PublishedResult(
        system=BASELINE,
        dataset=dataset,
        metric=baseline.metric,
        value=baseline.value,
        source=baseline.source,
        address=baseline.address,
        read="as the source says",
        tested_on=baseline.tested_on or "folds",
        chosen_on=baseline.chosen_on,
        outside_data=baseline.outside_data,
        subset=baseline.subset,
        devices=baseline.devices,
    )
