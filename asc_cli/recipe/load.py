"""A recipe: YAML → validated settings, and the signature that names its runs.

The keys are `schema.py`'s, and those that features and models take. Unknown keys are
refused, and all faults are listed together, each with file, line and the nearest name.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, InstanceOf, ValidationError

from asc_cli.core import json_text, plugins
from asc_cli.core.errors import AscError
from asc_cli.core.kind import is_ensemble
from asc_cli.core.plugins import Catalog
from asc_cli.recipe import checks
from asc_cli.recipe.changes import NON_FUNCTIONAL_KEYS
from asc_cli.recipe.faults import fault, raise_if_any
from asc_cli.recipe.files import find, read, rename_model
from asc_cli.recipe.schema import (
    Base,
    Clips,
    Evaluation,
    Paper,
    Stream,
    Training,
    Validation,
)
from asc_cli.recipe.section import Section
from asc_cli.recipe.sections import json_schema, named_code, schema_for
from asc_cli.recipe.signed import signed_settings
from asc_cli.recipe.source import LISTS, Fault, Place, Tree, assign, run_name
from asc_cli.recipe.transfer import Distil, FineTune


class IsEnsemble(AscError):
    """A recipe of several systems, where one of a single system was expected."""


class Recipe(BaseModel):
    """A recipe with every key resolved.

    Attributes:
        name: The name of its file.
        dataset: The dataset's name.
        data: Where the dataset is; no part of `settings`, as it changes no result.
        subset: A published subset to train on, in per cent; None: all.
        features: The feature's name, sample_rate and every parameter; {} of a stream of shards.
        clips: Length and overlap of clips.
        model: The model's name and every parameter.
        training: Optimiser, epochs, batch size, seed.
        variants: Name and every parameter of each variant of the training recordings.
        augment: Name and every parameter of each augmentation, in order.
        distil: Registered models to learn from; None: none.
        fine_tune: How members for recording devices are trained; None: there are none.
        validation: What is held out of training; None: nothing.
        evaluation: How clips make a recording's score, and the headline metric.
        exclude: Files that are left out.
        paper: The published figure to compare with; None: there is none.
        stream: Settings of a stream of shards; None: recordings.
        settings: All keys as they stand in YAML, defaults filled in, but those added since 0.1.0.
        catalog: Code from outside asc that it names, and what is shipped.
        shipped: The shipped recipe that it is, or that it extends; None: neither.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    dataset: str
    data: Path | None
    subset: int | None
    features: dict[str, Any]
    clips: Clips
    model: dict[str, Any]
    training: Training
    variants: tuple[dict[str, Any], ...] = ()
    augment: tuple[dict[str, Any], ...] = ()
    distil: Distil | None = None
    fine_tune: FineTune | None = None
    validation: Validation | None
    evaluation: Evaluation
    exclude: tuple[str, ...]
    paper: Paper | None
    stream: Stream | None
    settings: dict[str, Any]
    catalog: InstanceOf[Catalog]
    shipped: str | None = None

    def yaml(self) -> str:
        """Return the resolved recipe as YAML.

        Returns:
            Text that can be trained as it is.
        """
        return yaml.safe_dump(self.settings, sort_keys=False, allow_unicode=True)

    def code(self) -> list[dict[str, str]]:
        """Return what its results are computed by.

        Returns:
            kind, name, origin ("asc" for what is shipped) and hash of its feature, model, dataset
            and augmentations, and of a metric that is not shipped.
        """
        named = [("datasets", self.dataset), ("models", self.model["name"])]
        named += [("features", self.features["name"])] if self.features else []
        variants = (*self.variants, *self.evaluation.variants)
        named += [("variants", each["name"]) for each in variants]
        named += [("augment", each["name"]) for each in self.augment]
        outside = {(code.kind, code.name): code.described() for code in self.catalog.code}
        rows = {part: {"kind": part[0], "name": part[1], "origin": "asc"} for part in named}
        return [
            outside.get(part) or {**row, "hash": self.catalog.code_hash(*part)}
            for part, row in {**rows, **outside}.items()
        ]

    def outside_data(self) -> tuple[str, ...]:
        """Return what it uses that was trained on other recordings than the dataset's.

        Returns:
            The feature, with what it reads, if it is an encoder from outside; else nothing.
        """
        name = self.features.get("name")
        if name is None or not self.catalog.defines("features", name, "outside_data"):
            return ()
        source = self.features.get("model") or self.features.get("file")
        return (f"{name} {Path(source).name}" if source else name,)

    def functional_settings(self) -> Mapping[str, Any]:
        """Return the settings that may change a result, to tell runs apart.

        Returns:
            `settings` without description, sources and the like.
        """
        return {k: v for k, v in self.settings.items() if k not in NON_FUNCTIONAL_KEYS}

    def signature(self, *data: str, code: bool = True) -> str:
        """Hash the whole resolved recipe, its code and what it runs on.

        Devices and worker counts are no part of a recipe, so they are no part of this; nor is
        `data`: the fingerprints identify the recordings, wherever they are stored. A renamed
        model is hashed under its first name, so that older runs keep their names.

        Of code, the model's and the augmentations' counts, and a metric's that is not shipped: a
        feature's is in its key, and what a dataset's makes of its lists is in its fingerprint.

        Args:
            data: Fingerprints of the dataset and of the feature.
            code: Whether the code counts. In version 0.1 it did not.

        Returns:
            12 hexadecimal digits.
        """
        return self.signature_of(data, self.code() if code else [])

    def signature_of(self, data: Sequence[str], code: Sequence[Mapping[str, str]]) -> str:
        """Hash the resolved recipe with what another machine ran it on.

        Args:
            data: Fingerprints of the dataset and of the feature, as in `signature`.
            code: Kind and hash of each part of the code that computed the run, as `code` has them.

        Returns:
            12 hexadecimal digits.
        """
        counted = [
            f"{row['kind']} {row['hash']}"
            for row in code
            if row["kind"] in ("models", "metrics", "augment")
        ]
        settings = signed_settings(self.settings, self.catalog)
        text = json_text.dumps([settings, *data, *counted], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def load(recipe: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        recipe: A shipped recipe's name, or a path.
        overrides: "section.key=value", as after --set.

    Returns:
        The recipe with every default filled in.

    Raises:
        AscError: There is no such recipe, or it has faults: the text lists them all, each with
            file, line, what is wrong and the nearest known name.
    """
    path = find(recipe)
    return validated(run_name(path), *read(path, overrides))


def resolved(recipe: Recipe | str | Path) -> Recipe:
    """Return a recipe as it is, or load it by its name or path."""
    return recipe if isinstance(recipe, Recipe) else load(recipe)


def from_settings(
    name: str,
    settings: dict[str, Any],
    overrides: Sequence[str] = (),
    catalog: Catalog = plugins.INSTALLED,
) -> Recipe:
    """Check a recipe that is given as a mapping, such as a model's card holds.

    Args:
        name: What to call it; runs are named after it.
        settings: The recipe's keys, sections as mappings.
        overrides: "section.key=value", as after --set.
        catalog: Where plug-ins that it names are looked up.

    Returns:
        The recipe with every default filled in.

    Raises:
        AscError: It has faults; the text lists them all.
    """
    tree = Tree(copy.deepcopy(settings), {})
    faults: list[Fault] = []
    for text in overrides:
        assign(tree, text, faults)
    return validated(name, tree, faults, catalog)


def validated(
    name: str, tree: Tree, faults: list[Fault], catalog: Catalog, shipped: str | None = None
) -> Recipe:
    """Return a recipe from what `read` returns. Raises AscError that lists all its faults."""
    if is_ensemble(tree.values):
        raise IsEnsemble(
            f"recipe {name}: is an ensemble, and this takes the recipe of one system; name one of "
            "those that it lists under systems"
        )
    rename_model(tree)
    outside = named_code(tree, catalog)
    try:
        validated = schema_for(tree, outside).model_validate(tree.values)
    except ValidationError as refused:
        faults = faults + [fault(error, tree, catalog) for error in refused.errors()]
        faults += checks.features_missing(tree)
    else:
        faults = [*faults, *checks.dataset(validated, tree, catalog)]
        faults = [*faults, *checks.unknown_sources(validated, tree)]
        faults = [*faults, *checks.optimiser(validated, tree)]
        faults = [*faults, *checks.augmentation(validated, tree, catalog)]
        faults = [*faults, *checks.fits_itself(validated, tree, catalog)]
        faults = [*faults, *checks.selection(validated, tree)]
    raise_if_any(name, faults)
    settings = _without_added(validated)
    data = settings.pop("data")
    if (unknown := settings["evaluation"].get("unknown")) and unknown["negatives"] is None:
        del unknown["negatives"]
    if settings["source"] and not settings["source"]["own"]:
        del settings["source"]["own"]
    return Recipe.model_validate(
        {
            **{key: getattr(validated, key) for key in settings if key in Recipe.model_fields},
            "name": name,
            "features": settings["features"] or {},
            "model": settings["model"],
            **{key: settings.get(key, ()) for (key, *within) in LISTS if not within},
            "evaluation": _evaluation(validated.evaluation, settings["evaluation"]),
            "data": data,
            "settings": settings,
            "catalog": outside,
            "shipped": shipped,
        }
    )


def _evaluation(section: Evaluation, settings: dict[str, Any]) -> Evaluation:
    """Return the section with its variants as mappings, as the recipe's other lists are."""
    variants = tuple(settings.get("variants", ()))
    return Evaluation.model_construct(**{**dict(section), "variants": variants})


def _without_added(recipe: Base) -> dict[str, Any]:
    """Return a recipe's settings without keys that 0.1.0 did not have and that have defaults."""
    settings = recipe.model_dump(mode="json")
    for name, section in [("", recipe), *((k, v) for k, v in recipe if isinstance(v, Section))]:
        values = settings[name] if name else settings
        for key in section.ADDED:
            if getattr(section, key) == type(section).model_fields[key].default:
                del values[key]
    return settings


schema = json_schema  # of a recipe file, for editors

__all__ = ["Fault", "Place", "Recipe", "find", "from_settings", "load", "resolved", "schema"]
