"""Each (source, logical time, city) is worked on by one owner at a time, and loaded once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from etl.cities import city_of
from etl.history.claims import INTERRUPTED, Claim, claim, finish, run_id_of, settle_interrupted
from etl.history.database import Database
from etl.models import Trigger, Units, hour_of, rfc3339, ts_of
from tests.conftest import HOUR, START, Lakewarden, Pipeline, wait_until
from tests.simulators.weather_api import WeatherApiSimulator, stall


@pytest.fixture
def database(pipeline: Pipeline) -> Database:
    return pipeline.database


class Living:
    """The owners that count as alive."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)

    def __call__(self, name: str) -> bool:
        return name in self.names


def take(
    database: Database,
    owner: str,
    *names: str,
    living: Living | None = None,
    source: str = "openweather",
    units: Units = Units.STANDARD,
    at: datetime = HOUR,
    force: bool = False,
) -> Claim:
    return claim(
        database,
        source=source,
        logical_time=at,
        cities=[city_of(name) for name in names],
        owner=owner,
        is_alive=living or Living(),
        trigger=Trigger.CRON,
        units=units,
        lake="lake",
        now=START,
        force=force,
    )


def ours(claimed: Claim) -> list[str]:
    return [item.city.name for item in claimed.ours]


def names(cities: Sequence[object]) -> list[str]:
    return [getattr(city, "name") for city in cities]  # noqa: B009 – one spelling for cities of any list


def set_state(database: Database, slug: str, state: str) -> None:
    with database.transaction() as sql:
        sql.execute("UPDATE run_city SET state = ? WHERE slug = ?", (state, slug))


def test_the_first_takes_all_and_a_second_finds_them_busy(database: Database) -> None:
    assert ours(take(database, "a", "Portland", "Oslo")) == ["Portland", "Oslo"]
    second = take(database, "b", "Portland", "Oslo", living=Living("a"))
    assert (ours(second), names(second.busy)) == ([], ["Portland", "Oslo"])


def test_overlapping_sets_of_cities_are_split(database: Database) -> None:
    take(database, "a", "Portland", "Oslo")
    second = take(database, "b", "Oslo", "Rome", living=Living("a"))
    assert (ours(second), names(second.busy)) == (["Rome"], ["Oslo"])
    assert database.query("SELECT city, owner, position FROM run_city ORDER BY position") == [
        ("Portland", "a", 0), ("Oslo", "a", 1), ("Rome", "b", 2),
    ]  # fmt: skip


def test_a_dead_owners_cities_are_taken_over(database: Database) -> None:
    take(database, "a", "Portland")
    assert ours(take(database, "b", "Portland", living=Living("b"))) == ["Portland"]


def test_a_loaded_city_is_done_and_a_failed_or_skipped_one_is_taken(database: Database) -> None:
    take(database, "a", "Portland", "Oslo", "Rome")
    for slug, state in (("portland", "success"), ("oslo", "failed"), ("rome", "skipped")):
        set_state(database, slug, state)
    second = take(database, "b", "Portland", "Oslo", "Rome", living=Living("a"))
    assert (names(second.done), ours(second)) == (["Portland"], ["Oslo", "Rome"])


def test_force_takes_what_is_loaded_but_not_what_is_being_worked_on(database: Database) -> None:
    take(database, "a", "Portland", "Oslo")
    set_state(database, "portland", "success")
    forced = take(database, "b", "Portland", "Oslo", living=Living("a"), force=True)
    assert [(item.city.name, item.was_loaded) for item in forced.ours] == [("Portland", True)]
    assert names(forced.busy) == ["Oslo"]


def test_hours_and_sources_do_not_meet(database: Database) -> None:
    everyone = Living("a", "b", "c")
    take(database, "a", "Portland")
    later = take(database, "b", "Portland", at=HOUR + timedelta(hours=1), living=everyone)
    practice = take(database, "c", "Portland", source="practice", living=everyone)
    assert (ours(later), ours(practice)) == (["Portland"], ["Portland"])
    assert [row[0] for row in database.query("SELECT run_id FROM run ORDER BY run_id")] == [
        "openweather-20261123T210000", "openweather-20261123T220000", "practice-20261123T210000",
    ]  # fmt: skip


