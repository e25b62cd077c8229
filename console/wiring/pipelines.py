"""Builds the weather pipeline from the settings: which source, which lake, whose secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from console import redaction
from console.actions.permissions import Permissions
from console.actions.pipelines import Pipelines, PipelineSetup
from console.config_errors import ConfigError, Problem
from console.config_file import changed_mode, edit_cities, mode_of_accounts
from console.settings import Mode, Settings, SourceChoice, load_settings
from console.wiring.clock import SystemClock
from console.wiring.permissions import HostAccount
from console.wiring.secrets import read_secret
from etl.cities import cities_of
from etl.errors import InvalidKey, LakeError
from etl.history.database import Database
from etl.models import RunPolicy, Units
from etl.ports import Clock, Lake, Source
from etl.tasks import PRACTICE
from security.errors import SecurityError

OPENWEATHER = "openweather"
API_KEY = "openweather_api_key"


def pipelines(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    clock: Clock | None = None,
    permissions: Permissions | None = None,
) -> Pipelines:
    """The actions of the weather pipeline in the workspace of `settings`. Opens nothing yet.

    They are those of whoever `permissions` decides for; of the program itself without it.
    """
    at = clock or SystemClock()

    def setup() -> PipelineSetup:
        return pipeline_setup(load_settings(environ, settings.home), at)

    def edit(add: Sequence[str], remove: Sequence[str]) -> None:
        edit_cities(load_settings(environ, settings.home), add=add, remove=remove)

    return Pipelines(
        setup=setup,
        open_database=lambda: Database(settings.etl_db, lock_file=settings.locks_dir / "etl.db.lock", now=at.now),
        permissions=permissions or HostAccount(),
        clock=at,
        edit_cities=edit,
        redact=redaction.redact,
    )


def pipeline_setup(settings: Settings, clock: Clock) -> PipelineSetup:
    """The pipeline as these settings describe it. Raises `ConfigError` where they cannot work."""
    name = source_name(settings)
    if name == PRACTICE:
        _refuse_practice_beyond_this_machine(settings)
    return PipelineSetup(
        source_name=name,
        source_detail="made-up weather" if name == PRACTICE else settings.weather.base_url,
        cities=tuple(cities_of(settings.weather.cities)[0]),
        policy=run_policy(settings),
        lake_url=settings.lake_url,
        staging_dir=settings.staging_dir,
        locks_dir=settings.locks_dir,
        schedule_enabled=settings.schedule.enabled,
        open_source=_source_opener(settings, name, clock),
        open_lake=lambda: open_lake(settings),
    )


def api_key(settings: Settings) -> str | None:
    """The weather API's key: from the environment, else from the secret store. Redacted everywhere from here on."""
    key = settings.openweather_api_key or read_secret(settings, API_KEY)
    if key:
        redaction.register(key)
    return key


def source_name(settings: Settings) -> str:
    """`openweather` or `practice`, as configured; `auto` is practice in a practice workspace without a key."""
    choice = settings.weather.source
    if choice is SourceChoice.AUTO:
        return PRACTICE if settings.practice and not _knows_a_key(settings) else OPENWEATHER
    return PRACTICE if choice is SourceChoice.PRACTICE else OPENWEATHER


def _knows_a_key(settings: Settings) -> bool:
    try:
        return api_key(settings) is not None
    except SecurityError:
        return True  # one was set, though it cannot be opened now: never a reason for made-up weather


def _required_key(settings: Settings) -> str:
    """The API key. Raises `InvalidKey` if there is none, or none that can be opened."""
    try:
        key = api_key(settings)
    except SecurityError as error:
        raise InvalidKey(f"the API key cannot be read: {error}") from error
    if key is None:
        raise InvalidKey(
            "there is no API key: set OPENWEATHER_API_KEY or run `lakewarden secrets set openweather_api_key`"
        )
    return key


def run_policy(settings: Settings) -> RunPolicy:
    weather, sensor, retry = settings.weather, settings.sensor, settings.retry
    return RunPolicy(
        units=Units(weather.units),
        concurrency=weather.concurrency,
        calls_per_minute=weather.calls_per_minute,
        pause_after_429_s=weather.pause_after_429_s,
        deadline_s=weather.deadline_s,
        poke_interval_s=sensor.poke_interval_s,
        sensor_timeout_s=sensor.timeout_s,
        retries=retry.retries,
        delay_s=retry.delay_s,
    )


def open_lake(settings: Settings) -> Lake:
    """The configured lake."""
    lake = settings.lake
    if settings.lake_url.startswith("s3://"):
        from etl.lake.s3 import S3Lake

        return S3Lake(
            settings.lake_url,
            endpoint_url=lake.endpoint_url,
            sse=lake.sse,
            kms_key_id=lake.kms_key_id,
            connections=settings.weather.concurrency,
        )
    from etl.lake.folder import FolderLake

    folder = FolderLake(settings.home / settings.lake_url)
    folder.sweep()
    return folder


def _source_opener(settings: Settings, name: str, clock: Clock) -> Callable[[Units], Source]:
    weather = settings.weather

    def open_source(units: Units) -> Source:
        if name == PRACTICE:
            from etl.sources.practice import practice_source

            return practice_source(
                units=units, timeout_s=weather.timeout_s, connections=weather.concurrency, clock=clock
            )
        from etl.sources.openweather import OpenWeather

        return OpenWeather(
            api_key=_required_key(settings),
            base_url=weather.base_url,
            units=units,
            timeout_s=weather.timeout_s,
            connections=weather.concurrency,
        )

    return open_source


def _refuse_practice_beyond_this_machine(settings: Settings) -> None:
    """Practice data never mixes with real data. Raises `ConfigError`."""
    if not settings.practice:
        found = "the practice source in a production workspace"
        raise ConfigError([Problem(str(settings.config_file), "weather.source", '"openweather" or "auto"', found)])
    if mode_of_accounts(settings.home) is Mode.PRODUCTION:
        raise changed_mode(settings.config_file, Mode.PRODUCTION, settings.workspace.mode.value)
    if settings.lake_url.startswith("s3://") and not _is_on_this_machine(open_lake(settings)):
        expected = "a folder or an endpoint on this machine while the source is practice (made-up) weather"
        raise ConfigError([Problem(str(settings.config_file), "lake.url", expected, settings.lake_url)])


def _is_on_this_machine(lake: Lake) -> bool:
    try:
        return lake.on_this_machine
    except LakeError:  # such as no profile of that name: not known to be here, so not here
        return False
