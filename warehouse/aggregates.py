"""The four aggregates: kept current by differences with every load, or rebuilt from the facts."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping

from warehouse.bulk import Inserter
from warehouse.database import Warehouse, script, statements
from warehouse.models import AGGREGATES

SUMS = ("total_sales_cents", "total_quantity_sold", "transaction_count")
KEYS = dict(
    zip(
        AGGREGATES,
        (
            ("year", "month_number", "store_id", "product_id"),
            ("year", "store_id", "product_id"),
            ("year", "month_number", "store_id", "category"),
            ("year", "region", "product_id"),
        ),
        strict=True,
    )
)


def rebuild(connection: sqlite3.Connection) -> None:
    """All aggregates anew from the facts, within the transaction of `connection`."""
    _run(connection, "rebuild")


def refresh(warehouse: Warehouse, *, stop: threading.Event | None = None) -> dict[str, int]:
    """Rebuild all aggregates in the log beside the old ones, which readers see until the swap; the rows of each now.

    Raises a `StoreError`, or `QueryStopped`.
    """
    with warehouse.writing(stop) as connection:
        rebuild(connection)
        counts = row_counts(connection)
    warehouse.checkpoint()
    return counts


def row_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows each aggregate has."""
    return {
        name: int(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0])  # noqa: S608 - fixed names
        for name in AGGREGATES
    }


def begin_differences(connection: sqlite3.Connection) -> None:
    """An empty TEMP table `difference` of sales by month, store and product: what `apply_differences` adds."""
    _run(connection, "difference")


def apply_differences(connection: sqlite3.Connection, *, corrections: bool) -> None:
    """Add every row of `difference` to the four aggregates; after `corrections`, forget groups that are empty."""
    _run(connection, "apply")
    if corrections:
        _run(connection, "forget")


def adder(connection: sqlite3.Connection, table: str, columns: tuple[str, ...], **constants: int | str) -> Inserter:
    """Adds `columns` and then the three sums to one aggregate, fastest in the order of its key."""
    added = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
    tail = f" ON CONFLICT ({', '.join(KEYS[table])}) DO UPDATE SET {added}"
    return Inserter(connection, table, (*columns, *SUMS), constants=constants, tail=tail)


def take_from_roll_ups(connection: sqlite3.Connection) -> None:
    """Take away what the products and stores in TEMP table `moved` (kind, key) have in the roll-ups.

    A load does so before their category or region changes, and calls `give_to_roll_ups` afterwards.
    """
    _run(connection, "move", {"sign": -1})
    _run(connection, "forget_moved")


def give_to_roll_ups(connection: sqlite3.Connection) -> None:
    """Add what the products and stores in TEMP table `moved` have, to the roll-ups of where they are now."""
    _run(connection, "move", {"sign": 1})


def _run(connection: sqlite3.Connection, name: str, parameters: Mapping[str, int] | None = None) -> None:
    for statement in statements(script(f"aggregates/{name}")):
        connection.execute(statement, parameters or {})