@pytest.mark.parametrize("first", ["practice", "openweather"])
def test_the_second_source_of_an_hour_stages_in_a_folder_of_its_own(database: Database, first: str) -> None:
    second = "openweather" if first == "practice" else "practice"
    assert [item.staging for item in take(database, "a", "Portland", source=first).ours] == [""]
    assert [item.staging for item in take(database, "a", "Portland", "Oslo", source=second).ours] == [second, ""]
    again = take(database, "b", "Portland", "Oslo", source=second)
    assert [item.staging for item in again.ours] == [second, ""]


def test_the_units_of_a_run_are_those_of_its_first_extracted_city(database: Database) -> None:
    assert take(database, "a", "Portland", units=Units.METRIC).units is Units.METRIC
    assert take(database, "b", "Portland", units=Units.IMPERIAL).units is Units.IMPERIAL
    with database.transaction() as sql:
        sql.execute(
            "INSERT INTO attempt (run_id, slug, task, attempt, state) VALUES (?, 'portland', ?, 1, 'success')",
            (run_id_of("openweather", HOUR), "extract_weather_data"),
        )
    assert take(database, "c", "Portland", units=Units.STANDARD).units is Units.IMPERIAL


def test_a_taken_over_citys_open_attempts_have_failed(database: Database) -> None:
    take(database, "a", "Portland", "Oslo")
    with database.transaction() as sql:
        sql.executemany(
            "INSERT INTO attempt (run_id, slug, task, attempt, state) VALUES (?, ?, 'extract_weather_data', 1, ?)",
            [(run_id_of("openweather", HOUR), slug, "running") for slug in ("portland", "oslo")],
        )
    take(database, "b", "Portland", living=Living("b"))
    assert database.query("SELECT slug, state, error_kind FROM attempt ORDER BY slug") == [
        ("oslo", "running", None),
        ("portland", "failed", INTERRUPTED),
    ]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("success", "success"), "success"),
        (("success", "failed"), "partial"),
        (("success", "skipped"), "partial"),
        (("failed", "failed"), "failed"),
        (("skipped", "skipped"), "failed"),
        (("success", "running"), "running"),
    ],
)
def test_the_state_of_a_run_follows_from_its_cities(database: Database, states: tuple[str, str], expected: str) -> None:
    run_id = take(database, "a", "Portland", "Oslo").run_id
    for slug, state in zip(("portland", "oslo"), states, strict=True):
        set_state(database, slug, state)
    finish(database, run_id=run_id, worked_s=1.5, now=START)
    finish(database, run_id=run_id, worked_s=2.0, now=START)
    assert database.query("SELECT state, duration_s FROM run") == [(expected, 3.5)]


def test_what_dead_owners_left_running_is_marked_and_living_ones_are_left_alone(database: Database) -> None:
    take(database, "a", "Portland")
    take(database, "b", "Oslo", living=Living("a"))
    assert settle_interrupted(database, is_alive=Living("b"), now=START) == 1
    assert database.query("SELECT slug, state, error_kind FROM run_city ORDER BY slug") == [
        ("oslo", "running", None),
        ("portland", "failed", INTERRUPTED),
    ]
    assert database.query("SELECT state FROM run") == [("running",)]
    assert settle_interrupted(database, is_alive=Living(), now=START) == 1
    assert database.query("SELECT state FROM run") == [("failed",)]
    assert settle_interrupted(database, is_alive=Living(), now=START) == 0


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])
def test_every_hour_of_a_year_is_one_hour_in_any_time_zone(zone: str) -> None:
    """Through both changes of the clock, and in zones that are half an hour off."""
    first = datetime(2026, 1, 1, tzinfo=UTC)
    local = [(first + timedelta(minutes=30 * i)).astimezone(ZoneInfo(zone)) for i in range(2 * 24 * 365)]
    seen = [ts_of(hour_of(instant)) for instant in local]
    assert seen[::2] == seen[1::2]
    assert len(set(seen)) == 24 * 365
    assert seen == sorted(seen)


