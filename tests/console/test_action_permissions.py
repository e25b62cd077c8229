"""Every action asks the permission port before it does anything: looking once, doing with its intent and outcome."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from console.actions.background import Background
from console.actions.permissions import PermissionDenied
from console.actions.pipelines import Pipelines
from console.actions.warehouse import WarehouseActions
from console.actions.warehouse_queries import Asked, WarehouseQueries
from console.config_file import create_workspace
from console.settings import Settings, load_settings
from console.wiring.pipelines import pipelines
from console.wiring.scheduler import scheduler
from console.wiring.warehouse import warehouse_actions
from console.wiring.warehouse_queries import warehouse_queries
from etl.cities import city_of
from etl.history.queries import AttemptRow
from etl.models import Trigger
from etl.run import RunOutcome, RunRequest
from security.errors import AuditUnavailable
from tests.conftest import HOUR, wait_until
from warehouse.opened import Opened
from warehouse.question_draft import Draft
from warehouse.shaping import PLAIN

OSLO = city_of("Oslo")
REQUEST = RunRequest(HOUR, (OSLO,), Trigger.MANUAL)
ATTEMPT = AttemptRow.__new__(AttemptRow)  # never looked at: the refusal comes first

SERVICE = {"run_scheduled", "runner_parts", "service_setup", "close"}  # what the host's own service does
VIEW, TRIGGER, SCHEDULE = ("view_pipelines", "trigger_run", "manage_schedule")
PIPELINES: dict[str, tuple[str, str, Callable[[Pipelines], object]]] = {
    "setup": ("require", VIEW, lambda a: a.setup()),
    "overview": ("require", VIEW, lambda a: a.overview()),
    "version": ("require", VIEW, lambda a: a.version()),
    "cities": ("require", VIEW, lambda a: a.cities()),
    "readings": ("require", VIEW, lambda a: a.readings("oslo", hours=1)),
    "grid": ("require", VIEW, lambda a: a.grid(limit=1)),
    "grid_row": ("require", VIEW, lambda a: a.grid_row("x")),
    "runs": ("require", VIEW, lambda a: a.runs(limit=1)),
    "run": ("require", VIEW, lambda a: a.run("latest")),
    "attempts": ("require", VIEW, lambda a: a.attempts("x")),
    "log_lines": ("require", VIEW, lambda a: a.log_lines(ATTEMPT, "x")),
    "run_document": ("require", VIEW, lambda a: a.run_document("x")),
    "staged_files": ("require", VIEW, lambda a: a.staged_files("x", "oslo")),
    "new_manual_request": ("require", VIEW, lambda a: a.new_manual_request()),
    "retry_request": ("require", VIEW, lambda a: a.retry_request("x")),
    "run_manually": ("use", TRIGGER, lambda a: a.run_manually(REQUEST)),
    "hurry_retry": ("use", TRIGGER, lambda a: a.hurry_retry("x", "oslo")),
    "cancel_retry": ("use", TRIGGER, lambda a: a.cancel_retry("x", "oslo")),
    "cancel_run": ("use", TRIGGER, lambda a: a.cancel_run("x")),
    "pause_schedule": ("use", SCHEDULE, lambda a: a.pause_schedule(paused=True)),
    "add_city": ("use", SCHEDULE, lambda a: a.add_city("Oslo")),
    "remove_city": ("use", SCHEDULE, lambda a: a.remove_city("Portland")),
    "test_city": ("use", SCHEDULE, lambda a: a.test_city(OSLO)),
    "require_schedule_management": ("require", SCHEDULE, lambda a: a.require_schedule_management()),
    "schedule_management": ("use", SCHEDULE, lambda a: a.schedule_management().__enter__()),
}
MANAGE, QUERY, UNMASK = ("manage_warehouse", "query_warehouse", "unmask_customer")
FILLING: dict[str, tuple[str, str, Callable[[WarehouseActions], object]]] = {
    "build": ("use", MANAGE, lambda a: a.build(rows=10)),
    "load": ("use", MANAGE, lambda a: a.load("Store_Table", Path("stores.csv"))),
    "refresh": ("use", MANAGE, lambda a: a.refresh()),
    "check": ("use", MANAGE, lambda a: a.check()),
}
DRAFT = Draft(title="Mine", sql="SELECT 1", parameters={})
ASKING: dict[str, tuple[str, str, Callable[[WarehouseQueries, Opened], object]]] = {
    "questions": ("require", QUERY, lambda a, _: a.questions()),
    "keep_question": ("use", MANAGE, lambda a, _: a.keep_question("mine", DRAFT)),
    "last_day": ("require", QUERY, lambda a, _: a.last_day()),
    "ask": ("use", QUERY, lambda a, _: a.ask("revenue-by-category", Asked())),
    "sql": ("use", QUERY, lambda a, _: a.sql("SELECT 1", Asked())),
    "explain": ("require", QUERY, lambda a, _: a.explain("SELECT 1")),
    "export": ("use", QUERY, lambda a, opened: a.export(opened, "csv")),
    "open": ("use", QUERY, lambda a, _: a.open("SELECT 1")),
    "open_question": ("use", QUERY, lambda a, _: a.open_question("revenue-by-category", as_of=date(2026, 1, 1))),
    "reshape": ("use", QUERY, lambda a, opened: a.reshape(opened, PLAIN)),
    "facets": ("use", QUERY, lambda a, opened: a.facets(opened, 0)),
    "summary": ("use", QUERY, lambda a, opened: a.summary(opened, 0)),
    "catalogue": ("require", QUERY, lambda a, _: a.catalogue()),
    "row_counts": ("require", QUERY, lambda a, _: a.row_counts()),
    "diagram": ("require", QUERY, lambda a, _: a.diagram("star")),
    "publish": ("use", MANAGE, lambda a, _: a.publish("")),
}


class Nobody:
    """Permits nothing, and keeps how it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def require(self, action: str, resource: str) -> None:
        self.asked.append(("require", action))
        raise PermissionDenied(f"{action} on {resource} is for nobody")

    @contextmanager
    def use(self, action: str, resource: str) -> Iterator[object]:
        self.asked.append(("use", action))
        raise PermissionDenied(f"{action} on {resource} is for nobody")
        yield


