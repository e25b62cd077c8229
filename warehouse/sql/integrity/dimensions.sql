-- RULE Time_Table: every column agrees with the date
SELECT 'time_id=' || time_id FROM Time_Table
WHERE date IS NOT date(julianday(date)) OR time_id <> CAST(replace(date, '-', '') AS INTEGER)
   OR day <> time_id % 100 OR month_number <> time_id / 100 % 100 OR year <> time_id / 10000
   OR quarter <> 'Q' || ((month_number + 2) / 3)
   OR month <> rtrim(substr(
        'January  February March    April    May      June     July     August   SeptemberOctober  November December ',
        9 * month_number - 8, 9))
   OR weekday <> rtrim(substr(
        'Sunday   Monday   Tuesday  WednesdayThursday Friday   Saturday ', 9 * strftime('%w', date) + 1, 9))
   OR is_weekend <> CASE WHEN weekday IN ('Saturday', 'Sunday') THEN 'Yes' ELSE 'No' END;

-- RULE Time_Table: no day is missing
SELECT 'after time_id=' || time_id FROM (SELECT time_id, date, lead(date) OVER (ORDER BY date) AS next FROM Time_Table)
WHERE next IS NOT NULL AND next <> date(date, '+1 day');

-- RULE Customer_Table: membership_level is bronze, silver or gold
SELECT 'customer_id=' || customer_id FROM Customer_Table WHERE membership_level NOT IN ('bronze', 'silver', 'gold');

-- RULE Product_Table: unit_price is not negative
SELECT 'product_id=' || product_id FROM Product_Table WHERE unit_price_cents < 0;

-- RULE Product_Table: its supplier is there, and has the name that stands here
SELECT 'product_id=' || product_id FROM Product_Table LEFT JOIN Supplier_Table AS supplier USING (supplier_id)
WHERE supplier.supplier_name IS NOT Product_Table.supplier_name;

-- RULE Store_Table: no text is empty
SELECT 'store_id=' || store_id || ':' || empty FROM (
    SELECT store_id,
           iif(trim(store_name, char(9, 10, 11, 12, 13, 32)) = '', ' store_name', '') ||
           iif(trim(city, char(9, 10, 11, 12, 13, 32)) = '', ' city', '') ||
           iif(trim(state, char(9, 10, 11, 12, 13, 32)) = '', ' state', '') ||
           iif(trim(country, char(9, 10, 11, 12, 13, 32)) = '', ' country', '') ||
           iif(trim(region, char(9, 10, 11, 12, 13, 32)) = '', ' region', '') AS empty
    FROM Store_Table
)
WHERE empty <> '';

-- RULE Product_Table: no text is empty
SELECT 'product_id=' || product_id || ':' || empty FROM (
    SELECT product_id,
           iif(trim(product_name, char(9, 10, 11, 12, 13, 32)) = '', ' product_name', '') ||
           iif(trim(category, char(9, 10, 11, 12, 13, 32)) = '', ' category', '') ||
           iif(trim(brand, char(9, 10, 11, 12, 13, 32)) = '', ' brand', '') AS empty
    FROM Product_Table
)
WHERE empty <> '';

-- RULE Supplier_Table: no text is empty
SELECT 'supplier_id=' || supplier_id || ':' || empty FROM (
    SELECT supplier_id,
           iif(trim(supplier_name, char(9, 10, 11, 12, 13, 32)) = '', ' supplier_name', '') ||
           iif(trim(supplier_address, char(9, 10, 11, 12, 13, 32)) = '', ' supplier_address', '') ||
           iif(trim(contact_number, char(9, 10, 11, 12, 13, 32)) = '', ' contact_number', '') ||
           iif(trim(email_address, char(9, 10, 11, 12, 13, 32)) = '', ' email_address', '') AS empty
    FROM Supplier_Table
)
WHERE empty <> '';
