"""One run over the simulated API: order, retries, pauses, deadlines, requests, faults, and what is recorded of them."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from etl.errors import EtlError, HistoryError, LakeUnavailable
from etl.history import requests
from etl.history.database import stamp
from etl.history.recorder import Recorder
from etl.lake.folder import FolderLake
from etl.models import HOUR_S, City, CityState, StoredObject, Task, TaskState, Units, ts_of
from etl.quota import Quota
from etl.run import RunOutcome, Stopped
from etl.sources.practice_weather import weather_at
from etl.tasks import transformed
from tests.conftest import HOUR, START, Pipeline, Running, wait_until
from tests.simulators.weather_api import (
    DOCUMENTED_FULL,
    Reply,
    bad_request,
    not_found,
    not_json,
    ok,
    raw,
    redirect,
    reset,
    server_error,
    stall,
    too_many,
    truncated,
    unauthorized,
)

RUN = "openweather-20261123T210000"
TS = ts_of(HOUR)
EXTRACT, TRANSFORM, LOAD = "extract_weather_data", "transform_weather_data", "load_weather_data"


def attempts(pipeline: Pipeline, slug: str, task: str | None = None) -> list[tuple[Any, ...]]:
    """(task, attempt, state) in the order of the pipeline."""
    rows = pipeline.rows(
        "SELECT task, attempt, state FROM attempt WHERE slug = ? AND task = coalesce(?, task) ORDER BY attempt",
        slug,
        task,
    )
    order = [EXTRACT, TRANSFORM, LOAD]
    return sorted(rows, key=lambda row: order.index(row[0]) if row[0] in order else -1)


def states(pipeline: Pipeline) -> dict[str, str]:
    return dict(pipeline.rows("SELECT slug, state FROM run_city"))


def kinds(outcome: RunOutcome) -> list[str]:
    return [error.kind for error in outcome.failures]


def run_state(pipeline: Pipeline) -> str:
    return str(pipeline.rows("SELECT state FROM run")[0][0])


def asked(pipeline: Pipeline, calls: int) -> bool:
    return pipeline.api.count() >= calls


def in_attempts(pipeline: Pipeline, attempt: tuple[str, int, str]) -> bool:
    return attempt in attempts(pipeline, "oslo")


def waiting(pipeline: Pipeline, slug: str = "oslo") -> str:
    """When the city's retry is due, once it waits for one."""
    return str(pipeline.await_rows("SELECT retry_at FROM run_city WHERE slug = ? AND retry_at NOT NULL", slug)[0][0])


# ---- the plain case ------------------------------------------------------------


def test_a_run_checks_once_and_takes_every_city_through_its_tasks(pipeline: Pipeline) -> None:
    outcome = pipeline.run("Portland", "Oslo", "São Paulo")
    assert (outcome.run_id, outcome.loaded, outcome.failures, outcome.busy) == (RUN, 3, [], [])
    assert pipeline.api.count() == 4
    assert attempts(pipeline, "") == [("check_api_availability", 1, "success")]
    for slug in states(pipeline):
        assert attempts(pipeline, slug) == [(EXTRACT, 1, "success"), (TRANSFORM, 1, "success"), (LOAD, 1, "success")]
    assert run_state(pipeline) == "success"
    assert len(pipeline.objects()) == 3
    assert f"weather-data/oslo_weather_{TS}.json" in pipeline.objects()


def test_the_raw_file_is_the_body_byte_for_byte_and_the_object_the_transformed_file(pipeline: Pipeline) -> None:
    pipeline.run("Zocca")
    assert (pipeline.staging / f"zocca_weather_raw_{TS}.json").read_bytes() == DOCUMENTED_FULL
    transformed = (pipeline.staging / f"zocca_weather_transformed_{TS}.json").read_bytes()
    assert (pipeline.lake_dir / f"weather-data/zocca_weather_{TS}.json").read_bytes() == transformed


def test_a_second_call_of_the_hour_asks_nothing(pipeline: Pipeline) -> None:
    pipeline.run("Portland")
    before = pipeline.api.count()
    again = pipeline.run("Portland")
    assert (again.loaded, again.already_loaded) == (0, 1)
    assert pipeline.api.count() == before


def test_nothing_is_left_of_an_owner_after_its_run(pipeline: Pipeline) -> None:
    pipeline.run("Portland")
    assert not list(pipeline.locks.glob("owner-*"))


