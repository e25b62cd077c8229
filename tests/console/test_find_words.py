"""`records find` takes the words of a name as they are typed; a word that belongs nowhere is counted, not shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cli.exits import UsageError
from console.cli.parser import build_parser
from tests.console.desk import Desk, desk_at


@pytest.fixture
def desk(workspace: Path) -> Iterator[Desk]:
    with desk_at(workspace) as made:
        yield made


def test_a_name_of_several_words_needs_no_quotes(desk: Desk) -> None:
    patient = desk.patient("doctor")
    name = next(str(one.columns["name"]) for one in desk.records() if one.patient_id == patient)
    assert " " in name
    desk.sit_down("doctor")
    found = desk("records", "find", *name.split(), "--json").json
    assert patient in [one["patient_id"] for one in found]
    assert found == desk("records", "find", name, "--json").json
    assert len(desk("records", "find", "--json").json) > len(found)
    assert desk("records", "find", "-", "--json", stdin=name.encode()).json == found


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["secrets", "set", "openweather_api_key", "k3y"], "a word that is not shown here: there may be a key in it"),
        (["records", "show", "P0001", "P0002", "P0003"], "2 words that are not shown here: there may be a key in it"),
        (["runs", "--key=k3y"], "--key; see"),
        (["secrets", "set", "openweather_api_key", "--key", "k3y"], "--key, a word that is not shown here"),
    ],
)
def test_words_that_belong_nowhere_are_counted_and_not_shown(argv: list[str], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        build_parser().parse_args(argv)
    assert f"unrecognized arguments: {told}" in str(refused.value)
    assert "…" not in str(refused.value)
    assert "k3y" not in str(refused.value)
    assert "P0002" not in str(refused.value)
