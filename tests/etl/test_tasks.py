"""The four tasks as plain callables: what becomes a document, what is rejected, and how the sensor pokes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl import tasks
from etl.cities import city_of
from etl.errors import (
    BadRequest,
    CityNotFound,
    DataRejected,
    InvalidKey,
    OversizedBody,
    QuotaExceeded,
    SensorTimeout,
    SourceError,
    SourceUnavailable,
    StagingError,
    UnexpectedResponse,
)
from etl.lake.folder import FolderLake
from etl.models import City, Staged, Units
from tests.simulators.weather_api import DOCUMENTED_FULL, DOCUMENTED_MINIMAL

TS = "20261123T210000"
PORTLAND = city_of("Portland")
FULL: dict[str, Any] = json.loads(DOCUMENTED_FULL)


def staged(folder: Path) -> Staged:
    return tasks.staged_files(folder, "portland", TS)


def body(**changes: Any) -> bytes:
    """The documented body with `changes` to its top-level members; None removes one."""
    return json.dumps({key: value for key, value in (FULL | changes).items() if value is not None}).encode()


def main(**changes: Any) -> bytes:
    return body(main=FULL["main"] | changes)


# ---- the document ------------------------------------------------------------


def test_the_documented_body_becomes_the_six_fields_in_order() -> None:
    document = tasks.transformed(DOCUMENTED_FULL, Units.STANDARD)
    assert list(document.items()) == [
        ("city", "Zocca"),
        ("timestamp", 1661870592),
        ("temperature", 298.48),
        ("humidity", 64),
        ("weather", "moderate rain"),
        ("wind_speed", 0.62),
    ]


def test_the_older_documented_body_becomes_the_six_fields() -> None:
    assert tasks.transformed(DOCUMENTED_MINIMAL, Units.STANDARD) == {
        "city": "Shuzenji",
        "timestamp": 1369824698,
        "temperature": 289.5,
        "humidity": 89,
        "weather": "overcast clouds",
        "wind_speed": 7.31,
    }


@pytest.mark.parametrize(
    ("report", "absent"),
    [
        (body(main={}), {"temperature", "humidity"}),
        (main(temp=None), {"temperature"}),
        (body(wind=None), {"wind_speed"}),
        (body(wind={"deg": 10}), {"wind_speed"}),
        (body(weather=None), {"weather"}),
        (body(weather=[]), {"weather"}),
        (body(weather=[{}]), {"weather"}),
        (body(name=None), {"city"}),
        (b'{"main": {}, "dt": 1}', {"city", "temperature", "humidity", "weather", "wind_speed"}),
    ],
)
def test_an_absent_measurement_is_null(report: bytes, absent: set[str]) -> None:
    document = tasks.transformed(report, Units.STANDARD)
    assert {key for key, value in document.items() if value is None} == absent
    assert tuple(document) == tasks.FIELDS


def test_the_first_of_several_weather_conditions_counts() -> None:
    two = body(weather=[{"description": "mist"}, {"description": "light rain"}])
    assert tasks.transformed(two, Units.STANDARD)["weather"] == "mist"


def test_the_last_of_two_equal_members_counts_as_json_readers_agree() -> None:
    twice = b'{"main": {"temp": 280}, "main": {"temp": 281}, "dt": 1661870592}'
    assert tasks.transformed(twice, Units.STANDARD)["temperature"] == 281


@pytest.mark.parametrize(
    ("units", "good", "bad"),
    [(Units.STANDARD, 298.48, 25.3), (Units.METRIC, -89.2, 298.48), (Units.IMPERIAL, 134.1, 298.48)],
)
def test_a_temperature_is_possible_or_not_in_its_own_unit(units: Units, good: float, bad: float) -> None:
    assert tasks.transformed(main(temp=good), units)["temperature"] == good
    with pytest.raises(DataRejected, match="temp"):
        tasks.transformed(main(temp=bad), units)


# ---- what is rejected ------------------------------------------------------------

REJECTED = {
    "empty": b"",
    "blank": b"  \n",
    "not JSON": b"<html>Welcome to the hotel network</html>",
    "truncated": DOCUMENTED_FULL[:200],
    "trailing text": DOCUMENTED_FULL + b"x",
    "two documents": DOCUMENTED_FULL * 2,
    "invalid UTF-8": DOCUMENTED_FULL.replace(b"Zocca", b"Zo\xffca"),
    "UTF-16": DOCUMENTED_FULL.decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + DOCUMENTED_FULL,
    "NUL bytes": b"\0" * 500,
    "a list": b"[" + DOCUMENTED_FULL + b"]",
    "a text": b'"main dt"',
    "null": b"null",
    "a number": b"1",
    "nested too deeply": b'{"main":' * 100_000 + b"1" + b"}" * 100_000,
    "a list nested too deeply": b"[" * 200_000,
    "an error told as 200": b'{"cod":"404","message":"city not found"}',
    "no main": body(main=None),
    "main is null": body().replace(b'"main": {', b'"main": null, "x": {', 1).replace(b'"main": "Rain"', b'"y": 1'),
    "main is a list": body(main=[1]),
    "main is a text": body(main="warm"),
    "no dt": body(dt=None),
    "dt is a text": body(dt="1661870592"),
    "dt is a fraction": body(dt=1661870592.5),
    "dt is true": body(dt=True),
    "dt is zero": body(dt=0),
    "dt is negative": body(dt=-1),
    "dt in milliseconds": body(dt=1661870592000),
    "dt is huge": body(dt=10**400),
    "a number of 5,000 digits": b'{"main":{},"dt":' + b"1" * 5000 + b"}",
    "temperature is a text": main(temp="298"),
    "temperature is true": main(temp=True),
    "temperature is a list": main(temp=[298]),
    "temperature is NaN": main(temp=float("nan")),
    "temperature is Infinity": main(temp=float("inf")),
    "temperature is -Infinity": main(temp=float("-inf")),
    "temperature is 1e999": main(temp=1).replace(b'"temp": 1,', b'"temp": 1e999,'),
    "temperature is huge": main(temp=10**400),
    "temperature of 1000 K": main(temp=1000),
    "temperature of 0 K": main(temp=0),
    "humidity of 101": main(humidity=101),
    "humidity below 0": main(humidity=-1),
    "humidity is NaN": main(humidity=float("nan")),
    "wind below 0": body(wind={"speed": -0.1}),
    "wind of 400 m/s": body(wind={"speed": 400}),
    "wind is a number": body(wind=3),
    "wind is a list": body(wind=[]),
    "weather is an object": body(weather={"description": "rain"}),
    "weather is an empty object": body(weather={}),
    "weather is a text": body(weather="rain"),
    "weather is an empty text": body(weather=""),
    "weather is zero": body(weather=0),
    "weather is false": body(weather=False),
    "weather holds a text": body(weather=["rain"]),
    "weather holds null": body(weather=[None]),
    "description is a number": body(weather=[{"description": 5}]),
    "name is a number": body(name=5),
    "name is far too long": body(name="x" * 1001),
    "name is half a surrogate pair": body(name="Zocca").replace(b'"Zocca"', b'"\\ud800"'),
    "description is half a surrogate pair": body().replace(b'"moderate rain"', b'"\\udfff"'),
}


@pytest.mark.parametrize("reported", REJECTED.values(), ids=REJECTED.keys())
def test_a_body_that_must_not_be_loaded_is_quarantined_byte_for_byte(reported: bytes, tmp_path: Path) -> None:
    files = staged(tmp_path)
    files.raw.write_bytes(reported)
    with pytest.raises(DataRejected) as caught:
        tasks.transform(files.raw, files)
    assert files.rejected.read_bytes() == reported
    assert not files.raw.exists()
    assert not files.transformed.exists()
    message = str(caught.value)
    assert f"rejected/{files.rejected.name}" in message
    assert len(message) < 400
    assert message.isprintable()


def test_what_is_rejected_later_does_not_replace_what_was_rejected_before(tmp_path: Path) -> None:
    files = staged(tmp_path)
    for text in (b"first", b"second", b"third"):
        files.raw.write_bytes(text)
        with pytest.raises(DataRejected):
            tasks.transform(files.raw, files)
    kept = sorted(path.read_bytes() for path in files.rejected.parent.iterdir())
    assert kept == [b"first", b"second", b"third"]


def test_a_rejection_says_what_was_expected_and_what_was_found() -> None:
    with pytest.raises(DataRejected, match=r"`humidity` must lie between 0 and 100, found 101"):
        tasks.transformed(main(humidity=101), Units.STANDARD)


def accepted(document: dict[str, Any]) -> None:
    assert tuple(document) == tasks.FIELDS
    json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
    assert 0 < document["timestamp"] < tasks.LATEST_DT
    assert document["temperature"] is None or 150 <= document["temperature"] <= 350
    assert document["humidity"] is None or 0 <= document["humidity"] <= 100
    assert document["wind_speed"] is None or 0 <= document["wind_speed"] <= 150
    for key in ("city", "weather"):
        assert document[key] is None or isinstance(document[key], str)
    tasks.captured_at(document)


def judge(reported: bytes) -> None:
    """Either a document whose every field is possible, or DataRejected; nothing else."""
    try:
        accepted(tasks.transformed(reported, Units.STANDARD))
    except DataRejected as error:
        message = str(error)
    else:
        return
    assert message.isprintable()
    assert len(message) < 400


@given(st.binary(max_size=300))
def test_any_bytes_are_a_document_or_rejected(reported: bytes) -> None:
    judge(reported)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NEARLY = st.fixed_dictionaries(
    {"main": ANY_JSON | st.fixed_dictionaries({}, optional={"temp": ANY_JSON, "humidity": ANY_JSON}), "dt": ANY_JSON},
    optional={
        "name": ANY_JSON | st.text(alphabet=st.characters(categories=["Cs", "Lu"]), max_size=3),
        "weather": ANY_JSON | st.lists(st.fixed_dictionaries({}, optional={"description": ANY_JSON}), max_size=2),
        "wind": ANY_JSON | st.fixed_dictionaries({"speed": ANY_JSON}),
    },
)


@given(ANY_JSON | NEARLY)
def test_any_json_is_a_document_or_rejected(value: object) -> None:
    judge(json.dumps(value).encode())


@given(
    st.floats(150, 350) | st.none(),
    st.integers(0, 100) | st.none(),
    st.floats(0, 150) | st.none(),
    st.integers(1, tasks.LATEST_DT - 1),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40) | st.none(),
)
def test_every_possible_weather_is_accepted_unchanged(
    temperature: float | None, humidity: int | None, wind: float | None, dt: int, name: str | None
) -> None:
    document = tasks.transformed(
        json.dumps(
            {"main": {"temp": temperature, "humidity": humidity}, "wind": {"speed": wind}, "dt": dt, "name": name}
        ).encode(),
        Units.STANDARD,
    )
    accepted(document)
    assert list(document.values()) == [name, dt, temperature, humidity, None, wind]


# ---- files ------------------------------------------------------------


def test_transform_writes_the_document_as_json_in_utf_8(tmp_path: Path) -> None:
    files = staged(tmp_path)
    files.raw.write_bytes(body(name="São Paulo"))
    assert tasks.transform(files.raw, files) == files.transformed
    written = files.transformed.read_bytes()
    assert "São Paulo".encode() in written
    assert json.loads(written) == tasks.read_transformed(files.transformed)
    assert files.raw.exists()


def test_transform_needs_its_raw_file(tmp_path: Path) -> None:
    with pytest.raises(StagingError, match="is not there"):
        tasks.transform(staged(tmp_path).raw, staged(tmp_path))


def test_transform_of_a_folder_in_place_of_the_raw_file_is_told(tmp_path: Path) -> None:
    files = staged(tmp_path)
    files.raw.mkdir()
    with pytest.raises(StagingError, match="cannot be read"):
        tasks.transform(files.raw, files)


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"{",
        b"[]",
        b'{"city": "Zocca"}',
        b'{"city":1,"timestamp":1,"temperature":null,"humidity":null,"weather":null,"wind_speed":null}',
        b'{"city":null,"timestamp":"x","temperature":null,"humidity":null,"weather":null,"wind_speed":null}',
        b'{"city":null,"timestamp":null,"temperature":null,"humidity":null,"weather":null,"wind_speed":null}',
        b'{"city":null,"timestamp":1,"temperature":{},"humidity":null,"weather":null,"wind_speed":null}',
        b'{"city":null,"timestamp":1,"temperature":null,"humidity":[],"weather":null,"wind_speed":null}',
        b'{"city":null,"timestamp":1,"temperature":null,"humidity":null,"weather":{},"wind_speed":null}',
        b'{"city":null,"timestamp":1,"temperature":null,"humidity":null,"weather":null,"wind_speed":1e999}',
        b'{"city":null,"timestamp":1,"temperature":' + b"9" * 400 + b',"humidity":null,"weather":null,"wind_speed":1}',
        b'{"city":null,"timestamp":1,"temperature":1,"humidity":null,"weather":null,"wind_speed":1,"more":1}',
    ],
)
def test_load_refuses_a_file_that_transform_did_not_write(written: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(written)
    lake = FolderLake(tmp_path / "lake")
    with pytest.raises(DataRejected):
        tasks.load(lake, path, "weather-data/x.json")
    with pytest.raises(DataRejected):
        tasks.read_transformed(path)
    assert not list((tmp_path / "lake").rglob("*.json"))


def test_load_stores_the_transformed_bytes_and_finds_them_the_second_time(tmp_path: Path) -> None:
    files = staged(tmp_path)
    files.raw.write_bytes(DOCUMENTED_FULL)
    path = tasks.transform(files.raw, files)
    lake = FolderLake(tmp_path / "lake")
    key = tasks.object_key("openweather", "portland", TS)
    assert key == "weather-data/portland_weather_20261123T210000.json"
    assert tasks.load(lake, path, key).created
    assert not tasks.load(lake, path, key).created
    assert (tmp_path / "lake" / key).read_bytes() == path.read_bytes()


def test_practice_objects_have_a_tree_of_their_own() -> None:
    assert tasks.object_key("practice", "portland", TS) == f"practice/weather-data/portland_weather_{TS}.json"


# ---- the sensor ------------------------------------------------------------


class Scripted:
    """A source whose answers are given; kept apart from HTTP because the sensor must not care."""

    name = "openweather"

    def __init__(self, *answers: bytes | SourceError) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def fetch(self, city: City) -> bytes:
        self.asked.append(city.name)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, bytes):
            return answer
        raise answer

    def close(self) -> None: ...


class Sensor:
    """Calls `check` on a clock of its own, and remembers every wait."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_s += seconds

    def check(self, source: Scripted, *names: str, before_call: Callable[[float], None] = lambda _left_s: None) -> None:
        tasks.check(
            source,
            [city_of(name) for name in names or ("Portland",)],
            poke_interval_s=10,
            timeout_s=60,
            steady_s=lambda: self.now_s,
            wait=self.wait,
            before_call=before_call,
        )