def test_at_most_so_many_cities_are_in_work_at_once(pipeline: Pipeline) -> None:
    names = [f"City {i}" for i in range(10)]
    pipeline.api.script_default([stall()])
    pipeline.api.script("Portland", [ok()])
    running = pipeline.start("Portland", *names, concurrency=3)
    wait_until(lambda: pipeline.api.count() == 2 + 3)
    pipeline.clock.await_looks()
    assert pipeline.api.count() == 2 + 3
    pipeline.api.release()
    assert running.outcome.loaded == 11


# ---- the check ------------------------------------------------------------


def test_nothing_else_starts_before_the_check_has_passed(pipeline: Pipeline) -> None:
    pipeline.api.script("Portland", [server_error(), ok()])
    pipeline.api.script("Oslo", [too_many(), ok()])
    running = pipeline.start("Portland", "Oslo", "Rome")
    for pokes in (1, 2):
        wait_until(partial(asked, pipeline, pokes))
        pipeline.clock.await_looks(3)
        assert pipeline.api.count() == pokes
        assert pipeline.rows("SELECT count(*) FROM attempt WHERE slug <> ''") == [(0,)]
        pipeline.advance_until(partial(asked, pipeline, pokes + 1), step_s=10)
    assert running.outcome.loaded == 3
    assert attempts(pipeline, "") == [("check_api_availability", 1, "success")]
    assert [request.city for request in pipeline.api.requests[:3]] == ["Portland", "Oslo", "Rome"]
    assert pipeline.api.count() == 6


def test_a_check_that_never_passes_fails_every_city_without_asking_for_it(pipeline: Pipeline) -> None:
    pipeline.api.script_default([server_error()])
    running = pipeline.start("Portland", "Oslo")
    pipeline.advance_until(lambda: running.ended, step_s=10)
    assert kinds(running.outcome) == ["sensor_timeout"] * 2
    assert 2 <= pipeline.api.count() <= 6  # pokes, of one city after the other
    assert attempts(pipeline, "") == [("check_api_availability", 1, "failed")]
    assert attempts(pipeline, "oslo") == [(task, 0, "upstream_failed") for task in (EXTRACT, TRANSFORM, LOAD)]
    assert run_state(pipeline) == "failed"


def test_an_invalid_key_fails_the_run_at_once(pipeline: Pipeline) -> None:
    pipeline.api.script_default([unauthorized()])
    assert kinds(pipeline.run("Portland", "Oslo")) == ["invalid_api_key"] * 2
    assert pipeline.api.count() == 1


def test_an_unknown_first_city_fails_alone(pipeline: Pipeline) -> None:
    pipeline.api.script("Nowhere", [not_found()])
    outcome = pipeline.run("Nowhere", "Oslo")
    assert (outcome.loaded, kinds(outcome)) == (1, ["city_not_found"])
    assert states(pipeline) == {"nowhere": "failed", "oslo": "success"}
    assert run_state(pipeline) == "partial"


# ---- retries ------------------------------------------------------------


@pytest.mark.parametrize("reply", [server_error(500), server_error(503), reset(), truncated()])
def test_a_passing_failure_is_retried_after_the_configured_delay(pipeline: Pipeline, reply: Reply) -> None:
    pipeline.api.script("Oslo", [reply, ok()])
    running = pipeline.start("Portland", "Oslo")
    assert waiting(pipeline) == stamp(START + timedelta(seconds=120))
    assert attempts(pipeline, "oslo") == [(EXTRACT, 1, "up_for_retry")]
    assert states(pipeline)["portland"] == "success"
    pipeline.clock.advance(119)
    pipeline.clock.await_looks()
    assert pipeline.api.count("Oslo") == 1
    pipeline.clock.advance(1)
    assert (running.outcome.loaded, running.outcome.failures) == (2, [])
    assert pipeline.api.count("Oslo") == 2
    assert attempts(pipeline, "oslo", EXTRACT) == [(EXTRACT, 1, "failed"), (EXTRACT, 2, "success")]
    assert pipeline.rows("SELECT error_kind, retry_at FROM run_city WHERE slug = 'oslo'") == [(None, None)]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_lasting_failure_is_tried_once_and_retried_as_often_as_configured(pipeline: Pipeline, retries: int) -> None:
    pipeline.api.script("Oslo", [server_error()])
    running = pipeline.start("Portland", "Oslo", retries=retries)
    for done in range(1, retries + 1):
        wait_until(partial(in_attempts, pipeline, (EXTRACT, done, "up_for_retry")))
        pipeline.clock.advance(120)
    outcome = running.outcome
    assert (outcome.loaded, kinds(outcome)) == (1, ["source_unavailable"])
    assert pipeline.api.count("Oslo") == 1 + retries
    assert attempts(pipeline, "oslo") == [
        *((EXTRACT, n, "failed") for n in range(1, retries + 1)),
        (EXTRACT, retries + 1, "failed"),
        (TRANSFORM, 0, "upstream_failed"),
        (LOAD, 0, "upstream_failed"),
    ]
    assert run_state(pipeline) == "partial"


