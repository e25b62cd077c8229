"""The hourly loop: one thread that notices a new hour and runs it.

`schedule` only ticks. Which hour is due is computed from the clock at each tick and claimed in the history, so a clock
that steps, a sleep, a restart or a second scheduler can neither lose an hour that can still be had nor load one twice.
Hours that passed meanwhile are recorded as missed: there is no catch-up, since the API only tells current weather.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import schedule

from etl.errors import Cancelled, DeadlineExceeded, QuotaExceeded, SensorTimeout
from etl.history import requests
from etl.history.database import Database
from etl.models import City, Trigger, hour_of
from etl.ports import Clock
from etl.run import RunOutcome, RunRequest, Stopped

log = logging.getLogger(__name__)

TICK_S = 5
MOST_MISSED = 24 * 366
AGAIN_AFTER_S = 60.0  # where another process, the quota or the deadline held the hour up
AGAIN_AFTER_FAILURE_S = 300.0  # where the API or the lake was out of reach and the run's own retries are used up


class Scheduler:
    """Runs the current hour once, every hour, until `stop()`. `run` is the runner's; source and cities are
    read anew for every run."""

    def __init__(
        self,
        *,
        run: Callable[..., RunOutcome],
        database: Database,
        source_name: Callable[[], str],
        cities: Callable[[], tuple[City, ...]],
        clock: Clock,
        on_problem: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self._run = run
        self._database = database
        self._source_name = source_name
        self._cities = cities
        self._clock = clock
        self._on_problem = on_problem
        self._stop = threading.Event()
        self._handled: datetime | None = None
        self._again_s = 0.0
        self._busy = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Run the loop in a thread of its own, which no user interface can stall."""
        self._thread = threading.Thread(target=self.run_forever, name="scheduler", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a run of this loop is at work at this moment."""
        return self._busy

    def stop(self) -> None:
        """Ask the loop to end. Work in flight is left as it is; the next call of its hour completes it."""
        self._stop.set()

    def run_forever(self) -> None:
        """Tick until stopped; nothing that goes wrong in a tick ends the loop."""
        ticker = schedule.Scheduler()
        ticker.every(TICK_S).seconds.do(self._tick_safely)
        self._tick_safely()
        while not self._stop.wait(TICK_S):
            if abs(ticker.idle_seconds or 0) > 2 * TICK_S:  # the local clock stepped: do not wait it out
                ticker.clear()
                ticker.every(TICK_S).seconds.do(self._tick_safely)
                self._tick_safely()
            ticker.run_pending()

    def tick(self) -> RunOutcome | None:
        """Run the current hour if it is due. Raises what the runner raises."""
        hour = hour_of(self._clock.now())
        if requests.paused_since(self._database) is not None:
            return None
        if hour == self._handled and not (self._again_s and self._clock.steady_s() >= self._again_s):
            return None
        self._record_missed(self._source_name(), hour)
        self._busy = True
        try:
            outcome = self._run(RunRequest(hour, self._cities(), Trigger.SCHEDULE), stop=self._stop)
        finally:
            self._busy = False
        self._handled = hour
        wait_s = _again_after_s(outcome)
        self._again_s = self._clock.steady_s() + wait_s if wait_s else 0.0
        return outcome

    def _tick_safely(self) -> None:
        try:
            self.tick()
        except Stopped:
            log.info("stopped; the next call of this hour completes it")
        except Cancelled:
            log.info("cancelled")
        except Exception as error:
            log.exception("the scheduler could not run the current hour")
            self._on_problem(f"the scheduler could not run the current hour: {error}")
            self._again_s = self._clock.steady_s() + AGAIN_AFTER_S
            self._handled = hour_of(self._clock.now())

    def _record_missed(self, source: str, hour: datetime) -> None:
        last = requests.last_hour(self._database, source)
        if last is None or last >= hour - timedelta(hours=1):
            return
        first = max(last + timedelta(hours=1), hour - timedelta(hours=MOST_MISSED))
        count = (hour - first) // timedelta(hours=1)
        requests.record_missed(
            self._database,
            source,
            (first + timedelta(hours=i) for i in range(count)),
            reason="no scheduler ran, or it was paused",
            now=self._clock.now(),
        )
        log.warning("%d hours passed without a run and stay missed", count)


def _again_after_s(outcome: RunOutcome) -> float:
    """When to call the same hour again: only what was held up or out of reach may go better then; 0 is never."""
    if outcome.busy or any(isinstance(error, QuotaExceeded | DeadlineExceeded) for error in outcome.failures):
        return AGAIN_AFTER_S
    if any(error.retryable or isinstance(error, SensorTimeout) for error in outcome.failures):
        return AGAIN_AFTER_FAILURE_S
    return 0.0