DOWN = SourceUnavailable("out of order")


def test_the_sensor_passes_at_once_when_the_body_contains_main() -> None:
    sensor, source = Sensor(), Scripted(DOCUMENTED_FULL)
    sensor.check(source, "Portland", "Oslo")
    assert (source.asked, sensor.waits) == (["Portland"], [])


@pytest.mark.parametrize(
    "problem", [DOWN, QuotaExceeded("429"), b'{"cod":200}'], ids=["unavailable", "blocked", "no main"]
)
def test_the_sensor_pokes_again_every_interval(problem: bytes | SourceError) -> None:
    sensor, source = Sensor(), Scripted(problem, problem, DOCUMENTED_FULL)
    sensor.check(source)
    assert sensor.waits == [10, 10]


def test_the_sensor_gives_up_when_its_time_is_over() -> None:
    sensor, source = Sensor(), Scripted(DOWN)
    with pytest.raises(SensorTimeout, match=r"not available within 60 s \(6 pokes\); last: out of order"):
        sensor.check(source)
    assert sensor.waits == [10] * 5
    assert len(source.asked) == 6


def test_the_sensor_waits_as_long_as_the_api_asks() -> None:
    sensor, source = Sensor(), Scripted(SourceUnavailable("busy", retry_after_s=35), DOCUMENTED_FULL)
    sensor.check(source)
    assert sensor.waits == [35]


