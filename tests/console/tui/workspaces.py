"""Real workspaces for tests of the console: practice runs into a folder lake, and the application upon them."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from textual._context import visible_screen_stack
from textual.app import App
from textual.strip import Strip

from console.actions.permissions import Permissions
from console.config_file import create_workspace
from console.settings import Settings, load_settings
from console.tui.app import LakewardenApp
from console.tui.feed import Workspace
from console.tui.workshop import Workshop
from console.wiring.permissions import HostAccount
from console.wiring.pipelines import pipelines
from etl.history import requests
from etl.history.database import Database
from etl.models import Trigger, hour_of
from etl.ports import Clock
from etl.run import RunRequest

NOWHERE = "Nowhere X"  # the practice source knows no such place
PATIENCE_S = 30.0
_EVERYTHING = HostAccount()


class SetClock:
    """A clock whose wall time the test sets; its steady seconds are real."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def steady_s(self) -> float:
        return time.monotonic()


def workspace(home: Path, cities: Sequence[str] = ("Portland",), **overrides: str) -> tuple[Settings, dict[str, str]]:
    """A new practice workspace whose scheduler is off unless `overrides` (variables) say otherwise."""
    create_workspace(home, production=False)
    config = home / "config.toml"
    text = config.read_text()
    listed = json.dumps(list(cities), ensure_ascii=False)
    config.write_text(re.sub(r"cities = \[.*?\]", lambda _found: f"cities = {listed}", text, count=1))
    environ = {
        "LAKEWARDEN_HOME": str(home),
        "LAKEWARDEN_SCHEDULE__ENABLED": "false",
        "LAKEWARDEN_WEATHER__CALLS_PER_MINUTE": "0",
        **overrides,
    }
    return load_settings(environ), environ


def run_hours(settings: Settings, environ: Mapping[str, str], hours: int, *, until: datetime | None = None) -> None:
    """Load the last `hours` hours, the current one left out, as a scheduler would have done."""
    newest = hour_of(until or datetime.now(UTC))
    clock = SetClock(newest)
    actions = pipelines(settings, environ, clock=clock)
    try:
        for ago in range(hours, 0, -1):
            clock.at = newest - timedelta(hours=ago) + timedelta(minutes=1)
            actions.run_scheduled(RunRequest(hour_of(clock.at), actions.setup().cities, Trigger.SCHEDULE))
    finally:
        actions.close()


def miss_hours(settings: Settings, hours: Sequence[datetime], source: str = "practice") -> None:
    """Record hours as missed."""
    database = Database(settings.etl_db, lock_file=settings.locks_dir / "etl.db.lock", now=lambda: datetime.now(UTC))
    try:
        requests.record_missed(
            database, source, hours, reason="no scheduler ran, or it was paused", now=datetime.now(UTC)
        )
    finally:
        database.close()


class Opened:
    """The application on a workspace, as `run_console` builds it; `opened` holds what its feed opened."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        build_practice: bool = False,
        permissions: Permissions | None = _EVERYTHING,
        clock: Clock | None = None,
    ) -> None:
        """Everything is permitted unless `permissions` is None: then the workspace's policies decide."""
        self.opened: list[Workspace] = []
        self.workshop = Workshop(settings, environ, build_practice=build_practice, permissions=permissions, clock=clock)

        def open_workspace(on_problem: Callable[[str], None]) -> Workspace:
            found = self.workshop.open_workspace(on_problem)
            self.opened.append(found)
            return found

        self.app = LakewardenApp(
            settings,
            environ,
            open_workspace=open_workspace,
            open_warehouse=self.workshop.open_warehouse,
            open_office=self.workshop.open_office,
            now=clock.now if clock is not None else None,
        )

    def close(self) -> None:
        self.app.feed.stop()
        self.workshop.close()


async def until(
    condition: Callable[[], object], what: str | Callable[[], str], *, patience_s: float = PATIENCE_S
) -> None:
    """Wait until `condition` holds; fails with `what` was waited for."""
    end = time.monotonic() + patience_s
    while not condition():
        told = what() if callable(what) and time.monotonic() > end else what
        assert time.monotonic() < end, f"waited {patience_s:g} s for {told}"
        await asyncio.sleep(0.01)


async def settled(app: LakewardenApp, *, for_s: float = 0.2) -> None:
    """Wait until the screen has not changed for a while, as somebody who looks at it does."""
    shown, since, end = screen_text(app), time.monotonic(), time.monotonic() + PATIENCE_S
    while time.monotonic() - since < for_s:
        assert time.monotonic() < end, f"the screen changes all the time:\n{shown}"
        await asyncio.sleep(0.02)
        if (now := screen_text(app)) != shown:
            shown, since = now, time.monotonic()


def drawn(app: App[Any]) -> list[Strip]:
    """The lines of the screen, with what a dialog lies over.

    Textual keeps what is drawn here for its own next paint, so it has to be drawn as Textual draws it: a dialog drawn
    with nothing below stays like that until it is repainted.
    """
    visible_screen_stack.set(app._background_screens)
    width, height = app.size
    return [strip.crop(0, width) for strip in app.screen._compositor.render_strips(app.size)[:height]]


def screen_text(app: App[Any]) -> str:
    """The characters on the screen, line by line."""
    return "\n".join(strip.text for strip in drawn(app))
