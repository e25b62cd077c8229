"""`lakewarden cities`: listed with their readings, tried, added and removed, by name or by position."""

from __future__ import annotations

import tomllib

import pytest

from tests.conftest import Lakewarden
from tests.simulators.weather_api import WeatherApiSimulator

SYDNEY = "-33.87,151.21"
LABEL = "PRACTICE (made-up weather)"


def configured(lakewarden: Lakewarden) -> list[str]:
    cities: list[str] = tomllib.loads((lakewarden.home / "config.toml").read_text())["weather"]["cities"]
    return cities


def test_practice_weather_is_labelled_and_its_readings_name_their_source(lakewarden: Lakewarden) -> None:
    assert lakewarden("--run-once").code == 0
    (city,) = lakewarden("cities", "--json").json
    assert city["latest"]["source"] == "practice"
    assert lakewarden("cities").out.splitlines()[0] == LABEL
    lakewarden.sign_in("operator")
    assert lakewarden("cities", "test", "Oslo").out.splitlines()[0] == LABEL
    document = lakewarden("cities", "test", "Oslo", "--json").json
    assert set(document) == {"city", "timestamp", "temperature", "humidity", "weather", "wind_speed", "source"}
    assert document["source"] == "practice"


def test_real_weather_has_no_such_label(lakewarden: Lakewarden, api: WeatherApiSimulator) -> None:
    lakewarden.use(api)
    lakewarden.sign_in("operator")
    assert "PRACTICE" not in lakewarden("cities").out
    assert "PRACTICE" not in lakewarden("cities", "test", "Oslo").out
    assert lakewarden("cities", "test", "Oslo", "--json").json["source"] == "openweather"


def test_a_city_is_added_once_and_removed_once(lakewarden: Lakewarden) -> None:
    lakewarden.sign_in("operator")
    assert "Oslo is added" in lakewarden("cities", "add", "Oslo").err
    again = lakewarden("cities", "add", "oslo")
    assert (again.code, again.out) == (0, "")
    assert "Oslo is there already" in again.err
    assert configured(lakewarden) == ["Portland", "Oslo"]
    assert "Oslo is removed" in lakewarden("cities", "remove", " OSLO ").err
    assert configured(lakewarden) == ["Portland"]


def test_a_city_that_is_not_there_cannot_be_removed(lakewarden: Lakewarden) -> None:
    ended = lakewarden("cities", "remove", "zz")
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
    assert "'zz' is not among the cities" in ended.err
    assert configured(lakewarden) == ["Portland"]


@pytest.mark.parametrize("command", ["add", "remove", "test"])
def test_an_empty_name_is_64(lakewarden: Lakewarden, command: str) -> None:
    ended = lakewarden("cities", command, "")
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)


@pytest.mark.parametrize("position", ["999,999", "91.5,10", "12,200", "-90.01, 0"])
@pytest.mark.parametrize("command", ["add", "test"])
def test_a_position_nowhere_on_earth_is_64_and_told_the_ranges(
    lakewarden: Lakewarden, command: str, position: str
) -> None:
    lakewarden.sign_in("operator")
    ended = lakewarden("cities", command, position)
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
    assert "latitude from -90 to 90 and longitude from -180 to 180" in ended.err
    assert ended.err.endswith(f"found {position!r}\n")
    assert configured(lakewarden) == ["Portland"]


def test_a_position_that_was_configured_before_it_was_refused_is_removed(lakewarden: Lakewarden) -> None:
    lakewarden.sign_in("operator")
    config = lakewarden.home / "config.toml"
    config.write_text(config.read_text().replace('["Portland"]', '["Portland", "999,999"]'))
    assert lakewarden("cities", "remove", "999,999").code == 0
    assert configured(lakewarden) == ["Portland"]


def test_a_list_that_the_environment_overrides_is_not_edited(lakewarden: Lakewarden) -> None:
    lakewarden.environ["LAKEWARDEN_WEATHER__CITIES"] = '["Oslo"]'
    lakewarden.sign_in("operator")
    for arguments in (["add", "Bergen"], ["remove", "zz"]):
        assert lakewarden("cities", *arguments).code == 78


def test_a_southern_position_is_a_city_and_no_option(lakewarden: Lakewarden, api: WeatherApiSimulator) -> None:
    lakewarden.use(api)
    lakewarden.sign_in("operator")
    assert lakewarden("cities", "test", SYDNEY).code == 0
    assert lakewarden("cities", "add", SYDNEY).code == 0
    assert configured(lakewarden) == ["Portland", SYDNEY]
    assert lakewarden("cities", "remove", SYDNEY).code == 0
    for option in (["--city", SYDNEY], [f"--city={SYDNEY}"]):
        ended = lakewarden("--run-once", "--now", "--json", *option)
        assert ended.code == 0
        assert [city["city"] for city in ended.json["cities"]] == [SYDNEY]
