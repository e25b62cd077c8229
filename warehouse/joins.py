"""How SuperMart's tables lead to each other, in the star and in the snowflake, and the SQL that joins chosen ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from warehouse.models import FACT

STORE, PRODUCT, CUSTOMER = "Store_Table", "Product_Table", "Customer_Table"
TIME, SUPPLIER = "Time_Table", "Supplier_Table"


@dataclass(frozen=True, slots=True)
class Join:
    """Many rows of `many` lead by `key` to one of `one`; the key has the same name in both."""

    many: str
    key: str
    one: str

    def words(self, arrow: str = "→") -> str:
        """`Sales_Transactions_Table.store_id → Store_Table.store_id`."""
        return f"{self.many}.{self.key} {arrow} {self.one}.{self.key}"


STAR = (
    Join(FACT, "store_id", STORE),
    Join(FACT, "customer_id", CUSTOMER),
    Join(FACT, "time_id", TIME),
    Join(FACT, "product_id", PRODUCT),
)
SNOWFLAKE = (*STAR, Join(PRODUCT, "supplier_id", SUPPLIER))

_ALIASES = {FACT: "f", STORE: "s", TIME: "t", PRODUCT: "p", CUSTOMER: "c", SUPPLIER: "u"}
_TELLING = {
    STORE: "store_name", TIME: "date", PRODUCT: "product_name", CUSTOMER: "membership_level", SUPPLIER: "supplier_name",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class JoinText:
    """A join as SQL: a whole query."""

    select: str


def join_text(tables: Iterable[str]) -> JoinText:
    """The facts joined with all of `tables`, and with those on the way to them."""
    wanted = _with_way(tables)
    clauses = [_clause(join) for join in SNOWFLAKE if join.one in wanted]
    columns = [f"{_ALIASES[join.one]}.{_TELLING[join.one]}" for join in SNOWFLAKE if join.one in wanted]
    columns += [f"f.{measure}" for measure in ("quantity_sold", "total_sales_amount")]
    return JoinText("\n".join([f"SELECT {', '.join(columns)}", f"FROM {FACT} AS f", *clauses]))


def joins_of(table: str, joins: Iterable[Join]) -> tuple[Join, ...]:
    """Those of `joins` that start or end at `table`."""
    return tuple(join for join in joins if table in (join.many, join.one))


def _with_way(tables: Iterable[str]) -> set[str]:
    wanted = set(tables)
    for join in reversed(SNOWFLAKE):
        if join.one in wanted:
            wanted.add(join.many)
    return wanted


def _clause(join: Join) -> str:
    one, many = _ALIASES[join.one], _ALIASES[join.many]
    return f"JOIN {join.one} AS {one} ON {one}.{join.key} = {many}.{join.key}"
