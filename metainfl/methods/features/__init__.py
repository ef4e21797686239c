"""Estimators that read features, projections, trees or densities."""
