-- title: The store with the highest sales in the calendar month before the as-of date's; ties all listed
WITH sales AS (
    SELECT store_id, year, month, SUM(total_sales_cents) AS cents
    FROM Monthly_Store_Category_Aggregate_Table
    WHERE year = :last_month_year AND month_number = :last_month
    GROUP BY store_id, year, month
)
SELECT s.store_id, s.store_name, s.city, s.region, sales.year, sales.month, sales.cents / 100.0 AS total_sales_amount
FROM sales
JOIN Store_Table AS s ON s.store_id = sales.store_id
WHERE sales.cents = (SELECT MAX(cents) FROM sales)
ORDER BY s.store_id
