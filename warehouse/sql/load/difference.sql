-- New facts as they are, staged ones as they will be, less what the facts they correct are now.
INSERT INTO temp.difference
SELECT year_month, store_id, product_id, sum(cents), sum(quantity), sum(lines)
FROM (
    SELECT time_id / 100 AS year_month, store_id, product_id,
           total_sales_cents AS cents, quantity_sold AS quantity, 1 AS lines
    FROM Sales_Transactions_Table WHERE transaction_id BETWEEN :first AND :last
    UNION ALL
    SELECT time_id / 100, store_id, product_id, total_sales_cents, quantity_sold, 1 FROM temp.staged
    UNION ALL
    SELECT fact.time_id / 100, fact.store_id, fact.product_id, -fact.total_sales_cents, -fact.quantity_sold, -1
    FROM temp.staged JOIN Sales_Transactions_Table AS fact USING (transaction_id)
)
GROUP BY year_month, store_id, product_id
HAVING sum(cents) <> 0 OR sum(quantity) <> 0 OR sum(lines) <> 0;
