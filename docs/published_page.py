"""The page of published results, from asc_cli/evaluation/published.yaml and the datasets' files."""

from __future__ import annotations

from markdown_parts import escaped, row, table

from asc_cli.core import plugins
from asc_cli.evaluation import literature
from asc_cli.evaluation.literature import CHOSEN_ON, TESTED_ON, PublishedResult

INTRODUCTION = """\
# Published results

What others published on the datasets of `asc`, the best first, so that a figure of yours can be
seen beside them: `asc recipes list --published` prints the same with your own finished runs, and a
run's report puts those of its dataset beside its own figure. Each says where it was read.

- **tested on**: the dataset's published folds; or a challenge's own evaluation recordings, which
  are other ones; or not stated.
- **epoch chosen on**: *nothing* is the last epoch, or a method without epochs. A figure whose epoch
  was chosen on **its own test fold** is not one of unseen recordings.
- **outside data**: what the system learned from beside the dataset, such as an encoder that was
  trained on AudioSet. Empty where the source names none.
- **✗**: no figure of a run compares with it, for one of these three reasons.

Sources are numbered below each table. The metric is the one that the source states. Figures of one
system differ between sources; nothing was averaged or chosen. A figure that is missing or wrong
here is a row in `asc_cli/evaluation/published.yaml`, or a dataset's `baselines`.
"""


HEADER = ["", "figure", "system", "tested on", "epoch chosen on", "outside data", "source"]


def page() -> str:
    """The text of the page."""
    rows = literature.published_results()
    text = INTRODUCTION
    for name in dict.fromkeys(each.dataset for each in rows):
        own = [each for each in rows if each.dataset == name]
        sources = [*dict.fromkeys(map(source, own))]
        lines = [line(each, sources.index(source(each)) + 1) for each in own]
        listed = "".join(f"{number}. {each}\n" for number, each in enumerate(sources, start=1))
        text += f"\n## {name}\n\n{table(HEADER, lines)}\n{listed}"
    return text


def line(each: PublishedResult, number: int) -> str:
    """A row of the table; number: of its source in the list below."""
    titles = {metric.name: metric.title for metric in plugins.metrics()}
    title = titles.get(each.metric, each.metric.replace("_", " ")).partition(" (")[0]
    subset = f" ({each.subset} % of training)" if each.subset else ""
    chosen = CHOSEN_ON[each.chosen_on]
    return row(
        "✗" if each.reservations() else "",
        f"{each.figure} {escaped(title)}",
        escaped(each.system) + subset,
        escaped(TESTED_ON.get(each.tested_on, each.tested_on)),
        f"**{chosen}**" if each.chosen_on == "test" else chosen,
        escaped(each.outside_data),
        str(number),
    )


def source(each: PublishedResult) -> str:
    """Where a figure stands, where it was read, and what else a reader must know."""
    title = f"[{escaped(each.source)}]({each.address})" if each.address else escaped(each.source)
    notes = (f"read: {each.read}", each.note)
    return title + "".join(f"; {escaped(text)}" for text in notes if text)
