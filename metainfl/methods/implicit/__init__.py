"""Estimators that read a problem at its minimiser: the implicit function theorem and its kin."""
