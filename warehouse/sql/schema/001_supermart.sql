-- SuperMart. Tables and columns are named as specified; money is whole cents, and the specified names in currency units
-- are virtual columns. The grain of the fact is one transaction line; a return is a line of negative quantity.

CREATE TABLE migration (
    version    INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    applied_at TEXT NOT NULL
) STRICT;

-- One row a load or build: what came from where, so that a batch can be recognised and traced.
CREATE TABLE batch (
    batch_id     INTEGER PRIMARY KEY,
    table_name   TEXT NOT NULL,
    source       TEXT NOT NULL,
    content_hash TEXT,
    loaded_at    TEXT NOT NULL,
    rows_read    INTEGER NOT NULL,
    rows_new     INTEGER NOT NULL,
    rows_changed INTEGER NOT NULL,
    rows_same    INTEGER NOT NULL,
    rows_rejected INTEGER NOT NULL,
    rejects_file TEXT
) STRICT;

CREATE TABLE Store_Table (
    store_id   INTEGER PRIMARY KEY,
    store_name TEXT NOT NULL,
    city       TEXT NOT NULL,
    state      TEXT NOT NULL,
    country    TEXT NOT NULL,
    region     TEXT NOT NULL
) STRICT;

CREATE TABLE Supplier_Table (
    supplier_id      INTEGER PRIMARY KEY,
    supplier_name    TEXT NOT NULL,
    supplier_address TEXT NOT NULL,
    contact_number   TEXT NOT NULL,
    email_address    TEXT NOT NULL
) STRICT;

-- supplier_id leads to the supplier (snowflake); supplier_name stands here too, so that the star needs no join.
CREATE TABLE Product_Table (
    product_id       INTEGER PRIMARY KEY,
    product_name     TEXT NOT NULL,
    category         TEXT NOT NULL,
    brand            TEXT NOT NULL,
    unit_price_cents INTEGER NOT NULL CHECK (unit_price_cents >= 0),
    supplier_id      INTEGER NOT NULL REFERENCES Supplier_Table,
    supplier_name    TEXT NOT NULL,
    unit_price       REAL GENERATED ALWAYS AS (unit_price_cents / 100.0) VIRTUAL
) STRICT;

-- customer_name and address are sealed cells (ciphertext with the id of its key), never clear text.
CREATE TABLE Customer_Table (
    customer_id      INTEGER PRIMARY KEY,
    customer_name    BLOB NOT NULL,
    address          BLOB NOT NULL,
    membership_level TEXT NOT NULL CHECK (membership_level IN ('bronze', 'silver', 'gold'))
) STRICT;

CREATE TABLE Time_Table (
    time_id      INTEGER PRIMARY KEY CHECK (time_id = CAST(replace(date, '-', '') AS INTEGER)),
    date         TEXT NOT NULL UNIQUE CHECK (date IS date(julianday(date))),
    day          INTEGER NOT NULL CHECK (day = time_id % 100),
    month        TEXT NOT NULL CHECK (month = rtrim(substr(
        'January  February March    April    May      June     July     August   SeptemberOctober  November December ',
        9 * month_number - 8, 9))),
    month_number INTEGER NOT NULL CHECK (month_number = time_id / 100 % 100),
    quarter      TEXT NOT NULL CHECK (quarter = 'Q' || ((month_number + 2) / 3)),
    year         INTEGER NOT NULL CHECK (year = time_id / 10000),
    weekday      TEXT NOT NULL CHECK (weekday = rtrim(substr(
        'Sunday   Monday   Tuesday  WednesdayThursday Friday   Saturday ', 9 * strftime('%w', date) + 1, 9))),
    is_weekend   TEXT NOT NULL CHECK (is_weekend = CASE WHEN weekday IN ('Saturday', 'Sunday') THEN 'Yes' ELSE 'No' END)
) STRICT;

CREATE TABLE Sales_Transactions_Table (
    transaction_id     INTEGER PRIMARY KEY,
    time_id            INTEGER NOT NULL REFERENCES Time_Table,
    store_id           INTEGER NOT NULL REFERENCES Store_Table,
    product_id         INTEGER NOT NULL REFERENCES Product_Table,
    customer_id        INTEGER NOT NULL REFERENCES Customer_Table,
    quantity_sold      INTEGER NOT NULL,
    unit_price_cents   INTEGER NOT NULL CHECK (unit_price_cents >= 0),
    total_sales_cents  INTEGER NOT NULL CHECK (total_sales_cents = quantity_sold * unit_price_cents),
    batch_id           INTEGER NOT NULL,
    total_sales_amount REAL GENERATED ALWAYS AS (total_sales_cents / 100.0) VIRTUAL
) STRICT;

CREATE TABLE Monthly_Sales_Aggregate_Table (
    store_id            INTEGER NOT NULL,
    product_id          INTEGER NOT NULL,
    year                INTEGER NOT NULL,
    month_number        INTEGER NOT NULL,
    month               TEXT NOT NULL,
    total_sales_cents   INTEGER NOT NULL,
    total_quantity_sold INTEGER NOT NULL,
    transaction_count   INTEGER NOT NULL,
    total_sales_amount  REAL GENERATED ALWAYS AS (total_sales_cents / 100.0) VIRTUAL,
    PRIMARY KEY (year, month_number, store_id, product_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE Yearly_Sales_Aggregate_Table (
    store_id            INTEGER NOT NULL,
    product_id          INTEGER NOT NULL,
    year                INTEGER NOT NULL,
    total_sales_cents   INTEGER NOT NULL,
    total_quantity_sold INTEGER NOT NULL,
    transaction_count   INTEGER NOT NULL,
    total_sales_amount  REAL GENERATED ALWAYS AS (total_sales_cents / 100.0) VIRTUAL,
    PRIMARY KEY (year, store_id, product_id)
) STRICT, WITHOUT ROWID;

-- Coarser roll-ups, from which the questions take milliseconds.
CREATE TABLE Monthly_Store_Category_Aggregate_Table (
    year                INTEGER NOT NULL,
    month_number        INTEGER NOT NULL,
    month               TEXT NOT NULL,
    store_id            INTEGER NOT NULL,
    category            TEXT NOT NULL,
    total_sales_cents   INTEGER NOT NULL,
    total_quantity_sold INTEGER NOT NULL,
    transaction_count   INTEGER NOT NULL,
    total_sales_amount  REAL GENERATED ALWAYS AS (total_sales_cents / 100.0) VIRTUAL,
    PRIMARY KEY (year, month_number, store_id, category)
) STRICT, WITHOUT ROWID;

CREATE TABLE Yearly_Region_Product_Aggregate_Table (
    year                INTEGER NOT NULL,
    region              TEXT NOT NULL,
    product_id          INTEGER NOT NULL,
    total_sales_cents   INTEGER NOT NULL,
    total_quantity_sold INTEGER NOT NULL,
    transaction_count   INTEGER NOT NULL,
    total_sales_amount  REAL GENERATED ALWAYS AS (total_sales_cents / 100.0) VIRTUAL,
    PRIMARY KEY (year, region, product_id)
) STRICT, WITHOUT ROWID;
