-- The part that the products and stores in temp.moved have in the roll-ups, times :sign.
INSERT INTO Monthly_Store_Category_Aggregate_Table
    (year, month_number, month, store_id, category, total_sales_cents, total_quantity_sold, transaction_count)
SELECT year, month_number, month, store_id, category,
       :sign * sum(total_sales_cents), :sign * sum(total_quantity_sold), :sign * sum(transaction_count)
FROM Monthly_Sales_Aggregate_Table JOIN Product_Table USING (product_id)
WHERE product_id IN (SELECT key FROM temp.moved WHERE kind = 'product')
GROUP BY year, month_number, store_id, category
ON CONFLICT (year, month_number, store_id, category) DO UPDATE SET
    total_sales_cents = total_sales_cents + excluded.total_sales_cents,
    total_quantity_sold = total_quantity_sold + excluded.total_quantity_sold,
    transaction_count = transaction_count + excluded.transaction_count;

INSERT INTO Yearly_Region_Product_Aggregate_Table
    (year, region, product_id, total_sales_cents, total_quantity_sold, transaction_count)
SELECT year, region, product_id,
       :sign * sum(total_sales_cents), :sign * sum(total_quantity_sold), :sign * sum(transaction_count)
FROM Yearly_Sales_Aggregate_Table JOIN Store_Table USING (store_id)
WHERE store_id IN (SELECT key FROM temp.moved WHERE kind = 'store')
GROUP BY year, region, product_id
ON CONFLICT (year, region, product_id) DO UPDATE SET
    total_sales_cents = total_sales_cents + excluded.total_sales_cents,
    total_quantity_sold = total_quantity_sold + excluded.total_quantity_sold,
    transaction_count = transaction_count + excluded.transaction_count;
