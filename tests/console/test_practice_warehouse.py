"""The practice warehouse that is there at once: built by a process behind the console, once, whole or not at all."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from console.actions.practice_warehouse import PRACTICE_ROWS, BuildNews, BuildState, PracticeWarehouse
from console.config_file import create_workspace
from console.settings import Settings, load_settings
from console.wiring.practice_warehouse import is_missing, practice_warehouse
from console.wiring.warehouse import FILE, open_store, warehouse_actions
from tests.conftest import PATIENCE_S, wait_until
from warehouse.errors import StoreError, StoreNotEmpty

Make = Callable[[Settings], PracticeWarehouse]


def settings_of(home: Path, *, production: bool = False) -> Settings:
    create_workspace(home, production=production)
    return load_settings({"LAKEWARDEN_HOME": str(home)})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "home")


@pytest.fixture
def news() -> list[BuildNews]:
    return []


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[PracticeWarehouse] = []

    def one(settings: Settings) -> PracticeWarehouse:
        build = practice_warehouse(settings)
        assert build is not None
        made.append(build)
        return build

    yield one
    for each in made:
        each.stop()


def sales(settings: Settings) -> int:
    with closing(open_store(settings, read_only=True).connect(read_only=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM Sales_Transactions_Table").fetchone()[0])


def test_a_new_workspace_gets_its_warehouse_with_progress(
    settings: Settings, make: Make, news: list[BuildNews]
) -> None:
    build = make(settings)
    assert build.start(news.append)
    assert build.wait(PATIENCE_S)
    assert build.news == BuildNews(BuildState.DONE, 1.0)
    assert sales(settings) == PRACTICE_ROWS
    shares = [told.share for told in news]
    assert shares == sorted(shares)
    assert len(set(shares)) > 10
    assert news[0].words == "building the practice warehouse: 0 %"
    assert news[-2].words == "building the practice warehouse: summing up"
    assert news[-1].words == ""
    assert warehouse_actions(settings).check().ok


def test_it_is_started_once_and_never_over_data(settings: Settings, make: Make, news: list[BuildNews]) -> None:
    warehouse_actions(settings).build(rows=300)
    assert not is_missing(settings)
    assert not make(settings).start(news.append)
    assert news == []
    with pytest.raises(StoreNotEmpty, match="nothing was changed"):
        warehouse_actions(settings).build(rows=400, only_if_empty=True)
    assert sales(settings) == 300


def test_never_in_production(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "home", production=True)
    assert practice_warehouse(settings) is None
    assert not is_missing(settings)
    assert not list(settings.home.glob(f"{FILE}*"))


def test_two_consoles_at_once_build_one_warehouse(settings: Settings, make: Make) -> None:
    first, second = make(settings), make(settings)
    assert first.start()
    assert second.start()
    assert not second.start()
    for build in (first, second):
        assert build.wait(PATIENCE_S)
        assert build.news.state is BuildState.DONE
    with closing(open_store(settings, read_only=True).connect(read_only=True)) as connection:
        assert connection.execute("SELECT count(*), sum(rows_new) FROM batch").fetchone() == (1, PRACTICE_ROWS)


def test_stopping_ends_the_process_and_leaves_nothing_so_that_the_next_start_builds(
    settings: Settings, make: Make, news: list[BuildNews]
) -> None:
    build = make(settings)
    assert build.start(news.append)
    wait_until(lambda: news[-1].share > 0)
    build.stop()
    assert build.wait(0)
    assert build.news.state is BuildState.STOPPED
    assert not build.start(news.append)
    assert is_missing(settings)
    again = make(settings)
    assert again.start()
    assert again.wait(PATIENCE_S)
    assert sales(settings) == PRACTICE_ROWS


def test_a_process_that_starts_while_it_is_stopped_is_ended(news: list[BuildNews]) -> None:
    def missing() -> bool:
        build.stop()  # from another thread, before there is a process
        return True

    command = [sys.executable, "-c", "import signal; signal.pause()"]
    build = PracticeWarehouse(missing=missing, command=command, environ=os.environ)
    build.start(news.append)
    assert build.wait(PATIENCE_S)
    assert build.news.state is BuildState.STOPPED


def test_a_killed_process_is_told_and_nothing_is_half(settings: Settings, make: Make, news: list[BuildNews]) -> None:
    build = make(settings)
    assert build.start(news.append)
    wait_until(lambda: news[-1].share > 0)
    assert build._process is not None
    build._process.send_signal(signal.SIGKILL)
    assert build.wait(PATIENCE_S)
    assert build.news.state is BuildState.FAILED
    assert build.news.words == "the practice warehouse was not built: its process ended with -9"
    assert is_missing(settings)


def test_a_file_that_is_no_warehouse_is_left_and_told(settings: Settings, make: Make, news: list[BuildNews]) -> None:
    (settings.home / FILE).write_bytes(b"no database" * 1_000)
    build = make(settings)
    assert not build.start(news.append)
    assert build.news.state is BuildState.FAILED
    assert "is damaged" in build.news.words
    assert (settings.home / FILE).read_bytes() == b"no database" * 1_000
    with pytest.raises(StoreError):
        is_missing(settings)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (["/nowhere/python"], "No such file"),
        ([sys.executable, "-c", "import sys; sys.exit('lakewarden: no room\\n')"], "no room"),
        ([sys.executable, "-c", "import sys; print('progress x y', file=sys.stderr); sys.exit(3)"], "progress x y"),
        ([sys.executable, "-c", "import sys; sys.exit(3)"], "its process ended with 3"),
    ],
)
def test_a_failure_is_told_in_words(command: Sequence[str], problem: str) -> None:
    told: list[BuildNews] = []
    build = PracticeWarehouse(missing=lambda: True, command=command, environ=os.environ)
    build.start(told.append)
    assert build.wait(PATIENCE_S)
    assert told[-1].state is BuildState.FAILED
    assert problem in told[-1].words
    assert told[-1].words.startswith("the practice warehouse was not built: ")
