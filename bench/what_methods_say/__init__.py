"""What each method says about a trained network, against what training says.

python -m bench.what_methods_say [--size small|paper] [--minutes M] [--settings NAME ...] [--show]
Each setting is a meta-training run in which a fifth of the tasks have shuffled query labels. A method
scores every task for the mean loss of a few clean tasks that are not among them; the truths are
    derivative   d (that loss at the run's end)/d(weight of the task), exact
    removal      the same run without the task, or without a tenth of the tasks
    retraining   without the same tenths, from other seeds, averaged
Cells are kept in results/what_methods_say/cells.jsonl as they are done, and a run that is ended goes on
there; the table is results/what_methods_say.json, the figures are drawn from both.
"""
