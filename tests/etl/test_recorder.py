"""The recorder writes everything, in order, off the run's path; a history that cannot be written stops the run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from etl.errors import EtlError, HistoryError, SourceUnavailable
from etl.history.recorder import Recorder
from etl.models import TASK_LOGGER, CityState, Reading, Task, TaskState
from etl.task_log import MOST_LINES, attempt_log, install
from tests.conftest import HOUR, START, Pipeline, wait_until

RUN = "openweather-20261123T210000"


@pytest.fixture
def recorder(pipeline: Pipeline) -> Iterator[Recorder]:
    with pipeline.database.transaction() as sql:
        sql.execute(
            "INSERT INTO run (run_id, source, logical_time, trigger, state, units, lake, started) "
            "VALUES (?, 'openweather', '2026-11-23T21:00:00Z', 'cron', 'running', 'standard', 'lake', '')",
            (RUN,),
        )
        sql.execute(
            "INSERT INTO run_city (run_id, slug, city, state, owner, position) "
            "VALUES (?, 'portland', 'Portland', 'running', 'o', 0)",
            (RUN,),
        )
    made = Recorder(pipeline.open_database(), RUN, now=pipeline.clock.now)
    yield made
    try:
        made.close()
    except HistoryError:
        return


def test_an_attempt_is_one_row_that_changes_its_state(recorder: Recorder, pipeline: Pipeline) -> None:
    recorder.attempt("portland", Task.EXTRACT, 1, TaskState.RUNNING, started=START)
    recorder.attempt("portland", Task.EXTRACT, 1, TaskState.FAILED, ended=START, error=SourceUnavailable("down"))
    recorder.close()
    assert pipeline.rows("SELECT attempt, state, started, ended, error_kind, error_message FROM attempt") == [
        (1, "failed", "2026-11-23T21:17:05.000Z", "2026-11-23T21:17:05.000Z", "source_unavailable", "down")
    ]


def test_a_citys_object_stays_when_its_state_changes_and_its_request_goes(
    recorder: Recorder, pipeline: Pipeline
) -> None:
    with pipeline.database.transaction() as sql:
        sql.execute("UPDATE run_city SET request = 'hurry', retry_at = 'x'")
    recorder.city("portland", CityState.SUCCESS, object_key="weather-data/x.json")
    recorder.city("portland", CityState.FAILED, task=Task.LOAD, error=EtlError("again"))
    recorder.close()
    assert pipeline.rows("SELECT state, object, error_task, error_kind, request, retry_at FROM run_city") == [
        ("failed", "weather-data/x.json", "load_weather_data", "internal", None, None)
    ]


def test_facts_are_visible_soon_without_closing(recorder: Recorder, pipeline: Pipeline) -> None:
    recorder.log("portland", Task.LOAD, 1, 1, "INFO", "stored")
    wait_until(lambda: pipeline.rows("SELECT text FROM task_log") == [("stored",)], timeout_s=5)


def test_thousands_of_facts_of_several_threads_are_all_written(recorder: Recorder, pipeline: Pipeline) -> None:
    def log(task: Task) -> None:
        for line in range(1500):
            recorder.log("portland", task, 1, line, "INFO", "text")

    threads = [threading.Thread(target=log, args=(task,)) for task in Task]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    assert pipeline.rows("SELECT count(*) FROM task_log") == [(6000,)]


def test_a_reading_is_kept_with_its_gaps_and_replaced_by_a_later_one(recorder: Recorder, pipeline: Pipeline) -> None:
    def reading(temperature: float | None) -> Reading:
        return Reading(
            "openweather", "Portland", "portland", None, HOUR, START, temperature, None, "mist", None, "standard"
        )

    recorder.reading(reading(None))
    recorder.reading(reading(280))
    recorder.close()
    assert pipeline.rows("SELECT temperature, humidity, weather, logical_time, captured_at FROM reading") == [
        (280.0, None, "mist", "2026-11-23T21:00:00Z", "2026-11-23T21:17:05Z")
    ]


@pytest.mark.parametrize("value", ["\ud800", "a\ud800"], ids=["no text", "half text"])
def test_a_fact_that_cannot_be_written_is_told_and_not_swallowed(
    recorder: Recorder, pipeline: Pipeline, value: Any
) -> None:
    recorder.log("portland", Task.LOAD, 1, 1, "INFO", value)
    with pytest.raises(HistoryError, match="cannot be"):
        recorder.close()
    with pytest.raises(HistoryError):
        recorder.check()


def test_a_run_whose_history_cannot_be_written_ends_with_that_error(pipeline: Pipeline) -> None:
    with pipeline.database.transaction() as sql:
        sql.execute("CREATE TRIGGER no_more BEFORE INSERT ON attempt BEGIN SELECT raise(ABORT, 'no more'); END")
    with pytest.raises(HistoryError, match="no more"):
        pipeline.run("Portland")


def test_task_records_of_a_thread_go_to_its_own_attempt(recorder: Recorder, pipeline: Pipeline) -> None:
    install()
    install()
    logger = logging.getLogger(TASK_LOGGER)

    def work(task: Task) -> None:
        with attempt_log(recorder, "portland", task, 1):
            for i in range(20):
                logger.info("%s %d", task.value, i)
        logger.info("after")

    threads = [threading.Thread(target=work, args=(task,)) for task in Task]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    rows = pipeline.rows("SELECT task, text FROM task_log")
    assert len(rows) == 80
    assert all(text.startswith(task) for task, text in rows)


def test_an_attempt_keeps_a_bounded_number_of_lines(recorder: Recorder, pipeline: Pipeline) -> None:
    install()
    with attempt_log(recorder, "portland", Task.LOAD, 1):
        for i in range(MOST_LINES + 50):
            logging.getLogger(TASK_LOGGER).info("%d", i)
    recorder.close()
    assert pipeline.rows("SELECT count(*), max(line) FROM task_log") == [(MOST_LINES, MOST_LINES)]
