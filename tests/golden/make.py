"""Write tests/golden/expected/ again: `make golden`, for a change that is meant to change numbers.

expected/<recipe>.csv      what the recipe's models said of the test recordings, in all digits
expected/machine.json      where that was computed: bits are compared on such a machine alone

Made by version 0.1.0. Whoever makes it again says in CHANGELOG.md why numbers have changed.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from tests.golden import machine, recordings, training

EXPECTED = Path(__file__).parent / "expected"


def main() -> None:
    EXPECTED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        os.environ["ASC_HOME"] = f"{work}/home"
        training.write(EXPECTED, recordings.make(Path(work) / "audio"))
    (EXPECTED / "machine.json").write_text(json.dumps(machine.fingerprint(), indent=2) + "\n")


if __name__ == "__main__":
    main()
