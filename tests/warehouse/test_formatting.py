"""Laid out SQL: the same query with the same comments, and laid out again the same text."""

from __future__ import annotations

import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings

from tests.warehouse.sql_strategies import SQL, selects
from warehouse.errors import QueryRefused
from warehouse.formatting import formatted
from warehouse.sql_layout import WIDTH
from warehouse.sql_text import pieces


def comments(text: str) -> list[str]:
    return [text[start:end].rstrip() for kind, start, end in pieces(text) if kind == "comment"]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(selects())
def test_the_query_is_the_same_its_comments_are_all_there_and_a_second_time_changes_nothing(text: str) -> None:
    laid_out = formatted(text)
    try:
        meant = sqlglot.parse_one(text, read="sqlite")
    except sqlglot.errors.ParseError:  # SQLite takes `a IN (…) + b`, sqlglot does not: there is nothing to compare with
        meant = None
    assert meant is None or sqlglot.parse_one(laid_out, read="sqlite") == meant
    assert comments(laid_out) == comments(text)
    assert formatted(laid_out) == laid_out
    assert not any(line != line.rstrip() for line in laid_out.split("\n"))


@settings(deadline=None)
@given(SQL)
def test_any_text_is_laid_out_or_refused(text: str) -> None:
    try:
        laid_out = formatted(text)
    except QueryRefused:
        return
    assert formatted(laid_out) == laid_out


def test_clauses_begin_lines_and_what_is_too_long_is_opened() -> None:
    text = """with top as (select store_id, sum(total_sales_amount) total from Sales_Transactions_Table
        where time_id between 20250101 and 20251231 group by store_id having count(*)>10)
        select st.region, case when total>1000 then 'a long label' when total > 500 and region <> 'West' then 'another'
        else 'neither of them' end as size, round(total/100.0,2) r from top join Store_Table st using (store_id)
        left join Product_Table p on p.product_id = top.product_id and p.category = 'Dairy' and p.brand = 'Alder'
        where region in ('West','East') and (total > 5 or total < -1) and exists (select 1 from Customer_Table c
        where c.customer_id = 5 and c.membership_level = 'gold') order by 1 desc nulls last limit :n offset 5"""
    assert (
        formatted(text)
        == """\
WITH top AS (
    SELECT store_id, sum(total_sales_amount) total
    FROM Sales_Transactions_Table
    WHERE time_id BETWEEN 20250101 AND 20251231
    GROUP BY store_id
    HAVING count(*) > 10
)
SELECT
    st.region,
    CASE
        WHEN total > 1000 THEN 'a long label'
        WHEN total > 500 AND region <> 'West' THEN 'another'
        ELSE 'neither of them'
    END AS size,
    round(total / 100.0, 2) r
FROM top
JOIN Store_Table st USING (store_id)
LEFT JOIN Product_Table p
    ON p.product_id = top.product_id
     AND p.category = 'Dairy'
     AND p.brand = 'Alder'
WHERE region IN ('West', 'East')
  AND (total > 5 OR total < -1)
  AND EXISTS (
      SELECT 1
      FROM Customer_Table c
      WHERE c.customer_id = 5 AND c.membership_level = 'gold'
  )
ORDER BY 1 DESC NULLS LAST
LIMIT :n OFFSET 5"""
    )


def test_comments_stay_in_their_line_or_in_one_of_their_own() -> None:
    text = "-- all stores\nselect a, -- the first\n b\n-- from here\nfrom t; /* next */ select 2"
    assert (
        formatted(text)
        == """\
-- all stores
SELECT a, -- the first
    b
-- from here
FROM t; /* next */

SELECT 2"""
    )


def test_names_keep_their_case_and_results_their_columns() -> None:
    assert formatted("select Sum( x ),ifnull(y,0) key,f.order_id from T f") == (
        "SELECT Sum(x), ifnull(y, 0) key, f.order_id\nFROM T f"
    )
    assert formatted("select - -1, a - - 2, ~-b") == "SELECT - -1, a - -2, ~ -b"
    assert formatted("values (1),(2)") == "VALUES (1), (2)"
    assert formatted(" \n ") == ""


def test_lines_are_no_longer_than_they_need_be() -> None:
    listed = ", ".join(f"column_number_{n}" for n in range(40))
    laid_out = formatted(f"select {listed} from t where a in ({listed})")
    assert max(map(len, laid_out.split("\n"))) <= WIDTH


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("SELECT 1;\nSELECT a FORM b c", 24, "'b' is not expected there at line 2, column 15"),
        ("SELECT 1; DROP TABLE t", 10, "only one SELECT is permitted, found 'DROP' at line 1, column 11"),
        ("SELECT 'x", 7, "does not end; it starts at line 1, column 8"),
        ("SELECT (1", 9, "the query ends too early at line 1, column 10"),
        ("SELECT 1 § 2", 9, "a character that SQL does not have"),
        ("SELECT " + "(" * 500 + "1" + ")" * 500, 506, "more than is permitted|cannot be carried out"),
        ("SELECT 1 " * 20_000, None, "at most 100,000 are laid out"),
    ],
)
def test_what_is_no_query_is_refused_at_the_place(text: str, position: int | None, said: str) -> None:
    with pytest.raises(QueryRefused, match=said) as refusal:
        formatted(text)
    assert refusal.value.position == position
