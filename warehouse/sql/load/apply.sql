INSERT INTO Sales_Transactions_Table
    (transaction_id, time_id, store_id, product_id, customer_id,
     quantity_sold, unit_price_cents, total_sales_cents, batch_id)
SELECT transaction_id, time_id, store_id, product_id, customer_id,
       quantity_sold, unit_price_cents, total_sales_cents, :batch_id
FROM temp.staged WHERE true ORDER BY transaction_id
ON CONFLICT (transaction_id) DO UPDATE SET
    time_id = excluded.time_id, store_id = excluded.store_id, product_id = excluded.product_id,
    customer_id = excluded.customer_id, quantity_sold = excluded.quantity_sold,
    unit_price_cents = excluded.unit_price_cents, total_sales_cents = excluded.total_sales_cents,
    batch_id = excluded.batch_id;
