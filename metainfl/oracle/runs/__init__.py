"""Training runs as evidence: drawn runs whose every derivative is known, and what only they can show.

A method whose claim names an estimand of a run is called as `method(run, perturbations[, targets])` with a
`metainfl.training.Run`; it may read problem, recipe, batches and states, and run it again.
"""
