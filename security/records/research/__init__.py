"""Research: the de-identified projection of the clinical store, and the questions it may be asked."""
