-- All four aggregates from the facts alone. It runs in one transaction: readers see the old ones until it commits.
DELETE FROM Monthly_Sales_Aggregate_Table;
DELETE FROM Yearly_Sales_Aggregate_Table;
DELETE FROM Monthly_Store_Category_Aggregate_Table;
DELETE FROM Yearly_Region_Product_Aggregate_Table;

INSERT INTO Monthly_Sales_Aggregate_Table
    (store_id, product_id, year, month_number, month, total_sales_cents, total_quantity_sold, transaction_count)
SELECT store_id, product_id, year_month / 100, year_month % 100,
       rtrim(substr(
           'January  February March    April    May      June     July     August   SeptemberOctober  November December ',
           9 * (year_month % 100) - 8, 9)),
       cents, quantity, lines
FROM (SELECT time_id / 100 AS year_month, store_id, product_id,
             sum(total_sales_cents) AS cents, sum(quantity_sold) AS quantity, count(*) AS lines
      FROM Sales_Transactions_Table GROUP BY 1, 2, 3);

INSERT INTO Yearly_Sales_Aggregate_Table
    (store_id, product_id, year, total_sales_cents, total_quantity_sold, transaction_count)
SELECT store_id, product_id, year, sum(total_sales_cents), sum(total_quantity_sold), sum(transaction_count)
FROM Monthly_Sales_Aggregate_Table GROUP BY year, store_id, product_id;

INSERT INTO Monthly_Store_Category_Aggregate_Table
    (year, month_number, month, store_id, category, total_sales_cents, total_quantity_sold, transaction_count)
SELECT year, month_number, month, store_id, category,
       sum(total_sales_cents), sum(total_quantity_sold), sum(transaction_count)
FROM Monthly_Sales_Aggregate_Table JOIN Product_Table USING (product_id)
GROUP BY year, month_number, store_id, category;

INSERT INTO Yearly_Region_Product_Aggregate_Table
    (year, region, product_id, total_sales_cents, total_quantity_sold, transaction_count)
SELECT year, region, product_id, sum(total_sales_cents), sum(total_quantity_sold), sum(transaction_count)
FROM Yearly_Sales_Aggregate_Table JOIN Store_Table USING (store_id)
GROUP BY year, region, product_id;
