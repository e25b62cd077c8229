WITH revenue AS (
    SELECT p.category, SUM(f.total_sales_cents) AS cents
    FROM Sales_Transactions_Table AS f
    JOIN Time_Table AS t ON t.time_id = f.time_id
    JOIN Product_Table AS p ON p.product_id = f.product_id
    WHERE t.year = :as_of_year
    GROUP BY p.category
)
SELECT category, cents / 100.0 AS total_sales_amount,
       cents * 1.0 / NULLIF((SELECT SUM(cents) FROM revenue), 0) AS share
FROM revenue
ORDER BY cents DESC, category
