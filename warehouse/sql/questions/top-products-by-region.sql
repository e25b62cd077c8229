-- title: The ten products a region sold most of in the as-of date's calendar year; ties share a rank
WITH ranked AS (
    SELECT region, product_id, total_quantity_sold,
           RANK() OVER (PARTITION BY region ORDER BY total_quantity_sold DESC) AS place
    FROM Yearly_Region_Product_Aggregate_Table
    WHERE year = :as_of_year
)
SELECT ranked.region, ranked.place AS "rank", ranked.product_id, p.product_name, ranked.total_quantity_sold
FROM ranked
JOIN Product_Table AS p ON p.product_id = ranked.product_id
WHERE ranked.place <= 10
ORDER BY ranked.region, ranked.place, ranked.product_id
