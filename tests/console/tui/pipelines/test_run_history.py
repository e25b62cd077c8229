"""The loaded part of the history: pages on demand, additions wherever they come, every row once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.actions.pipelines import Pipelines
from console.settings import Settings
from console.tui.pipelines.run_history import FIRST_PAGE, RunHistory
from console.tui.pipelines.run_lines import RunFilter, lines_of, row_key
from console.wiring.pipelines import pipelines
from etl.models import hour_of
from tests.console.tui.workspaces import NOWHERE, miss_hours, run_hours, workspace

NOW = hour_of(datetime.now(UTC))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Settings, dict[str, str], Pipelines]]:
    settings, environ = workspace(tmp_path / "home", ["Oslo", NOWHERE])
    actions = pipelines(settings, environ)
    yield settings, environ, actions
    actions.close()


def look(history: RunHistory, enough: int = 10) -> list[str]:
    history.refresh([], [])
    history.load(enough, stopped=lambda: False)
    return [row_key(row) for row in history.runs.rows]


def test_a_long_history_is_loaded_as_far_as_it_is_wanted(
    opened: tuple[Settings, dict[str, str], Pipelines],
) -> None:
    settings, _environ, actions = opened
    miss_hours(settings, [NOW - timedelta(hours=ago) for ago in range(1, 400)])
    history = RunHistory(actions)
    assert len(look(history)) == FIRST_PAGE
    assert not history.runs.complete
    assert len(look(history, 100)) in range(100, 160)
    everything = look(history, 10_000)
    assert len(everything) == len(set(everything)) == 399
    assert history.runs.complete


def test_rows_added_between_known_ones_appear(opened: tuple[Settings, dict[str, str], Pipelines]) -> None:
    settings, environ, actions = opened
    history = RunHistory(actions)
    run_hours(settings, environ, 1, until=NOW - timedelta(hours=5))
    assert len(look(history)) == 1
    run_hours(settings, environ, 1, until=NOW)
    miss_hours(settings, [NOW - timedelta(hours=ago) for ago in (2, 3, 4, 5)])
    found = look(history)
    assert found == [row_key(row) for row in actions.grid(limit=50)]
    assert len(found) == 6


def test_a_changed_row_is_read_again_wherever_it_is(opened: tuple[Settings, dict[str, str], Pipelines]) -> None:
    settings, environ, actions = opened
    run_hours(settings, environ, 8)
    history = RunHistory(actions)
    oldest = look(history)[-1]
    history.refresh([oldest], [])
    assert history.runs.rows[-1] == actions.grid_row(oldest)


def test_a_city_is_looked_for_in_every_loaded_run(opened: tuple[Settings, dict[str, str], Pipelines]) -> None:
    settings, environ, actions = opened
    run_hours(settings, environ, 3)
    history = RunHistory(actions)
    history.ask(RunFilter.parse("nowhere"), frozenset())
    look(history)
    lines = lines_of(history.runs)
    assert [line.city.city.city for line in lines if line.city] == [NOWHERE] * 3
    history.ask(RunFilter.parse("elsewhere"), frozenset())
    assert lines_of(history.runs) == []
    assert look(history)
    assert lines_of(history.runs) == []


def test_an_empty_history_is_complete(opened: tuple[Settings, dict[str, str], Pipelines]) -> None:
    history = RunHistory(opened[2])
    assert look(history) == []
    assert history.runs.complete
