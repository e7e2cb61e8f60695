"""Which recordings belong together, from their names, dates and folders."""

from __future__ import annotations

import pytest

from asc_cli.core.errors import AscError
from asc_cli.datasets import Recording
from asc_cli.protocol import places


def recordings(*files: str) -> list[Recording]:
    return [Recording(file, file.split("/")[0]) for file in files]


def in_scenes(*names: str) -> list[Recording]:
    """The same names in two scenes."""
    return recordings(*(f"{scene}/{name}" for scene in ("bus", "park") for name in names))


@pytest.mark.parametrize(
    ("names", "rule", "groups"),
    [
        (("spot_03-1.wav", "spot_03-2.wav", "spot_04-1.wav"), "name", {"spot_03", "spot_04"}),
        (
            ("REC_0012_001.m4a", "REC_0012_002.m4a", "REC_0013_001.m4a"),
            "name",
            {"REC_0012", "REC_0013"},
        ),
        (("line7_01.wav", "line7_02.wav", "line12_01.wav"), "name", {"line7", "line12"}),
        (("north1.wav", "north2.wav", "south1.wav"), "name", {"north", "south"}),
        (("a001_0_30.wav", "a001_30_60.wav", "b031_0_30.wav"), "name", {"a001", "b031"}),
        (
            ("lyon-45-1200-a.wav", "lyon-45-1201-a.wav", "paris-46-1202-a.wav"),
            "name",
            {"lyon", "paris"},
        ),
        (
            ("20261128_1530.m4a", "20261128153112.m4a", "20261129_0900.m4a"),
            "date",
            {"2026-11-28", "2026-11-29"},
        ),
        (
            ("2026-11-28 15.30.wav", "2026-11-28 16.10.wav", "2026-12-01 08.00.wav"),
            "date",
            {"2026-11-28", "2026-12-01"},
        ),
        (
            ("zoo 20261128 1.wav", "zoo 20261129 1.wav", "lake 20261128 1.wav"),
            "name",
            {"zoo", "lake"},
        ),
        (("north/1.wav", "north/2.wav", "south/a/1.wav"), "parent", {"north", "south"}),
        (("été/1.wav", "été/2.wav", "日本/1.wav"), "parent", {"été", "日本"}),
    ],
)
def test_the_rule_that_explains_the_names_is_chosen(
    names: tuple[str, ...], rule: str, groups: set[str]
) -> None:
    grouping = places.group(in_scenes(*names), None, 5)
    assert grouping.rule == rule
    assert set(grouping.groups.values()) == {f"{s}/{g}" for s in ("bus", "park") for g in groups}
    assert repr(next(iter(grouping.groups.values()))) in grouping.basis


@pytest.mark.parametrize(
    "names", [("ZOOM0001.wav", "ZOOM0002.wav"), ("a.wav", "b.wav"), ("1.wav", "2.wav", "30.wav")]
)
def test_names_that_tell_nothing_are_said_to(names: tuple[str, ...]) -> None:
    grouping = places.group(in_scenes(*names), None, 5)
    assert grouping.rule == "none"
    assert "neither names, dates nor folders tell" in grouping.basis
    assert all(file == name for file, name in grouping.groups.items())


def test_as_few_parts_of_a_name_as_give_enough_groups() -> None:
    """line7_morning and line7_evening are one line."""
    lines = [f"line{n}_{when}_{take}.wav" for n in range(4) for when in "ab" for take in "12"]
    files = recordings(*(f"bus/{name}" for name in lines), *(f"tram/x{name}" for name in lines))
    assert places.group(files, None, 4).groups["bus/line0_a_1.wav"] == "bus/line0"


def test_a_part_that_all_scenes_share_is_no_place() -> None:
    """Numbers of published folds, cities."""
    sources = [f"{s}/{n % 5}-{s}{n}-{t}.wav" for s in "abc" for n in range(20) for t in "AB"]
    groups = places.group(recordings(*sources), None, 5).groups
    assert groups["a/0-a10-A.wav"] == groups["a/0-a10-B.wav"] == "a/0_a10"
    cities = [
        f"{s}/{s}-{city}-{n}{s}-{take}.wav"
        for s in ("bus", "park")
        for n, city in enumerate("abcdeabcde")
        for take in (1, 2)
    ]
    groups = places.group(recordings(*cities), None, 5).groups
    assert groups["bus/bus-a-0bus-1.wav"] == "bus/a_0bus"


def test_a_lists_groups_come_first_and_what_lacks_one_is_its_own() -> None:
    first, second = Recording("a_1.wav", "bus", "x"), Recording("a_2.wav", "bus")
    listed = [first, second, Recording("b", "park", "x")]
    grouping = places.group(listed, None, 2)
    assert grouping.rule == "list"
    assert grouping.groups == {"a_1.wav": "x", "a_2.wav": "a_2.wav", "b": "x"}
    assert "1 recording(s) without, such as a_2.wav" in grouping.basis


def test_an_expression_names_the_group_across_scenes() -> None:
    files = recordings("bus/x-lyon-1.wav", "park/x-lyon-2.wav", "park/y.wav")
    groups = places.group(files, r"x-(\w+)-", 2).groups
    assert [*groups.values()] == ["lyon", "lyon", "park/y.wav"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("(", r"--group-from \(: is no regular expression"),
        ("place", "--group-from place: has no group in parentheses; name, date, parent, none or"),
        ("(zzz)", r"--group-from \(zzz\): is in no path, such as bus/a.wav"),
        ("parent", "--group-from parent: no recording has one: there is no folder below"),
        ("date", "--group-from date: no recording has one: no name has a date such as"),
        ("name", "--group-from name: no recording has one: no part of the names"),
    ],
)
def test_a_rule_that_gives_nothing_is_a_sentence(rule: str, message: str) -> None:
    with pytest.raises(AscError, match=message):
        places.group(recordings("bus/a.wav", "park/b.wav"), rule, 2)


def test_a_date_needs_a_month_and_a_day() -> None:
    assert places.DATE.search("20261128153011")
    assert not places.DATE.search("20261328_1") and not places.DATE.search("120261128")
