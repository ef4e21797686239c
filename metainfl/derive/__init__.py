"""Derivatives of the meta-objective: sums and maps over tasks, products, right-hand sides, a minimiser."""
