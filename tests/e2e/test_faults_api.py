"""What the weather API can do to a run: each failure has its exit code, nothing is loaded, the key stays secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import await_hour_with_room
from tests.e2e.faults import API_KEY, Numbered, Workspace
from tests.simulators import weather_api as server
from tests.simulators.weather_api import Reply, WeatherApiSimulator, ok

MIB = 1024 * 1024
FAULTS: dict[str, tuple[Reply, int, int]] = {
    # reply: the exit code where the check meets it, and where it meets the extraction alone
    "400": (server.bad_request(), 65, 65),
    "401": (server.unauthorized(), 78, 78),
    "404": (server.not_found(), 65, 65),
    "429": (server.too_many(), 69, 69),
    "500": (server.server_error(500), 69, 69),
    "502": (server.server_error(502), 69, 69),
    "503": (server.server_error(503), 69, 69),
    "504": (server.server_error(504), 69, 69),
    "reset": (server.reset(), 69, 69),
    "truncated": (server.truncated(), 69, 69),
    "stall": (server.stall(), 69, 69),
    "trickle": (server.trickle(100), 69, 69),
    "trickled head": (server.trickle(100, whole_head=False), 69, 69),
    "oversized": (server.oversized(50 * MIB), 65, 65),
    "oversized, unannounced": (server.oversized(50 * MIB, announced=False), 65, 65),
    "not HTTP": (server.wire(b"SSH-2.0-server\r\n"), 69, 69),
    "not JSON": (server.not_json(), 69, 65),
    "no main": (ok(main=None), 65, 65),
    "impossible": (ok(main={"temp": 5000, "humidity": 64}), 65, 65),
    "no dt": (ok(dt=None), 65, 65),
}


@pytest.fixture
def workspace_of(tmp_path: Path, api: WeatherApiSimulator) -> Workspace:
    await_hour_with_room()
    settings: dict[str, object] = {
        "weather__timeout_s": 0.4,
        "weather__pause_after_429_s": 0.1,
        "weather__deadline_s": 2.0,
        "sensor__timeout_s": 0.3,
        "weather__cities": ["Portland"],
    }
    return Workspace(tmp_path / "home", api.base_url, settings)


def assert_nothing_was_loaded(workspace: Workspace) -> None:
    assert not list((workspace.home / "lake").rglob("*.json"))
    assert all("rejected" in path.parts or "_raw_" in path.name for path in workspace.staged())
    workspace.assert_no_key_was_written()


def assert_next_call_completes(workspace: Workspace, api: WeatherApiSimulator) -> None:
    api.release()
    api.script("Portland", [Numbered()])
    calm = {"weather__timeout_s": 10, "weather__deadline_s": 60, "sensor__timeout_s": 20}
    ended = workspace.once("--json", **calm)
    assert ended.code == 0, ended.err
    assert ended.states() == ["success"]
    assert len(list((workspace.home / "lake").rglob("[!.]*.json"))) == 1


@pytest.mark.parametrize("name", FAULTS)
def test_the_check_meets_it(workspace_of: Workspace, api: WeatherApiSimulator, name: str) -> None:
    reply, code, _ = FAULTS[name]
    api.script("Portland", [reply])
    ended = workspace_of.once()
    assert ended.code == code, ended.err
    assert ended.err.count("\n") == 1, ended.err
    assert_nothing_was_loaded(workspace_of)
    assert_next_call_completes(workspace_of, api)


@pytest.mark.parametrize("name", FAULTS)
def test_the_extraction_meets_it(workspace_of: Workspace, api: WeatherApiSimulator, name: str) -> None:
    reply, _, code = FAULTS[name]
    api.script("Portland", [ok(), reply])
    ended = workspace_of.once()
    assert ended.code == code, ended.err
    assert ended.err.count("\n") == 1, ended.err
    assert_nothing_was_loaded(workspace_of)
    assert_next_call_completes(workspace_of, api)


@pytest.mark.parametrize("before", [[], [ok()]], ids=["check", "extraction"])
def test_a_redirect_to_another_host_is_not_followed(
    workspace_of: Workspace, api: WeatherApiSimulator, before: list[Reply]
) -> None:
    with WeatherApiSimulator() as stranger:
        api.script("Portland", [*before, server.redirect(f"{stranger.base_url}{server.PATH}?q=Portland")])
        ended = workspace_of.once()
        assert ended.code == 69, ended.err
        assert "redirected" in ended.err
        assert stranger.requests == []
    assert_nothing_was_loaded(workspace_of)
    assert_next_call_completes(workspace_of, api)


def test_one_city_that_fails_does_not_stop_another(workspace_of: Workspace, api: WeatherApiSimulator) -> None:
    api.script("Nowhere", [server.not_found()])
    api.script("Slow", [server.stall()])
    cities = ["--city", "Portland", "--city", "Nowhere", "--city", "Slow"]
    ended = workspace_of.once("--json", *cities, weather__deadline_s=30)
    assert ended.code == 1, ended.err
    assert {city["city"]: city["state"] for city in ended.run["cities"]} == {
        "Portland": "success",
        "Nowhere": "failed",
        "Slow": "failed",
    }
    assert all(request.query["appid"] == API_KEY for request in api.requests)
    api.release()
    api.script("Slow", [Numbered()])
    after = workspace_of.once("--json", *cities, weather__timeout_s=10)
    assert after.code == 1
    assert sorted(after.states()) == ["failed", "success", "success"]
    assert api.count("Portland") == 2, "the check and one extraction"
