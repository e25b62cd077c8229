"""Builds the practice warehouse: sales that look like a supermarket's, the same values for the same arguments.

Every value follows from rows, seed and last day alone. Sales are drawn a day and region at a time, whole columns at
once from tables of 65,536 weighted entries, so that time goes to SQLite and memory does not grow with the rows.
"""

from __future__ import annotations

import math
import random
import sqlite3
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain, repeat
from operator import mul, rshift
from pathlib import Path

from warehouse import aggregates, practice_dimensions
from warehouse.bulk import FACT_COLUMNS, Inserter
from warehouse.database import STOPPED, Warehouse, holds_data, stamp
from warehouse.errors import DataRefused, HoldsLoads, NotForPractice, QueryStopped, StoreNotEmpty
from warehouse.models import DIMENSIONS, FACT
from warehouse.ports import CellCipher
from warehouse.practice_dimensions import REGIONS, Product, days, shelf_price, time_id
from warehouse.values import shown

DEFAULT_ROWS, DEFAULT_SEED = 100_000, 1
MOST_ROWS = 1_000_000_000
BATCH_ID = 1
SOURCE = "practice data: "  # begins the source of the batch that `build` makes; that of a load is an absolute path
BATCHES_NAMED = 3
DRAWS = 65_536
WEEK = (0.82, 0.80, 0.86, 0.95, 1.20, 1.45, 1.25)  # Monday to Sunday
YEAR = (0.86, 0.88, 0.94, 0.97, 1.00, 1.02, 1.04, 1.02, 0.97, 1.00, 1.14, 1.36)
REGION_SHARE = (1.2, 0.9, 1.1, 1.3, 1.0)
GROWTH_A_DAY = 1.0002
PRICE_CHANGES_A_MONTH = 0.12
QUANTITIES = ((1, 60.0), (2, 21.0), (3, 9.0), (4, 5.0), (6, 2.5), (12, 0.5), (-1, 1.6), (-2, 0.4))
LATE_ROWS, LATEST_DAYS = 0.01, 5


