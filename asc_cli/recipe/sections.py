"""The schema of a whole recipe: the keys of `schema.py`, and those of features and models."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, create_model

from asc_cli.core import plugins
from asc_cli.core.errors import AscError
from asc_cli.core.limits import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from asc_cli.core.plugins import Catalog
from asc_cli.recipe.ensemble_keys import EnsembleKeys
from asc_cli.recipe.schema import HEADLINES, Base, Evaluation
from asc_cli.recipe.section import Section
from asc_cli.recipe.source import LISTS, Tree

OUTSIDE = (
    " One of your own: {kind}/{name}.py in a folder plugins/ beside the recipe, or in a folder "
    "that ASC_PLUGINS lists."
)
KINDS = {"features": "features", "model": "models"}  # section → the kind of plug-in that it names
TEST_VARIANTS = ("evaluation", "variants")


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a recipe file, for editors."""
    schema = full_schema(Catalog(sealed=True)).model_json_schema()
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "Name or path of a recipe that this one changes.",
    }
    ensemble = EnsembleKeys.model_json_schema()
    schema["properties"]["systems"] = ensemble["properties"]["systems"]
    schema["$defs"]["System"] = ensemble["$defs"]["System"]
    schema["required"] = []  # with extends, any key may come from the other recipe
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def named_code(tree: Tree, catalog: Catalog) -> Catalog:
    """Return a sealed catalogue with the code from outside that a recipe names."""
    headline = tree.values.get("evaluation")
    parts = [
        ("features", name_of(tree, "features")),
        ("models", name_of(tree, "model")),
        ("datasets", tree.values.get("dataset")),
        ("metrics", headline.get("headline") if isinstance(headline, dict) else None),
        *((kind, name) for key, kind in LISTS.items() for name in names_in(tree, key)),
    ]
    return catalog.only(
        (kind, name)
        for kind, name in parts
        if isinstance(name, str) and name and not (kind == "metrics" and name in HEADLINES)
    )


def schema_for(tree: Tree, outside: Catalog) -> type[Base]:
    """Return the schema with the sections of the feature and of the model that a recipe names:
    building those of all others takes longer than checking it."""
    names = {section: name_of(tree, section) for section in KINDS}
    existing = {s: name for s, name in names.items() if name in outside.names(KINDS[s])}
    lists = {key: tuple(dict.fromkeys(names_in(tree, key))) for key in LISTS}
    lists = {
        key: listed if set(listed) <= set(every := outside.names(LISTS[key])) else tuple(every)
        for key, listed in lists.items()
    }
    return _schema(outside, existing.get("features"), existing.get("model"), tuple(lists.items()))


def full_schema(outside: Catalog) -> type[Base]:
    """Return the schema with the sections of all features and models: those that are shipped, and
    the code in `outside`."""
    lists = tuple((key, tuple(outside.names(kind))) for key, kind in LISTS.items())
    return _schema(outside, None, None, lists)


@functools.cache
def _schema(
    outside: Catalog,
    feature: str | None,
    model: str | None,
    lists: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...],
) -> type[Base]:
    """Return Base plus the section of one feature and of one model, or of all where None, and those
    of each list's plug-ins: (its key, names)."""
    rate: Any = Field(
        None,
        ge=MIN_SAMPLE_RATE,
        le=MAX_SAMPLE_RATE,
        description="Hz; none: the dataset's own rate.",
    )
    features = [
        _section(outside, "features", name, sample_rate=(int | None, rate))
        for name in ([feature] if feature else outside.names("features"))
    ]
    models = [
        _section(outside, "models", name)
        for name in ([model] if model else outside.names("models"))
    ]
    return create_model(
        "Recipe",
        __base__=Base,
        features=(
            _either(features) | None,
            Field(None, description="The feature and its parameters; none: shards hold features."),
        ),
        model=(_either(models), Field(description="The model and its parameters.")),
        **{
            key[0]: _list(outside, key, names, Base)
            for key, names in lists
            if names and len(key) == 1
        },
        **_evaluation(outside, dict(lists)),
    )


