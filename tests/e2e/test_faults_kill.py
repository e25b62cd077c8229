"""A call that is killed at any instant leaves nothing half done, and the next call completes the hour."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from tests.conftest import await_hour_with_room, wait_until
from tests.e2e.faults import Numbered, Workspace, assert_whole, end_of
from tests.simulators.s3 import FaultyS3, objects_in, running_s3
from tests.simulators.weather_api import WeatherApiSimulator, stall

KILLS = 26  # in each of the two lakes
CITIES = 4
SEED = 20_261_123
IMPORTS = 0.3  # the part of a call in which nothing but code is loaded


def kill_and_complete(workspace: Workspace, at: float, delay_s: float, name: str) -> list[str]:
    """One call killed after `delay_s`, one more call; the object keys of the hour."""
    cities = [f"{name} City {number}" for number in range(CITIES)]
    asked = [part for city in cities for part in ("--city", city)]
    await_hour_with_room(20)
    process = workspace.start("--run-once", *asked)
    time.sleep(delay_s)
    process.kill()
    process.communicate()
    assert_no_half_file(workspace.home)
    ended = workspace.once("--json", *asked)
    told = f"killed after {delay_s:.3f} s ({at:.0%} of a call): exit {ended.code}, {ended.err}"
    assert ended.code == 0, told
    found = [city for city in ended.run["cities"] if city["city"] in cities]
    assert [city["state"] for city in found] == ["success"] * CITIES, told
    return [city["object"] for city in found]


def assert_no_half_file(home: Path) -> None:
    """Every file that bears its final name is whole; unfinished ones are hidden."""
    for folder in (home / "staging", home / "lake"):
        for path in folder.rglob("[!.]*.json"):
            json.loads(path.read_bytes())


def instants(duration_s: float) -> list[tuple[float, float]]:
    """`KILLS` instants of a call, one at random in each equal part: as a share of the call, and in seconds."""
    chance = random.Random(SEED)
    shares = [IMPORTS + (1.1 - IMPORTS) * (number + chance.random()) / KILLS for number in range(KILLS)]
    chance.shuffle(shares)
    print(f"seed {SEED}, a call takes {duration_s:.3f} s, killed at {[round(share, 3) for share in shares]}")
    return [(share, share * duration_s) for share in shares]


def duration_of(workspace: Workspace) -> float:
    """How long an undisturbed call takes; the second one, since the first fills caches."""
    for name in ("First", "Second"):
        started_s = time.monotonic()
        assert workspace.once(*[part for n in range(CITIES) for part in ("--city", f"{name} City {n}")]).code == 0
    return time.monotonic() - started_s


@pytest.mark.slow
def test_killed_at_any_instant_into_a_folder(tmp_path: Path) -> None:
    with WeatherApiSimulator() as api:
        api.script_default([Numbered()])
        workspace = Workspace(tmp_path / "home", api.base_url)
        for number, (share, delay_s) in enumerate(instants(duration_of(workspace))):
            keys = kill_and_complete(workspace, share, delay_s, f"Kill {number}")
            assert_whole([(workspace.home / "lake" / key).read_bytes() for key in keys])
        loaded = [path.name for path in (workspace.home / "lake").rglob("*.json")]
        assert len(loaded) == len(set(loaded))
        # A raw file that was kept is never fetched again: a document in the lake is that of its raw file.
        for path in (workspace.home / "lake").rglob("[!.]*.json"):
            raw = workspace.home / "staging" / path.name.replace("_weather_", "_weather_raw_")
            assert json.loads(path.read_bytes())["timestamp"] == json.loads(raw.read_bytes())["dt"]


@pytest.mark.slow
def test_killed_at_any_instant_into_s3(tmp_path: Path) -> None:
    with WeatherApiSimulator() as api, running_s3() as endpoint, FaultyS3(endpoint) as s3:
        api.script_default([Numbered()])
        settings = {"lake__url": "s3://lake/kills", "lake__endpoint_url": s3.endpoint}
        workspace = Workspace(tmp_path / "home", api.base_url, settings)
        every: set[str] = set()
        for number, (share, delay_s) in enumerate(instants(duration_of(workspace))):
            every.update(kill_and_complete(workspace, share, delay_s, f"Kill {number}"))
        objects = objects_in(endpoint, "lake")
        assert every <= set(objects)
        assert_whole(list(objects.values()))
        puts = [request for request in s3.seen if request.method == "PUT"]
        assert all(request.headers.get("If-None-Match") == "*" for request in puts), "an unconditional put"
        for key, body in objects.items():
            name = key.rpartition("/")[2].replace("_weather_", "_weather_raw_")
            assert json.loads(body)["timestamp"] == json.loads((workspace.home / "staging" / name).read_bytes())["dt"]


def test_a_killed_call_holds_nothing_up(tmp_path: Path) -> None:
    """The claim of a dead process is taken over at once, not after a time-out."""
    with WeatherApiSimulator() as api:
        workspace = Workspace(tmp_path / "home", api.base_url)
        api.script("Stalled", [Numbered(), stall()])
        await_hour_with_room()
        process = workspace.start("--run-once", "--city", "Stalled")
        try:
            wait_until(lambda: api.count("Stalled") == 2)
        finally:
            process.kill()
            end_of(process)
        api.script("Stalled", [Numbered()])
        started_s = time.monotonic()
        assert workspace.once("--city", "Stalled").code == 0
        assert time.monotonic() - started_s < 10
