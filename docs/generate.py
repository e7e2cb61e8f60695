"""Write pages of docs/reference/ from the code, or check that they are current.

Pictures of augmentations and variants are drawn by augment_pictures.py and variant_pictures.py; a
check is content where there is one, since other versions of zlib compress to other bytes.

python docs/generate.py            write them
python docs/generate.py --check    exit 1, naming those that are not as the code would have them
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from asc_cli.cli import application
from asc_cli.core import plugins
from asc_cli.recipe import ensemble
from asc_cli.recipe import load as recipe

sys.path.insert(0, str(Path(__file__).parent))
import augment_pictures
import published_page
import variant_pictures
from markdown_parts import escaped, heading, kind, row, shown, table

REFERENCE = Path(__file__).parent / "reference"
PICTURES = Path(__file__).parent / "assets"
DRAWN = {"augment": augment_pictures.picture, "variants": variant_pictures.picture}
WRITTEN_BY = "<!-- Written by docs/generate.py; `make reference` writes it again. -->\n\n"
EXAMPLE = re.compile(r"^Example: \*\*(.+?)\*\*$", re.DOTALL)
COMMON = {"--help"}  # options of every command, documented once

COMMANDS = """\
# Commands

Results go to stdout, progress to stderr. `--json` prints what a program reads, with the keys of
[File formats](formats.md#json-output).

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | an error that you can fix: what, where, what was expected and the remedy are on stderr |
| 2 | wrong usage |
| 3 | done, but some files failed; each is named |
| 130 | stopped by Ctrl-C; the same command resumes |

Every command takes `--help`. `asc --version` says which asc it is, and
`asc --install-completion` teaches your shell to complete commands.
"""

RECIPES = """\
# Recipe keys

A recipe is a YAML file. `asc recipes show NAME` prints one with its defaults filled in, less those
of keys that version 0.1.0 did not have, and `asc recipes schema` the JSON schema that editors
complete from. A key that is not listed here is refused, with the nearest one that is.
`--set section.key=value` overrides any key.

A recipe that `extends` another holds only what differs. A section that names another feature or
model starts afresh: the old one's parameters are not the new one's.

A recipe with `systems` is an [ensemble](../howto/ensembles.md): its keys are `systems`,
`description`, `dataset`, `data`, `subset`, `exclude`, `training.seed`, `source`, `licence` and
`deployment_precision`, and no others.

## Top level

"""


DATASETS = """\
# Datasets

What `asc` knows of each dataset; `asc datasets show NAME` prints the same. `asc` looks for it in
`$ASC_DATA/NAME`, or where `--data` says. [Protocols](../protocols.md) says what is checked, and
what the metrics are.
"""

AUGMENTATIONS = """\
# Augmentations

What a recipe's `augment` may list; [Train with augmentation](../howto/training.md) shows how. They
change the clips of training, in the order of the list, and no others. Pictures: a made-up clip, low
bands at the foot; where two clips are mixed, the other one; and what comes out, with larger
parameters than the defaults so that it is seen. One of your own is
[a file](../howto/own-code.md).
"""

VARIANTS = """\
# Variants of recordings

What a recipe's `variants` may list: each is a further copy of the training recordings, changed as a
whole before its features are computed. Each clip of an epoch is of the recording as it is or of one
of its variants, each with the same probability; a model that fits itself, such as a GMM, has the
clips of all. Test recordings are never changed, unless the recipe lists variants under
`evaluation.variants`: these are scored beside the recording
([Variants at test](../howto/training.md#variants-at-test)). Features of variants are computed once
and stored; `asc train` and `asc features --recipe` print how much space they take before they
compute them.
Pictures: the log-mel spectrogram of a made-up recording, and that of its variant, with larger
parameters than the defaults so that it is seen. One of your own is
[a file](../howto/own-code.md).
"""


def main() -> None:
    stale = []
    for room, name in [(each, name) for each in DRAWN for name in plugins.shipped(each)]:
        path = PICTURES / room / f"{name}.png"
        if "--check" not in sys.argv[1:]:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(DRAWN[room](name))
        elif not path.exists():
            stale.append(path.name)
    for name, text in pages().items():
        path = REFERENCE / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in sys.argv[1:]:
            stale.append(name)
        else:
            path.write_text(text, encoding="utf-8", newline="\n")
    if stale:
        sys.exit(f"docs/reference: {', '.join(stale)} not as the code has it: make reference")


def pages() -> dict[str, str]:
    """File name → text of every page that is written from the code."""
    return {
        "commands.md": commands_page(),
        "recipes.md": recipes_page(),
        "datasets.md": datasets_page(),
        "augmentations.md": transforms_page("augment", AUGMENTATIONS),
        "variants.md": transforms_page("variants", VARIANTS),
        "published.md": WRITTEN_BY + published_page.page(),
    }


# -- commands ---------------------------------------------------------------------------------


def commands_page() -> str:
    root: Any = typer.main.get_command(application())
    sections = (section(command, f"asc {name}") for name, command in root.commands.items())
    return WRITTEN_BY + COMMANDS + "".join(sections)


def section(command: Any, name: str) -> str:
    """One command; a group says what it is for and is followed by its commands."""
    words, examples = helped(command)
    text = f"\n#{'#' * name.count(' ')} {name}\n\n{words}\n"
    if hasattr(command, "commands"):
        inside = (section(sub, f"{name} {key}") for key, sub in command.commands.items())
        return text + "".join(inside)
    context = typer.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    shown = "".join(f"\n```sh\n{example}\n```\n" for example in examples)
    return f"{text}\n```text\n{usage}\n```\n{shown}{options(command, context)}"


def helped(command: Any) -> tuple[str, list[str]]:
    """A docstring's paragraphs but the examples, and the examples."""
    paragraphs = re.split(r"\n\s*\n", (command.help or "").strip())
    found = [EXAMPLE.match(paragraph.strip()) for paragraph in paragraphs]
    words = [p for p, example in zip(paragraphs, found, strict=True) if not example]
    plain = [re.sub(r"\\([*_`])", r"\1", example[1]) for example in found if example]
    return "\n\n".join(words), [" ".join(example.split()) for example in plain]


def options(command: Any, context: Any) -> str:
    rows = []
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if record and not COMMON & set(parameter.opts):
            rows.append(row(f"`{escaped(record[0])}`", escaped(record[1])))
    return "\n" + table(["argument or option", "meaning"], rows) if rows else ""


# -- recipe keys ------------------------------------------------------------------------------


def recipes_page() -> str:
    schema = recipe.schema()
    whole = WRITTEN_BY + RECIPES + keys(schema, {})
    for name, body in referred(schema["properties"], schema["$defs"]):
        text, meanings = documented(name)
        words = text or body.get("description", "")
        whole += f"\n## {heading(name)}\n\n{words}\n\n{keys(body, meanings)}"
    return whole + shipped()


def referred(
    properties: dict[str, Any], definitions: dict[str, Any], done: set[str] | None = None
) -> Iterator[tuple[str, Any]]:
    """Definitions in the order in which keys refer to them, each before those it refers to."""
    done = set() if done is None else done
    for body in properties.values():
        for name in dict.fromkeys(re.findall(r"#/\$defs/(\w+)", repr(body))):
            if name not in done:
                done.add(name)
                yield name, definitions[name]
                yield from referred(definitions[name]["properties"], definitions, done)


def documented(definition: str) -> tuple[str, dict[str, str]]:
    """What the file of a feature or a model says of it, and of each parameter."""
    room, _, name = definition.partition("_")
    if not name:
        return "", {}
    source = (plugins.PACKAGE / room / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    if room in ("features", "variants", "augment"):  # fields of a dataclass, a comment each
        found = dict(re.findall(r"^    (\w+): .+? = .+?  # (.+)$", source, re.MULTILINE))
    else:
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        entry = ast.get_docstring(functions["build"]) or ""
        found = meanings(entry, [parameter.name for parameter in plugins.parameters(room, name)])
    text = f"```text\n{(ast.get_docstring(tree) or '').strip()}\n```"
    return text, {**found, "name": f"Which {room.removesuffix('s')} it is."}


def meanings(docstring: str, names: list[str]) -> dict[str, str]:
    """What a docstring says of each parameter: from `name: ` to the next one, or a blank line.

    By the parameters' own names, so that one within a line does not end up in another's meaning.
    """
    start = re.compile(rf"(?:^|(?<=\s))({'|'.join(names)}): ")
    found = {}
    for paragraph in re.split(r"\n\s*\n", docstring):
        parts = start.split(paragraph)
        found.update(zip(parts[1::2], map(str.strip, parts[2::2]), strict=True))
    return found


def keys(body: dict[str, Any], meanings: dict[str, str]) -> str:
    required = {
        *body.get("required", ()),
        *({"dataset", "features", "model"} & {*body["properties"]}),
    }
    rows = []
    for key, value in body["properties"].items():
        default = "required" if key in required else shown(value.get("default"))
        meaning = value.get("description", meanings.get(key, ""))
        rows.append(row(f"`{key}`", escaped(kind(value)), default, escaped(meaning)))
    return table(["key", "type", "default", "meaning"], rows)


def shipped() -> str:
    rows = []
    for name in plugins.recipe_names():
        loaded = ensemble.load(name)
        rows.append(row(f"`{name}`", loaded.dataset, escaped(loaded.settings["description"])))
    return "\n## Recipes that ship with asc\n\n" + table(["recipe", "dataset", "what it is"], rows)


# -- augmentations and variants ---------------------------------------------------------------


def transforms_page(room: str, introduction: str) -> str:
    text = WRITTEN_BY + introduction
    for name in plugins.shipped(room):
        words, meanings = documented(f"{room}_{name}")
        body = recipe.schema()["$defs"][f"{room}_{name}"]
        parameters = {key: value for key, value in body["properties"].items() if key != "name"}
        picture = f"![{name}: before and after](../assets/{room}/{name}.png)"
        text += f"\n## {name}\n\n{picture}\n\n{words}\n\n"
        text += keys({**body, "properties": parameters}, meanings)
    return text


# -- datasets ---------------------------------------------------------------------------------


def datasets_page() -> str:
    text = WRITTEN_BY + DATASETS
    for name in plugins.names("datasets"):
        published = plugins.load("datasets", name).DATASET
        text += f"\n## {name}\n\n" + table(["title", escaped(published.title)], facts(published))
    return text


def challenge(published: Any) -> str:
    if (form := published.challenge) is None:
        return ""
    columns = "filename, scene_label" + ", a probability for each scene" * form.probabilities
    separator = "TABs" if form.delimiter == "\t" else "commas"
    header = "a header" if form.header else "no header"
    where = f" Evaluation set: <{form.homepage}>." if form.homepage else ""
    text = f"{form.title}; its file: {columns}; {separator}, {header} (read in {form.form_read})."
    return text + where


def facts(published: Any) -> list[str]:
    sizes = dict.fromkeys(f"{train or '?'}/{test}" for train, test in published.fold_sizes)
    known = {
        "scenes": f"{len(published.labels)}: {', '.join(published.labels)}",
        "recordings": str(published.recordings or "as many as there are"),
        "without a label": str(published.unlabelled or ""),
        "folds": f"{len(published.fold_sizes)}, train/test {', '.join(sizes)}",
        "sample rate": f"{published.sample_rate} Hz",
        "official metric": f"{published.metric} (`{published.headline}`)",
        "how to get it": published.obtain,
        "challenge": challenge(published),
        "homepage": f"<{published.homepage}>" if published.homepage else "",
        "licence": published.licence,
        "cite": published.citation,
    }
    if not published.labels:
        known["scenes"] = "taken from the data"
    if not sizes:
        known["folds"] = "as listed"
    return [row(key, escaped(value)) for key, value in known.items() if value]


if __name__ == "__main__":
    main()
