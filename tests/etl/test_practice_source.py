"""The practice source: the same API on loopback, with weather that depends on place and hour alone."""

from __future__ import annotations

import http.client
import json
import math
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.cities import city_of
from etl.errors import BadRequest, CityNotFound, InvalidKey, SourceUnavailable
from etl.models import Units
from etl.ports import Source
from etl.sources.openweather import OpenWeather
from etl.sources.practice import PRACTICE_KEY, PracticeApi, practice_source, weather_at
from etl.sources.practice_weather import in_units
from tests.simulators.weather_api import DOCUMENTED_ERRORS, DOCUMENTED_FULL

NOON = datetime(2026, 7, 15, 12, 34, 56, tzinfo=UTC)
PORTLAND = city_of("Portland")
instants = st.integers(1_704_067_200, 2_051_222_400).map(lambda second: datetime.fromtimestamp(second, UTC))
names = st.text(min_size=1, max_size=40)


class SetClock:
    """A clock that stands where it was set."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant

    def steady_s(self) -> float:
        return self.instant.timestamp()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
def api(clock: SetClock) -> Iterator[PracticeApi]:
    with PracticeApi(clock=clock) as running:
        yield running


@pytest.fixture
def source(clock: SetClock) -> Iterator[Source]:
    made = practice_source(units="standard", timeout_s=5, connections=4, clock=clock)
    yield made
    made.close()


def get(api: PracticeApi, target: str, *, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(api.base_url.removeprefix("http://"), timeout=5)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_source_serves_what_the_pure_function_says(source: Source) -> None:
    assert source.name == "practice"
    for name in ("Portland", "São Paulo", "St. John's & Co", "東京", "45.52,-122.68", "5746545"):
        assert json.loads(source.fetch(city_of(name))) == weather_at(name, NOON)


def test_the_body_is_the_same_within_ten_minutes_and_the_measurements_within_the_hour(
    source: Source, clock: SetClock
) -> None:
    first = source.fetch(PORTLAND)
    clock.instant = NOON.replace(minute=39, second=59)
    assert source.fetch(PORTLAND) == first
    clock.instant = NOON.replace(minute=40, second=0)
    later, before = json.loads(source.fetch(PORTLAND)), json.loads(first)
    assert later["dt"] - before["dt"] == 600
    assert later | {"dt": 0} == before | {"dt": 0}
    clock.instant = NOON + timedelta(hours=1)
    assert json.loads(source.fetch(PORTLAND))["main"] != before["main"]


def test_a_second_server_serves_the_same(source: Source, clock: SetClock) -> None:
    other = practice_source(units="standard", timeout_s=5, connections=1, clock=clock)
    assert other.fetch(PORTLAND) == source.fetch(PORTLAND)
    other.close()


def shape(value: Any) -> Any:
    """The members of a body, and whether each is a number or a text."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return "text" if isinstance(value, str) else "number"


@given(names, instants)
def test_every_body_has_the_documented_shape_and_possible_values(name: str, instant: datetime) -> None:
    body = weather_at(name, instant)
    documented = shape(json.loads(DOCUMENTED_FULL))
    found = shape(json.loads(json.dumps(body)))
    for optional in ("rain", "snow"):
        documented.pop(optional, None)
        assert found.pop(optional, {"1h": "number"}) == {"1h": "number"}
    documented["wind"].pop("gust")
    assert found["wind"].pop("gust", "number") == "number"
    assert found == documented
    assert 220 < body["main"]["temp_min"] <= body["main"]["temp"] <= body["main"]["temp_max"] < 325
    assert 0 <= body["main"]["humidity"] <= 100
    assert 0 <= body["clouds"]["all"] <= 100
    assert 900 < body["main"]["pressure"] < 1060
    assert 0 <= body["wind"]["speed"] < 40
    assert 0 <= body["wind"]["deg"] < 360
    assert 0 <= body["visibility"] <= 10_000
    assert body["dt"] % 600 == 0
    assert 0 <= instant.timestamp() - body["dt"] < 600
    assert -43_200 <= body["timezone"] <= 43_200
    assert math.isfinite(body["main"]["feels_like"])


