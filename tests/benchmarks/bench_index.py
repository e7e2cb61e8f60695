"""The index as appended lines against SQLite: seconds of processor time at 230 350 files.

    python tests/benchmarks/bench_index.py [--files N]

Rows are written 5000 at a time, as `asc features` does, and then read whole, as its next run does.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from asc_cli.frontend import index

ROWS_AT_ONCE = 5000
ROUNDS = 3
FOLDER = Path("/audio")


def entries(n: int) -> dict[str, index.Entry]:
    return {
        f"airport-lisbon-1000-{i:06d}-a.wav": index.Entry(
            88_244, 10**18 + i, 10**18 + 3 * i, i, hashlib.sha256(b"%d" % i).hexdigest(), 1.0
        )
        for i in range(n)
    }


def lines(rows: dict[str, index.Entry]) -> tuple[float, float]:
    names = list(rows)
    with tempfile.TemporaryDirectory() as home:
        os.environ["ASC_HOME"] = home

        def write() -> None:
            for start in range(0, len(names), ROWS_AT_ONCE):
                some = names[start : start + ROWS_AT_ONCE]
                index.append(FOLDER, {name: rows[name] for name in some})

        written = seconds(write)
        return written, seconds(lambda: index.read(FOLDER))


def sqlite(rows: dict[str, index.Entry]) -> tuple[float, float]:
    names = list(rows)
    columns = "size, mtime_ns, ctime_ns, inode, digest, seconds, audio_digest"
    with tempfile.TemporaryDirectory() as home:
        database = sqlite3.connect(f"{home}/index.sqlite")
        database.execute(
            f"create table files (folder, name, {columns}, primary key (folder, name))"
        )

        def write() -> None:
            for start in range(0, len(names), ROWS_AT_ONCE):
                some = names[start : start + ROWS_AT_ONCE]
                values = [("/audio", name, *vars(rows[name]).values()) for name in some]
                sql = "insert or replace into files values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                database.executemany(sql, values)
                database.commit()

        def read() -> None:
            results = database.execute(f"select name, {columns} from files where folder = '/audio'")
            dict((row[0], index.Entry(*row[1:])) for row in results)

        figures = seconds(write), seconds(read)
        database.close()
        return figures


def seconds(function: Callable[[], object]) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=230_350)
    rows = entries(parser.parse_args().files)
    measured = [(lines(rows), sqlite(rows)) for _ in range(ROUNDS)]
    for i, what in enumerate(("write", "read")):
        ours, theirs = (statistics.median(pair[k][i] for pair in measured) for k in (0, 1))
        ratio = ours / theirs
        print(f"{what:6} lines {ours:6.2f} s   SQLite {theirs:6.2f} s   ratio {ratio:5.2f}")


if __name__ == "__main__":
    main()
