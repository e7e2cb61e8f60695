"""The files of a recipe: found by name, merged over those that they extend, `--set` applied."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from asc_cli.core import paths, plugins
from asc_cli.core.errors import AscError
from asc_cli.core.plugins import Catalog
from asc_cli.recipe.source import Fault, Tree, assign, merge, parse


def find(recipe: str | Path) -> Path:
    """Return the file of a recipe. Raises AscError with the nearest name there is."""
    path = Path(recipe)
    if os.path.isfile(path):
        return path
    for suffix in (".yaml", ".yml"):
        if os.path.isfile(with_suffix := Path(f"{path}{suffix}")):
            raise AscError(f"unknown recipe {str(recipe)!r}; did you mean {with_suffix}?")
    shipped = plugins.recipes_folder() / f"{path.stem}.yaml"
    if os.path.isfile(shipped) and str(recipe) in (path.stem, f"recipes/{path.stem}.yaml"):
        return shipped
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        hint = plugins.nearest(path.stem, plugins.recipe_names())
        suggestion = f"; the shipped recipe {hint} is spelt most like it" if hint else ""
        raise AscError(f"recipe {recipe}: there is no such file{suggestion}")
    raise AscError(plugins.unknown("recipe", str(recipe), plugins.recipe_names()))


def read(path: Path, overrides: Sequence[str]) -> tuple[Tree, list[Fault], Catalog, str | None]:
    """Return the keys of a recipe's file with those of the recipes that it extends and overrides,
    faults of their form, its plug-in folders, and the nearest shipped recipe."""
    tree, faults, catalog, shipped = _load_with_base(path)
    for text in overrides:
        assign(tree, text, faults)
    return tree, faults, catalog, shipped


def neighbour(path: Path, name: str) -> Path:
    """Return the file of a recipe that another names: beside that one, or as `find` does."""
    beside = path.parent / (name if name.endswith(".yaml") else f"{name}.yaml")
    return beside if os.path.isfile(beside) else find(name)


def _load_with_base(
    path: Path, children: tuple[Path, ...] = ()
) -> tuple[Tree, list[Fault], Catalog, str | None]:
    """Load a recipe file merged over the one it extends, and so on.

    Return their plug-in folders too, and the nearest shipped recipe: the file itself or a copy of
    it, or the one that it extends.
    """
    if path.resolve() in children:
        chain = " → ".join(p.name for p in [*children, path.resolve()])
        raise AscError(f"recipe {path}: extends itself: {chain}")
    tree, faults = parse(path)
    catalog = plugins.beside(path)
    if isinstance(data := tree.values.get("data"), str):
        tree.values["data"] = str(path.parent / paths.expanded(data, "data:"))
    _resolve_negatives(tree, path.parent)
    _resolve_encoder(tree, path.parent)
    rename_model(tree)
    parent = tree.values.pop("extends", None)
    shipped = path.stem if path.stem in plugins.recipe_names() else None
    if parent is None:
        return tree, faults, catalog, shipped
    base, base_faults, base_catalog, base_shipped = _load_with_base(
        neighbour(path, str(parent)), (*children, path.resolve())
    )
    catalog = plugins.joined(catalog, base_catalog)
    return merge(base, tree), base_faults + faults, catalog, shipped or base_shipped


def _resolve_negatives(tree: Tree, folder: Path) -> None:
    """Resolve the folder of `evaluation.unknown`, which is relative to the recipe's file."""
    evaluation = tree.values.get("evaluation")
    section = evaluation.get("unknown") if isinstance(evaluation, dict) else None
    if isinstance(section, dict) and isinstance(named := section.get("negatives"), str):
        section["negatives"] = str(folder / paths.expanded(named, "evaluation.unknown.negatives:"))


def _resolve_encoder(tree: Tree, folder: Path) -> None:
    """Make the file or folder of an encoder absolute, which is relative to the recipe's file; a
    name on the hub stays, unless there is a folder of that name."""
    section = tree.values.get("features")
    if not isinstance(section, dict):
        return
    for key in ("file", "model"):
        if isinstance(named := section.get(key), str) and named:
            path = folder / paths.expanded(named, f"features.{key}:")
            if key == "file" or path.is_dir():
                section[key] = str(path.absolute())


def rename_model(tree: Tree) -> None:
    """Replace a model's name of an earlier version by the current one, in place."""
    model = tree.values.get("model")
    if isinstance(model, dict) and isinstance(model.get("name"), str):
        model["name"] = plugins.renamed("models", model["name"])
