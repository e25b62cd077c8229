"""Builds what answers questions and SQL: sessions with the workspace's guard and cipher, engines, the publisher."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

from console.actions.warehouse_queries import WarehouseQueries
from console.settings import Settings
from console.wiring.permissions import HostAccount
from console.wiring.warehouse import FILE, Masked, cell_cipher, open_store
from warehouse.engines.duckdb import DuckdbEngine
from warehouse.engines.sqlite import SqliteEngine
from warehouse.errors import EngineMissing
from warehouse.governed import Session, Source
from warehouse.publish import Publication, publish, publish_to
from warehouse.questions import Questions

WEATHER_READINGS = (
    "SELECT city, logical_time AS hour, temperature, humidity, weather, wind_speed, units, captured_at, source "
    "FROM main.reading"
)


def warehouse_queries(settings: Settings) -> WarehouseQueries:
    """The actions in the workspace of `settings`. Opens nothing yet."""
    guard, cipher = Masked(), cell_cipher(settings)
    return WarehouseQueries(
        sources={"warehouse": lambda: _warehouse(settings), "weather": lambda: _weather(settings)},
        open_session=lambda source: Session(source, guard=guard, cipher=cipher),
        open_sqlite=lambda source: SqliteEngine(source, guard=guard, cipher=cipher),
        open_other=lambda name: _other_engine(settings, name),
        questions=Questions(settings.home / "questions"),
        publish=lambda to, stop: _publish(settings, to, stop),
        permissions=HostAccount(),
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


def _other_engine(settings: Settings, name: str) -> DuckdbEngine:
    if name == "spark":
        raise EngineMissing("the spark engine is not part of this version; use --engine duckdb on the published data")
    return DuckdbEngine(open_store(settings, read_only=True), published_folder(settings))


def _publish(settings: Settings, to: str, stop: threading.Event | None) -> Publication:
    store, now = open_store(settings, read_only=True), datetime.now(UTC)
    if not to.startswith("s3://"):
        return publish(store, Path(to).absolute() if to else published_folder(settings), now=now, stop=stop)
    from etl.lake.s3 import S3Lake

    lake = S3Lake(
        to,
        endpoint_url=settings.lake.endpoint_url,
        sse=settings.lake.sse,
        kms_key_id=settings.lake.kms_key_id,
        connections=4,
    )
    return publish_to(store, lake.put, to, settings.home / "tmp", now=now, stop=stop)
