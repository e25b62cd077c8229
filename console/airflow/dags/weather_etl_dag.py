"""The hourly weather pipeline as an Airflow DAG, for Airflow 2.8 to 2.11 and 3: the only file that Airflow parses.

**Which hour a run is.** The API tells the current weather only, so a run must bear the name of the hour in which it
fetches. A scheduled run is named after the *end* of its data interval, since that is when Airflow starts it. In Airflow
2 `@hourly` is an interval, so this is an hour after `ts_nodash`; in Airflow 3 it is a point in time
(`[scheduler] create_cron_data_intervals = False`), so this is `ts_nodash`. Cron and the console name the same hour the
same way, so that together they load it once. A run triggered by hand is stamped to the second. A backfilled or cleared
run of a past hour is completed from its kept raw files, or fails as missed: today's weather never bears an old name.

**Which cities.** The check hands on the cities that are configured when it runs, so that no list is read while Airflow
parses. Every city goes through its own three tasks; one that fails does not stop the others.

Parsing reads retries and intervals from the workspace's `config.toml` and nothing else. A broken configuration does not
break the DAG: the check fails with the message.
"""

# mypy: disable-error-code="import-not-found, import-untyped, untyped-decorator, misc, no-untyped-call"

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

try:
    from airflow.sdk import BaseSensorOperator, dag, get_current_context, task, task_group
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task, task_group
    from airflow.operators.python import get_current_context
    from airflow.sensors.base import BaseSensorOperator
try:
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowSensorTimeout,
        AirflowSkipException,
    )
except ImportError:  # Airflow 2 and 3.0
    from airflow.exceptions import AirflowException, AirflowFailException, AirflowSensorTimeout, AirflowSkipException

from console.airflow.steps import (
    AlreadyLoaded,
    Steps,
    Try,
    configured_policy,
    logical_time_of,
    open_steps,
    worth_another_try,
)
from console.config_errors import ConfigError, WorkspaceError
from etl.errors import Cancelled, EtlError, SensorTimeout
from security.errors import SecurityError

POLICY = configured_policy(os.environ)
# Airflow 2.8 does not know labels for mapped tasks.
LABELLED = "map_index_template" in inspect.signature(BaseSensorOperator.__base__.__init__).parameters
LABEL = {"map_index_template": "{{ city }}"} if LABELLED else {}


@contextmanager
def _steps(context: Any) -> Iterator[Steps]:
    """The steps for the task at hand; what ends them is told in Airflow's terms."""
    run, instance = context["dag_run"], context["ti"]
    logical_time = logical_time_of(
        str(getattr(run.run_type, "value", run.run_type)),
        logical_date=run.logical_date if hasattr(run, "logical_date") else run.execution_date,
        interval_end=run.data_interval_end,
        run_after=getattr(run, "run_after", None),
    )
    attempt = Try(run.run_id, logical_time, instance.try_number, last=instance.try_number > instance.max_tries)
    try:
        with open_steps(os.environ, attempt) as steps:
            yield steps
    except (AlreadyLoaded, Cancelled) as ended:
        raise AirflowSkipException(str(ended)) from ended
    except SensorTimeout as error:
        raise AirflowSensorTimeout(str(error)) from error
    except (EtlError, ConfigError, WorkspaceError, SecurityError) as error:
        kind = AirflowException if isinstance(error, EtlError) and worth_another_try(error) else AirflowFailException
        raise kind(str(error)) from error


class WeatherApiSensor(BaseSensorOperator):
    """Passes when the API's answer contains `main`, and hands on the names of the configured cities.

    The loop is the one of our own runner: it pokes with the next city where the API does not know the first, keeps to
    the quota and honours `Retry-After`.
    """

    def execute(self, context: Any) -> list[str]:
        with _steps(context) as steps:
            return steps.check()


@task(task_id="extract_weather_data", **LABEL)
def extract(city: str) -> str:
    """The path of the raw file."""
    with _steps(_labelled(city)) as steps:
        return str(steps.extract(city))


@task(task_id="transform_weather_data", **LABEL)
def transform(city: str, raw: str) -> str:
    """The path of the transformed document."""
    with _steps(_labelled(city)) as steps:
        return str(steps.transform(city, Path(raw)))


@task(task_id="load_weather_data", **LABEL)
def load(city: str, transformed: str) -> str:
    """The key of the object."""
    with _steps(_labelled(city)) as steps:
        return steps.load(city, Path(transformed))


def _labelled(city: str) -> Any:
    """The context of the task at hand, with the city for its label."""
    context = get_current_context()
    context["city"] = city
    return context


@task_group(group_id="city", prefix_group_id=False)
def one_city(city: str) -> None:
    load(city, transform(city, extract(city)))


@dag(
    dag_id="weather_etl_dag",
    schedule="@hourly",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": POLICY.retries, "retry_delay": timedelta(seconds=POLICY.delay_s)},
    tags=["lakewarden", "weather"],
    doc_md=__doc__,
)
def weather_etl_dag() -> None:
    check = WeatherApiSensor(
        task_id="check_api_availability", poke_interval=POLICY.poke_interval_s, timeout=POLICY.sensor_timeout_s
    )
    one_city.expand(city=check.output)


weather_etl_dag()
