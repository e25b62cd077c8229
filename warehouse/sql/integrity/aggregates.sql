-- What the aggregates should be, from the facts alone. A sale of no product or store that is there has no category or
-- region: it is in no roll-up by them, however often they are rebuilt, and the rules on the facts name it.
CREATE TEMP TABLE expected_monthly AS
SELECT time_id / 10000 AS year, time_id / 100 % 100 AS month_number, store_id, product_id,
       sum(total_sales_cents) AS cents, sum(quantity_sold) AS quantity, count(*) AS lines
FROM Sales_Transactions_Table GROUP BY time_id / 100, store_id, product_id;
CREATE TEMP TABLE expected_yearly AS
SELECT year, store_id, product_id, sum(cents) AS cents, sum(quantity) AS quantity, sum(lines) AS lines
FROM expected_monthly GROUP BY year, store_id, product_id;
CREATE TEMP TABLE expected_category AS
SELECT year, month_number, store_id, category, sum(cents) AS cents, sum(quantity) AS quantity, sum(lines) AS lines
FROM expected_monthly JOIN Product_Table USING (product_id) GROUP BY year, month_number, store_id, category;
CREATE TEMP TABLE expected_region AS
SELECT year, region, product_id, sum(cents) AS cents, sum(quantity) AS quantity, sum(lines) AS lines
FROM expected_yearly JOIN Store_Table USING (store_id) GROUP BY year, region, product_id;

-- RULE Monthly_Sales_Aggregate_Table: equals the facts to the cent
SELECT 'year=' || ifnull(year, '?') || ' month_number=' || ifnull(month_number, '?') || ' store_id=' || ifnull(store_id, '?') || ' product_id=' || ifnull(product_id, '?')
       || ': expected ' || sum(cents) || ' cents, ' || sum(quantity) || ' sold in ' || sum(lines) || ', found '
       || sum(found_cents) || ', ' || sum(found_quantity) || ' in ' || sum(found_lines)
FROM (
    SELECT year, month_number, store_id, product_id, cents, quantity, lines, 0 AS found_cents, 0 AS found_quantity, 0 AS found_lines, 1 AS side
    FROM temp.expected_monthly
    UNION ALL
    SELECT year, month_number, store_id, product_id, 0, 0, 0, total_sales_cents, total_quantity_sold, transaction_count, 2 FROM Monthly_Sales_Aggregate_Table
)
GROUP BY year, month_number, store_id, product_id
HAVING sum(side) <> 3 OR sum(cents) <> sum(found_cents) OR sum(quantity) <> sum(found_quantity)
    OR sum(lines) <> sum(found_lines);

-- RULE Yearly_Sales_Aggregate_Table: equals the facts to the cent
SELECT 'year=' || ifnull(year, '?') || ' store_id=' || ifnull(store_id, '?') || ' product_id=' || ifnull(product_id, '?')
       || ': expected ' || sum(cents) || ' cents, ' || sum(quantity) || ' sold in ' || sum(lines) || ', found '
       || sum(found_cents) || ', ' || sum(found_quantity) || ' in ' || sum(found_lines)
FROM (
    SELECT year, store_id, product_id, cents, quantity, lines, 0 AS found_cents, 0 AS found_quantity, 0 AS found_lines, 1 AS side
    FROM temp.expected_yearly
    UNION ALL
    SELECT year, store_id, product_id, 0, 0, 0, total_sales_cents, total_quantity_sold, transaction_count, 2 FROM Yearly_Sales_Aggregate_Table
)
GROUP BY year, store_id, product_id
HAVING sum(side) <> 3 OR sum(cents) <> sum(found_cents) OR sum(quantity) <> sum(found_quantity)
    OR sum(lines) <> sum(found_lines);

-- RULE Monthly_Store_Category_Aggregate_Table: equals the facts to the cent
SELECT 'year=' || ifnull(year, '?') || ' month_number=' || ifnull(month_number, '?') || ' store_id=' || ifnull(store_id, '?') || ' category=' || ifnull(category, '?')
       || ': expected ' || sum(cents) || ' cents, ' || sum(quantity) || ' sold in ' || sum(lines) || ', found '
       || sum(found_cents) || ', ' || sum(found_quantity) || ' in ' || sum(found_lines)
FROM (
    SELECT year, month_number, store_id, category, cents, quantity, lines, 0 AS found_cents, 0 AS found_quantity, 0 AS found_lines, 1 AS side
    FROM temp.expected_category
    UNION ALL
    SELECT year, month_number, store_id, category, 0, 0, 0, total_sales_cents, total_quantity_sold, transaction_count, 2 FROM Monthly_Store_Category_Aggregate_Table
)
GROUP BY year, month_number, store_id, category
HAVING sum(side) <> 3 OR sum(cents) <> sum(found_cents) OR sum(quantity) <> sum(found_quantity)
    OR sum(lines) <> sum(found_lines);

-- RULE Yearly_Region_Product_Aggregate_Table: equals the facts to the cent
SELECT 'year=' || ifnull(year, '?') || ' region=' || ifnull(region, '?') || ' product_id=' || ifnull(product_id, '?')
       || ': expected ' || sum(cents) || ' cents, ' || sum(quantity) || ' sold in ' || sum(lines) || ', found '
       || sum(found_cents) || ', ' || sum(found_quantity) || ' in ' || sum(found_lines)
FROM (
    SELECT year, region, product_id, cents, quantity, lines, 0 AS found_cents, 0 AS found_quantity, 0 AS found_lines, 1 AS side
    FROM temp.expected_region
    UNION ALL
    SELECT year, region, product_id, 0, 0, 0, total_sales_cents, total_quantity_sold, transaction_count, 2 FROM Yearly_Region_Product_Aggregate_Table
)
GROUP BY year, region, product_id
HAVING sum(side) <> 3 OR sum(cents) <> sum(found_cents) OR sum(quantity) <> sum(found_quantity)
    OR sum(lines) <> sum(found_lines);

-- RULE Monthly_Sales_Aggregate_Table: month is the name of month_number
SELECT 'year=' || year || ' month_number=' || month_number || ' store_id=' || store_id || ' product_id=' || product_id
FROM Monthly_Sales_Aggregate_Table
WHERE month <> rtrim(substr(
    'January  February March    April    May      June     July     August   SeptemberOctober  November December ',
    9 * month_number - 8, 9));

-- RULE Monthly_Store_Category_Aggregate_Table: month is the name of month_number
SELECT 'year=' || year || ' month_number=' || month_number || ' store_id=' || store_id || ' category=' || category
FROM Monthly_Store_Category_Aggregate_Table
WHERE month <> rtrim(substr(
    'January  February March    April    May      June     July     August   SeptemberOctober  November December ',
    9 * month_number - 8, 9));
