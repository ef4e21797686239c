"""A method on its user's own problem: what can be held there without a certified answer."""
