WITH sold AS (
    SELECT s.region, f.product_id, SUM(f.quantity_sold) AS total_quantity_sold
    FROM Sales_Transactions_Table AS f
    JOIN Time_Table AS t ON t.time_id = f.time_id
    JOIN Store_Table AS s ON s.store_id = f.store_id
    WHERE t.year = :as_of_year
    GROUP BY s.region, f.product_id
),
ranked AS (
    SELECT region, product_id, total_quantity_sold,
           RANK() OVER (PARTITION BY region ORDER BY total_quantity_sold DESC) AS place
    FROM sold
)
SELECT ranked.region, ranked.place AS "rank", ranked.product_id, p.product_name, ranked.total_quantity_sold
FROM ranked
JOIN Product_Table AS p ON p.product_id = ranked.product_id
WHERE ranked.place <= 10
ORDER BY ranked.region, ranked.place, ranked.product_id
