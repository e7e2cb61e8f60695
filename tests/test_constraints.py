"""constraints.txt: one pin a package, on every Python that pyproject.toml allows."""

from collections import defaultdict
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"


def pins(python_version: str) -> dict[str, set[str]]:
    """Package -> its pins that apply on a Python."""
    results = defaultdict(set)
    for line in CONSTRAINTS.read_text().splitlines():
        if (text := line.partition("#")[0].strip()) == "":
            continue
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate({"python_version": python_version}):
            results[canonicalize_name(requirement.name)].add(str(requirement.specifier))
    return results


@pytest.mark.parametrize("python_version", ["3.10", "3.11", "3.12", "3.13"])
def test_a_package_has_one_pin(python_version):
    results = pins(python_version)
    assert {name: values for name, values in results.items() if len(values) > 1} == {}
    assert results["torch"] == {"==2.13.0"}
