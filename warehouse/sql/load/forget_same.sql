DELETE FROM temp.staged WHERE EXISTS (
    SELECT 1 FROM Sales_Transactions_Table AS fact
    WHERE fact.transaction_id = staged.transaction_id AND fact.time_id = staged.time_id
      AND fact.store_id = staged.store_id AND fact.product_id = staged.product_id
      AND fact.customer_id = staged.customer_id AND fact.quantity_sold = staged.quantity_sold
      AND fact.unit_price_cents = staged.unit_price_cents
);