class Everybody:
    """Permits everything; what is done within a use is known to have an intent."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def require(self, action: str, resource: str) -> None:
        self.events.append(f"looked {action} {resource}")

    @contextmanager
    def use(self, action: str, resource: str) -> Iterator[object]:
        self.events.append(f"intent {action} {resource}")
        try:
            yield None
        except BaseException:
            self.events.append(f"failed {action} {resource}")
            raise
        self.events.append(f"done {action} {resource}")


@pytest.fixture
def settings(workspace: Path) -> Settings:
    create_workspace(workspace, production=False)
    return load_settings({"LAKEWARDEN_HOME": str(workspace)})


def public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


def test_these_are_all_actions() -> None:
    assert public(Pipelines) == set(PIPELINES) | SERVICE
    assert public(WarehouseActions) == set(FILLING)
    assert public(WarehouseQueries) == set(ASKING) | {"close"}


@pytest.mark.parametrize("name", PIPELINES)
def test_an_action_of_the_pipeline_is_refused_before_anything_is_opened(settings: Settings, name: str) -> None:
    how, action, call = PIPELINES[name]
    nobody = Nobody()
    with (
        closing(pipelines(settings, {}, permissions=nobody)) as actions,
        pytest.raises(PermissionDenied, match="for nobody"),
    ):
        call(actions)
    assert nobody.asked == [(how, action)]
    assert not settings.etl_db.exists()
    assert load_settings({"LAKEWARDEN_HOME": str(settings.home)}).weather.cities == settings.weather.cities


@pytest.mark.parametrize("name", FILLING)
def test_an_action_on_the_warehouse_is_refused_before_anything_is_opened(settings: Settings, name: str) -> None:
    how, action, call = FILLING[name]
    nobody = Nobody()
    with pytest.raises(PermissionDenied, match="for nobody"):
        call(warehouse_actions(settings, permissions=nobody))
    assert nobody.asked == [(how, action)]
    assert not list(settings.home.glob("warehouse.db*"))


@pytest.mark.parametrize("name", ASKING)
def test_a_query_is_refused_before_anything_is_opened(settings: Settings, name: str) -> None:
    how, action, call = ASKING[name]
    warehouse_actions(settings).build(rows=50)
    with closing(warehouse_queries(settings)) as service:
        opened = service.open("SELECT 1 AS one")
        nobody = Nobody()
        with (
            closing(warehouse_queries(settings, permissions=nobody)) as queries,
            pytest.raises(PermissionDenied, match="for nobody"),
        ):
            call(queries, opened)
        opened.result.close()
    assert nobody.asked == [(how, action)]
    assert not list(settings.exports_dir.glob("*"))
    assert not (settings.home / "questions" / "mine.sql").exists()


@pytest.mark.parametrize("engine", ["sqlite", "duckdb"])
def test_a_query_that_is_compared_with_the_facts_is_one_use(settings: Settings, engine: str) -> None:
    warehouse_actions(settings).build(rows=50)
    everybody, how = Everybody(), Asked(engine=engine, check=True)
    with closing(warehouse_queries(settings, permissions=everybody)) as queries:
        checked = queries.sql("SELECT count(*) FROM Sales_Transactions_Table", how)
        question = queries.ask("revenue-by-category", how)
    assert (checked.answer.rows, checked.same, question.same) == ([(50,)], True, True)
    assert everybody.events == [f"intent {QUERY} warehouse", f"done {QUERY} warehouse"] * 2


def test_the_weather_is_asked_for_as_the_pipelines_are(settings: Settings) -> None:
    asking: list[tuple[str, Callable[[WarehouseQueries], object]]] = [
        ("use", lambda a: a.sql("SELECT 1", Asked(), database="weather")),
        ("use", lambda a: a.open("SELECT 1", database="weather")),
        ("require", lambda a: a.catalogue(database="weather")),
        ("require", lambda a: a.explain("SELECT 1", database="weather")),
    ]
    for how, ask in asking:
        nobody = Nobody()
        with pytest.raises(PermissionDenied):
            ask(warehouse_queries(settings, permissions=nobody))
        assert nobody.asked == [(how, VIEW)]


def test_what_is_done_has_its_intent_before_and_its_outcome_after(settings: Settings) -> None:
    everybody = Everybody()
    with closing(pipelines(settings, {}, permissions=everybody)) as actions:
        actions.add_city("Oslo")
        with pytest.raises(Exception, match="not running"):
            actions.cancel_run("practice-20261123T210000")
    assert everybody.events == [
        "intent manage_schedule pipeline:weather",
        "done manage_schedule pipeline:weather",
        "intent trigger_run pipeline:weather",
        "failed trigger_run pipeline:weather",
    ]


def test_clear_columns_need_both_permissions(settings: Settings) -> None:
    warehouse_actions(settings).build(rows=50)
    everybody = Everybody()
    with closing(warehouse_queries(settings, permissions=everybody)) as queries:
        queries.sql("SELECT 1", Asked(), unmask=True)
    assert everybody.events == [
        f"intent {UNMASK} warehouse",
        f"intent {QUERY} warehouse",
        f"done {QUERY} warehouse",
        f"done {UNMASK} warehouse",
    ]


def test_the_scheduler_behind_a_console_is_the_service_whoever_sits_there(settings: Settings) -> None:
    nobody = Nobody()
    outcomes: list[RunOutcome] = []
    with closing(pipelines(settings, {}, permissions=nobody)) as actions:
        hourly = scheduler(settings, actions, on_outcome=outcomes.append)
        behind = Background(actions, hourly)
        behind.start()
        behind.stop()
        assert actions.run_scheduled(RunRequest(HOUR, (OSLO,), Trigger.SCHEDULE)).loaded in (0, 1)
        wait_until(lambda: behind.unfinished() == 0)  # the history is closed behind it
    assert nobody.asked == []


class Unrecorded(Everybody):
    """Permits everything, and can record nothing."""

    @contextmanager
    def use(self, action: str, resource: str) -> Iterator[object]:
        raise AuditUnavailable(f"{action} on {resource} cannot be recorded")
        yield


@pytest.mark.parametrize(("permissions", "kind"), [(Unrecorded(), AuditUnavailable), (None, PermissionDenied)])
def test_a_run_that_is_refused_in_the_background_tells_why(
    settings: Settings, permissions: Any, kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    class Viewer(Nobody):
        def require(self, action: str, resource: str) -> None:
            if action != VIEW:
                super().require(action, resource)

    ended: list[RunOutcome | Exception] = []
    threads = {threading.get_ident()}

    def on_end(outcome: RunOutcome | Exception) -> None:
        threads.add(threading.get_ident())
        ended.append(outcome)

    with closing(pipelines(settings, {}, permissions=permissions or Viewer())) as actions:
        behind = Background(actions, scheduler(settings, actions))
        behind.trigger(on_end)
        wait_until(lambda: ended)
    assert isinstance(ended[0], kind)
    assert not [line for line in caplog.records if line.thread in threads]  # those of other tests may still be at work
