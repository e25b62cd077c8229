-- The newest day of the newest month. That month's :lines facts lie among the newest transactions: the walk back ends
-- when all of them have been seen, wherever late ones are.
SELECT MAX(time_id) FROM (
    SELECT time_id FROM Sales_Transactions_Table
    WHERE time_id > :before ORDER BY transaction_id DESC LIMIT :lines
)
