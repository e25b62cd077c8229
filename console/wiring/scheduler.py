"""Builds the hourly loop over the pipeline's actions."""

from __future__ import annotations

import threading
from collections.abc import Callable

from console.actions.pipelines import Pipelines
from console.settings import Settings
from console.wiring.clock import SystemClock
from etl.history.database import Database
from etl.run import RunOutcome, RunRequest
from etl.scheduler import Scheduler


def scheduler(
    settings: Settings,
    actions: Pipelines,
    *,
    on_problem: Callable[[str], None] = lambda _message: None,
    on_outcome: Callable[[RunOutcome], None] = lambda _outcome: None,
) -> Scheduler:
    """The hourly loop of the workspace; it reads the configured source and cities anew for every hour.

    It is the host's own service, whoever is signed in at the console that it works behind.
    """
    clock = SystemClock()

    def run(request: RunRequest, *, stop: threading.Event | None = None) -> RunOutcome:
        outcome = actions.run_scheduled(request, stop=stop)
        on_outcome(outcome)
        return outcome

    return Scheduler(
        run=run,
        database=Database(settings.etl_db, lock_file=settings.locks_dir / "etl.db.lock", now=clock.now),
        source_name=lambda: actions.service_setup().source_name,
        cities=lambda: actions.service_setup().cities,
        clock=clock,
        on_problem=on_problem,
    )
