"""Builds what answers questions and SQL: sessions with the guard of their query, engines, the publisher."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from console.actions.permissions import Permissions
from console.actions.warehouse_queries import WarehouseQueries
from console.settings import Settings
from console.wiring.customer_guard import CustomerGuard
from console.wiring.lake_objects import LakeObjects
from console.wiring.permissions import HostAccount
from console.wiring.warehouse import FILE, cell_cipher, open_store, scratch_dir
from etl.errors import LakeError
from warehouse.browser import Browser
from warehouse.engines.duckdb import DuckdbEngine
from warehouse.engines.spark_session import LOCAL, SparkSession
from warehouse.engines.sqlite import SqliteEngine
from warehouse.errors import StoreError
from warehouse.governed import Session, Source
from warehouse.opened import Database
from warehouse.ports import ColumnGuard
from warehouse.publish import Publication, Published, publish, published
from warehouse.published_objects import ROOT, current, download, publish_to
from warehouse.questions import Questions

if TYPE_CHECKING:
    from warehouse.engines.spark import SparkEngine

PUT_AT_ONCE = 4
WEATHER_READINGS = (
    "SELECT city, logical_time AS hour, temperature, humidity, weather, wind_speed, units, captured_at, source "
    "FROM main.reading"
)


def warehouse_queries(settings: Settings, *, permissions: Permissions | None = None) -> WarehouseQueries:
    """The actions in the workspace of `settings`. Opens nothing yet.

    They are those of whoever `permissions` decides for; of the program itself without it.
    """
    cipher = cell_cipher(settings)
    sources: dict[Database, Callable[[], Source]] = {
        "warehouse": lambda: _warehouse(settings),
        "weather": lambda: _weather(settings),
    }

    def browser(database: Database, guard: ColumnGuard | None) -> Browser:
        return Browser(
            database,
            open_engine=lambda: SqliteEngine(sources[database](), guard=guard, cipher=cipher),
            open_session=lambda: Session(sources[database](), guard=guard, cipher=cipher),
        )

    return WarehouseQueries(
        sources=sources,
        open_browser=browser,
        guard_of=CustomerGuard,
        open_session=lambda source: Session(source, cipher=cipher),
        open_sqlite=lambda source, guard: SqliteEngine(source, guard=guard, cipher=cipher),
        open_other=lambda name, master: _other_engine(settings, name, master),
        questions=Questions(settings.home / "questions"),
        publish=lambda to, stop: _publish(settings, to, stop),
        permissions=permissions or HostAccount(),
        exports_dir=settings.exports_dir,
        now=lambda: datetime.now(UTC),
    )


def published_folder(settings: Settings) -> Path:
    """Where `publish` puts the Parquet, and where the DuckDB engine looks for it."""
    url = settings.lake_url
    return (settings.home / "lake" if url.startswith("s3://") else Path(url)) / "warehouse"


def _warehouse(settings: Settings) -> Source:
    open_store(settings, read_only=True)
    return Source("warehouse", settings.home / FILE)


def _weather(settings: Settings) -> Source:
    return Source(
        "weather", settings.etl_db, tables=("reading",), views=(("Weather_Readings", WEATHER_READINGS),), sealed=False
    )


def _other_engine(settings: Settings, name: str, master: str) -> DuckdbEngine | SparkEngine:
    store = open_store(settings, read_only=True)
    if name == "spark":
        from warehouse.engines.spark import SparkEngine

        session = SparkSession(master or LOCAL, scratch_dir=scratch_dir(settings))
        return SparkEngine(store, _published(settings, session), session)
    folder = published_folder(settings)
    if settings.lake_url.startswith("s3://"):
        # Without what lies there, DuckDB answers from SQLite's data.
        with suppress(LakeError, StoreError):
            download(_objects(settings, settings.lake_url), folder, now=datetime.now(UTC))
    return DuckdbEngine(store, folder, scratch_dir=scratch_dir(settings))


def _published(settings: Settings, session: SparkSession) -> Published:
    """The publication as this session can read it: a cluster reads a bucket itself."""
    url, found = settings.lake_url, None
    if not url.startswith("s3://"):
        found = published(published_folder(settings))
    elif session.is_local:
        found = download(_objects(settings, url), published_folder(settings), now=datetime.now(UTC))
    elif there := current(_objects(settings, url)):
        found = Published(f"s3a://{url.removeprefix('s3://')}/{ROOT}/{there.name}", there.mark, there.at)
    if found is None:
        raise StoreError(f"nothing is published in {url} that can be read: run `lakewarden warehouse publish`")
    return found


def _objects(settings: Settings, url: str) -> LakeObjects:
    from etl.lake.s3 import S3Lake

    lake = settings.lake
    try:
        bucket = S3Lake(
            url, endpoint_url=lake.endpoint_url, sse=lake.sse, kms_key_id=lake.kms_key_id, connections=PUT_AT_ONCE
        )
    except ValueError as error:
        raise StoreError(f"--to: {error}") from error
    return LakeObjects(bucket)


def _publish(settings: Settings, to: str, stop: threading.Event | None) -> Publication:
    store, now = open_store(settings, read_only=True), datetime.now(UTC)
    url = to or settings.lake_url
    if url.startswith("s3://"):
        return publish_to(store, _objects(settings, url), scratch_dir(settings), now=now, stop=stop)
    return publish(store, Path(to).absolute() if to else published_folder(settings), now=now, stop=stop)
