-- What a load changes, by month, store and product; `lines` counts transactions, and is negative where they leave.
DROP TABLE IF EXISTS temp.difference;
CREATE TEMP TABLE difference (
    year_month INTEGER NOT NULL,
    store_id   INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    cents      INTEGER NOT NULL,
    quantity   INTEGER NOT NULL,
    lines      INTEGER NOT NULL,
    PRIMARY KEY (year_month, store_id, product_id)
) WITHOUT ROWID;
