-- RULE Sales_Transactions_Table: total_sales_amount is quantity × price at sale
SELECT 'transaction_id=' || transaction_id || ': ' || quantity_sold || ' × ' || unit_price_cents || ' cents, found '
       || total_sales_cents
FROM Sales_Transactions_Table
WHERE total_sales_cents <> quantity_sold * unit_price_cents OR unit_price_cents < 0;

-- RULE Sales_Transactions_Table: quantity_sold and total_sales_amount are within their ranges
SELECT 'transaction_id=' || transaction_id FROM Sales_Transactions_Table
WHERE abs(quantity_sold) > 1000000 OR abs(total_sales_cents) > 100000000000;

-- RULE Sales_Transactions_Table: time_id is in Time_Table
SELECT 'transaction_id=' || transaction_id || ': time_id=' || time_id FROM Sales_Transactions_Table
WHERE time_id NOT IN (SELECT time_id FROM Time_Table);

-- RULE Sales_Transactions_Table: store_id is in Store_Table
SELECT 'transaction_id=' || transaction_id || ': store_id=' || store_id FROM Sales_Transactions_Table
WHERE store_id NOT IN (SELECT store_id FROM Store_Table);

-- RULE Sales_Transactions_Table: product_id is in Product_Table
SELECT 'transaction_id=' || transaction_id || ': product_id=' || product_id FROM Sales_Transactions_Table
WHERE product_id NOT IN (SELECT product_id FROM Product_Table);

-- RULE Sales_Transactions_Table: customer_id is in Customer_Table
SELECT 'transaction_id=' || transaction_id || ': customer_id=' || customer_id FROM Sales_Transactions_Table
WHERE customer_id NOT IN (SELECT customer_id FROM Customer_Table);

-- RULE Sales_Transactions_Table: batch_id is in batch
SELECT 'transaction_id=' || transaction_id || ': batch_id=' || batch_id FROM Sales_Transactions_Table
WHERE batch_id NOT IN (SELECT batch_id FROM batch);
