"""The questions from the published Parquet on Spark, beside DuckDB on the same files and SQLite on its facts.

`LAKEWARDEN_BENCH_ROWS` sets the facts (1,000,000). Spark's start is told apart; it is not in the ratios, which have no
target: on one machine, Spark is the slowest of the three; it is there for what one machine does not hold.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import closing
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from tests.bench.report import interleaved, print_note, print_title
from tests.warehouse.shop import Shop
from tests.warehouse.spark_java import java_home
from warehouse.engines.duckdb import DuckdbEngine
from warehouse.engines.spark import SparkEngine
from warehouse.engines.spark_session import SparkSession
from warehouse.engines.sqlite import SqliteEngine
from warehouse.errors import EngineMissing
from warehouse.governed import Source
from warehouse.limits import QueryLimits
from warehouse.publish import publish, published
from warehouse.question_files import Question
from warehouse.questions import Engine, Questions, ask

ROWS = int(os.environ.get("LAKEWARDEN_BENCH_ROWS", "1000000"))
AS_OF = date(2026, 10, 31)
PATIENT = QueryLimits(timeout_s=600)


def bench() -> None:
    print_title(f"Spark on this machine, {ROWS:,} facts as published")
    with tempfile.TemporaryDirectory(prefix="lakewarden-bench-") as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(java_home(Path(name) / "java")))
        try:
            session = SparkSession(scratch_dir=Path(name) / "tmp")
        except EngineMissing as error:
            print_note(f"not measured: {error}")
            return
        try:
            _bench(Path(name), session)
        finally:
            session.dispose()


def _bench(folder: Path, session: SparkSession) -> None:
    shop = Shop(folder / "shop")
    shop.build(rows=ROWS, until=AS_OF)
    done = publish(shop.warehouse, folder / "published", now=datetime.now(UTC))
    print_note(f"publish: {done.elapsed_s:.1f} s, {done.files} files, {done.size / 1e6:.1f} MB")
    found = published(folder / "published")
    assert found is not None
    started = time.perf_counter()
    session.session()
    print_note(f"Spark's start: {time.perf_counter() - started:.1f} s")
    spark = SparkEngine(shop.warehouse, found, session, keep_session=True)
    with (
        closing(DuckdbEngine(shop.warehouse, folder / "published", scratch_dir=shop.scratch)) as duckdb,
        closing(SqliteEngine(Source("warehouse", shop.path))) as sqlite,
    ):
        for name, question in Questions(Path("/none")).all()[0].items():
            assert ask(spark, question, as_of=AS_OF, limits=PATIENT).rows == _rows(sqlite, question)
            for peer in (sqlite, duckdb):
                pairs = interleaved(partial(_asked_s, spark, question), partial(_asked_s, peer, question), pairs=3)
                ours, theirs = median(pairs.ours) * 1000, median(pairs.peer) * 1000
                print_note(f"{name}: {ours:.0f} ms, {peer.name} {theirs:.0f} ms, ratio {pairs.ratio:.1f}")


def _rows(engine: Engine, question: Question) -> list[tuple[object, ...]]:
    return list(ask(engine, question, as_of=AS_OF, aggregates=False, limits=PATIENT).rows)


def _asked_s(engine: Engine, question: Question) -> float:
    started = time.perf_counter()
    _rows(engine, question)
    return time.perf_counter() - started
