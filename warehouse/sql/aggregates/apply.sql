INSERT INTO Monthly_Sales_Aggregate_Table
    (store_id, product_id, year, month_number, month, total_sales_cents, total_quantity_sold, transaction_count)
SELECT store_id, product_id, year_month / 100, year_month % 100,
       rtrim(substr(
           'January  February March    April    May      June     July     August   SeptemberOctober  November December ',
           9 * (year_month % 100) - 8, 9)),
       cents, quantity, lines
FROM temp.difference WHERE true ORDER BY year_month, store_id, product_id
ON CONFLICT (year, month_number, store_id, product_id) DO UPDATE SET
    total_sales_cents = total_sales_cents + excluded.total_sales_cents,
    total_quantity_sold = total_quantity_sold + excluded.total_quantity_sold,
    transaction_count = transaction_count + excluded.transaction_count;

INSERT INTO Yearly_Sales_Aggregate_Table
    (store_id, product_id, year, total_sales_cents, total_quantity_sold, transaction_count)
SELECT store_id, product_id, year_month / 100, sum(cents), sum(quantity), sum(lines)
FROM temp.difference WHERE true GROUP BY year_month / 100, store_id, product_id
ON CONFLICT (year, store_id, product_id) DO UPDATE SET
    total_sales_cents = total_sales_cents + excluded.total_sales_cents,
    total_quantity_sold = total_quantity_sold + excluded.total_quantity_sold,
    transaction_count = transaction_count + excluded.transaction_count;

INSERT INTO Monthly_Store_Category_Aggregate_Table
    (year, month_number, month, store_id, category, total_sales_cents, total_quantity_sold, transaction_count)
SELECT year_month / 100, year_month % 100,
       rtrim(substr(
           'January  February March    April    May      June     July     August   SeptemberOctober  November December ',
           9 * (year_month % 100) - 8, 9)),
       store_id, category, sum(cents), sum(quantity), sum(lines)
FROM temp.difference JOIN Product_Table USING (product_id)
WHERE true GROUP BY year_month, store_id, category
ON CONFLICT (year, month_number, store_id, category) DO UPDATE SET
    total_sales_cents = total_sales_cents + excluded.total_sales_cents,
    total_quantity_sold = total_quantity_sold + excluded.total_quantity_sold,
    transaction_count = transaction_count + excluded.transaction_count;

INSERT INTO Yearly_Region_Product_Aggregate_Table
    (year, region, product_id, total_sales_cents, total_quantity_sold, transaction_count)
SELECT year_month / 100, region, product_id, sum(cents), sum(quantity), sum(lines)
FROM temp.difference JOIN Store_Table USING (store_id)
WHERE true GROUP BY year_month / 100, region, product_id
ON CONFLICT (year, region, product_id) DO UPDATE SET
    total_sales_cents = total_sales_cents + excluded.total_sales_cents,
    total_quantity_sold = total_quantity_sold + excluded.total_quantity_sold,
    transaction_count = transaction_count + excluded.transaction_count;
