-- title: What each product category brought in the as-of date's calendar year, highest first, with its share of all
WITH sold AS (
    SELECT product_id, SUM(total_sales_cents) AS cents
    FROM Yearly_Region_Product_Aggregate_Table
    WHERE year = :as_of_year
    GROUP BY product_id
),
revenue AS (
    SELECT p.category, SUM(sold.cents) AS cents
    FROM sold
    JOIN Product_Table AS p ON p.product_id = sold.product_id
    GROUP BY p.category
)
SELECT category, cents / 100.0 AS total_sales_amount,
       cents * 1.0 / NULLIF((SELECT SUM(cents) FROM revenue), 0) AS share
FROM revenue
ORDER BY cents DESC, category
