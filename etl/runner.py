"""One run from the outside: claim its cities, have them worked through, close the run, let go of the claim.

Ordering rules:
1. Claim before anything else; what is loaded is done, what another living process holds is left to it.
2. Cities whose raw file is kept need no API; the others wait for the check, which runs once a run.
3. The coordinator alone decides (quota, retries, deadline, requests); workers only carry out tasks of one city.
4. A task is recorded after its file or object is in place, never before.
5. The owner is released after everything is recorded.
"""

from __future__ import annotations

import logging
import threading

from etl.coordinator import Coordinator
from etl.history import owner as owners
from etl.history.claims import claim, finish, settle_interrupted
from etl.run import RunnerParts, RunOutcome, RunRequest
from etl.task_log import install

log = logging.getLogger(__name__)


class Runner:
    """Carries out run requests, one at a time per instance; several instances and processes may share a workspace."""

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        install()

    def run(self, request: RunRequest, *, stop: threading.Event | None = None) -> RunOutcome:
        """Carry out `request`. City failures are in the outcome; raises only `HistoryError`, or `Stopped`."""
        parts = self._parts
        started_s = parts.clock.steady_s()
        owners.sweep(parts.locks_dir)
        owner = owners.Owner(parts.locks_dir)
        try:
            claimed = claim(
                parts.database,
                source=parts.source_name,
                logical_time=request.logical_time,
                cities=request.cities,
                owner=owner.id,
                is_alive=lambda who: owners.is_held(parts.locks_dir, who, now=parts.clock.now()),
                trigger=request.trigger,
                units=parts.policy.units,
                lake=parts.lake_url,
                now=parts.clock.now(),
                force=request.force,
            )
            outcome = RunOutcome(claimed.run_id, already_loaded=len(claimed.done), busy=claimed.busy)
            if claimed.ours:
                log.info(
                    "%s: %d cities to load, %d loaded before, %d held by another process",
                    claimed.run_id, len(claimed.ours), len(claimed.done), len(claimed.busy),
                )  # fmt: skip
                Coordinator(parts, request, claimed, outcome, stop or threading.Event()).carry_out()
                finish(
                    parts.database,
                    run_id=claimed.run_id,
                    worked_s=parts.clock.steady_s() - started_s,
                    now=parts.clock.now(),
                )
                log.info("%s: %d loaded, %d failed", claimed.run_id, outcome.loaded, len(outcome.failures))
            return outcome
        finally:
            owner.release()

    def settle_interrupted(self) -> None:
        """Mark what killed processes left running. Raises `HistoryError`."""
        parts, now = self._parts, self._parts.clock.now()
        settle_interrupted(parts.database, is_alive=lambda who: owners.is_held(parts.locks_dir, who, now=now), now=now)
