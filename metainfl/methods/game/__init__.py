"""Estimators that read a game."""
