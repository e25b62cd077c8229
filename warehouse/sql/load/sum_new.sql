-- DuckDB's: what the sales add to each aggregate, in the order of its key; each from the finest sums that give it.
CREATE TABLE month_sum AS
SELECT time_id // 100 AS year_month, store_id, product_id,
       sum(total_sales_cents)::BIGINT AS cents, sum(quantity_sold)::BIGINT AS quantity, count(*) AS lines
FROM sale GROUP BY ALL ORDER BY year_month, store_id, product_id;

CREATE TABLE year_sum AS
SELECT year_month // 100 AS year, store_id, product_id,
       sum(cents)::BIGINT AS cents, sum(quantity)::BIGINT AS quantity, sum(lines)::BIGINT AS lines
FROM month_sum GROUP BY ALL ORDER BY year, store_id, product_id;

CREATE TABLE category_sum AS
SELECT year_month, store_id, category,
       sum(cents)::BIGINT AS cents, sum(quantity)::BIGINT AS quantity, sum(lines)::BIGINT AS lines
FROM month_sum JOIN Product_Table USING (product_id) GROUP BY ALL ORDER BY year_month, store_id, category;

CREATE TABLE region_sum AS
SELECT year, region, product_id,
       sum(cents)::BIGINT AS cents, sum(quantity)::BIGINT AS quantity, sum(lines)::BIGINT AS lines
FROM year_sum JOIN Store_Table USING (store_id) GROUP BY ALL ORDER BY year, region, product_id;
