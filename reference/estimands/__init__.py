"""Exact estimands on any family: what each method in the literature claims to estimate.

Sign everywhere: the score of a removal is the loss after it minus the loss before it, so positive
means that the data helped. Shapley-like values follow the same sign.
"""
