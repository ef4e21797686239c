"""What every estimator of the catalogue reads, claims, misses by, costs, and how its cost grows.

python -m bench.estimators          measure what is missing, write JSON and the table
python -m bench.estimators --show   the table from the committed JSON

    ground_*.py    digits as problems, runs and games of any size, with targets and exact removals
    grounds.py     each made once
    trial.py       how an estimator is called there, what its own answer is, what it says of removal
    minimisers.py, instances.py, runs.py, games.py, trees.py    the trials, by what an estimator reads
    measure.py     errors, ranks, costs, growth
    survey.py      Table 1 of the survey beside it
"""