def test_a_retry_waits_as_long_as_the_api_asks(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [server_error(retry_after=300), ok()])
    running = pipeline.start("Portland", "Oslo")
    assert waiting(pipeline) == stamp(START + timedelta(seconds=300))
    pipeline.clock.advance(299)
    pipeline.clock.await_looks()
    assert pipeline.api.count("Oslo") == 1
    pipeline.clock.advance(1)
    assert running.outcome.loaded == 2


def test_a_retry_after_shorter_than_the_delay_does_not_shorten_it(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [server_error(retry_after=5), ok()])
    running = pipeline.start("Portland", "Oslo")
    assert waiting(pipeline) == stamp(START + timedelta(seconds=120))
    pipeline.clock.advance(120)
    assert running.outcome.loaded == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (bad_request(), "bad_request"),
        (unauthorized(), "invalid_api_key"),
        (not_found(), "city_not_found"),
        (redirect("http://127.0.0.1:9/"), "unexpected_response"),
        (raw(418, b"{}"), "unexpected_response"),
        (not_json(), "data_rejected"),
    ],
)
def test_what_a_retry_cannot_help_is_not_retried(pipeline: Pipeline, reply: Reply, kind: str) -> None:
    pipeline.api.script("Oslo", [reply])
    outcome = pipeline.run("Portland", "Oslo", "Rome")
    assert (outcome.loaded, kinds(outcome)) == (2, [kind])
    assert pipeline.api.count("Oslo") == 1


def test_a_call_after_a_partial_run_repeats_only_what_failed(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [not_found(), ok()])
    pipeline.run("Portland", "Oslo", "Rome")
    before = {name: pipeline.api.count(name) for name in ("Portland", "Oslo", "Rome")}
    again = pipeline.run("Portland", "Oslo", "Rome")
    assert (again.loaded, again.already_loaded) == (1, 2)
    after = {name: pipeline.api.count(name) for name in before}
    assert (after["Portland"], after["Rome"]) == (before["Portland"], before["Rome"])
    assert after["Oslo"] - before["Oslo"] == 2  # the poke and the extraction
    assert run_state(pipeline) == "success"
    assert attempts(pipeline, "oslo", EXTRACT) == [(EXTRACT, 1, "failed"), (EXTRACT, 2, "success")]
    assert attempts(pipeline, "oslo", LOAD)[-1] == (LOAD, 1, "success")


def test_the_retries_of_a_later_call_are_its_own(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [server_error(), server_error(), ok(), server_error(), ok()])
    first = pipeline.start("Portland", "Oslo")
    waiting(pipeline)
    pipeline.clock.advance(120)
    assert kinds(first.outcome) == ["source_unavailable"]
    second = pipeline.start("Portland", "Oslo")
    waiting(pipeline)
    pipeline.clock.advance(120)
    assert (second.outcome.loaded, second.outcome.failures) == (1, [])
    assert [row[1] for row in attempts(pipeline, "oslo", EXTRACT)] == [1, 2, 3, 4]


# ---- a city's trouble is its own ------------------------------------------------------------


def test_a_stalled_city_delays_no_other(pipeline: Pipeline) -> None:
    pipeline.timeout_s = 60
    names = [f"City {i}" for i in range(30)]
    pipeline.api.script("Oslo", [stall()])
    began = time.monotonic()
    running = pipeline.start("Portland", "Oslo", *names, concurrency=4)
    wait_until(lambda: len(pipeline.objects()) == 31)
    assert time.monotonic() - began < 10
    assert not running.ended
    pipeline.api.release()
    assert running.outcome.loaded == 32


def test_a_city_that_never_answers_ends_with_its_time_out(pipeline: Pipeline) -> None:
    pipeline.timeout_s = 0.3
    pipeline.api.script("Oslo", [stall()])
    outcome = pipeline.run("Portland", "Oslo", retries=0)
    assert (outcome.loaded, kinds(outcome)) == (1, ["source_unavailable"])


class Faulty:
    """A source with a fault of ours in it: what no server can provoke."""

    name = "openweather"

    def __init__(self, *broken: str) -> None:
        self._broken = broken

    def fetch(self, city: City) -> bytes:
        if city.name in self._broken:
            raise ZeroDivisionError("a fault")
        return DOCUMENTED_FULL

    def close(self) -> None: ...


