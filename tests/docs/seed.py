"""Fills a practice workspace with a day of real runs: the real runner and source, under a clock that is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.config_file import create_workspace
from console.settings import load_settings
from console.wiring.pipelines import pipelines
from etl.cities import cities_of
from etl.models import Trigger, hour_of
from etl.run import RunRequest


@dataclass(slots=True)
class ToldClock:
    """A clock that stands where it was told; its seconds go on with it."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def steady_s(self) -> float:
        return self.instant.timestamp()


def fill(home: Path, cities: Sequence[str], *, hours: int = 24, missed: Sequence[int] = (), now: datetime) -> None:
    """Run the last `hours` full hours before the current one; those in `missed` (hours ago) are left out."""
    environ = {"LAKEWARDEN_HOME": str(home), "LAKEWARDEN_WEATHER__CALLS_PER_MINUTE": "0"}
    settings = load_settings(environ)
    clock = ToldClock(now)
    actions = pipelines(settings, environ, clock=clock)
    for ago in range(hours, 0, -1):
        if ago in missed:
            continue
        hour = hour_of(now) - timedelta(hours=ago)
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