@dataclass(frozen=True, slots=True)
class PracticeSpec:
    """What the practice data follows from: `rows` sales from the start of the year before last to day `until`."""

    rows: int
    seed: int
    until: date

    @property
    def first(self) -> date:
        return date(self.until.year - 2, 1, 1)

    def __str__(self) -> str:
        return f"{SOURCE}--rows {self.rows} --seed {self.seed} --until {self.until}"


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What was built, and how long it took."""

    spec: PracticeSpec
    rows: dict[str, int]
    elapsed_s: float


def last_day_of_previous_month(today: date) -> date:
    """The default of `until`: the newest day of the newest month that is over."""
    return today.replace(day=1) - timedelta(days=1)


def build(
    warehouse: Warehouse,
    spec: PracticeSpec,
    *,
    practice: bool,
    cipher: CellCipher,
    now: datetime,
    only_if_empty: bool = False,
    replace: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    stop: threading.Event | None = None,
) -> BuildReport:
    """Replace the whole warehouse, in one transaction: readers see the old one until the new one is complete.

    What was loaded is replaced only with `replace`. `progress` is told sales done and sales in all. Raises
    `NotForPractice` unless `practice`, `DataRefused` for a spec that cannot be, `StoreNotEmpty` if it has data and
    `only_if_empty`, `HoldsLoads`, `QueryStopped`, and a `StoreError`.
    """
    check(spec, practice=practice)
    started_s = time.monotonic()
    with warehouse.writing(stop) as connection:
        if only_if_empty and holds_data(connection):
            raise StoreNotEmpty(f"expected an empty warehouse, found data in {warehouse.path}; nothing was changed")
        if not replace:
            _require_no_loads(connection)
        for table in (FACT, *DIMENSIONS, "batch"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names
        rng = random.Random(spec.seed)  # noqa: S311 - made-up data, not a secret
        products = practice_dimensions.products(rng)
        prices = list(_prices(products, spec, rng))
        _write_dimensions(connection, spec, products, prices[-1], cipher)
        _write_sales(connection, spec, products, prices, rng, progress, stop)
        aggregates.rebuild(connection)
        connection.execute(
            "INSERT INTO batch VALUES (?, ?, ?, NULL, ?, ?, ?, 0, 0, 0, NULL)",
            (BATCH_ID, FACT, str(spec), stamp(now), spec.rows, spec.rows),
        )
        counts = {
            table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
            for table in (*DIMENSIONS, FACT)
        } | aggregates.row_counts(connection)
    warehouse.checkpoint()
    return BuildReport(spec, counts, time.monotonic() - started_s)


def _require_no_loads(connection: sqlite3.Connection) -> None:
    """Return if all that is there was made up. Raises `HoldsLoads`, which names what was loaded."""
    loads = connection.execute(
        "SELECT table_name, source, rows_new + rows_changed FROM batch WHERE substr(source, 1, ?) <> ? "
        "ORDER BY batch_id DESC",
        (len(SOURCE), SOURCE),
    ).fetchall()
    if not loads:
        return
    named = [f"{table} from {shown(Path(source).name)} ({rows:,})" for table, source, rows in loads[:BATCHES_NAMED]]
    more = [f"and {len(loads) - BATCHES_NAMED:,} more"] if len(loads) > BATCHES_NAMED else []
    batches = "1 loaded batch" if len(loads) == 1 else f"{len(loads):,} loaded batches"
    raise HoldsLoads(
        f"expected a warehouse of practice data alone, found {batches}: {', '.join([*named, *more])}; "
        "nothing was changed"
    )


def check(spec: PracticeSpec, *, practice: bool) -> None:
    """Return if the warehouse may be replaced by these data. Raises `NotForPractice`, `DataRefused`."""
    if not practice:
        raise NotForPractice(
            "`warehouse build` replaces the warehouse by made-up data: it works in a practice workspace only, and "
            "this is a production workspace; load your own data with `lakewarden warehouse load`"
        )
    if not 0 < spec.rows <= MOST_ROWS:
        raise DataRefused(f"expected 1 to {MOST_ROWS:,} rows, found {spec.rows}")
    if not 1902 <= spec.until.year <= 2199:
        raise DataRefused(f"expected a last day in the years 1902 to 2199, found {spec.until}")


def _write_dimensions(
    connection: sqlite3.Connection,
    spec: PracticeSpec,
    products: list[Product],
    last_prices: Sequence[int],
    cipher: CellCipher,
) -> None:
    def sealed(number: int, column: str, clear: str) -> bytes:
        return cipher.seal(clear, table="Customer_Table", column=column, row=number)

    rows: dict[str, Iterator[tuple[object, ...]]] = {
        "Store_Table": iter(practice_dimensions.stores()),
        "Supplier_Table": iter(practice_dimensions.suppliers()),
        "Product_Table": (
            (p.product_id, p.name, p.category.name, p.brand, cents, p.supplier_id,
             practice_dimensions.supplier_name(p.supplier_id))
            for p, cents in zip(products, last_prices[1:], strict=True)
        ),
        "Customer_Table": (
            (number, sealed(number, "customer_name", name), sealed(number, "address", address), level)
            for number, name, address, level in practice_dimensions.customers(spec.rows)
        ),
        "Time_Table": map(practice_dimensions.calendar_row, days(spec.first, date(spec.until.year, 12, 31))),
    }  # fmt: skip
    for table, made in rows.items():
        first = next(made)
        marks = ", ".join("?" * len(first))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", chain([first], made))  # noqa: S608 - fixed names


def _prices(products: list[Product], spec: PracticeSpec, rng: random.Random) -> Iterator[list[int]]:
    """For every month, the price of each product in cents, at the product's id (0 is none)."""
    current = [0, *(product.cents for product in products)]
    yield current
    for _ in range((spec.until.year - spec.first.year) * 12 + spec.until.month - 1):
        current = [
            shelf_price(cents * (1.0 + rng.uniform(-0.05, 0.09))) if rng.random() < PRICE_CHANGES_A_MONTH else cents
            for cents in current
        ]
        current[0] = 0
        yield current