def test_a_fault_of_ours_fails_one_city_and_the_others_go_on(pipeline: Pipeline) -> None:
    outcome = pipeline.run("Portland", "Oslo", "Rome", opened=Faulty("Oslo"))
    assert (outcome.loaded, kinds(outcome)) == (2, ["internal"])
    assert attempts(pipeline, "oslo", EXTRACT) == [(EXTRACT, 1, "failed")]
    assert "ZeroDivisionError" in str(outcome.failures[0])


class Moody(FolderLake):
    """A folder lake whose first puts of one city fail as given: a server that does so is in the tests of S3."""

    def __init__(self, pipeline: Pipeline, slug: str, *errors: Exception) -> None:
        super().__init__(pipeline.lake_dir)
        self._slug, self._errors = slug, list(errors)

    def put(self, key: str, body: bytes) -> StoredObject:
        if self._slug in key and self._errors:
            raise self._errors.pop(0)
        return super().put(key, body)


def test_a_load_is_retried_without_fetching_again(pipeline: Pipeline) -> None:
    running = pipeline.start("Portland", "Oslo", lake=Moody(pipeline, "oslo", LakeUnavailable("slow")))
    waiting(pipeline)
    assert attempts(pipeline, "oslo")[-1] == (LOAD, 1, "up_for_retry")
    pipeline.clock.advance(120)
    assert running.outcome.loaded == 2
    assert pipeline.api.count("Oslo") == 1
    assert attempts(pipeline, "oslo") == [
        (EXTRACT, 1, "success"), (TRANSFORM, 1, "success"), (LOAD, 1, "failed"), (LOAD, 2, "success"),
    ]  # fmt: skip


def test_a_load_that_failed_is_completed_by_a_later_call_without_the_api(pipeline: Pipeline) -> None:
    pipeline.run("Portland", lake=Moody(pipeline, "portland", LakeUnavailable("slow")), retries=0)
    before = pipeline.api.count()
    assert pipeline.run("Portland").loaded == 1
    assert pipeline.api.count() == before


def test_a_fault_in_the_lake_fails_one_city(pipeline: Pipeline) -> None:
    outcome = pipeline.run("Portland", "Oslo", lake=Moody(pipeline, "oslo", KeyError("fault")))
    assert (outcome.loaded, kinds(outcome)) == (1, ["internal"])


def test_staging_that_cannot_be_written_is_told_per_city(pipeline: Pipeline) -> None:
    pipeline.staging.touch()
    outcome = pipeline.run("Portland", "Oslo")
    assert kinds(outcome) == ["staging_failed"] * 2


def test_a_rejected_body_is_fetched_again_by_a_later_call(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [raw(200, b'{"main": {}}'), ok()])
    assert kinds(pipeline.run("Portland", "Oslo")) == ["data_rejected"]
    assert attempts(pipeline, "oslo") == [
        (EXTRACT, 1, "success"), (TRANSFORM, 1, "failed"), (LOAD, 0, "upstream_failed"),
    ]  # fmt: skip
    assert (pipeline.staging / "rejected" / f"oslo_weather_raw_{TS}.json").read_bytes() == b'{"main": {}}'
    pipeline.api.script("Oslo", [ok()])
    assert pipeline.run("Portland", "Oslo").loaded == 1


def test_a_transformed_file_that_is_not_whole_is_made_anew(pipeline: Pipeline) -> None:
    pipeline.run("Portland", lake=Moody(pipeline, "portland", LakeUnavailable("slow")), retries=0)
    path = pipeline.staging / f"portland_weather_transformed_{TS}.json"
    path.write_bytes(path.read_bytes()[:30])
    assert kinds(pipeline.run("Portland")) == ["data_rejected"]
    assert pipeline.run("Portland").loaded == 1
    document = json.loads((pipeline.lake_dir / f"weather-data/portland_weather_{TS}.json").read_bytes())
    assert document["temperature"] == 298.48


# ---- the quota ------------------------------------------------------------


def blocked(pipeline: Pipeline, *replies: Reply, **policy: Any) -> Running:
    """A run of three cities, one after the other, whose second meets the block."""
    pipeline.api.script("Oslo", list(replies))
    return pipeline.start("Portland", "Oslo", "Rome", concurrency=1, **policy)


def test_a_429_pauses_every_city_and_then_all_go_on(pipeline: Pipeline) -> None:
    running = blocked(pipeline, too_many(), ok())
    assert waiting(pipeline) == stamp(START + timedelta(seconds=600))
    assert Quota(pipeline.open_database(), source="openweather", calls_per_minute=0, clock=pipeline.clock).take() > 0
    pipeline.clock.advance(599)
    pipeline.clock.await_looks()
    assert (pipeline.api.count("Oslo"), pipeline.api.count("Rome")) == (1, 0)
    pipeline.clock.advance(1)
    assert (running.outcome.loaded, running.outcome.failures) == (3, [])
    assert (pipeline.api.count("Oslo"), pipeline.api.count("Rome")) == (2, 1)


