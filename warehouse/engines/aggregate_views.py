"""The aggregates as views over the facts, for engines that are fast without: in SQL that DuckDB and Spark both read."""

from __future__ import annotations

from collections.abc import Set

from warehouse.models import DIMENSIONS, FACT

_YEAR = "CAST((s.time_id - s.time_id % 10000) / 10000 AS BIGINT) AS year"
_MONTH = "t.year, t.month_number, t.month"
_SUMS = (
    "CAST(sum(s.total_sales_cents) AS BIGINT) AS total_sales_cents, "
    "CAST(sum(s.quantity_sold) AS BIGINT) AS total_quantity_sold, CAST(count(*) AS BIGINT) AS transaction_count, "
    "CAST(sum(s.total_sales_cents) AS DOUBLE) / CAST(100 AS DOUBLE) AS total_sales_amount"
)
_GRAINS = {
    "Monthly_Sales_Aggregate_Table": (f"s.store_id, s.product_id, {_MONTH}", ("Time_Table",)),
    "Yearly_Sales_Aggregate_Table": (f"s.store_id, s.product_id, {_YEAR}", ()),
    "Monthly_Store_Category_Aggregate_Table": (f"{_MONTH}, s.store_id, p.category", ("Time_Table", "Product_Table")),
    "Yearly_Region_Product_Aggregate_Table": (f"{_YEAR}, st.region, s.product_id", ("Store_Table",)),
}
_JOINS = {
    "Time_Table": " JOIN Time_Table t ON t.time_id = s.time_id",
    "Product_Table": " JOIN Product_Table p ON p.product_id = s.product_id",
    "Store_Table": " JOIN Store_Table st ON st.store_id = s.store_id",
}


def base_tables(names: Set[str]) -> set[str]:
    """The base tables that a query with these names, in lower case, needs."""
    needed = {table for table in (FACT, *DIMENSIONS) if table.lower() in names}
    for view in views_named(names):
        needed |= {FACT, *_GRAINS[view][1]}
    return needed


def views_named(names: Set[str]) -> list[str]:
    """The aggregates among these names, which are in lower case."""
    return [view for view in _GRAINS if view.lower() in names]


def view_select(view: str) -> str:
    """The SELECT on the base tables that gives an aggregate."""
    grain, joined = _GRAINS[view]
    joins = "".join(_JOINS[table] for table in joined)
    return f"SELECT {grain}, {_SUMS} FROM {FACT} s{joins} GROUP BY ALL"  # noqa: S608 - own names