# ---- real processes ------------------------------------------------------------


def test_eight_processes_on_one_hour_load_each_city_once(
    lakewarden: Lakewarden, api: WeatherApiSimulator, this_hour: datetime
) -> None:
    cities = ["Portland", "Oslo", "Rome", "Lima"]
    lakewarden.use(api)
    env = {"LAKEWARDEN_WEATHER__CITIES": json.dumps(cities)}
    processes = [lakewarden.start("--run-once", env=env) for _ in range(8)]
    outputs = [process.communicate(timeout=60) for process in processes]
    codes = [process.returncode for process in processes]
    assert set(codes) <= {0, 75}, outputs
    assert 0 in codes
    assert [out for out, _ in outputs] == [b""] * 8
    assert {err.count(b"\n") for _, err in outputs} <= {0, 1}
    assert api.count() == len(cities) + 1  # one poke
    run = lakewarden("runs", "--json").json
    assert [(item["state"], len(item["cities"])) for item in run] == [("success", 4)]
    assert all(city["attempts"]["load_weather_data"] == 1 for city in run[0]["cities"])
    assert len(list((lakewarden.home / "lake" / "weather-data").glob("*.json"))) == 4
    assert lakewarden("--run-once", env=env).code == 0


def test_processes_with_overlapping_cities_load_each_once(
    lakewarden: Lakewarden, api: WeatherApiSimulator, this_hour: datetime
) -> None:
    lakewarden.use(api)
    lakewarden("init")
    sets = [("Portland", "Oslo"), ("Oslo", "Rome"), ("Rome", "Portland"), ("Lima", "Oslo")]
    processes = [
        lakewarden.start("--run-once", *(part for name in names for part in ("--city", name))) for names in sets
    ]
    assert {process.wait(60) for process in processes} <= {0, 75}
    for city in ("Portland", "Oslo", "Rome", "Lima"):
        extracts = lakewarden("--run-once", "--json", "--city", city)
        assert extracts.code == 0
    (run,) = lakewarden("runs", "--json").json
    assert {city["city"]: city["attempts"]["extract_weather_data"] for city in run["cities"]} == {
        "Portland": 1, "Oslo": 1, "Rome": 1, "Lima": 1,
    }  # fmt: skip


def test_a_killed_processs_work_is_taken_over_in_under_a_second(
    lakewarden: Lakewarden, api: WeatherApiSimulator, this_hour: datetime, pipeline: Pipeline
) -> None:
    lakewarden.use(api)
    assert lakewarden("init").code == 0
    api.script("Oslo", [stall()])
    env = {"LAKEWARDEN_WEATHER__CITIES": '["Portland", "Oslo"]'}
    first = lakewarden.start("--run-once", env=env)
    wait_until(lambda: api.count("Oslo") == 1)
    assert lakewarden("--run-once", env=env).code == 75
    wait_until(lambda: pipeline.rows("SELECT 1 FROM run_city WHERE state = 'success'"))
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    api.release()
    pipeline.clock.step((datetime.now(UTC) - START).total_seconds())
    began = time.monotonic()
    outcome = pipeline.run("Portland", "Oslo", at=this_hour)
    assert time.monotonic() - began < 1
    assert (outcome.already_loaded, outcome.loaded, outcome.busy, outcome.failures) == (1, 1, [], [])
    attempts = pipeline.rows("SELECT attempt, state, error_kind FROM attempt WHERE slug = 'oslo' AND task LIKE 'ext%'")
    assert attempts == [(1, "failed", INTERRUPTED), (2, "success", None)]


def test_a_half_claimed_workspace_from_another_machine_start_is_taken_over(pipeline: Pipeline) -> None:
    """The owner's lock file is there, as after a power cut, but nobody holds it."""
    dead = "d" * 32
    take(pipeline.database, dead, "Portland")
    (pipeline.locks / f"owner-{dead}.lock").write_text("1\n")
    outcome = pipeline.run("Portland")
    assert (outcome.loaded, outcome.busy) == (1, [])


