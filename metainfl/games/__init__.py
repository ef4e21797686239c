"""Games: the utility of a subset, by solving or running again, and the values read from it."""