def test_a_429_may_say_itself_how_long_the_pause_is(pipeline: Pipeline) -> None:
    running = blocked(pipeline, too_many(retry_after=45), ok())
    assert waiting(pipeline) == stamp(START + timedelta(seconds=45))
    pipeline.clock.advance(45)
    assert running.outcome.loaded == 3


def test_a_pause_past_the_deadline_leaves_the_rest_for_a_later_call(pipeline: Pipeline) -> None:
    outcome = blocked(pipeline, too_many(), ok(), deadline_s=300).outcome
    assert (outcome.loaded, kinds(outcome)) == (1, ["quota_exceeded"] * 2)
    assert pipeline.api.count("Rome") == 0
    pipeline.clock.advance(600)
    before = pipeline.api.count("Portland")
    again = pipeline.run("Portland", "Oslo", "Rome")
    assert (again.loaded, again.already_loaded, again.failures) == (2, 1, [])
    assert pipeline.api.count("Portland") == before


def test_a_call_during_another_processs_pause_does_not_ask_the_api(pipeline: Pipeline) -> None:
    blocked(pipeline, too_many(), ok(), deadline_s=300).join()
    before = pipeline.api.count()
    running = pipeline.start("Portland", "Oslo")
    pipeline.advance_until(lambda: running.ended, step_s=10)
    assert kinds(running.outcome) == ["sensor_timeout"]
    assert pipeline.api.count() == before


def test_a_city_under_pause_shows_its_start_and_can_be_cancelled(pipeline: Pipeline) -> None:
    running = blocked(pipeline, too_many(), ok())
    waiting(pipeline)
    assert requests.ask_city(pipeline.open_database(), RUN, "oslo", "cancel")
    pipeline.advance_until(lambda: states(pipeline)["oslo"] == "failed", step_s=1)
    pipeline.clock.advance(600)
    assert (running.outcome.loaded, kinds(running.outcome)) == (2, ["quota_exceeded"])
    assert pipeline.api.count("Oslo") == 1


def test_a_city_that_goes_on_after_a_pause_no_longer_waits(pipeline: Pipeline) -> None:
    running = blocked(pipeline, too_many(), stall())
    waiting(pipeline)
    pipeline.clock.advance(600)
    wait_until(lambda: pipeline.api.count("Oslo") == 2)
    wait_until(lambda: pipeline.rows("SELECT retry_at FROM run_city WHERE slug = 'oslo'") == [(None,)])
    pipeline.api.release()
    assert running.outcome.loaded == 3


def test_more_cities_than_calls_a_minute_are_spread_over_the_minutes(pipeline: Pipeline) -> None:
    running = pipeline.start("Portland", "Oslo", "Rome", "Lima", calls_per_minute=2)
    wait_until(lambda: pipeline.api.count() == 2)
    pipeline.clock.await_looks()
    pipeline.clock.advance(60)
    pipeline.clock.await_looks()
    assert pipeline.api.count() == 2
    pipeline.clock.advance(1)
    wait_until(lambda: pipeline.api.count() == 4)
    pipeline.advance_until(lambda: running.ended, step_s=30)
    assert running.outcome.loaded == 4
    assert pipeline.api.count() == 5


def test_what_the_quota_cannot_give_before_the_deadline_is_left_for_later(pipeline: Pipeline) -> None:
    outcome = pipeline.run("Portland", "Oslo", "Rome", calls_per_minute=2, deadline_s=30)
    assert (outcome.loaded, kinds(outcome)) == (1, ["quota_exceeded"] * 2)
    assert pipeline.api.count() == 2


# ---- the deadline ------------------------------------------------------------


def test_a_retry_that_would_come_after_the_deadline_is_not_waited_for(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [server_error()])
    outcome = pipeline.run("Portland", "Oslo", deadline_s=100)
    assert (outcome.loaded, kinds(outcome)) == (1, ["source_unavailable"])
    assert attempts(pipeline, "oslo", EXTRACT) == [(EXTRACT, 1, "failed")]


def test_what_has_not_begun_at_the_deadline_is_left_for_a_later_call(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [stall()])
    running = pipeline.start("Portland", "Oslo", "Rome", concurrency=1)
    wait_until(lambda: pipeline.api.count("Oslo") == 1)
    pipeline.clock.advance(1800)
    wait_until(lambda: states(pipeline)["rome"] == "failed")
    pipeline.api.release()
    assert (running.outcome.loaded, kinds(running.outcome)) == (2, ["deadline_exceeded"])
    assert pipeline.api.count("Rome") == 0
    assert pipeline.run("Portland", "Oslo", "Rome").loaded == 1


