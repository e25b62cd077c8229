"""Work that goes on behind a user interface: the scheduler's thread and the runs a person started.

Threads are daemons, so that leaving the console never waits for the network: a run in flight is left as it is, and the
next call of its hour completes it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from console.actions.errors import NoSuchRun
from console.actions.permissions import PermissionDenied
from console.actions.pipelines import Pipelines
from etl.errors import EtlError
from etl.run import RunOutcome, RunRequest, Stopped
from etl.scheduler import Scheduler
from security.errors import SecurityError

log = logging.getLogger(__name__)


class Background:
    """Runs started from a console. `on_end` is called in the run's thread with its outcome or its error."""

    def __init__(self, pipelines: Pipelines, scheduler: Scheduler) -> None:
        self._pipelines = pipelines
        self._scheduler = scheduler
        self._stop = threading.Event()
        self._runs: list[threading.Thread] = []

    def start(self) -> None:
        """Start the scheduler, if the configuration has it enabled. Raises `ConfigError`."""
        if self._pipelines.service_setup().schedule_enabled:
            self._scheduler.start()

    def stop(self) -> None:
        """Ask everything to end and return at once."""
        self._stop.set()
        self._scheduler.stop()

    def unfinished(self) -> int:
        """How many runs are still at work here, the scheduler's included."""
        return sum(thread.is_alive() for thread in self._runs) + self._scheduler.busy

    def trigger(self, on_end: Callable[[RunOutcome | Exception], None]) -> RunRequest:
        """Start a run of all cities, stamped to this second. Raises `ConfigError`."""
        return self._start(self._pipelines.new_manual_request(), on_end)

    def retry_failed(self, run_id: str, on_end: Callable[[RunOutcome | Exception], None]) -> RunRequest:
        """Start a run of what failed in `run_id`. Raises `NoSuchRun`."""
        return self._start(self._pipelines.retry_request(run_id), on_end)

    def _start(self, request: RunRequest, on_end: Callable[[RunOutcome | Exception], None]) -> RunRequest:
        def carry_out() -> None:
            try:
                on_end(self._pipelines.run_manually(request, stop=self._stop))
            except Stopped:
                return
            except (EtlError, NoSuchRun, PermissionDenied, SecurityError) as error:
                on_end(error)
            except Exception as error:
                log.exception("a run failed unexpectedly")
                on_end(error)

        thread = threading.Thread(target=carry_out, name="manual-run", daemon=True)
        self._runs = [run for run in self._runs if run.is_alive()] + [thread]
        thread.start()
        return request