@given(names, instants)
def test_the_description_goes_with_the_clouds_and_the_humidity(name: str, instant: datetime) -> None:
    body = weather_at(name, instant)
    description, clouds = body["weather"][0]["description"], body["clouds"]["all"]
    falls = "rain" if "rain" in body else "snow" if "snow" in body else None
    if falls:
        assert falls in description
        assert clouds > 70
        assert body["main"]["humidity"] > 60
    elif description == "clear sky":
        assert clouds <= 10
    else:
        assert "clouds" in description
    assert falls != "snow" or body["main"]["temp"] < 273.16


@given(st.sampled_from(["Portland", "São Paulo", "51.5,0", "-33.9,151.2"]), st.integers(1, 28), st.integers(1, 12))
def test_afternoons_are_warmer_than_nights(name: str, day: int, month: int) -> None:
    start = datetime(2026, month, day, tzinfo=UTC)
    bodies = [weather_at(name, start + timedelta(hours=hour)) for hour in range(24)]
    shift = timedelta(seconds=bodies[0]["timezone"])
    by_hour = {(start + timedelta(hours=h) + shift).hour: bodies[h]["main"]["temp"] for h in range(24)}
    assert by_hour[15] > by_hour[3] + 1


@pytest.mark.parametrize(("name", "warm", "cold"), [("51.5,0", 7, 1), ("-33.9,151.2", 1, 7)])
def test_summers_are_warmer_than_winters_on_both_hemispheres(name: str, warm: int, cold: int) -> None:
    def mean_of(month: int) -> float:
        hours = [datetime(2026, month, 1, tzinfo=UTC) + timedelta(hours=h) for h in range(28 * 24)]
        return fmean(weather_at(name, hour)["main"]["temp"] for hour in hours)

    assert mean_of(warm) > mean_of(cold) + 8


def test_the_sun_rises_before_it_sets_on_the_places_own_day() -> None:
    body = weather_at("45.52,-122.68", NOON)
    assert 14 * 3600 < body["sys"]["sunset"] - body["sys"]["sunrise"] < 16 * 3600
    assert body["timezone"] == -8 * 3600
    assert weather_at("89,0", NOON)["sys"]["sunset"] - weather_at("89,0", NOON)["sys"]["sunrise"] == 86_400


def test_spellings_of_one_city_have_one_weather_and_other_cities_have_others() -> None:
    assert weather_at(" PORTLAND ", NOON)["main"] == weather_at("Portland", NOON)["main"]
    assert weather_at("Portland", NOON)["main"] != weather_at("Salem", NOON)["main"]


@given(names, instants)
def test_units_are_converted_as_documented(name: str, instant: datetime) -> None:
    standard = weather_at(name, instant)
    metric, imperial = (in_units(standard, units) for units in (Units.METRIC, Units.IMPERIAL))
    for key in ("temp", "feels_like", "temp_min", "temp_max"):
        celsius = standard["main"][key] - 273.15
        assert metric["main"][key] == pytest.approx(celsius, abs=0.006)
        assert imperial["main"][key] == pytest.approx(celsius * 1.8 + 32, abs=0.006)
    assert metric["wind"] == standard["wind"]
    for key in {"speed", "gust"} & set(standard["wind"]):
        assert imperial["wind"][key] == pytest.approx(standard["wind"][key] * 3600 / 1609.344, abs=0.006)
    for other in (metric, imperial):
        assert other["wind"]["deg"] == standard["wind"]["deg"]
        assert other["main"]["humidity"] == standard["main"]["humidity"]
        assert {k: v for k, v in other.items() if k not in ("main", "wind")} == {
            k: v for k, v in standard.items() if k not in ("main", "wind")
        }


@pytest.mark.parametrize("units", list(Units))
def test_the_source_asks_for_its_units(clock: SetClock, units: Units) -> None:
    source = practice_source(units=units, timeout_s=5, connections=1, clock=clock)
    body = json.loads(source.fetch(PORTLAND))
    source.close()
    assert body == in_units(weather_at("Portland", NOON), units)


