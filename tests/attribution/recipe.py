"""How the network of these tests is trained."""

from metainfl.training import Adam, Recipe

RECIPE = Recipe(optimiser=Adam(), rate=0.01, steps=8, batch_size=4, seed=3)
