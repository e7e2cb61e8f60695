"""Lists of the evaluation sets of Tampere University's scenes: names without labels.

<root>/evaluation_setup/fold1_test.csv    filename and others, with a header and TABs; of DCASE
                                          2025 also device_id
<root>/evaluation_setup/fold1_test.txt    the same without a header, or test.txt, as in 2016
"""

from __future__ import annotations

from pathlib import Path

from asc_cli.core.errors import AscError
from asc_cli.datasets import Unlabelled
from asc_cli.datasets._formats import lists

NAMES = ("fold1_test.csv", "fold1_test.txt", "test.csv", "test.txt")
DEVICE_COLUMNS = ("device_id", "source_label")


def read(root: Path) -> tuple[Unlabelled, ...]:
    """Read the list of an evaluation set. Raises AscError for a development set."""
    setup = root / "evaluation_setup"
    if trained := sorted(setup.glob("fold1_train.*")):
        raise AscError(
            f"{root} holds a development set ({trained[0].name}), on whose test part models are "
            "scored by asc evaluate; the folder of the challenge's evaluation set was expected"
        )
    path = next((setup / name for name in NAMES if (setup / name).exists()), setup / NAMES[0])
    if path.suffix == ".txt":
        names = [(line, fields[0], "") for line, fields in lists.rows(path, 1)]
    else:
        names = [
            (line, row["filename"], next((row[c] for c in DEVICE_COLUMNS if row.get(c)), ""))
            for line, row in lists.records(path, ("filename",), "\t")
        ]
    return tuple(
        Unlabelled(lists.file_name(name, path, line), name, device) for line, name, device in names
    )
