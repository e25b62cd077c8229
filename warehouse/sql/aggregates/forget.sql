-- Where `difference` took transactions away, a group may be left with none. Only corrections make this necessary.
DELETE FROM Monthly_Sales_Aggregate_Table
WHERE transaction_count = 0 AND (year, month_number, store_id, product_id) IN (
    SELECT year_month / 100, year_month % 100, store_id, product_id FROM temp.difference WHERE lines < 0);

DELETE FROM Yearly_Sales_Aggregate_Table
WHERE transaction_count = 0 AND (year, store_id, product_id) IN (
    SELECT year_month / 100, store_id, product_id FROM temp.difference WHERE lines < 0);

DELETE FROM Monthly_Store_Category_Aggregate_Table
WHERE transaction_count = 0 AND (year, month_number, store_id, category) IN (
    SELECT year_month / 100, year_month % 100, store_id, category
    FROM temp.difference JOIN Product_Table USING (product_id) WHERE lines < 0);

DELETE FROM Yearly_Region_Product_Aggregate_Table
WHERE transaction_count = 0 AND (year, region, product_id) IN (
    SELECT year_month / 100, region, product_id
    FROM temp.difference JOIN Store_Table USING (store_id) WHERE lines < 0);