def test_tasks_at_work_hold_a_run_only_a_moment_past_its_deadline(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [stall()])
    running = pipeline.start("Portland", "Oslo")
    wait_until(lambda: states(pipeline).get("portland") == "success" and pipeline.api.count("Oslo") == 1)
    pipeline.clock.advance(1800)
    pipeline.clock.await_looks()
    pipeline.clock.advance(2)
    assert (running.outcome.loaded, kinds(running.outcome)) == (1, ["deadline_exceeded"])
    pipeline.api.release()
    pipeline.api.script("Oslo", [ok()])
    assert pipeline.run("Portland", "Oslo").loaded == 1


def test_the_deadline_bounds_the_check_too(pipeline: Pipeline) -> None:
    pipeline.api.script_default([server_error()])
    running = pipeline.start("Portland", deadline_s=15)
    assert pipeline.advance_until(lambda: running.ended, step_s=5) <= 20
    assert kinds(running.outcome) == ["sensor_timeout"]


# ---- what must not be loaded ------------------------------------------------------------


def test_made_up_weather_is_never_taken_for_real_weather(pipeline: Pipeline) -> None:
    """As after a history that was moved away, or in a staging folder that two workspaces share."""
    made_up = json.dumps(weather_at("Portland", START), separators=(",", ":")).encode()
    staging = pipeline.home / "staging"
    staging.mkdir(exist_ok=True)
    (staging / "portland_weather_raw_20261123T210000.json").write_bytes(made_up)
    (staging / "portland_weather_transformed_20261123T210000.json").write_bytes(
        json.dumps(transformed(made_up, Units.STANDARD)).encode()
    )
    assert pipeline.run("Portland").loaded == 1
    assert pipeline.api.count("Portland") == 2  # the check and the extraction
    document = json.loads((staging / "portland_weather_transformed_20261123T210000.json").read_text())
    assert document["temperature"] == 298.48  # the API's


def test_weather_is_not_fetched_after_its_hour(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [server_error(), ok()])
    pipeline.clock.advance(42 * 60)  # 21:59:05
    running = pipeline.start("Portland", "Oslo")
    waiting(pipeline)
    pipeline.advance_until(lambda: running.ended, step_s=60)
    assert (running.outcome.loaded, kinds(running.outcome)) == (1, ["missed_hour"])
    assert pipeline.api.count("Oslo") == 1


def test_a_key_that_is_refused_midway_is_not_tried_for_the_others(pipeline: Pipeline) -> None:
    pipeline.api.script("Portland", [ok(), unauthorized()])
    outcome = pipeline.run("Portland", "Oslo", "Rome", concurrency=1)
    assert kinds(outcome) == ["invalid_api_key"] * 3
    assert pipeline.api.count() == 2


def test_one_city_in_trouble_does_not_hold_up_the_check(pipeline: Pipeline) -> None:
    pipeline.api.script("Portland", [server_error()])
    running = pipeline.start("Portland", "Oslo", retries=0)
    pipeline.advance_until(lambda: running.ended, step_s=10)
    assert (running.outcome.loaded, kinds(running.outcome)) == (1, ["source_unavailable"])


def test_a_secret_that_an_answer_repeats_is_not_recorded(pipeline: Pipeline) -> None:
    recorder = Recorder(pipeline.database, RUN, now=pipeline.clock.now, redact=lambda text: text.replace("hush", "***"))
    pipeline.run("Portland")
    recorder.city("portland", CityState.FAILED, task=Task.LOAD, error=EtlError("the proxy said hush"))
    recorder.attempt("portland", Task.LOAD, 1, TaskState.FAILED, error=EtlError("hush"))
    recorder.close()
    told = pipeline.rows("SELECT error_message FROM run_city UNION ALL SELECT error_message FROM attempt")
    assert ("the proxy said ***",) in told
    assert not [row for row in told if row[0] and "hush" in row[0]]


def test_what_a_killed_process_left_is_swept(pipeline: Pipeline) -> None:
    locks = pipeline.home / "locks"
    locks.mkdir(exist_ok=True)
    (locks / "owner-dead.lock").write_text("1\n")
    half = pipeline.home / "staging" / ".partial" / ".half.part"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"{")
    os.utime(half, (0, 0))
    pipeline.run("Portland")
    assert not half.exists()
    assert not list(locks.glob("owner-*"))


