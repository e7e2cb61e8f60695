"""Disk usage of the store as tables."""

from __future__ import annotations

from collections import Counter
from typing import Any

from asc_cli.report.console.table import right, table


def usage(result: dict[str, Any]) -> list[Any]:
    output = table("", "dataset", "feature", right("recordings"), right("features"), right("packs"))
    for row in result["stored"]:
        output.add_row(
            row["dataset"] or "(of no existing recording)",
            row["feature"],
            str(row["recordings"]) if row["recordings"] else "",
            size(row["feature_bytes"]),
            size(row["pack_bytes"]),
        )
    total = sum(row["feature_bytes"] + row["pack_bytes"] for row in result["stored"])
    lines: list[Any] = [output] if result["stored"] else ["the feature store is empty"]
    lines.append(f"{size(total)} of features and packs in {result['home']}")
    if result["checkpoint_bytes"]:
        lines.append(f"{size(result['checkpoint_bytes'])} of checkpoints of unfinished folds")
    if result["logits_bytes"]:
        lines.append(f"{size(result['logits_bytes'])} of teachers' logits")
    if result["remote"]:
        lines.append(f"shared with the remote {result['remote']}")
    if result["unused_bytes"]:
        lines.append(f"asc store prune would free {size(result['unused_bytes'])}")
    return lines


def pruned(result: dict[str, Any]) -> list[Any]:
    if not result["removed"]:
        return ["nothing to remove: all stored files are in use"]
    n_bytes: Counter[str] = Counter()
    for row in result["removed"]:
        n_bytes[row["reason"]] += row["bytes"]
    output = table("", "reason", right("items"), right("bytes"))
    items = Counter(row["reason"] for row in result["removed"])
    for reason, n in n_bytes.most_common():
        output.add_row(reason, str(items[reason]), size(n))
    did = "would free" if result["dry_run"] else "freed"
    return [output, f"{did} {size(result['bytes'])}"]


def size(n_bytes: int) -> str:
    """Format bytes in decimal units: 2 300 000 000 is 2.3 GB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes} B"
