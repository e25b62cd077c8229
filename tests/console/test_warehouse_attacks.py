"""What SQL gets out of the customers' cells through the gate: nothing, for every role that may query the warehouse.

Two workspaces differ in nothing but their customers' names and addresses. Whatever is asked, both answer alike: so no
value, order, count or error tells anything of the clear text.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console.actions.permissions import PermissionDenied
from console.actions.seat import InMemory
from console.actions.warehouse_queries import Asked, WarehouseQueries
from console.settings import load_settings
from console.wiring.cells import VaultCells
from console.wiring.warehouse import cell_cipher, warehouse_actions
from console.wiring.warehouse_queries import warehouse_queries
from tests import practice
from warehouse.errors import QueryRefused
from warehouse.models import SENSITIVE
from warehouse.shaping import Condition, Order, Shape, parse_condition

FACTS = "Sales_Transactions_Table"
ROLES = ("guest", "data-scientist", "auditor", "operator")
OTHER = ("Zacharias Other", "9 Elsewhere Road")

ATTACKS = [
    # A CTE with the view's name, over the table, over itself, recursive.
    "WITH Customer_Table AS (SELECT * FROM Customer_Table) SELECT * FROM Customer_Table",
    "WITH Customer_Table AS (SELECT customer_id, address FROM main.Customer_Table) SELECT address FROM Customer_Table",
    "WITH Customer_Table(customer_id) AS (SELECT 1) SELECT b.customer_name FROM Customer_Table "
    "JOIN temp.Customer_Table b USING (customer_id)",
    "WITH RECURSIVE walk(i, name) AS (SELECT 1, customer_name FROM Customer_Table WHERE customer_id = 1 UNION ALL "
    "SELECT i + 1, c.customer_name FROM walk JOIN Customer_Table c ON c.customer_id = i + 1) SELECT * FROM walk",
    # Joins that compare columns by themselves.
    "SELECT * FROM Customer_Table NATURAL JOIN (SELECT 'Practice Customer 000001' AS customer_name)",
    "SELECT count(*) FROM Customer_Table NATURAL JOIN main.Customer_Table",
    "SELECT count(*) FROM Customer_Table a JOIN Customer_Table b USING (customer_name)",
    "SELECT a.customer_id, b.customer_id FROM Customer_Table a JOIN Customer_Table b "
    "ON a.customer_name < b.customer_name",
    "SELECT customer_name FROM (SELECT 'Practice Customer 000002' AS customer_name) FULL JOIN Customer_Table "
    "USING (customer_name)",
    "SELECT address FROM (SELECT 1 AS address) FULL JOIN main.Customer_Table USING (address)",
    "SELECT * FROM (SELECT '2 Sample Street' AS address) NATURAL FULL JOIN Customer_Table",
    # What SQLite asks for twice, since it merges the view into the query.
    f"SELECT c.customer_name n, count(*) FROM {FACTS} s JOIN Customer_Table c ON c.customer_id = s.customer_id "
    "JOIN Product_Table p ON p.product_id = s.product_id GROUP BY n",
    f"SELECT c.membership_level n, count(*) FROM {FACTS} s JOIN Customer_Table c ON c.customer_id = s.customer_id "
    "JOIN Product_Table p ON p.product_id = s.product_id GROUP BY n, c.address HAVING max(c.customer_name) > 'P'",
    "SELECT a.membership_level n FROM Customer_Table a JOIN Customer_Table b USING (customer_id) "
    "GROUP BY n, b.rowid, a.customer_name",
    # Sub-selects.
    "SELECT customer_id FROM Customer_Table WHERE customer_name IN (SELECT 'Practice Customer 000001')",
    "SELECT (SELECT group_concat(customer_name) FROM Customer_Table), EXISTS (SELECT 1 FROM Customer_Table "
    "WHERE customer_name > 'P')",
    f"SELECT transaction_id FROM {FACTS} f WHERE 'Z' < (SELECT customer_name FROM Customer_Table c "
    "WHERE c.customer_id = f.customer_id) LIMIT 5",
    # The order, the groups and the count as an oracle.
    "SELECT customer_id FROM Customer_Table ORDER BY customer_name, address DESC",
    "SELECT customer_id FROM Customer_Table ORDER BY CASE WHEN customer_name > 'Practice Customer 000050' THEN 0 END, "
    "length(address)",
    "SELECT count(*), min(customer_id) FROM Customer_Table GROUP BY customer_name",
    "SELECT count(DISTINCT customer_name), count(DISTINCT substr(address, 1, 1)) FROM Customer_Table",
    "SELECT membership_level, max(customer_name), min(address) FROM Customer_Table GROUP BY 1 HAVING "
    "max(customer_name) > 'A'",
    "SELECT customer_id FROM Customer_Table WHERE customer_name LIKE 'Practice%1'",
    "SELECT customer_id FROM Customer_Table WHERE customer_name GLOB '*0001' OR instr(address, 'Phoenix') > 0",
    "SELECT count(*) FROM Customer_Table WHERE unicode(customer_name) = 80 OR hex(address) LIKE '32%'",
    "SELECT customer_id FROM Customer_Table WHERE customer_name = address OR typeof(customer_name) = 'blob'",
    # Window functions.
    "SELECT customer_id, rank() OVER (ORDER BY customer_name), row_number() OVER (PARTITION BY address) "
    "FROM Customer_Table",
    "SELECT first_value(customer_name) OVER (ORDER BY address), lag(address) OVER (ORDER BY customer_name DESC) "
    "FROM Customer_Table",
    "SELECT group_concat(customer_name) OVER (ORDER BY customer_id ROWS 2 PRECEDING) FROM Customer_Table",
    # JSON.
    "SELECT json_group_array(json_object('n', customer_name, 'a', address)) FROM Customer_Table",
    "SELECT j.value FROM Customer_Table, json_each(json_array(customer_name, address)) AS j",
    "SELECT json_group_object(customer_name, customer_id) FROM Customer_Table",
    "SELECT json_extract(json_array(customer_name), '$[0]') FROM Customer_Table",
    # The cells themselves, and what opens them.
    "SELECT hex(customer_name), length(address) FROM Customer_Table",
    "SELECT open_sealed_cell(x'00', 'Customer_Table', 'customer_name', 1)",
    "SELECT open_sealed_cell(customer_name, 'Customer_Table', 'customer_name', customer_id) FROM main.Customer_Table",
    "SELECT CAST(customer_name AS BLOB), quote(address), printf('%s', customer_name) FROM Customer_Table",
    f"SELECT c.customer_name, sum(f.total_sales_amount) FROM {FACTS} f JOIN Customer_Table c USING (customer_id) "
    "GROUP BY c.customer_name",
]
SHAPES = [
    Shape(order=(Order(1), Order(2, descending=True))),
    Shape(conditions=(parse_condition(1, "practice"),)),
    Shape(conditions=(parse_condition(2, "> 5"), parse_condition(1, "not empty"))),
    Shape(
        order=(Order(2),), conditions=(Condition(1, parse_condition(1, "!= x").compare, "Practice Customer 000001"),)
    ),
]


@dataclass
class Twins:
    """The two workspaces, every clear text of both, and the sessions of who signed in there."""

    homes: tuple[Path, Path]
    clear: set[str]
    seats: dict[tuple[Path, str], InMemory] = field(default_factory=dict)

    @contextmanager
    def seated(self, home: Path, user: str) -> Iterator[WarehouseQueries]:
        """The queries of `user` in `home`; the guest has not signed in."""
        new = (home, user) not in self.seats
        keeper = self.seats.setdefault((home, user), InMemory())
        with closing(practice.opened(home, {}, keeper=keeper)) as security:
            if new and user != "guest":
                practice.sit_down(security, user)
            with closing(warehouse_queries(security.settings, permissions=security.gate)) as queries:
                yield queries


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    folder = tmp_path_factory.mktemp("twins")
    one, other = folder / "one", folder / "other"
    practice.prepare(one)
    settings = load_settings({"LAKEWARDEN_HOME": str(one)})
    warehouse_actions(settings).build(rows=400)
    cipher = cell_cipher(settings)
    assert isinstance(cipher, VaultCells)
    shutil.copytree(one, other)
    clear = set(OTHER)
    with closing(sqlite3.connect(other / "warehouse.db")) as connection, connection:
        for table, column in sorted(SENSITIVE):
            found = connection.execute(f"SELECT customer_id, {column} FROM {table} ORDER BY 1").fetchall()
            texts = [cipher.open(cell, table=table, column=column, row=number) for number, cell in found]
            clear.update(texts)
            # The other way round, and one that both do not have: other values, another order, other groups.
            mixed = [OTHER[column == "address"], *reversed(texts[1:])]
            for (number, _), text in zip(found, mixed, strict=True):
                sealed = cipher.seal(text, table=table, column=column, row=number)
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE customer_id = ?", (sealed, number))
    return Twins((one, other), clear)


def told(queries: WarehouseQueries, sql: str) -> str:
    """All that a query tells: its columns and rows on both ways of asking, or how it is refused."""
    try:
        answer = queries.sql(sql, Asked()).answer
    except QueryRefused as error:
        with pytest.raises(QueryRefused):
            queries.open(sql)
        return re.sub(r"cells_[0-9a-f]{32}", "", str(error))
    opened = queries.open(sql)
    with closing(opened.result):
        assert not opened.unmasked
        return repr((answer.columns, answer.rows, answer.truncated, opened.columns, opened.result.first))


@pytest.mark.parametrize("user", ROLES)
def test_no_query_tells_anything_of_the_clear_text(twins: Twins, user: str) -> None:
    found: list[list[str]] = []
    for home in twins.homes:
        with twins.seated(home, user) as queries:
            found.append([told(queries, sql) for sql in ATTACKS])
    for sql, one, other in zip(ATTACKS, *found, strict=True):
        assert one == other, sql
        assert not [text for text in twins.clear if text in one and text not in sql], sql


@pytest.mark.parametrize("user", ROLES)
def test_sorting_filtering_counting_and_summing_up_tell_nothing_either(twins: Twins, user: str) -> None:
    found = []
    for home in twins.homes:
        with twins.seated(home, user) as queries:
            opened = queries.open("SELECT customer_id, customer_name, address FROM Customer_Table")
            said: list[object] = [queries.facets(opened, 1), queries.summary(opened, 2)]
            for shape in SHAPES:
                shaped = queries.reshape(opened, shape)
                said.append((shaped.result.first, shaped.result.row_count()))
                shaped.result.close()
            opened.result.close()
            found.append(repr(said))
    assert found[0] == found[1]
    assert not [text for text in twins.clear if text in found[0]]


def test_the_twins_differ_for_whoever_may_see_it(twins: Twins) -> None:
    rows = []
    for home in twins.homes:
        with twins.seated(home, "operator") as queries:
            sql = "SELECT customer_id FROM Customer_Table ORDER BY customer_name"
            rows.append(queries.sql(sql, Asked(), unmask=True).answer.rows)
    assert rows[0] != rows[1]


@pytest.mark.parametrize("user", ["doctor", "officer", "partner"])
def test_a_role_that_may_not_query_is_refused_before_its_sql_is_read(twins: Twins, user: str) -> None:
    with twins.seated(twins.homes[0], user) as queries:
        for ask in (
            lambda: queries.sql("no SQL at all", Asked()),
            lambda: queries.open("no SQL at all"),
            lambda: queries.ask("no question", Asked()),
            lambda: queries.explain("no SQL at all"),
            queries.catalogue,
            lambda: queries.diagram("star"),
        ):
            with pytest.raises(PermissionDenied, match="query_warehouse"):
                ask()
