-- DuckDB's: how many sales there are, how many of them may be facts, how many ids do not follow upon the one before,
-- the least id, and whether all their sums stay within SQLite's integers.
SELECT count(*),
       (SELECT count(*)
        FROM sale JOIN Time_Table USING (time_id) JOIN Store_Table USING (store_id)
            JOIN Product_Table USING (product_id) JOIN Customer_Table USING (customer_id)
        WHERE transaction_id >= 0
          AND quantity_sold BETWEEN -$largest_quantity AND $largest_quantity
          AND unit_price_cents BETWEEN 0 AND $largest_cents
          AND total_sales_cents BETWEEN -$largest_cents AND $largest_cents
          AND total_sales_cents = quantity_sold * unit_price_cents),
       (SELECT count(*) FROM (SELECT transaction_id <= lag(transaction_id) OVER () AS behind FROM sale) WHERE behind),
       min(transaction_id),
       sum(abs(total_sales_cents)) < 9223372036854775807
FROM sale;
