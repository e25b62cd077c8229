"""The DAG under a real Airflow, in `.venv-airflow`: parsed, run, and looked at from the console afterwards."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import API_KEY, ROOT, Ended, Lakewarden, await_hour_with_room
from tests.simulators.weather_api import WeatherApiSimulator, not_found, ok, server_error, unauthorized

VENV = ROOT / ".venv-airflow"
PATIENCE_S = 180.0
CHECK, EXTRACT, TRANSFORM, LOAD = TASKS = [
    "check_api_availability",
    "extract_weather_data",
    "transform_weather_data",
    "load_weather_data",
]

# Without a database: the file alone, as the DAG processor imports it.
PARSED = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("weather_etl_dag", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
dag = module.weather_etl_dag()
check = dag.task_dict["check_api_availability"]
print(json.dumps({
    "dag_id": dag.dag_id,
    "tasks": [task.task_id for task in dag.topological_sort()],
    "schedule": dag.schedule if hasattr(dag, "schedule") else dag.schedule_interval,
    "timetable": type(dag.timetable).__name__,
    "start": dag.start_date.isoformat(),
    "catchup": dag.catchup,
    "retries": {task.retries for task in dag.tasks}.pop(),
    "retry_delay_s": {task.retry_delay.total_seconds() for task in dag.tasks}.pop(),
    "sensor": [check._is_sensor, check.poke_interval, check.timeout],
    "after": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks},
    "imported": sorted({"boto3", "textual"} & set(sys.modules)),
}))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def airflow_environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An Airflow installation with an empty metadata database of its own; nothing of it calls home."""
    if not (VENV / "bin" / "airflow").exists():
        pytest.fail(f"Airflow is not installed in {VENV}; `make {VENV.name}/.ready` installs it")
    home = tmp_path_factory.mktemp("airflow")
    environ = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "PATH": f"{VENV / 'bin'}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "NO_COLOR": "1",
    }
    made = subprocess.run(
        [VENV / "bin" / "airflow", "db", "migrate"], env=environ, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return environ


@pytest.fixture
def airflow(airflow_environ: dict[str, str], lakewarden: Lakewarden, api: WeatherApiSimulator) -> Callable[..., Ended]:
    """Run a command of Airflow for the workspace, with the DAG folder that `lakewarden` names."""
    lakewarden.use(api)
    folder = lakewarden("airflow", "dags-folder").out.strip()
    environ = airflow_environ | {"AIRFLOW__CORE__DAGS_FOLDER": folder}

    def run(*arguments: str, **more: str) -> Ended:
        process = lakewarden.spawn(
            [str(VENV / "bin" / "airflow"), *arguments], env=environ | more, stdin=subprocess.DEVNULL
        )
        out, err = process.communicate(timeout=PATIENCE_S)
        return Ended(process.returncode, out.decode(), err.decode())

    return run


def parsed(lakewarden: Lakewarden, airflow_environ: dict[str, str]) -> Any:
    folder = lakewarden("airflow", "dags-folder").out.strip()
    command = [str(VENV / "bin" / "python"), "-c", PARSED, f"{folder}/weather_etl_dag.py"]
    process = lakewarden.spawn(command, env=airflow_environ, stdin=subprocess.DEVNULL)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err.decode()
    return json.loads(out)


def test_the_dag_is_the_one_of_the_contract_and_cheap_to_parse(
    lakewarden: Lakewarden, airflow_environ: dict[str, str]
) -> None:
    assert parsed(lakewarden, airflow_environ) == {
        "dag_id": "weather_etl_dag",
        "tasks": TASKS,
        "schedule": "@hourly",
        "timetable": "CronTriggerTimetable",
        "start": "2024-01-01T00:00:00+00:00",
        "catchup": False,
        "retries": 1,
        "retry_delay_s": 120,
        "sensor": [True, 10, 60],
        "after": {  # every city's tasks read its name from the check
            CHECK: [],
            EXTRACT: [CHECK],
            TRANSFORM: [CHECK, EXTRACT],
            LOAD: [CHECK, TRANSFORM],
        },
        "imported": [],
    }


def test_airflow_cron_and_console_share_the_hour(
    airflow: Callable[..., Ended], lakewarden: Lakewarden, api: WeatherApiSimulator, airflow_environ: dict[str, str]
) -> None:
    """One city is retried, one fails for good and stops no other; cron completes it; nothing is done twice."""
    hour = await_hour_with_room(120)
    lakewarden.environ |= {
        "LAKEWARDEN_WEATHER__CITIES": '["Portland", "São Paulo", "Atlantis"]',
        "LAKEWARDEN_RETRY__DELAY_S": "1",
    }
    api.script("São Paulo", [server_error(), ok()])
    api.script("Atlantis", [not_found(), ok()])

    first = airflow("dags", "test", "weather_etl_dag", hour.isoformat())
    assert first.code == 1, first.out + first.err  # one city failed
    run = lakewarden("runs", "show", "latest", "--json").json
    ts = run["ts"]
    assert (run["logical_time"], run["trigger"], run["state"]) == (
        hour.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "airflow",
        "partial",
    )
    portland, sao_paulo, atlantis = run["cities"]
    assert portland["state"] == sao_paulo["state"] == "success"
    assert portland["attempts"] == dict.fromkeys(TASKS[1:], 1)
    assert sao_paulo["attempts"] == dict.fromkeys(TASKS[1:], 1) | {EXTRACT: 2}
    assert (atlantis["state"], atlantis["error"]["kind"]) == ("failed", "city_not_found")
    assert atlantis["attempts"] == dict.fromkeys(TASKS[1:], 0) | {EXTRACT: 1}
    check = next(task for task in run["tasks"] if task["task"] == CHECK)
    assert "poke 1: available" in check["log"][0]
    for city in (portland, sao_paulo):
        document = json.loads((lakewarden.home / "lake" / city["object"]).read_text())
        assert document["city"] == city["city"]
        assert (lakewarden.home / "staging" / f"{city['slug']}_weather_raw_{ts}.json").is_file()
        assert (lakewarden.home / "staging" / f"{city['slug']}_weather_transformed_{ts}.json").is_file()

    calls = api.count("Portland")
    assert lakewarden("--run-once").code == 0  # cron loads what Airflow could not
    done = airflow("dags", "test", "weather_etl_dag", hour.isoformat())
    assert done.code == 0, done.out + done.err
    assert "Atlantis is loaded for" in done.out + done.err
    assert api.count("Portland") == calls
    assert len(list((lakewarden.home / "lake" / "weather-data").glob("*.json"))) == 3
    assert lakewarden("runs", "show", "latest", "--json").json["state"] == "success"

    written = [path for path in Path(airflow_environ["AIRFLOW_HOME"]).rglob("*") if path.is_file()]
    assert not any(API_KEY.encode() in path.read_bytes() for path in written)
    assert API_KEY not in first.out + first.err + done.out + done.err


def test_what_cannot_be_mended_by_a_retry_fails_the_check_at_once_and_in_words(
    airflow: Callable[..., Ended], lakewarden: Lakewarden, api: WeatherApiSimulator
) -> None:
    broken = airflow("dags", "test", "weather_etl_dag", LAKEWARDEN_WEATHER__UNITS="furlongs")
    assert broken.code == 1
    assert 'expected "standard", "metric" or "imperial", found the text \'furlongs\'' in broken.out + broken.err
    assert api.count() == 0

    api.script_default([unauthorized()])
    refused = airflow("dags", "test", "weather_etl_dag")
    assert refused.code == 1
    assert "AirflowFailException" in refused.out + refused.err
    assert api.count() == 1
    run = lakewarden("runs", "show", "latest", "--json").json
    assert (run["state"], run["cities"][0]["error"]["kind"]) == ("failed", "invalid_api_key")
    assert run["cities"][0]["error"]["task"] == CHECK
