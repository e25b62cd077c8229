"""Who may do what: the Cedar schema and policies, the engine that decides, and the words that explain a decision."""
