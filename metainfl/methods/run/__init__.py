"""Estimators that read a training run."""