def test_the_sensor_does_not_poke_before_a_retry_after_that_is_past_its_timeout() -> None:
    sensor, source = Sensor(), Scripted(SourceUnavailable("busy", retry_after_s=3600))
    with pytest.raises(SensorTimeout):
        sensor.check(source)
    assert len(source.asked) == 1


def test_a_short_retry_after_does_not_shorten_the_interval() -> None:
    sensor, source = Sensor(), Scripted(SourceUnavailable("busy", retry_after_s=1), DOCUMENTED_FULL)
    sensor.check(source)
    assert sensor.waits == [10]


@pytest.mark.parametrize("unknown", [CityNotFound("404"), BadRequest("400"), OversizedBody("big")])
def test_a_city_that_the_api_does_not_know_hands_over_to_the_next(unknown: SourceError) -> None:
    sensor, source = Sensor(), Scripted(unknown, DOCUMENTED_FULL)
    sensor.check(source, "Nowhere", "Oslo")
    assert (source.asked, sensor.waits) == (["Nowhere", "Oslo"], [])


def test_when_no_city_is_known_the_last_ones_error_is_raised() -> None:
    sensor, source = Sensor(), Scripted(CityNotFound("404"))
    with pytest.raises(CityNotFound):
        sensor.check(source, "Nowhere", "Nowhere else")
    assert source.asked == ["Nowhere", "Nowhere else"]


@pytest.mark.parametrize("final", [InvalidKey("401"), UnexpectedResponse("302")])
def test_an_error_that_waiting_does_not_help_is_raised_at_once(final: SourceError) -> None:
    sensor, source = Sensor(), Scripted(final)
    with pytest.raises(type(final)):
        sensor.check(source, "Portland", "Oslo")
    assert (source.asked, sensor.waits) == (["Portland"], [])


def test_every_poke_takes_a_call_of_the_quota_and_is_told_the_time_left() -> None:
    sensor, source, left = Sensor(), Scripted(DOWN, DOWN, DOCUMENTED_FULL), list[float]()
    sensor.check(source, before_call=left.append)
    assert left == [60, 50, 40]


def test_without_a_call_in_the_quota_the_api_is_not_asked() -> None:
    def none_left(_left_s: float) -> None:
        raise QuotaExceeded("used up")

    source = Scripted(DOCUMENTED_FULL)
    with pytest.raises(SensorTimeout, match="used up"):
        Sensor().check(source, before_call=none_left)
    assert source.asked == []
