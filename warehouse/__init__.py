"""SuperMart: the retail warehouse in SQLite, its loads, aggregates, questions and governed queries."""
