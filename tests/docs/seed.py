"""Fills a practice workspace with a day of real runs: the real runner and source, under a clock that is told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.config_file import create_workspace
from console.settings import load_settings
from console.wiring.pipelines import pipelines
from etl.cities import cities_of
from etl.history import requests
from etl.history.database import Database
from etl.models import Trigger, hour_of
from etl.run import RunRequest
from etl.tasks import PRACTICE


@dataclass(slots=True)
class ToldClock:
    """A wall clock that stands where it was told; durations are real."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def steady_s(self) -> float:
        return time.monotonic()


def fill(home: Path, cities: Sequence[str], *, hours: int = 24, missed: Sequence[int] = (), now: datetime) -> None:
    """Run the last `hours` full hours before the current one; those in `missed` (hours ago) are left out."""
    environ = {"LAKEWARDEN_HOME": str(home), "LAKEWARDEN_WEATHER__CALLS_PER_MINUTE": "0"}
    settings = load_settings(environ)
    clock = ToldClock(now)
    actions = pipelines(settings, environ, clock=clock)
    for ago in range(hours, 0, -1):
        hour = hour_of(now) - timedelta(hours=ago)
        if ago in missed:
            database = Database(settings.etl_db, lock_file=settings.locks_dir / "etl.db.lock", now=clock.now)
            requests.record_missed(database, PRACTICE, [hour], reason="no scheduler ran", now=hour)
            database.close()
            continue
        clock.instant = hour + timedelta(seconds=3)
        actions.run_scheduled(RunRequest(hour, tuple(cities_of(cities)[0]), Trigger.SCHEDULE))
    actions.close()


def make(home: Path, cities: Sequence[str]) -> None:
    """Make a practice workspace with these cities, in metric units."""
    create_workspace(home, production=False)
    config = home / "config.toml"
    listed = ", ".join(f'"{city}"' for city in cities)
    text = config.read_text().replace('cities = ["Portland"]', f'cities = [{listed}]\nunits = "metric"')
    config.write_text(text)


def now() -> datetime:
    return datetime.now(UTC)
