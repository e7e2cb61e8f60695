"""What a bundle states of itself: its figures, its conditions, its recipe."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asc_cli.core import json_text, plugins
from asc_cli.core.errors import AscError
from asc_cli.evaluation.conditions import Conditions
from asc_cli.evaluation.predictions import Predictions
from asc_cli.evaluation.scores import Scores
from asc_cli.recipe import ensemble as recipes
from asc_cli.recipe.changes import Change, changes
from asc_cli.recipe.load import Recipe
from asc_cli.registry import run_files

VERIFIED, DIFFERS, STATED = "verified", "differs", "not verified"
ON_THEIR_OWN = ("conditions", "remarks")  # of metrics.json: they are checked elsewhere
SHOWN = 3  # differences in a sentence
ROUNDING = 1e-9  # of sums that another machine adds in another order


@dataclass(frozen=True)
class Check:
    """Whether a statement of a bundle holds.

    Attributes:
        check: What it is about; never renamed.
        result: verified, differs, or not verified.
        text: The sentence.
    """

    check: str
    result: str
    text: str


def checked(name: str, holds: bool, yes: str, no: str) -> Check:
    """Return a check that holds or does not, with the sentence for either."""
    return Check(name, VERIFIED if holds else DIFFERS, yes if holds else no)


def few(texts: list[str]) -> str:
    """Return the first differences, and how many more there are."""
    more = f"; and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return "; ".join(sorted(texts)[:SHOWN]) + more


def figures(scores: Scores, recorded: Mapping[str, Any]) -> Check:
    """Compare the figures that were printed with those that follow from the predictions."""
    own = {key: value for key, value in scores.to_dict().items() if key not in ON_THEIR_OWN}
    intervals = recorded.get("intervals")
    draws = intervals.get("bootstraps") if isinstance(intervals, dict) else None
    if draws != scores.intervals.bootstraps:  # of a version that draws more, or fewer
        del own["intervals"]
    both = [key for key in own if key in recorded]
    unlike = [text for key in both for text in _unlike(key, recorded[key], own[key])]
    return checked(
        "figures",
        not unlike,
        f"all {len(both)} figures and tables that were printed follow from the predictions",
        f"printed figures do not follow from the predictions: {few(unlike)}",
    )


def _unlike(where: str, stated: Any, own: Any) -> Iterator[str]:
    """Yield the places where two results differ; what only one of them has is none."""
    if isinstance(stated, dict) and isinstance(own, dict):
        for key in own.keys() & stated.keys():
            yield from _unlike(f"{where}.{key}", stated[key], own[key])
    elif isinstance(stated, list | tuple) and isinstance(own, list | tuple):
        if len(stated) != len(own):
            yield f"{where} has {len(stated)} rows, not {len(own)}"
        for n, (one, other) in enumerate(zip(stated, own, strict=False)):
            yield from _unlike(f"{where}[{n}]", one, other)
    elif not _equal(stated, own):
        yield f"{where} is {str(stated)[:30]}, not {str(own)[:30]}"


def _equal(stated: Any, own: Any) -> bool:
    if {type(stated), type(own)} <= {int, float}:
        return math.isclose(stated, own, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return bool(stated == own)


def tested(own: Conditions, rows: Predictions, environment: Mapping[str, Any]) -> Check:
    """Compare the conditions' recordings and data with the predictions and the environment."""
    prints = [environment.get(key) for key in ("dataset_fingerprint", "dataset_fingerprint_0_1")]
    if own.fingerprint and own.fingerprint not in prints:
        text = "the conditions state another fingerprint of the data than the environment"
        return Check("conditions", DIFFERS, text)
    stated = {fold.fold: fold.tested for fold in own.folds}
    counted = dict(sorted(Counter(rows.folds.tolist()).items()))
    return checked(
        "conditions",
        stated == counted,
        f"the folds and numbers of recordings in the conditions are those of the predictions "
        f"({len(counted)} fold(s), {len(rows)} recordings)",
        f"the conditions state {stated} recordings by fold, the predictions have {counted}",
    )


