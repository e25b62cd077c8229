DELETE FROM Monthly_Store_Category_Aggregate_Table WHERE transaction_count = 0;
DELETE FROM Yearly_Region_Product_Aggregate_Table WHERE transaction_count = 0;
