"""The quota is exact: never more calls than allowed in any 60 seconds, over all processes, whatever the clock does."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.history.database import Database
from etl.quota import HOLD_S, WINDOW_S, Quota, calls_in_window
from tests.conftest import START, Pipeline, SteppableClock

_TAKER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from etl.history.database import Database
from etl.quota import Quota

class Clock:
    def now(self): return datetime.now(UTC)
    def steady_s(self): return time.monotonic()

path = Path(sys.argv[1])
database = Database(path, lock_file=path.with_name("lock"), now=Clock().now)
quota = Quota(database, source="openweather", calls_per_minute=25, clock=Clock())
print(sum(quota.take() == 0 for _ in range(25)))
"""


def most_in_any_window(calls: Sequence[float], window_s: float = WINDOW_S) -> int:
    """The most calls that any half-open window holds."""
    return max((sum(start <= at < start + window_s for at in calls) for start in calls), default=0)


def quota(pipeline: Pipeline, limit: int, *, source: str = "openweather") -> Quota:
    return Quota(pipeline.open_database(), source=source, calls_per_minute=limit, clock=pipeline.clock)


def test_the_allowed_calls_are_free_and_the_next_waits_for_the_oldest_to_age(pipeline: Pipeline) -> None:
    made = quota(pipeline, 3)
    assert [made.take() for _ in range(3)] == [0, 0, 0]
    assert made.take() == HOLD_S > WINDOW_S
    pipeline.clock.advance(HOLD_S - 0.5)
    assert made.take() == 0.5
    pipeline.clock.advance(0.5)
    assert [made.take() == 0 for _ in range(4)] == [True, True, True, False]


def test_no_burst_is_possible_around_the_end_of_a_minute(pipeline: Pipeline) -> None:
    """A counter per minute would allow twice the quota here."""
    made = quota(pipeline, 10)
    pipeline.clock.advance(59)
    assert sum(made.take() == 0 for _ in range(20)) == 10
    pipeline.clock.advance(2)
    assert made.take() == HOLD_S - 2


@settings(max_examples=40)
@given(
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 0.5, 7, 30, 59.9, 61]), st.booleans()), max_size=60),
)
def test_no_window_ever_holds_more_than_the_quota(limit: int, steps: list[tuple[int, float, bool]]) -> None:
    """Three processes; `steps` are (who, seconds that pass before, whether the wall clock jumps too)."""
    clock = SteppableClock()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "etl.db"
        databases = [Database(path, lock_file=path.with_name("lock"), now=clock.now) for _ in range(3)]
        quotas = [Quota(d, source="openweather", calls_per_minute=limit, clock=clock) for d in databases]
        calls: list[float] = []
        for who, passed_s, jump in steps:
            clock.advance(passed_s)
            if jump:
                clock.step(-3600)
            wait_s = quotas[who].take()
            if wait_s == 0:
                calls.append(clock.steady_s())
            else:
                assert most_in_any_window([*calls, clock.steady_s()], HOLD_S) > limit  # it was right to wait
        for database in databases:
            database.close()
    assert most_in_any_window(calls) <= limit


def test_a_wait_that_was_told_is_enough(pipeline: Pipeline) -> None:
    made = quota(pipeline, 2)
    for passed_s in (0, 13, 5, 1):
        pipeline.clock.advance(passed_s)
        wait_s = made.take()
        if wait_s:
            pipeline.clock.advance(wait_s)
            assert made.take() == 0


def test_processes_share_one_quota(pipeline: Pipeline) -> None:
    began = time.monotonic()
    processes = [
        subprocess.Popen([sys.executable, "-c", _TAKER, str(pipeline.home / "etl.db")], stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    taken = [int(process.communicate(timeout=50)[0]) for process in processes]
    assert time.monotonic() - began < WINDOW_S
    assert sum(taken) == 25


def test_threads_share_one_quota(pipeline: Pipeline) -> None:
    made, free = quota(pipeline, 20), list[float]()
    threads = [threading.Thread(target=lambda: free.extend(made.take() for _ in range(10))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert free.count(0) == 20


def test_sources_have_quotas_of_their_own(pipeline: Pipeline) -> None:
    assert quota(pipeline, 1, source="practice").take() == 0
    assert quota(pipeline, 1).take() == 0
    assert quota(pipeline, 1).take() > 0


def test_no_limit_is_no_limit(pipeline: Pipeline) -> None:
    made = quota(pipeline, 0)
    assert [made.take() for _ in range(500)] == [0] * 500


@pytest.mark.parametrize("step_s", [-86_400, 86_400])
def test_a_stepping_wall_clock_neither_blocks_nor_floods(pipeline: Pipeline, step_s: float) -> None:
    made = quota(pipeline, 1)
    made.take()
    pipeline.clock.step(step_s)
    assert made.take() == HOLD_S
    pipeline.clock.advance(HOLD_S)
    assert made.take() == 0


def test_calls_from_before_a_restart_of_the_machine_do_not_count(pipeline: Pipeline) -> None:
    made = quota(pipeline, 1)
    made.take()
    with pipeline.database.transaction() as sql:
        sql.execute("UPDATE api_call SET boot = 'an earlier start', steady_s = 999999")
    assert made.take() == 0
    assert calls_in_window(pipeline.database, source="openweather", clock=pipeline.clock) == 1


def test_a_lowered_limit_holds_at_once(pipeline: Pipeline) -> None:
    assert [quota(pipeline, 5).take() for _ in range(5)] == [0] * 5
    assert quota(pipeline, 2).take() > 0


def test_a_pause_holds_for_every_process_and_ends(pipeline: Pipeline) -> None:
    one, other = quota(pipeline, 0), quota(pipeline, 0)
    assert one.pause(600) == START + timedelta(seconds=600)
    assert (one.take(), other.take()) == (600, 600)
    pipeline.clock.advance(599)
    assert (one.take(), other.take()) == (1, 1)
    pipeline.clock.advance(1)
    assert (one.take(), other.take()) == (0, 0)


def test_a_pause_survives_a_restart_of_the_machine_by_the_wall_clock(pipeline: Pipeline) -> None:
    quota(pipeline, 0).pause(600)
    with pipeline.database.transaction() as sql:
        sql.execute("UPDATE api_pause SET boot = 'an earlier start', until_steady_s = 5")
    pipeline.clock.advance(100)
    assert quota(pipeline, 0).take() == 500


def test_the_console_is_told_the_calls_of_the_last_minute(pipeline: Pipeline) -> None:
    made = quota(pipeline, 9)
    for _ in range(4):
        made.take()
        pipeline.clock.advance(20)
    assert calls_in_window(pipeline.database, source="openweather", clock=pipeline.clock) == 2
