-- The last day that any sale can have in the newest month, and the last among the newest transactions: where they are
-- one, no other fact needs to be looked at.
SELECT (SELECT MAX(time_id) FROM Time_Table WHERE time_id < :before + 100),
       (SELECT MAX(time_id) FROM (
           SELECT time_id FROM Sales_Transactions_Table ORDER BY transaction_id DESC LIMIT 2000
       ) WHERE time_id BETWEEN :before AND :before + 99)
