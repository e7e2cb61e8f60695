"""A recipe: YAML → validated settings, and the signature that names its runs.

The keys are `schema.py`'s, and those that features and models take. Unknown keys are
refused, and all faults are listed together, each with file, line and the nearest name.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import operator
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.recipe import checks, synonyms
from asc_cli.recipe.schema import (
    Base,
    Clips,
    Evaluation,
    Paper,
    Section,
    Source,
    Stream,
    Training,
    Validation,
)
from asc_cli.recipe.source import Fault, Place, Tree, assign, merge, parse


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
        validation: What is held out of training; None: nothing.
        evaluation: How clips make a recording's score, and the headline metric.
        exclude: Files that are left out.
        paper: The published figure to compare with; None: there is none.
        stream: Settings of a stream of shards; None: recordings.
        settings: All keys as they stand in YAML, defaults filled in.
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
    validation: Validation | None
    evaluation: Evaluation
    exclude: tuple[str, ...]
    paper: Paper | None
    stream: Stream | None
    settings: dict[str, Any]

    def yaml(self) -> str:
        """Return the resolved recipe as YAML.

        Returns:
            Text that can be trained as it is.
        """
        return yaml.safe_dump(self.settings, sort_keys=False, allow_unicode=True)

    def signature(self, *data: str) -> str:
        """Hash the whole resolved recipe and what it runs on.

        Devices and worker counts are no part of a recipe, so they are no part of this; nor is
        `data`: the fingerprints identify the recordings, wherever they are stored. A renamed
        model is hashed under its first name, so that older runs keep their names.

        Args:
            data: Fingerprints of the dataset and of the feature.

        Returns:
            12 hexadecimal digits.
        """
        model = self.settings["model"]
        original = {**model, "name": plugins.first_name("models", model["name"])}
        text = json.dumps([{**self.settings, "model": original}, *data], sort_keys=True)
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
    tree, faults = _load_with_base(path)
    for text in overrides:
        assign(tree, text, faults)
    return _validated(path.stem, tree, faults)


def resolved(recipe: Recipe | str | Path) -> Recipe:
    """Return a recipe as it is, or load it by its name or path."""
    return recipe if isinstance(recipe, Recipe) else load(recipe)


def from_settings(name: str, settings: dict[str, Any], overrides: Sequence[str] = ()) -> Recipe:
    """Check a recipe that is given as a mapping, such as a model's card holds.

    Args:
        name: What to call it; runs are named after it.
        settings: The recipe's keys, sections as mappings.
        overrides: "section.key=value", as after --set.

    Returns:
        The recipe with every default filled in.

    Raises:
        AscError: It has faults; the text lists them all.
    """
    tree = Tree(copy.deepcopy(settings), {})
    faults: list[Fault] = []
    for text in overrides:
        assign(tree, text, faults)
    return _validated(name, tree, faults)


def find(recipe: str | Path) -> Path:
    """Return the file of a recipe. Raises AscError with the nearest name there is."""
    path = Path(recipe)
    if path.is_file():
        return path
    for suffix in (".yaml", ".yml"):
        if (with_suffix := Path(f"{path}{suffix}")).is_file():
            raise AscError(f"unknown recipe {str(recipe)!r}; did you mean {with_suffix}?")
    shipped = plugins.recipes_folder() / f"{path.stem}.yaml"
    if shipped.is_file() and str(recipe) in (path.stem, f"recipes/{path.stem}.yaml"):
        return shipped
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        hint = plugins.nearest(path.stem, plugins.recipe_names())
        suggestion = f"; the shipped recipe {hint} is spelt most like it" if hint else ""
        raise AscError(f"recipe {recipe}: there is no such file{suggestion}")
    raise AscError(plugins.unknown("recipe", str(recipe), plugins.recipe_names()))


def schema() -> dict[str, Any]:
    """Return the JSON schema of a recipe file, for editors."""
    json_schema = _full_schema().model_json_schema()
    json_schema["properties"]["extends"] = {
        "type": "string",
        "description": "Name or path of a recipe that this one changes.",
    }
    json_schema["required"] = []  # with extends, any key may come from the other recipe
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **json_schema}


KINDS = {"features": "features", "model": "models"}  # section → the kind of plug-in that it names


@functools.cache
def _full_schema() -> type[Base]:
    """Return Base plus a feature section and a model section of those that exist."""
    rate: Any = Field(None, ge=1000, description="Hz; none: the dataset's own rate.")
    features = [
        _section("features", name, sample_rate=(int | None, rate))
        for name in plugins.names("features")
    ]
    models = [_section("models", name) for name in plugins.names("models")]
    return create_model(
        "Recipe",
        __base__=Base,
        features=(
            _either(features) | None,
            Field(None, description="The feature and its parameters; none: shards hold features."),
        ),
        model=(_either(models), Field(description="The model and its parameters.")),
    )


def _section(kind: str, name: str, **extra: Any) -> type[Section]:
    """Return a section whose keys are the parameters of a feature or a model."""
    fields: dict[str, Any] = {"name": (Literal[name], ...), **extra}
    for parameter in plugins.parameters(kind, name):
        type_ = eval(parameter.annotation, {"Sequence": Sequence, "Literal": Literal})
        default = ... if parameter.default is plugins.REQUIRED else parameter.default
        fields[parameter.name] = (type_, default)
    return create_model(
        f"{kind}_{name}", __base__=Section, __doc__=plugins.summary(kind, name), **fields
    )


def _either(sections: list[type[Section]]) -> Any:
    if len(sections) == 1:
        return sections[0]
    return Annotated[functools.reduce(operator.or_, sections), Field(discriminator="name")]


def _load_with_base(path: Path, children: tuple[Path, ...] = ()) -> tuple[Tree, list[Fault]]:
    """Load a recipe file merged over the one it extends, and so on."""
    if path.resolve() in children:
        chain = " → ".join(p.name for p in [*children, path.resolve()])
        raise AscError(f"recipe {path}: extends itself: {chain}")
    tree, faults = parse(path)
    if isinstance(data := tree.values.get("data"), str):
        tree.values["data"] = str(path.parent / Path(data).expanduser())
    _rename_model(tree)
    parent = tree.values.pop("extends", None)
    if parent is None:
        return tree, faults
    neighbour = path.parent / (parent if str(parent).endswith(".yaml") else f"{parent}.yaml")
    base, base_faults = _load_with_base(
        neighbour if neighbour.is_file() else find(str(parent)), (*children, path.resolve())
    )
    return merge(base, tree), base_faults + faults


def _rename_model(tree: Tree) -> None:
    """Replace a model's name of an earlier version by the current one, in place."""
    model = tree.values.get("model")
    if isinstance(model, dict) and isinstance(model.get("name"), str):
        model["name"] = plugins.renamed("models", model["name"])