def _list(
    outside: Catalog, key: tuple[str, ...], names: tuple[str, ...], section: type[Section]
) -> Any:
    """Return the field of a list of these plug-ins, which a section has."""
    items = _either([_section(outside, LISTS[key], name) for name in names])
    return tuple[items, ...], section.model_fields[key[-1]]  # type: ignore[valid-type]


def list_around(path: Sequence[str]) -> tuple[str, ...] | None:
    """Return the key of the list that an entry's path leads into; None of any other path."""
    return next(
        (key for key in LISTS if len(path) > len(key) and (*path,)[: len(key)] == key), None
    )


def names_in(tree: Tree, key: tuple[str, ...]) -> list[str]:
    """Return the `name` of each entry of a recipe's list; "" where an entry has none."""
    entries: Any = tree.values
    for part in key:
        entries = entries.get(part) if isinstance(entries, dict) else None
    if not isinstance(entries, list):
        return []
    return [str(each.get("name", "")) if isinstance(each, dict) else "" for each in entries]


def name_of(tree: Tree, section: str) -> str:
    """Return the `name` in a section of a recipe; "" where there is none."""
    values = tree.values.get(section)
    return str(values.get("name", "")) if isinstance(values, dict) else ""


def valid_keys(tree: Tree, section: list[str], catalog: Catalog) -> list[str]:
    """Return the keys of a section, for the nearest-name hint."""
    if not section:
        return [*full_schema(Catalog(sealed=True)).model_fields, "extends", "systems"]
    if section[0] in KINDS:
        kind = KINDS[section[0]]
        names = [p.name for p in catalog.parameters(kind, name_of(tree, section[0]))]
        return ["name", *(["sample_rate"] if kind == "features" else []), *names]
    if key := list_around(section):
        name = names_in(tree, key)[int(section[len(key)])]
        return ["name", *(p.name for p in catalog.parameters(LISTS[key], name))]
    annotation = Base.model_fields[section[0]].annotation
    return list(
        next(
            each.model_fields
            for each in (annotation, *get_args(annotation))
            if isinstance(each, type) and issubclass(each, Section)
        )
    )


def _section(outside: Catalog, kind: str, name: str, **extra: Any) -> type[Section]:
    """Return a section whose keys are the parameters of a feature or a model."""
    fields: dict[str, Any] = {"name": (Literal[name], ...), **extra}
    for parameter in outside.parameters(kind, name):
        default = ... if parameter.default is plugins.REQUIRED else parameter.default
        fields[parameter.name] = (parameter.type, default)
    return create_model(
        f"{kind}_{name}", __base__=Section, __doc__=outside.summary(kind, name), **fields
    )


def _either(sections: list[type[Section]]) -> Any:
    if len(sections) == 1:
        return sections[0]
    return Annotated[functools.reduce(operator.or_, sections), Field(discriminator="name")]


def _evaluation(outside: Catalog, lists: dict[tuple[str, ...], tuple[str, ...]]) -> dict[str, Any]:
    """Return the section `evaluation` with the metrics from outside among its headlines, and the
    variants that it names."""
    fields: dict[str, Any] = {}
    if variants := lists[TEST_VARIANTS]:
        fields["variants"] = _list(outside, TEST_VARIANTS, variants, Evaluation)
    names = []
    for code in outside.code:
        if code.kind == "metrics" and (row := outside.metric(code.name)) is not None:
            if not row.definition:
                raise AscError(
                    f"{code.file} ({code.origin}): a metric that heads a report has a definition: "
                    'Metric(…, definition="…")'
                )
            names.append(code.name)
    if names:
        headlines = (*HEADLINES, *names)
        fields["headline"] = (Literal[headlines], Evaluation.model_fields["headline"])
    if not fields:
        return {}
    section = create_model("Evaluation", __base__=Evaluation, **fields)
    return {"evaluation": (section, Base.model_fields["evaluation"])}
