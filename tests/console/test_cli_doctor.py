"""`lakewarden doctor`: every check with its remedy, as text and JSON; secrets only as set or unset."""

from __future__ import annotations

from typing import Any

from tests.conftest import API_KEY, Ended, Lakewarden
from tests.simulators.weather_api import WeatherApiSimulator, unauthorized


def checks(ended: Ended) -> dict[str, dict[str, Any]]:
    document = ended.json
    assert {"ok", "checks"} <= set(document)
    assert all(set(check) == {"name", "ok", "detail", "remedy"} for check in document["checks"])
    assert document["ok"] is all(check["ok"] for check in document["checks"])
    return {check["name"]: check for check in document["checks"]}


def test_a_practice_workspace_is_sound(lakewarden: Lakewarden) -> None:
    ended = lakewarden("doctor", "--json")
    assert (ended.code, ended.err) == (0, "")
    found = checks(ended)
    assert {"workspace", "disk", "openweather_api_key", "history", "source"} <= set(found)
    assert found["openweather_api_key"]["detail"] == "unset"
    assert "practice" in found["source"]["detail"]
    text = lakewarden("doctor")
    assert text.code == 0
    assert "FAIL" not in text.out


def test_the_api_is_asked_once_and_the_key_is_told_as_set(lakewarden: Lakewarden, api: WeatherApiSimulator) -> None:
    lakewarden.use(api)
    ended = lakewarden("doctor", "--json")
    assert ended.code == 0
    assert checks(ended)["openweather_api_key"]["detail"].startswith("set")
    assert api.count() == 1
    assert API_KEY not in ended.out


def test_a_key_that_the_api_refuses_is_a_failed_check_with_a_remedy(
    lakewarden: Lakewarden, api: WeatherApiSimulator
) -> None:
    lakewarden.use(api)
    api.script_default([unauthorized()])
    ended = lakewarden("doctor", "--json")
    assert (ended.code, checks(ended)["source"]["ok"]) == (1, False)
    assert checks(ended)["source"]["remedy"]


def test_a_production_workspace_without_a_key_says_how_to_set_it(lakewarden: Lakewarden) -> None:
    lakewarden("init", "--production")
    ended = lakewarden("doctor", "--json")
    assert ended.code == 1
    found = checks(ended)["openweather_api_key"]
    assert (found["ok"], found["detail"]) == (False, "unset")
    assert "secrets set openweather_api_key" in found["remedy"]
    assert "FAIL" in lakewarden("doctor").out


def test_one_failed_check_does_not_hide_the_others(lakewarden: Lakewarden) -> None:
    lakewarden("init")
    (lakewarden.home / "etl.db").write_bytes(b"damaged " * 1000)
    found = checks(lakewarden("doctor", "--json"))
    assert [name for name, check in found.items() if not check["ok"]] == ["history"]
    assert any(name.startswith("lake") for name in found)