def signature(folder: Path, environment: Mapping[str, Any]) -> Check:
    """Compute the hash in the run's name again, from the recipe, the data and the code."""
    stated = folder.name.rpartition("-")[2]
    signed, code = _texts(environment.get("signed")), _code(environment.get("code"))
    if not signed or not code:
        text = "what the run's name is the hash of is not recorded, as in runs of earlier versions"
        return Check("signature", STATED, text)
    try:
        recipe = recipes.load(folder / run_files.SETTINGS)
    except AscError as fault:
        text = f"the recipe cannot be read by this asc, so its signature was not computed ({fault})"
        return Check("signature", STATED, " ".join(text.replace(f"{folder}/", "").split()))
    if isinstance(recipe, Recipe):
        own, of = recipe.signature_of(signed, code), "recipe, data, feature and code"
        is_of_data = signed[0] == environment.get("dataset_fingerprint")
    elif len(signed) == len(recipe.systems):
        own, of, is_of_data = recipe.signature(*signed), "weights and the systems' runs", True
    else:
        return Check("signature", DIFFERS, "the recipe has other systems than runs are stated for")
    return checked(
        "signature",
        own == stated and is_of_data,
        f"the hash in the run's name, {stated}, is that of {of}",
        f"the hash in the run's name, {stated}, is not that of {of}",
    )


def code(folder: Path, environment: Mapping[str, Any]) -> Check:
    """Compare the stated hashes of code with those of this asc."""
    stated = {(row["kind"], row["name"], row["hash"]) for row in _code(environment.get("code"))}
    try:
        rows = recipes.load(folder / run_files.SETTINGS).code()
    except AscError:
        return Check("code", STATED, "the recipe names code that this asc does not have")
    own = {(row["kind"], row["name"], row["hash"]) for row in rows}
    if own == stated:
        names = ", ".join(sorted({name for _, name, _ in own}))
        return Check("code", VERIFIED, f"the stated code is that of this asc: {names}")
    names = ", ".join(sorted({name for _, name, _ in own ^ stated}))
    text = "the stated code is of another version, or a plug-in's, and was not compared"
    return Check("code", STATED, f"{text} ({names[:200]})")


def _texts(value: object) -> list[str]:
    """Return a list of texts; [] for anything else."""
    is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return [*value] if is_list and isinstance(value, list) else []


def _code(value: object) -> list[dict[str, str]]:
    """Return rows of kind, name and hash; [] for anything else."""
    rows = value if isinstance(value, list) else []
    keys = ("kind", "name", "hash")
    good = all(isinstance(r, dict) and all(isinstance(r.get(k), str) for k in keys) for r in rows)
    return [{key: row[key] for key in keys} for row in rows] if good else []


def settings(folder: Path, own: Conditions) -> Check:
    """Compare the stated changes from a shipped recipe with those of this asc's recipe."""
    if own.recipe is None:
        text = "the recipe is not one that is shipped, and extends none"
        return Check("settings", STATED, text)
    if own.recipe not in plugins.recipe_names():
        return Check("settings", STATED, f"this asc has no recipe {own.recipe[:80]!r}")
    try:
        recipe, shipped = recipes.load(folder / run_files.SETTINGS), recipes.load(own.recipe)
    except AscError:  # the signature's check has said why
        return Check("settings", STATED, "the recipe cannot be read by this asc")
    if isinstance(recipe, Recipe) and isinstance(shipped, Recipe):
        unlike = changes(recipe.settings, shipped.settings)
    elif not isinstance(recipe, Recipe) and not isinstance(shipped, Recipe):
        unlike = recipe.changes(shipped)
    else:
        return Check("settings", DIFFERS, f"the recipe {own.recipe} is of another kind")
    seed = recipe.training.seed if isinstance(recipe, Recipe) else recipe.seed
    if seed != own.seed:
        return Check("settings", DIFFERS, f"the recipe's seed is {seed}, not {own.seed} as stated")
    per_fold = {c.key for c in own.changed if str(c.value).startswith("chosen per fold")}
    stated, computed = _values(own.changed, per_fold), _values(unlike, per_fold)
    listed = f"but for {', '.join(sorted({*stated} | per_fold))}" if own.changed else "unchanged"
    return checked(
        "settings",
        stated == computed,
        f"the settings are those of {own.recipe} as it ships with this asc, {listed}",
        f"other settings differ from {own.recipe} than the conditions state: "
        f"{', '.join(sorted(k for k, _ in {*stated.items()} ^ {*computed.items()}))}",
    )


def _values(rows: Iterable[Change], left: Container[str]) -> dict[str, str]:
    """Return the changed keys and their values, as JSON has them, without some keys."""
    return {c.key: json_text.dumps(c.value) for c in rows if c.key not in left}
