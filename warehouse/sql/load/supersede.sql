-- Ends the INSERT of sales that are staged: of several lines of a transaction the last counts.
ON CONFLICT (transaction_id) DO UPDATE SET
    superseded = superseded + (
        time_id <> excluded.time_id OR store_id <> excluded.store_id OR product_id <> excluded.product_id
        OR customer_id <> excluded.customer_id OR quantity_sold <> excluded.quantity_sold
        OR unit_price_cents <> excluded.unit_price_cents),
    time_id = excluded.time_id, store_id = excluded.store_id, product_id = excluded.product_id,
    customer_id = excluded.customer_id, quantity_sold = excluded.quantity_sold,
    unit_price_cents = excluded.unit_price_cents, total_sales_cents = excluded.total_sales_cents