def test_the_database_is_not_needed_to_be_idle_for_a_claim(pipeline: Pipeline) -> None:
    """A claim waits for another process's short transaction instead of failing."""
    script = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE'); print('held', flush=True); input(); c.execute('COMMIT')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(pipeline.home / "etl.db")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        running = pipeline.start("Portland")
        assert not running.ended
        holder.communicate("\n")
        assert running.outcome.loaded == 1


# ---- a stepping clock ------------------------------------------------------------


def test_a_clock_set_back_an_hour_finds_the_earlier_hour_done(pipeline: Pipeline) -> None:
    clock = pipeline.clock
    assert pipeline.run(at=hour_of(clock.now())).loaded == 1
    clock.advance(3600)
    assert pipeline.run(at=hour_of(clock.now())).loaded == 1
    clock.step(-3600)
    again = pipeline.run(at=hour_of(clock.now()))
    assert (again.loaded, again.already_loaded) == (0, 1)
    assert len(pipeline.objects()) == 2


def test_a_clock_set_forward_a_day_and_back_loads_neither_hour_twice(pipeline: Pipeline) -> None:
    clock = pipeline.clock
    pipeline.run(at=hour_of(clock.now()))
    clock.step(86_400)
    assert pipeline.run(at=hour_of(clock.now())).loaded == 1
    clock.step(-86_400)
    assert pipeline.run(at=hour_of(clock.now())).already_loaded == 1
    assert [row[0] for row in pipeline.rows("SELECT logical_time FROM run ORDER BY 1")] == [
        rfc3339(HOUR), rfc3339(HOUR + timedelta(days=1)),
    ]  # fmt: skip


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_the_hour_is_utcs_whatever_the_accounts_time_zone(
    zone: str, lakewarden: Lakewarden, this_hour: datetime
) -> None:
    run = lakewarden("--run-once", "--json", env={"TZ": zone}).json
    assert run["logical_time"] == rfc3339(this_hour)
    assert run["ts"] == ts_of(this_hour)
    again = lakewarden("--run-once", "--json", env={"TZ": "UTC"}).json
    assert again["already_loaded"] is True


# ---- practice and real weather ------------------------------------------------------------


@pytest.mark.parametrize("order", [("practice", "openweather"), ("openweather", "practice")])
def test_practice_and_real_weather_of_one_hour_never_mix(pipeline: Pipeline, order: tuple[str, str]) -> None:
    for source in order:
        assert pipeline.run("Portland", source=source).loaded == 1
    ts = ts_of(HOUR)
    assert pipeline.objects() == [
        f"practice/weather-data/portland_weather_{ts}.json",
        f"weather-data/portland_weather_{ts}.json",
    ]
    real = json.loads((pipeline.lake_dir / f"weather-data/portland_weather_{ts}.json").read_text())
    made_up = json.loads((pipeline.lake_dir / f"practice/weather-data/portland_weather_{ts}.json").read_text())
    assert (real["timestamp"], real["temperature"]) == (1661870592, 298.48)
    assert made_up["timestamp"] != 1661870592
    raw = f"portland_weather_raw_{ts}.json"
    assert (pipeline.staging / raw).read_bytes() != (pipeline.staging / order[1] / raw).read_bytes()
    readings = pipeline.rows("SELECT source, temperature FROM reading ORDER BY source")
    assert readings == [("openweather", 298.48), ("practice", made_up["temperature"])]
    states = pipeline.rows("SELECT source, state FROM run ORDER BY source")
    assert states == [("openweather", "success"), ("practice", "success")]


def test_a_forced_practice_run_never_reads_the_real_raw_file(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.run("Portland")
    pipeline.run("Portland", source="practice")
    outcome = pipeline.run("Portland", source="practice", force=True)
    assert (outcome.loaded, outcome.failures) == (1, [])
