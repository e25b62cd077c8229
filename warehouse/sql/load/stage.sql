-- Where sales wait that may be in the facts already; the last line of a transaction counts, and `superseded` how many
-- other lines it took the place of.
DROP TABLE IF EXISTS temp.staged;
CREATE TEMP TABLE staged (
    transaction_id    INTEGER PRIMARY KEY,
    time_id           INTEGER NOT NULL,
    store_id          INTEGER NOT NULL,
    product_id        INTEGER NOT NULL,
    customer_id       INTEGER NOT NULL,
    quantity_sold     INTEGER NOT NULL,
    unit_price_cents  INTEGER NOT NULL,
    total_sales_cents INTEGER NOT NULL,
    superseded        INTEGER NOT NULL DEFAULT 0
);
