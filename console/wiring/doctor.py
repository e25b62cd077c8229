"""Examines a workspace from outside: each check asks the real thing and tells what it saw."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from console.config_errors import ConfigError
from console.settings import Settings
from console.wiring.clock import SystemClock
from console.wiring.pipelines import API_KEY, api_key, open_lake, pipeline_setup, source_name
from etl import tasks
from etl.errors import EtlError
from etl.history import requests
from etl.history.database import Database
from etl.models import Units
from etl.quota import Quota

MEBIBYTE = 1 << 20
LEAST_FREE_MIB = 100


@dataclass(frozen=True, slots=True)
class Check:
    """One answer; `remedy` says what to do where it is not ok."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All answers; `policy` is the IAM policy that the lake needs, where it is a bucket."""

    checks: tuple[Check, ...]
    policy: dict[str, Any] | None

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


def examine(settings: Settings) -> Report:
    """Ask everything once. One call to the weather API, one small object in the lake."""
    checks = [
        *_workspace(settings),
        *_secrets(settings),
        *_told("history", lambda: _history(settings)),
        *_told("source", lambda: _source(settings)),
        *_told("lake", lambda: _lake(settings)),
    ]
    return Report(tuple(checks), _policy(settings))


def _told(name: str, checks: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """The checks, and an error that ends them as a failed check."""
    try:
        yield from checks()
    except (EtlError, ConfigError, OSError, ValueError) as error:
        yield Check(name, False, str(error), "see the message; it says what was expected")


def _workspace(settings: Settings) -> Iterator[Check]:
    mode = settings.home.stat().st_mode & 0o777
    writable = os.access(settings.home, os.W_OK)
    yield Check(
        "workspace",
        writable and mode == 0o700,
        f"{settings.home} ({settings.workspace.mode}, mode {mode:04o})",
        "" if writable else "make the folder writable for this account",
    )
    free = shutil.disk_usage(settings.home).free // MEBIBYTE
    yield Check("disk", free >= LEAST_FREE_MIB, f"{free:,} MiB free", f"free some: at least {LEAST_FREE_MIB} MiB")


def _secrets(settings: Settings) -> Iterator[Check]:
    if settings.openweather_api_key:
        yield Check(API_KEY, True, "set (OPENWEATHER_API_KEY)")
        return
    from security.errors import VaultError

    remedy = "set OPENWEATHER_API_KEY or run `lakewarden secrets set openweather_api_key`"
    try:
        known = api_key(settings) is not None
    except VaultError as error:
        yield Check(API_KEY, False, str(error), "mend or move away the file that is named")
        return
    needed = not settings.practice or settings.weather.source == "openweather"
    yield Check(API_KEY, known or not needed, "set (secret store)" if known else "unset", remedy)


def _history(settings: Settings) -> Iterator[Check]:
    database = Database(settings.etl_db, lock_file=settings.locks_dir / "etl.db.lock", now=SystemClock().now)
    try:
        problems = database.problems()
        yield Check("history", not problems, "; ".join(problems) or f"{settings.etl_db} is sound", "restore a backup")
        paused = requests.paused_since(database)
        state = "disabled in config.toml" if not settings.schedule.enabled else "enabled"
        yield Check("scheduler", True, f"paused since {paused:%Y-%m-%d %H:%M}Z" if paused else state)
    finally:
        database.close()


def _source(settings: Settings) -> Iterator[Check]:
    clock = SystemClock()
    setup = pipeline_setup(settings, clock)
    city = setup.cities[0]
    if setup.practice:
        yield Check("source", True, "practice: made-up weather from this machine, until an API key is set")
    else:
        database = Database(settings.etl_db, lock_file=settings.locks_dir / "etl.db.lock", now=clock.now)
        try:
            policy = setup.policy
            quota = Quota(database, source=source_name(settings), calls_per_minute=policy.calls_per_minute, clock=clock)
            if (wait_s := quota.take()) > 0:
                yield Check("source", True, f"not asked: the API may not be called for another {wait_s:.0f} s")
                return
        finally:
            database.close()
        source = setup.open_source(Units(settings.weather.units))
        try:
            tasks.transformed(source.fetch(city), Units(settings.weather.units))
        finally:
            source.close()
        yield Check("source", True, f"{settings.weather.base_url} answered for {city.name}")


def _lake(settings: Settings) -> Iterator[Check]:
    from etl.lake import permissions
    from etl.lake.folder import FolderLake
    from etl.lake.s3 import S3Lake

    lake = open_lake(settings)
    found = []
    if isinstance(lake, S3Lake):
        found = permissions.probe(lake)
    elif isinstance(lake, FolderLake):
        found = permissions.folder_checks(lake)
    for check in found:
        yield Check(f"lake: {check.name}", check.ok, check.detail, check.remedy)


def _policy(settings: Settings) -> dict[str, Any] | None:
    if not settings.lake_url.startswith("s3://"):
        return None
    from etl.lake.permissions import least_privilege_policy
    from etl.lake.s3 import S3Lake

    lake = open_lake(settings)
    return least_privilege_policy(lake) if isinstance(lake, S3Lake) else None
