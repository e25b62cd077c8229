"""Examines a workspace from outside: each check asks the real thing and tells what it saw."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from console.config_errors import ConfigError
from console.settings import Settings, SourceChoice
from console.wiring import doctor_security
from console.wiring.clock import SystemClock
from console.wiring.doctor_check import Check
from console.wiring.doctor_security import BUSY, NEWER, UNUSABLE
from console.wiring.key_folder import check_private, key_uses, missing_keys, told
from console.wiring.pipelines import API_KEY, api_key, open_lake, pipeline_setup, source_name
from console.wiring.warehouse import FILE, open_store
from etl import tasks
from etl.errors import (
    BadRequest,
    CityNotFound,
    DataRejected,
    EtlError,
    HistoryError,
    HistoryNewer,
    InvalidKey,
    LakeError,
    OversizedBody,
    QuotaExceeded,
    SourceError,
)
from etl.history import requests
from etl.history.database import Database
from etl.models import City, Units
from etl.ports import Clock
from etl.quota import Quota
from security.database import ADVICE
from security.errors import AuditUnavailable, KeyFileRefused, KeyUnknown, PracticeOnly, SecurityError
from warehouse.errors import StoreBusy, StoreNewer, WarehouseError

MEBIBYTE = 1 << 20
LEAST_FREE_MIB = 100
IN_HOME = ("history", "accounts", "clinical", "audit log")  # checks of databases, which a look at them writes to
SET_THE_KEY = "set OPENWEATHER_API_KEY or run `lakewarden secrets set openweather_api_key`"

FAILURES = (EtlError, ConfigError, SecurityError, OSError, ValueError)

_RESTORE_HISTORY = "restore {} from a backup, or move it away to begin a new history"
_MOUNT = "mount the file system of {} writable"

_KEY_FIX = re.compile(r": expected [^;]+, found [^;]+; (.+)", re.DOTALL)  # what a KeyFileRefused says to do

# Other commands send their readers here; the doctor itself does not.
_SEE_DOCTOR = re.compile(r" (?:with `lakewarden doctor`|\(see `lakewarden doctor`\))")


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
    policies: list[dict[str, Any]] = []
    checks = [
        *_told(settings, "workspace", lambda: _workspace(settings)),
        *_told(settings, API_KEY, lambda: _secrets(settings)),
        *_told(settings, "keys", lambda: _keys(settings)),
        *_told(settings, "history", lambda: _history(settings)),
        *_told(settings, "warehouse", lambda: _warehouse(settings)),
        *_told(settings, "policies", lambda: doctor_security.policies(settings)),
        *_told(settings, "accounts", lambda: doctor_security.accounts(settings)),
        *_told(settings, "clinical", lambda: doctor_security.clinical(settings)),
        *_told(settings, "audit log", lambda: doctor_security.audit(settings)),
        *_told(settings, "source", lambda: _source(settings)),
        *_told(settings, "lake", lambda: _lake(settings)),
        *_told(settings, "lake: policy", lambda: _policy(settings, policies)),
    ]
    return Report(tuple(checks), policies[0] if policies else None)


def _told(settings: Settings, name: str, checks: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """The checks, and an error that ends them as a failed check."""
    try:
        for check in checks():
            yield _writable_first(settings, check)
    except FAILURES as error:
        yield _writable_first(settings, _failed(settings, name, error))


def _writable_first(settings: Settings, check: Check) -> Check:
    """The check; where nothing can be written, that is what to mend before anything is restored from a backup."""
    if check.ok or check.name not in IN_HOME or not _is_read_only(settings):
        return check
    return replace(check, remedy=f"{_MOUNT.format(settings.home)} first, then examine it again")


def _is_read_only(settings: Settings) -> bool:
    """Whether the workspace lies on a file system that is mounted read-only. Raises OSError."""
    return bool(os.statvfs(settings.home).f_flag & os.ST_RDONLY)


def _failed(settings: Settings, name: str, error: Exception) -> Check:
    return Check(name, False, _SEE_DOCTOR.sub("", str(error)), _remedy(settings, name, error))


def _remedy(settings: Settings, name: str, error: Exception) -> str:
    """What to do about an error that ended the check `name`."""
    if isinstance(error, InvalidKey):
        why = error.__cause__
        return _remedy(settings, API_KEY, why) if isinstance(why, SecurityError) else SET_THE_KEY
    if isinstance(error, SecurityError):
        return _security_remedy(settings, name, error)
    match error:
        case ConfigError(key="workspace.mode"):
            return _mode_remedy(settings)
        case ConfigError():
            return f"change {error.key} in {error.where}"
        case HistoryNewer():
            return NEWER
        case HistoryError() if str(error).endswith(ADVICE):
            return UNUSABLE.format(settings.etl_db)
        case HistoryError():
            return _RESTORE_HISTORY.format(settings.etl_db)
        case QuotaExceeded():
            return "wait until the API answers again, or lower weather.calls_per_minute"
        case SourceError():
            return f"check the network of this host and weather.base_url in {settings.config_file}"
        case LakeError():
            return f"check [lake] in {settings.config_file} and the AWS settings of this account"
        case ValueError() if name.startswith("lake") or name == "source":  # an address that no lake can have
            return f"correct [lake] in {settings.config_file}"
        case ValueError() if name == "history":  # a value in it that nothing of ours can have
            return _RESTORE_HISTORY.format(settings.etl_db)
        case OSError(filename=str(path)):
            return f"make {path} readable and writable for this account"
        case _:
            return f"check what {settings.home} lies on: the disk, its mount and its room"


def _security_remedy(settings: Settings, name: str, error: SecurityError) -> str:
    """What to do about an error of the security core that ended the check `name`."""
    match error:
        case KeyFileRefused():
            return _key_remedy(settings, error)
        case KeyUnknown():
            return f"restore the keys in {settings.keys_dir} from a backup"
        case PracticeOnly():
            return _mode_remedy(settings)
        case AuditUnavailable():
            return doctor_security.audit_remedy(settings, error)
    stores = {"accounts": settings.identity_db, "clinical": settings.clinical_db, "audit log": settings.audit_db}
    if name in stores:
        return doctor_security.store_remedy(stores[name], error)
    return f"restore {settings.secrets_file} from a backup, or move it away and set the secrets again"


def _mode_remedy(settings: Settings) -> str:
    """What to do where the accounts were made for another mode than the settings say."""
    made_as = "production" if settings.practice else "practice"
    return (
        f'put mode = "{made_as}" back under [workspace] in {settings.config_file}, or bring back the '
        f"{settings.identity_db.name} that belongs to this workspace"
    )


def _key_remedy(settings: Settings, error: KeyFileRefused) -> str:
    """What the error says to do; where that is to close one file or the folder, all of them at once."""
    found = _KEY_FIX.search(str(error))
    if found is None or found[1].startswith("chmod "):
        return f"chmod 700 {settings.keys_dir} && chmod 600 {settings.keys_dir}/*.key"
    return found[1]


def _workspace(settings: Settings) -> Iterator[Check]:
    mode = settings.home.stat().st_mode & 0o777
    writable = os.access(settings.home, os.W_OK)
    read_only = _is_read_only(settings)
    yield Check(
        "workspace",
        writable and not read_only and mode == 0o700,
        f"{settings.home} ({settings.workspace.mode}, mode {mode:04o}{', a read-only file system' * read_only})",
        _MOUNT.format(settings.home) if read_only else f"chmod 700 {settings.home}, as the account that owns it",
    )
    free = shutil.disk_usage(settings.home).free // MEBIBYTE
    yield Check("disk", free >= LEAST_FREE_MIB, f"{free:,} MiB free", f"free some: at least {LEAST_FREE_MIB} MiB")


def _secrets(settings: Settings) -> Iterator[Check]:
    if settings.openweather_api_key:
        yield Check(API_KEY, True, "set (OPENWEATHER_API_KEY)")
        return
    known = api_key(settings) is not None
    needed = not settings.practice or settings.weather.source is SourceChoice.OPENWEATHER
    yield Check(API_KEY, known or not needed, "set (secret store)" if known else "unset", SET_THE_KEY)


def _history(settings: Settings) -> Iterator[Check]:
    database = _database(settings, SystemClock())
    try:
        problems = database.problems()
        remedy = _RESTORE_HISTORY.format(settings.etl_db)
        yield Check("history", not problems, "; ".join(problems) or f"{settings.etl_db} is sound", remedy)
        paused = requests.paused_since(database)
        state = "disabled in config.toml" if not settings.schedule.enabled else "enabled"
        yield Check("scheduler", True, f"paused since {paused:%Y-%m-%d %H:%M}Z" if paused else state)
    finally:
        database.close()


def _keys(settings: Settings) -> Iterator[Check]:
    """Whether every key is there that has sealed something, and private; each store is told by its own check.

    Raises KeyFileRefused, OSError.
    """
    uses, _ = key_uses(settings)
    check_private(settings)
    missing = missing_keys(settings, uses)
    detail = "; ".join(f"{told(use)}, is missing" for use in missing)
    remedy = f"restore it to {settings.keys_dir} from a backup, or set vault.keys_dir to the folder that has it"
    yield Check("keys", not missing, detail or f"{settings.keys_dir} has every key that sealed something", remedy)


def _warehouse(settings: Settings) -> Iterator[Check]:
    path = settings.home / FILE
    if not path.exists():
        yield Check("warehouse", True, "none yet")
        return
    remedy = f"restore {path} from a backup, or move it away and load your files again"
    try:
        problems = open_store(settings, read_only=True).problems()
    except WarehouseError as error:
        problems = [str(error)]
        if isinstance(error, StoreNewer | StoreBusy):
            remedy = NEWER if isinstance(error, StoreNewer) else BUSY
        elif str(error).endswith(ADVICE):
            remedy = UNUSABLE.format(path)
    yield Check("warehouse", not problems, "; ".join(problems) or f"{path} is sound", remedy)


def _database(settings: Settings, clock: Clock) -> Database:
    return Database(settings.etl_db, lock_file=settings.locks_dir / "etl.db.lock", now=clock.now)


def _source(settings: Settings) -> Iterator[Check]:
    clock = SystemClock()
    setup = pipeline_setup(settings, clock)
    if setup.practice:
        chosen = settings.weather.source is SourceChoice.PRACTICE
        why = 'as weather.source = "practice" says' if chosen else "until an API key is set"
        yield Check("source", True, f"practice: made-up weather from this machine, {why}")
        return
    units = Units(settings.weather.units)
    source = setup.open_source(units)
    try:
        if (wait_s := _wait_s(settings, setup.policy.calls_per_minute, clock)) > 0:
            yield Check("source", True, f"not asked: the API may not be called for another {wait_s:.0f} s")
            return
        yield from _asked(settings, setup.cities[0], lambda city: tasks.transformed(source.fetch(city), units))
    finally:
        source.close()


def _wait_s(settings: Settings, calls_per_minute: int, clock: Clock) -> float:
    """Seconds until the API may be called, 0 if a call is taken now."""
    try:
        database = _database(settings, clock)
        try:
            name = source_name(settings)
            return Quota(database, source=name, calls_per_minute=calls_per_minute, clock=clock).take()
        finally:
            database.close()
    except HistoryError:  # told by its own check; it hides nothing of the source, and this is a single call
        return 0.0


def _asked(settings: Settings, city: City, ask: Callable[[City], object]) -> Iterator[Check]:
    """Whether the API answers, and what it says of one city: an answer about the city is an answer."""
    answered = f"{settings.weather.base_url} answers and accepts the key"
    name = f"city {city.name}"
    try:
        ask(city)
    except (BadRequest, CityNotFound, DataRejected, OversizedBody) as error:
        yield Check("source", True, answered)
        remedy = f"correct {city.name} in weather.cities; `lakewarden cities test CITY` tries a spelling"
        yield Check(name, False, str(error), remedy)
        return
    yield Check("source", True, answered)
    yield Check(name, True, "the API knows it")


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
        yield Check(f"lake: {check.name}", check.ok, _SEE_DOCTOR.sub("", check.detail), check.remedy)


def _policy(settings: Settings, policies: list[dict[str, Any]]) -> Iterator[Check]:
    """Put the policy of a lake in S3 into `policies`; no check unless it cannot be told."""
    if not settings.lake_url.startswith("s3://"):
        return
    from etl.lake.permissions import least_privilege_policy
    from etl.lake.s3 import S3Lake

    lake = open_lake(settings)
    if isinstance(lake, S3Lake):
        policies.append(least_privilege_policy(lake))
    yield from ()