# ---- requests of the operator ------------------------------------------------------------


def test_a_waiting_retry_can_be_hurried_from_another_process(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [server_error(), ok()])
    running = pipeline.start("Portland", "Oslo")
    waiting(pipeline)
    assert requests.ask_city(pipeline.open_database(), RUN, "oslo", "hurry")
    assert pipeline.advance_until(lambda: running.ended, step_s=1) < 100
    assert running.outcome.loaded == 2


def test_a_waiting_retry_can_be_cancelled_from_another_process(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [server_error(), ok()])
    running = pipeline.start("Portland", "Oslo")
    waiting(pipeline)
    assert requests.ask_city(pipeline.open_database(), RUN, "oslo", "cancel")
    assert pipeline.advance_until(lambda: running.ended, step_s=1) < 100
    assert (running.outcome.loaded, kinds(running.outcome)) == (1, ["source_unavailable"])
    assert states(pipeline) == {"oslo": "failed", "portland": "success"}
    assert pipeline.api.count("Oslo") == 1


def test_what_does_not_wait_cannot_be_hurried(pipeline: Pipeline) -> None:
    pipeline.run("Portland")
    assert not requests.ask_city(pipeline.database, RUN, "portland", "hurry")
    assert not requests.ask_city(pipeline.database, RUN, "oslo", "cancel")
    assert not requests.cancel_run(pipeline.database, RUN)


def test_a_run_can_be_cancelled_while_a_retry_waits(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [server_error(), ok()])
    running = pipeline.start("Portland", "Oslo")
    waiting(pipeline)
    assert requests.cancel_run(pipeline.open_database(), RUN)
    assert pipeline.advance_until(lambda: running.ended, step_s=1) < 100
    assert kinds(running.outcome) == ["cancelled"]
    assert states(pipeline) == {"oslo": "skipped", "portland": "success"}
    assert run_state(pipeline) == "partial"
    assert pipeline.run("Portland", "Oslo").loaded == 1


def test_a_cancelled_run_ends_after_the_tasks_at_hand(pipeline: Pipeline) -> None:
    pipeline.timeout_s = 60
    pipeline.api.script("Oslo", [stall()])
    running = pipeline.start("Portland", "Oslo", "Rome", concurrency=1)
    wait_until(lambda: pipeline.api.count("Oslo") == 1)
    assert requests.cancel_run(pipeline.open_database(), RUN)
    pipeline.advance_until(lambda: states(pipeline)["rome"] == "skipped", step_s=1)
    pipeline.api.release()
    assert kinds(running.outcome) == ["cancelled"] * 2
    assert states(pipeline) == {"portland": "success", "oslo": "skipped", "rome": "skipped"}
    assert attempts(pipeline, "oslo") == [(EXTRACT, 1, "success")]


def test_a_run_can_be_cancelled_while_it_waits_for_the_api(pipeline: Pipeline) -> None:
    pipeline.api.script_default([server_error()])
    running = pipeline.start("Portland", "Oslo")
    wait_until(lambda: pipeline.api.count() == 1)
    assert requests.cancel_run(pipeline.open_database(), RUN)
    assert kinds(running.outcome) == ["cancelled"] * 2
    assert pipeline.api.count() == 1
    pipeline.api.script_default([ok()])
    assert pipeline.run("Portland", "Oslo").loaded == 2


def test_a_stopped_run_is_left_as_it_is_and_completed_by_the_next_call(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [server_error(), ok()])
    running = pipeline.start("Portland", "Oslo")
    waiting(pipeline)
    running.stop.set()
    with pytest.raises(Stopped):
        _ = running.outcome
    assert states(pipeline) == {"oslo": "running", "portland": "success"}
    again = pipeline.run("Portland", "Oslo")
    assert (again.loaded, again.already_loaded) == (1, 1)


def test_a_run_can_be_stopped_while_it_waits_for_the_api(pipeline: Pipeline) -> None:
    pipeline.api.script_default([server_error()])
    running = pipeline.start("Portland")
    wait_until(lambda: pipeline.api.count() == 1)
    running.stop.set()
    with pytest.raises(Stopped):
        _ = running.outcome


def test_a_run_that_was_left_can_be_marked_as_interrupted(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [server_error(), ok()])
    running = pipeline.start("Portland", "Oslo")
    waiting(pipeline)
    pipeline.runner().settle_interrupted()
    assert states(pipeline)["oslo"] == "running"
    running.stop.set()
    running.join()
    pipeline.runner().settle_interrupted()
    assert pipeline.rows("SELECT state, error_kind, retry_at FROM run_city WHERE slug = 'oslo'") == [
        ("failed", "interrupted", None)
    ]
    assert run_state(pipeline) == "partial"