def _validated(name: str, tree: Tree, faults: list[Fault]) -> Recipe:
    _rename_model(tree)
    try:
        validated = _full_schema().model_validate(tree.values)
    except ValidationError as refused:
        faults = faults + [_fault(error, tree) for error in refused.errors()]
        faults += checks.features_missing(tree)
    else:
        if validated.dataset not in plugins.names("datasets"):
            message = plugins.unknown("dataset", validated.dataset, plugins.names("datasets"))
            if hint := plugins.path_hint(validated.dataset):
                name = validated.dataset
                message = f"dataset = {name}: {hint}: dataset: table, data: {name}"
            faults = [*faults, Fault(tree.place("dataset"), message)]
        else:
            faults = [*faults, *checks.stream_section(validated, tree)]
        faults = [*faults, *checks.unknown_sources(validated, tree)]
        faults = [*faults, *checks.selection(validated, tree)]
    if faults:
        lines = "\n".join(f"  {fault.place}: {fault.message}" for fault in faults)
        count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise AscError(f"recipe {name}: {count}\n{lines}")
    settings = validated.model_dump(mode="json")
    data = settings.pop("data")
    if settings["licence"] is None:  # so that recipes without one keep the signatures of 0.1
        del settings["licence"]
    if settings["source"] and not settings["source"]["own"]:
        del settings["source"]["own"]
    return Recipe.model_validate(
        {
            **{key: settings[key] for key in settings if key in Recipe.model_fields},
            "name": name,
            "features": settings["features"] or {},
            "data": data,
            "settings": settings,
        }
    )