def _write_sales(
    connection: sqlite3.Connection,
    spec: PracticeSpec,
    products: list[Product],
    prices: list[list[int]],
    rng: random.Random,
    progress: Callable[[int, int], None],
    stop: threading.Event | None,
) -> None:
    customers = practice_dimensions.customer_count(spec.rows)
    store_draws = [_store_draws(region, rng) for region in range(len(REGIONS))]
    quantity_draws = _draws([value for value, _ in QUANTITIES], [weight for _, weight in QUANTITIES])
    product_draws: list[list[int]] = []
    month = 0
    done = 0
    with Inserter(connection, FACT, FACT_COLUMNS, constants={"batch_id": BATCH_ID}) as facts:
        for day, region, count in _counts(spec, rng):
            if day.month != month:
                month = day.month
                price = prices[(day.year - spec.first.year) * 12 + month - 1]
                product_draws = [_product_draws(products, month, name) for name in REGIONS]
            product = _drawn(product_draws[region], count, rng)
            quantity = _drawn(quantity_draws, count, rng)
            cents = list(map(price.__getitem__, product))
            facts.add(
                [
                    range(done + 1, done + count + 1),
                    _time_ids(day, spec.first, count, rng),
                    _drawn(store_draws[region], count, rng),
                    product,
                    _uniform(customers, count, rng),
                    quantity,
                    cents,
                    list(map(mul, quantity, cents)),
                ],
                count,
            )
            done += count
            progress(done, spec.rows)
            if stop is not None and stop.is_set():
                raise QueryStopped(STOPPED)


def _counts(spec: PracticeSpec, rng: random.Random) -> Iterator[tuple[date, int, int]]:
    """(day, region, sales) with sales that add up to all rows."""
    weights = [
        (day, region, share * WEEK[day.weekday()] * YEAR[day.month - 1] * GROWTH_A_DAY**number * rng.uniform(0.9, 1.1))
        for number, day in enumerate(days(spec.first, spec.until))
        for region, share in enumerate(REGION_SHARE)
    ]
    scale = spec.rows / math.fsum(weight for _, _, weight in weights)
    exact, given = 0.0, 0
    for day, region, weight in weights[:-1]:
        exact += weight * scale
        count = max(0, min(round(exact), spec.rows) - given)
        given += count
        if count:
            yield day, region, count
    yield weights[-1][0], weights[-1][1], spec.rows - given


def _store_draws(region: int, rng: random.Random) -> list[int]:
    per_region = practice_dimensions.STORES // len(REGIONS)
    stores = range(region * per_region + 1, (region + 1) * per_region + 1)
    return _draws(stores, [math.exp(rng.gauss(0.0, 0.5)) for _ in stores])


def _product_draws(products: list[Product], month: int, region: str) -> list[int]:
    """Product ids, weighted as this region buys them in this month."""
    factor = {
        category: (1.0 + category.swing * math.cos((month - category.peak) * math.pi / 6.0))
        * (1.5 if category.region == region else 1.0)
        for category in practice_dimensions.CATEGORIES
    }
    factors = {category.name: value for category, value in factor.items()}
    return _draws(
        [product.product_id for product in products],
        [product.weight * factors[product.category.name] for product in products],
    )


def _draws(values: Sequence[int], weights: Sequence[float]) -> list[int]:
    """`DRAWS` entries in which each value stands as often as its weight says, by cumulative rounding."""
    scale = DRAWS / math.fsum(weights)
    entries: list[int] = []
    exact = 0.0
    for value, weight in zip(values, weights, strict=True):
        exact += weight * scale
        entries += [value] * (min(round(exact), DRAWS) - len(entries))
    return entries + [values[-1]] * (DRAWS - len(entries))


def _drawn(entries: list[int], count: int, rng: random.Random) -> list[int]:
    return list(map(entries.__getitem__, _words("H", 2 * count, rng)))


def _uniform(most: int, count: int, rng: random.Random) -> list[int]:
    """Numbers from 1 to `most`; heavier for low ones, as some customers come often."""
    numbers = map(rshift, map(mul, _words("I", 4 * count, rng), repeat(most)), repeat(32))
    return list(map(int.__add__, numbers, repeat(1)))


def _words(kind: str, size: int, rng: random.Random) -> array[int]:
    words: array[int] = array(kind)
    words.frombytes(rng.randbytes(size))
    if sys.byteorder == "big":
        words.byteswap()
    return words


def _time_ids(day: date, first: date, count: int, rng: random.Random) -> list[int]:
    """The day of every sale: this one, but for the late rows, which happened up to `LATEST_DAYS` before."""
    ids = [time_id(day)] * count
    late = int(count * LATE_ROWS + rng.random())
    for _ in range(late):
        ids[rng.randrange(count)] = time_id(max(first, day - timedelta(days=rng.randint(1, LATEST_DAYS))))
    return ids