# ---- other hours, and force ------------------------------------------------------------


def test_a_past_hour_without_a_raw_file_is_missed_and_never_filled(pipeline: Pipeline) -> None:
    past = HOUR - timedelta(hours=3)
    for _ in range(2):
        outcome = pipeline.run("Portland", "Oslo", at=past)
        assert kinds(outcome) == ["missed_hour"] * 2
    assert pipeline.api.count() == 0
    assert pipeline.objects() == []
    assert pipeline.rows("SELECT source, logical_time FROM missed_hour") == [("openweather", "2026-11-23T18:00:00Z")]


def test_a_past_hour_with_a_raw_file_is_completed_without_the_api(pipeline: Pipeline) -> None:
    past = HOUR - timedelta(hours=3)
    pipeline.run("Portland", "Oslo", at=past)
    pipeline.staging.mkdir(exist_ok=True)
    (pipeline.staging / f"portland_weather_raw_{ts_of(past)}.json").write_bytes(DOCUMENTED_FULL)
    outcome = pipeline.run("Portland", "Oslo", at=past)
    assert (outcome.loaded, kinds(outcome)) == (1, ["missed_hour"])
    assert pipeline.api.count() == 0
    assert pipeline.objects() == [f"weather-data/portland_weather_{ts_of(past)}.json"]
    assert attempts(pipeline, "") == [("check_api_availability", 0, "skipped")]


def test_the_hour_that_has_just_ended_cannot_be_fetched(pipeline: Pipeline) -> None:
    pipeline.clock.step(HOUR_S)
    assert kinds(pipeline.run(at=HOUR)) == ["missed_hour"]


def test_force_repeats_transform_and_load_and_finds_the_equal_object(pipeline: Pipeline) -> None:
    pipeline.run("Portland")
    before = pipeline.api.count()
    outcome = pipeline.run("Portland", force=True)
    assert (outcome.loaded, outcome.failures) == (1, [])
    assert pipeline.api.count() == before
    assert attempts(pipeline, "portland") == [
        (EXTRACT, 1, "success"), (TRANSFORM, 1, "success"), (TRANSFORM, 2, "success"), (LOAD, 1, "success"),
        (LOAD, 2, "success"),
    ]  # fmt: skip


def test_force_never_overwrites_a_loaded_object(pipeline: Pipeline) -> None:
    pipeline.run("Portland")
    path = pipeline.lake_dir / f"weather-data/portland_weather_{TS}.json"
    before = path.read_bytes()
    raw_file = pipeline.staging / f"portland_weather_raw_{TS}.json"
    raw_file.write_bytes(raw_file.read_bytes().replace(b"298.48", b"300.00"))
    outcome = pipeline.run("Portland", force=True)
    assert kinds(outcome) == ["object_conflict"]
    assert path.read_bytes() == before
    assert states(pipeline) == {"portland": "success"}
    assert run_state(pipeline) == "success"


def test_forcing_a_past_hour_whose_raw_file_is_gone_keeps_what_was_loaded(pipeline: Pipeline) -> None:
    pipeline.run("Portland")
    (pipeline.staging / f"portland_weather_raw_{TS}.json").unlink()
    pipeline.clock.advance(HOUR_S)
    assert kinds(pipeline.run("Portland", force=True)) == ["missed_hour"]
    assert states(pipeline) == {"portland": "success"}
    assert pipeline.rows("SELECT count(*) FROM missed_hour") == [(0,)]


def test_two_runners_in_one_process_share_the_cities(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [stall()])
    first = pipeline.start("Portland", "Oslo")
    wait_until(lambda: pipeline.api.count("Oslo") == 1)
    second = pipeline.run("Oslo", "Rome")
    assert (second.loaded, [city.name for city in second.busy]) == (1, ["Oslo"])
    pipeline.api.release()
    assert first.outcome.loaded == 2
    assert run_state(pipeline) == "success"


def test_threads_end_with_their_run(pipeline: Pipeline) -> None:
    before = threading.active_count()
    pipeline.run("Portland", "Oslo", "Rome")
    wait_until(lambda: threading.active_count() <= before + 3)  # connections of the simulator may still close


def test_errors_of_the_pipeline_carry_a_kind_of_their_own() -> None:
    def below(kind: type[EtlError]) -> list[type[EtlError]]:
        return [kind, *(one for child in kind.__subclasses__() for one in below(child))]

    found = [kind.kind for kind in below(EtlError)]
    assert len(set(found)) == len(found)
    assert HistoryError in below(EtlError)