@pytest.mark.parametrize("name", ["Nowhere", "nowhere at all", "NOWHERE-2"])
def test_nowhere_is_not_found(source: Source, name: str) -> None:
    with pytest.raises(CityNotFound, match="404: city not found"):
        source.fetch(city_of(name))


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/data/2.5/weather?q=Portland", 401, json.loads(DOCUMENTED_ERRORS[401])),
        ("/data/2.5/weather?q=Portland&appid=", 401, json.loads(DOCUMENTED_ERRORS[401])),
        ("/data/2.5/weather?q=Nowhere&appid=k", 404, json.loads(DOCUMENTED_ERRORS[404])),
        ("/data/2.5/weather?appid=k", 400, json.loads(DOCUMENTED_ERRORS[400])),
        ("/data/2.5/weather?q=+&appid=k", 400, json.loads(DOCUMENTED_ERRORS[400])),
        ("/data/2.5/weather?lat=91&lon=0&appid=k", 400, None),
        ("/data/2.5/weather?lat=9&appid=k", 400, None),
        ("/data/2.5/weather?id=x1&appid=k", 400, None),
        ("/data/2.5/forecast?q=Portland&appid=k", 404, None),
        ("//[/data", 400, None),
        ("/data/2.5/weather?q=%ff%ed%a0%80&appid=k", 200, None),
    ],
)
def test_the_api_answers_as_documented(api: PracticeApi, target: str, status: int, body: dict[str, Any] | None) -> None:
    found_status, found = get(api, target)
    assert found_status == status
    assert body is None or json.loads(found) == body


def test_other_methods_are_not_allowed(api: PracticeApi) -> None:
    assert get(api, "/data/2.5/weather?q=Portland&appid=k", method="DELETE")[0] == 405


def test_without_a_usable_key_or_place_the_client_says_so(api: PracticeApi) -> None:
    with pytest.raises(InvalidKey):
        OpenWeather(api_key="", base_url=api.base_url, units="metric", timeout_s=5, connections=1)
    source = OpenWeather(api_key="k", base_url=api.base_url, units="metric", timeout_s=5, connections=1)
    with pytest.raises(BadRequest, match="is not a city ID"):
        source.fetch(city_of("9" * 30))
    source.close()


def test_requests_in_pieces_and_several_at_once_are_answered_in_order(api: PracticeApi) -> None:
    host, port = api.base_url.removeprefix("http://").split(":")
    request = b"GET /data/2.5/weather?q=%s&appid=k HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        sent = request % b"One" + request % b"Two" + request % b"Three"
        for piece in (sent[:20], sent[20:90], sent[90:]):
            connection.sendall(piece)
        received = b""
        while received.count(b'"cod":200}') < 3:
            data = connection.recv(65_536)
            assert data
            received += data
    order = [received.index(b'"name":"%s"' % name) for name in (b"One", b"Two", b"Three")]
    assert order == sorted(order)


def test_an_endless_head_is_cut_off_and_others_are_still_served(api: PracticeApi) -> None:
    host, port = api.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        with pytest.raises(OSError):
            connection.sendall(b"x" * (64 << 20))
        assert get(api, "/data/2.5/weather?q=Portland&appid=k")[0] == 200


def test_closing_takes_no_time_even_with_idle_connections(clock: SetClock) -> None:
    threads = threading.active_count()
    source = practice_source(units="metric", timeout_s=5, connections=16, clock=clock)
    with ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(source.fetch, [city_of(f"City {n}") for n in range(200)]))
    assert len(set(bodies)) == 200
    started = time.monotonic()
    source.close()
    source.close()
    assert time.monotonic() - started < 0.25
    assert threading.active_count() <= threads
    with pytest.raises(SourceUnavailable):
        source.fetch(PORTLAND)


def test_a_server_that_never_started_can_be_closed(clock: SetClock) -> None:
    PracticeApi(clock=clock).close()


def test_impossible_settings_leave_no_server_behind(clock: SetClock) -> None:
    threads = threading.active_count()
    with pytest.raises(ValueError):
        practice_source(units="kelvin", timeout_s=5, connections=1, clock=clock)
    assert threading.active_count() <= threads


def test_the_practice_key_is_plainly_labelled(source: Source) -> None:
    assert "practice" in PRACTICE_KEY
    assert PRACTICE_KEY not in repr(source)
