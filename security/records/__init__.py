"""Patient records: the clinical store, what of it a decision lets be read, and the research projection."""
