WITH sales AS (
    SELECT f.store_id, t.year, t.month, SUM(f.total_sales_cents) AS cents
    FROM Sales_Transactions_Table AS f
    JOIN Time_Table AS t ON t.time_id = f.time_id
    WHERE t.year = :last_month_year AND t.month_number = :last_month
    GROUP BY f.store_id, t.year, t.month
)
SELECT s.store_id, s.store_name, s.city, s.region, sales.year, sales.month, sales.cents / 100.0 AS total_sales_amount
FROM sales
JOIN Store_Table AS s ON s.store_id = sales.store_id
WHERE sales.cents = (SELECT MAX(cents) FROM sales)
ORDER BY s.store_id
