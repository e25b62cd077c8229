"""City names that people and attackers write: each has its own files, all of them inside the workspace."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.conftest import await_hour_with_room
from tests.e2e.faults import Numbered, Workspace
from tests.simulators.weather_api import WeatherApiSimulator

NAMES = [
    "São Paulo",
    "St. John's",
    "St Johns",
    "St-Johns",
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    "🌧️",
    "🌧️ Town",
    "東京",
    "a" * 200,
    "New\u00a0York",
    "New York",
    "-rf",
    "con.json",
    "%2e%2e%2f",
    "Łódź; DROP TABLE run",
    "45.52,-122.68",
]


def test_every_name_has_its_own_object_inside_the_workspace(tmp_path: Path, api: WeatherApiSimulator) -> None:
    api.script_default([Numbered()])
    home = tmp_path / "deep" / "down" / "home"
    workspace = Workspace(home, api.base_url, {"weather__cities": NAMES})
    await_hour_with_room()
    passwd = hashlib.sha256(Path("/etc/passwd").read_bytes()).hexdigest()
    ended = workspace.once("--json")
    assert ended.code == 0, ended.err
    assert [city["city"] for city in ended.run["cities"]] == NAMES
    slugs = [city["slug"] for city in ended.run["cities"]]
    assert len(set(slugs)) == len(NAMES)
    assert all(set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for slug in slugs)
    objects = [home / "lake" / city["object"] for city in ended.run["cities"]]
    assert sorted(path for path in (home / "lake").rglob("*") if path.is_file()) == sorted(objects)
    assert [json.loads(path.read_bytes())["city"] for path in objects[:-1]] == NAMES[:-1]
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(home)]
    assert outside == []
    assert hashlib.sha256(Path("/etc/passwd").read_bytes()).hexdigest() == passwd


def test_names_that_differ_by_case_and_outer_space_are_one_city(tmp_path: Path, api: WeatherApiSimulator) -> None:
    cities = ["Portland", " portland ", "PORTLAND", "Salem"]
    workspace = Workspace(tmp_path / "home", api.base_url, {"weather__cities": cities})
    await_hour_with_room()
    ended = workspace.once("--json")
    assert ended.code == 0, ended.err
    assert [city["city"] for city in ended.run["cities"]] == ["Portland", "Salem"]
    assert "portland" in ended.err.lower(), "the spellings that were dropped are told"
    assert api.count() == 3


@pytest.mark.parametrize("name", ["", "   ", "two\nlines", "bell\a"])
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, api: WeatherApiSimulator, name: str) -> None:
    workspace = Workspace(tmp_path / "home", api.base_url)
    assert workspace.once("--city", name).code == 64
    assert workspace.once(weather__cities=[name]).code == 78
    assert api.count() == 0