def _fault(error: Any, tree: Tree) -> Fault:
    """Convert pydantic's error to a message at a place."""
    location = [str(part) for part in error["loc"]]
    if location[0] in ("features", "model") and len(location) > 1:
        tag = _name_of(tree, location[0])
        location = [location[0], *location[2:]] if location[1] == tag else location
    dotted, key = ".".join(location), location[-1]
    place = tree.place(*location)
    if error["type"] == "extra_forbidden":
        if elsewhere := [
            section for section in _sections_with(key, tree) if section != location[0]
        ]:
            return Fault(place, f"unknown key {dotted!r}; did you mean {elsewhere[0]}.{key}?")
        if (suggestion := _synonym(key, location[:-1], tree)) is not None:
            return Fault(place, f"unknown key {dotted!r}; did you mean {suggestion}?")
        within = f"key in {'.'.join(location[:-1])}" if location[:-1] else "key"
        return Fault(place, plugins.unknown(within, key, _known_keys(tree, location[:-1])))
    if error["type"] == "missing":
        return Fault(tree.place(*location[:-1]), f"{dotted} is missing")
    if error["type"] == "union_tag_invalid":
        available = plugins.names(KINDS[location[0]])
        message = plugins.unknown(location[0], _name_of(tree, location[0]), available)
        return Fault(tree.place(location[0], "name"), message)
    if error["type"] == "union_tag_not_found":
        return Fault(place, f"{dotted}.name is missing")
    message = error["msg"][0].lower() + error["msg"][1:]
    return Fault(place, f"{dotted} = {error['input']!r}: {message}")


def _name_of(tree: Tree, section: str) -> str:
    values = tree.values.get(section)
    return str(values.get("name", "")) if isinstance(values, dict) else ""


def _sections_with(key: str, tree: Tree) -> list[str]:
    """Return the sections that have this key: it was written a level too high."""
    return [section for section in _sections(tree) if key in _known_keys(tree, [section])]


def _sections(tree: Tree) -> list[str]:
    chosen = [s for s in ("features", "model") if _name_of(tree, s) in plugins.names(KINDS[s])]
    return ["training", "clips", "validation", "evaluation", *chosen]


def _synonym(key: str, section: list[str], tree: Tree) -> str | None:
    """Return this package's key for another tool's word, in its own section or another."""
    for place in (section, [], *([s] for s in _sections(tree))):
        if hint := synonyms.synonym(key, _known_keys(tree, place)):
            return ".".join([*place, hint])
    return None


def _known_keys(tree: Tree, section: list[str]) -> list[str]:
    """Return the keys of a section, for the nearest-name hint."""
    if not section:
        return [*_full_schema().model_fields, "extends"]
    if section[0] in ("features", "model"):
        kind = KINDS[section[0]]
        names = [p.name for p in plugins.parameters(kind, _name_of(tree, section[0]))]
        return ["name", *(["sample_rate"] if kind == "features" else []), *names]
    field = Base.model_fields[section[0]].annotation
    sections = (Clips, Training, Validation, Evaluation, Paper, Source, Stream)
    section_type = next(k for k in sections if k.__name__ in str(field))
    return list(section_type.model_fields)


__all__ = ["Fault", "Place", "Recipe", "find", "from_settings", "load", "resolved", "schema"]
